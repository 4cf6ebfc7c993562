"""Which kept files are needed, on PostgreSQL under one creator's row-level security."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from adapters.postgres.database import Database
from core.ids import CreatorId
from core.library.media import MediaKey

# One after another, so that of two that fit only alone the later one sees the earlier one.
ONE_CLAIM_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('claims on storage', $1))"
CLAIM: Final = """
    INSERT INTO media_claims (creator_id, media_key, size_bytes) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id, media_key) DO UPDATE SET claimed_at = now(), size_bytes = $3
"""
CLAIMED: Final = """
    SELECT media_key, size_bytes FROM media_claims
     WHERE creator_id = $1 AND media_key <> $2 AND size_bytes > 0 AND claimed_at > now() - interval '1 day'
"""
GIVE_UP: Final = "UPDATE media_claims SET size_bytes = 0 WHERE creator_id = $1 AND media_key = $2"
# Every column that names a kept file is named here: what is missing would be deleted.
NEEDED: Final = """
    SELECT kept.key, bool_or(kept.shown) AS shown
      FROM (SELECT unnest(ARRAY[origin_key, media_key]) AS key, removed_at IS NULL AS shown
              FROM sources WHERE creator_id = $1
             UNION ALL SELECT file_key, true FROM submissions WHERE creator_id = $1) AS kept
     WHERE kept.key <> ''
     GROUP BY kept.key
"""
# The row is locked, or written and not committed, until the file is deleted: a claim waits for that.
HOLD: Final = """
    INSERT INTO media_claims AS c (creator_id, media_key, claimed_at) VALUES ($1, $2, '-infinity')
    ON CONFLICT (creator_id, media_key) DO UPDATE SET claimed_at = c.claimed_at
    RETURNING claimed_at > now() - interval '1 day'
"""
# Asked after the row is held, so that whoever claimed the file before has committed and is seen.
REFERRED: Final = """
    SELECT EXISTS (SELECT FROM sources WHERE creator_id = $1 AND (origin_key = $2 OR media_key = $2)
                    UNION ALL SELECT FROM submissions WHERE creator_id = $1 AND file_key = $2)
"""
FORGET: Final = "DELETE FROM media_claims WHERE creator_id = $1 AND media_key = $2"


class PostgresMediaClaims:
    """See :class:`core.library.keeping.MediaClaims`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, creator_id: CreatorId, key: MediaKey, size_bytes: int) -> Mapping[MediaKey, int]:
        """Say that a source will refer to a file soon; waits while it is being deleted."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(ONE_CLAIM_AT_A_TIME, creator_id)
            await connection.execute(CLAIM, creator_id, key, size_bytes)
            rows = await connection.fetch(CLAIMED, creator_id, key)
        return {MediaKey(row["media_key"]): row["size_bytes"] for row in rows}

    async def give_up(self, creator_id: CreatorId, key: MediaKey) -> None:
        """Keep no room for a file any more."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(GIVE_UP, creator_id, key)

    async def needed(self, creator_id: CreatorId) -> Mapping[MediaKey, bool]:
        """The files that sources refer to; False where all of these are removed."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(NEEDED, creator_id)
        return {MediaKey(row["key"]): row["shown"] for row in rows}

    @asynccontextmanager
    async def let_go(self, creator_id: CreatorId, key: MediaKey) -> AsyncIterator[bool]:
        """Whether a file is neither needed nor claimed; a claim waits until the context ends."""
        async with self._database.creator(creator_id) as connection:
            claimed = await connection.fetchval(HOLD, creator_id, key)
            referred = await connection.fetchval(REFERRED, creator_id, key)
            free = not claimed and not referred
            yield free
            if not claimed:
                await connection.execute(FORGET, creator_id, key)
