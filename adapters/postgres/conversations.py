"""Sessions, messages, votes and usage on PostgreSQL; row-level security holds each student to their own."""

from dataclasses import asdict
from typing import Any, Final

import asyncpg

from adapters.postgres.database import Connection, Database
from core.asking.answer import Answer
from core.asking.sessions import CONTEXT_TURNS, SESSION_IDLE, Load, Past, Speaker
from core.asking.writing import Turn
from core.ids import CreatorId, MessageId, StudentId

CONTEXT: Final = """
    SELECT m.question, m.answer
      FROM chat_messages m JOIN chat_sessions s ON s.creator_id = m.creator_id AND s.id = m.session_id
     WHERE s.creator_id = $1 AND s.student_id = $2 AND s.place = $3 AND s.ended_at IS NULL
       AND s.last_at > now() - $4::interval AND m.outcome <> 'refused'
     ORDER BY m.id DESC LIMIT $5
"""
END_SESSION: Final = """
    UPDATE chat_sessions SET ended_at = now()
     WHERE creator_id = $1 AND student_id = $2 AND place = $3 AND ended_at IS NULL
       AND ($4::interval IS NULL OR last_at <= now() - $4::interval)
    RETURNING id
"""
OPEN_SESSION: Final = """
    INSERT INTO chat_sessions (creator_id, student_id, place) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id, student_id, place) WHERE ended_at IS NULL DO UPDATE SET last_at = now()
    RETURNING id
"""
ADD_MESSAGE: Final = """
    INSERT INTO chat_messages (creator_id, session_id, student_id, question, answer, outcome, mode, confidence,
                               video_references, model, usage, timing_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id
"""
ADD_USAGE: Final = """
    INSERT INTO usage (creator_id, community_id, student_id, model, prompt_tokens, completion_tokens, cost_usd)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
HISTORY: Final = """
    SELECT id, creator_id, question, answer, outcome, video_references, created_at FROM chat_messages
     WHERE creator_id = $1 AND student_id = $2 ORDER BY id DESC LIMIT $3
"""
OWN_HISTORY: Final = """
    SELECT id, creator_id, question, answer, outcome, video_references, created_at FROM chat_messages
     WHERE student_id = $1 ORDER BY id DESC LIMIT $2
"""
VOTE: Final = """
    INSERT INTO votes (creator_id, message_id, student_id, helpful) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id, message_id, student_id) DO UPDATE SET helpful = $4, voted_at = now()
"""
LOAD: Final = """
    SELECT count(*) FILTER (WHERE student_id = $2 AND used_at > now() - interval '1 minute') AS by_person,
           count(*) FILTER (WHERE community_id = $3 AND used_at > now() - interval '1 minute') AS by_community,
           coalesce(sum(cost_usd) FILTER (WHERE used_at >= date_trunc('day', now(), 'UTC')), 0) AS cost
      FROM usage
     WHERE creator_id = $1 AND used_at >= least(date_trunc('day', now(), 'UTC'), now() - interval '1 minute')
"""
OWN_MESSAGES: Final = """
    SELECT creator_id, question, answer, outcome, video_references, created_at FROM chat_messages
     WHERE student_id = $1 ORDER BY id
"""
OWN_VOTES: Final = "SELECT creator_id, message_id, helpful, voted_at FROM votes WHERE student_id = $1"
OWN_SESSIONS: Final = "SELECT creator_id, place, started_at, ended_at FROM chat_sessions WHERE student_id = $1"
OWN_IDENTITIES: Final = "SELECT platform, external_id, display_name, username FROM identities WHERE student_id = $1"
OWN_ENROLMENTS: Final = """
    SELECT c.name, e.status, e.created_at, e.since FROM enrolments e JOIN creators c ON c.id = e.creator_id
     WHERE e.student_id = $1
"""


class PostgresConversations:
    """See :class:`core.asking.sessions.Conversations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def context(self, speaker: Speaker) -> tuple[Turn, ...]:
        """The last turns of the open session, oldest first."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            rows = await connection.fetch(
                CONTEXT, speaker.creator_id, speaker.student_id, speaker.place, SESSION_IDLE, CONTEXT_TURNS
            )
        return tuple(Turn(row["question"], row["answer"]) for row in reversed(rows))

    async def record(self, speaker: Speaker, question: str, answer: Answer) -> MessageId:
        """Store a question with its answer and what it used, in one transaction."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            key = (speaker.creator_id, speaker.student_id, speaker.place)
            await connection.execute(END_SESSION, *key, SESSION_IDLE)
            session_id = await connection.fetchval(OPEN_SESSION, *key)
            message_id = await connection.fetchval(
                ADD_MESSAGE, speaker.creator_id, session_id, speaker.student_id, question, answer.text,
                answer.outcome.value, answer.mode.value, answer.confidence.value,
                [asdict(citation) for citation in answer.citations], answer.model, asdict(answer.usage),
                dict(answer.timing_ms),
            )  # fmt: skip
            await self._count(connection, speaker, answer)
        return MessageId(message_id)

    async def _count(self, connection: Connection, speaker: Speaker, answer: Answer) -> None:
        usage = answer.usage
        await connection.execute(
            ADD_USAGE, speaker.creator_id, speaker.community_id, speaker.student_id, answer.model,
            usage.prompt_tokens, usage.completion_tokens, usage.cost_usd,
        )  # fmt: skip

    async def forget(self, speaker: Speaker) -> bool:
        """End the open session; False when there was none."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            key = (speaker.creator_id, speaker.student_id, speaker.place)
            return await connection.fetchval(END_SESSION, *key, None) is not None

    async def history(self, student_id: StudentId, creator_id: CreatorId | None, limit: int) -> list[Past]:
        """A person's own questions, newest first, with one creator or (None) with all."""
        if creator_id is None:
            async with self._database.student(student_id) as connection:
                rows = await connection.fetch(OWN_HISTORY, student_id, limit)
        else:
            async with self._database.creator(creator_id, student_id) as connection:
                rows = await connection.fetch(HISTORY, creator_id, student_id, limit)
        return [
            Past(
                MessageId(row["id"]), CreatorId(row["creator_id"]), row["question"], row["answer"], row["outcome"],
                tuple(row["video_references"]), row["created_at"],
            )
            for row in rows
        ]  # fmt: skip

    async def vote(self, speaker: Speaker, message_id: MessageId, *, helpful: bool) -> bool:
        """Keep a person's vote on an answer; False when there is no such answer."""
        try:
            async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
                await connection.execute(VOTE, speaker.creator_id, message_id, speaker.student_id, helpful)
        except asyncpg.ForeignKeyViolationError:
            return False
        return True

    async def load(self, speaker: Speaker) -> Load:
        """What the person, the community and the creator used lately."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            row = await connection.fetchrow(LOAD, speaker.creator_id, speaker.student_id, speaker.community_id)
        return Load(0, 0, 0.0) if row is None else Load(row["by_person"], row["by_community"], float(row["cost"]))

    async def export(self, student_id: StudentId) -> dict[str, Any]:
        """Everything that is kept of a student, as plain data with times as ISO 8601."""
        async with self._database.student(student_id) as connection:
            own = {
                "messages": await connection.fetch(OWN_MESSAGES, student_id),
                "votes": await connection.fetch(OWN_VOTES, student_id),
                "sessions": await connection.fetch(OWN_SESSIONS, student_id),
            }
        async with self._database.system() as connection:
            own["identities"] = await connection.fetch(OWN_IDENTITIES, student_id)
            own["enrolments"] = await connection.fetch(OWN_ENROLMENTS, student_id)
        return {name: [_plain(dict(row)) for row in rows] for name, rows in own.items()}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
