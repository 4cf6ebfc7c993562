"""Rankings on PostgreSQL: added up by day and month at night, and the books themselves for what came since."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.names import names_of
from adapters.postgres.notices import staff_platform
from core.ids import CreatorId, StudentId
from core.rewards.standings import EARLIEST, SHOWN, Cover, Days, Ranking, Standing, cover

LATE: Final = timedelta(days=2)
"""Days that are added up once more: a transaction may have begun on one and ended after it."""

ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('earnings', $1))"
ADDED_UP: Final = "SELECT max(day) FROM movements WHERE creator_id = $1"
FORGET_DAYS: Final = (
    "DELETE FROM earnings WHERE creator_id = $1 AND per = 'day' AND starts_on >= $2 AND starts_on < $3"
)
FORGET_MONTHS: Final = """
    DELETE FROM earnings WHERE creator_id = $1 AND per = 'month' AND starts_on >= date_trunc('month', $2::date)
"""
FORGET_MOVEMENTS: Final = "DELETE FROM movements WHERE creator_id = $1 AND day >= $2 AND day < $3"
_ISSUANCE: Final = "(SELECT id FROM accounts WHERE creator_id = $1 AND kind = 'issuance')"
_AT: Final = "::date::timestamp AT TIME ZONE 'UTC'"
# What comes with an account that is linked was earned before; what of that is in no sum yet is noted with it.
EARNED: Final = f"""
    SELECT student_id, created_at,
           CASE WHEN reason = 'linked' THEN coalesce((metadata ->> 'earned')::bigint, 0)
                WHEN debit_id = {_ISSUANCE} THEN amount ELSE -amount END AS earned
      FROM transfers WHERE creator_id = $1 AND student_id IS NOT NULL AND {_ISSUANCE} IN (debit_id, credit_id)
"""
ADD_DAYS: Final = f"""
    INSERT INTO earnings (creator_id, per, starts_on, student_id, earned)
    SELECT $1, 'day', (created_at AT TIME ZONE 'UTC')::date, student_id, sum(earned)
      FROM ({EARNED}) AS t WHERE created_at >= $2{_AT} AND created_at < $3{_AT}
     GROUP BY 3, 4 HAVING sum(earned) <> 0
"""
ADD_MONTHS: Final = """
    INSERT INTO earnings (creator_id, per, starts_on, student_id, earned)
    SELECT $1, 'month', date_trunc('month', starts_on)::date, student_id, sum(earned) FROM earnings
     WHERE creator_id = $1 AND per = 'day' AND starts_on >= date_trunc('month', $2::date)
       AND starts_on < date_trunc('month', $3::date)
     GROUP BY 3, 4 HAVING sum(earned) <> 0
"""
FLOWS: Final = f"""
    WITH ends AS MATERIALIZED (
        SELECT max(id) FILTER (WHERE kind = 'issuance') AS issuance, max(id) FILTER (WHERE kind = 'spent') AS spent,
               max(id) FILTER (WHERE kind = 'redeemed') AS redeemed
          FROM accounts WHERE creator_id = $1 AND kind IN ('issuance', 'spent', 'redeemed')
    )
    SELECT (t.created_at AT TIME ZONE 'UTC')::date AS day, way.flow,
           CASE way.flow WHEN 'issued' THEN t.reason WHEN 'taken' THEN coalesce(p.reason, t.reason) ELSE '' END
             AS rule,
           count(*) AS times, sum(t.amount)::bigint AS amount
      FROM transfers t CROSS JOIN ends
      LEFT JOIN transfers p ON t.kind = 'reverse' AND p.creator_id = $1 AND p.id = t.parent_id
     CROSS JOIN LATERAL (
        SELECT CASE WHEN t.debit_id = ends.issuance THEN 'issued' WHEN t.credit_id = ends.issuance THEN 'taken'
                    WHEN t.credit_id = ends.spent THEN 'spent' WHEN t.debit_id = ends.spent THEN 'refunded'
                    WHEN t.credit_id = ends.redeemed THEN 'redeemed' WHEN t.debit_id = ends.redeemed THEN 'returned'
               END AS flow) AS way
     WHERE t.creator_id = $1 AND t.created_at >= $2{_AT} AND t.created_at < $3{_AT} AND way.flow IS NOT NULL
     GROUP BY 1, 2, 3
"""
"""What moved on the days from ``$2`` up to ``$3``, by flow and rule."""
ADD_MOVEMENTS: Final = f"""
    INSERT INTO movements (creator_id, day, flow, rule, times, amount)
    SELECT $1, day, flow, rule, times, amount FROM ({FLOWS}) AS moved
"""
SUMS: Final = f"""
    SELECT student_id, sum(earned)::bigint AS earned FROM (
        SELECT student_id, earned FROM earnings
         WHERE creator_id = $1 AND per = 'month' AND starts_on >= $2 AND starts_on < $3
        UNION ALL
        SELECT student_id, earned FROM earnings
         WHERE creator_id = $1 AND per = 'day' AND starts_on >= $4 AND starts_on < $5
        UNION ALL
        SELECT student_id, earned FROM earnings
         WHERE creator_id = $1 AND per = 'day' AND starts_on >= $6 AND starts_on < $7
        UNION ALL
        SELECT student_id, earned FROM ({EARNED}) AS t WHERE created_at >= $8{_AT} AND created_at < $9{_AT}
    ) AS parts GROUP BY student_id HAVING sum(earned) > 0
"""
"""What each student earned, of the parts of a :class:`core.rewards.standings.Cover`."""
PLACED: Final = """
    SELECT student_id, earned, rank, people FROM (
        SELECT student_id, earned, rank() OVER (ORDER BY earned DESC) AS rank, count(*) OVER () AS people,
               row_number() OVER (ORDER BY earned DESC, student_id) AS place
          FROM ({sums}) AS sums
         WHERE student_id IS NOT DISTINCT FROM {asker}::bigint
            OR NOT EXISTS (SELECT FROM unranked u WHERE u.creator_id = $1 AND u.student_id = sums.student_id)
    ) AS placed WHERE place <= {shown} OR student_id = {asker} ORDER BY place
"""
RANKING: Final = PLACED.format(sums=SUMS, asker="$10", shown="$11")
# Who is known elsewhere alone is shown without a name: nobody has to be the same person on every platform.
NAMES_HERE: Final = """
    SELECT student_id, max(display_name) AS display_name FROM identities
     WHERE student_id = ANY($1) AND platform = $2 GROUP BY student_id
"""
NAMELESS: Final = "a member"
HIDDEN: Final = "SELECT EXISTS (SELECT FROM unranked WHERE creator_id = $1 AND student_id = $2)"
HIDE: Final = "INSERT INTO unranked (creator_id, student_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
SHOW: Final = "DELETE FROM unranked WHERE creator_id = $1 AND student_id = $2"


class PostgresStandings:
    """See :class:`core.rewards.standings.Standings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ranking(
        self, creator_id: CreatorId, days: Days, now: datetime, *, platform: str, asker: StudentId | None
    ) -> Ranking:
        """Rank by what was earned; see the port."""
        async with self._database.creator(creator_id) as connection:
            parts = await parts_of(connection, creator_id, days, now)
            rows = await connection.fetch(RANKING, creator_id, *parts, asker, SHOWN)
            return await placed(connection, creator_id, rows, platform, asker)

    async def hidden(self, creator_id: CreatorId, student_id: StudentId) -> bool:
        """Whether somebody does not want to be seen."""
        async with self._database.creator(creator_id) as connection:
            return bool(await connection.fetchval(HIDDEN, creator_id, student_id))

    async def hide(self, creator_id: CreatorId, student_id: StudentId, *, hidden: bool) -> None:
        """Take somebody out of what others see, or show them again."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(HIDE if hidden else SHOW, creator_id, student_id)

    async def add_up(self, creator_id: CreatorId, today: date) -> None:
        """Add up the days before ``today``; the last ones once more."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id)
            first = max(await added_up(connection, creator_id) - LATE, EARLIEST)
            stretch = (creator_id, first, today)
            await connection.execute(FORGET_DAYS, *stretch)
            await connection.execute(ADD_DAYS, *stretch)
            await connection.execute(FORGET_MONTHS, creator_id, first)
            await connection.execute(ADD_MONTHS, *stretch)
            await connection.execute(FORGET_MOVEMENTS, *stretch)
            await connection.execute(ADD_MOVEMENTS, *stretch)


async def added_up(connection: Connection, creator_id: CreatorId) -> date:
    """The first day that is not added up."""
    last: date | None = await connection.fetchval(ADDED_UP, creator_id)
    return EARLIEST if last is None else last + timedelta(days=1)


async def parts_of(connection: Connection, creator_id: CreatorId, days: Days, now: datetime) -> tuple[date, ...]:
    """The parameters of :data:`SUMS` from the second on."""
    parts: Cover = cover(days, now.astimezone(UTC).date(), await added_up(connection, creator_id))
    return (*parts.months, *parts.before, *parts.after, *parts.books)


async def placed(
    connection: Connection,
    creator_id: CreatorId,
    rows: Sequence[asyncpg.Record],
    platform: str,
    asker: StudentId | None,
) -> Ranking:
    """A ranking out of rows of :data:`PLACED`, inside a creator's transaction.

    Names are those on ``platform``; where it is empty, those that the staff reads.
    """
    people = [row["student_id"] for row in rows]
    if platform:
        names = await _names_here(connection, people, platform)
    else:
        names = await names_of(connection, people, await staff_platform(connection, creator_id))
    places = [
        Standing(row["rank"], StudentId(row["student_id"]), names.get(row["student_id"]) or NAMELESS, row["earned"])
        for row in rows
    ]
    own = next((place for place in places if place.student_id == asker), None)
    return Ranking(tuple(places[:SHOWN]), rows[0]["people"] if rows else 0, own)


async def _names_here(connection: Connection, people: Sequence[int], platform: str) -> dict[int, str]:
    async with system_role(connection):
        found = await connection.fetch(NAMES_HERE, people, platform)
    return {row["student_id"]: row["display_name"] for row in found}
