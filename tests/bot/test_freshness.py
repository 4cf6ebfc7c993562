"""Links that are looked at again, through a real worker, a real PostgreSQL and an HTTP server on this machine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.postgres.deployment import enqueue
from adapters.postgres.watchlist import PostgresWatchlist
from adapters.sources.sentences import split_sentences
from bot.app import DatabaseAddress, Deployment, open_on
from bot.commands.library import _line
from bot.settings import Settings
from bot.tasks import run_worker
from core.asking.embedding import Embedder, Vector
from core.conversation import Person, Place
from core.errors import ChronosError, ProviderBusy, SourceGone, UploadRefused
from core.ids import CreatorId, ItemId, SourceId, StudentId
from core.library.freshness import Recheck, Watched
from core.library.indexing import SEARCHED_AGAIN, Indexer
from core.library.ingestion import Interrupted
from core.library.origins import CaptionKind, CaptionTrack, Entry, LinkKind, Listing, Report, VideoInfo
from core.library.source_reader import PortReader
from core.library.speech import Recognised
from core.library.store import NewSource, Origin, OriginKind, Revision, Source, SourceKind, Stage, Work
from core.library.transcript import Segment, Timing, Transcript
from core.members.directory import Standing
from tests.adapters.school import STEM, change, rows
from tests.adapters.scripted_reader import linked
from tests.bot.conftest import LECTURE
from tests.waiting import eventually
from tests.wire.rough_server import Asked, RoughServer

AGO = """
    ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
    UPDATE sources SET checked_at = now() - interval '{0} days', created_at = now() - interval '{0} days';
    ALTER TABLE sources FORCE ROW LEVEL SECURITY;
"""
SPEECH = Path(__file__).parents[1] / "data" / "workshop.ogg"
DONE = """
    ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
    UPDATE items SET stage = 'completed';
    ALTER TABLE items FORCE ROW LEVEL SECURITY;
"""
PODCAST = 'xmlns:podcast="https://podcastindex.org/namespace/1.0"'
TRANSCRIPT = '<podcast:transcript url="{}" type="text/vtt" language="en"/>'
PARAGRAPHS = [
    "Charcoal is the oldest drawing material that we know of, and it is still one of the best for large shapes.",
    "Hold the stick as a conductor holds a baton, far from its tip, and draw from your shoulder and not the wrist.",
    "Fix the finished drawing with two thin layers of spray from a distance of about thirty centimeters outdoors.",
]


@dataclass
class Site:
    """A site whose pages have versions, and answer with a status where one is set."""

    server: RoughServer
    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    full: list[str] = field(default_factory=list)

    def put(self, path: str, media_type: str, text: str) -> str:
        self.pages[path] = (media_type, text.encode())

        async def say(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(self._answer(path, asked))
            await writer.drain()

        self.server.answers[path] = say
        return self.server.link(path)

    def _answer(self, path: str, asked: Asked) -> bytes:
        media_type, content = self.pages[path]
        etag = f'"{hash(content)}"'
        if path in self.status:
            return f"HTTP/1.1 {self.status[path]}\r\nContent-Length: 0\r\n\r\n".encode()
        if asked.headers.get("if-none-match") == etag:
            return f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode()
        self.full.append(path)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nETag: {etag}\r\nContent-Length: {len(content)}"
        return f"{head}\r\n\r\n".encode() + content


def article(paragraphs: list[str]) -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    head = "<!doctype html><html lang=en><head><title>Charcoal</title></head>"
    return f"{head}<body><article><h1>Charcoal</h1>{text}</article></body></html>"


def feed(*episodes: str) -> str:
    items = "".join(f"<item><title>{each}</title><link>{each}</link></item>" for each in episodes)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Pages</title>{items}</channel></rss>'


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with RoughServer() as server:
        yield Site(server)


class Counting:
    """The deployment's embedder; remembers what it was asked to embed."""

    def __init__(self, inner: Embedder) -> None:
        self.embedder_id, self.dimensions, self.languages = inner.embedder_id, inner.dimensions, inner.languages
        self.texts: list[str] = []
        self._inner = inner

    async def embed_query(self, text: str) -> Vector:
        return await self._inner.embed_query(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        self.texts += texts
        return await self._inner.embed_passages(texts)


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = Settings.model_validate(
        {"storage": {"data_dir": str(tmp_path)}, "downloads": {"allow_loopback": True}}
    )
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


@pytest.fixture
async def creator_id(deployment: Deployment) -> CreatorId:
    return (await deployment.directory.add_creator("drawing", "Drawing", None)).id


@pytest.fixture
def recheck(deployment: Deployment) -> Recheck:
    return Recheck(PostgresWatchlist(deployment.database), deployment.rereader, deployment.shelf, deployment.indexer)


async def upload(deployment: Deployment, creator_id: CreatorId, link: str) -> None:
    await deployment.shelf.add(creator_id, [linked(link)], None)
    await settled(deployment, creator_id)


async def settled(deployment: Deployment, creator_id: CreatorId) -> list[Source]:
    """Let a worker finish what waits."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(deployment, stop))

    async def all_ended() -> bool:
        sources = await deployment.shelf.sources(creator_id)
        return all(source.stage in {Stage.COMPLETED, Stage.FAILED} for source in sources)

    await eventually(all_ended, "all work is done")
    stop.set()
    await running
    return await deployment.shelf.sources(creator_id)


async def look_tomorrow(recheck: Recheck, creator_id: CreatorId, url: str) -> None:
    await look_after(recheck, creator_id, url, days=1)


async def look_after(recheck: Recheck, creator_id: CreatorId, url: str, *, days: int) -> None:
    await change(url, AGO.format(days))
    await recheck.all_due(creator_id, asyncio.Event())


async def sentences(url: str) -> list[str]:
    return [row["text"] for row in await rows(url, "SELECT text FROM segments ORDER BY source_id, position")]


async def version(url: str) -> int:
    return int((await rows(url, "SELECT version FROM corpora"))[0]["version"])


async def test_a_page_that_did_not_change_is_not_even_sent(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    (source,) = await deployment.shelf.sources(creator_id)
    assert (source.stage, source.kind, source.language) == (Stage.COMPLETED, SourceKind.WEB_PAGE, "en")
    before = (list(site.full), await version(database_url))
    await look_tomorrow(recheck, creator_id, database_url)
    assert (site.full, await version(database_url)) == before
    assert site.server.asked[-1].headers["if-none-match"]
    asked = len(site.server.asked)
    await recheck.all_due(creator_id, asyncio.Event())
    assert len(site.server.asked) == asked, "once a day is enough"


async def test_a_changed_page_is_embedded_only_where_it_changed(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    before = await version(database_url)
    new = "Fix it with three thin layers of spray, since two of them turned out to be too few in our tests."
    site.put("/page", "text/html", article([*PARAGRAPHS[:2], new]))
    counting = Counting(deployment.embedders.usual)
    indexer = Indexer(counting, split_sentences, STEM)
    await look_tomorrow(replace(recheck, indexer=indexer), creator_id, database_url)
    assert new in await sentences(database_url)
    assert PARAGRAPHS[2] not in await sentences(database_url)
    assert await version(database_url) == before + 1
    to_store = counting.texts[:-SEARCHED_AGAIN]  # the validation asks for some once more
    assert to_store
    assert all(new in text for text in to_store)


async def test_a_page_that_is_sent_anew_with_the_same_text_changes_nothing(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    before = await version(database_url)
    site.put("/page", "text/html", article(PARAGRAPHS) + "<!-- of another day -->")
    await look_tomorrow(recheck, creator_id, database_url)
    assert site.full.count("/page") == 3, "a peek, the page, and the page anew"
    assert await version(database_url) == before


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_a_page_that_is_gone_is_marked_and_still_answered_from_until_it_is_back(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str, status: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    site.status["/page"] = status
    await look_tomorrow(recheck, creator_id, database_url)
    (source,) = await deployment.shelf.sources(creator_id)
    assert source.vanished_at is not None
    assert "gone from its site since" in str(_line(source, Standing(StudentId(1))))
    assert PARAGRAPHS[0] in await sentences(database_url)
    del site.status["/page"]
    await look_tomorrow(recheck, creator_id, database_url)
    assert [source.vanished_at for source in await deployment.shelf.sources(creator_id)] == [None]


@pytest.mark.parametrize("status", ["503 Service Unavailable", "500 Internal Server Error", "403 Forbidden"])
async def test_a_failure_changes_nothing(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str, status: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    before = (await sentences(database_url), await version(database_url), await settled(deployment, creator_id))
    site.status["/page"] = status
    await look_tomorrow(recheck, creator_id, database_url)
    after = (await sentences(database_url), await version(database_url), await deployment.shelf.sources(creator_id))
    assert before[:2] == after[:2]
    assert [(s.stage, s.vanished_at) for s in after[2]] == [(Stage.COMPLETED, None)]


async def test_a_login_page_in_the_place_of_a_document_is_no_new_version(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/notes.txt", "text/plain", "\n\n".join(PARAGRAPHS)))
    before = await sentences(database_url)
    site.put("/notes.txt", "text/html", article(["Please log in to read on. " * 20]))
    await look_tomorrow(recheck, creator_id, database_url)
    assert await sentences(database_url) == before
    site.put("/notes.txt", "text/plain", "\n\n".join(PARAGRAPHS[:2]))
    await look_tomorrow(recheck, creator_id, database_url)
    assert PARAGRAPHS[2] in before
    assert PARAGRAPHS[2] not in await sentences(database_url)


async def test_a_feed_brings_what_is_new_and_not_what_was_removed(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    pages = [site.put(f"/{n}", "text/html", article([f"This is page {n}.", *PARAGRAPHS])) for n in range(3)]
    await upload(deployment, creator_id, site.put("/feed", "application/rss+xml", feed(*pages[:2])))
    listing = next(s for s in await settled(deployment, creator_id) if s.kind is SourceKind.LISTING)
    removed = next(s for s in await deployment.shelf.sources(creator_id) if s.link == pages[0])
    await deployment.shelf.remove(creator_id, removed.id)
    site.put("/feed", "application/rss+xml", feed(*pages))
    for _ in range(2):
        await look_tomorrow(recheck, creator_id, database_url)
    sources = {source.link: source for source in await settled(deployment, creator_id)}
    assert set(sources) - {listing.link} == {pages[1], pages[2]}
    assert sources[pages[2]].workflow_id == listing.workflow_id
    assert sources[pages[2]].stage is Stage.COMPLETED


async def test_a_corrected_page_stays_as_it_was_corrected_whatever_its_site_says_later(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    (source,) = await deployment.shelf.sources(creator_id)
    student = await deployment.directory.student(Person("discord", "1", "somebody"))
    fixed = Transcript((Segment(0, 1, "Charcoal is burnt willow."),), Timing.NONE)
    new = NewSource(fixed, "Charcoal (corrected)", origin=Origin(OriginKind.DOCUMENT))
    await deployment.services.revisions.begin(
        creator_id, source.id, Revision.CORRECTION, new, uploader=student, place=Place("discord", "1")
    )
    await settled(deployment, creator_id)
    site.put("/page", "text/html", article(PARAGRAPHS[:2]))
    await look_tomorrow(recheck, creator_id, database_url)
    watched = await deployment.holdings.transcript(creator_id, source.id)
    assert watched is not None
    assert [sentence.text for sentence in watched.sentences] == ["Charcoal is burnt willow."]
    site.status["/page"] = "410 Gone"
    await look_tomorrow(recheck, creator_id, database_url)
    assert (await deployment.shelf.sources(creator_id))[0].vanished_at is not None


async def test_a_stop_leaves_the_rest_due(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    await change(database_url, AGO.format(1))
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(Interrupted):
        await recheck.all_due(creator_id, stop)
    assert len(await recheck.watchlist.due(creator_id, 10)) == 1


async def test_another_creators_links_are_not_looked_at(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    other = (await deployment.directory.add_creator("other", "Other", None)).id
    asked = len(site.server.asked)
    await look_tomorrow(recheck, other, database_url)
    assert len(site.server.asked) == asked


async def test_the_daily_tick_has_every_creators_links_looked_at(
    deployment: Deployment, creator_id: CreatorId, site: Site, database_url: str
) -> None:
    await upload(deployment, creator_id, site.put("/page", "text/html", article(PARAGRAPHS)))
    site.status["/page"] = "410 Gone"
    await change(database_url, AGO.format(1))
    await enqueue(deployment.database, "refresh", datetime(2026, 11, 21, tzinfo=UTC))
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(deployment, stop))

    async def marked() -> bool:
        return (await deployment.shelf.sources(creator_id))[0].vanished_at is not None

    await eventually(marked, "the page is marked as gone")
    stop.set()
    await running


class Stumbling:
    """Fails over one link in a way that nobody thought of."""

    def __init__(self, over: str) -> None:
        self.over = over
        self.asked: list[str] = []

    async def look_again(self, watched: Watched) -> None:
        self.asked.append(watched.link)
        if watched.link == self.over:
            raise RecursionError("a page nested ten thousand deep")


async def test_one_link_that_cannot_be_looked_at_keeps_nobody_from_the_others(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, database_url: str
) -> None:
    links = [f"https://pages.example/{n}" for n in range(3)]
    await deployment.shelf.add(creator_id, [linked(each) for each in links], None)
    await change(database_url, DONE)
    stumbling = Stumbling(links[0])
    await look_after(replace(recheck, rereader=stumbling), creator_id, database_url, days=40)
    assert sorted(stumbling.asked) == links
    assert await recheck.watchlist.due(creator_id, 10) == []
    assert {source.vanished_at for source in await deployment.shelf.sources(creator_id)} == {None}


class ScriptedSites:
    """A video site that lists what it is told to, or refuses; of videos it has captions."""

    def __init__(self, entries: list[str]) -> None:
        self.entries: list[str] | ChronosError = entries
        self.asked: list[str] = []

    async def look_up(self, link: str) -> Listing | VideoInfo:
        self.asked.append(link)
        if isinstance(self.entries, ChronosError):
            raise self.entries
        if "watch" in link:
            return VideoInfo(link, "Sphere", 37.0, "en", captions=(CaptionTrack("", CaptionKind.HUMAN, "en"),))
        return Listing(link, LinkKind.PLAYLIST, "Videos", tuple(Entry(each) for each in self.entries))

    async def captions(self, link: str, track: CaptionTrack) -> bytes:
        return LECTURE

    async def download_audio(self, link: str, out_path: Path, report: Report | None = None) -> None:
        raise UploadRefused("This video has no sound.")


async def test_a_playlist_that_a_site_refuses_is_gone_and_one_that_it_is_too_busy_for_is_not(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    pages = [site.put(f"/{n}", "text/html", article([f"This is page {n}.", *PARAGRAPHS])) for n in range(2)]
    sites = ScriptedSites(pages[:1])
    assert isinstance(deployment.rereader, PortReader)
    reader = replace(deployment.rereader, sites=sites)
    deployment, recheck = replace(deployment, reader=reader), replace(recheck, rereader=reader)
    await upload(deployment, creator_id, "https://www.youtube.com/playlist?list=PLink")

    async def listing() -> Source:
        every = await deployment.shelf.sources(creator_id)
        return next(source for source in every if source.kind is SourceKind.LISTING)

    sites.entries = pages
    await look_tomorrow(recheck, creator_id, database_url)
    assert {source.link for source in await settled(deployment, creator_id)} == {*pages, (await listing()).link}
    sites.entries = ProviderBusy("too many of us")
    await look_tomorrow(recheck, creator_id, database_url)
    assert (await listing()).vanished_at is None
    sites.entries = SourceGone("This video or playlist has been removed.")
    await look_tomorrow(recheck, creator_id, database_url)
    assert (await listing()).vanished_at is not None
    assert [source.vanished_at for source in await deployment.shelf.sources(creator_id)].count(None) == 2


async def test_a_single_video_is_looked_at_again_within_weeks_and_marked_when_it_is_gone(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, database_url: str
) -> None:
    sites = ScriptedSites([])
    assert isinstance(deployment.rereader, PortReader)
    reader = replace(deployment.rereader, sites=sites)
    deployment, recheck = replace(deployment, reader=reader), replace(recheck, rereader=reader)
    await upload(deployment, creator_id, "https://www.youtube.com/watch?v=abcdefghijk")
    before = (await sentences(database_url), await version(database_url))

    async def gone_after(days: int, answer: list[str] | ChronosError) -> tuple[int, bool]:
        sites.entries, asked = answer, len(sites.asked)
        await look_after(recheck, creator_id, database_url, days=days)
        (source,) = await deployment.shelf.sources(creator_id)
        return len(sites.asked) - asked, source.vanished_at is not None

    removed = SourceGone("This video or playlist has been removed.")
    assert await gone_after(20, removed) == (0, False)
    assert await gone_after(36, ProviderBusy("too many of us")) == (1, False)
    assert await gone_after(36, UploadRefused("This video is age-restricted.")) == (1, False)
    assert await gone_after(36, removed) == (1, True)
    assert (await sentences(database_url), await version(database_url)) == before
    assert await gone_after(36, []) == (1, False)


async def test_what_was_uploaded_at_once_is_not_all_looked_at_on_one_day(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, database_url: str
) -> None:
    links = [f"https://www.youtube.com/watch?v=abcdefghij{n}" for n in range(7)]
    await deployment.shelf.add(creator_id, [linked(each) for each in links], None)
    await change(database_url, DONE)
    due = []
    for days in (20, 24, 36):
        await change(database_url, AGO.format(days))
        due.append(len(await recheck.watchlist.due(creator_id, 50)))
    assert due[0] == 0
    assert 0 < due[1] < 7
    assert due[2] == 7


async def test_a_recording_behind_a_link_is_not_fetched_again_to_see_that_it_is_there(
    deployment: Deployment, creator_id: CreatorId, recheck: Recheck, site: Site, database_url: str
) -> None:
    sound, words = site.put("/1.mp3", "audio/mpeg", "ID3 sound"), site.put("/1.vtt", "text/vtt", LECTURE.decode())
    episode = f'<item><title>One</title><enclosure url="{sound}" type="audio/mpeg" length="9"/>{TRANSCRIPT}</item>'
    listed = f'<rss version="2.0" {PODCAST}><channel><title>Talk</title>{episode.format(words)}</channel></rss>'
    await upload(deployment, creator_id, site.put("/feed", "application/rss+xml", listed))
    await settled(deployment, creator_id)
    before = (await sentences(database_url), site.full.count("/1.vtt"))

    async def gone_after_weeks() -> bool:
        await look_after(recheck, creator_id, database_url, days=36)
        sources = await deployment.shelf.sources(creator_id)
        return next(s.vanished_at is not None for s in sources if s.kind is SourceKind.AUDIO)

    assert not await gone_after_weeks()
    site.put("/1.mp3", "text/html", article(["Please log in to listen. " * 20]))
    assert not await gone_after_weeks()
    site.status["/1.mp3"] = "404 Not Found"
    assert await gone_after_weeks()
    assert (await sentences(database_url), site.full.count("/1.vtt")) == before


@dataclass
class Sounds:
    """A video site without captions that gives out whatever sound it has now."""

    sound: bytes = b""

    async def look_up(self, link: str) -> Listing | VideoInfo:
        return VideoInfo(link, "Glue", None, "en")

    async def captions(self, link: str, track: CaptionTrack) -> bytes:
        raise UploadRefused("There are none.")

    async def download_audio(self, link: str, out_path: Path, report: Report | None = None) -> None:
        await asyncio.to_thread(out_path.write_bytes, self.sound)


@dataclass
class Remembering:
    """Recognitions in memory."""

    kept: dict[str, Recognised] = field(default_factory=dict)

    async def find(self, key: str) -> Recognised | None:
        return self.kept.get(key)

    async def keep(self, key: str, recognised: Recognised) -> None:
        self.kept[key] = recognised


async def test_a_video_that_was_replaced_at_its_address_is_heard_anew(deployment: Deployment) -> None:
    assert isinstance(deployment.rereader, PortReader)
    sites, memory = Sounds(), Remembering()
    reader = replace(deployment.rereader, sites=sites, recognitions=lambda _: memory)
    origin = Origin(OriginKind.LINK, "https://www.youtube.com/watch?v=abcdefghijk")
    work = Work(CreatorId(1), ItemId(1), SourceId(1), "", "en", None, 1, origin)
    speech = await asyncio.to_thread(SPEECH.read_bytes)
    pieces = []
    for sound in (speech, speech, speech + bytes(10)):
        sites.sound = sound
        await reader.read(work, unseen)
        pieces.append(len(memory.kept))
    assert pieces[0] == pieces[1] < pieces[2]


async def unseen(_stage: Stage, _share: float) -> None:
    """Nobody looks."""
