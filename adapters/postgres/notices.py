"""Telling the uploader that something failed: the edit of a card makes no notification, a message does."""

from typing import Final

from adapters.postgres.database import Connection, system_role
from core.conversation import reply_to_json
from core.ids import CreatorId
from core.library.cards import Batch, failure_notice
from core.richtext import member

SEEN_AT_ONCE: Final = ("terminal", "web")
"""Where whoever uploaded it looks at the card."""
TELL: Final = """
    UPDATE items i SET told = true FROM sources s
     WHERE i.creator_id = $1 AND i.workflow_id = $2 AND i.stage = 'failed' AND NOT i.told
       AND s.creator_id = i.creator_id AND s.id = i.source_id AND s.removed_at IS NULL
    RETURNING i.id
"""
UPLOADER: Final = "SELECT uploader_id, card_id FROM workflows WHERE creator_id = $1 AND id = $2"
IDENTITY: Final = """
    SELECT o.platform, o.place, i.external_id, i.display_name
      FROM outbox o JOIN identities i ON i.platform = o.platform AND i.student_id = $2
     WHERE o.id = $1 AND o.creator_id = $3
     LIMIT 1
"""
SEND: Final = "INSERT INTO outbox (creator_id, platform, place, content) VALUES ($1, $2, $3, $4)"


async def tell_uploader(connection: Connection, creator_id: CreatorId, batch: Batch) -> None:
    """Inside a creator's transaction, once all work of a workflow ended, say what failed and was not said before."""
    told = await connection.fetch(TELL, creator_id, batch.id)
    if told:
        await _say(connection, creator_id, batch, len(told))


async def _say(connection: Connection, creator_id: CreatorId, batch: Batch, count: int) -> None:
    workflow = await connection.fetchrow(UPLOADER, creator_id, batch.id)
    if workflow is None or workflow["uploader_id"] is None or workflow["card_id"] is None:
        return
    async with system_role(connection):
        to = await connection.fetchrow(IDENTITY, workflow["card_id"], workflow["uploader_id"], creator_id)
        if to is None or to["platform"] in SEEN_AT_ONCE:
            return
        notice = failure_notice(batch, count, member(to["external_id"], to["display_name"]))
        await connection.execute(SEND, creator_id, to["platform"], to["place"], reply_to_json(notice))
