"""Telling people what they did not ask for: an uploader that something failed, a student privately, the staff."""

from typing import Final

from adapters.postgres.database import Connection, system_role
from adapters.postgres.outbox import post
from core.conversation import Place, Reply, reply_to_json
from core.ids import CreatorId, StudentId
from core.library.announcing import Subject
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
# Where the creator has a community, so that the platform lets the bot write to its members.
PRIVATELY: Final = """
    SELECT i.platform, i.external_id FROM identities i
     WHERE i.student_id = $2 AND EXISTS (SELECT FROM communities c
                                          WHERE c.creator_id = $1 AND c.platform = i.platform)
     ORDER BY i.platform, i.external_id LIMIT 1
"""
STAFF_PLACES: Final = "SELECT place FROM announcements WHERE creator_id = $1 AND subject = $2 ORDER BY community_id"
OWNER: Final = "SELECT owner_id FROM creators WHERE id = $1"


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
    await post(connection, creator_id, Place(**to["place"]), reply_to_json(notice))


async def tell(connection: Connection, creator_id: CreatorId, student_id: StudentId, notice: Reply) -> list[int]:
    """Inside a creator's transaction, write to a student privately, where one of the creator's platforms can.

    Buttons stay; files do not. Whoever has no such account is not told.

    Returns:
        The ids of what was put into the outbox.
    """
    async with system_role(connection):
        to = await connection.fetchrow(PRIVATELY, creator_id, student_id)
    if to is None:
        return []
    place = Place(to["platform"], "", recipient=to["external_id"])
    return [await post(connection, creator_id, place, reply_to_json(notice))]


async def staff_platform(connection: Connection, creator_id: CreatorId) -> str:
    """Inside a creator's transaction, where the staff reads what :func:`tell_staff` writes; empty where nowhere."""
    rows = await connection.fetch(STAFF_PLACES, creator_id, Subject.STAFF.value)
    if rows:
        return Place(**rows[0]["place"]).platform
    async with system_role(connection):
        owner_id = await connection.fetchval(OWNER, creator_id)
        to = await connection.fetchrow(PRIVATELY, creator_id, owner_id)
    return "" if to is None else str(to["platform"])


async def tell_staff(connection: Connection, creator_id: CreatorId, notice: Reply) -> list[int]:
    """Inside a creator's transaction, write to the staff where /settings says, else to the owner.

    Returns:
        The ids of what was put into the outbox.
    """
    rows = await connection.fetch(STAFF_PLACES, creator_id, Subject.STAFF.value)
    if rows:
        content = reply_to_json(notice)
        return [await post(connection, creator_id, Place(**row["place"]), content) for row in rows]
    async with system_role(connection):
        owner_id = await connection.fetchval(OWNER, creator_id)
    return [] if owner_id is None else await tell(connection, creator_id, StudentId(owner_id), notice)
