"""The roles that follow enrolments, on PostgreSQL: chosen under the system role, wanted in a creator's scope."""

from collections.abc import Mapping
from typing import Final

from adapters.postgres.database import Connection, Database, raw_connection, system_role
from adapters.postgres.jobs import TIER_ROLES, put_following, put_job
from adapters.postgres.roles import end_roles, want_role
from core.ids import CommunityId, CreatorId, StudentId

PREFIX: Final = "tier:"

CHOSEN: Final = "SELECT tier, role FROM tier_roles WHERE creator_id = $1 AND community_id = $2 ORDER BY tier"
CHOOSE: Final = """
    INSERT INTO tier_roles (creator_id, community_id, tier, role) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id, community_id, tier) DO UPDATE SET role = excluded.role
"""
DROP: Final = "DELETE FROM tier_roles WHERE creator_id = $1 AND community_id = $2 AND tier = $3"
ANY: Final = "SELECT EXISTS (SELECT FROM tier_roles WHERE creator_id = $1)"
DUE: Final = """
    SELECT t.community_id, t.tier, t.role FROM tier_roles t
      JOIN enrolments e ON e.creator_id = t.creator_id AND e.student_id = $2 AND e.status = 'active'
     WHERE t.creator_id = $1 AND t.tier IN ('', e.tier)
"""
WANTED: Final = """
    SELECT community_id, substr(source, length($3) + 1) AS tier, role, status FROM wanted_roles
     WHERE creator_id = $1 AND student_id = $2 AND starts_with(source, $3)
"""
CREATORS_OF: Final = "SELECT creator_id FROM enrolments WHERE student_id = $1 ORDER BY creator_id"
STUDENTS_OF: Final = """
    SELECT e.student_id FROM enrolments e
     WHERE e.creator_id = $1 AND EXISTS (SELECT FROM tier_roles t WHERE t.creator_id = $1 AND t.tier IN ('', e.tier))
"""
HOLDERS: Final = "SELECT DISTINCT student_id FROM wanted_roles WHERE creator_id = $1 AND starts_with(source, $2)"


class PostgresTierRoles:
    """See :class:`core.members.tier_roles.TierRoles`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def roles(self, creator_id: CreatorId, community_id: CommunityId) -> Mapping[str, str]:
        """The role of each tier in a community."""
        async with self._database.system() as connection:
            return {row["tier"]: row["role"] for row in await connection.fetch(CHOSEN, creator_id, community_id)}

    async def choose(self, creator_id: CreatorId, community_id: CommunityId, tier: str, role: str) -> None:
        """Have the members of a tier given a role, and all students looked at."""
        async with self._database.system() as connection:
            if role:
                await connection.execute(CHOOSE, creator_id, community_id, tier, role)
            else:
                await connection.execute(DROP, creator_id, community_id, tier)
            await put_job(connection, TIER_ROLES, creator_id)

    async def follow(self, student_id: StudentId) -> None:
        """Have a student given the roles of their enrolments."""
        async with self._database.system() as connection:
            creators = [CreatorId(row["creator_id"]) for row in await connection.fetch(CREATORS_OF, student_id)]
        for creator_id in creators:
            async with self._database.creator(creator_id) as connection:
                await follow_roles(connection, creator_id, student_id)

    async def follow_all(self, creator_id: CreatorId) -> None:
        """The same for all students of a creator, each in a transaction."""
        async with self._database.creator(creator_id) as connection:
            found = await connection.fetch(HOLDERS, creator_id, PREFIX)
            async with system_role(connection):
                found += await connection.fetch(STUDENTS_OF, creator_id)
        for student_id in sorted({StudentId(row["student_id"]) for row in found}):
            async with self._database.creator(creator_id) as connection:
                await follow_roles(connection, creator_id, student_id)


async def follow_roles(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> None:
    """Inside a creator's transaction, want the roles of a student's tier and those alone; ask again what failed."""
    async with system_role(connection):
        due = {tuple(row) for row in await connection.fetch(DUE, creator_id, student_id)}
    status = {
        (row["community_id"], row["tier"], row["role"]): row["status"]
        for row in await connection.fetch(WANTED, creator_id, student_id, PREFIX)
    }
    over = {tier for _, tier, _ in status.keys() - due}
    for tier in sorted(over):
        await end_roles(connection, creator_id, student_id, PREFIX + tier)
    for community_id, tier, role in sorted(due):
        if tier in over or status.get((community_id, tier, role), "failed") == "failed":
            await want_role(connection, creator_id, CommunityId(community_id), student_id, role, PREFIX + tier)


async def put_role_work(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> None:
    """After a change of an enrolment have its roles follow, where there are any; ``connection`` is the system's."""
    if await connection.fetchval(ANY, creator_id):
        await put_following(raw_connection(connection), student_id)
