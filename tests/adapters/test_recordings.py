"""Recordings on the watch page, over a real socket and a real folder: ranges, what is played, and who may."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from adapters.files.objects import open_local_files
from adapters.web.recordings import Stretch, stretch_of
from adapters.web.server import build_web, serve
from adapters.web.signing import SignedWatchLinks
from adapters.web.watch import WatchPages
from core.errors import ProviderBusy
from core.ids import CreatorId, SourceId
from core.library.media import PLAYED_AS, MediaFiles, MediaKey, media_key
from core.library.transcript import Chapter
from core.library.watching import WatchedSentence, WatchedSource

CREATOR: Final = CreatorId(7)
LECTURE: Final = SourceId(11)
BYTES: Final = bytes(range(256)) * 10_000
SIZE: Final = len(BYTES)
KEY: Final = media_key(CREATOR, "ab" * 32, "mp4")
VIDEO: Final = WatchedSource(
    "Shading", "", 60.0, timed=True, media_key=KEY,
    sentences=(WatchedSentence(0.0, 4.0, 0, "Welcome."), WatchedSentence(4.25, 8.0, 0, "Here is the shadow.")),
)  # fmt: skip


@dataclass
class Shelf:
    """One source, as the database has it."""

    source: WatchedSource | None = VIDEO

    async def transcript(self, creator_id: CreatorId, source_id: SourceId) -> WatchedSource | None:
        return self.source if (creator_id, source_id) == (CREATOR, LECTURE) else None

    async def recording(self, creator_id: CreatorId, source_id: SourceId) -> MediaKey | None:
        source = await self.transcript(creator_id, source_id)
        return MediaKey(source.media_key) if source and source.media_key else None


@dataclass
class Away:
    """A store that fails once it has said how large the file is, after ``pieces`` pieces; at once where negative."""

    files: MediaFiles
    pieces: int

    def __getattr__(self, name: str) -> object:
        return getattr(self.files, name)

    async def size_bytes(self, key: MediaKey) -> int | None:
        if self.pieces < 0:
            raise ProviderBusy("The store is away.")
        return await self.files.size_bytes(key)

    async def read(self, key: MediaKey, start: int, end: int) -> AsyncIterator[bytes]:
        pieces = 0
        async for piece in self.files.read(key, start, end):
            if pieces == self.pieces:
                raise ProviderBusy("The store is away.")
            pieces += 1
            yield piece


@dataclass
class Cinema:
    """A served watch page and a browser."""

    address: str
    browser: ClientSession
    links: SignedWatchLinks
    shelf: Shelf

    @property
    def path(self) -> str:
        return self.links.link(CREATOR, LECTURE, None).replace("/watch/", "/media/")

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        async with self.browser.request(method, self.address + path, headers=headers) as response:
            return response.status, await response.read(), dict(response.headers)


async def health() -> dict[str, object]:
    return {"status": "ok"}


@pytest.fixture
async def files(tmp_path: Path) -> MediaFiles:
    (tmp_path / "film").write_bytes(BYTES)
    kept: MediaFiles = open_local_files(tmp_path / "media")
    await kept.put(KEY, tmp_path / "film")
    return kept


@pytest.fixture
async def cinema(files: MediaFiles) -> AsyncIterator[Cinema]:
    links, shelf = SignedWatchLinks("a key of thirty-two characters ok", ""), Shelf()
    app = build_web(health=health, watch=WatchPages(links, shelf, files))
    async with serve(app, "127.0.0.1", 0) as address, ClientSession() as browser:
        yield Cinema(address, browser, links, shelf)


async def test_the_page_plays_the_recording_from_the_cited_second(cinema: Cinema) -> None:
    path = cinema.links.link(CREATOR, LECTURE, 4)
    _, page, headers = await cinema.get(path.partition("#")[0])
    (source,) = re.findall(r'<video id="player"[^>]* src="([^"]+)"', page.decode())
    assert source.startswith("/media/")
    assert source.endswith("#t=4")
    assert "media-src 'self'" in headers["Content-Security-Policy"]
    assert re.findall(r'<(?:span|mark)[^>]* data-start="([\d.]+)">', page.decode()) == ["0.0", "4.25"]
    assert (await cinema.get(source))[:2] == (200, BYTES)


async def test_chapters_stand_beside_the_recording_and_lead_to_their_second(cinema: Cinema) -> None:
    chapters = (Chapter(0, "Before you begin"), Chapter(3.5, "Glue & <clamps>"))
    cinema.shelf.source = replace(VIDEO, chapters=chapters)
    _, page, _ = await cinema.get(cinema.path.replace("/media/", "/watch/"))
    (shown,) = re.findall(r'<nav[^>]* aria-label="Chapters">(.*?)</nav>', page.decode(), re.DOTALL)
    listed = re.findall(
        r'<a href="([^"]+)" data-start="([^"]+)"><span class="time">([^<]+)</span> ([^<]+)</a>', shown
    )
    assert listed == [
        ("?t=0#moment", "0", "0:00", "Before you begin"),
        ("?t=3#moment", "3.5", "0:03", "Glue &amp; &lt;clamps&gt;"),
    ]


async def test_a_document_and_a_recording_without_chapters_list_none(cinema: Cinema) -> None:
    path = cinema.path.replace("/media/", "/watch/")
    assert b'aria-label="Chapters"' not in (await cinema.get(path))[1]
    cinema.shelf.source = replace(VIDEO, chapters=(Chapter(0, "One"),), timed=False)
    assert b'aria-label="Chapters"' not in (await cinema.get(path))[1]


async def test_neither_the_page_nor_its_headers_name_the_file(cinema: Cinema) -> None:
    _, page, headers = await cinema.get(cinema.path.replace("/media/", "/watch/"))
    _, _, sent = await cinema.get(cinema.path)
    assert "ab" * 32 not in page.decode() + str(headers) + str(sent)
    assert sent["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-", 0, SIZE), ("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=-5", SIZE - 5, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE), (f"bytes=1500000-{SIZE * 9}", 1_500_000, SIZE),
        (f"bytes=-{SIZE * 9}", 0, SIZE),
    ],
)  # fmt: skip
async def test_a_range_is_sent_alone(cinema: Cinema, header: str, start: int, end: int) -> None:
    status, content, headers = await cinema.get(cinema.path, Range=header)
    assert (status, content == BYTES[start:end]) == (206, True)
    assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert headers["Content-Length"] == str(end - start)
    assert headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize(
    "header", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", "bytes=9" * 1 + "9" * 17 + "-"]
)
async def test_a_range_beyond_the_end_is_refused_with_the_size(cinema: Cinema, header: str) -> None:
    status, content, headers = await cinema.get(cinema.path, Range=header)
    assert (status, content) == (416, b"")
    assert headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header", ["", "bytes=", "bytes=-", "bytes=9-3", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes=٣-٤"]
)
def test_a_range_in_another_form_is_as_none(header: str) -> None:
    assert stretch_of(header, SIZE) == Stretch(0, SIZE, whole=True)


async def test_asking_for_the_head_sends_nothing_else(cinema: Cinema) -> None:
    for sent, status, length in (({}, 200, SIZE), ({"Range": "bytes=5-9"}, 206, 5)):
        found, content, headers = await cinema.get(cinema.path, "HEAD", **sent)
        assert (found, content, headers["Content-Length"]) == (status, b"", str(length))
        assert headers["Accept-Ranges"] == "bytes"


async def test_a_forged_link_plays_nothing(cinema: Cinema) -> None:
    forged = SignedWatchLinks("another key of thirty-two chars", "").link(CREATOR, LECTURE, None)
    other = cinema.links.link(CreatorId(8), LECTURE, None)
    for link in (forged, other, cinema.path[:-2], "/watch/x"):
        status, content, _ = await cinema.get(link.replace("/watch/", "/media/"), Range="bytes=0-9")
        assert (status, b"<h1>" in content) == (404, True)


async def test_a_removed_source_stops_playing(cinema: Cinema) -> None:
    for source in (None, replace(VIDEO, media_key="")):
        cinema.shelf.source = source
        assert (await cinema.get(cinema.path))[0] == 404


async def test_a_recording_that_is_gone_from_the_storage_is_said_to_be(cinema: Cinema) -> None:
    cinema.shelf.source = replace(VIDEO, media_key=KEY.replace("ab", "cd"))
    status, content, _ = await cinema.get(cinema.path)
    assert (status, b"gone" in content) == (404, True)


@pytest.mark.parametrize("kind", ["mkv", "avi"])
async def test_what_browsers_cannot_play_is_said_and_its_words_are_offered(cinema: Cinema, kind: str) -> None:
    cinema.shelf.source = replace(VIDEO, media_key=KEY.replace("mp4", kind))
    _, page, _ = await cinema.get(cinema.path.replace("/media/", "/watch/"))
    assert f"Browsers cannot play this recording ({kind}). Here is what it says." in page.decode()
    assert b"<video" not in page
    assert b"Here is the shadow." in page


@pytest.mark.parametrize("kind", PLAYED_AS)
async def test_sound_gets_a_player_of_its_own(cinema: Cinema, kind: str) -> None:
    cinema.shelf.source = replace(VIDEO, media_key=KEY.replace("mp4", kind))
    _, page, _ = await cinema.get(cinema.path.replace("/media/", "/watch/"))
    tag = "video" if kind in {"mp4", "mov", "webm"} else "audio"
    assert f'<{tag} id="player"' in page.decode()


async def test_without_a_recording_there_is_no_player(cinema: Cinema) -> None:
    cinema.shelf.source = replace(VIDEO, media_key="")
    _, page, _ = await cinema.get(cinema.path.replace("/media/", "/watch/"))
    assert b'class="player"' not in page


async def test_a_store_that_is_away_is_said_and_never_passes_for_the_end_of_the_file(files: MediaFiles) -> None:
    links = SignedWatchLinks("a key of thirty-two characters ok", "")
    path = links.link(CREATOR, LECTURE, None).replace("/watch/", "/media/")
    patience = ClientTimeout(total=10)
    for pieces in (-1, 0, 1):
        away: MediaFiles = Away(files, pieces)  # type: ignore[assignment]  # the rest is passed on by name
        app = build_web(health=health, watch=WatchPages(links, Shelf(), away))
        async with serve(app, "127.0.0.1", 0) as address, ClientSession(timeout=patience) as browser:
            if pieces < 0:
                async with browser.get(address + path) as response:
                    assert response.status == 503
                continue
            with pytest.raises(ClientError):
                async with browser.get(address + path) as response:
                    await response.read()
