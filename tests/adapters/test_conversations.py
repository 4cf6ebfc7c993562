"""Sessions, messages, votes and limits on a real PostgreSQL."""

import asyncio
from dataclasses import asdict, replace

import pytest

from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from core.asking.answer import Outcome
from core.asking.sessions import CONTEXT_TURNS, Speaker
from core.asking.writing import Turn
from core.ids import MessageId, StudentId
from tests.adapters.school import School, answer, converse, enrol_student, found_school, record, rows


@pytest.fixture
def conversations(database: Database) -> PostgresConversations:
    return PostgresConversations(database)


@pytest.fixture
async def school(database: Database) -> School:
    return await found_school(database, "drawing")


@pytest.fixture
async def student(database: Database) -> StudentId:
    return await enrol_student(database, "1")


@pytest.fixture
async def speaker(school: School, student: StudentId) -> Speaker:
    return school.speaker(student)


async def _let_pass(database: Database, speaker: Speaker, interval: str) -> None:
    """Make the open session older."""
    async with database.creator(speaker.creator_id, speaker.student_id) as connection:
        await connection.execute("UPDATE chat_sessions SET last_at = last_at - $1::text::interval", interval)


async def test_a_session_remembers_the_last_turns_in_order(
    conversations: PostgresConversations, speaker: Speaker
) -> None:
    assert await conversations.context(speaker) == ()
    for n in range(CONTEXT_TURNS + 2):
        await record(conversations, speaker, f"question {n}", answer(f"answer {n}"))
    turns = await conversations.context(speaker)
    assert turns == tuple(Turn(f"question {n}", f"answer {n} [1]") for n in range(2, CONTEXT_TURNS + 2))


async def test_a_refusal_is_no_context(conversations: PostgresConversations, speaker: Speaker) -> None:
    await record(conversations, speaker, "too often", answer("Later.", outcome=Outcome.REFUSED))
    assert await conversations.context(speaker) == ()


async def test_context_is_of_the_same_person_place_and_creator_alone(
    conversations: PostgresConversations, speaker: Speaker, database: Database
) -> None:
    await record(conversations, speaker, "mine", answer())
    other = await found_school(database, "cooking")
    for elsewhere in (
        replace(speaker, place="discord:11:"),
        replace(speaker, student_id=await enrol_student(database, "2")),
        other.speaker(speaker.student_id),
    ):
        assert await conversations.context(elsewhere) == ()
        assert not await conversations.forget(elsewhere)
    assert len(await conversations.context(speaker)) == 1


async def test_forgetting_ends_the_session_and_keeps_the_history(
    conversations: PostgresConversations, speaker: Speaker
) -> None:
    assert not await conversations.forget(speaker)
    await record(conversations, speaker, "before", answer())
    assert await conversations.forget(speaker)
    assert not await conversations.forget(speaker)
    assert await conversations.context(speaker) == ()
    await record(conversations, speaker, "after", answer())
    assert [turn.question for turn in await conversations.context(speaker)] == ["after"]
    past = await conversations.history(speaker.student_id, speaker.creator_id, 10)
    assert [one.question for one in past] == ["after", "before"]


async def test_after_six_idle_hours_a_question_opens_a_new_session(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    await record(conversations, speaker, "before lunch", answer())
    await _let_pass(database, speaker, "5 hours 59 minutes")
    assert len(await conversations.context(speaker)) == 1
    await record(conversations, speaker, "after lunch", answer())
    await _let_pass(database, speaker, "6 hours 1 minute")
    assert await conversations.context(speaker) == ()
    await record(conversations, speaker, "at night", answer())
    assert [turn.question for turn in await conversations.context(speaker)] == ["at night"]
    sessions = await rows(database_url, "SELECT ended_at IS NULL AS open FROM chat_sessions ORDER BY id")
    assert [row["open"] for row in sessions] == [False, True]


async def test_questions_at_the_same_moment_share_one_session(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    await asyncio.gather(*(record(conversations, speaker, f"{n}", answer()) for n in range(8)))
    assert len(await rows(database_url, "SELECT 1 FROM chat_sessions")) == 1
    assert len(await rows(database_url, "SELECT 1 FROM chat_messages")) == 8


async def test_history_keeps_what_was_shown_newest_first(
    conversations: PostgresConversations, speaker: Speaker, database: Database
) -> None:
    first = await record(conversations, speaker, "first", answer("One."))
    other = await found_school(database, "cooking")
    second = await record(conversations, other.speaker(speaker.student_id), "second", answer("Two."))
    everywhere = await conversations.history(speaker.student_id, None, 10)
    assert [one.message_id for one in everywhere] == [second, first]
    assert [one.creator_id for one in everywhere] == [other.creator_id, speaker.creator_id]
    assert everywhere[1].references == (asdict(answer("One.").citations[0]),)
    here = await conversations.history(speaker.student_id, speaker.creator_id, 10)
    assert [one.question for one in here] == ["first"]
    assert len(await conversations.history(speaker.student_id, None, 1)) == 1


async def test_a_classmate_has_no_part_in_a_history(
    conversations: PostgresConversations, speaker: Speaker, database: Database
) -> None:
    await record(conversations, speaker, "mine", answer())
    classmate = await enrol_student(database, "2")
    assert await conversations.history(classmate, speaker.creator_id, 10) == []
    assert await conversations.history(classmate, None, 10) == []


async def test_a_later_vote_replaces_an_earlier_one(
    conversations: PostgresConversations, speaker: Speaker, database_url: str
) -> None:
    message_id = await record(conversations, speaker, "question", answer())
    assert await conversations.vote(speaker, message_id, helpful=True)
    assert await conversations.vote(speaker, message_id, helpful=False)
    votes = await rows(database_url, "SELECT message_id, helpful FROM votes")
    assert [tuple(vote) for vote in votes] == [(message_id, False)]


async def test_who_reads_a_public_answer_may_vote_on_it_beside_the_asker(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    message_id = await record(conversations, speaker, "question", answer())
    reader = replace(speaker, student_id=await enrol_student(database, "2"))
    assert await conversations.vote(speaker, message_id, helpful=True)
    assert await conversations.vote(reader, message_id, helpful=False)
    votes = await rows(database_url, "SELECT student_id, helpful FROM votes ORDER BY student_id")
    assert [tuple(vote) for vote in votes] == [(speaker.student_id, True), (reader.student_id, False)]


async def test_a_vote_on_no_answer_or_another_creators_is_none(
    conversations: PostgresConversations, speaker: Speaker, database: Database, database_url: str
) -> None:
    message_id = await record(conversations, speaker, "question", answer())
    other = await found_school(database, "cooking")
    assert not await conversations.vote(speaker, MessageId(message_id + 1000), helpful=True)
    assert not await conversations.vote(other.speaker(speaker.student_id), message_id, helpful=True)
    assert await rows(database_url, "SELECT 1 FROM votes") == []


async def test_an_export_holds_everything_of_one_student_as_plain_data(
    conversations: PostgresConversations, school: School, student: StudentId, database: Database
) -> None:
    other, classmate = await found_school(database, "cooking"), await enrol_student(database, "2")
    for one in (school, other):
        await PostgresDirectory(database).enrol(one.creator_id, student)
        await converse(database, one, student, "mine")
        await converse(database, one, classmate, "theirs")
    export = await conversations.export(student)
    assert {name: len(kept) for name, kept in export.items()} == {
        "messages": 2, "votes": 2, "sessions": 2, "chronos": 0, "learning_acts": 2, "identities": 1, "enrolments": 2,
        "streaks": 0, "learning_days": 0, "flags": 0, "time_zone": 1, "redemptions": 0, "platform_credits": 0,
        "payout_targets": 0, "watched": 0, "watch_checks": 0, "seasons": 0, "hidden_in_rankings_of": 0,
        "asked_the_staff": 0, "quizzes": 0, "projects": 0, "purchases": 0, "roles": 0, "enrolment_changes": 2,
        "memberships": 0, "model_calls": 0, "earlier_talk": 0, "preferences": 0, "remembered": 0,
        "wants_to_be_remembered": 0,
    }  # fmt: skip
    assert [one["question"] for one in export["messages"]] == ["mine", "mine"]
    assert "T" in export["messages"][0]["created_at"]
    assert [one["name"] for one in export["enrolments"]] == ["Drawing", "Cooking"]


async def test_erasing_a_student_takes_their_words_along_and_leaves_the_counts(
    conversations: PostgresConversations, school: School, student: StudentId, database: Database, database_url: str
) -> None:
    classmate = await enrol_student(database, "2")
    await converse(database, school, student, "mine")
    await converse(database, school, classmate, "theirs")
    await PostgresDirectory(database).erase(student)
    for table in ("chat_messages", "chat_sessions", "votes", "identities"):
        kept = await rows(database_url, f"SELECT student_id FROM {table}")  # noqa: S608 - a name from above
        assert [row["student_id"] for row in kept] == [classmate], table
    used = await rows(database_url, "SELECT student_id FROM usage ORDER BY id")
    assert [row["student_id"] for row in used] == [None, classmate]
