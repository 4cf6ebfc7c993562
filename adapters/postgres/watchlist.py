"""Links that are looked at again, on PostgreSQL under one creator's row-level security."""

from collections.abc import Sequence
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.jobs import put_calibration
from adapters.postgres.shelf import add_listed, publish
from core.ids import CreatorId, SourceId, WorkflowId
from core.library.freshness import Outcome, Watched
from core.library.origins import Freshness
from core.library.reading import ReadSource
from core.library.store import IndexedSource, NewSource, SourceKind, UploadSettings

# Less than a day, so that a look that came late does not put the next one off by a day. Recordings take turns over
# two weeks, each in its own rhythm of three to five: what is uploaded at once must not be asked for at once.
DUE: Final = """
    SELECT s.id, s.kind, s.origin_link, s.language, s.etag, s.last_modified, w.settings
      FROM sources s
      JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id AND i.stage = 'completed'
      JOIN workflows w ON w.creator_id = i.creator_id AND w.id = i.workflow_id
     WHERE s.creator_id = $1 AND s.removed_at IS NULL AND s.origin_link <> ''
       AND s.origin_kind IN ('link', 'listing')
       AND coalesce(s.checked_at, s.created_at) < now() - CASE
           WHEN s.kind IN ('video', 'audio') THEN make_interval(days => 21 + (s.id % 14)::int)
           ELSE interval '20 hours' END
     ORDER BY s.kind IN ('video', 'audio'), coalesce(s.checked_at, s.created_at), s.id LIMIT $2
"""
CHECKED: Final = """
    UPDATE sources SET checked_at = now(),
           vanished_at = CASE $3 WHEN 'there' THEN NULL WHEN 'gone' THEN coalesce(vanished_at, now())
                                 ELSE vanished_at END
     WHERE creator_id = $1 AND id = $2
"""
# Whoever removes a listing waits until it has grown, or comes first.
LISTING: Final = """
    SELECT s.tier, i.workflow_id
      FROM sources s JOIN items i ON i.creator_id = s.creator_id AND i.source_id = s.id
     WHERE s.creator_id = $1 AND s.id = $2 AND s.removed_at IS NULL
       FOR NO KEY UPDATE OF s
"""
# What was replaced by something from elsewhere while its site was read is left alone.
NOTE_VERSION: Final = """
    UPDATE sources
       SET etag = $3, last_modified = $4, size_bytes = $5, title = CASE WHEN titled OR $6 = '' THEN title ELSE $6 END
     WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL AND status = 'ready' AND $7 IN ('', origin_link)
    RETURNING corrected_at IS NOT NULL AS corrected
"""
STORED: Final = "SELECT text, locator FROM segments WHERE creator_id = $1 AND source_id = $2 ORDER BY position"
TITLE_CHARS: Final = 300


class PostgresWatchlist:
    """See :class:`core.library.freshness.Watchlist`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, creator_id: CreatorId, limit: int) -> list[Watched]:
        """What nobody has looked at today, recordings within weeks; longest ago first, recordings last."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(DUE, creator_id, limit)
        return [
            Watched(
                SourceId(row["id"]), SourceKind(row["kind"]), row["origin_link"], row["language"],
                UploadSettings(**row["settings"]), Freshness(row["etag"], row["last_modified"]),
            )
            for row in rows
        ]  # fmt: skip

    async def checked(self, creator_id: CreatorId, source_id: SourceId, outcome: Outcome) -> None:
        """Note a look; a source that is gone keeps its text, and is marked."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(CHECKED, creator_id, source_id, outcome.value)

    async def grow(self, creator_id: CreatorId, source_id: SourceId, new: Sequence[NewSource]) -> int:
        """Put what a listing has never held before into its workflow; how many sources that are."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(LISTING, creator_id, source_id)
            if row is None:  # removed meanwhile
                return 0
            workflow_id = WorkflowId(row["workflow_id"])
            return await add_listed(connection, creator_id, source_id, workflow_id, new, row["tier"])

    async def replace(
        self, creator_id: CreatorId, source_id: SourceId, read: ReadSource, indexed: IndexedSource
    ) -> bool:
        """Note the version that was read, and store its text anew where it differs; whether it did."""
        fresh, title = read.freshness, (read.title or read.transcript.title)[:TITLE_CHARS]
        async with self._database.creator(creator_id) as connection:
            noted = (fresh.etag, fresh.last_modified, read.size_bytes, title, read.link)
            found = await connection.fetchval(NOTE_VERSION, creator_id, source_id, *noted)
            if found is None or found:  # removed or replaced meanwhile; or corrected by hand, and that stays
                return False
            stored = await connection.fetch(STORED, creator_id, source_id)
            if [(row["text"], row["locator"]) for row in stored] == [(u.text, u.locator) for u in indexed.units]:
                return False
            await publish(connection, creator_id, source_id, indexed)
            await put_calibration(connection, creator_id)
        return True
