"""What creators sell, on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import put_shop_work
from adapters.postgres.notices import tell
from core.errors import Refused
from core.ids import CommunityId, CreatorId, PurchaseId, ShopItemId, StudentId
from core.rewards import shop_notices
from core.rewards.shop import REMINDED_BEFORE, Item, ItemKind, Offer, OfferState, Purchase, PurchaseState

_OFFER: Final = """
    id, kind, name, price, description, community_id, role, tier, days, questions, starts_at, stock, per_student,
    sale_ends_at, state, version
"""
OPEN: Final = f"""
    SELECT {_OFFER} FROM shop_items
     WHERE creator_id = $1 AND state = 'open' AND (starts_at IS NULL OR starts_at > now())
       AND (sale_ends_at IS NULL OR sale_ends_at > now())
     ORDER BY price, id
"""
ALL: Final = f"""
    SELECT {_OFFER} FROM shop_items WHERE creator_id = $1 AND state <> 'deleted' ORDER BY id DESC
"""
ONE: Final = f"SELECT {_OFFER} FROM shop_items WHERE creator_id = $1 AND id = $2"
ADD: Final = f"""
    INSERT INTO shop_items (creator_id, kind, name, price, description, community_id, role, tier, days, questions,
                            starts_at, stock, per_student, sale_ends_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING {_OFFER}
"""
CHANGE: Final = f"""
    UPDATE shop_items
       SET name = $4, price = $5, description = $6, community_id = $7, role = $8, tier = $9, days = $10,
           questions = $11, starts_at = $12, stock = CASE WHEN $16 THEN $13::integer ELSE stock END,
           per_student = $14, sale_ends_at = $15, version = version + 1
     WHERE creator_id = $1 AND id = $2 AND version = $3 RETURNING {_OFFER}
"""
SET_STATE: Final = f"UPDATE shop_items SET state = $3 WHERE creator_id = $1 AND id = $2 RETURNING {_OFFER}"
MOVE: Final = """
    UPDATE purchases SET until = $3, warned_at = NULL
     WHERE creator_id = $1 AND item_id = $2 AND state = 'fulfilled'
    RETURNING id, student_id, bought_at
"""


class PostgresOffers:
    """See :class:`core.rewards.shop.Offers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offers(self, creator_id: CreatorId, *, everything: bool) -> Sequence[Offer]:
        """What there is to buy, cheapest first; ``everything``: also what is hidden, newest first."""
        async with self._database.creator(creator_id) as connection:
            return [_offer(row) for row in await connection.fetch(ALL if everything else OPEN, creator_id)]

    async def offer(self, creator_id: CreatorId, offer_id: ShopItemId) -> Offer | None:
        """One item, also a hidden or deleted one."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(ONE, creator_id, offer_id)
        return None if row is None else _offer(row)

    async def add(self, creator_id: CreatorId, item: Item) -> Offer:
        """Sell something from now on."""
        async with self._database.creator(creator_id) as connection:
            (row,) = await connection.fetch(
                ADD, creator_id, item.kind.value, item.name, item.price, item.description, item.community_id,
                item.role, item.tier, item.days, item.questions, item.starts_at, item.stock, item.per_student,
                item.sale_ends_at,
            )  # fmt: skip
        return _offer(row)

    async def change(self, creator_id: CreatorId, offer: Offer, item: Item, at: datetime) -> Offer:
        """Sell it differently; who has a place in a session that was moved is told."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(
                CHANGE, creator_id, offer.id, offer.version, item.name, item.price, item.description,
                item.community_id, item.role, item.tier, item.days, item.questions, item.starts_at, item.stock,
                item.per_student, item.sale_ends_at, item.stock != offer.item.stock,
            )  # fmt: skip
            if row is None:
                raise Refused("Somebody else changed it just now. Look at it again, please.")
            changed = _offer(row)
            if changed.item.starts_at != offer.item.starts_at:
                await _move(connection, creator_id, changed, at)
        return changed

    async def set_state(self, creator_id: CreatorId, offer_id: ShopItemId, state: OfferState) -> Offer | None:
        """Hide, show or delete an item; None where there is none."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(SET_STATE, creator_id, offer_id, state.value)
        return None if row is None else _offer(row)


async def _move(connection: Connection, creator_id: CreatorId, offer: Offer, at: datetime) -> None:
    """A session is at another time: who has a place is told, and reminded then."""
    for row in await connection.fetch(MOVE, creator_id, offer.id, offer.item.starts_at):
        purchase = Purchase(
            PurchaseId(row["id"]), offer.id, StudentId(row["student_id"]), offer.item, PurchaseState.FULFILLED,
            row["bought_at"], until=offer.item.starts_at,
        )  # fmt: skip
        await tell(connection, creator_id, purchase.student_id, shop_notices.moved(purchase))
    if offer.item.starts_at is not None:
        await put_shop_work(connection, creator_id, (offer.item.starts_at - REMINDED_BEFORE - at).total_seconds())


def item_of(row: asyncpg.Record) -> Item:
    """What is sold, without its terms."""
    return Item(
        ItemKind(row["kind"]), row["name"], row["price"], row["description"],
        None if row["community_id"] is None else CommunityId(row["community_id"]), row["role"], row["tier"],
        row["days"], row["questions"], row["starts_at"],
    )  # fmt: skip


def _offer(row: asyncpg.Record) -> Offer:
    item = replace(item_of(row), stock=row["stock"], per_student=row["per_student"], sale_ends_at=row["sale_ends_at"])
    return Offer(ShopItemId(row["id"]), item, OfferState(row["state"]), row["version"])
