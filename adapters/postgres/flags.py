"""Flags on PostgreSQL: looked for every hour in what was done, told to the staff once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.names import names_of
from adapters.postgres.notices import staff_platform, tell_staff
from core.ids import CreatorId, StudentId
from core.rewards.flags import (
    LOOKED_BACK,
    MOST_AN_HOUR,
    TOGETHER_S,
    TOGETHER_SHARE,
    TOGETHER_TIMES,
    Flag,
    Reason,
    is_new,
    notice,
)

EARNED: Final = """
    SELECT student_id, min(done_at) AS done_at FROM learning_acts
     WHERE creator_id = $1 AND verdict = 'awarded' AND done_at > $2 GROUP BY student_id
"""
IDENTITIES: Final = """
    SELECT student_id, platform, external_id FROM identities WHERE student_id = ANY ($1)
"""
FAST: Final = """
    SELECT DISTINCT student_id FROM (
        SELECT student_id, count(*) OVER (PARTITION BY student_id ORDER BY done_at
                                          RANGE BETWEEN interval '1 hour' PRECEDING AND CURRENT ROW) AS times
          FROM learning_acts WHERE creator_id = $1 AND verdict = 'awarded' AND done_at > $2) AS hours
     WHERE times > $3
"""
TOGETHER: Final = """
    WITH done AS (SELECT id, student_id, done_at FROM learning_acts
                   WHERE creator_id = $1 AND done_at > $2 AND given_by IS NULL AND rule <> 'streak'),
         times AS (SELECT student_id, count(*) AS times FROM done GROUP BY student_id),
         pairs AS (SELECT a.student_id, b.student_id AS other_id, count(DISTINCT a.id) AS times
                     FROM done a JOIN done b ON b.student_id > a.student_id
                      AND b.done_at BETWEEN a.done_at - $3 * interval '1 second'
                                        AND a.done_at + $3 * interval '1 second'
                    GROUP BY 1, 2 HAVING count(DISTINCT a.id) >= $4)
    SELECT p.student_id, p.other_id
      FROM pairs p JOIN times a ON a.student_id = p.student_id JOIN times b ON b.student_id = p.other_id
     WHERE p.times >= $5 * greatest(a.times, b.times)
"""
RAISE: Final = """
    INSERT INTO flags (creator_id, student_id, reason, other_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
    RETURNING id, student_id, reason, other_id, flagged_at
"""
OPEN: Final = """
    SELECT id, student_id, reason, other_id, flagged_at FROM flags
     WHERE creator_id = $1 AND cleared_at IS NULL ORDER BY id LIMIT $2
"""
CLEAR: Final = """
    UPDATE flags SET cleared_at = CASE WHEN $3::bigint IS NULL THEN NULL ELSE now() END, cleared_by = $3
     WHERE creator_id = $1 AND id = $2
"""


class PostgresFlags:
    """See :class:`core.rewards.flags.Flags`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, creator_id: CreatorId, at: datetime) -> None:
        """Flag what is new of a creator's students, and tell the staff."""
        since = at - LOOKED_BACK
        async with self._database.creator(creator_id) as connection:
            earned = await connection.fetch(EARNED, creator_id, since)
            fast = await connection.fetch(FAST, creator_id, since, MOST_AN_HOUR)
            together = await connection.fetch(TOGETHER, creator_id, since, TOGETHER_S, TOGETHER_TIMES, TOGETHER_SHARE)
            found = [(student_id, Reason.NEW, None) for student_id in await _new(connection, earned)]
            found += [(row["student_id"], Reason.FAST, None) for row in fast]
            found += [(row["student_id"], Reason.TOGETHER, row["other_id"]) for row in together]
            platform = await staff_platform(connection, creator_id)
            for student_id, reason, other_id in found:
                row = await connection.fetchrow(RAISE, creator_id, student_id, reason.value, other_id)
                for flag in await _named(connection, creator_id, [row] if row else [], platform):
                    await tell_staff(connection, creator_id, notice(flag))

    async def open(self, creator_id: CreatorId, limit: int, platform: str) -> Sequence[Flag]:
        """What nobody has looked at yet, oldest first, with names as read on a platform."""
        async with self._database.creator(creator_id) as connection:
            return await _named(connection, creator_id, await connection.fetch(OPEN, creator_id, limit), platform)

    async def clear(self, creator_id: CreatorId, flag_id: int, by: StudentId | None) -> bool:
        """Note that it is fine or, by None, that it is open again; False where there is no such flag."""
        async with self._database.creator(creator_id) as connection:
            return str(await connection.execute(CLEAR, creator_id, flag_id, by)) == "UPDATE 1"


async def _new(connection: Connection, earned: Sequence[asyncpg.Record]) -> list[int]:
    """Of students by when they first earned lately, those whose account was new then."""
    first = {row["student_id"]: row["done_at"] for row in earned}
    async with system_role(connection):
        rows = await connection.fetch(IDENTITIES, list(first))
    return sorted(
        {row["student_id"] for row in rows if is_new(row["platform"], row["external_id"], first[row["student_id"]])}
    )


async def _named(
    connection: Connection, creator_id: CreatorId, rows: Sequence[asyncpg.Record], platform: str
) -> list[Flag]:
    ids = [student_id for row in rows for student_id in (row["student_id"], row["other_id"])]
    names = await names_of(connection, ids, platform)
    return [
        Flag(
            creator_id, row["id"], Reason(row["reason"]), names.get(row["student_id"], "somebody"),
            names.get(row["other_id"], "somebody") if row["other_id"] else "", row["flagged_at"],
        )
        for row in rows
    ]  # fmt: skip
