"""Streaks on PostgreSQL: what was learnt on which day, settled when the day ends where the student is."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.acts import record_act
from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.learning_days import ZONE, read_zone, zone_of
from adapters.postgres.notices import tell
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.days import BEAT, ONE_DAY, Uptime, Zone, zone_names
from core.rewards.streaks import (
    SHOWN_DAYS,
    DayKind,
    Run,
    Settled,
    Streak,
    checked_zone,
    freeze_used,
    settle_through,
    streak_completed,
    streak_now,
)

AT_ONCE: Final = 100
BEATS_KEPT: Final = timedelta(days=100)
LONG_AGO: Final = date(2000, 1, 1)
"""The last settled day of a streak that never ran."""

LOCK_ZONE: Final = f"{ZONE} FOR UPDATE"
CHANGE_ZONE: Final = """
    UPDATE students SET timezone = $2, timezone_before = $3, timezone_changed_at = $4 WHERE id = $1
"""
BEAT_ONCE: Final = "INSERT INTO heartbeats (slot) VALUES ($1) ON CONFLICT DO NOTHING"
FORGET_BEATS: Final = "DELETE FROM heartbeats WHERE slot < $1"
BEATS: Final = "SELECT slot FROM heartbeats WHERE slot >= $1 AND slot < $2 ORDER BY slot"
RUN: Final = """
    SELECT settled_on, days, best, began, freezes FROM streaks WHERE creator_id = $1 AND student_id = $2
"""
KNOWN: Final = "SELECT day, kind FROM learning_days WHERE creator_id = $1 AND student_id = $2 AND day > $3"
ADD_FREEZE: Final = """
    INSERT INTO streaks AS s (creator_id, student_id, settled_on, freezes) VALUES ($1, $2, $3, 1)
    ON CONFLICT (creator_id, student_id) DO UPDATE SET freezes = s.freezes + 1 WHERE s.freezes < 1
    RETURNING freezes
"""
# What is judged late still counts on its day, so whoever has an act that waits is settled later; what waits for a day
# with room for it was judged, and its day counted, before.
DUE: Final = """
    SELECT s.student_id, s.settled_on, s.days, s.best, s.began, s.freezes FROM streaks s
     WHERE s.creator_id = $1 AND s.due_at <= $2
       AND NOT EXISTS (SELECT FROM learning_acts a
                        WHERE a.creator_id = $1 AND a.student_id = s.student_id AND a.verdict IS NULL
                          AND a.judge_from IS NULL)
     ORDER BY s.due_at, s.student_id LIMIT $3 FOR UPDATE
"""
SETTLE: Final = """
    UPDATE streaks SET settled_on = $3, days = $4, best = $5, began = $6, freezes = $7, due_at = $8
     WHERE creator_id = $1 AND student_id = $2
"""
KEEP_DAY: Final = """
    INSERT INTO learning_days (creator_id, student_id, day, kind) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
CREATOR_NAME: Final = "SELECT name FROM creators WHERE id = $1"


class PostgresStreaks:
    """See :class:`core.rewards.streaks.Streaks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, creator_id: CreatorId, student_id: StudentId, at: datetime) -> Streak:
        """How a student's streak with a creator stands at a moment."""
        async with self._database.creator(creator_id, student_id) as connection:
            return await streak_of(connection, creator_id, student_id, at=at)

    async def choose_zone(self, student_id: StudentId, wanted: str, at: datetime) -> Zone:
        """Change a student's time zone; see the port for what it refuses."""
        async with self._database.system() as connection:
            now = read_zone(await connection.fetchrow(LOCK_ZONE, student_id))
            chosen = checked_zone(now, wanted, zone_names(), at)
            if chosen != now:
                await connection.execute(CHANGE_ZONE, student_id, chosen.name, chosen.before, chosen.changed_at)
        return chosen

    async def settle(self, creator_id: CreatorId, at: datetime) -> None:
        """Settle the days that ended where a creator's students are, some students in each transaction."""
        count = AT_ONCE
        while count == AT_ONCE:
            async with self._database.creator(creator_id) as connection:
                due = await connection.fetch(DUE, creator_id, at, AT_ONCE)
                for row in due:
                    await _settle(connection, creator_id, StudentId(row["student_id"]), _run(row), at)
                count = len(due)

    async def beat(self, at: datetime) -> None:
        """Note that the bot can be asked in this quarter of an hour."""
        slot = at.replace(minute=at.minute - at.minute % (BEAT // timedelta(minutes=1)), second=0, microsecond=0)
        async with self._database.system() as connection:
            await connection.execute(BEAT_ONCE, slot)
            await connection.execute(FORGET_BEATS, at - BEATS_KEPT)


async def add_freeze(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> None:
    """Inside a creator's transaction, give a student a freeze, which is used up by itself on a day that is missed.

    Raises:
        Refused: one is held already.
    """
    if await connection.fetchval(ADD_FREEZE, creator_id, student_id, LONG_AGO) is None:
        raise Refused("You hold a streak freeze already, and at most one can be held. It is used on a missed day.")


async def streak_of(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, *, at: datetime | None = None
) -> Streak:
    """Inside a creator's transaction, how a student's streak stands, now or at a moment."""
    zone = await zone_of(connection, student_id)
    today = zone.day_of(at or datetime.now(UTC))
    row = await connection.fetchrow(RUN, creator_id, student_id)
    run = Run(today - ONE_DAY) if row is None else _run(row)
    since = min(run.settled_on, today - ONE_DAY * SHOWN_DAYS)
    known = await _known(connection, creator_id, student_id, since)
    forgiven = await _forgiven(connection, zone, run.settled_on, today)
    return streak_now(run, today, zone, known, forgiven)


async def _settle(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, run: Run, at: datetime
) -> None:
    zone = await zone_of(connection, student_id)
    today = zone.day_of(at)
    known = await _known(connection, creator_id, student_id, run.settled_on)
    learnt = [day for day, kind in known.items() if kind is DayKind.LEARNT]
    forgiven = await _forgiven(connection, zone, run.settled_on, today)
    after, settled = settle_through(run, today - ONE_DAY, learnt, forgiven)
    runs = after.days or any(day > after.settled_on for day in learnt)
    await connection.execute(
        SETTLE, creator_id, student_id, after.settled_on, after.days, after.best, after.began, after.freezes,
        zone.span(after.settled_on + ONE_DAY)[1] if runs else None,
    )  # fmt: skip
    for done in settled:
        await _carry_out(connection, creator_id, student_id, done, zone)


async def _carry_out(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, done: Settled, zone: Zone
) -> None:
    if done.kind in {DayKind.FROZEN, DayKind.FORGIVEN}:
        await connection.execute(KEEP_DAY, creator_id, student_id, done.day, done.kind.value)
    if done.kind is DayKind.FROZEN:
        async with system_role(connection):
            name = await connection.fetchval(CREATOR_NAME, creator_id)
        await tell(connection, creator_id, student_id, freeze_used(done, name))
    if done.completed is not None:
        await record_act(connection, streak_completed(creator_id, student_id, done, zone))


async def _known(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, since: date
) -> Mapping[date, DayKind]:
    rows = await connection.fetch(KNOWN, creator_id, student_id, since)
    return {row["day"]: DayKind(row["kind"]) for row in rows}


async def _forgiven(connection: Connection, zone: Zone, settled_on: date, today: date) -> Callable[[date], bool]:
    """Says of the days between the last that is settled and today whether they break nothing."""
    if settled_on >= today - ONE_DAY:
        return zone.cut_short
    ends = zone.span(today)[0]
    begins = max(zone.span(settled_on + ONE_DAY)[0], ends - BEATS_KEPT)
    async with system_role(connection):
        rows = await connection.fetch(BEATS, begins, ends)
    uptime = Uptime([row["slot"] for row in rows])
    return lambda day: zone.cut_short(day) or uptime.fails(*zone.span(day))


def _run(row: asyncpg.Record) -> Run:
    return Run(row["settled_on"], row["days"], row["best"], row["began"], row["freezes"])
