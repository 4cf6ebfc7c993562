"""What creators pay, on PostgreSQL."""

from typing import Final

from adapters.postgres.database import Connection, Database
from adapters.postgres.names import names_of
from core.ids import CreatorId, StudentId
from core.rewards.rules import Rewards
from core.rewards.tariffs import Change, ChangeMade, tariff

CURRENT: Final = """
    SELECT DISTINCT ON (rule) rule, amount, most_a_day FROM reward_changes
     WHERE creator_id = $1 ORDER BY rule, id DESC
"""
LIMITS: Final = "SELECT per_day, per_month FROM issuance_limits WHERE creator_id = $1"
CHANGE: Final = """
    INSERT INTO reward_changes (creator_id, rule, amount, most_a_day, changed_by) VALUES ($1, $2, $3, $4, $5)
"""
CHANGES: Final = """
    SELECT rule, amount, most_a_day, changed_by, changed_at FROM reward_changes
     WHERE creator_id = $1 ORDER BY id DESC LIMIT $2
"""
LIMIT: Final = """
    INSERT INTO issuance_limits AS l (creator_id, per_day, per_month) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id) DO UPDATE
       SET per_day = coalesce(excluded.per_day, l.per_day), per_month = coalesce(excluded.per_month, l.per_month)
"""


class PostgresTariffs:
    """See :class:`core.rewards.tariffs.Tariffs`."""

    def __init__(self, database: Database, defaults: Rewards) -> None:
        self._database = database
        self.defaults: Rewards = defaults

    async def of(self, creator_id: CreatorId) -> Rewards:
        """What a creator pays, and how much it may issue."""
        async with self._database.creator(creator_id) as connection:
            return await tariff_of(connection, creator_id, self.defaults)

    async def change(self, creator_id: CreatorId, change: Change, by: StudentId) -> None:
        """Set a rule."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(CHANGE, creator_id, change.rule, change.amount, change.most_a_day, by)

    async def changes(self, creator_id: CreatorId, limit: int, platform: str) -> list[ChangeMade]:
        """The last changes, newest first, with the names of those who made them as read on a platform."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(CHANGES, creator_id, limit)
            names = await names_of(connection, [row["changed_by"] for row in rows], platform)
        return [
            ChangeMade(
                Change(row["rule"], row["amount"], row["most_a_day"]), names.get(row["changed_by"], ""),
                row["changed_at"],
            )
            for row in rows
        ]  # fmt: skip

    async def limit(self, creator_id: CreatorId, per_day: int | None, per_month: int | None) -> None:
        """Set how much a creator may issue; None leaves it as it is."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(LIMIT, creator_id, per_day, per_month)


async def tariff_of(connection: Connection, creator_id: CreatorId, defaults: Rewards) -> Rewards:
    """Inside a creator's transaction, what that creator pays."""
    rows = await connection.fetch(CURRENT, creator_id)
    limits = await connection.fetchrow(LIMITS, creator_id) or {"per_day": None, "per_month": None}
    changes = [Change(row["rule"], row["amount"], row["most_a_day"]) for row in rows]
    return tariff(defaults, changes, limits["per_day"], limits["per_month"])
