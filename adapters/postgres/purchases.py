"""Purchases on PostgreSQL: what becomes of one and where its CHRONOS are changes in the same transaction.

So whoever is killed leaves a purchase held or done, never in between, and whoever comes next goes on from there.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import put_shop_work
from adapters.postgres.ledger import end_hold_for, hold_for, refund_spent
from adapters.postgres.names import names_of
from adapters.postgres.notices import staff_platform, tell, tell_staff
from adapters.postgres.offers import item_of
from adapters.postgres.perks import bring, end, forget_tiers
from adapters.postgres.roles import PostgresRoles, end_roles
from core.errors import Refused
from core.ids import CreatorId, PurchaseId, ShopItemId, StudentId
from core.rewards import shop_notices
from core.rewards.ledger import UNDECIDED_FOR, HoldEnd
from core.rewards.shop import (
    REMINDED_BEFORE,
    RESUMED_AFTER,
    WARNED_BEFORE,
    ItemKind,
    Purchase,
    PurchaseState,
    ends_at,
)

_PURCHASE: Final = """
    p.id, p.item_id, p.student_id, p.kind, p.name, p.price, i.description, p.community_id, p.role, p.tier, p.days,
    p.questions, i.starts_at, p.state, p.bought_at, p.failure, p.until
"""
_FROM: Final = "FROM purchases p JOIN shop_items i ON i.creator_id = p.creator_id AND i.id = p.item_id"
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('purchases of ' || $2::bigint, $1))"
KNOWN: Final = "SELECT id FROM purchases WHERE creator_id = $1 AND key = $2"
TIMES: Final = """
    SELECT count(*) FROM purchases
     WHERE creator_id = $1 AND student_id = $2 AND item_id = $3 AND state IN ('held', 'fulfilled')
"""
TAKE: Final = f"""
    WITH taken AS (
        UPDATE shop_items SET stock = stock - 1
         WHERE creator_id = $1 AND id = $3 AND version = $4 AND state = 'open' AND (stock IS NULL OR stock > 0)
           AND (sale_ends_at IS NULL OR sale_ends_at > $6) AND (starts_at IS NULL OR starts_at > $6)
           AND (per_student IS NULL OR per_student > ({TIMES}))
        RETURNING *
    )
    INSERT INTO purchases (creator_id, key, item_id, student_id, kind, name, price, community_id, role, tier, days,
                           questions, bought_at)
    SELECT creator_id, $5, id, $2, kind, name, price, community_id, role, tier, days, questions, $6 FROM taken
    RETURNING id
"""
ON_PLATFORM: Final = """
    SELECT m.platform FROM communities m
     WHERE m.id = $1 AND NOT EXISTS (SELECT FROM identities i WHERE i.student_id = $2 AND i.platform = m.platform)
"""
WHOSE: Final = "SELECT student_id FROM purchases WHERE creator_id = $1 AND id = $2"
ONE: Final = f"SELECT {_PURCHASE} {_FROM} WHERE p.creator_id = $1 AND p.id = $2"
LOCKED: Final = f"{ONE} FOR NO KEY UPDATE OF p"
OWN: Final = f"""
    SELECT {_PURCHASE} {_FROM} WHERE p.creator_id = $1 AND p.student_id = $2 ORDER BY p.id DESC LIMIT $3
"""
SALES: Final = f"""
    SELECT {_PURCHASE}, count(*) OVER () AS total {_FROM}
     WHERE p.creator_id = $1 AND ($2::bigint IS NULL OR p.item_id = $2) ORDER BY p.id DESC OFFSET $3 LIMIT $4
"""
LASTING: Final = """
    SELECT id FROM purchases
     WHERE creator_id = $1 AND item_id = $2
       AND (state = 'held' OR state = 'fulfilled' AND (until IS NULL OR until > $3))
     ORDER BY id
"""
COVERED_UNTIL: Final = """
    SELECT max(until) FROM purchases
     WHERE creator_id = $1 AND student_id = $2 AND kind = $3 AND kind IN ('role', 'tier') AND role = $4 AND tier = $5
       AND community_id IS NOT DISTINCT FROM $6::bigint AND state = 'fulfilled' AND until > $7
"""
FULFILLED: Final = """
    UPDATE purchases SET state = 'fulfilled', fulfilled_at = $3, until = $4 WHERE creator_id = $1 AND id = $2
"""
FAILED: Final = "UPDATE purchases SET state = 'failed', failure = $3, ended_at = $4 WHERE creator_id = $1 AND id = $2"
REFUNDED: Final = "UPDATE purchases SET state = 'refunded', ended_at = $3 WHERE creator_id = $1 AND id = $2"
RESTOCK: Final = "UPDATE shop_items SET stock = stock + 1 WHERE creator_id = $1 AND id = $2 AND stock IS NOT NULL"
LEFT: Final = """
    SELECT id FROM purchases
     WHERE creator_id = $1 AND state = 'held' AND asked_at IS NULL AND (kind = 'role' OR bought_at <= $2) ORDER BY id
"""
UNDECIDED: Final = """
    SELECT id FROM purchases
     WHERE creator_id = $1 AND state = 'held' AND kind = 'custom' AND asked_at <= $2 ORDER BY id
"""
_COVERED: Final = """
    EXISTS (SELECT FROM purchases o
             WHERE o.creator_id = p.creator_id AND o.student_id = p.student_id AND o.kind = p.kind
               AND o.kind IN ('role', 'tier') AND o.role = p.role AND o.tier = p.tier
               AND o.community_id IS NOT DISTINCT FROM p.community_id AND o.state = 'fulfilled' AND o.until > p.until)
"""
REMIND: Final = f"""
    UPDATE purchases p SET warned_at = $2 FROM shop_items i
     WHERE i.creator_id = p.creator_id AND i.id = p.item_id AND p.creator_id = $1 AND p.state = 'fulfilled'
       AND p.kind = 'place' AND p.warned_at IS NULL AND p.until > $2 AND p.until <= $2 + $3::interval
       AND p.fulfilled_at <= p.until - $3::interval
    RETURNING {_PURCHASE}
"""
WARN: Final = f"""
    UPDATE purchases p SET warned_at = $2 FROM shop_items i
     WHERE i.creator_id = p.creator_id AND i.id = p.item_id AND p.creator_id = $1 AND p.state = 'fulfilled'
       AND p.kind <> 'place' AND p.warned_at IS NULL AND p.until > $2 AND p.until <= $2 + $3::interval
       AND p.fulfilled_at < p.until - $3::interval AND NOT {_COVERED}
    RETURNING {_PURCHASE}
"""
ENDED: Final = f"""
    UPDATE purchases p SET ended_at = $2 FROM shop_items i
     WHERE i.creator_id = p.creator_id AND i.id = p.item_id AND p.creator_id = $1 AND p.state = 'fulfilled'
       AND p.ended_at IS NULL AND p.until <= $2
    RETURNING {_PURCHASE}, p.kind <> 'place' AND NOT {_COVERED} AS matters
"""


class _Unknown(Refused):
    """There is no such purchase."""

    def __init__(self) -> None:
        super().__init__("There is no such purchase here.")


class PostgresPurchases:
    """See :class:`core.rewards.shop.Purchases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def times_bought(self, creator_id: CreatorId, student_id: StudentId, offer_id: ShopItemId) -> int:
        """How often a student bought an item and did not get the CHRONOS back."""
        async with self._database.creator(creator_id, student_id) as connection:
            return int(await connection.fetchval(TIMES, creator_id, student_id, offer_id))

    async def take(
        self, creator_id: CreatorId, student_id: StudentId, offer_id: ShopItemId, version: int, key: str, at: datetime
    ) -> PurchaseId | None:
        """Set an item and its price aside, once for a key; None where it cannot be had as it was seen."""
        own_key = f"{student_id}:{key}"
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id, student_id)
            known = await connection.fetchval(KNOWN, creator_id, own_key)
            if known is not None:
                return PurchaseId(known)
            taken = await connection.fetchval(TAKE, creator_id, student_id, offer_id, version, own_key, at)
            if taken is None:
                return None
            purchase = _purchase(await connection.fetchrow(ONE, creator_id, taken))
            await _require_account(connection, purchase)
            await hold_for(connection, creator_id, student_id, purchase.key, purchase.reason, purchase.item.price)
            await put_shop_work(connection, creator_id, RESUMED_AFTER.total_seconds())
        return purchase.id

    async def fulfil(self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime) -> Purchase:
        """Bring what was bought and spend what was set aside, or give it back."""
        async with self._locked(creator_id, purchase_id) as (connection, purchase):
            return await _fulfil(connection, creator_id, purchase, at)

    async def decide(
        self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime, *, done: bool, platform: str = ""
    ) -> tuple[Purchase, bool]:
        """What the staff says of a perk that is theirs to do; the purchase, and whether that was new."""
        async with self._locked(creator_id, purchase_id, platform) as (connection, purchase):
            if purchase.state is not PurchaseState.HELD or purchase.item.kind is not ItemKind.CUSTOM:
                return purchase, False
            if done:
                decided = await _settle(connection, creator_id, purchase, at, None)
            else:
                decided = await _fail(connection, creator_id, purchase, "The staff cannot do that.", at)
            await _tell(connection, creator_id, decided)
            return decided, True

    async def give_back(
        self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime, *, by: StudentId, staff: bool,
        platform: str = "",
    ) -> Purchase:  # fmt: skip
        """Take a purchase back: what it brought ends, the CHRONOS return; one who is not staff, only their own."""
        async with self._locked(creator_id, purchase_id, platform) as (connection, purchase):
            if not staff and purchase.student_id != by:
                raise Refused("That is somebody else's.")
            if not staff and not purchase.may_be_returned(at):
                raise Refused("That cannot be given back any more.")
            if purchase.state is PurchaseState.HELD:
                who = "The staff" if staff else "You"
                returned = await _fail(connection, creator_id, purchase, f"{who} took it back.", at)
            elif purchase.state is PurchaseState.FULFILLED:
                returned = await _refund(connection, creator_id, purchase, at, by)
            else:
                raise Refused("Those CHRONOS were given back already.")
            if staff:
                await _tell(connection, creator_id, returned)
            return returned

    async def lasting(self, creator_id: CreatorId, offer_id: ShopItemId, at: datetime) -> Sequence[PurchaseId]:
        """The purchases of an item that are not over."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(LASTING, creator_id, offer_id, at)
        return [PurchaseId(row["id"]) for row in rows]

    async def purchase(self, creator_id: CreatorId, purchase_id: PurchaseId, platform: str) -> Purchase | None:
        """One purchase, with its student's name as read on a platform."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(ONE, creator_id, purchase_id)
            found = await _named(connection, rows, platform)
        return found[0] if found else None

    async def bought(self, creator_id: CreatorId, student_id: StudentId, limit: int) -> Sequence[Purchase]:
        """A student's purchases, newest first."""
        async with self._database.creator(creator_id, student_id) as connection:
            return [_purchase(row) for row in await connection.fetch(OWN, creator_id, student_id, limit)]

    async def sales(
        self, creator_id: CreatorId, offer_id: ShopItemId | None, *, platform: str, offset: int, limit: int
    ) -> tuple[Sequence[Purchase], int]:
        """What was bought, newest first, with the students' names; and how many in all."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(SALES, creator_id, offer_id, offset, limit)
            return await _named(connection, rows, platform), rows[0]["total"] if rows else 0

    async def all_due(self, creator_id: CreatorId, at: datetime) -> None:
        """Resume what was left in the middle, remind, warn, and end what is over."""
        async with self._database.creator(creator_id) as connection:
            left = await connection.fetch(LEFT, creator_id, at - RESUMED_AFTER)
            undecided = await connection.fetch(UNDECIDED, creator_id, at - UNDECIDED_FOR)
        due = [(self._resume, row) for row in left] + [(self._lapse, row) for row in undecided]
        failures: list[Exception] = []
        for move, row in due:
            try:
                await move(creator_id, PurchaseId(row["id"]), at)
            except Exception as error:  # noqa: BLE001 - raised below, once the others had their turn
                failures.append(error)
        await PostgresRoles(self._database).expire(creator_id, at)
        async with self._database.creator(creator_id) as connection:
            await forget_tiers(connection, creator_id, at)
            await _tell_of_time(connection, creator_id, at)
        if failures:
            raise ExceptionGroup("purchases could not be resumed", failures)

    async def _resume(self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime) -> None:
        with suppress(_Unknown):  # erased just now
            async with self._locked(creator_id, purchase_id) as (connection, purchase):
                resumed = await _fulfil(connection, creator_id, purchase, at)
                if resumed.state is not purchase.state:
                    await _tell(connection, creator_id, resumed)

    async def _lapse(self, creator_id: CreatorId, purchase_id: PurchaseId, at: datetime) -> None:
        """Give back what the staff left undone for long, and say so to both."""
        with suppress(_Unknown):
            async with self._locked(creator_id, purchase_id) as (connection, purchase):
                if purchase.state is PurchaseState.HELD:
                    why = f"The staff did not see to it within {UNDECIDED_FOR.days} days."
                    lapsed = await _fail(connection, creator_id, purchase, why, at)
                    await _tell(connection, creator_id, lapsed)
                    await tell_staff(connection, creator_id, shop_notices.lapsed(lapsed, UNDECIDED_FOR.days))

    @asynccontextmanager
    async def _locked(
        self, creator_id: CreatorId, purchase_id: PurchaseId, platform: str = ""
    ) -> AsyncIterator[tuple[Connection, Purchase]]:
        """A purchase that nobody else changes meanwhile, in the scope of its student."""
        async with self._database.creator(creator_id) as connection:
            whose = await connection.fetchval(WHOSE, creator_id, purchase_id)
        if whose is None:
            raise _Unknown
        async with self._database.creator(creator_id, StudentId(whose)) as connection:
            platform = platform or await staff_platform(connection, creator_id)
            found = await _named(connection, await connection.fetch(LOCKED, creator_id, purchase_id), platform)
            if not found:
                raise _Unknown
            yield connection, found[0]


async def _require_account(connection: Connection, purchase: Purchase) -> None:
    if purchase.item.kind is not ItemKind.ROLE:
        return
    async with system_role(connection):
        missing = await connection.fetchval(ON_PLATFORM, purchase.item.community_id, purchase.student_id)
    if missing:
        raise Refused(
            f"That is a role on {missing.title()}, and I do not know you there. Link your account there with /link."
        )


async def _fulfil(connection: Connection, creator_id: CreatorId, purchase: Purchase, at: datetime) -> Purchase:
    if purchase.state is not PurchaseState.HELD:
        return purchase
    until = ends_at(purchase.item, at, await _covered_until(connection, creator_id, purchase, at))
    try:
        async with connection.transaction():
            if not await bring(connection, creator_id, purchase, at, until):
                return purchase
            return await _settle(connection, creator_id, purchase, at, until)
    except Refused as refused:
        return await _fail(connection, creator_id, purchase, str(refused), at)


async def _covered_until(
    connection: Connection, creator_id: CreatorId, purchase: Purchase, at: datetime
) -> datetime | None:
    item = purchase.item
    until: datetime | None = await connection.fetchval(
        COVERED_UNTIL, creator_id, purchase.student_id, item.kind.value, item.role, item.tier, item.community_id, at
    )
    return until


async def _settle(
    connection: Connection, creator_id: CreatorId, purchase: Purchase, at: datetime, until: datetime | None
) -> Purchase:
    await end_hold_for(connection, creator_id, purchase.student_id, purchase.key, HoldEnd.SPEND)
    await connection.execute(FULFILLED, creator_id, purchase.id, at, until)
    return replace(purchase, state=PurchaseState.FULFILLED, until=until)


async def _fail(
    connection: Connection, creator_id: CreatorId, purchase: Purchase, failure: str, at: datetime
) -> Purchase:
    await end_hold_for(connection, creator_id, purchase.student_id, purchase.key, HoldEnd.RELEASE)
    await end_roles(connection, creator_id, purchase.student_id, purchase.source)
    await connection.execute(RESTOCK, creator_id, purchase.offer_id)
    await connection.execute(FAILED, creator_id, purchase.id, failure, at)
    return replace(purchase, state=PurchaseState.FAILED, failure=failure)


async def _refund(
    connection: Connection, creator_id: CreatorId, purchase: Purchase, at: datetime, by: StudentId
) -> Purchase:
    await end(connection, creator_id, purchase)
    await refund_spent(connection, creator_id, purchase.student_id, purchase.key, f"refund of {purchase.reason}", by)
    await connection.execute(RESTOCK, creator_id, purchase.offer_id)
    await connection.execute(REFUNDED, creator_id, purchase.id, at)
    return replace(purchase, state=PurchaseState.REFUNDED)


async def _tell(connection: Connection, creator_id: CreatorId, purchase: Purchase) -> None:
    notice = _NOTICES[purchase.state](purchase)
    await tell(connection, creator_id, purchase.student_id, notice)


_NOTICES: Final = {
    PurchaseState.FULFILLED: shop_notices.fulfilled,
    PurchaseState.FAILED: shop_notices.failed,
    PurchaseState.REFUNDED: shop_notices.refunded,
}


async def _tell_of_time(connection: Connection, creator_id: CreatorId, at: datetime) -> None:
    """Each once: what begins within the hour, what ends within the day, what has ended."""
    for row in await connection.fetch(REMIND, creator_id, at, REMINDED_BEFORE):
        await tell(connection, creator_id, row["student_id"], shop_notices.reminder(_purchase(row)))
    for row in await connection.fetch(WARN, creator_id, at, WARNED_BEFORE):
        await tell(connection, creator_id, row["student_id"], shop_notices.ends_soon(_purchase(row)))
    for row in await connection.fetch(ENDED, creator_id, at):
        if row["matters"]:
            await tell(connection, creator_id, row["student_id"], shop_notices.has_ended(_purchase(row)))


async def _named(connection: Connection, rows: Sequence[asyncpg.Record], platform: str) -> list[Purchase]:
    """Purchases with the names of who bought, as read on a platform."""
    names = await names_of(connection, [row["student_id"] for row in rows], platform)
    return [replace(_purchase(row), student_name=names.get(row["student_id"], "")) for row in rows]


def _purchase(row: asyncpg.Record | None) -> Purchase:
    assert row is not None  # noqa: S101 - the caller has just written or found it
    return Purchase(
        PurchaseId(row["id"]), ShopItemId(row["item_id"]), StudentId(row["student_id"]), item_of(row),
        PurchaseState(row["state"]), row["bought_at"], row["failure"], row["until"],
    )  # fmt: skip
