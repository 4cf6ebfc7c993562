"""Revisions, glossaries and announcements with the real work on sources, on a real PostgreSQL."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.announcements import PostgresAnnouncements
from adapters.postgres.database import Database
from adapters.postgres.glossary import PostgresGlossaries
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.revisions import PostgresRevisions
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.spoken import PostgresSpokenTexts
from adapters.postgres.watchlist import PostgresWatchlist
from adapters.sources.sentences import split_sentences
from core.asking.embedding import Vector
from core.conversation import Place, Reply, reply_from_json
from core.errors import ProviderError, UploadRefused
from core.ids import SourceId
from core.library.announcing import Subject
from core.library.glossary import MOST_NAMES, Name
from core.library.indexing import SEARCHED_AGAIN, Indexer
from core.library.ingestion import Interrupted, process
from core.library.origins import Entry, LinkKind, Listing
from core.library.reading import ReadSource
from core.library.respelling import Respelling
from core.library.store import NewSource, NewWorkflow, Revision, UploadSettings
from core.library.transcript import Chapter, Segment, Timing, Transcript, Word
from tests.adapters.school import (
    INDEXER,
    STEM,
    MadeUpEmbedder,
    School,
    add_ready,
    enrol_student,
    found_school,
    item_of,
    jobs,
    lecture,
    rows,
    shelf_of,
    spoken,
)
from tests.adapters.scripted_reader import ScriptedReader, linked

PLACE: Final = Place("discord", channel="10", community="server of drawing", thread="7")
CARD_PLACE: Final = Place("discord", channel="99", community="server of drawing")
NAMES: Final = [Name("Kubernetes", ("cooper netties",)), Name("gesso", ("jesso",))]
MISHEARD: Final = Transcript(
    (
        Segment(0, 4, "We run cooper netties on metal.", words=tuple(
            Word(n * 0.5, n * 0.5 + 0.4, text) for n, text in enumerate("We run cooper netties on metal.".split()))),
        Segment(5, 9, "Nothing else is said of it here."),
    ),
    chapters=(Chapter(0.0, "Cooper netties"),),
)  # fmt: skip


class Counting(MadeUpEmbedder):
    """Remembers what it was asked to embed; fails where it is told to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.broken = False

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        if self.broken:
            raise ProviderError("away")
        self.texts += texts
        return await super().embed_passages(texts)

    @property
    def stored(self) -> list[str]:
        """Without those that the validation asks for once more."""
        return self.texts[:-SEARCHED_AGAIN]


@pytest.fixture
async def school(database: Database) -> School:
    return await found_school(database, "drawing")


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def indexer(counting: Counting) -> Indexer:
    return Indexer(counting, split_sentences, STEM)


def changed(transcript: Transcript, position: int, text: str) -> Transcript:
    segments = list(transcript.segments)
    segments[position] = replace(segments[position], text=text)
    return replace(transcript, segments=tuple(segments))


async def revise(
    database: Database, school: School, new: NewSource, kind: Revision = Revision.CORRECTION
) -> SourceId:
    """Begin a revision of the school's source."""
    uploader = await enrol_student(database, "1")
    added = await PostgresRevisions(database).begin(
        school.creator_id, school.source_id, kind, new, uploader=uploader, place=CARD_PLACE
    )
    assert not added.known
    return added.source_id


async def work_off(
    database: Database, shelf: PostgresShelf, reader: ScriptedReader | None = None, indexer: Indexer = INDEXER
) -> None:
    """Do all that may begin, one item after another."""
    admission = PostgresAdmission(database)
    while (admitted := await admission.next("00000000-0000-4000-8000-000000000001")) is not None:
        await process(
            admitted.creator_id, admitted.item_id, bench=shelf, indexer=indexer, reader=reader or ScriptedReader({})
        )


async def words_of(database: Database, school: School, source_id: SourceId | None = None) -> list[str]:
    watched = await PostgresHoldings(database).transcript(school.creator_id, source_id or school.source_id)
    assert watched is not None
    return [sentence.text for sentence in watched.sentences]


async def version(url: str, school: School) -> int:
    found = await rows(url, "SELECT version FROM corpora WHERE creator_id = $1", school.creator_id)
    return int(found[0]["version"])


async def posted(url: str, channel: str) -> list[Reply]:
    statement = "SELECT content::text AS content FROM outbox WHERE place ->> 'channel' = $1 ORDER BY id"
    return [reply_from_json(json.loads(row["content"])) for row in await rows(url, statement, channel)]


def corrected_lecture(text: str = "Patience is the whole of step three.") -> NewSource:
    new = lecture("drawing")
    assert new.transcript is not None
    return replace(new, transcript=changed(new.transcript, 3, text))


async def test_a_correction_embeds_only_what_changed_and_moves_the_version_once(
    database: Database, school: School, indexer: Indexer, counting: Counting, database_url: str
) -> None:
    before, shelf = await version(database_url, school), shelf_of(database)
    revision = await revise(database, school, corrected_lecture())
    await process(
        school.creator_id, await item_of(database, school.creator_id, revision), bench=shelf, indexer=indexer
    )
    assert "Patience is the whole of step three." in await words_of(database, school)
    assert counting.stored
    assert all("Patience is the whole" in text for text in counting.stored)
    assert await version(database_url, school) == before + 1
    assert [source.id for source in await shelf.sources(school.creator_id)] == [school.source_id]


async def test_an_attempt_that_broke_off_changes_nothing_and_the_next_one_ends_it(
    database: Database, school: School, indexer: Indexer, counting: Counting, database_url: str
) -> None:
    revision = await revise(database, school, corrected_lecture())
    item_id = await item_of(database, school.creator_id, revision)
    before = (await words_of(database, school), await version(database_url, school))
    counting.broken = True
    with pytest.raises(ProviderError):
        await process(school.creator_id, item_id, bench=shelf_of(database), indexer=indexer)
    assert (await words_of(database, school), await version(database_url, school)) == before
    counting.broken = False
    for _ in range(2):
        await process(school.creator_id, item_id, bench=shelf_of(database), indexer=indexer)
    assert await version(database_url, school) == before[1] + 1
    assert len(await rows(database_url, "SELECT 1 FROM revisions")) == 1


async def test_undoing_brings_every_row_back_as_it_was(database: Database, school: School, database_url: str) -> None:
    async def everything() -> list[Any]:
        found = []
        for table in ("segments", "passages", "segment_embeddings", "passage_embeddings"):
            statement = f"SELECT t::text AS t FROM {table} t WHERE source_id = $1 ORDER BY position"  # noqa: S608 - ours
            found += [row["t"] for row in await rows(database_url, statement, school.source_id)]
        columns = "to_jsonb(s) - 'created_at' - 'checked_at' AS t"
        return [*found, await rows(database_url, f"SELECT {columns} FROM sources s WHERE id = $1", school.source_id)]  # noqa: S608 - ours

    before, revisions, shelf = await everything(), PostgresRevisions(database), shelf_of(database)
    for kind, new in (
        (Revision.CORRECTION, corrected_lecture()),
        (Revision.REPLACEMENT, linked("https://videos.example/new", "New")),
    ):
        revision = await revise(database, school, new, kind)
        read = ReadSource(Transcript(spoken("ink", 8)), "Ink", media_key="creators/1/a.mp4", size_bytes=5)
        await work_off(database, shelf, ScriptedReader({"https://videos.example/new": [read]}))
        assert await everything() != before
        undone = await revisions.undo(school.creator_id, revision)
        assert undone is not None
        assert undone.id == school.source_id
        assert await everything() == before
        assert await revisions.undo(school.creator_id, revision) is None
    assert not await rows(database_url, "SELECT 1 FROM revisions")


async def test_a_former_version_whose_vectors_are_of_another_embedder_does_not_come_back(
    database: Database, school: School
) -> None:
    revision = await revise(database, school, corrected_lecture())
    await work_off(database, shelf_of(database))
    async with database.creator(school.creator_id) as connection:
        await connection.execute("UPDATE corpora SET embedder = 'another' WHERE creator_id = $1", school.creator_id)
    assert await PostgresRevisions(database).undo(school.creator_id, revision) is None


async def test_what_the_old_page_says_does_not_overwrite_what_took_its_place(
    database: Database, school: School
) -> None:
    await revise(database, school, linked("https://videos.example/new"), Revision.REPLACEMENT)
    read = ReadSource(Transcript(spoken("ink", 8)), "Ink", link="https://videos.example/new")
    await work_off(database, shelf_of(database), ScriptedReader({"https://videos.example/new": [read]}))
    late = replace(read, transcript=Transcript(spoken("the old page", 4)), link="https://videos.example/old")
    indexed = await INDEXER.index(late.transcript, _ignored)
    watchlist = PostgresWatchlist(database)
    assert not await watchlist.replace(school.creator_id, school.source_id, late, indexed)
    assert "Step 7 of ink" in (await words_of(database, school))[-1]
    assert await watchlist.replace(school.creator_id, school.source_id, replace(late, link=read.link), indexed)


async def test_another_creator_neither_confirms_nor_undoes(database: Database, school: School) -> None:
    other = await found_school(database, "cooking")
    revision = await revise(database, school, corrected_lecture())
    await work_off(database, shelf_of(database))
    revisions = PostgresRevisions(database)
    assert await revisions.undo(other.creator_id, revision) is None
    assert not await revisions.confirm(other.creator_id, revision, CARD_PLACE)
    assert await revisions.undo(school.creator_id, revision) is not None


async def test_the_former_version_goes_for_good_after_a_week_with_the_others(
    database: Database, school: School, database_url: str
) -> None:
    await revise(database, school, corrected_lecture())
    await work_off(database, shelf_of(database))
    async with database.creator(school.creator_id) as connection:
        await connection.execute("UPDATE sources SET removed_at = removed_at - interval '8 days'")
    await shelf_of(database).tidy(school.creator_id)
    assert [row["id"] for row in await rows(database_url, "SELECT id FROM sources")] == [school.source_id]
    assert "Patience is the whole of step three." in await words_of(database, school)


async def test_names_are_spelt_when_a_source_is_read_and_told_to_whoever_listens(
    database: Database, school: School
) -> None:
    await PostgresGlossaries(database).add(school.creator_id, NAMES)
    shelf = shelf_of(database)
    (added,) = await shelf.add(school.creator_id, [NewSource(MISHEARD, "Metal")], None)
    work = await shelf.claim(school.creator_id, await item_of(database, school.creator_id, added.source_id))
    assert work is not None
    assert work.names == ("Kubernetes", "gesso")
    await work_off(database, shelf)
    assert (await words_of(database, school, added.source_id))[0] == "We run Kubernetes on metal."


async def test_what_is_there_is_spelt_at_its_times_and_embedded_where_it_changed(
    database: Database, school: School, indexer: Indexer, counting: Counting, database_url: str
) -> None:
    glossaries, holdings = PostgresGlossaries(database), PostgresHoldings(database)
    metal = await add_ready(database, school.creator_id, NewSource(MISHEARD, "Metal"))
    paper = await add_ready(database, school.creator_id, NewSource(replace(MISHEARD, timing=Timing.NONE), "Paper"))
    before = await holdings.transcript(school.creator_id, metal)
    await glossaries.add(school.creator_id, NAMES)
    assert await glossaries.misspelt(school.creator_id) == [metal]
    moved = await version(database_url, school)
    respelling = Respelling(glossaries, PostgresSpokenTexts(database), shelf_of(database), indexer)
    await respelling.all_misspelt(school.creator_id, asyncio.Event())
    after = await holdings.transcript(school.creator_id, metal)
    assert before is not None
    assert after is not None
    assert [(s.start_s, s.end_s) for s in after.sentences] == [(s.start_s, s.end_s) for s in before.sentences]
    assert after.sentences[0].text == "We run Kubernetes on metal."
    assert [chapter.title for chapter in after.chapters] == ["Kubernetes"]
    assert all("Kubernetes" in text for text in counting.stored[:2])
    assert counting.texts.count("Nothing else is said of it here.") <= 1, "only the validation asks for it"
    assert await version(database_url, school) == moved + 1
    assert "We run cooper netties on metal." in await words_of(database, school, paper)
    assert await glossaries.misspelt(school.creator_id) == []
    await respelling.all_misspelt(school.creator_id, asyncio.Event())
    assert await version(database_url, school) == moved + 1


async def test_spelling_gives_way_to_a_stop_and_to_what_changed_meanwhile(
    database: Database, school: School, indexer: Indexer
) -> None:
    glossaries, texts = PostgresGlossaries(database), PostgresSpokenTexts(database)
    metal = await add_ready(database, school.creator_id, NewSource(MISHEARD, "Metal"))
    await glossaries.add(school.creator_id, NAMES)
    respelling = Respelling(glossaries, texts, shelf_of(database), indexer)
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(Interrupted):
        await respelling.all_misspelt(school.creator_id, stop)
    before = await texts.spoken(school.creator_id, metal)
    assert before is not None
    indexed = await indexer.index_units(before.units, _ignored)
    await respelling.all_misspelt(school.creator_id, asyncio.Event())
    assert not await texts.put_spelling(school.creator_id, before, indexed)
    await shelf_of(database).remove(school.creator_id, metal)
    assert await texts.spoken(school.creator_id, metal) is None
    assert not await texts.put_spelling(school.creator_id, before, indexed)


async def _ignored(_share: float) -> None: ...


async def test_a_glossary_joins_spellings_and_refuses_contradictions(database: Database, school: School) -> None:
    glossaries, other = PostgresGlossaries(database), await found_school(database, "cooking")
    await glossaries.add(school.creator_id, NAMES)
    await glossaries.add(school.creator_id, [Name("kubernetes", ("kubernets", "cooper netties"))])
    kept = await glossaries.glossary(school.creator_id)
    assert kept.names == (Name("kubernetes", ("cooper netties", "kubernets")), NAMES[1])
    for names, words in (
        ([Name("React", ("gesso",))], "is a name in the glossary"),
        ([Name("Cooper", ("Cooper Netties",))], "stands for kubernetes already"),
        ([Name(f"name {n}") for n in range(MOST_NAMES)], "at most"),
        ([Name("gesso", tuple(f"wrong {n}" for n in range(20)))], "more than"),
    ):
        with pytest.raises(UploadRefused, match=words):
            await glossaries.add(school.creator_id, names)
    assert await glossaries.glossary(school.creator_id) == kept
    assert (await glossaries.glossary(other.creator_id)).names == ()
    assert not await glossaries.remove(other.creator_id, "gesso")
    assert await glossaries.remove(school.creator_id, "GESSO")


async def test_asking_again_for_the_spelling_is_done_again_since_names_may_have_come(
    database: Database, school: School
) -> None:
    for _ in range(2):
        await PostgresGlossaries(database).respell(school.creator_id)
    assert [job["entrypoint"] for job in await jobs(database)].count("respell") == 2


async def announced(database: Database, school: School, place: Place | None = PLACE) -> None:
    await PostgresAnnouncements(database).choose(school.creator_id, school.community_id, Subject.LESSONS, place)


async def test_a_new_source_is_announced_once_and_only_where_that_is_wanted(
    database: Database, school: School, database_url: str
) -> None:
    await add_ready(database, school.creator_id, lecture("ink"))
    assert await posted(database_url, "10") == []
    await announced(database, school)
    chalk = await add_ready(database, school.creator_id, lecture("chalk"))
    (message,) = await posted(database_url, "10")
    assert message.text.plain == "📣 New: All about chalk (2:29). Ask about it."
    assert [span.link for span in message.text.spans if span.link] == ["https://videos.example/chalk"]
    assert (message.buttons[0][0].action, message.buttons[0][0].payload) == ("about", str(chalk))
    found = await rows(database_url, "SELECT place ->> 'thread' AS thread FROM outbox")
    assert [row["thread"] for row in found] == ["7"]
    await shelf_of(database).remove(school.creator_id, chalk)
    await shelf_of(database).restore(school.creator_id, chalk)
    await revise(database, school, corrected_lecture())
    await work_off(database, shelf_of(database))
    await announced(database, school, None)
    await add_ready(database, school.creator_id, lecture("oil"))
    assert len(await posted(database_url, "10")) == 1


async def test_a_list_is_one_message_when_all_of_it_is_done_and_what_is_added_later_another(
    database: Database, school: School, database_url: str
) -> None:
    await announced(database, school)
    shelf, listed = shelf_of(database), [f"https://videos.example/v{n}" for n in range(8)]
    entries = tuple(Entry(link, f"Lesson {n}") for n, link in enumerate(listed))
    reads = {link: [ReadSource(Transcript(spoken(f"v{n}", 4)))] for n, link in enumerate(listed[:-1])}
    script: Any = {
        "https://videos.example/list": [Listing("https://videos.example/list", LinkKind.PLAYLIST, "All", entries)],
        **reads,
        listed[-1]: [UploadRefused("It is private."), ReadSource(Transcript(spoken("late", 4)))],
    }
    (added,) = await shelf.add(school.creator_id, [linked("https://videos.example/list")], CARD_PLACE)
    await work_off(database, shelf, ScriptedReader(script))
    (message,) = await posted(database_url, "10")
    lines = message.text.plain.splitlines()
    assert lines[0] == "📣 7 new lessons to ask about:"
    assert lines[1:] == [*(f"▸ Lesson {n} (0:19)" for n in range(5)), "… and 2 more"]
    sources = {source.title: source for source in await shelf.sources(school.creator_id)}
    assert await shelf.retry(school.creator_id, sources["Lesson 7"].id)
    await work_off(database, shelf, ScriptedReader(script))
    assert [reply.text.plain for reply in await posted(database_url, "10")][1:] == [
        "📣 New: Lesson 7 (0:19). Ask about it."
    ]
    assert added.source_id == sources["All"].id


async def test_what_is_for_a_tier_alone_is_not_announced(
    database: Database, school: School, database_url: str
) -> None:
    await announced(database, school)
    shelf, gold = shelf_of(database), NewWorkflow(settings=UploadSettings(tier="gold"))
    await shelf.add(school.creator_id, [lecture("secrets")], None, gold)
    await work_off(database, shelf)
    assert await posted(database_url, "10") == []


async def test_one_creators_news_is_not_told_in_anothers_community(
    database: Database, school: School, database_url: str
) -> None:
    other = await found_school(database, "cooking")
    await PostgresAnnouncements(database).choose(other.creator_id, other.community_id, Subject.LESSONS, PLACE)
    await add_ready(database, school.creator_id, lecture("ink"))
    assert await posted(database_url, "10") == []
