"""The stored words of recordings, to spell the names in them, under one creator's row-level security."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import put_calibration
from adapters.postgres.shelf import publish
from adapters.postgres.transcripts import chapters_from_json
from core.ids import CreatorId, SourceId
from core.library.respelling import Spoken
from core.library.store import IndexedSource, UploadSettings
from core.library.transcript import Timing
from core.library.units import Unit

SPOKEN: Final = """
    SELECT s.timing, s.chapters, s.language, w.settings
      FROM sources s
      JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id
      JOIN workflows w ON w.creator_id = i.creator_id AND w.id = i.workflow_id
     WHERE s.creator_id = $1 AND s.id = $2 AND s.status = 'ready' AND s.removed_at IS NULL AND s.timing <> 'none'
"""
UNITS: Final = """
    SELECT start_s, end_s, text, paragraph, estimated, locator, speaker FROM segments
     WHERE creator_id = $1 AND source_id = $2 ORDER BY position
"""
HOLD: Final = """
    SELECT id FROM sources WHERE creator_id = $1 AND id = $2 AND status = 'ready' AND removed_at IS NULL
       FOR NO KEY UPDATE
"""


class PostgresSpokenTexts:
    """See :class:`core.library.respelling.SpokenTexts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spoken(self, creator_id: CreatorId, source_id: SourceId) -> Spoken | None:
        """A recording that is searchable; None where it is not, or not any more."""
        async with self._database.creator(creator_id, frozen=True) as connection:
            row = await connection.fetchrow(SPOKEN, creator_id, source_id)
            units = await _units(connection, creator_id, source_id)
        return None if row is None else _spoken(source_id, row, units)

    async def put_spelling(self, creator_id: CreatorId, before: Spoken, indexed: IndexedSource) -> bool:
        """Store its words anew and move the corpus version; False where they are not as ``before`` any more."""
        async with self._database.creator(creator_id) as connection:
            if await connection.fetchval(HOLD, creator_id, before.source_id) is None:
                return False
            if await _units(connection, creator_id, before.source_id) != before.units:
                return False
            await publish(connection, creator_id, before.source_id, indexed)
            await put_calibration(connection, creator_id)
        return True


async def _units(connection: Connection, creator_id: CreatorId, source_id: SourceId) -> tuple[Unit, ...]:
    return tuple(Unit(**row) for row in await connection.fetch(UNITS, creator_id, source_id))


def _spoken(source_id: SourceId, row: asyncpg.Record, units: Sequence[Unit]) -> Spoken:
    return Spoken(
        source_id, tuple(units), Timing(row["timing"]), chapters_from_json(row["chapters"]), row["language"],
        UploadSettings(**row["settings"]),
    )  # fmt: skip
