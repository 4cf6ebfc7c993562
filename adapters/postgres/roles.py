"""Roles that students are to have: what is wanted, in a creator's scope, and what waits, under the system role."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import SHOP, put_job
from adapters.postgres.notices import tell_staff
from core.conversation import Reply
from core.ids import CommunityId, CreatorId, StudentId
from core.members.roles import Obstacle, RoleChange, trouble_told

LEASE_S: Final = 60.0
BOUGHT: Final = "shop:"
"""How the source of what was bought begins: the shop waits to hear whether it came about."""

ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('roles of ' || $2::bigint, $1))"
WANT: Final = """
    WITH before AS (
        SELECT status FROM wanted_roles
         WHERE creator_id = $1 AND community_id = $2 AND student_id = $3 AND role = $4 AND source = $5
    )
    INSERT INTO wanted_roles AS w (creator_id, community_id, student_id, role, source, until)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (creator_id, student_id, source, community_id, role) DO UPDATE
       SET until = excluded.until, failure = '', status = CASE w.status WHEN 'failed' THEN 'asked' ELSE w.status END
    RETURNING (SELECT status FROM before) AS before
"""
STATUS: Final = """
    SELECT status FROM wanted_roles
     WHERE creator_id = $1 AND student_id = $2 AND source = $3 ORDER BY status = 'failed' DESC, status LIMIT 1
"""
END: Final = """
    DELETE FROM wanted_roles
     WHERE creator_id = $1 AND student_id = $2 AND source = $3 AND ($4::timestamptz IS NULL OR until <= $4)
    RETURNING community_id, role, status
"""
STILL_WANTED: Final = """
    SELECT FROM wanted_roles WHERE creator_id = $1 AND community_id = $2 AND student_id = $3 AND role = $4
"""
EXPIRED: Final = """
    SELECT DISTINCT student_id, source FROM wanted_roles WHERE creator_id = $1 AND until <= $2
     ORDER BY student_id, source
"""
ASK: Final = """
    INSERT INTO role_changes AS c (creator_id, community_id, student_id, role, wanted) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (community_id, student_id, role) DO UPDATE
       SET wanted = excluded.wanted, version = c.version + 1, attempts = 0, next_attempt_at = now(),
           updated_at = now()
"""
CLAIM: Final = """
    WITH due AS (
        SELECT c.id, m.external_id AS community FROM role_changes c JOIN communities m ON m.id = c.community_id
         WHERE m.platform = $1 AND c.applied_version < c.version AND c.next_attempt_at <= now()
           AND c.leased_until <= now()
         ORDER BY c.id LIMIT $2 FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE role_changes c SET leased_until = now() + $3 * interval '1 second', attempts = attempts + 1
      FROM due WHERE c.id = due.id
    RETURNING c.id, c.creator_id, c.community_id, due.community, c.student_id, c.role, c.wanted, c.version,
              c.attempts,
              coalesce(c.accounts, ARRAY(SELECT external_id FROM identities i
                                          WHERE i.student_id = c.student_id AND i.platform = $1
                                          ORDER BY external_id)) AS accounts,
              coalesce((SELECT display_name FROM identities i WHERE i.student_id = c.student_id AND i.platform = $1
                         ORDER BY external_id LIMIT 1), '') AS name
"""
APPLIED: Final = """
    UPDATE role_changes SET applied_version = greatest(applied_version, $2), leased_until = '-infinity', attempts = 0,
           failure = $3, updated_at = now()
     WHERE id = $1
    RETURNING version = $2
"""
POSTPONE: Final = """
    UPDATE role_changes
       SET leased_until = '-infinity', failure = $4, next_attempt_at = now() + $3 * interval '1 second'
     WHERE id = $1 AND version = $2
"""
LET_GO: Final = "UPDATE role_changes SET leased_until = '-infinity' WHERE id = $1 AND version <> $2"
# What was given before stays so, also where giving it once more fails: it has to be taken some day.
OUTCOME: Final = """
    UPDATE wanted_roles SET status = $5, failure = $6
     WHERE creator_id = $1 AND community_id = $2 AND student_id = $3 AND role = $4
       AND status <> $5 AND status <> 'given'
    RETURNING source
"""
SAID: Final = """
    SELECT EXISTS (SELECT FROM role_changes
                    WHERE community_id = $1 AND role = $2 AND failure = $3
                      AND CASE failure WHEN 'not_a_member' THEN id = $4 AND told_at > now() - interval '30 days'
                                       ELSE told_at > now() - interval '1 day' END)
"""
# Of somebody who was erased nothing is kept, once their roles are taken.
FORGET: Final = "DELETE FROM role_changes WHERE id = $1 AND student_id IS NULL"
ERASED: Final = """
    UPDATE role_changes c
       SET wanted = false, version = version + 1, attempts = 0, next_attempt_at = now(), updated_at = now(),
           accounts = ARRAY(SELECT i.external_id FROM identities i JOIN communities m ON m.platform = i.platform
                             WHERE i.student_id = $1 AND m.id = c.community_id ORDER BY 1)
     WHERE c.student_id = $1 AND c.wanted
"""
TOLD: Final = "UPDATE role_changes SET told_at = now() WHERE id = $1"
WANTED_OF: Final = "SELECT DISTINCT creator_id, community_id, role FROM wanted_roles WHERE student_id = $1"
TAKE: Final = """
    INSERT INTO role_changes (creator_id, community_id, accounts, role, wanted)
    SELECT $1, m.id, ARRAY[$4::text], $5, false FROM communities m WHERE m.id = $2 AND m.platform = $3
"""
# What is had stays known, so that it can be taken of somebody who is erased, however much later.
PURGE: Final = """
    DELETE FROM role_changes
     WHERE NOT wanted AND applied_version >= version AND updated_at < now() - interval '30 days'
"""


async def want_role(
    connection: Connection, creator_id: CreatorId, community_id: CommunityId, student_id: StudentId, role: str,
    source: str, until: datetime | None = None,
) -> None:  # fmt: skip
    """Inside a creator's transaction, have a student given a role for a source, until a moment or for good.

    Again, it changes until when; what failed before is tried anew, what is given already costs nothing.
    """
    await connection.execute(ONE_AT_A_TIME, creator_id, student_id)
    before = await connection.fetchval(WANT, creator_id, community_id, student_id, role, source, until)
    if before in {None, "failed"}:
        await _ask(connection, creator_id, community_id, student_id, role, wanted=True)


async def end_roles(connection: Connection, creator_id: CreatorId, student_id: StudentId, source: str) -> None:
    """Inside a creator's transaction, have the roles of a source taken that no other source wants."""
    await _end(connection, creator_id, student_id, source, None)


async def _end(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, source: str, over_by: datetime | None
) -> None:
    await connection.execute(ONE_AT_A_TIME, creator_id, student_id)
    for ended in await connection.fetch(END, creator_id, student_id, source, over_by):
        key = (creator_id, CommunityId(ended["community_id"]), student_id, ended["role"])
        if ended["status"] != "failed" and not await connection.fetch(STILL_WANTED, *key):
            await _ask(connection, *key, wanted=False)


async def take_roles_of_erased(connection: Connection, student_id: StudentId) -> None:
    """Under the system role, before a student is deleted, have the roles taken that they were given."""
    await connection.execute(ERASED, student_id)


async def roles_wanted(connection: Connection, student_id: StudentId) -> Sequence[asyncpg.Record]:
    """In the scope of a student, all roles that they are to have."""
    return await connection.fetch(WANTED_OF, student_id)


async def take_roles_of_account(
    connection: Connection, wanted: Sequence[asyncpg.Record], platform: str, external_id: str
) -> None:
    """Under the system role, have roles taken from an account that is its student's no more."""
    for row in wanted:
        await connection.execute(TAKE, row["creator_id"], row["community_id"], platform, external_id, row["role"])


async def role_status(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, source: str
) -> str | None:
    """How it stands with the roles of a source: asked, given or failed; None where it wants none."""
    status: str | None = await connection.fetchval(STATUS, creator_id, student_id, source)
    return status


async def _ask(
    connection: Connection, creator_id: CreatorId, community_id: CommunityId, student_id: StudentId, role: str, *,
    wanted: bool,
) -> None:  # fmt: skip
    async with system_role(connection):
        await connection.execute(ASK, creator_id, community_id, student_id, role, wanted)


class PostgresRoles:
    """See :class:`core.members.roles.RoleChanges`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, platform: str, limit: int) -> list[RoleChange]:
        """Lease changes on a platform that are due, oldest first."""
        async with self._database.system() as connection:
            rows = await connection.fetch(CLAIM, platform, limit, LEASE_S)
        return sorted(map(_change, rows), key=lambda change: change.id)

    async def applied(self, change: RoleChange) -> None:
        """Note that it is so now."""
        async with self._database.creator(change.creator_id) as connection:
            async with system_role(connection):
                newest = await connection.fetchval(APPLIED, change.id, change.version, "")
                await connection.execute(FORGET, change.id)
            if newest and change.wanted:
                await _note(connection, change, "given", "")

    async def postpone(self, change: RoleChange, delay_s: float, failure: str) -> None:
        """Try again after ``delay_s`` seconds."""
        async with self._database.system() as connection:
            await connection.execute(POSTPONE, change.id, change.version, delay_s, failure)
            await connection.execute(LET_GO, change.id, change.version)

    async def give_up(self, change: RoleChange, obstacle: Obstacle) -> None:
        """Stop trying, and tell the creator's staff what to do, once a day for the same trouble.

        That somebody is not there is no trouble of the staff's, and is told once a month.
        """
        async with self._database.creator(change.creator_id) as connection:
            async with system_role(connection):
                said = await connection.fetchval(SAID, change.community_id, change.role, obstacle.value, change.id)
                newest = await connection.fetchval(APPLIED, change.id, change.version, obstacle.value)
                if newest and not said:
                    await connection.execute(TOLD, change.id)
                await connection.execute(FORGET, change.id)
            if newest and change.wanted:
                await _note(connection, change, "failed", obstacle.value)
            if newest and not said:
                await tell_staff(connection, change.creator_id, Reply(trouble_told(change, obstacle)))

    async def expire(self, creator_id: CreatorId, at: datetime) -> None:
        """Have the roles taken whose time is over."""
        async with self._database.creator(creator_id) as connection:
            for row in await connection.fetch(EXPIRED, creator_id, at):
                await _end(connection, creator_id, StudentId(row["student_id"]), row["source"], at)

    async def purge(self) -> None:
        """Delete the roles that were taken a month ago."""
        async with self._database.system() as connection:
            await connection.execute(PURGE)


async def _note(connection: Connection, change: RoleChange, status: str, failure: str) -> None:
    """Keep what came of a change beside whoever wanted it."""
    sources = await connection.fetch(
        OUTCOME, change.creator_id, change.community_id, change.student_id, change.role, status, failure
    )
    if any(row["source"].startswith(BOUGHT) for row in sources):
        await put_job(connection, SHOP, change.creator_id)


def _change(row: asyncpg.Record) -> RoleChange:
    return RoleChange(
        row["id"], CreatorId(row["creator_id"]), CommunityId(row["community_id"]), row["community"],
        None if row["student_id"] is None else StudentId(row["student_id"]), tuple(row["accounts"]), row["name"],
        row["role"], row["wanted"],
        row["version"], row["attempts"],
    )  # fmt: skip
