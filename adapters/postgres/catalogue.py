"""Descriptions of sources on PostgreSQL, under one creator's row-level security."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Database
from adapters.postgres.packed import OPEN, scoped
from adapters.postgres.shelf import TOUCH_CORPUS
from adapters.postgres.workflows import read_uploads_lately
from core.ids import CreatorId, SourceId
from core.library.catalogue import Contained, Edit
from core.library.store import SourceKind
from core.tiers import Scope

EDIT: Final = """
    UPDATE sources
       SET title = coalesce($3, title), titled = titled OR $3 IS NOT NULL, link = coalesce($4, link),
           language = coalesce($5, language), tier = coalesce($6, tier)
     WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL
    RETURNING id
"""
TIERS: Final = "SELECT id, tier FROM sources WHERE creator_id = $1 AND id = ANY($2) AND tier <> ''"
_CONTAINED: Final = f"""
    SELECT id, kind, created_at, count(*) OVER () AS total
      FROM sources
     WHERE creator_id = $1 AND kind NOT IN ('listing', 'qa', 'note') AND id IN ({OPEN})
"""
LISTED: Final = f"""
    {_CONTAINED} AND kind = ANY($4) AND ($5::interval IS NULL OR created_at > now() - $5)
     ORDER BY created_at DESC, id DESC LIMIT $6
"""
ABOUT: Final = f"{_CONTAINED} AND (id = ANY($4) OR strpos(lower(title), lower($5)) > 0) ORDER BY id DESC LIMIT $6"
MOST_ABOUT: Final = 50


class PostgresCatalogue:
    """See :class:`core.library.catalogue.Catalogue` and :class:`core.library.catalogue.Contents`."""

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

    async def listed(
        self, scope: Scope, kinds: Collection[SourceKind], within: timedelta | None, limit: int
    ) -> list[Contained]:
        """The latest sources of some kinds first, those added within a time up to now or (None) all."""
        async with self._database.creator(scope.creator_id) as connection:
            rows = await connection.fetch(LISTED, *scoped(scope), [kind.value for kind in kinds], within, limit)
        return [_contained(row) for row in rows]

    async def about(self, scope: Scope, sources: Collection[SourceId], topic: str) -> dict[SourceId, Contained]:
        """Of these sources those that are there and in scope, and besides them those whose title has the topic."""
        async with self._database.creator(scope.creator_id) as connection:
            rows = await connection.fetch(ABOUT, *scoped(scope), list(sources), topic, len(sources) + MOST_ABOUT)
        return {SourceId(row["id"]): _contained(row) for row in rows}

    async def uploads_lately(self, creator_id: CreatorId) -> tuple[int, float]:
        """How many uploads the last hour had, and seconds until the oldest of them no longer counts."""
        async with self._database.creator(creator_id) as connection:
            return await read_uploads_lately(connection, creator_id)


def _contained(row: asyncpg.Record) -> Contained:
    return Contained(SourceId(row["id"]), SourceKind(row["kind"]), row["created_at"], row["total"])
