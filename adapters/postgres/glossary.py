"""Glossaries on PostgreSQL, and the words that they are applied to, under one creator's row-level security."""

from collections.abc import Sequence
from typing import Final

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import RESPELL, put_job
from core.errors import UploadRefused
from core.ids import CreatorId, SourceId
from core.library.glossary import MOST_NAMES, MOST_SPELLINGS, Glossary, Name

NAMES: Final = "SELECT name, instead_of FROM glossary_names WHERE creator_id = $1 ORDER BY created_at, name"
ADD: Final = """
    INSERT INTO glossary_names AS g (creator_id, name, instead_of) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id, lower(name)) DO UPDATE SET name = excluded.name, instead_of =
        ARRAY(SELECT u.spelling FROM unnest(g.instead_of || excluded.instead_of) WITH ORDINALITY u (spelling, n)
               GROUP BY u.spelling ORDER BY min(u.n))
"""
REMOVE: Final = "DELETE FROM glossary_names WHERE creator_id = $1 AND lower(name) = lower($2) RETURNING name"
# Whole words are told here by nothing; what stands inside another word is sorted out afterwards.
SUSPECTS: Final = """
    SELECT g.source_id, g.text
      FROM segments g JOIN sources s ON s.creator_id = g.creator_id AND s.id = g.source_id
     WHERE g.creator_id = $1 AND s.status = 'ready' AND s.removed_at IS NULL AND s.timing <> 'none'
       AND EXISTS (SELECT FROM unnest($2::text[]) AS wrong WHERE position(wrong IN lower(g.text)) > 0)
     ORDER BY g.source_id
"""


class PostgresGlossaries:
    """See :class:`core.library.glossary.Glossaries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def glossary(self, creator_id: CreatorId) -> Glossary:
        """All names of a creator, the oldest first."""
        async with self._database.creator(creator_id) as connection:
            return await read_glossary(connection, creator_id)

    async def add(self, creator_id: CreatorId, names: Sequence[Name]) -> None:
        """Add names; one that is there already is written anew and keeps its wrong spellings."""
        async with self._database.creator(creator_id) as connection:
            for name in names:
                await connection.execute(ADD, creator_id, name.name, name.instead_of)
            _check(await read_glossary(connection, creator_id))

    async def remove(self, creator_id: CreatorId, name: str) -> bool:
        """Remove a name with its wrong spellings; False where there is none of this name."""
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(REMOVE, creator_id, name) is not None

    async def misspelt(self, creator_id: CreatorId) -> list[SourceId]:
        """The sources in which a wrong spelling stands."""
        async with self._database.creator(creator_id) as connection:
            glossary = await read_glossary(connection, creator_id)
            rows = await connection.fetch(SUSPECTS, creator_id, [wrong.lower() for wrong in glossary.spellings])
        found = (SourceId(row["source_id"]) for row in rows if glossary.corrected(row["text"]) != row["text"])
        return list(dict.fromkeys(found))

    async def respell(self, creator_id: CreatorId) -> None:
        """Have the glossary applied to these sources in the background."""
        async with self._database.creator(creator_id) as connection:
            await put_job(connection, RESPELL, creator_id)


async def read_glossary(connection: Connection, creator_id: CreatorId) -> Glossary:
    """A creator's glossary, inside their transaction."""
    rows = await connection.fetch(NAMES, creator_id)
    return Glossary(tuple(Name(row["name"], tuple(row["instead_of"])) for row in rows))


def _check(glossary: Glossary) -> None:
    """See that a glossary may stay as it has become."""
    if len(glossary.names) > MOST_NAMES:
        raise UploadRefused(f"These would be {len(glossary.names)} names; at most {MOST_NAMES} are kept.")
    written = {name.name.casefold(): name.name for name in glossary.names}
    owner: dict[str, str] = {}
    for name in glossary.names:
        if len(name.instead_of) > MOST_SPELLINGS:
            raise UploadRefused(f"{name.name} would have more than {MOST_SPELLINGS} wrong spellings.")
        for wrong in map(str.casefold, name.instead_of):
            if written.get(wrong, name.name) != name.name:
                raise UploadRefused(f"{written[wrong]} is a name in the glossary, so it cannot be a wrong spelling.")
            if owner.setdefault(wrong, name.name) != name.name:
                raise UploadRefused(f"{wrong!r} stands for {owner[wrong]} already; remove that first.")
