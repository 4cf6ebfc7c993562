"""The record of the work on sources on PostgreSQL, under one creator's row-level security."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.postgres.database import Connection, Database
from core.ids import CreatorId, SourceId
from core.library.estimates import Paces
from core.library.store import Stage
from core.library.worklog import WorkRecord

RECORD: Final = """
    SELECT i.created_at, i.started_at, i.finished_at, i.attempts, i.stats, s.duration_s, s.size_bytes
      FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
     WHERE i.creator_id = $1 AND i.source_id = $2
"""
# Of the last sources that have a length. Those that skipped a stage say nothing of it, nor do revisions, which take
# vectors over.
PACES: Final = """
    SELECT took.key AS stage, sum(took.value::float8) / sum(recent.minutes) AS pace
      FROM (SELECT i.stats -> 'seconds' AS seconds, s.duration_s / 60 AS minutes
              FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
             WHERE i.creator_id = $1 AND i.stage = 'completed' AND s.duration_s > 0 AND i.stats ? 'seconds'
               AND NOT EXISTS (SELECT FROM revisions r
                                WHERE r.creator_id = $1 AND (r.source_id = s.id OR r.revises = s.id))
             ORDER BY i.id DESC LIMIT 20) recent,
           jsonb_each_text(recent.seconds) took
     WHERE took.key IN ('transcribing', 'chunking', 'embedding', 'validating')
     GROUP BY took.key
"""


class PostgresWorklog:
    """See :class:`core.library.worklog.Worklog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, creator_id: CreatorId, source_id: SourceId) -> WorkRecord | None:
        """What is kept of the work on a source; None where there is no such source."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(RECORD, creator_id, source_id)
        if row is None:
            return None
        stats: Mapping[str, Any] = row["stats"]
        return WorkRecord(
            row["created_at"], row["started_at"], row["finished_at"], row["attempts"], row["duration_s"] / 60,
            row["size_bytes"], stats.get("segments", 0), stats.get("passages", 0), stats.get("cost_usd", 0.0),
            {Stage(stage): seconds for stage, seconds in stats.get("seconds", {}).items()},
        )  # fmt: skip

    async def paces(self, creator_id: CreatorId) -> Paces:
        """How fast a creator's last sources went, for each stage that was measured."""
        async with self._database.creator(creator_id) as connection:
            return await read_paces(connection, creator_id)


async def read_paces(connection: Connection, creator_id: CreatorId) -> Paces:
    """The same inside a creator's transaction."""
    return {Stage(row["stage"]): row["pace"] for row in await connection.fetch(PACES, creator_id)}
