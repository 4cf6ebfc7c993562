"""What buying brings, on PostgreSQL: begun and ended inside the transaction that moves the CHRONOS."""

from datetime import datetime
from typing import Final

from adapters.postgres.database import Connection, system_role
from adapters.postgres.jobs import put_shop_work
from adapters.postgres.notices import tell_staff
from adapters.postgres.roles import end_roles, role_status, want_role
from adapters.postgres.streaks import add_freeze
from core.errors import Refused
from core.ids import CreatorId
from core.rewards import shop_notices
from core.rewards.shop import REMINDED_BEFORE, ItemKind, Purchase, moment

OPEN_TIER: Final = """
    INSERT INTO bought_tiers (creator_id, student_id, purchase_id, tier, until) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (creator_id, student_id, purchase_id) DO NOTHING
"""
CLOSE_TIER: Final = "DELETE FROM bought_tiers WHERE creator_id = $1 AND student_id = $2 AND purchase_id = $3"
FORGET_TIERS: Final = "DELETE FROM bought_tiers WHERE creator_id = $1 AND until <= $2"
ASK_STAFF: Final = """
    UPDATE purchases SET asked_at = $3 WHERE creator_id = $1 AND id = $2 AND asked_at IS NULL RETURNING id
"""
TAKE_FREEZE: Final = """
    UPDATE streaks SET freezes = freezes - 1 WHERE creator_id = $1 AND student_id = $2 AND freezes > 0
    RETURNING freezes
"""


async def bring(
    connection: Connection, creator_id: CreatorId, purchase: Purchase, at: datetime, until: datetime | None
) -> bool:
    """Give what was bought; False where it has to be waited for.

    Raises:
        Refused: it cannot be given.
    """
    match purchase.item.kind:
        case ItemKind.ROLE:
            return await _bring_role(connection, creator_id, purchase, until)
        case ItemKind.TIER:
            async with system_role(connection):
                await connection.execute(
                    OPEN_TIER, creator_id, purchase.student_id, purchase.id, purchase.item.tier, until
                )
        case ItemKind.FREEZE:
            await add_freeze(connection, creator_id, purchase.student_id)
        case ItemKind.PLACE:
            await _bring_place(connection, creator_id, at, until)
        case ItemKind.CUSTOM:
            if await connection.fetchval(ASK_STAFF, creator_id, purchase.id, at):
                await tell_staff(connection, creator_id, shop_notices.to_be_done(creator_id, purchase))
            return False
        case ItemKind.QUESTIONS:
            pass  # purchases that last are counted where questions are
    return True


async def _bring_role(
    connection: Connection, creator_id: CreatorId, purchase: Purchase, until: datetime | None
) -> bool:
    """A role is there once the platform gave it; its time begins then."""
    item, student_id = purchase.item, purchase.student_id
    status = await role_status(connection, creator_id, student_id, purchase.source)
    if status == "failed" or item.community_id is None:
        raise Refused("That role could not be given; the staff was told.")
    if status != "asked":
        lasts_until = until if status == "given" else None
        await want_role(
            connection, creator_id, item.community_id, student_id, item.role, purchase.source, lasts_until
        )
    return status == "given"


async def _bring_place(
    connection: Connection, creator_id: CreatorId, at: datetime, begins_at: datetime | None
) -> None:
    if begins_at is None or begins_at <= at:
        raise Refused(f"That session began at {moment(begins_at)}.")
    await put_shop_work(connection, creator_id, (begins_at - REMINDED_BEFORE - at).total_seconds())


async def end(connection: Connection, creator_id: CreatorId, purchase: Purchase) -> None:
    """Take what was bought, before its time.

    Raises:
        Refused: it was used up.
    """
    match purchase.item.kind:
        case ItemKind.ROLE:
            await end_roles(connection, creator_id, purchase.student_id, purchase.source)
        case ItemKind.TIER:
            async with system_role(connection):
                await connection.execute(CLOSE_TIER, creator_id, purchase.student_id, purchase.id)
        case ItemKind.FREEZE:
            if await connection.fetchval(TAKE_FREEZE, creator_id, purchase.student_id) is None:
                raise Refused("That freeze was used already, so it cannot be taken back.")
        case _:
            pass  # of these there is nothing but the purchase


async def forget_tiers(connection: Connection, creator_id: CreatorId, at: datetime) -> None:
    """Delete what opens nothing any more."""
    async with system_role(connection):
        await connection.execute(FORGET_TIERS, creator_id, at)
