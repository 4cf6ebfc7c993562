"""The accounts of students, and what joins them, on PostgreSQL under the system role."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, raw_connection
from adapters.postgres.jobs import put_following
from adapters.postgres.joining import join_students, require_joinable, scoped
from adapters.postgres.outbox import post
from adapters.postgres.roles import roles_wanted, take_roles_of_account
from core.conversation import Person, Place, Reply, reply_to_json
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.members.directory import JoinCode
from core.members.linking import (
    CODE_LETTERS,
    CODE_LIFE,
    MOST_WRONG,
    REST,
    UNLINK_WITHIN,
    VISIT_LIFE,
    Account,
    Joining,
    SellerAccount,
    Visit,
)
from core.members.memberships import PLATFORM

WRITABLE: Final = ("discord", "telegram")
"""Where a person can be written to without having asked just then."""
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

ACCOUNTS: Final = """
    SELECT platform, external_id, display_name, linked_at, unlinked_at FROM identities
     WHERE student_id = $1 ORDER BY linked_at NULLS FIRST, platform, external_id
"""
REPLACE: Final = "DELETE FROM link_requests WHERE student_id = $1 AND purpose = $2 OR expires_at <= $3"
ASK: Final = """
    INSERT INTO link_requests (secret_hash, purpose, student_id, creator_id, platform, external_id, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
FIND: Final = """
    SELECT r.student_id, r.creator_id, r.platform, r.external_id, coalesce(i.display_name, '') AS display_name
      FROM link_requests r LEFT JOIN identities i ON i.platform = r.platform AND i.external_id = r.external_id
     WHERE r.secret_hash = $1 AND r.purpose = $2 AND r.expires_at > $3
"""
USE_UP: Final = "DELETE FROM link_requests WHERE secret_hash = $1 AND purpose = $2 RETURNING student_id"
WRONG: Final = "SELECT wrong FROM link_attempts WHERE student_id = $1 AND since > $2"
COUNT_WRONG: Final = """
    INSERT INTO link_attempts AS a (student_id, since, wrong) VALUES ($1, $2, 1)
    ON CONFLICT (student_id) DO UPDATE
       SET wrong = CASE WHEN a.since > $3 THEN a.wrong + 1 ELSE 1 END,
           since = CASE WHEN a.since > $3 THEN a.since ELSE $2 END
"""
LINKED_TO: Final = "SELECT student_id FROM identities WHERE platform = $1 AND external_id = $2"
LINK: Final = """
    INSERT INTO identities (platform, external_id, student_id, display_name, linked_at) VALUES ($1, $2, $3, $4, $5)
"""
FORGET: Final = "DELETE FROM identities WHERE platform = $1 AND external_id = $2 AND student_id = $3"
NEW_STUDENT: Final = "INSERT INTO students DEFAULT VALUES RETURNING id"
SPLIT: Final = """
    UPDATE identities SET student_id = $4, linked_at = NULL, unlinked_at = $5
     WHERE platform = $1 AND external_id = $2 AND student_id = $3
"""
# What was paid to the one is not paid to the other once more.
PARTED: Final = """
    INSERT INTO same_person (student_id, other_id)
    SELECT $2::bigint, $1::bigint UNION SELECT $2, other_id FROM same_person WHERE student_id = $1
"""
# Whoever may not ask does not become somebody else by taking an account apart.
KEEP_SUSPENDED: Final = """
    INSERT INTO enrolments (creator_id, student_id, status, source, return_link)
    SELECT creator_id, $2, status, source, return_link FROM enrolments WHERE student_id = $1 AND status <> 'active'
"""


class PostgresAccounts:
    """See :class:`core.members.linking.Accounts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self, student_id: StudentId) -> Sequence[Account]:
        """The accounts of a student, the first one first."""
        async with self._database.system() as connection:
            return [_account(row) for row in await connection.fetch(ACCOUNTS, student_id)]

    async def new_code(
        self, student_id: StudentId, person: Person, creator_id: CreatorId | None, at: datetime
    ) -> JoinCode:
        """A code that works once; only its hash is kept."""
        letters = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LETTERS))
        expires_at = at + CODE_LIFE
        await self._ask(letters, "code", student_id, person, creator_id, at, expires_at)
        return JoinCode(f"{letters[:4]}-{letters[4:]}", expires_at)

    async def look(self, code: str, student_id: StudentId, at: datetime) -> Joining:
        """What joining by a code would do; see the port for what it refuses."""
        async with self._database.system() as connection:
            await _require_few_wrong(connection, student_id, at)
            row = await connection.fetchrow(FIND, _hash(code), "code", at)
            if row is None:
                await connection.execute(COUNT_WRONG, student_id, at, at - CODE_LIFE)
            else:
                return await _joining(connection, StudentId(row["student_id"]), student_id, at)
        raise Refused("That code is unknown, used or too old. Type /link on the other platform for a new one.")

    async def join(self, code: str, student_id: StudentId, at: datetime) -> Joining:
        """Join two students into the older one, in one transaction."""
        await self.look(code, student_id, at)
        async with self._database.system() as connection:
            shown = await connection.fetchval(USE_UP, _hash(code), "code")
            if shown is None:
                raise Refused("That code was used just now. /link shows what is linked.")
            joining = await _joining(connection, StudentId(shown), student_id, at)
            await join_students(connection, joining.kept, joining.gone, at)
            await put_following(raw_connection(connection), joining.kept)
        return joining

    async def unlink(self, student_id: StudentId, tag: str, at: datetime) -> Account:
        """Take an account out again; see the port for what it refuses."""
        async with self._database.system() as connection:
            rows = await connection.fetch(ACCOUNTS, student_id)
            account = next((found for found in map(_account, rows) if found.tag == tag), None)
            if account is None:
                raise Refused("That account is not linked any more.")
            key = (account.platform, account.external_id, student_id)
            if account.platform == PLATFORM:
                await connection.execute(FORGET, *key)
                await put_following(raw_connection(connection), student_id)
                return account
            if account.linked_at is None or len(rows) < 2 or at - account.linked_at > UNLINK_WITHIN:
                raise Refused("An account can be taken out within a week after it was linked. Ask the operator.")
            alone = await connection.fetchval(NEW_STUDENT)
            await connection.execute(SPLIT, *key, alone, at)
            await connection.execute(PARTED, student_id, alone)
            await connection.execute(KEEP_SUSPENDED, student_id, alone)
            async with scoped(connection, None, student_id, None):
                wanted = await roles_wanted(connection, student_id)
            await take_roles_of_account(connection, wanted, account.platform, account.external_id)
            await put_following(raw_connection(connection), student_id)
        return account

    async def new_visit(
        self, student_id: StudentId, person: Person, creator_id: CreatorId | None, at: datetime
    ) -> str:
        """A secret with which somebody goes to the seller."""
        secret = secrets.token_urlsafe(24)
        await self._ask(secret, "visit", student_id, person, creator_id, at, at + VISIT_LIFE)
        return secret

    async def visit(self, secret: str, at: datetime) -> Visit | None:
        """Who is on the way with a secret."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(FIND, _visit_hash(secret), "visit", at)
        return None if row is None else _visit(row)

    async def arrive(self, secret: str, account: SellerAccount, at: datetime) -> Visit:
        """Link the account at the seller to whoever went there."""
        async with self._database.system() as connection:
            row = await connection.fetchrow(FIND, _visit_hash(secret), "visit", at)
            if row is None or await connection.fetchval(USE_UP, _visit_hash(secret), "visit") is None:
                raise Refused("This link was used or is too old. Type /link provider:whop in the chat for a new one.")
            visit = _visit(row)
            owner = await connection.fetchval(LINKED_TO, PLATFORM, account.user_id)
            if owner is None:
                await connection.execute(LINK, PLATFORM, account.user_id, visit.student_id, account.name, at)
            elif owner != visit.student_id:
                raise Refused(
                    "This Whop account is linked with another account here. If that is yours, type /link there for a "
                    "code, and /link code:<code> here: that joins the two."
                )
        return visit

    async def tell(self, visit: Visit, notice: Reply) -> None:
        """Write to the account that somebody came from."""
        account = visit.account
        if account.platform not in WRITABLE or visit.creator_id is None:
            return
        place = Place(account.platform, "", recipient=account.external_id)
        async with self._database.creator(visit.creator_id) as connection:
            await post(connection, visit.creator_id, place, reply_to_json(notice))

    async def _ask(
        self, secret: str, purpose: str, student_id: StudentId, person: Person, creator_id: CreatorId | None,
        at: datetime, expires_at: datetime,
    ) -> None:  # fmt: skip
        hashed = _hash(secret) if purpose == "code" else _visit_hash(secret)
        async with self._database.system() as connection:
            await connection.execute(REPLACE, student_id, purpose, at)
            await connection.execute(
                ASK, hashed, purpose, student_id, creator_id, person.platform, person.external_id, expires_at
            )


async def _require_few_wrong(connection: Connection, student_id: StudentId, at: datetime) -> None:
    wrong = await connection.fetchval(WRONG, student_id, at - CODE_LIFE)
    if wrong is not None and wrong >= MOST_WRONG:
        raise Refused("That were too many wrong codes. Please try again in ten minutes, with a new one.")


async def _joining(connection: Connection, shown: StudentId, typed: StudentId, at: datetime) -> Joining:
    if shown == typed:
        raise Refused("That is your own code, for this very account. Type it on the other platform.")
    kept, gone = min(shown, typed), max(shown, typed)
    chronos = await require_joinable(connection, gone)
    rows = [*await connection.fetch(ACCOUNTS, shown), *await connection.fetch(ACCOUNTS, typed)]
    rested = [row["unlinked_at"] for row in rows if row["unlinked_at"] is not None]
    if rested and at - max(rested) < REST:
        again = max(rested) + REST
        raise Refused(f"One of these accounts was taken out lately. It can be linked again from {again:%d %B} on.")
    return Joining(kept, gone, tuple(_account(row) for row in rows), chronos)


def _hash(code: str) -> bytes:
    plain = "".join(letter for letter in code.upper() if letter in _ALPHABET)
    return hashlib.sha256(f"link {plain}".encode()).digest()


def _visit_hash(secret: str) -> bytes:
    return hashlib.sha256(f"visit {secret}".encode()).digest()


def _account(row: asyncpg.Record) -> Account:
    return Account(row["platform"], row["external_id"], row["display_name"], row["linked_at"])


def _visit(row: asyncpg.Record) -> Visit:
    account = Account(row["platform"], row["external_id"], row["display_name"])
    creator_id = None if row["creator_id"] is None else CreatorId(row["creator_id"])
    return Visit(StudentId(row["student_id"]), account, creator_id)
