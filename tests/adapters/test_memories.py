"""What is remembered of people on PostgreSQL: summed up once, used where it is open, gone with its session."""

import asyncio
from dataclasses import replace

import pytest

from adapters.postgres import memory
from adapters.postgres.asked import PostgresAskedQuestions
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.memory import PostgresMemories, PostgresSummedSessions
from core.asking.memory import Kind
from core.asking.sessions import Speaker
from core.asking.summing import Summary, Summing
from core.ids import SessionId
from tests.adapters.school import answer, enrol_student, found_school, jobs, record, rows
from tests.core.clerks import ScriptedClerk


async def talk(database: Database, speaker: Speaker, *questions: str) -> SessionId:
    """Ask, and find the session that it was asked in."""
    for question in questions:
        await record(PostgresConversations(database), speaker, question, answer("Use 2 thin layers."))
    async with database.creator(speaker.creator_id, speaker.student_id) as connection:
        return SessionId(await connection.fetchval("SELECT max(id) FROM chat_sessions WHERE ended_at IS NULL"))


async def test_a_long_session_is_summed_up_once_and_used_only_where_its_sources_are_open(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUMMED_FROM", 4)
    school = await found_school(database, "drawing")
    speaker = replace(school.speaker(await enrol_student(database, "1")), tiers=frozenset({"gold"}))
    memories, sessions = PostgresMemories(database), PostgresSummedSessions(database)
    clerk = ScriptedClerk({"sentences": ["They use 2 thin layers of varnish.", "They use 9 layers."]})
    key = (speaker.creator_id, speaker.student_id)
    session_id = await talk(database, speaker, *(f"How thick is varnish layer {n}?" for n in range(4)))
    assert not [job for job in await jobs(database) if job["entrypoint"] == "sum_up"]
    await Summing(sessions, clerk).sum_up(*key, session_id)
    assert not clerk.forms, "it is not long yet"

    await talk(database, speaker, "How thick is varnish layer 4?", "And the last one?")
    (job,) = [job for job in await jobs(database) if job["entrypoint"] == "sum_up"]
    assert str(session_id) in job["payload"]
    await asyncio.gather(*(Summing(sessions, clerk).sum_up(*key, session_id) for _ in range(3)))
    (summary,) = (await memories.kept(*key)).of(Kind.SUMMARY)
    assert (summary.text, summary.lexical) == ("They use 2 thin layers of varnish.", False)
    assert await sessions.unsummed(*key, session_id) is None, "nothing more is due"
    assert summary.text in (await memories.recall(speaker, alone=True)).background.summary

    async with database.creator(*key) as connection:
        await connection.execute("UPDATE sources SET tier = 'gold' WHERE id = $1", school.source_id)
        await connection.execute("UPDATE session_summaries SET cited = $1", [school.source_id])
    assert summary.text in (await memories.recall(speaker, alone=True)).background.summary
    assert not (await memories.recall(replace(speaker, tiers=frozenset()), alone=True)).background.summary
    assert not (await memories.recall(speaker, alone=False)).background.summary, "others read along"
    assert summary.text in (await memories.recall(replace(speaker, tiers=None), alone=True)).background.summary


async def test_a_summary_that_comes_late_is_not_kept_and_forgetting_one_ends_its_session(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUMMED_FROM", 4)
    school = await found_school(database, "drawing")
    speaker = school.speaker(await enrol_student(database, "1"))
    memories, sessions = PostgresMemories(database), PostgresSummedSessions(database)
    key = (speaker.creator_id, speaker.student_id)
    session_id = await talk(database, speaker, *(f"How thick is varnish layer {n}?" for n in range(5)))
    found = await sessions.unsummed(*key, session_id)
    assert found is not None
    assert len(found.turns) == 2
    newer = replace(found, upto=found.upto + 1)
    await sessions.keep(*key, session_id, newer, Summary("newer", lexical=False))
    await sessions.keep(*key, session_id, found, Summary("older", lexical=False))
    (summary,) = (await memories.kept(*key)).of(Kind.SUMMARY)
    assert summary.text == "newer"
    assert await memories.forget(*key, Kind.SUMMARY, summary.id)
    assert not await memories.forget(*key, Kind.SUMMARY, summary.id)
    assert not await PostgresConversations(database).context(speaker), "it would be summed up again"
    await sessions.keep(*key, session_id, newer, Summary("late", lexical=False))
    assert not await rows(database_url, "SELECT FROM session_summaries")

    await memories.choose(*key, wanted=False)
    again = await talk(database, speaker, *(f"How thick is varnish layer {n}?" for n in range(5)))
    assert again != session_id
    assert await sessions.unsummed(*key, again) is None, "nothing is remembered of who does not want it"


async def test_the_hourly_tidy_drops_what_sums_up_a_session_that_is_over_though_nobody_asks_again(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUMMED_FROM", 4)
    school = await found_school(database, "drawing")
    memories, sessions = PostgresMemories(database), PostgresSummedSessions(database)
    for person in ("1", "2"):
        speaker = school.speaker(await enrol_student(database, person))
        session_id = await talk(database, speaker, *(f"How thick is varnish layer {n}?" for n in range(6)))
        await Summing(sessions, ScriptedClerk(None)).sum_up(speaker.creator_id, speaker.student_id, session_id)
    await memories.tidy(school.creator_id)
    assert len(await rows(database_url, "SELECT FROM session_summaries")) == 2, "both go on"
    async with database.creator(speaker.creator_id, speaker.student_id) as connection:
        await connection.execute("UPDATE chat_sessions SET last_at = last_at - interval '7 hours'")
    await memories.tidy(school.creator_id)
    (left,) = await rows(database_url, "SELECT student_id FROM session_summaries")
    assert left["student_id"] != speaker.student_id


async def test_an_answer_that_the_staff_took_back_is_in_no_summary_and_no_next_question(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUMMED_FROM", 4)
    school = await found_school(database, "drawing")
    speaker = school.speaker(await enrol_student(database, "1"))
    conversations, asked = PostgresConversations(database), PostgresAskedQuestions(database)
    memories, sessions = PostgresMemories(database), PostgresSummedSessions(database)
    key = (speaker.creator_id, speaker.student_id)
    kept = [await record(conversations, speaker, f"How thick is layer {n}?", answer("Thin.")) for n in range(8)]
    session_id = await talk(database, speaker)
    await Summing(sessions, ScriptedClerk(None)).sum_up(*key, session_id)
    assert (await memories.kept(*key)).of(Kind.SUMMARY)
    await asked.withdraw(school.creator_id, kept[0])
    await asked.withdraw(school.creator_id, kept[7])
    assert not (await memories.kept(*key)).of(Kind.SUMMARY), "it tells of the first one"
    assert not (await memories.recall(speaker, alone=True)).background
    assert "How thick is layer 7?" not in [turn.question for turn in await conversations.context(speaker)]
    again = await sessions.unsummed(*key, session_id)
    assert again is not None
    assert not again.before
    assert [turn.question for turn in again.turns] == [f"How thick is layer {n}?" for n in range(1, 4)]
    await talk(database, speaker, "And on top?")
    await Summing(sessions, ScriptedClerk(None)).sum_up(*key, session_id)
    (summary,) = (await memories.kept(*key)).of(Kind.SUMMARY)
    assert "0" not in summary.text
