"""What students are called, as those who read it know them."""

from collections.abc import Iterable
from typing import Final

from adapters.postgres.database import Connection, system_role

# A shop that sells memberships knows people by names that nobody in a chat has seen: its comes last.
NAMES: Final = """
    SELECT DISTINCT ON (student_id) student_id, display_name, external_id FROM identities
     WHERE student_id = ANY ($1)
     ORDER BY student_id, display_name = '', platform = 'whop', platform = $2 DESC, platform, external_id
"""


async def names_of(connection: Connection, students: Iterable[int | None], platform: str = "") -> dict[int, str]:
    """The names of students by their ids, inside a creator's transaction.

    Args:
        connection: of the transaction.
        students: whose; None is nobody.
        platform: where it will be read: its name goes first, then another chat platform's, then any;
            empty where that is not known.

    Returns:
        Their names; the id of an account where it has none. Whoever has no account is missing.
    """
    async with system_role(connection):
        found = await connection.fetch(
            NAMES, list({student for student in students if student is not None}), platform
        )
    return {row["student_id"]: row["display_name"] or f"id {row['external_id']}" for row in found}
