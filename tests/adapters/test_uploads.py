"""The whole work on sources of every origin, with a scripted reader, on a real PostgreSQL."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import numpy as np
import pytest

from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.transcripts import PostgresRecognitions
from adapters.postgres.watchlist import PostgresWatchlist
from adapters.sources.sentences import split_sentences
from core.asking.citing import citation
from core.asking.embedding import Vector
from core.asking.holdings import Span
from core.conversation import Place, Reply, reply_from_json
from core.errors import ProviderError, UploadRefused
from core.ids import CreatorId, ItemId, SourceId
from core.library.indexing import Indexer
from core.library.ingestion import Progress, entries_to_add, process
from core.library.origins import CaptionKind, CaptionTrack, Enclosure, Entry, LinkKind, Listing
from core.library.reading import LeadsTo, ReadSource
from core.library.speech import Recognised
from core.library.store import NewSource, NewWorkflow, Source, SourceKind, Stage, UploadSettings
from core.library.transcript import Chapter, LocatorKind, Segment, Timing, Transcript, Word
from core.library.workbench import Workbench
from core.tiers import Scope
from tests.adapters.school import INDEXER, STEM, MadeUpEmbedder, lecture, rows, shelf_of, spoken
from tests.adapters.scripted_reader import Answer, ScriptedReader, linked

PLACE: Final = Place("discord", channel="10", community="100")
PLAYLIST: Final = "https://videos.example/list"
SLIDES: Final = Transcript(
    (Segment(0, 1, "Hold the pencil lightly.", locator="1"), Segment(1, 2, "Press for the shadow.", locator="2")),
    Timing.NONE, title="Shading slides", language="en", locator_kind=LocatorKind.SLIDE,
)  # fmt: skip


@pytest.fixture
def shelf(database: Database) -> PostgresShelf:
    return shelf_of(database)


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    return (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id


class Links:
    """Watch links without a server."""

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        return f"https://ours.example/{source_id}?t={start_s}"


def page(name: str) -> str:
    return f"https://videos.example/{name}"


def said(subject: str) -> ReadSource:
    return ReadSource(Transcript(spoken(subject, 4)), f"All about {subject}")


async def work_off(shelf: PostgresShelf, database: Database, reader: ScriptedReader) -> None:
    """Do all that may begin, one item after another."""
    admission = PostgresAdmission(database)
    while (admitted := await admission.next("00000000-0000-4000-8000-000000000001")) is not None:
        await process(admitted.creator_id, admitted.item_id, bench=shelf, indexer=INDEXER, reader=reader)


async def cards(url: str) -> list[Reply]:
    found = await rows(url, "SELECT content::text AS content FROM outbox ORDER BY id")
    return [reply_from_json(json.loads(row["content"])) for row in found]


async def test_what_is_read_of_a_link_is_kept_where_the_uploader_said_nothing(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    chapters = (Chapter(0.0, "Warm up"), Chapter(10.0, "The shadow"))
    read = ReadSource(
        Transcript(spoken("ink", 4), chapters=chapters), "All about ink", link=page("ink?from=site"), language="de",
        media_key="creators/1/a.mp4", size_bytes=70_000,
    )  # fmt: skip
    reader = ScriptedReader({page("ink"): [read], page("chalk"): [replace(read, title="A title of the site")]})
    await shelf.add(creator_id, [linked(page("ink"))], PLACE)
    await shelf.add(creator_id, [linked(page("chalk"), "My title", "en")], None)
    assert [source.title for source in await shelf.sources(creator_id)] == ["My title", page("ink")]
    await work_off(shelf, database, reader)
    chalk, ink = await shelf.sources(creator_id)
    assert (ink.title, ink.language, ink.link, ink.stage) == ("All about ink", "de", page("ink"), Stage.COMPLETED)
    assert (chalk.title, chalk.language) == ("My title", "en")
    assert ink.duration_s == 19.5
    watched = await PostgresHoldings(database).transcript(creator_id, ink.id)
    assert watched is not None
    assert (watched.chapters, watched.media_key) == (chapters, "creators/1/a.mp4")
    (stats,) = await rows(database_url, "SELECT stats FROM items ORDER BY id LIMIT 1")
    assert '"bytes": 70000' in stats["stats"]
    assert {"downloading", "transcribing", "chunking", "embedding"} <= _stages(stats["stats"])
    (ready,) = await cards(database_url)
    assert "All about ink (0:19) is ready" in ready.text.plain
    assert "Language: de" in ready.text.plain
    assert [button.label for row in ready.buttons for button in row] == ["Ask about it"]


def _stages(stats: str) -> set[str]:
    return set(json.loads(stats)["seconds"])


async def test_the_same_bytes_or_the_same_link_are_one_source_whatever_they_are_called(
    shelf: PostgresShelf, creator_id: CreatorId, database_url: str
) -> None:
    first = (await shelf.add(creator_id, [linked(page("ink"))], PLACE))[0]
    again = (await shelf.add(creator_id, [linked("HTTPS://videos.example:443/ink", "Another")], PLACE))[0]
    assert (again.known, again.source_id) == (True, first.source_id)
    digest = hashlib.sha256(b"bytes").digest()
    files = [replace(linked(page(name)), digest=digest) for name in ("a", "b")]
    assert [one.known for one in await shelf.add(creator_id, files, PLACE)] == [False, True]
    assert len(await rows(database_url, "SELECT FROM workflows")) == 2, "what was known began none"
    assert len(await cards(database_url)) == 2


async def test_a_short_link_is_known_by_the_video_that_it_leads_to(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    video, short = "https://www.youtube.com/watch?v=abcdefghijk", "https://short.example/a"
    reader = ScriptedReader({short: [LeadsTo("https://youtu.be/abcdefghijk?si=1")], video: [said("ink")]})
    await shelf.add(creator_id, [linked(short)], PLACE)
    await work_off(shelf, database, reader)
    (source,) = await shelf.sources(creator_id)
    assert (source.stage, source.title, source.link) == (Stage.COMPLETED, "All about ink", video)
    assert [each.known for each in await shelf.add(creator_id, [linked(video)], PLACE)] == [True]
    await shelf.add(creator_id, [linked(short)], PLACE)
    await work_off(shelf, database, reader)
    again = (await shelf.sources(creator_id))[0]
    assert (again.stage, again.reason) == (Stage.FAILED, "This link leads to what is here already: All about ink")
    assert reader.asked == [short, video, short]


async def test_a_document_is_cited_by_its_slide_and_has_no_seconds(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    reader = ScriptedReader({page("slides"): [ReadSource(SLIDES)]})
    await shelf.add(creator_id, [linked(page("slides"))], None)
    await work_off(shelf, database, reader)
    (source,) = await shelf.sources(creator_id)
    assert (source.kind, source.title, source.duration_s) == (SourceKind.DOCUMENT, "Shading slides", 0.0)
    quoted = await PostgresHoldings(database).sentences(Scope.whole(creator_id), [Span(source.id, 1, 1)])
    cited = citation(creator_id, "1", quoted, Links())
    assert (cited.locator.kind, cited.locator.value, cited.locator.words) == ("slide", "2", "slide 2")
    assert (cited.start_s, cited.end_s) == (None, None)


async def test_a_playlist_becomes_items_of_one_workflow_and_a_private_video_does_not_sink_the_rest(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    await shelf.add(creator_id, [linked(page("known"))], None)
    episode = Entry("", "An episode", enclosure=Enclosure(page("episode.mp3")), captions=(
        CaptionTrack(page("episode.vtt"), CaptionKind.CREATOR, "en"),
    ))  # fmt: skip
    entries = (*(Entry(page(name), name.title()) for name in ("ink", "private", "known", "ink")), episode)
    reader = ScriptedReader({
        PLAYLIST: [Listing(PLAYLIST, LinkKind.PLAYLIST, "Drawing for all", entries)],
        page("ink"): [said("ink")], page("known"): [said("known")], page("episode.mp3"): [said("episodes")],
        page("private"): [UploadRefused("This video is private.")],
    })  # fmt: skip
    await shelf.add(creator_id, [linked(PLAYLIST)], PLACE)
    await work_off(shelf, database, reader)
    assert sorted(reader.asked) == sorted([PLAYLIST, *map(page, ("ink", "private", "known", "episode.mp3"))])
    stages = {source.title: source.stage for source in await shelf.sources(creator_id)}
    assert stages == {
        "All about known": Stage.COMPLETED, "Drawing for all": Stage.COMPLETED, "Ink": Stage.COMPLETED,
        "Private": Stage.FAILED, "An episode": Stage.COMPLETED,
    }  # fmt: skip
    (shown,) = await cards(database_url)
    assert "Drawing for all\n2 of 3 ready, 1 failed." in shown.text.plain
    assert "❌ Private: This video is private." in shown.text.plain
    (ended,) = await rows(database_url, "SELECT id FROM workflows WHERE title <> '' AND finished_at IS NOT NULL")
    reader.script[page("private")][0] = said("secrets")
    assert await shelf.retry_workflow(creator_id, ended["id"]) == 1
    assert "2 of 3 ready" in (await cards(database_url))[0].text.plain
    await work_off(shelf, database, reader)
    (shown,) = await cards(database_url)
    assert (shown.text.plain, shown.buttons) == ("✅ Drawing for all\n3 of 3 ready. Ask about them.", ())
    loaded = await PostgresHoldings(database).load(Scope.whole(creator_id))
    assert len(loaded.source_ids) == 4, "the playlist itself is not searched"


def _episodes(*names: str, own_pages: bool = False, guids: bool = True) -> Listing:
    return Listing(page("feed"), LinkKind.FEED, "Show", tuple(
        Entry(page(f"about-{name}") if own_pages else page("show"), name.title(),
              enclosure=Enclosure(page(f"{name}.mp3")), guid=f"guid of {name}" if guids else "the show's")
        for name in names
    ))  # fmt: skip


@pytest.mark.parametrize("guids", [True, False])
def test_episodes_that_all_name_the_page_of_their_show_are_sources_of_their_own(guids: bool) -> None:
    new = entries_to_add(_episodes("ink", "chalk", "oil", guids=guids), "")
    assert len({source.digest for source in new}) == 3
    assert {source.link for source in new} == {page("show")}


def test_an_episode_whose_file_has_moved_is_the_same_and_another_feeds_is_not() -> None:
    listing = _episodes("ink")
    moved = replace(listing.entries[0], enclosure=Enclosure(page("cdn/ink.mp3?token=1")))
    digests = {entries_to_add(each, "")[0].digest for each in (listing, replace(listing, entries=(moved,)))}
    assert len(digests) == 1
    assert entries_to_add(replace(listing, link=page("other")), "")[0].digest not in digests


async def test_episodes_that_were_known_by_their_pages_are_not_added_again_even_when_they_were_removed(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    new = entries_to_add(_episodes("ink", "chalk", "oil", own_pages=True), "")
    formerly = [replace(source, digest=source.known_as[0], known_as=()) for source in new[:2]]
    await shelf.add(creator_id, [linked(page("feed"))], PLACE)
    (listing,) = await shelf.sources(creator_id)
    await shelf.expand(creator_id, listing.item_id, "Show", formerly)
    chalk, ink, _ = await shelf.sources(creator_id)
    await shelf.remove(creator_id, chalk.id)
    await PostgresWatchlist(database).grow(creator_id, listing.id, new)
    assert [source.title for source in await shelf.sources(creator_id)] == ["Oil", ink.title, "Show"]
    assert [each.known for each in await shelf.add(creator_id, new[:1], None)] == [True]


async def test_a_feed_that_lists_feeds_does_not_grow_without_end(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    def of(name: str) -> Listing:
        return Listing(page(name), LinkKind.FEED, name, tuple(Entry(page(f"{name}{n}"), f"{name}{n}") for n in "12"))

    reader = ScriptedReader({page("f"): [of("f")], page("f1"): [of("f1")], page("f2"): [said("ink")]})
    await shelf.add(creator_id, [linked(page("f"))], PLACE)
    await work_off(shelf, database, reader)
    sources = {source.title: source for source in await shelf.sources(creator_id)}
    assert set(sources) == {"f", "f1", "f2"}
    assert (sources["f1"].stage, sources["f2"].stage) == (Stage.FAILED, Stage.COMPLETED)
    assert "a list inside of a list" in sources["f1"].reason
    await shelf.remove(creator_id, sources["f1"].id)
    reader.script = {**reader.script, **{page(f"f1{n}"): [said("chalk")] for n in "12"}}
    await shelf.add(creator_id, [linked(page("f1"))], PLACE)
    await work_off(shelf, database, reader)
    assert len(await shelf.sources(creator_id)) == 5, "uploaded by itself it is followed"


async def test_an_upload_brings_only_so_many_sources_and_says_what_was_left_out(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("adapters.postgres.shelf.MOST_OF_WORKFLOW", 3)
    await shelf.add(creator_id, [linked(PLAYLIST)], PLACE)
    (listing,) = await shelf.sources(creator_id)
    entries = [linked(page(name), name) for name in "abcd"]
    await shelf.expand(creator_id, listing.item_id, "Drawing", entries)
    found = await shelf.sources(creator_id)
    assert {source.title for source in found} == {"Drawing", "a", "b"}
    told = "2 of its entries were left out: one upload may bring 3 sources."
    assert told in (await cards(database_url))[0].text.plain
    assert {source.reason for source in found if source.kind is SourceKind.LISTING} == {told}
    monkeypatch.setattr("adapters.postgres.shelf.MOST_OF_WORKFLOW", 5)
    assert await PostgresWatchlist(database).grow(creator_id, listing.id, entries) == 2
    assert told not in (await cards(database_url))[0].text.plain


async def test_a_playlist_that_was_read_twice_adds_nothing_twice(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    entries = [linked(page("ink")), linked(page("chalk"))]
    await shelf.add(creator_id, [linked(PLAYLIST)], PLACE)
    (listing,) = await shelf.sources(creator_id)
    for _ in range(2):
        await shelf.expand(creator_id, listing.item_id, "Drawing", entries)
    assert len(await shelf.sources(creator_id)) == 3
    assert len(await rows(database_url, "SELECT FROM admissions")) == 2
    assert "0 of 2 ready" in (await cards(database_url))[0].text.plain


async def test_what_was_read_is_not_read_again_by_the_next_attempt(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    timed = (Word(0.5, 0.9, "Ink"), Word(1.0, 1.4, "dries."))
    spoken_words = Transcript((Segment(0.0, 2.0, "Ink dries.", "Ada", words=timed),), language="en")
    reader = ScriptedReader({page("ink"): [ReadSource(spoken_words)]})
    await shelf.add(creator_id, [linked(page("ink"))], None)
    (source,) = await shelf.sources(creator_id)
    broken = Indexer(Deaf(), split_sentences, STEM)
    with pytest.raises(ProviderError):
        await process(creator_id, source.item_id, bench=shelf, indexer=broken, reader=reader)
    work = await shelf.claim(creator_id, source.item_id)
    assert work is not None
    assert work.transcript is not None
    assert work.transcript.segments == spoken_words.segments
    await process(creator_id, source.item_id, bench=shelf, indexer=INDEXER, reader=reader)
    assert len(reader.asked) == 1
    watched = await PostgresHoldings(database).transcript(creator_id, source.id)
    assert watched is not None
    assert [(sentence.start_s, sentence.speaker) for sentence in watched.sentences] == [(0.5, "Ada")]


class Deaf(MadeUpEmbedder):
    """An embedder that is away."""

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        raise ProviderError("It does not answer.")


class Mixed(MadeUpEmbedder):
    """An embedder that gives vectors back in another order when there are many."""

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        return np.roll(await super().embed_passages(texts), 1 if len(texts) > 3 else 0, axis=0)


class Counting(MadeUpEmbedder):
    """Remembers how many texts it was given."""

    def __init__(self) -> None:
        self.given = 0

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        self.given += len(texts)
        return await super().embed_passages(texts)


async def test_vectors_that_do_not_find_their_own_sentences_never_become_searchable(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    await shelf.add(creator_id, [lecture("ink")], None)
    (source,) = await shelf.sources(creator_id)
    mixed = Indexer(Mixed(), split_sentences, STEM)
    with pytest.raises(ProviderError, match="do not find"):
        await process(creator_id, source.item_id, bench=shelf, indexer=mixed)
    assert (await PostgresHoldings(database).load(Scope.whole(creator_id))).n_units == 0


async def test_times_that_are_none_are_refused_in_words(shelf: PostgresShelf, creator_id: CreatorId) -> None:
    spoken_nowhere = Transcript((Segment(float("nan"), float("nan"), "When was this said?"),))
    indexed = await INDEXER.index(spoken_nowhere, _ignore)
    with pytest.raises(UploadRefused, match="outside its length"):
        await INDEXER.validate(indexed, 10.0)


async def _ignore(share: float) -> None: ...


async def test_a_source_that_is_made_again_embeds_only_what_changed(
    shelf: PostgresShelf, creator_id: CreatorId
) -> None:
    await shelf.add(creator_id, [lecture("ink")], None)
    (source,) = await shelf.sources(creator_id)
    await process(creator_id, source.item_id, bench=shelf, indexer=INDEXER)
    known = await shelf.embedded(creator_id, source.id, MadeUpEmbedder.embedder_id)
    counting = Counting()
    again = Indexer(counting, split_sentences, STEM)
    segments = (*spoken("ink"), Segment(150.0, 155.0, "One more step was added at the very end of it."))
    first = await again.index(Transcript(spoken("ink")), _ignore, known=known)
    assert counting.given == 0
    second = await again.index(Transcript(segments), _ignore, known=known)
    assert 1 <= counting.given <= 3, "the new sentence and the window around it"
    assert len(second.units) == len(first.units) + 1
    assert await shelf.embedded(creator_id, source.id, "another:8") == {}


async def test_the_settings_of_a_workflow_reach_the_work_and_the_windows(
    shelf: PostgresShelf, creator_id: CreatorId
) -> None:
    settings = UploadSettings(window_words=40, overlap=0.25, tier="gold")
    await shelf.add(creator_id, [lecture("ink")], None, NewWorkflow(settings=settings))
    (source,) = await shelf.sources(creator_id)
    work = await shelf.claim(creator_id, source.item_id)
    assert work is not None
    assert (work.settings, source.tier) == (settings, "gold")
    assert work.transcript is not None
    smaller = await INDEXER.index(work.transcript, _ignore, settings)
    usual = await INDEXER.index(work.transcript, _ignore)
    assert len(smaller.windows) > len(usual.windows)


async def test_several_files_share_a_card_that_counts_them_and_goes_on_when_one_is_removed(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database, database_url: str
) -> None:
    together: list[NewSource] = [lecture(name, cues=2) for name in ("ink", "chalk", "oil")]
    await shelf.add(creator_id, together, PLACE, NewWorkflow("Three lessons"))
    sources = list[Source](await shelf.sources(creator_id))
    await shelf.pause(creator_id, sources[0].item_id, "The disk is full.")
    assert "0 of 3 ready\nWaits: The disk is full." in (await cards(database_url))[0].text.plain
    await process(creator_id, sources[0].item_id, bench=shelf, indexer=INDEXER)
    assert "▓▓▓▓░░░░░░░░ 1 of 3 ready" in (await cards(database_url))[0].text.plain
    await shelf.remove(creator_id, sources[1].id)
    assert "1 of 2 ready" in (await cards(database_url))[0].text.plain
    await work_off(shelf, database, ScriptedReader(dict[str, list[Answer]]()))
    assert "✅ Three lessons\n2 of 2 ready." in (await cards(database_url))[0].text.plain


async def test_a_card_that_is_gone_does_not_fail_the_work(
    shelf: PostgresShelf, creator_id: CreatorId, database: Database
) -> None:
    await shelf.add(creator_id, [lecture("ink")], PLACE)
    async with database.system() as connection:
        await connection.execute("DELETE FROM outbox")
    (source,) = await shelf.sources(creator_id)
    assert await process(creator_id, source.item_id, bench=shelf, indexer=INDEXER)


async def test_what_was_recognised_is_kept_once_for_its_creator_alone(
    creator_id: CreatorId, database: Database
) -> None:
    other = (await PostgresDirectory(database).add_creator("painting", "Painting", None)).id
    heard = Recognised((Segment(0.0, 2.0, "Öl.", words=(Word(0.1, 0.4, "Öl."),)),), "de", 0.01)
    kept = PostgresRecognitions(database, creator_id)
    assert await kept.find("a" * 64) is None
    for _ in range(2):
        await kept.keep("a" * 64, heard)
    assert await kept.find("a" * 64) == heard
    assert await PostgresRecognitions(database, other).find("a" * 64) is None


async def test_items_that_end_at_the_same_moment_are_all_counted_on_their_card(
    shelf: PostgresShelf, creator_id: CreatorId, database_url: str
) -> None:
    names = [f"ink {n}" for n in range(8)]
    await shelf.add(creator_id, [lecture(name, cues=2) for name in names], PLACE, NewWorkflow("Lessons"))
    sources = await shelf.sources(creator_id)
    await asyncio.gather(*(shelf.fail(creator_id, source.item_id, "It is empty.") for source in sources))
    assert "0 of 8 ready, 8 failed" in (await cards(database_url))[0].text.plain
    (workflow,) = await rows(database_url, "SELECT finished_at FROM workflows")
    assert workflow["finished_at"] is not None


async def test_progress_inside_a_stage_is_written_down_once_a_second_and_a_new_stage_at_once() -> None:
    bench = WrittenBench()
    progress = Progress(cast("Workbench", bench), CreatorId(1), ItemId(1), None)
    for share in np.linspace(0, 1, 500):
        await progress.report(Stage.DOWNLOADING, float(share))
    await progress.report(Stage.TRANSCRIBING, 7.0)
    assert bench.written[0] == (Stage.DOWNLOADING, 0.0)
    assert bench.written[-1] == (Stage.TRANSCRIBING, 1.0)
    assert len(bench.written) < 20


class WrittenBench:
    """Remembers what would be written."""

    def __init__(self) -> None:
        self.written: list[tuple[Stage, float]] = []

    async def advance(self, creator_id: CreatorId, item_id: ItemId, stage: Stage, progress: float) -> None:
        self.written.append((stage, progress))
