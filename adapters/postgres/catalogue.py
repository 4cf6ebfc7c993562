"""Descriptions of sources on PostgreSQL, under one creator's row-level security."""

from collections.abc import Collection
from typing import Final

from adapters.postgres.database import Database
from adapters.postgres.shelf import TOUCH_CORPUS
from adapters.postgres.workflows import read_uploads_lately
from core.ids import CreatorId, SourceId
from core.library.catalogue import Edit

EDIT: Final = """
    UPDATE sources
       SET title = coalesce($3, title), titled = titled OR $3 IS NOT NULL, link = coalesce($4, link),
           language = coalesce($5, language), tier = coalesce($6, tier)
     WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL
    RETURNING id
"""
TIERS: Final = "SELECT id, tier FROM sources WHERE creator_id = $1 AND id = ANY($2) AND tier <> ''"


class PostgresCatalogue:
    """See :class:`core.library.catalogue.Catalogue`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def edit(self, creator_id: CreatorId, source_id: SourceId, edit: Edit) -> bool:
        """Change what is given and move the corpus version, so that no answer that is kept shows the old."""
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetchval(
                EDIT, creator_id, source_id, edit.title, edit.link, edit.language, edit.tier
            )
            if found is None:
                return False
            await connection.execute(TOUCH_CORPUS, creator_id)
        return True

    async def tiers(self, creator_id: CreatorId, sources: Collection[SourceId]) -> dict[SourceId, str]:
        """Of these sources those that are not for everybody, with their tiers."""
        if not sources:
            return {}
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(TIERS, creator_id, list(sources))
        return {SourceId(row["id"]): row["tier"] for row in rows}

    async def uploads_lately(self, creator_id: CreatorId) -> tuple[int, float]:
        """How many uploads the last hour had, and seconds until the oldest of them no longer counts."""
        async with self._database.creator(creator_id) as connection:
            return await read_uploads_lately(connection, creator_id)
