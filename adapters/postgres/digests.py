"""The staff's weekly digest on PostgreSQL: gathered, noted and told in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.economy import moved
from adapters.postgres.notices import tell_staff
from adapters.postgres.standings import RANKING, parts_of, placed
from core.ids import CreatorId
from core.rewards.digest import MOST_TITLES, WeekPast, digest
from core.rewards.economy import ISSUED, sum_of
from core.rewards.standings import Days

WANTED: Final = "SELECT wanted FROM digests WHERE creator_id = $1"
CHOOSE: Final = """
    INSERT INTO digests (creator_id, wanted) VALUES ($1, $2) ON CONFLICT (creator_id) DO UPDATE SET wanted = $2
"""
TELL: Final = """
    INSERT INTO digests AS d (creator_id, told_week) VALUES ($1, $2)
    ON CONFLICT (creator_id) DO UPDATE SET told_week = $2
     WHERE d.wanted AND (d.told_week IS NULL OR d.told_week < $2)
    RETURNING creator_id
"""
ASKED: Final = """
    SELECT count(*) AS asked, count(*) FILTER (WHERE outcome = 'answered') AS answered,
           count(*) FILTER (WHERE outcome = 'closest') AS closest,
           count(*) FILTER (WHERE outcome = 'abstained') AS not_covered,
           count(DISTINCT student_id) AS people
      FROM usage WHERE creator_id = $1 AND outcome <> '' AND used_at >= $2 AND used_at < $3
"""
NEW: Final = """
    SELECT title, count(*) OVER () AS total FROM sources
     WHERE creator_id = $1 AND status = 'ready' AND removed_at IS NULL AND created_at >= $2 AND created_at < $3
     ORDER BY id LIMIT $4
"""
CREATOR: Final = "SELECT name FROM creators WHERE id = $1"
TOP: Final = 3
WEEK: Final = timedelta(days=7)


class PostgresDigests:
    """See :class:`core.rewards.digest.Digests`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wanted(self, creator_id: CreatorId) -> bool:
        """Whether the staff wants them; unless it said otherwise, it does."""
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(WANTED, creator_id) is not False

    async def choose(self, creator_id: CreatorId, *, wanted: bool) -> None:
        """Send them from now on, or not."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(CHOOSE, creator_id, wanted)

    async def tell(self, creator_id: CreatorId, monday: date, subjects: Sequence[str] = ()) -> bool:
        """Tell the staff of the week before ``monday``; see the port."""
        async with self._database.creator(creator_id) as connection:
            if not await connection.fetchval(TELL, creator_id, monday):
                return False
            week = replace(await _week(connection, creator_id, monday), subjects=subjects)
            if week.empty:
                return False
            async with system_role(connection):
                name = await connection.fetchval(CREATOR, creator_id)
            await tell_staff(connection, creator_id, digest(name, week))
        return True


async def _week(connection: Connection, creator_id: CreatorId, monday: date) -> WeekPast:
    first, end = monday - WEEK, datetime.combine(monday, time(), UTC)
    begin = end - WEEK
    asked = await connection.fetchrow(ASKED, creator_id, begin, end)
    new = await connection.fetch(NEW, creator_id, begin, end, MOST_TITLES)
    parts = await parts_of(connection, creator_id, Days(first, monday), end)
    top = await placed(
        connection, creator_id, await connection.fetch(RANKING, creator_id, *parts, None, TOP), "", None
    )
    movements = [each for each in await moved(connection, creator_id, monday) if first <= each.day < monday]
    assert asked is not None  # noqa: S101 - an aggregate always has a row
    return WeekPast(
        first,
        asked["asked"],
        asked["answered"],
        asked["closest"],
        asked["not_covered"],
        sum_of(movements, ISSUED),
        top.places,
        [row["title"] for row in new],
        new[0]["total"] if new else 0,
        asked["people"],
    )
