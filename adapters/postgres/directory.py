"""The directory of people and places on PostgreSQL, under the system role."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Database
from core.conversation import Person, Place
from core.errors import Refused
from core.ids import CommunityId, CreatorId, StudentId
from core.members.directory import Community, Creator, JoinCode

_CREATOR: Final = "c.id, c.handle, c.name, c.language, c.who_may_ask, c.answers, c.owner_id"

IDENTITY: Final = "SELECT student_id FROM identities WHERE platform = $1 AND external_id = $2"
REMEMBER_IDENTITY: Final = """
    WITH student AS (INSERT INTO students DEFAULT VALUES RETURNING id)
    INSERT INTO identities (platform, external_id, student_id, display_name)
    SELECT $1, $2, id, $3 FROM student
    ON CONFLICT (platform, external_id) DO NOTHING
    RETURNING student_id
"""
COMMUNITY: Final = f"""
    SELECT {_CREATOR}, m.id AS community_id, m.platform, m.external_id, m.name AS community_name, m.staff_role
      FROM communities m JOIN creators c ON c.id = m.creator_id
     WHERE m.platform = $1 AND m.external_id = $2
"""
CREATOR_BY_HANDLE: Final = f"SELECT {_CREATOR} FROM creators c WHERE c.handle = $1"
CREATORS: Final = f"SELECT {_CREATOR} FROM creators c ORDER BY c.handle"
ENROLLED_WITH: Final = f"""
    SELECT {_CREATOR} FROM creators c
     WHERE c.owner_id = $1
        OR EXISTS (SELECT FROM enrolments e WHERE e.creator_id = c.id AND e.student_id = $1 AND e.status = 'active')
     ORDER BY c.name
"""
ENROLMENT: Final = "SELECT status FROM enrolments WHERE creator_id = $1 AND student_id = $2"
ENROL: Final = "INSERT INTO enrolments (creator_id, student_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
PREFERRED: Final = "SELECT preferred_creator_id FROM identities WHERE platform = $1 AND external_id = $2"
PREFER: Final = "UPDATE identities SET preferred_creator_id = $3 WHERE platform = $1 AND external_id = $2"
ADD_CREATOR: Final = f"""
    INSERT INTO creators AS c (handle, name, owner_id) VALUES ($1, $2, $3)
    ON CONFLICT (handle) DO NOTHING
    RETURNING {_CREATOR}
"""
ADD_COMMUNITY: Final = """
    INSERT INTO communities (creator_id, platform, external_id, name) VALUES ($1, $2, $3, $4)
    ON CONFLICT (platform, external_id) DO NOTHING
    RETURNING id
"""
UPDATE_CREATOR: Final = f"""
    UPDATE creators c
       SET name = coalesce($2, c.name), language = coalesce($3, c.language),
           who_may_ask = coalesce($4, c.who_may_ask), answers = coalesce($5, c.answers)
     WHERE c.id = $1
    RETURNING {_CREATOR}
"""
SET_STAFF_ROLE: Final = "UPDATE communities SET staff_role = $2 WHERE id = $1"
ADD_CODE: Final = """
    INSERT INTO join_codes (code_hash, creator_id, grants_ownership, expires_at) VALUES ($1, $2, $3, $4)
"""
REDEEM_CODE: Final = """
    DELETE FROM join_codes WHERE code_hash = $1 AND expires_at > now() RETURNING creator_id, grants_ownership
"""
FORGET_CODES: Final = "DELETE FROM join_codes WHERE expires_at <= now()"
TAKE_OWNERSHIP: Final = f"""
    UPDATE creators c SET owner_id = coalesce(c.owner_id, $2) WHERE c.id = $1 RETURNING {_CREATOR}
"""
CREATOR_BY_ID: Final = f"SELECT {_CREATOR} FROM creators c WHERE c.id = $1"
MOVE_COMMUNITY: Final = """
    UPDATE communities SET external_id = $3 WHERE platform = $1 AND external_id = $2
"""
ERASE: Final = "DELETE FROM students WHERE id = $1"

_CODE_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LIFE: Final = timedelta(days=7)


class PostgresDirectory:
    """See :class:`core.members.directory.Directory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def student(self, person: Person) -> StudentId:
        """The student behind a platform identity; a new one on first sight."""
        async with self._database.system() as connection:
            found = await connection.fetchval(IDENTITY, person.platform, person.external_id)
            if found is None:
                found = await connection.fetchval(REMEMBER_IDENTITY, person.platform, person.external_id, person.name)
        if found is None:  # somebody else's transaction was first
            return await self.student(person)
        return StudentId(found)

    async def community(self, place: Place) -> tuple[Community, Creator] | None:
        """The community at a place and its creator; None when it is not set up."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(COMMUNITY, place.platform, place.community)
        if row is None:
            return None
        community = Community(
            CommunityId(row["community_id"]), CreatorId(row["id"]), row["platform"], row["external_id"],
            row["community_name"], row["staff_role"],
        )  # fmt: skip
        return community, _creator(row)

    async def creator(self, handle: str) -> Creator | None:
        """A creator by handle."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(CREATOR_BY_HANDLE, handle)
        return None if row is None else _creator(row)

    async def creators(self) -> list[Creator]:
        """All creators, by handle."""
        async with self._database.system() as connection:
            return [_creator(row) for row in await connection.fetch(CREATORS)]

    async def enrolled_with(self, student_id: StudentId) -> list[Creator]:
        """The creators with whom a student has an active enrolment, or whom they own."""
        async with self._database.system() as connection:
            return [_creator(row) for row in await connection.fetch(ENROLLED_WITH, student_id)]

    async def enrolment(self, creator_id: CreatorId, student_id: StudentId) -> str:
        """The status of an enrolment, empty where there is none."""
        async with self._database.system() as connection:
            return await connection.fetchval(ENROLMENT, creator_id, student_id) or ""

    async def enrol(self, creator_id: CreatorId, student_id: StudentId) -> None:
        """Enrol a student; an existing enrolment stays as it is."""
        async with self._database.system() as connection:
            await connection.execute(ENROL, creator_id, student_id)

    async def preferred(self, person: Person) -> CreatorId | None:
        """The creator whom a person chose for direct messages."""
        async with self._database.system() as connection:
            chosen = await connection.fetchval(PREFERRED, person.platform, person.external_id)
        return None if chosen is None else CreatorId(chosen)

    async def prefer(self, person: Person, creator_id: CreatorId) -> None:
        """Remember that choice."""
        async with self._database.system() as connection:
            await connection.execute(PREFER, person.platform, person.external_id, creator_id)

    async def add_creator(self, handle: str, name: str, owner_id: StudentId | None) -> Creator:
        """Make a creator; see the port for what it refuses."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", handle):
            raise Refused(
                f"{handle!r} is not a handle: lower-case letters, digits and hyphens, at most 63, such as my-school."
            )
        if not 1 <= len(name) <= 100:
            raise Refused("A creator's name has 1 to 100 characters.")
        async with self._database.system() as connection:
            row = await connection.fetchrow(ADD_CREATOR, handle, name, owner_id)
        if row is None:
            raise Refused(f"There is a creator with the handle {handle} already; choose another.")
        return _creator(row)

    async def add_community(self, creator_id: CreatorId, place: Place) -> Community:
        """Map a place to a creator; see the port for what it refuses."""
        async with self._database.system() as connection:
            found = await connection.fetchval(
                ADD_COMMUNITY, creator_id, place.platform, place.community, place.community_name[:100]
            )
        if found is None:
            raise Refused("This community is set up already; /settings shows how.")
        return Community(CommunityId(found), creator_id, place.platform, place.community, place.community_name)

    async def move_community(self, platform: str, old_id: str, new_id: str) -> None:
        """Follow a community to a new id of its platform, as when a Telegram group becomes a supergroup."""
        async with self._database.system() as connection:
            await connection.execute(MOVE_COMMUNITY, platform, old_id, new_id)

    async def update_creator(
        self, creator_id: CreatorId, *, name: str | None = None, language: str | None = None,
        who_may_ask: str | None = None, answers: str | None = None,
    ) -> Creator:  # fmt: skip
        """Change what is given and leave the rest."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(UPDATE_CREATOR, creator_id, name, language, who_may_ask, answers)
        if row is None:
            raise Refused("This creator does not exist any more.")
        return _creator(row)

    async def set_staff_role(self, community_id: CommunityId, role: str) -> None:
        """Name the platform's role whose holders are staff; empty: none."""
        async with self._database.system() as connection:
            await connection.execute(SET_STAFF_ROLE, community_id, role)

    async def new_join_code(self, creator_id: CreatorId, *, grants_ownership: bool = False) -> JoinCode:
        """A one-time code that joins a community to a creator; only its hash is kept."""
        letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(12))
        expires_at = datetime.now(UTC) + _CODE_LIFE
        async with self._database.system() as connection:
            await connection.execute(ADD_CODE, _code_hash(letters), creator_id, grants_ownership, expires_at)
        return JoinCode("-".join((letters[:4], letters[4:8], letters[8:])), expires_at)

    async def redeem_join_code(self, code: str, student_id: StudentId) -> Creator | None:
        """Use up a code and return its creator; None when it is unknown, used or expired."""
        async with self._database.system() as connection:
            used = await connection.fetchrow(REDEEM_CODE, _code_hash(code))
            if used is None:
                return None
            if used["grants_ownership"]:
                row = await connection.fetchrow(TAKE_OWNERSHIP, used["creator_id"], student_id)
            else:
                row = await connection.fetchrow(CREATOR_BY_ID, used["creator_id"])
        return _creator(row) if row else None

    async def forget_expired_codes(self) -> None:
        """Delete join codes that nobody can use any more."""
        async with self._database.system() as connection:
            await connection.execute(FORGET_CODES)

    async def erase(self, student_id: StudentId) -> None:
        """Delete a student; the foreign keys take everything that is kept of them along."""
        async with self._database.system() as connection:
            await connection.execute(ERASE, student_id)


def _code_hash(code: str) -> bytes:
    return hashlib.sha256(re.sub(r"[^0-9A-Z]", "", code.upper()).encode()).digest()


def _creator(row: asyncpg.Record) -> Creator:
    return Creator(
        CreatorId(row["id"]), row["handle"], row["name"], row["language"], row["who_may_ask"], row["answers"],
        None if row["owner_id"] is None else StudentId(row["owner_id"]),
    )  # fmt: skip
