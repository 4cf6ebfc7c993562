"""Questions to the staff, on PostgreSQL under one creator's row-level security."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg
from pgvector import HalfVector

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.knowledge import write_entries
from adapters.postgres.notices import tell, tell_staff
from adapters.postgres.workflows import MOVE_CARD
from core.asking.escalations import (
    MOST_A_DAY,
    Asking,
    Escalation,
    Published,
    Put,
    Status,
    alike,
    answered_notice,
    staff_card,
)
from core.asking.sessions import Speaker
from core.conversation import Person, Place, reply_to_json
from core.errors import Refused, UploadRefused
from core.ids import CreatorId, EscalationId, MessageId, StudentId
from core.library.knowledge import LONGEST_QUESTION, Author, Entry, EntryKind, checked, fold, worded_anew
from core.richtext import one_line

OWN_QUESTION: Final = "SELECT question FROM chat_messages WHERE creator_id = $1 AND student_id = $2 AND id = $3"
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('escalations', $1))"
LATELY: Final = """
    SELECT count(*) FROM escalation_askers
     WHERE creator_id = $1 AND student_id = $2 AND asked_at > now() - interval '1 day'
"""
OPEN_ONES: Final = """
    SELECT a.escalation_id, a.question, 1 - (a.embedding <=> $3) AS cosine
      FROM escalation_askers a JOIN escalations e ON e.creator_id = a.creator_id AND e.id = a.escalation_id
     WHERE a.creator_id = $1 AND a.embedder = $2 AND e.status = 'open' AND a.withdrawn_at IS NULL
     ORDER BY a.embedding <=> $3 LIMIT 10
"""
OPEN_ALREADY: Final = """
    SELECT e.id FROM escalations e
     WHERE e.creator_id = $1 AND e.status = 'open'
       AND (e.question = $2 OR EXISTS (SELECT FROM escalation_askers a
                                        WHERE a.creator_id = $1 AND a.escalation_id = e.id AND a.question = $2))
     ORDER BY e.id LIMIT 1
"""
ADD: Final = "INSERT INTO escalations (creator_id, question) VALUES ($1, $2) RETURNING id"
WAITS_ALREADY: Final = """
    SELECT a.question FROM escalation_askers a
     WHERE a.creator_id = $1 AND a.escalation_id = $2 AND a.student_id = $3 AND a.withdrawn_at IS NULL
"""
ADD_ASKER: Final = """
    INSERT INTO escalation_askers (creator_id, escalation_id, student_id, question, embedder, embedding)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (creator_id, escalation_id, student_id)
    DO UPDATE SET question = excluded.question, embedder = excluded.embedder, embedding = excluded.embedding,
                  asked_at = now(), withdrawn_at = NULL
"""
# The words go with whoever takes them back.
TAKE_BACK: Final = """
    UPDATE escalation_askers SET withdrawn_at = now(), question = ''
     WHERE creator_id = $1 AND escalation_id = $2 AND student_id = $3 AND withdrawn_at IS NULL
       AND EXISTS (SELECT FROM escalations WHERE creator_id = $1 AND id = $2 AND status = 'open')
    RETURNING escalation_id
"""
SET_CARDS: Final = "UPDATE escalations SET card_ids = $3 WHERE creator_id = $1 AND id = $2"
HOLD: Final = """
    SELECT id, question, status, draft, card_ids FROM escalations WHERE creator_id = $1 AND id = $2 FOR UPDATE
"""
ASKERS: Final = """
    SELECT student_id, question FROM escalation_askers
     WHERE creator_id = $1 AND escalation_id = $2 AND withdrawn_at IS NULL ORDER BY asked_at, student_id
"""
WAITING: Final = "SELECT id FROM escalations WHERE creator_id = $1 AND status = 'open' ORDER BY id"
OF_CARD: Final = "SELECT id FROM escalations WHERE creator_id = $1 AND card_ids && $2::bigint[] ORDER BY id LIMIT 1"
CARDS_THERE: Final = """
    SELECT id FROM outbox
     WHERE creator_id = $1 AND platform = $2 AND $3 = ANY(string_to_array(message_id, ' '))
       AND (place ->> 'channel' = $4 OR (place ->> 'channel' = '' AND place ->> 'recipient' = $5))
"""
DRAFT: Final = "UPDATE escalations SET draft = $3, drafted_by = $4 WHERE creator_id = $1 AND id = $2"
CLOSE: Final = """
    UPDATE escalations SET status = $3, entry_id = coalesce($4, entry_id),
           closed_at = CASE WHEN $3 = 'open' THEN NULL ELSE now() END
     WHERE creator_id = $1 AND id = $2
"""


class PostgresEscalations:
    """See :class:`core.asking.escalations.Escalations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def own_question(self, speaker: Speaker, message_id: MessageId) -> str | None:
        """What this person asked; None where it is not theirs, or not kept any more."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            found: str | None = await connection.fetchval(
                OWN_QUESTION, speaker.creator_id, speaker.student_id, message_id
            )
        return found

    async def put(self, speaker: Speaker, asking: Asking) -> Put:
        """Put a question to the staff, on the card of one that is alike, or on a new one."""
        creator_id, student_id = speaker.creator_id, speaker.student_id
        vector = HalfVector(asking.vector)
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id)
            rows = await connection.fetch(OPEN_ONES, creator_id, asking.embedder_id, vector)
            same = next((r["escalation_id"] for r in rows if _same(r, asking.question)), None)
            again = same and await connection.fetchval(WAITS_ALREADY, creator_id, same, student_id) is not None
            if not again:
                await _require_patience(connection, creator_id, student_id)
            found = EscalationId(same or await connection.fetchval(ADD, creator_id, ""))
            await connection.execute(
                ADD_ASKER, creator_id, found, student_id, asking.question, asking.embedder_id, vector
            )
            reached = await _show(connection, creator_id, found)
            return Put(await _read(connection, creator_id, found), bool(again), reached)

    async def take_up(self, creator_id: CreatorId, question: str) -> Escalation:
        """Let the staff answer a question that nobody put to them."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id)
            known = await connection.fetchval(OPEN_ALREADY, creator_id, question)
            found = EscalationId(known or await connection.fetchval(ADD, creator_id, question))
            await _show(connection, creator_id, found)
            return await _read(connection, creator_id, found)

    async def take_back(self, speaker: Speaker, escalation_id: EscalationId) -> bool:
        """Forget that this person asked; False where they do not wait for an answer."""
        async with self._database.creator(speaker.creator_id, speaker.student_id) as connection:
            key = (speaker.creator_id, escalation_id)
            if await connection.fetchval(TAKE_BACK, *key, speaker.student_id) is None:
                return False
            left = await _read(connection, *key)
            if not left.wordings:
                await connection.execute(CLOSE, *key, Status.DISMISSED.value, None)
            await _show(connection, *key)
        return True

    async def waiting(self, creator_id: CreatorId, limit: int) -> list[Escalation]:
        """What waits for an answer, oldest first."""
        async with self._database.creator(creator_id) as connection:
            found = [EscalationId(row["id"]) for row in await connection.fetch(WAITING, creator_id)]
            read = [await _read(connection, creator_id, each) for each in found[: 2 * limit]]
        return [escalation for escalation in read if escalation.wordings][:limit]

    async def answered_card(
        self, creator_id: CreatorId, place: Place, person: Person, about: str
    ) -> EscalationId | None:
        """The question whose card a message replies to."""
        async with self._database.creator(creator_id) as connection:
            async with system_role(connection):
                rows = await connection.fetch(
                    CARDS_THERE, creator_id, place.platform, about, place.channel, person.external_id
                )
            found = await connection.fetchval(OF_CARD, creator_id, [row["id"] for row in rows]) if rows else None
        return None if found is None else EscalationId(found)

    async def draft(
        self, creator_id: CreatorId, escalation_id: EscalationId, text: str, author: StudentId
    ) -> Escalation | None:
        """Keep an answer to be approved, or none (empty); None where the question does not wait any more."""
        async with self._database.creator(creator_id) as connection:
            held = await connection.fetchrow(HOLD, creator_id, escalation_id)
            if held is None or held["status"] != Status.OPEN:
                return None
            await connection.execute(DRAFT, creator_id, escalation_id, text, author)
            await _show(connection, creator_id, escalation_id)
            return await _read(connection, creator_id, escalation_id)

    async def publish(self, author: Author, escalation_id: EscalationId) -> Published | None:
        """Make the draft everybody's answer and tell who waits; None where there is none, or it was published."""
        creator_id = author.creator_id
        async with self._database.creator(creator_id) as connection:
            await connection.execute(HOLD, creator_id, escalation_id)
            question = await _read(connection, creator_id, escalation_id)
            if question.status is not Status.OPEN or not (question.draft and question.wordings):
                return None
            entry = await _write(connection, author, question)
            await connection.execute(CLOSE, creator_id, escalation_id, Status.ANSWERED.value, entry.id)
            told = 0
            for asker in await connection.fetch(ASKERS, creator_id, escalation_id):
                notice = answered_notice(author.creator_name, asker["question"], question.draft)
                told += bool(await tell(connection, creator_id, StudentId(asker["student_id"]), notice))
            await _show(connection, creator_id, escalation_id)
        return Published(entry, told)

    async def set_status(
        self, creator_id: CreatorId, escalation_id: EscalationId, status: Status
    ) -> Escalation | None:
        """Dismiss what is open, or open what was dismissed; None where it is neither."""
        before = Status.OPEN if status is Status.DISMISSED else Status.DISMISSED
        async with self._database.creator(creator_id) as connection:
            held = await connection.fetchrow(HOLD, creator_id, escalation_id)
            if held is None or held["status"] != before:
                return None
            await connection.execute(CLOSE, creator_id, escalation_id, status.value, None)
            await _show(connection, creator_id, escalation_id)
            return await _read(connection, creator_id, escalation_id)


def _same(row: asyncpg.Record, question: str) -> bool:
    return fold(row["question"]) == fold(question) or alike(row["question"], question, row["cosine"])


async def _require_patience(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> None:
    if await connection.fetchval(LATELY, creator_id, student_id) >= MOST_A_DAY:
        raise Refused(f"You put {MOST_A_DAY} questions to the staff within a day. Please ask the next one tomorrow.")


async def _read(connection: Connection, creator_id: CreatorId, escalation_id: EscalationId) -> Escalation:
    row = await connection.fetchrow(HOLD, creator_id, escalation_id)
    if row is None:
        raise Refused("That question is not kept any more.")
    askers = await connection.fetch(ASKERS, creator_id, escalation_id)
    asked = [row["question"]] if row["question"] else []
    once: dict[str, str] = {}
    for text in (*asked, *(each["question"] for each in askers)):
        once.setdefault(fold(text), text)
    return Escalation(
        EscalationId(row["id"]), tuple(once.values()), len(askers), Status(row["status"]), row["draft"]
    )  # fmt: skip


async def _show(connection: Connection, creator_id: CreatorId, escalation_id: EscalationId) -> bool:
    """Bring the cards of a question up to date, or write them; whether there are any."""
    card = staff_card(await _read(connection, creator_id, escalation_id))
    held = await connection.fetchrow(HOLD, creator_id, escalation_id)
    cards: Sequence[int] = held["card_ids"] if held else ()
    if not cards:
        cards = await tell_staff(connection, creator_id, card)
        await connection.execute(SET_CARDS, creator_id, escalation_id, cards)
        return bool(cards)
    async with system_role(connection):
        for card_id in cards:
            await connection.execute(MOVE_CARD, card_id, reply_to_json(card))
    return True


async def _write(connection: Connection, author: Author, question: Escalation) -> Entry:
    """The pair that a draft becomes, asked in as many ways as are free."""
    asked = one_line(question.question)[:LONGEST_QUESTION]
    said = checked(EntryKind.PAIR, asked, question.draft)
    worded = said
    for other in question.wordings[1:]:
        worded = worded_anew(worded, other)
    try:
        entries = await write_entries(connection, author, [worded], over=True)
    except UploadRefused:  # another pair answers one of the other wordings
        entries = await write_entries(connection, author, [replace(said, wordings=())], over=True)
    return entries[0]
