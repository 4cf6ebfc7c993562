"""What is behind links of every kind, read with the real readers; the network and the recogniser are scripted."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from adapters.files.objects import open_local_files
from adapters.postgres.transcripts import transcript_from_json, transcript_to_json
from adapters.sources import links, media
from adapters.sources.words import FileWords
from core.asking.budgets import Period
from core.errors import ProviderBusy, UploadRefused
from core.ids import CreatorId, ItemId, SourceId
from core.library.keeping import Keeping
from core.library.media import MediaKey
from core.library.origins import (
    UNKNOWN,
    CaptionKind,
    CaptionTrack,
    Downloaded,
    DownloadLimits,
    Freshness,
    Listing,
    Page,
    Peek,
    Report,
    VideoInfo,
)
from core.library.quotas import SpeechBudget
from core.library.reading import LeadsTo, ReadSource
from core.library.scratch import Scratch
from core.library.sites import plain_title
from core.library.source_reader import PortReader, ReadingLimits
from core.library.speech import Recognised
from core.library.store import Origin, OriginKind, SourceKind, Stage, Work
from core.library.transcript import Segment

SPEECH: Final = (Path(__file__).parents[1] / "data" / "workshop.ogg").read_bytes()
VIDEO: Final = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
LOGIN: Final = (
    "<!doctype html><html><head><title>Sign in</title></head><body><main><h1>Sign in</h1>"
    + "".join(
        f"<p>Use your account number {n} to go on to this document. Where the computer is not yours, open a private "
        "window to sign in, and close it again afterwards.</p>"
        for n in range(6)
    )
    + "</main></body></html>"
).encode()


NO_VIDEO: Final = VideoInfo("", "")


@dataclass
class ScriptedDownloads:
    """Every link leads to one and the same thing."""

    final: str
    media_type: str
    content: bytes
    name: str = "file"

    async def peek(self, link: str) -> Peek:
        return Peek(self.final, self.media_type, self.content[:4_000])

    async def fetch_text(self, link: str, limits: DownloadLimits, *, known: Freshness = UNKNOWN) -> Page | None:
        return Page(self.final, self.media_type, self.content)

    async def download(
        self, link: str, out_path: Path, limits: DownloadLimits, report: Report | None = None, *,
        known: Freshness = UNKNOWN, refuse_pages: bool = False,
    ) -> Downloaded | None:  # fmt: skip
        await asyncio.to_thread(out_path.write_bytes, self.content)
        return Downloaded(self.final, self.name, self.media_type, len(self.content))


@dataclass
class ScriptedSites:
    """A video site with one video."""

    video: VideoInfo = NO_VIDEO
    tracks: Mapping[CaptionTrack, bytes] = field(default_factory=dict)
    sound: bytes = SPEECH

    async def look_up(self, link: str) -> Listing | VideoInfo:
        return replace(self.video, link=link, captions=tuple(self.tracks))

    async def captions(self, link: str, track: CaptionTrack) -> bytes:
        if not self.tracks[track]:
            raise ProviderBusy("the host of the captions is away")
        return self.tracks[track]

    async def download_audio(self, link: str, out_path: Path, report: Report | None = None) -> None:
        await asyncio.to_thread(out_path.write_bytes, self.sound)


class ScriptedTranscriber:
    """Hears the same in everything."""

    name, longest_s, largest_bytes = "scripted", 300.0, 10**9

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        return Recognised((Segment(0.2, 1.0, "Hello there, my friends."),))

    async def close(self) -> None: ...


class Forgetful:
    """Keeps nothing that was recognised, and needs every file."""

    async def find(self, key: str) -> Recognised | None:
        return None

    async def keep(self, key: str, recognised: Recognised) -> None: ...

    async def claim(self, creator_id: CreatorId, key: MediaKey, size_bytes: int) -> Mapping[MediaKey, int]:
        return {}

    async def give_up(self, creator_id: CreatorId, key: MediaKey) -> None: ...

    async def needed(self, creator_id: CreatorId) -> Mapping[MediaKey, bool]:
        return {}

    @asynccontextmanager
    async def let_go(self, creator_id: CreatorId, key: MediaKey) -> AsyncIterator[bool]:
        yield False


NOTHING: Final = ScriptedDownloads("https://a.example/", "text/html", b"")


async def nothing_spent(_: CreatorId, period: Period) -> float:
    return 0.0


@pytest.fixture
def reader(tmp_path: Path) -> PortReader:
    files = open_local_files(tmp_path / "media")
    return PortReader(
        files=files, keeping=Keeping(files, Forgetful(), 0), recordings=media, words=FileWords(), links=links,
        downloads=NOTHING, sites=ScriptedSites(), transcriber=ScriptedTranscriber(),
        recognitions=lambda creator_id: Forgetful(), limits=ReadingLimits(10**8, 10**8, 36_000.0),
        budget=SpeechBudget(0.0, nothing_spent), scratch=Scratch(tmp_path / "scratch"),
        detect_language=lambda text: "en",
    )  # fmt: skip


async def read(reader: PortReader, link: str, attempts: int = 1) -> ReadSource | Listing | LeadsTo:
    origin = Origin(OriginKind.LINK, link)
    work = Work(CreatorId(1), ItemId(1), SourceId(1), "", "", None, attempts, origin, link)
    return await reader.read(work, _ignore)


async def read_source(reader: PortReader, link: str) -> ReadSource:
    found = await read(reader, link)
    assert isinstance(found, ReadSource)
    return found


async def _ignore(stage: Stage, share: float) -> None: ...


async def test_the_login_page_of_a_document_that_is_not_shared_never_becomes_a_source(reader: PortReader) -> None:
    login = ScriptedDownloads("https://accounts.google.com/v3/signin", "text/html", LOGIN)
    with pytest.raises(UploadRefused, match="Share it with everyone who has the link"):
        await read(replace(reader, downloads=login), "https://docs.google.com/document/d/ABC/edit")
    assert (await read_source(replace(reader, downloads=login), "https://a.example/article")).title == "Sign in"


@pytest.mark.parametrize(
    "video", ["https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://vimeo.com/76979871?share=copy"]
)
async def test_a_short_link_to_a_video_says_where_it_leads(reader: PortReader, video: str) -> None:
    page = ScriptedDownloads(video, "text/html", b"<!doctype html><html><body>A player</body></html>")
    assert await read(replace(reader, downloads=page), "https://short.example/abc") == LeadsTo(video)


async def test_a_recording_behind_a_link_is_called_by_its_file_and_never_by_its_signature(reader: PortReader) -> None:
    file = ScriptedDownloads("https://cdn.example/x.ogg", "audio/ogg", SPEECH, "Lesson_7.ogg")
    link = "https://cdn.example/x.ogg?X-Amz-Signature=SECRET"
    assert (await read_source(replace(reader, downloads=file), link)).title == "Lesson 7"
    assert plain_title(link) == "https://cdn.example/x.ogg"
    assert plain_title(VIDEO) == VIDEO


def _captions(*starts_s: int) -> bytes:
    cues = (f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in starts_s)
    return ("WEBVTT\n\n" + "\n".join(f"{cue}.000 --> {cue}.900\nWhat is said here.\n" for cue in cues)).encode()


async def test_captions_that_end_long_after_their_video_are_passed_over(reader: PortReader) -> None:
    wrong = CaptionTrack("wrong", CaptionKind.HUMAN, "en")
    right = CaptionTrack("right", CaptionKind.AUTOMATIC, "en")
    video = VideoInfo("", "Ten minutes", 600.0, "en")
    tracks = {wrong: _captions(1, 7200), right: _captions(3, 500)}
    found = await read_source(replace(reader, sites=ScriptedSites(video, tracks)), VIDEO)
    assert [segment.start_s for segment in found.transcript.segments] == [3.0, 500.0]
    found = await read_source(replace(reader, sites=ScriptedSites(video, {wrong: tracks[wrong]})), VIDEO)
    assert found.recogniser == "scripted", "without other captions its sound is heard"


async def test_captions_whose_host_stays_away_are_waited_for_and_then_the_sound_is_heard(reader: PortReader) -> None:
    away = ScriptedSites(VideoInfo("", "An hour", 3600.0, "en"), {CaptionTrack("away", CaptionKind.HUMAN, "en"): b""})
    for attempt in (1, 2):
        with pytest.raises(ProviderBusy):
            await read(replace(reader, sites=away), VIDEO, attempt)
    found = await read(replace(reader, sites=away), VIDEO, 3)
    assert isinstance(found, ReadSource)
    assert found.recogniser == "scripted"


async def test_a_video_is_as_long_as_its_site_says_wherever_its_captions_end(reader: PortReader) -> None:
    track = CaptionTrack("track", CaptionKind.HUMAN, "en")
    hour = ScriptedSites(VideoInfo("", "An hour", 3600.0, "en"), {track: _captions(1, 600)})
    found = await read_source(replace(reader, sites=hour), VIDEO)
    assert (found.transcript.duration_s, found.kind) == (3600.0, SourceKind.VIDEO)
    short = replace(hour, video=replace(hour.video, duration_s=600.5))
    found = await read_source(replace(reader, sites=short), VIDEO)
    assert found.transcript.segments[-1].end_s == 600.5
    assert transcript_from_json(transcript_to_json(found.transcript)).duration_s == 600.5


async def test_a_recording_without_a_picture_is_audio_and_as_long_as_its_file(reader: PortReader) -> None:
    file = ScriptedDownloads("https://cdn.example/x.ogg", "audio/ogg", SPEECH, "x.ogg")
    found = await read_source(replace(reader, downloads=file), "https://cdn.example/x.ogg")
    assert found.kind is SourceKind.AUDIO
    assert found.transcript.duration_s > 5 > found.transcript.ends_s
