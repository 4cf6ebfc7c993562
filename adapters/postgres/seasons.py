"""Seasons on PostgreSQL: what everybody earned is kept when one ends, and told in the same transaction."""

from datetime import UTC, date, datetime
from typing import Final

import asyncpg

from adapters.postgres.audit import audited
from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.notices import tell_staff
from adapters.postgres.outbox import post
from adapters.postgres.standings import PLACED, SUMS, parts_of, placed
from core.conversation import Place, reply_to_json
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.library.announcing import Subject
from core.rewards.standings import SHOWN, Ranking, Season, SeasonId, season_result

_COLUMNS: Final = "id, name, first_day, last_day, ended_at IS NOT NULL AS ended"
RUNNING: Final = f"SELECT {_COLUMNS} FROM seasons WHERE creator_id = $1 AND ended_at IS NULL"
PAST: Final = f"""
    SELECT {_COLUMNS} FROM seasons WHERE creator_id = $1 AND ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT $2
"""
BEGIN: Final = f"""
    INSERT INTO seasons (creator_id, name, first_day, last_day) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id) WHERE ended_at IS NULL DO NOTHING RETURNING {_COLUMNS}
"""
CHANGE: Final = """
    UPDATE seasons SET name = $3, last_day = $4 WHERE creator_id = $1 AND id = $2 AND ended_at IS NULL RETURNING id
"""
END: Final = f"""
    UPDATE seasons SET ended_at = $3, last_day = least(last_day, $4)
     WHERE creator_id = $1 AND ended_at IS NULL AND (id = $2 OR $2 IS NULL AND last_day < $4)
    RETURNING {_COLUMNS}
"""
KEEP: Final = f"""
    INSERT INTO season_standings (creator_id, season_id, student_id, earned) SELECT $1, $10, student_id, earned
      FROM ({SUMS}) AS sums
"""
FINAL: Final = PLACED.format(
    sums="SELECT student_id, earned FROM season_standings WHERE creator_id = $1 AND season_id = $2",
    asker="$3",
    shown="$4",
)
PLACES: Final = "SELECT place FROM announcements WHERE creator_id = $1 AND subject = $2 ORDER BY community_id"
CREATOR: Final = "SELECT name FROM creators WHERE id = $1"
WINNERS: Final = 3


class PostgresSeasons:
    """See :class:`core.rewards.standings.Seasons`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def running(self, creator_id: CreatorId) -> Season | None:
        """The season that runs."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(RUNNING, creator_id)
        return None if row is None else _season(row)

    async def past(self, creator_id: CreatorId, limit: int = 5) -> list[Season]:
        """The seasons that ended, newest first."""
        async with self._database.creator(creator_id) as connection:
            return [_season(row) for row in await connection.fetch(PAST, creator_id, limit)]

    async def begin(self, creator_id: CreatorId, by: StudentId, name: str, first_day: date, last_day: date) -> Season:
        """Start a season; see the port for what it refuses."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(BEGIN, creator_id, name, first_day, last_day)
            if row is None:
                raise Refused("A season runs already. /season shows it.")
            await audited(connection, creator_id, by, "season", None, {"begun": row["id"]})
        return _season(row)

    async def change(
        self, creator_id: CreatorId, by: StudentId, season_id: SeasonId, name: str, last_day: date
    ) -> None:
        """Rename the season that runs, or let it end on another day."""
        async with self._database.creator(creator_id) as connection:
            if await connection.fetchval(CHANGE, creator_id, season_id, name, last_day):
                await audited(connection, creator_id, by, "season", None, {"changed": season_id})

    async def end(self, creator_id: CreatorId, by: StudentId, season_id: SeasonId, now: datetime) -> bool:
        """End a season before its day and announce who won; False where it had ended."""
        async with self._database.creator(creator_id) as connection:
            if not await _end(connection, creator_id, season_id, now):
                return False
            await audited(connection, creator_id, by, "season", None, {"ended": season_id})
        return True

    async def end_due(self, creator_id: CreatorId, now: datetime) -> bool:
        """End and announce the season whose last day is over; False where there is none."""
        async with self._database.creator(creator_id) as connection:
            return await _end(connection, creator_id, None, now)

    async def final(
        self, creator_id: CreatorId, season_id: SeasonId, *, platform: str, asker: StudentId | None
    ) -> Ranking:
        """The ranking with which a season ended."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(FINAL, creator_id, season_id, asker, SHOWN)
            return await placed(connection, creator_id, rows, platform, asker)


async def _end(connection: Connection, creator_id: CreatorId, season_id: SeasonId | None, now: datetime) -> bool:
    row = await connection.fetchrow(END, creator_id, season_id, now, now.astimezone(UTC).date())
    if row is None:
        return False
    season = _season(row)
    await connection.execute(KEEP, creator_id, *await parts_of(connection, creator_id, season.days, now), season.id)
    await _announce(connection, creator_id, season)
    return True


async def _announce(connection: Connection, creator_id: CreatorId, season: Season) -> None:
    """Tell who won where new lessons are announced, or else the staff."""
    async with system_role(connection):
        creator_name = await connection.fetchval(CREATOR, creator_id)
    rows = await connection.fetch(FINAL, creator_id, season.id, None, WINNERS)
    places = [Place(**row["place"]) for row in await connection.fetch(PLACES, creator_id, Subject.LESSONS.value)]
    for place in places:
        ranking = await placed(connection, creator_id, rows, place.platform, None)
        await post(connection, creator_id, place, reply_to_json(season_result(creator_name, season, ranking.places)))
    if not places:
        ranking = await placed(connection, creator_id, rows, "", None)
        await tell_staff(connection, creator_id, season_result(creator_name, season, ranking.places))


def _season(row: asyncpg.Record) -> Season:
    return Season(SeasonId(row["id"]), row["name"], row["first_day"], row["last_day"], row["ended"])
