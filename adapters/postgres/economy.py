"""A creator's economy on PostgreSQL: what is added up by day, and the books for what came since."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from adapters.postgres.database import Connection, Database
from adapters.postgres.standings import FLOWS, added_up
from core.ids import CreatorId
from core.rewards.economy import (
    ISSUED,
    REDEEMED,
    SPENT,
    Economy,
    Movement,
    last_weeks,
    rule_totals,
    sum_of,
)
from core.rewards.ledger import Budget

ADDED: Final = f"""
    SELECT day, flow, rule, times, amount FROM movements WHERE creator_id = $1
     UNION ALL
    SELECT day, flow, rule, times, amount FROM ({FLOWS}) AS moved
"""
ASIDE: Final = """
    SELECT coalesce(sum(balance) FILTER (WHERE kind = 'held'), 0)::bigint AS held,
           coalesce(-sum(balance) FILTER (WHERE kind = 'owed'), 0)::bigint AS owed
      FROM accounts WHERE creator_id = $1 AND kind IN ('held', 'owed')
"""
GIVEN: Final = """
    SELECT coalesce(sum(given) FILTER (WHERE period = 'day' AND starts_on = $2), 0)::bigint AS today,
           coalesce(sum(given) FILTER (WHERE period = 'month' AND starts_on = date_trunc('month', $2::date)), 0)
             ::bigint AS this_month
      FROM issuance_periods WHERE creator_id = $1
"""
# What lies in the purses of earlier days of this month goes back to it.
IN_PURSES: Final = """
    SELECT coalesce(sum(remaining) FILTER (WHERE day = $2), 0)::bigint AS today,
           coalesce(sum(remaining), 0)::bigint AS this_month
      FROM issuance_purses WHERE creator_id = $1 AND day >= date_trunc('month', $2::date) AND day <= $2
"""


class PostgresEconomies:
    """See :class:`core.rewards.economy.Economies`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def economy(self, creator_id: CreatorId, budget: Budget, now: datetime) -> Economy:
        """A creator's economy, as of one moment."""
        today = now.astimezone(UTC).date()
        async with self._database.creator(creator_id, frozen=True) as connection:
            movements = await moved(connection, creator_id, today)
            aside = await connection.fetchrow(ASIDE, creator_id)
            left_today, left_this_month = await _left(connection, creator_id, budget, today)
        held, owed = (aside["held"], aside["owed"]) if aside else (0, 0)
        return Economy(
            sum_of(movements, ISSUED),
            sum_of(movements, SPENT),
            sum_of(movements, REDEEMED),
            held,
            owed,
            left_today,
            left_this_month,
            rule_totals(movements),
            last_weeks(movements, today),
        )


async def moved(connection: Connection, creator_id: CreatorId, today: date) -> list[Movement]:
    """Everything that moved in a creator's books, by day, flow and rule."""
    since = await added_up(connection, creator_id)
    rows = await connection.fetch(ADDED, creator_id, since, today + timedelta(days=1))
    return [Movement(row["day"], row["flow"], row["rule"], row["times"], row["amount"]) for row in rows]


async def _left(connection: Connection, creator_id: CreatorId, budget: Budget, today: date) -> tuple[int, int]:
    given = await connection.fetchrow(GIVEN, creator_id, today)
    purses = await connection.fetchrow(IN_PURSES, creator_id, today)
    assert given is not None  # noqa: S101 - an aggregate always has a row
    assert purses is not None  # noqa: S101 - as above
    left_this_month = max(budget.per_month - given["this_month"] + purses["this_month"], 0)
    left_today = max(budget.per_day - given["today"] + purses["today"], 0)
    return min(left_today, left_this_month), left_this_month
