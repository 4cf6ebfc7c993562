"""On which days students learnt: a day each where they are, kept for as long as their streaks need it."""

from datetime import date
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, system_role
from core.ids import CreatorId, StudentId
from core.rewards.acts import Act, Verdict
from core.rewards.days import Zone
from core.rewards.streaks import LEARNING, REAL

ZONE: Final = """
    SELECT timezone AS name, timezone_before AS before, timezone_changed_at AS changed_at FROM students WHERE id = $1
"""
LEARNT: Final = """
    INSERT INTO learning_days (creator_id, student_id, day, kind) VALUES ($1, $2, $3, 'learnt') ON CONFLICT DO NOTHING
"""
# A streak that does not run begins where something is learnt; of one that runs the next day is due already.
BEGIN: Final = """
    INSERT INTO streaks AS s (creator_id, student_id, settled_on, due_at) VALUES ($1, $2, $3::date - 1, $4)
    ON CONFLICT (creator_id, student_id) DO UPDATE
       SET settled_on = greatest(s.settled_on, excluded.settled_on), due_at = excluded.due_at
     WHERE s.due_at IS NULL
"""
UNLEARN: Final = """
    DELETE FROM learning_days d
     WHERE creator_id = $1 AND student_id = $2 AND day = $3 AND kind = 'learnt'
       AND NOT EXISTS (SELECT FROM streaks WHERE creator_id = $1 AND student_id = $2 AND settled_on >= $3)
       AND NOT EXISTS (SELECT FROM learning_acts a
                        WHERE a.creator_id = $1 AND a.student_id = $2 AND a.day = $3 AND a.rule = ANY ($4)
                          AND a.verdict = ANY ($5))
"""
FORGET_DAYS: Final = """
    DELETE FROM learning_days WHERE creator_id = $1 AND day < (now() - $2::interval)::date
"""


async def zone_of(connection: Connection, student_id: StudentId) -> Zone:
    """A student's time zone."""
    async with system_role(connection):
        return read_zone(await connection.fetchrow(ZONE, student_id))


async def note_learning(connection: Connection, act: Act, verdict: Verdict, zone: Zone) -> None:
    """Inside a creator's transaction, count the day of an act that was learning."""
    if act.rule in LEARNING and verdict in REAL:
        day = zone.day_of(act.at)
        await connection.execute(LEARNT, act.creator_id, act.student_id, day)
        await connection.execute(BEGIN, act.creator_id, act.student_id, day, zone.span(day)[1])


async def unlearn(connection: Connection, creator_id: CreatorId, student_id: StudentId, day: date) -> None:
    """Inside a creator's transaction, after an act was taken back: its day counts only for what else was learnt."""
    await connection.execute(UNLEARN, creator_id, student_id, day, list(LEARNING), list(REAL))


def read_zone(row: asyncpg.Record | None) -> Zone:
    """A row of :data:`ZONE` as a value."""
    return Zone() if row is None else Zone(row["name"], row["before"], row["changed_at"])
