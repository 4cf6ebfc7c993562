"""The directory of people and places on PostgreSQL, under the system role."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, raw_connection
from adapters.postgres.former import hashes_of, identity_hash, mark_earner
from adapters.postgres.jobs import put_following
from adapters.postgres.memberships import claim_by_discord
from adapters.postgres.redemptions import cancel_redemptions
from adapters.postgres.roles import take_roles_of_erased
from adapters.postgres.tier_roles import put_role_work
from core.conversation import Person, Place
from core.errors import Refused
from core.ids import CommunityId, CreatorId, StudentId
from core.members.directory import (
    LONGEST_NAME,
    SET_UP_ALREADY,
    Community,
    Creator,
    Enrolment,
    EnrolmentChange,
    JoinCode,
    Purpose,
    Student,
    Ties,
    checked_name,
    handles_for,
)
from core.richtext import one_line

_CREATOR: Final = "c.id, c.handle, c.name, c.language, c.who_may_ask, c.answers, c.owner_id, c.contributions"

IDENTITY: Final = """
    SELECT student_id, display_name, username FROM identities WHERE platform = $1 AND external_id = $2
"""
RENAME_IDENTITY: Final = """
    UPDATE identities SET display_name = $3, username = $4 WHERE platform = $1 AND external_id = $2
"""
REMEMBER_IDENTITY: Final = """
    WITH student AS (INSERT INTO students DEFAULT VALUES RETURNING id)
    INSERT INTO identities (platform, external_id, student_id, display_name, username)
    SELECT $1, $2, id, $3, $4 FROM student
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
SUSPENDED_WITH: Final = f"""
    SELECT {_CREATOR} FROM creators c JOIN enrolments e ON e.creator_id = c.id
     WHERE e.student_id = $1 AND e.status <> 'active' ORDER BY e.since DESC LIMIT 1
"""
ENROLMENT: Final = """
    SELECT coalesce(e.status, '') AS status, coalesce(e.tier, '') AS tier, coalesce(e.source, '') AS source,
           coalesce(e.return_link, '') AS return_link,
           ARRAY(SELECT tier FROM bought_tiers b
                  WHERE b.creator_id = $1 AND b.student_id = $2 AND b.until > statement_timestamp()) AS bought
      FROM (SELECT) AS one LEFT JOIN enrolments e ON e.creator_id = $1 AND e.student_id = $2
"""
ENROL: Final = "INSERT INTO enrolments (creator_id, student_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
# A paid membership that is over gives way to the code; of one that is paused the code is what is fallen back to.
ENROL_BY_CODE: Final = """
    INSERT INTO enrolments AS e (creator_id, student_id, tier, source, invited_tier) VALUES ($1, $2, $3, 'invite', $3)
    ON CONFLICT (creator_id, student_id) DO UPDATE
       SET tier = CASE WHEN e.status = 'ended' OR excluded.tier <> '' AND e.source <> 'whop' THEN excluded.tier
                       ELSE e.tier END,
           source = CASE WHEN e.status = 'ended' OR e.source = 'asked' THEN 'invite' ELSE e.source END,
           status = CASE e.status WHEN 'ended' THEN 'active' ELSE e.status END,
           since = CASE e.status WHEN 'ended' THEN now() ELSE e.since END,
           return_link = CASE e.status WHEN 'ended' THEN '' ELSE e.return_link END, invited_tier = excluded.tier
     WHERE e.status = 'active' OR e.source = 'whop'
"""
SET_ENROLMENT: Final = """
    INSERT INTO enrolments AS e (creator_id, student_id, status, tier, source)
    VALUES ($1, $2, coalesce($3, 'active'), coalesce($4, ''), 'staff')
    ON CONFLICT (creator_id, student_id) DO UPDATE
       SET status = coalesce($3, e.status), tier = coalesce($4, e.tier), source = 'staff', grace_until = NULL,
           since = CASE WHEN $3 <> e.status THEN now() ELSE e.since END
"""
ACTOR: Final = "SELECT set_config('app.actor', $1, true)"
ENROLMENT_CHANGES: Final = """
    SELECT h.changed_at, h.status, h.tier, h.source, coalesce(i.display_name, '') AS by
      FROM enrolment_changes h
      LEFT JOIN LATERAL (SELECT display_name FROM identities WHERE student_id = h.changed_by
                          ORDER BY platform LIMIT 1) i ON true
     WHERE h.student_id = $2 AND h.creator_id = $1 ORDER BY h.id DESC LIMIT $3
"""
FOLLOW_SELLER: Final = """
    UPDATE enrolments e SET source = 'whop'
     WHERE creator_id = $1 AND student_id = $2
       AND EXISTS (SELECT FROM whop_memberships m
                     JOIN identities i ON i.platform = 'whop' AND i.external_id = m.user_id
                    WHERE m.creator_id = $1 AND i.student_id = $2)
    RETURNING student_id
"""
_STUDENT: Final = """
    SELECT e.student_id, e.status, e.tier, e.since, e.source, e.grace_until, count(*) OVER () AS total,
           coalesce(i.display_name, '') AS name, coalesce(i.username, '') AS username,
           coalesce(i.external_id, '') AS external_id
      FROM enrolments e
"""
_NAMED_ON: Final = """
      LEFT JOIN LATERAL (
        SELECT display_name, username, external_id FROM identities
         WHERE student_id = e.student_id ORDER BY platform = $2 DESC, platform LIMIT 1
      ) i ON true
"""
STUDENTS: Final = f"""
    {_STUDENT} {_NAMED_ON}
     WHERE e.creator_id = $1 AND ($3 = '' OR e.status = $3) AND ($6::text IS NULL OR e.tier = $6)
     ORDER BY lower(i.display_name), e.student_id LIMIT $4 OFFSET $5
"""
STUDENT_HERE: Final = f"{_STUDENT} {_NAMED_ON} WHERE e.creator_id = $1 AND e.student_id = $3"
STUDENTS_NAMED: Final = f"""
    {_STUDENT} JOIN identities i ON i.student_id = e.student_id AND i.platform = $2
     WHERE e.creator_id = $1
       AND (i.external_id = $3 OR lower(i.username) = lower($3) OR strpos(lower(i.display_name), lower($3)) > 0)
     ORDER BY i.external_id = $3 DESC, lower(i.username) = lower($3) DESC, lower(i.display_name) = lower($3) DESC,
              lower(i.display_name), e.student_id
     LIMIT 6
"""
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
           who_may_ask = coalesce($4, c.who_may_ask), answers = coalesce($5, c.answers),
           contributions = coalesce($6, c.contributions)
     WHERE c.id = $1
    RETURNING {_CREATOR}
"""
SET_STAFF_ROLE: Final = "UPDATE communities SET staff_role = $2 WHERE id = $1"
COMMUNITYS_CREATOR: Final = "SELECT creator_id FROM communities WHERE platform = $1 AND external_id = $2"
ADD_CODE: Final = """
    INSERT INTO join_codes (code_hash, creator_id, purpose, expires_at, tier) VALUES ($1, $2, $3, $4, $5)
"""
USE_UP_CODE: Final = """
    DELETE FROM join_codes WHERE code_hash = $1 AND expires_at > now() AND purpose = ANY($2)
    RETURNING creator_id, purpose
"""
INVITED: Final = f"""
    SELECT {_CREATOR}, j.tier FROM join_codes j JOIN creators c ON c.id = j.creator_id
     WHERE j.code_hash = $1 AND j.expires_at > now() AND j.purpose = 'enrolment'
       AND ($2::bigint IS NULL OR c.id = $2)
"""
REVOKE_INVITES: Final = """
    WITH revoked AS (DELETE FROM join_codes WHERE creator_id = $1 AND purpose = 'enrolment' RETURNING expires_at)
    SELECT count(*) FROM revoked WHERE expires_at > now()
"""
FORGET_CODES: Final = "DELETE FROM join_codes WHERE expires_at <= now()"
TAKE_OWNERSHIP: Final = "UPDATE creators SET owner_id = $2 WHERE id = $1 AND owner_id IS NULL RETURNING id"
CREATOR_BY_ID: Final = f"SELECT {_CREATOR} FROM creators c WHERE c.id = $1"
MOVE_COMMUNITY: Final = """
    UPDATE communities SET external_id = $3 WHERE platform = $1 AND external_id = $2
"""
OWNED: Final = "SELECT name FROM creators WHERE owner_id = $1 ORDER BY name"
SUSPENDED: Final = """
    SELECT c.name FROM enrolments e JOIN creators c ON c.id = e.creator_id
     WHERE e.student_id = $1 AND e.status <> 'active' AND e.source <> 'whop' ORDER BY c.name
"""
ENROLMENTS_TO_ERASE: Final = "SELECT creator_id, status, source FROM enrolments WHERE student_id = $1 FOR UPDATE"
LEAVE_MARK: Final = """
    INSERT INTO former_enrolments (creator_id, identity_hash, status) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id, identity_hash) DO UPDATE SET status = excluded.status
"""
RESTORE_FORMER: Final = """
    WITH back AS (DELETE FROM former_enrolments WHERE identity_hash = $2 RETURNING creator_id, status)
    INSERT INTO enrolments (creator_id, student_id, status, source) SELECT creator_id, $1, status, 'staff' FROM back
"""
ERASE_MEMBERSHIPS: Final = """
    DELETE FROM whop_memberships m USING identities i
     WHERE i.student_id = $1 AND i.platform = 'whop' AND i.external_id = m.user_id
"""
ERASE: Final = "DELETE FROM students WHERE id = $1"

_CODE_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LIFE: Final = timedelta(days=7)
_NO_SUCH_CODE: Final = (
    "That code is unknown, used or expired, or for something else. A creator's owner gets a code for a community "
    "from /settings; students type theirs with /enroll code:<code>"
)
_NOT_THE_OPERATORS: Final = (
    "That code is unknown, used or expired, or not the operator's. The operator of this bot takes new communities "
    "only with a code of their own."
)


class PostgresDirectory:
    """See :class:`core.members.directory.Directory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def student(self, person: Person) -> StudentId:
        """The student behind a platform identity; see the port."""
        async with self._database.system() as connection:
            known = await connection.fetchrow(IDENTITY, person.platform, person.external_id)
            found = known["student_id"] if known else await remember(connection, person)
            if known and person.name and (known["display_name"], known["username"]) != _names(person):
                await connection.execute(RENAME_IDENTITY, person.platform, person.external_id, *_names(person))
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

    async def suspended_with(self, student_id: StudentId) -> Creator | None:
        """The creator with whom a student's access was paused or ended last."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(SUSPENDED_WITH, student_id)
        return None if row is None else _creator(row)

    async def enrolment_changes(
        self, creator_id: CreatorId, student_id: StudentId, limit: int
    ) -> list[EnrolmentChange]:
        """How an enrolment came to be what it is, newest first."""
        async with self._database.system() as connection:
            rows = await connection.fetch(ENROLMENT_CHANGES, creator_id, student_id, limit)
        return [EnrolmentChange(r["changed_at"], r["status"], r["tier"], r["source"], r["by"]) for r in rows]

    async def follow_seller(self, creator_id: CreatorId, student_id: StudentId) -> bool:
        """Let an enrolment follow what its student pays for; see the port."""
        async with self._database.system() as connection:
            follows = await connection.fetchval(FOLLOW_SELLER, creator_id, student_id) is not None
            if follows:
                await put_following(raw_connection(connection), student_id)
        return follows

    async def enrolment(self, creator_id: CreatorId, student_id: StudentId) -> Enrolment:
        """How a student is enrolled."""
        async with self._database.system() as connection:
            return await _enrolment(connection, creator_id, student_id)

    async def enrol(self, creator_id: CreatorId, student_id: StudentId) -> None:
        """Enrol a student; an existing enrolment stays as it is."""
        async with self._database.system() as connection:
            await connection.execute(ENROL, creator_id, student_id)
            await put_role_work(connection, creator_id, student_id)

    async def set_enrolment(
        self, creator_id: CreatorId, student_id: StudentId, status: str | None, tier: str | None = None,
        by: StudentId | None = None,
    ) -> None:  # fmt: skip
        """Enrol a student, or change what is given; see the port."""
        async with self._database.system() as connection:
            await connection.execute(ACTOR, str(by or ""))
            await connection.execute(SET_ENROLMENT, creator_id, student_id, status, tier)
            await put_role_work(connection, creator_id, student_id)

    async def students(
        self, creator_id: CreatorId, *, platform: str, status: str = "", tier: str | None = None, offset: int = 0,
        limit: int = 20,
    ) -> tuple[list[Student], int]:  # fmt: skip
        """A creator's students by name, and how many there are altogether; see the port."""
        async with self._database.system() as connection:
            rows = await connection.fetch(STUDENTS, creator_id, platform, status, limit, offset, tier)
        return [_student(row) for row in rows], rows[0]["total"] if rows else 0

    async def student_here(self, creator_id: CreatorId, student_id: StudentId, platform: str) -> Student | None:
        """One of a creator's students; None where they never were enrolled."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(STUDENT_HERE, creator_id, platform, student_id)
        return None if row is None else _student(row)

    async def students_named(self, creator_id: CreatorId, platform: str, text: str) -> list[Student]:
        """A creator's students whom a text may mean; see the port."""
        async with self._database.system() as connection:
            rows = await connection.fetch(STUDENTS_NAMED, creator_id, platform, text.removeprefix("@"))
        return [_student(row) for row in rows]

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
        shown = checked_name(name)
        async with self._database.system() as connection:
            row = await connection.fetchrow(ADD_CREATOR, handle, shown, owner_id)
        if row is None:
            raise Refused(f"There is a creator with the handle {handle} already; choose another.")
        return _creator(row)

    async def set_up(self, place: Place, name: str, owner_id: StudentId) -> Creator:
        """Make a creator for a community, both or neither; see the port for what it refuses."""
        async with self._database.system() as connection:
            row = await _add_under_free_handle(connection, checked_name(name), owner_id)
            await _map(connection, CreatorId(row["id"]), place)
        return _creator(row)

    async def set_up_with_code(
        self, place: Place, code: str, student_id: StudentId, *, operators_only: bool = False
    ) -> Creator:
        """Join a community to the creator of a code, or take the ownership it grants; see the port."""
        async with self._database.system() as connection:
            purposes = [Purpose.OWNERSHIP] if operators_only else [Purpose.OWNERSHIP, Purpose.COMMUNITY]
            used = await connection.fetchrow(USE_UP_CODE, _code_hash(code), purposes)
            mapped = await connection.fetchval(COMMUNITYS_CREATOR, place.platform, place.community)
            if used is None:
                raise Refused(SET_UP_ALREADY if mapped else _NOT_THE_OPERATORS if operators_only else _NO_SUCH_CODE)
            creator_id, grants_ownership = CreatorId(used["creator_id"]), used["purpose"] == Purpose.OWNERSHIP
            taken = grants_ownership and await connection.fetchval(TAKE_OWNERSHIP, creator_id, student_id)
            if mapped is None:
                await _map(connection, creator_id, place)
            elif mapped != creator_id or not taken:
                raise Refused(SET_UP_ALREADY)
            (row,) = await connection.fetch(CREATOR_BY_ID, creator_id)
        return _creator(row)

    async def add_community(self, creator_id: CreatorId, place: Place) -> Community:
        """Map a place to a creator; see the port for what it refuses."""
        async with self._database.system() as connection:
            return await _map(connection, creator_id, place)

    async def move_community(self, platform: str, old_id: str, new_id: str) -> None:
        """Follow a community to a new id of its platform, as when a Telegram group becomes a supergroup."""
        async with self._database.system() as connection:
            await connection.execute(MOVE_COMMUNITY, platform, old_id, new_id)

    async def update_creator(
        self, creator_id: CreatorId, *, name: str | None = None, language: str | None = None,
        who_may_ask: str | None = None, answers: str | None = None, contributions: bool | None = None,
    ) -> Creator:  # fmt: skip
        """Change what is given and leave the rest."""
        shown = None if name is None else checked_name(name)
        async with self._database.system() as connection:
            row = await connection.fetchrow(
                UPDATE_CREATOR, creator_id, shown, language, who_may_ask, answers, contributions
            )
        if row is None:
            raise Refused("This creator does not exist any more.")
        return _creator(row)

    async def set_staff_role(self, community_id: CommunityId, role: str) -> None:
        """Name the platform's role whose holders are staff; empty: none."""
        async with self._database.system() as connection:
            await connection.execute(SET_STAFF_ROLE, community_id, role)

    async def new_join_code(
        self, creator_id: CreatorId, purpose: Purpose = Purpose.COMMUNITY, tier: str = ""
    ) -> JoinCode:
        """A code that works for seven days; only its hash is kept."""
        letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(12))
        expires_at = datetime.now(UTC) + _CODE_LIFE
        async with self._database.system() as connection:
            await connection.execute(ADD_CODE, _code_hash(letters), creator_id, purpose, expires_at, tier)
        return JoinCode("-".join((letters[:4], letters[4:8], letters[8:])), expires_at)

    async def accept_invite(
        self, code: str, student_id: StudentId, only: CreatorId | None
    ) -> tuple[Creator, Enrolment] | None:
        """Enrol by an invite code; the creator and how the student is enrolled now; see the port."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(INVITED, _code_hash(code), only)
            if row is None:
                return None
            await connection.execute(ENROL_BY_CODE, row["id"], student_id, row["tier"])
            await put_role_work(connection, CreatorId(row["id"]), student_id)
            return _creator(row), await _enrolment(connection, CreatorId(row["id"]), student_id)

    async def revoke_invites(self, creator_id: CreatorId) -> int:
        """Delete a creator's invite codes and return how many still worked."""
        async with self._database.system() as connection:
            return int(await connection.fetchval(REVOKE_INVITES, creator_id))

    async def forget_expired_codes(self) -> None:
        """Delete join codes that nobody can use any more."""
        async with self._database.system() as connection:
            await connection.execute(FORGET_CODES)

    async def ties(self, student_id: StudentId) -> Ties:
        """What erasing this student means for others."""
        async with self._database.system() as connection:
            owned = await connection.fetch(OWNED, student_id)
            suspended = await connection.fetch(SUSPENDED, student_id)
        return Ties(tuple(row["name"] for row in owned), tuple(row["name"] for row in suspended))

    async def erase(self, student_id: StudentId) -> None:
        """Delete a student; the foreign keys take everything that is kept of them along, but for a mark."""
        await cancel_redemptions(self._database, student_id, datetime.now(UTC))
        async with self._database.system() as connection:
            enrolments = await connection.fetch(ENROLMENTS_TO_ERASE, student_id)
            hashes = await hashes_of(connection, student_id)
            for row in enrolments:
                if row["status"] != "active" and row["source"] != "whop":
                    marks = [(row["creator_id"], each, row["status"]) for each in hashes]
                    await connection.executemany(LEAVE_MARK, marks)
            await mark_earner(connection, student_id, hashes)
            await take_roles_of_erased(connection, student_id)
            await connection.execute(ERASE_MEMBERSHIPS, student_id)
            await connection.execute(ERASE, student_id)


async def remember(connection: Connection, person: Person) -> int | None:
    """A new student for an identity; None where another transaction has just made one."""
    found: int | None = await connection.fetchval(
        REMEMBER_IDENTITY, person.platform, person.external_id, *_names(person)
    )
    if found is not None:
        former = await identity_hash(connection, person.platform, person.external_id)
        await connection.execute(RESTORE_FORMER, found, former)
        if person.platform == "discord" and await claim_by_discord(connection, person.external_id):
            await put_following(raw_connection(connection), found)
    return found


def _names(person: Person) -> tuple[str, str]:
    return one_line(person.name), person.username


async def _add_under_free_handle(connection: Connection, name: str, owner_id: StudentId) -> asyncpg.Record:
    for handle in handles_for(name):
        if row := await connection.fetchrow(ADD_CREATOR, handle, name, owner_id):
            return row
    raise AssertionError("handles never end")


async def _map(connection: Connection, creator_id: CreatorId, place: Place) -> Community:
    name = one_line(place.community_name)[:LONGEST_NAME]
    found = await connection.fetchval(ADD_COMMUNITY, creator_id, place.platform, place.community, name)
    if found is None:
        raise Refused(SET_UP_ALREADY)
    return Community(CommunityId(found), creator_id, place.platform, place.community, name)


async def _enrolment(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> Enrolment:
    (row,) = await connection.fetch(ENROLMENT, creator_id, student_id)
    return Enrolment(row["status"], row["tier"], frozenset(row["bought"]), row["source"], row["return_link"])


def _student(row: asyncpg.Record) -> Student:
    return Student(
        StudentId(row["student_id"]), row["name"], row["username"], row["external_id"], row["status"], row["since"],
        row["tier"], row["source"], row["grace_until"],
    )  # fmt: skip


def _code_hash(code: str) -> bytes:
    return hashlib.sha256(re.sub(r"[^0-9A-Z]", "", code.upper()).encode()).digest()


def _creator(row: asyncpg.Record) -> Creator:
    return Creator(
        CreatorId(row["id"]), row["handle"], row["name"], row["language"], row["who_may_ask"], row["answers"],
        None if row["owner_id"] is None else StudentId(row["owner_id"]), row["contributions"],
    )  # fmt: skip
