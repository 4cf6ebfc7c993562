"""What the staff did, kept to be read again; written in the transaction of the deed."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.postgres.database import Connection, Database
from adapters.postgres.names import names_of
from core.ids import CreatorId, StudentId
from core.rewards.audit import Deed

NOTE: Final = "INSERT INTO audit (creator_id, by_id, action, about_id, details) VALUES ($1, $2, $3, $4, $5)"
PAGE: Final = """
    SELECT a.at, a.by_id, a.action, a.about_id, a.details, coalesce(n.note, '') AS note, count(*) OVER () AS total
      FROM audit a
      LEFT JOIN transfer_notes n ON n.creator_id = $1 AND n.key = a.details ->> 'key'
     WHERE a.creator_id = $1 AND ($4 = '' OR a.action = $4)
     ORDER BY a.id DESC LIMIT $2 OFFSET $3
"""


async def audited(
    connection: Connection,
    creator_id: CreatorId,
    by: StudentId | None,
    action: str,
    about: StudentId | None,
    details: Mapping[str, Any],
) -> None:
    """Inside a creator's transaction, note what somebody of the staff did.

    Args:
        connection: of the transaction.
        creator_id: where.
        by: who did it; None: the operator, from the shell.
        action: what, in a word such as grant.
        about: with whom.
        details: plain data such as ``amount``; with the ``key`` of a transfer its note is shown; no words.
    """
    await connection.execute(NOTE, creator_id, by, action, about, dict(details))


class PostgresAudit:
    """See :class:`core.rewards.audit.Audit`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def deeds(
        self, creator_id: CreatorId, *, platform: str, action: str = "", offset: int = 0, limit: int = 10
    ) -> tuple[list[Deed], int]:
        """What was done, newest first, and how much there is in all."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(PAGE, creator_id, limit, offset, action)
            people = [row[column] for row in rows for column in ("by_id", "about_id")]
            names = await names_of(connection, people, platform)
        deeds = [
            Deed(
                row["at"],
                names.get(row["by_id"], ""),
                row["action"],
                names.get(row["about_id"], ""),
                row["details"],
                row["note"],
            )
            for row in rows
        ]
        return deeds, rows[0]["total"] if rows else 0
