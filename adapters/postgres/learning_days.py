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
SETTLED: Final = """
    SELECT settled_on, began FROM streaks WHERE creator_id = $1 AND student_id = $2 FOR UPDATE
"""
UNLEARN: Final = """
    DELETE FROM learning_days d
     WHERE creator_id = $1 AND student_id = $2 AND day = $3 AND kind = 'learnt'
       AND NOT EXISTS (SELECT FROM learning_acts a
                        WHERE a.creator_id = $1 AND a.student_id = $2 AND a.day = $3 AND a.rule = ANY ($4)
                          AND (a.verdict = ANY ($5) OR a.verdict IS NULL AND a.judge_from IS NOT NULL))
    RETURNING day
"""
# Of the seven days that are under way one more is needed; those that were complete are taken back by their act.
SHORTEN: Final = """
    UPDATE streaks SET days = greatest(days - 1, 0), began = CASE WHEN days > 1 THEN began END
     WHERE creator_id = $1 AND student_id = $2
"""
STREAK_WITH: Final = """
    SELECT key FROM learning_acts
     WHERE creator_id = $1 AND student_id = $2 AND rule = 'streak' AND verdict IS DISTINCT FROM 'taken_back'
       AND evidence ->> 'first_day' <= $3 AND evidence ->> 'last_day' >= $3
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
        # The streak is locked first, as where days are settled.
        await connection.execute(BEGIN, act.creator_id, act.student_id, day, zone.span(day)[1])
        await connection.execute(LEARNT, act.creator_id, act.student_id, day)


async def unlearn(connection: Connection, creator_id: CreatorId, student_id: StudentId, day: date) -> str | None:
    """Inside a creator's transaction, after an act was taken back: its day counts only for what else was learnt.

    Returns:
        The key of the streak that was paid, or is to be, for seven days with this one; None where nothing is.
    """
    whose = (creator_id, student_id)
    streak = await connection.fetchrow(SETTLED, *whose)
    gone = await connection.fetchval(UNLEARN, *whose, day, list(LEARNING), list(REAL))
    if gone is None or streak is None or day > streak["settled_on"]:
        return None
    if streak["began"] is not None and streak["began"] <= day:
        await connection.execute(SHORTEN, *whose)
        return None
    key: str | None = await connection.fetchval(STREAK_WITH, *whose, day.isoformat())
    return key


def read_zone(row: asyncpg.Record | None) -> Zone:
    """A row of :data:`ZONE` as a value."""
    return Zone() if row is None else Zone(row["name"], row["before"], row["changed_at"])
