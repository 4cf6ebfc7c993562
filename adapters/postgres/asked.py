"""Questions without who asked them, on PostgreSQL under one creator's row-level security."""

from collections.abc import Mapping
from typing import Final

import asyncpg

from adapters.postgres.answer_cache import drop_withdrawn, tie_to_message
from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.outbox import place_to_json
from adapters.postgres.shelf import TOUCH_CORPUS
from core.asking.answer import Answer, Outcome
from core.asking.gaps import LOOKED_AT, Asked
from core.asking.sessions import Speaker
from core.asking.whereabouts import Community, asked_in, link_to
from core.conversation import Place, Reply, reply_to_json
from core.ids import CreatorId, MessageId
from core.library.knowledge import fold
from core.richtext import RichText

WITHDRAWN: Final = Reply(
    RichText.of("⚠️ The staff took this answer back, because it was wrong. A better one follows.")
)

ADD: Final = """
    INSERT INTO asked (creator_id, message_id, asker, question, folded, outcome, asked_in, cited)
    VALUES ($1, $2, hashtextextended($3::text, $1), $4, $5, $6, $7, $8)
"""
OWN_VOTE: Final = "SELECT helpful FROM votes WHERE creator_id = $1 AND message_id = $2 AND student_id = $3"
COUNT_VOTE: Final = """
    UPDATE asked SET unhelpful = greatest(unhelpful + $3, 0), helpful = greatest(helpful + $4, 0)
     WHERE creator_id = $1 AND message_id = $2
"""
UNANSWERED: Final = """
    SELECT message_id, asker, question, outcome, unhelpful, withdrawn_at IS NOT NULL AS withdrawn, asked_at,
           asked_in
      FROM asked a
     WHERE creator_id = $1 AND asked_at > now() - $2::interval
       AND (outcome IN ('abstained', 'closest') OR unhelpful > 0 OR withdrawn_at IS NOT NULL)
       AND NOT EXISTS (SELECT FROM knowledge_entries k
                         JOIN sources x ON x.creator_id = $1 AND x.id = k.source_id AND x.removed_at IS NULL
                        WHERE k.creator_id = $1 AND k.kind = 'qa' AND a.folded = ANY(k.folded))
     ORDER BY message_id DESC LIMIT $3
"""
COMMUNITIES: Final = "SELECT id, platform, external_id FROM communities WHERE creator_id = $1"
QUESTION: Final = "SELECT question FROM asked WHERE creator_id = $1 AND message_id = $2"
NOTE_SHOWN: Final = """
    UPDATE asked SET shown = $3 WHERE creator_id = $1 AND message_id = $2 RETURNING message_id
"""
WITHDRAW: Final = """
    UPDATE asked SET withdrawn_at = now() WHERE creator_id = $1 AND message_id = $2 AND withdrawn_at IS NULL
    RETURNING question, shown
"""
# A message that stands already: whoever delivers it edits it.
POST_EDIT: Final = """
    INSERT INTO outbox (creator_id, platform, place, content, message_id) VALUES ($1, $2, $3, $4, $5)
"""
PURGE_CLOSED: Final = "DELETE FROM escalations WHERE creator_id = $1 AND closed_at < now() - $2::interval"
PURGE: Final = "DELETE FROM asked WHERE creator_id = $1 AND asked_at < now() - $2::interval"


class PostgresAskedQuestions:
    """See :class:`core.asking.gaps.AskedQuestions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unanswered(self, creator_id: CreatorId, limit: int) -> list[Asked]:
        """The newest questions that were not answered, or badly, and that no pair answers by now; oldest first."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(UNANSWERED, creator_id, LOOKED_AT, limit)
            communities = await communities_of(connection, creator_id)
        return [asked_of(row, communities) for row in reversed(rows)]

    async def question(self, creator_id: CreatorId, message_id: MessageId) -> str | None:
        """The words of a question; None where they are not kept any more."""
        async with self._database.creator(creator_id) as connection:
            found: str | None = await connection.fetchval(QUESTION, creator_id, message_id)
        return found

    async def note_shown(self, creator_id: CreatorId, message_id: MessageId, place: Place, message: str) -> bool:
        """Note in which message of the platform an answer stands; False where its question is not kept any more."""
        shown = {"place": place_to_json(place), "message": message}
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(NOTE_SHOWN, creator_id, message_id, shown) is not None

    async def withdraw(self, creator_id: CreatorId, message_id: MessageId) -> str | None:
        """Take an answer back where it stands, and out of what is kept to be given again; the question."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(WITHDRAW, creator_id, message_id)
            if row is None:
                return None
            if row["shown"] and row["shown"]["message"]:
                place = row["shown"]["place"]
                async with system_role(connection):
                    await connection.execute(
                        POST_EDIT, creator_id, place["platform"], place, reply_to_json(WITHDRAWN),
                        row["shown"]["message"],
                    )  # fmt: skip
            await drop_withdrawn(connection, creator_id, row["question"])
            await connection.execute(TOUCH_CORPUS, creator_id)
        return str(row["question"])

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget what was asked longer ago than gaps are looked for, and what the staff were done with by then."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(PURGE, creator_id, LOOKED_AT)
            await connection.execute(PURGE_CLOSED, creator_id, LOOKED_AT)


async def communities_of(connection: Connection, creator_id: CreatorId) -> dict[int, Community]:
    """Inside a creator's transaction, their communities by id."""
    async with system_role(connection):
        rows = await connection.fetch(COMMUNITIES, creator_id)
    return {row["id"]: Community(row["platform"], row["external_id"]) for row in rows}


def asked_of(row: asyncpg.Record, communities: Mapping[int, Community]) -> Asked:
    """A question as it is grouped."""
    return Asked(
        MessageId(row["message_id"]), row["asker"], row["question"], Outcome(row["outcome"]), row["unhelpful"],
        row["withdrawn"], row["asked_at"], link_to(row["asked_in"], communities),
    )  # fmt: skip


async def note_asked(
    connection: Connection, speaker: Speaker, message_id: MessageId, question: str, answer: Answer
) -> None:
    """Inside the transaction of an answer, keep its question without who asked it."""
    if answer.outcome is not Outcome.REFUSED:
        await connection.execute(
            ADD, speaker.creator_id, message_id, str(speaker.student_id), question, fold(question),
            answer.outcome.value, asked_in(speaker),
            [[each.source_id, each.start_s] for each in answer.citations if each.source_id],
        )  # fmt: skip
        await tie_to_message(connection, speaker.creator_id, message_id, question)


async def count_vote(
    connection: Connection, speaker: Speaker, message_id: MessageId, *, helpful: bool
) -> None:  # fmt: skip
    """Inside the transaction of a vote and before it, count it where it changes anything."""
    before = await connection.fetchval(OWN_VOTE, speaker.creator_id, message_id, speaker.student_id)
    if before is not helpful:
        against, in_favour = int(not helpful) - int(before is False), int(helpful) - int(before is True)
        await connection.execute(COUNT_VOTE, speaker.creator_id, message_id, against, in_favour)
