"""What members of a tier may be answered from, on a real PostgreSQL: reading, asking at once, changing in between."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from adapters.postgres.answer_cache import PostgresAnswerCache
from adapters.postgres.catalogue import PostgresCatalogue
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.holdings import PostgresHoldings
from core.asking.answer import Answer, Citation, Locator, Mode
from core.asking.authors import Authors
from core.asking.cache import AnswerCache
from core.asking.engine import Engine
from core.asking.gate import Cutoff
from core.asking.holdings import Snapshots, Span
from core.asking.question import Question
from core.asking.ranking import SearchQuery, rank
from core.asking.routing import Routing
from core.asking.words import clean_question, term_ids
from core.asking.writing import Draft, DraftSentence, Heard, Task, unheard
from core.conversation import Person
from core.errors import ProviderError
from core.ids import CreatorId, SourceId
from core.library.catalogue import Edit
from core.library.ingestion import process
from core.library.store import NewWorkflow, UploadSettings
from core.members.directory import Enrolment, Purpose
from core.tiers import ALL_TIERS, NO_TIERS, Scope, Tiers
from tests.adapters.school import (
    INDEXER,
    STEM,
    MadeUpEmbedder,
    add_ready,
    answer,
    enrol_student,
    found_school,
    item_of,
    lecture,
    record,
    shelf_of,
)
from tests.core.embedders import Rack
from tests.core.kept_answers import HeardLooks

GOLD, SILVER = frozenset({"gold"}), frozenset({"silver"})
ASKED = "Step 7 of etching takes patience, a steady hand and some water"
ASKERS: tuple[Tiers, ...] = (NO_TIERS, GOLD, SILVER, ALL_TIERS)


@dataclass(frozen=True)
class Library:
    """A creator with a source for everybody, one for gold and one for silver."""

    database: Database
    creator_id: CreatorId
    everybodys: SourceId
    gold: SourceId
    silver: SourceId

    @property
    def holdings(self) -> PostgresHoldings:
        return PostgresHoldings(self.database)

    def scope(self, tiers: Tiers) -> Scope:
        return Scope(self.creator_id, tiers)

    def open_to(self, tiers: Tiers) -> set[SourceId]:
        """The sources that these tiers open."""
        named = {self.everybodys: "", self.gold: "gold", self.silver: "silver"}
        return {source_id for source_id, tier in named.items() if self.scope(tiers).opens(tier)}

    async def edit(self, source_id: SourceId, tier: str) -> None:
        assert await PostgresCatalogue(self.database).edit(self.creator_id, source_id, Edit(tier=tier))


@pytest.fixture
async def library(database: Database) -> Library:
    creator_id = (await PostgresDirectory(database).add_creator("etching", "Etching", None)).id
    ids = [await add_ready(database, creator_id, lecture(name)) for name in ("paper", "etching", "inking")]
    made = Library(database, creator_id, *ids)
    await made.edit(made.gold, "gold")
    await made.edit(made.silver, "silver")
    return made


class Copyist:
    """A model that writes down the first sentence that it is given of each source."""

    name = "copyist"

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    async def write(self, task: Task, heard: Heard = unheard) -> Draft:
        self.tasks.append(task)
        first = [source.sentences[0] for source in task.evidence]
        return Draft(True, tuple(DraftSentence(s.text, (s.label,)) for s in first), model=self.name)

    async def close(self) -> None:
        """Holds no connection."""


class PlainLinks:
    """Links to our own pages, unsigned."""

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        return f"https://chronos.example/watch/{creator_id}/{source_id}?t={start_s}"


class Unheard:
    """Nobody listens to failures."""

    def model_failed(self, model: str, error: ProviderError) -> None:
        raise AssertionError(f"{model} failed") from error


async def engine_of(library: Library, model: Copyist, most_units: int = 100_000) -> Engine:
    """An engine whose gate is open, so that what is shown depends on nothing but the scope."""
    await library.holdings.set_cutoff(library.creator_id, 99, MadeUpEmbedder.embedder_id, Cutoff(-10.0, 0.1))
    return Engine(
        holdings=library.holdings, snapshots=Snapshots(library.holdings, 10**9, most_units),
        embedders=Rack({MadeUpEmbedder.embedder_id: MadeUpEmbedder()}), stem=STEM,
        routing=Routing([model]), authors=Authors(Unheard()), links=PlainLinks(),
        cache=AnswerCache(
            PostgresAnswerCache(library.database), library.holdings, STEM, PlainLinks(), HeardLooks()
        ),
    )  # fmt: skip


def cited(answered: Answer) -> set[SourceId]:
    return {citation.source_id for citation in answered.citations}


async def query_of(text: str) -> SearchQuery:
    terms = term_ids(clean_question(text).words, STEM)
    return SearchQuery(await MadeUpEmbedder().embed_query(text), terms)


@pytest.mark.parametrize("tiers", ASKERS)
async def test_nothing_out_of_scope_is_read_in_any_way(library: Library, tiers: Tiers) -> None:
    holdings, scope, opened = library.holdings, library.scope(tiers), library.open_to(tiers)
    loaded, extent = await holdings.load(scope), await holdings.extent(scope)
    part = await holdings.candidates(scope, await query_of(ASKED), extent)
    spans = [Span(source_id, 0, 3) for source_id in (library.everybodys, library.gold, library.silver)]
    read = await holdings.sentences(scope, spans)

    assert set(loaded.source_ids) == set(part.source_ids) == {sentence.source_id for sentence in read} == opened
    assert (extent.units, extent.windows) == (loaded.n_units, loaded.n_windows)
    assert {sentence.tier for sentence in read} <= {"", "gold", "silver"}
    assert [s.tier for s in read if s.source_id == library.gold] == ["gold"] * 4 * (library.gold in opened)


async def test_the_state_names_the_tiers_that_can_be_answered_from(library: Library, database: Database) -> None:
    assert (await library.holdings.state(library.creator_id)).tiers == {"gold", "silver"}
    await shelf_of(database).remove(library.creator_id, library.silver)
    await shelf_of(database).add(
        library.creator_id, [lecture("mounting")], None, NewWorkflow(settings=UploadSettings(tier="bronze"))
    )
    assert (await library.holdings.state(library.creator_id)).tiers == {"gold"}


async def test_the_same_tier_of_another_creator_opens_nothing(library: Library, database: Database) -> None:
    other = await found_school(database, "printing")
    assert await PostgresCatalogue(database).edit(other.creator_id, other.source_id, Edit(tier="gold"))
    theirs, spans = Scope(other.creator_id, GOLD), [Span(library.gold, 0, 3), Span(library.everybodys, 0, 3)]

    assert (await library.holdings.load(theirs)).source_ids == (other.source_id,)
    assert await library.holdings.sentences(theirs, spans) == []
    assert other.source_id not in (await library.holdings.load(library.scope(ALL_TIERS))).source_ids
    catalogue = PostgresCatalogue(database)
    assert await catalogue.tiers(other.creator_id, [library.gold, other.source_id]) == {other.source_id: "gold"}


@pytest.mark.parametrize("most_units", [100_000, 10])
async def test_members_of_different_tiers_ask_the_same_at_once_and_again_from_the_cache(
    library: Library, most_units: int
) -> None:
    model = Copyist()
    engine = await engine_of(library, model, most_units)
    for _ in ("asked", "from the cache"):
        answers = await asyncio.gather(
            *(engine.answer(Question(library.creator_id, ASKED, tiers=tiers)) for tiers in ASKERS * 3)
        )
        for tiers, answered in zip(ASKERS * 3, answers, strict=True):
            opened = library.open_to(tiers)
            assert answered.mode is Mode.WRITTEN
            assert cited(answered) <= opened
            assert answered.members_only == bool(cited(answered) - {library.everybodys})
            assert (library.gold in cited(answered)) == (library.gold in opened), "the best is shown where it may be"
    assert len(model.tasks) <= len(ASKERS) * 3, "nothing was written the second time"
    kept = len(model.tasks)
    await engine.answer(Question(library.creator_id, ASKED, tiers=GOLD))
    assert len(model.tasks) == kept


@pytest.mark.parametrize("most_units", [100_000, 10])
async def test_a_changed_tier_holds_for_the_very_next_answer(library: Library, most_units: int) -> None:
    engine = await engine_of(library, Copyist(), most_units)

    async def cites(tiers: Tiers) -> bool:
        return library.gold in cited(await engine.answer(Question(library.creator_id, ASKED, tiers=tiers)))

    assert [await cites(tiers) for tiers in ASKERS] == [False, True, False, True]
    await library.edit(library.gold, "silver")
    assert [await cites(tiers) for tiers in ASKERS] == [False, False, True, True]
    await library.edit(library.gold, "")
    assert [await cites(tiers) for tiers in ASKERS] == [True, True, True, True]
    await library.edit(library.gold, "gold")
    assert [await cites(tiers) for tiers in ASKERS] == [False, True, False, True]


async def test_a_turn_that_cites_what_is_locked_is_no_context_any_more(library: Library, database: Database) -> None:
    conversations = PostgresConversations(database)
    school = await found_school(database, "printing")
    speaker = replace(
        school.speaker(await enrol_student(database, "1")),
        creator_id=library.creator_id,
        community_id=None,
        tiers=GOLD,
    )
    told = answer("The acid bites for nine minutes.")
    page = Citation(
        "1", library.gold, "Etching", "https://videos.example/e?t=5", Locator("time", "0:05"), 5, 9, "It."
    )
    await record(conversations, speaker, "How does paper dry?", answer("On a rack."))
    await record(conversations, speaker, "How long does acid bite?", replace(told, citations=(page,)))

    assert [turn.question for turn in await conversations.context(speaker)] == [
        "How does paper dry?",
        "How long does acid bite?",
    ]
    for tiers in (NO_TIERS, SILVER):
        (left,) = await conversations.context(replace(speaker, tiers=tiers))
        assert left.question == "How does paper dry?"
    assert len(await conversations.context(replace(speaker, tiers=ALL_TIERS))) == 2


@pytest.mark.parametrize("settings", [UploadSettings(40, 0.9), UploadSettings(180, 0.0), UploadSettings(60, 0.75)])
async def test_a_large_library_that_was_cut_otherwise_is_ranked_as_if_it_were_held(
    library: Library, database: Database, settings: UploadSettings
) -> None:
    shelf, holdings, scope = shelf_of(database), library.holdings, library.scope(GOLD)
    for subject in ("carving", "sawing"):
        new = lecture(subject, cues=400)
        (added,) = await shelf.add(library.creator_id, [new], None, NewWorkflow(settings=settings))
        item_id = await item_of(database, library.creator_id, added.source_id)
        assert await process(library.creator_id, item_id, bench=shelf, indexer=INDEXER)
    whole, extent = await holdings.load(scope), await holdings.extent(scope)
    for asked in ("Step 200 of carving", "Step 31 of sawing takes patience", "Step 399 of carving"):
        query = await query_of(asked)
        part = await holdings.candidates(scope, query, extent)
        ours, theirs = rank(part, query), rank(whole, query)
        assert [(s.source_id, s.unit) for s in ours.starts] == [(s.source_id, s.unit) for s in theirs.starts]
        assert [(h.source_id, h.first_unit, h.last_unit) for h in ours.hits[:3]] == [
            (h.source_id, h.first_unit, h.last_unit) for h in theirs.hits[:3]
        ]
        shown = [(h.source_id, unit) for h in ours.hits for unit in range(h.first_unit, h.last_unit + 1)]
        assert len(shown) == len(set(shown)), "no sentence is read twice"


async def test_a_tier_is_kept_with_the_enrolment_and_changes_apart_from_its_status(database: Database) -> None:
    directory = PostgresDirectory(database)
    creator = await directory.add_creator("drawing", "Drawing", None)
    student = await directory.student(Person("discord", "2", "Ana"))
    seen = []
    for status, tier in (("active", "gold"), ("paused", None), (None, "silver"), ("active", None), (None, "")):
        await directory.set_enrolment(creator.id, student, status, tier)
        seen.append(await directory.enrolment(creator.id, student))
    assert seen == [
        Enrolment("active", "gold"),
        Enrolment("paused", "gold"),
        Enrolment("paused", "silver"),
        Enrolment("active", "silver"),
        Enrolment("active"),
    ]
    await directory.set_enrolment(creator.id, await directory.student(Person("discord", "3", "Ben")), None, "gold")
    for tier, names in (("gold", ["Ben"]), ("", ["Ana"]), (None, ["Ana", "Ben"]), ("silver", [])):
        page, _ = await directory.students(creator.id, platform="discord", tier=tier)
        assert [found.name for found in page] == names


async def test_a_code_gives_its_tier_to_whoever_is_active_and_none_takes_one_away(database: Database) -> None:
    directory = PostgresDirectory(database)
    creator = await directory.add_creator("drawing", "Drawing", None)
    plain = (await directory.new_join_code(creator.id, Purpose.ENROLMENT)).code
    gold = (await directory.new_join_code(creator.id, Purpose.ENROLMENT, "gold")).code
    student, paused = [await directory.student(Person("discord", name, name)) for name in ("2", "3")]
    await directory.set_enrolment(creator.id, paused, "paused")
    enrolled = []
    for who, code in ((student, plain), (student, gold), (student, plain), (paused, gold)):
        accepted = await directory.accept_invite(code, who, creator.id)
        assert accepted is not None
        enrolled.append(accepted[1])
    assert enrolled == [
        Enrolment("active"),
        Enrolment("active", "gold"),
        Enrolment("active", "gold"),
        Enrolment("paused"),
    ]
