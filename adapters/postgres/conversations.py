"""Sessions, messages, votes and usage on PostgreSQL; row-level security holds each student to their own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import asyncpg

from adapters.postgres.acts import record_act
from adapters.postgres.asked import count_vote, note_asked
from adapters.postgres.database import Database
from adapters.postgres.memory import drop_ended, note_turn, note_vote
from adapters.postgres.spending import admit_question, settle_answer
from core.asking.answer import Answer, Outcome
from core.asking.holdings import Span
from core.asking.limits import Admission, Limits
from core.asking.sessions import CONTEXT_TURNS, SESSION_IDLE, Past, Speaker
from core.asking.writing import Turn
from core.errors import Refused
from core.ids import CreatorId, MessageId, SourceId, StudentId
from core.rewards.acts import Wording, question_asked

CONTEXT: Final = """
    SELECT m.question, m.answer, m.video_references
      FROM chat_messages m JOIN chat_sessions s ON s.creator_id = m.creator_id AND s.id = m.session_id
     WHERE s.creator_id = $1 AND s.student_id = $2 AND s.place = $3 AND s.ended_at IS NULL
       AND s.last_at > now() - $4::interval AND m.outcome <> 'refused'
       AND NOT EXISTS (SELECT FROM asked w
                        WHERE w.creator_id = m.creator_id AND w.message_id = m.id AND w.withdrawn_at IS NOT NULL)
       AND ($6::text[] IS NULL OR NOT EXISTS (
             SELECT FROM jsonb_array_elements(m.video_references) AS cited
               JOIN sources x ON x.creator_id = m.creator_id AND x.id = (cited ->> 'source_id')::bigint
              WHERE x.tier <> '' AND x.tier <> ALL($6)))
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
HISTORY: Final = """
    SELECT id, creator_id, question, answer, outcome, video_references, created_at FROM chat_messages
     WHERE creator_id = $1 AND student_id = $2 ORDER BY id DESC LIMIT $3
"""
OWN_HISTORY: Final = """
    SELECT id, creator_id, question, answer, outcome, video_references, created_at FROM chat_messages
     WHERE student_id = $1 ORDER BY id DESC LIMIT $2
"""
CREATOR_NAMES: Final = "SELECT id, name FROM creators WHERE id = ANY($1)"
VOTE: Final = """
    INSERT INTO votes (creator_id, message_id, student_id, helpful) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id, message_id, student_id) DO UPDATE SET helpful = $4, voted_at = now()
"""
OWN_MESSAGES: Final = """
    SELECT creator_id, question, answer, outcome, video_references, created_at FROM chat_messages
     WHERE student_id = $1 ORDER BY id
"""
OWN_VOTES: Final = "SELECT creator_id, message_id, helpful, voted_at FROM votes WHERE student_id = $1"
OWN_SESSIONS: Final = "SELECT creator_id, place, started_at, ended_at FROM chat_sessions WHERE student_id = $1"
OWN_TRANSACTIONS: Final = """
    SELECT t.creator_id, t.amount, t.type, t.source, t.metadata, t.created_at, n.note
      FROM token_transactions t
      LEFT JOIN transfers x ON x.creator_id = t.creator_id AND x.id = t.id
      LEFT JOIN transfer_notes n ON n.creator_id = t.creator_id AND n.key = x.key
     WHERE t.student_id = $1 ORDER BY t.id
"""
OWN_ACTS: Final = """
    SELECT creator_id, rule, done_at, words, characters, fingerprint, evidence, verdict FROM learning_acts
     WHERE student_id = $1 ORDER BY id
"""
OWN_STREAKS: Final = """
    SELECT creator_id, settled_on, days, best, began, freezes FROM streaks WHERE student_id = $1
"""
OWN_DAYS: Final = "SELECT creator_id, day, kind FROM learning_days WHERE student_id = $1 ORDER BY day"
OWN_FLAGS: Final = "SELECT creator_id, reason, flagged_at, cleared_at FROM flags WHERE student_id = $1 ORDER BY id"
OWN_ZONE: Final = "SELECT timezone, timezone_before, timezone_changed_at FROM students WHERE id = $1"
OWN_REDEMPTIONS: Final = """
    SELECT creator_id, rail, chronos, cents, currency, destination, state, reason, receipt, asked_at, ended_at
      FROM redemptions WHERE student_id = $1 ORDER BY id
"""
OWN_CREDITS: Final = "SELECT creator_id, cents, currency, given_at FROM platform_credits WHERE student_id = $1"
OWN_TARGETS: Final = """
    SELECT kind, destination, proposed_at, usable_from FROM payout_targets WHERE student_id = $1 ORDER BY id
"""
OWN_SEASONS: Final = """
    SELECT creator_id, season_id, earned FROM season_standings WHERE student_id = $1 ORDER BY season_id
"""
OWN_UNRANKED: Final = "SELECT creator_id FROM unranked WHERE student_id = $1"
OWN_QUIZZES: Final = """
    SELECT creator_id, quiz_id, version, preview, answers, started_at, finished_at, correct, passed
      FROM quiz_attempts WHERE student_id = $1 ORDER BY id
"""
OWN_SUBMISSIONS: Final = """
    SELECT creator_id, title, words, link, file_name, state, reason, submitted_at, reviewed_at FROM submissions
     WHERE student_id = $1 ORDER BY id
"""
OWN_ESCALATIONS: Final = """
    SELECT creator_id, question, asked_at, withdrawn_at FROM escalation_askers WHERE student_id = $1 ORDER BY asked_at
"""
OWN_WATCHED: Final = """
    SELECT creator_id, source_id, opened_at, beat_at, position_s, covered, wall_s, beats, done_at FROM watched
     WHERE student_id = $1 ORDER BY opened_at
"""
OWN_CHECKS: Final = """
    SELECT creator_id, source_id, made_at, answers FROM watch_checks WHERE student_id = $1 ORDER BY id
"""
OWN_PURCHASES: Final = """
    SELECT creator_id, name, kind, price, state, failure, bought_at, fulfilled_at, until FROM purchases
     WHERE student_id = $1 ORDER BY id
"""
OWN_SUMMARIES: Final = "SELECT creator_id, text, lexical, made_at FROM session_summaries WHERE student_id = $1"
OWN_MEMORIES: Final = "SELECT creator_id, kind, text, at FROM remembered WHERE student_id = $1 ORDER BY id"
OWN_CHOICES: Final = "SELECT creator_id, wanted FROM memory_choices WHERE student_id = $1"
OWN_WISHES: Final = "SELECT language, level, length, voice FROM preferences WHERE student_id = $1"
OWN_ROLES: Final = "SELECT creator_id, role, source, until, status FROM wanted_roles WHERE student_id = $1"
OWN_CALLS: Final = """
    SELECT creator_id, purpose, model, prompt_tokens, completion_tokens, cached_tokens, first_word_ms, took_ms,
           called_at
      FROM model_calls WHERE student_id = $1 ORDER BY id
"""
OWN_IDENTITIES: Final = """
    SELECT platform, external_id, display_name, username, linked_at FROM identities WHERE student_id = $1
"""
OWN_ENROLMENTS: Final = """
    SELECT c.name, e.status, e.tier, e.source, e.grace_until, e.created_at, e.since
      FROM enrolments e JOIN creators c ON c.id = e.creator_id
     WHERE e.student_id = $1
"""
OWN_ENROLMENT_CHANGES: Final = """
    SELECT c.name, h.changed_at, h.source, h.status, h.tier
      FROM enrolment_changes h JOIN creators c ON c.id = h.creator_id WHERE h.student_id = $1 ORDER BY h.id
"""
OWN_MEMBERSHIPS: Final = """
    SELECT m.id, c.name, m.product_id, m.tier, m.status, m.stated_at
      FROM whop_memberships m JOIN identities i ON i.platform = 'whop' AND i.external_id = m.user_id
      JOIN creators c ON c.id = m.creator_id WHERE i.student_id = $1 ORDER BY m.id
"""


class PostgresConversations:
    """See :class:`core.asking.sessions.Conversations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def context(self, speaker: Speaker) -> tuple[Turn, ...]:
        """The last turns of the open session, oldest first; see the port for those left out."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            rows = await connection.fetch(
                CONTEXT, speaker.creator_id, speaker.student_id, speaker.place, SESSION_IDLE, CONTEXT_TURNS,
                speaker.tiers,
            )  # fmt: skip
        return tuple(Turn(row["question"], row["answer"], _cited(row["video_references"])) for row in reversed(rows))

    async def admit(self, speaker: Speaker, limits: Limits) -> Admission:
        """Count a question, or refuse it; see :meth:`core.asking.sessions.Conversations.admit`."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            admitted = await admit_question(
                connection, speaker.creator_id, speaker.student_id, speaker.community_id, limits
            )
        return _let_in(admitted)

    async def admit_operator(self, creator_id: CreatorId, limits: Limits) -> Admission:
        """Count a question from the shell."""
        async with self._database.creator(creator_id) as connection:
            admitted = await admit_question(connection, creator_id, None, None, limits)
        return _let_in(admitted)

    async def record(self, speaker: Speaker, question: str, answer: Answer, admission: Admission) -> MessageId:
        """Store a question with its answer, what it used and what it may earn, in one transaction."""
        wording = await asyncio.to_thread(Wording.of, question) if answer.grounded and speaker.earns else None
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
            await note_asked(connection, speaker, MessageId(message_id), question, answer)
            await drop_ended(connection, speaker)
            await note_turn(connection, speaker, session_id, question, answer)
            await settle_answer(connection, speaker.creator_id, answer, admission, MessageId(message_id))
            if wording is not None:
                await record_act(connection, question_asked(speaker, MessageId(message_id), wording))
        return MessageId(message_id)

    async def settle(self, creator_id: CreatorId, answer: Answer, admission: Admission) -> None:
        """Store what an answer used."""
        async with self._database.creator(creator_id) as connection:
            await settle_answer(connection, creator_id, answer, admission)

    async def forget(self, speaker: Speaker) -> bool:
        """End the open session; False when there was none."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            key = (speaker.creator_id, speaker.student_id, speaker.place)
            ended = await connection.fetchval(END_SESSION, *key, None) is not None
            await drop_ended(connection, speaker)
        return ended

    async def history(self, student_id: StudentId, creator_id: CreatorId | None, limit: int) -> list[Past]:
        """A person's own questions, newest first, with one creator or (None) with all."""
        if creator_id is None:
            async with self._database.student(student_id) as connection:
                rows = await connection.fetch(OWN_HISTORY, student_id, limit)
        else:
            async with self._database.creator(creator_id, student_id) as connection:
                rows = await connection.fetch(HISTORY, creator_id, student_id, limit)
        async with self._database.system() as connection:
            found = await connection.fetch(CREATOR_NAMES, [row["creator_id"] for row in rows])
        names = {row["id"]: row["name"] for row in found}
        return [_past(row, names[row["creator_id"]]) for row in rows]

    async def vote(self, speaker: Speaker, message_id: MessageId, *, helpful: bool) -> bool:
        """Keep a person's vote on an answer; False when there is no such answer."""
        try:
            async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
                await count_vote(connection, speaker, message_id, helpful=helpful)
                await connection.execute(VOTE, speaker.creator_id, message_id, speaker.student_id, helpful)
                await note_vote(connection, speaker, message_id, helpful=helpful)
        except asyncpg.ForeignKeyViolationError:
            return False
        return True

    async def export(self, student_id: StudentId) -> dict[str, Any]:
        """Everything that is kept of a student, as plain data with times as ISO 8601."""
        async with self._database.student(student_id) as connection:
            own = {
                "messages": await connection.fetch(OWN_MESSAGES, student_id),
                "votes": await connection.fetch(OWN_VOTES, student_id),
                "sessions": await connection.fetch(OWN_SESSIONS, student_id),
                "chronos": await connection.fetch(OWN_TRANSACTIONS, student_id),
                "asked_the_staff": await connection.fetch(OWN_ESCALATIONS, student_id),
                "learning_acts": await connection.fetch(OWN_ACTS, student_id),
                "streaks": await connection.fetch(OWN_STREAKS, student_id),
                "flags": await connection.fetch(OWN_FLAGS, student_id),
                "learning_days": await connection.fetch(OWN_DAYS, student_id),
                "redemptions": await connection.fetch(OWN_REDEMPTIONS, student_id),
                "platform_credits": await connection.fetch(OWN_CREDITS, student_id),
                "seasons": await connection.fetch(OWN_SEASONS, student_id),
                "hidden_in_rankings_of": await connection.fetch(OWN_UNRANKED, student_id),
                "quizzes": await connection.fetch(OWN_QUIZZES, student_id),
                "projects": await connection.fetch(OWN_SUBMISSIONS, student_id),
                "watched": await connection.fetch(OWN_WATCHED, student_id),
                "watch_checks": await connection.fetch(OWN_CHECKS, student_id),
                "purchases": await connection.fetch(OWN_PURCHASES, student_id),
                "roles": await connection.fetch(OWN_ROLES, student_id),
                "earlier_talk": await connection.fetch(OWN_SUMMARIES, student_id),
                "remembered": await connection.fetch(OWN_MEMORIES, student_id),
                "wants_to_be_remembered": await connection.fetch(OWN_CHOICES, student_id),
                "model_calls": await connection.fetch(OWN_CALLS, student_id),
            }
        async with self._database.system() as connection:
            own["preferences"] = await connection.fetch(OWN_WISHES, student_id)
            own["time_zone"] = await connection.fetch(OWN_ZONE, student_id)
            own["identities"] = await connection.fetch(OWN_IDENTITIES, student_id)
            own["payout_targets"] = await connection.fetch(OWN_TARGETS, student_id)
            own["enrolments"] = await connection.fetch(OWN_ENROLMENTS, student_id)
            own["enrolment_changes"] = await connection.fetch(OWN_ENROLMENT_CHANGES, student_id)
            own["memberships"] = await connection.fetch(OWN_MEMBERSHIPS, student_id)
        return {name: [_plain(dict(row)) for row in rows] for name, rows in own.items()}


def _cited(references: Sequence[Mapping[str, Any]]) -> tuple[Span, ...]:
    """The units that an answer rests on; those of what the staff wrote, and of old answers, are not known."""
    known = (reference for reference in references if reference.get("first", -1) >= 0)
    return tuple(Span(SourceId(each["source_id"]), each["first"], each["last"]) for each in known)


def _past(row: asyncpg.Record, creator_name: str) -> Past:
    return Past(
        MessageId(row["id"]), CreatorId(row["creator_id"]), creator_name, row["question"], row["answer"],
        Outcome(row["outcome"]), tuple(row["video_references"]), row["created_at"],
    )  # fmt: skip


def _let_in(admitted: Admission | Refused) -> Admission:
    if isinstance(admitted, Refused):
        raise admitted
    return admitted


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
