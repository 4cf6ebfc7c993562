"""Kept answers hold the same promises in memory and on PostgreSQL, and go with what they rest on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pytest

from adapters.postgres.answer_cache import PostgresAnswerCache
from adapters.postgres.asked import PostgresAskedQuestions
from adapters.postgres.catalogue import PostgresCatalogue
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.holdings import PostgresHoldings
from core.asking.answer import Confidence, Outcome, Sentence
from core.asking.cache import LIFETIME, Inquiry, KeptAnswer, KeptAnswers, KeptCitation, Looked, Setting, question_key
from core.asking.embedding import Vector
from core.asking.writing import Manner, Wishes
from core.ids import CreatorId, SourceId
from core.library.catalogue import Edit
from core.tiers import NO_TIERS, Scope
from tests.adapters.school import School, converse, enrol_student, found_school, rows, shelf_of
from tests.core.kept_answers import FakeKeptAnswers

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER: Final = NOW + timedelta(hours=1)
SINCE: Final = NOW - LIFETIME
SETTING: Final = Setting("made-up:8", ("one",), "en", Manner(), Wishes())
CITED: Final = SourceId(1)
HOW: Final = "How do I mix green?"


def kept_for(question: str, version: int, source_id: SourceId = CITED) -> KeptAnswer:
    return KeptAnswer(
        question, version, Outcome.ANSWERED, Confidence.HIGH, "", "one", (Sentence("With blue.", ("1",)),),
        (KeptCitation("1", source_id, (3, 4), "digest"),), ((source_id, 3),), (SourceId(9),),
    )  # fmt: skip


def inquiry(question: str, creator_id: CreatorId, version: int = 1, setting: Setting = SETTING) -> Inquiry:
    scope = Scope(creator_id, NO_TIERS)
    return Inquiry(scope, setting.key(scope), version, question)


def pointing(*parts: float) -> Vector:
    vector = np.array([*parts, *[0.0] * (8 - len(parts))], np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass(frozen=True)
class Shelves:
    """Kept answers of two creators whose corpus is at version 1."""

    store: Callable[[int], KeptAnswers]
    own: CreatorId
    other: CreatorId


@pytest.fixture
async def school(database: Database) -> School:
    return await found_school(database, "drawing")


@pytest.fixture(params=["fake", "postgres"])
async def shelves(request: pytest.FixtureRequest, database: Database) -> Shelves:
    if request.param == "fake":
        return Shelves(lambda most: FakeKeptAnswers(version=1, most=most), CreatorId(1), CreatorId(2))
    own, other = [(await PostgresDirectory(database).add_creator(name, name, None)).id for name in ("one", "two")]
    for creator_id in (own, other):
        async with database.creator(creator_id) as connection:
            await connection.execute("INSERT INTO corpora VALUES ($1, 1, 'made-up:8')", creator_id)
    return Shelves(lambda most: PostgresAnswerCache(database, most), own, other)


async def test_an_answer_is_found_by_its_words_and_by_its_vector_by_the_same_creator_and_setting_alone(
    shelves: Shelves,
) -> None:
    store, asked, straight, own = shelves.store(10), inquiry(HOW, shelves.own), pointing(1), shelves.own
    await store.keep(asked, straight, kept_for(HOW, 1), NOW)

    found = await store.exact(inquiry("how do I mix GREEN", own), SINCE)
    assert found is not None
    assert replace(found, entry_id=0) == kept_for(HOW, 1)
    assert await store.near(asked, pointing(1, 0.3), SINCE) == [found]
    assert await store.near(asked, pointing(1, 1), SINCE) == []
    tutored = replace(SETTING, manner=Manner(tutor=True))
    for elsewhere in (inquiry(HOW, shelves.other), inquiry(HOW, own, setting=tutored)):
        assert await store.exact(elsewhere, SINCE) is None
        assert await store.near(elsewhere, straight, SINCE) == []
    assert await store.exact(inquiry(HOW, own, version=2), SINCE) is None
    assert await store.exact(asked, NOW) is None
    assert await store.near(asked, straight, NOW) == []


async def test_a_wording_that_was_answered_is_known_by_its_words_from_then_on(shelves: Shelves) -> None:
    store, own = shelves.store(10), shelves.own
    asked, said = inquiry(HOW, own), inquiry("How can I mix a green?", own, version=2)
    await store.keep(asked, pointing(1), kept_for(HOW, 1), NOW)
    (found,) = await store.near(said, pointing(1), SINCE)
    for _ in range(2):
        await store.note(said, Looked.VERIFIED, NOW, found.entry_id)

    again = await store.exact(said, SINCE)
    assert again is not None
    assert (again.entry_id, again.corpus_version) == (found.entry_id, 2)
    assert await store.exact(inquiry("Why mix green?", own, version=2), SINCE) is None


async def test_a_later_answer_takes_an_older_ones_place_and_the_least_used_goes(shelves: Shelves) -> None:
    store = shelves.store(2)
    asked = [inquiry(question, shelves.own) for question in ("a b", "c d", "e f")]
    for hour, each in enumerate(asked[:2]):
        await store.keep(each, pointing(1), kept_for(each.question, 1), NOW + timedelta(minutes=hour))
    first = await store.exact(asked[0], SINCE)
    assert first is not None
    await store.note(asked[0], Looked.EXACT, LATER, first.entry_id)
    await store.keep(asked[2], pointing(1), kept_for("e f", 1), LATER)
    assert [bool(await store.exact(each, SINCE)) for each in asked] == [True, False, True]

    newer = replace(kept_for("a b", 1), model="two")
    await store.keep(asked[0], pointing(1), newer, LATER)
    found = await store.exact(asked[0], SINCE)
    assert found is not None
    assert found.model == "two"
    assert len(await store.near(asked[0], pointing(1), SINCE)) == 2


async def test_an_answer_made_of_an_older_corpus_is_not_kept(shelves: Shelves) -> None:
    store, old = shelves.store(10), inquiry(HOW, shelves.own, version=0)
    await store.keep(old, pointing(1), kept_for(HOW, 0), NOW)
    assert await store.near(old, pointing(1), SINCE) == []


async def test_looks_are_counted_by_creator_and_day(shelves: Shelves) -> None:
    store, own, yesterday = shelves.store(10), shelves.own, NOW - timedelta(days=1)
    for creator_id, looked, at in (
        (own, Looked.MISS, NOW), (own, Looked.MISS, NOW), (own, Looked.NAMES, yesterday),
        (shelves.other, Looked.EXACT, NOW),
    ):  # fmt: skip
        await store.note(inquiry(HOW, creator_id), looked, at)
    assert await store.cache_counts(own, NOW) == {Looked.MISS: 2}
    assert await store.cache_counts(own, yesterday) == {Looked.MISS: 2, Looked.NAMES: 1}


async def left(database_url: str, creator_id: CreatorId) -> list[str]:
    found = await rows(
        database_url, "SELECT question FROM answer_cache WHERE creator_id = $1 ORDER BY question", creator_id
    )
    return [row["question"] for row in found]


async def test_whatever_changes_a_source_forgets_in_its_transaction_what_cites_it(
    database: Database, database_url: str, school: School
) -> None:
    store, own, catalogue = PostgresAnswerCache(database), school.creator_id, PostgresCatalogue(database)
    changes: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: catalogue.edit(own, school.source_id, Edit(title="Renamed")),
        lambda: catalogue.edit(own, school.source_id, Edit(tier="gold")),
        lambda: shelf_of(database).remove(own, school.source_id),
    )
    for change in changes:
        version = (await PostgresHoldings(database).state(own)).version
        for question, cited in ((HOW, school.source_id), ("Why?", SourceId(999))):
            kept = kept_for(question, version, cited)
            await store.keep(inquiry(question, own, version), pointing(1), kept, NOW)
        assert await left(database_url, own) == [HOW, "Why?"]
        await change()
        assert await left(database_url, own) == ["Why?"]


async def test_an_answer_that_is_taken_back_is_dropped_also_where_it_was_given_for_other_words(
    database: Database, database_url: str, school: School
) -> None:
    store, student = PostgresAnswerCache(database), await enrol_student(database, "1")
    asked, said = inquiry(HOW, school.creator_id), "How can I mix green?"
    for each in (asked, inquiry("Why?", school.creator_id)):
        await store.keep(each, pointing(1), kept_for(each.question, 1), NOW)
    kept = await store.exact(asked, SINCE)
    assert kept is not None
    await store.note(inquiry(said, school.creator_id), Looked.VERIFIED, NOW, kept.entry_id)
    message_id = await converse(database, school, student, said)

    await PostgresAskedQuestions(database).withdraw(school.creator_id, message_id)

    assert await left(database_url, school.creator_id) == ["Why?"]
    await store.keep(asked, pointing(1), kept_for(HOW, 1), NOW)  # written before it was taken back
    assert await left(database_url, school.creator_id) == ["Why?"]


async def test_the_words_of_a_question_go_with_who_asked_and_with_time(
    database: Database, database_url: str, school: School
) -> None:
    store = PostgresAnswerCache(database)
    student, classmate = await enrol_student(database, "1"), await enrol_student(database, "2")
    for each in (HOW, "Why?"):
        await store.keep(inquiry(each, school.creator_id), pointing(1), kept_for(each, 1), NOW)
    await converse(database, school, student, HOW)
    await converse(database, school, classmate, HOW)
    await PostgresDirectory(database).erase(student)
    assert await left(database_url, school.creator_id) == ["Why?"]

    await store.purge(school.creator_id, NOW + LIFETIME - timedelta(seconds=1))
    assert await left(database_url, school.creator_id) == ["Why?"]
    await store.purge(school.creator_id, NOW + LIFETIME)
    assert await left(database_url, school.creator_id) == []


def test_a_key_forgets_case_and_marks_and_nothing_that_tells_questions_apart() -> None:
    assert question_key("How do I  mix GREEN?!") == question_key("how do i mix green")
    assert question_key("When do I use <ul>?") == question_key("when do i use <UL>")
    assert question_key("\uff37\uff48\uff59?") == question_key("why")
    alike = (
        "C", "C++", "C#", "<ul>", "<ol>", "@patch", "@fixture", "**", "*", "2^3", "2*3", "23", "2\u00b3", "O(n)",
        "O[n]", ">= 3", "= 3", "x.save", "x.save!", "?", "!", "`a`", "a",
    )  # fmt: skip
    assert len({question_key(f"What is {name}?") for name in alike}) == len(alike) - 1, "two to the third is 2^3"


def test_a_setting_has_another_key_for_whatever_changes_an_answer() -> None:
    scope = Scope(CreatorId(1), NO_TIERS)
    others = (
        replace(SETTING, embedder_id="b"), replace(SETTING, models=("two",)), replace(SETTING, language="de"),
        replace(SETTING, manner=Manner(key="tutor@2")), replace(SETTING, manner=Manner(sources=frozenset())),
        replace(SETTING, wishes=Wishes(level="beginner")),
    )  # fmt: skip
    keys = {setting.key(scope) for setting in (SETTING, *others)}
    keys.add(SETTING.key(Scope(CreatorId(1), frozenset({"gold"}))))
    assert len(keys) == len(others) + 2
