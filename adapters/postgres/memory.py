"""What is remembered of people, on PostgreSQL: under the row-level security of one creator and one student."""

from datetime import timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import put_summing
from core.asking.answer import Answer, Outcome
from core.asking.memory import (
    LONGEST_FACT,
    MOST_FACTS,
    MOST_TOPICS,
    Kept,
    Kind,
    Memory,
    Recollection,
)
from core.asking.sessions import SESSION_IDLE, Speaker
from core.asking.summing import KEPT_AS_SAID, SUMMED_FROM, Summary, Unsummed
from core.asking.writing import Background, Turn, Wishes
from core.errors import Refused
from core.ids import CreatorId, MessageId, SessionId, SourceId, StudentId
from core.richtext import one_line
from core.tiers import NO_TIERS

_REMEMBERS: Final = """
    coalesce((SELECT wanted FROM memory_choices WHERE creator_id = $1 AND student_id = $2),
             (SELECT wanted FROM memory_defaults WHERE creator_id = $1), true)
"""
REMEMBERS: Final = f"""
    SELECT {_REMEMBERS} AS remembers,
           EXISTS (SELECT FROM memory_choices WHERE creator_id = $1 AND student_id = $2) AS own_choice
"""
# What the staff took back is not told on: neither in words, nor by a summary that was made before they did.
_STANDS: Final = """
    NOT EXISTS (SELECT FROM asked w
                 WHERE w.creator_id = c.creator_id AND w.message_id = c.id AND w.withdrawn_at IS NOT NULL)
"""
_SUMMARY_STANDS: Final = """
    NOT EXISTS (SELECT FROM chat_messages c
                  JOIN asked w ON w.creator_id = c.creator_id AND w.message_id = c.id AND w.withdrawn_at >= m.made_at
                 WHERE c.creator_id = m.creator_id AND c.session_id = m.session_id AND c.id <= m.upto)
"""
SUMMARY: Final = f"""
    SELECT m.text FROM session_summaries m
      JOIN chat_sessions s ON s.creator_id = m.creator_id AND s.id = m.session_id
     WHERE s.creator_id = $1 AND s.student_id = $2 AND s.place = $3 AND s.ended_at IS NULL
       AND s.last_at > now() - $4::interval AND {_REMEMBERS} AND {_SUMMARY_STANDS}
       AND ($5::text[] IS NULL OR NOT EXISTS (
             SELECT FROM sources x WHERE x.creator_id = $1 AND x.id = ANY(m.cited)
                AND x.tier <> '' AND x.tier <> ALL($5)))
"""
FACTS: Final = f"""
    SELECT text FROM remembered
     WHERE creator_id = $1 AND student_id = $2 AND kind = 'fact' AND {_REMEMBERS} ORDER BY id
"""
WISHES: Final = "SELECT language, level, length, voice FROM preferences WHERE student_id = $1"
WISH: Final = """
    INSERT INTO preferences (student_id, language, level, length, voice) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (student_id) DO UPDATE SET language = $2, level = $3, length = $4, voice = $5
"""
NO_WISHES: Final = "DELETE FROM preferences WHERE student_id = $1"
KEPT: Final = f"""
    SELECT kind, id, text, at, false AS lexical FROM remembered WHERE creator_id = $1 AND student_id = $2
     UNION ALL
    SELECT 'summary', session_id, text, made_at, lexical FROM session_summaries m
     WHERE creator_id = $1 AND student_id = $2 AND {_SUMMARY_STANDS}
     ORDER BY at, id
"""
# One at a time, so that two at once are not one too many.
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('memory of ' || $1::bigint, $2))"
COUNT: Final = """
    SELECT count(*) FROM remembered WHERE creator_id = $1 AND student_id = $2 AND kind = 'fact' AND text <> $3
"""
REMEMBER: Final = """
    INSERT INTO remembered (creator_id, student_id, kind, text) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id, student_id, kind, text) DO UPDATE SET at = now()
    RETURNING id
"""
FORGET_TOPIC: Final = """
    DELETE FROM remembered WHERE creator_id = $1 AND student_id = $2 AND kind = 'topic' AND lower(text) = lower($3)
"""
FORGET_OLD_TOPICS: Final = """
    DELETE FROM remembered
     WHERE creator_id = $1 AND student_id = $2 AND kind = 'topic'
       AND id NOT IN (SELECT id FROM remembered WHERE creator_id = $1 AND student_id = $2 AND kind = 'topic'
                       ORDER BY at DESC, id DESC LIMIT $3)
"""
ASKED: Final = "SELECT question FROM chat_messages WHERE creator_id = $1 AND student_id = $2 AND id = $3"
CHOOSE: Final = """
    INSERT INTO memory_choices (creator_id, student_id, wanted) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id, student_id) DO UPDATE SET wanted = $3
"""
DEFAULT: Final = "SELECT wanted FROM memory_defaults WHERE creator_id = $1"
SET_DEFAULT: Final = """
    INSERT INTO memory_defaults (creator_id, wanted) VALUES ($1, $2)
    ON CONFLICT (creator_id) DO UPDATE SET wanted = $2
"""
FORGET: Final = """
    DELETE FROM remembered WHERE creator_id = $1 AND student_id = $2 AND kind = $3 AND id = $4 RETURNING id
"""
END_SUMMED: Final = """
    UPDATE chat_sessions s SET ended_at = now()
     WHERE s.creator_id = $1 AND s.student_id = $2 AND ($3::bigint IS NULL OR s.id = $3) AND s.ended_at IS NULL
       AND EXISTS (SELECT FROM session_summaries m WHERE m.creator_id = $1 AND m.session_id = s.id)
"""
FORGET_SUMMARY: Final = """
    DELETE FROM session_summaries
     WHERE creator_id = $1 AND student_id = $2 AND ($3::bigint IS NULL OR session_id = $3)
    RETURNING session_id
"""
FORGET_REMEMBERED: Final = "DELETE FROM remembered WHERE creator_id = $1 AND student_id = $2 RETURNING id"
DROP_ENDED: Final = """
    DELETE FROM session_summaries m USING chat_sessions s
     WHERE m.creator_id = $1 AND m.student_id = $2 AND s.creator_id = $1 AND s.id = m.session_id
       AND (s.ended_at IS NOT NULL OR s.last_at <= now() - $3::interval)
"""
# A creator's application sees nobody's sessions, so it asks for those who may have a long one, person by person.
TALKATIVE: Final = """
    SELECT student_id FROM usage
     WHERE creator_id = $1 AND student_id IS NOT NULL AND used_at > now() - $2::interval
     GROUP BY student_id HAVING count(*) > $3 ORDER BY student_id
"""
DUE: Final = f"""
    SELECT count(*) > $4 FROM chat_messages c
     WHERE c.creator_id = $1 AND c.session_id = $3 AND c.student_id = $2 AND c.outcome <> 'refused' AND {_REMEMBERS}
       AND c.id > coalesce((SELECT upto FROM session_summaries m
                             WHERE m.creator_id = $1 AND m.session_id = $3 AND {_SUMMARY_STANDS}), 0)
       AND {_STANDS}
"""
OPEN: Final = f"""
    SELECT s.id, now() AS read_at, coalesce(m.text, '') AS before, coalesce(m.upto, 0) AS upto,
           coalesce(m.cited, '{{}}') AS cited
      FROM chat_sessions s
      LEFT JOIN session_summaries m ON m.creator_id = s.creator_id AND m.session_id = s.id AND {_SUMMARY_STANDS}
     WHERE s.creator_id = $1 AND s.student_id = $2 AND s.id = $3 AND s.ended_at IS NULL AND {_REMEMBERS}
"""
TURNS: Final = f"""
    SELECT id, question, answer, video_references FROM chat_messages c
     WHERE creator_id = $1 AND student_id = $2 AND session_id = $3 AND outcome <> 'refused' AND id > $4 AND {_STANDS}
     ORDER BY id
"""
HOLD_OPEN: Final = """
    SELECT id FROM chat_sessions
     WHERE creator_id = $1 AND student_id = $2 AND id = $3 AND ended_at IS NULL FOR UPDATE
"""
KEEP: Final = f"""
    INSERT INTO session_summaries AS m (creator_id, session_id, student_id, text, lexical, upto, cited, made_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, now()))
    ON CONFLICT (creator_id, session_id) DO UPDATE
       SET text = $4, lexical = $5, upto = $6, cited = $7, made_at = coalesce($8, now())
     WHERE m.upto < $6 OR NOT {_SUMMARY_STANDS}
"""
LOOKED_BACK: Final = timedelta(days=30)
IN_VAIN: Final = frozenset({Outcome.ABSTAINED, Outcome.CLOSEST})


class PostgresMemories:
    """See :class:`core.asking.memory.Memories`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recall(self, speaker: Speaker, *, alone: bool) -> Recollection:
        """What goes into a question that is asked here and now; see the port."""
        person = (speaker.creator_id, speaker.student_id)
        tiers = speaker.tiers if alone else NO_TIERS
        async with self._database.creator(*person) as connection:
            summary = await connection.fetchval(SUMMARY, *person, speaker.place, SESSION_IDLE, tiers)
            facts = await connection.fetch(FACTS, *person) if alone else ()
            async with system_role(connection):
                wishes = await connection.fetchrow(WISHES, speaker.student_id)
        return Recollection(_wishes(wishes), Background(summary or "", tuple(row["text"] for row in facts)))

    async def wishes(self, student_id: StudentId) -> Wishes:
        """How a person likes answers."""
        async with self._database.system() as connection:
            return _wishes(await connection.fetchrow(WISHES, student_id))

    async def wish(self, student_id: StudentId, wishes: Wishes) -> None:
        """Keep how a person likes answers."""
        async with self._database.system() as connection:
            if wishes == Wishes():
                await connection.execute(NO_WISHES, student_id)
            else:
                await connection.execute(WISH, student_id, wishes.language, wishes.level, wishes.length, wishes.voice)

    async def kept(self, creator_id: CreatorId, student_id: StudentId) -> Kept:
        """What is remembered of a person, oldest first; what ended with its session goes first."""
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(DROP_ENDED, creator_id, student_id, SESSION_IDLE)
            (row,) = await connection.fetch(REMEMBERS, creator_id, student_id)
            found = await connection.fetch(KEPT, creator_id, student_id)
        memories = [Memory(Kind(r["kind"]), r["id"], r["text"], r["at"], r["lexical"]) for r in found]
        return Kept(row["remembers"], row["own_choice"], tuple(memories))

    async def tidy(self, creator_id: CreatorId) -> None:
        """Drop what sums up sessions that are over; see the port."""
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetch(TALKATIVE, creator_id, LOOKED_BACK, SUMMED_FROM)
        for student_id in (row["student_id"] for row in found):
            async with self._database.creator(creator_id, student_id) as connection:
                await connection.execute(DROP_ENDED, creator_id, student_id, SESSION_IDLE)

    async def remember(self, creator_id: CreatorId, student_id: StudentId, fact: str) -> int:
        """Keep a fact; see the port."""
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(LOCK, student_id, creator_id)
            if await connection.fetchval(COUNT, creator_id, student_id, fact) >= MOST_FACTS:
                raise Refused(f"I remember {MOST_FACTS} things of you already. Forget one in /me first.")
            return int(await connection.fetchval(REMEMBER, creator_id, student_id, Kind.FACT.value, fact))

    async def choose(self, creator_id: CreatorId, student_id: StudentId, *, wanted: bool) -> None:
        """Remember a person from now on, or nothing new of them."""
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(CHOOSE, creator_id, student_id, wanted)

    async def forget(self, creator_id: CreatorId, student_id: StudentId, kind: Kind, memory_id: int) -> bool:
        """Forget one thing; with a summary its session ends."""
        async with self._database.creator(creator_id, student_id) as connection:
            if kind is Kind.SUMMARY:
                return await _forget_summaries(connection, creator_id, student_id, memory_id) > 0
            found = await connection.fetchval(FORGET, creator_id, student_id, kind.value, memory_id)
            return found is not None

    async def forget_all(self, creator_id: CreatorId, student_id: StudentId) -> int:
        """Forget everything with this creator and return how much it was."""
        async with self._database.creator(creator_id, student_id) as connection:
            gone = await connection.fetch(FORGET_REMEMBERED, creator_id, student_id)
            return len(gone) + await _forget_summaries(connection, creator_id, student_id, None)

    async def default(self, creator_id: CreatorId) -> bool:
        """Whether people are remembered who did not choose themselves."""
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(DEFAULT, creator_id) is not False

    async def set_default(self, creator_id: CreatorId, *, wanted: bool) -> None:
        """Choose for those who did not choose themselves."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(SET_DEFAULT, creator_id, wanted)


class PostgresSummedSessions:
    """See :class:`core.asking.summing.Sessions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unsummed(self, creator_id: CreatorId, student_id: StudentId, session_id: SessionId) -> Unsummed | None:
        """What is to be summed up, if that is due."""
        key = (creator_id, student_id, session_id)
        async with self._database.creator(creator_id, student_id) as connection:
            session = await connection.fetchrow(OPEN, *key)
            rows = await connection.fetch(TURNS, *key, session["upto"]) if session else []
        if session is None or len(rows) <= SUMMED_FROM:
            return None
        summed = rows[:-KEPT_AS_SAID]
        turns = tuple(Turn(row["question"], row["answer"]) for row in summed)
        cited = {SourceId(each["source_id"]) for row in summed for each in row["video_references"]}
        return Unsummed(
            session["before"], turns, summed[-1]["id"], frozenset(cited | set(session["cited"])), session["read_at"]
        )

    async def keep(
        self, creator_id: CreatorId, student_id: StudentId, session_id: SessionId, of: Unsummed, summary: Summary
    ) -> None:
        """Keep a summary, unless the session ended or has a newer one."""
        async with self._database.creator(creator_id, student_id) as connection:
            if await connection.fetchval(HOLD_OPEN, creator_id, student_id, session_id) is not None:
                await connection.execute(
                    KEEP, creator_id, session_id, student_id, summary.text, summary.lexical, of.upto,
                    sorted(of.cited), of.read_at,
                )  # fmt: skip


async def note_turn(connection: Connection, speaker: Speaker, session_id: int, question: str, answer: Answer) -> None:
    """Inside the transaction of an answer: note what was asked in vain, and have a long session summed up."""
    person = (speaker.creator_id, speaker.student_id)
    await note_trouble(connection, speaker, question, troubled=answer.outcome in IN_VAIN)
    if await connection.fetchval(DUE, *person, session_id, SUMMED_FROM):
        await put_summing(connection, *person, session_id)


async def note_trouble(connection: Connection, speaker: Speaker, question: str, *, troubled: bool) -> None:
    """Inside the transaction of an answer or a vote: keep a question that got no good answer, or drop it."""
    person, asked = (speaker.creator_id, speaker.student_id), one_line(question)[:LONGEST_FACT]
    if not asked:
        return
    await connection.execute(FORGET_TOPIC, *person, asked)
    if troubled and await connection.fetchval(f"SELECT {_REMEMBERS}", *person):
        await connection.execute(REMEMBER, *person, Kind.TOPIC.value, asked)
        await connection.execute(FORGET_OLD_TOPICS, *person, MOST_TOPICS)


async def note_vote(connection: Connection, speaker: Speaker, message_id: MessageId, *, helpful: bool) -> None:
    """Inside the transaction of a vote, keep what it says of the question."""
    question = await connection.fetchval(ASKED, speaker.creator_id, speaker.student_id, message_id)
    if question:
        await note_trouble(connection, speaker, question, troubled=not helpful)


async def drop_ended(connection: Connection, speaker: Speaker) -> None:
    """Inside the transaction in which sessions ended: what summed them up goes with them."""
    await connection.execute(DROP_ENDED, speaker.creator_id, speaker.student_id, SESSION_IDLE)


async def _forget_summaries(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, session_id: int | None
) -> int:
    await connection.execute(END_SUMMED, creator_id, student_id, session_id)
    return len(await connection.fetch(FORGET_SUMMARY, creator_id, student_id, session_id))


def _wishes(row: asyncpg.Record | None) -> Wishes:
    return Wishes(row["language"], row["level"], row["length"], row["voice"]) if row else Wishes()
