"""What stays of people who were erased: marks under a keyed hash of their accounts, without who they were."""

import hmac
from typing import Final

from adapters.postgres.database import Connection
from adapters.postgres.deployment import shared_key
from core.ids import CreatorId, StudentId

IDENTITY_KEY: Final = "identity_key"
IDENTITIES: Final = "SELECT platform, external_id FROM identities WHERE student_id = $1"
SPENT_WITH: Final = """
    SELECT DISTINCT creator_id FROM accounts
     WHERE student_id = $1 AND (total_spent + total_redeemed > 0 OR kind = 'held' AND balance > 0)
"""
AS_PERSON: Final = "SELECT set_config('role', 'chronos_app', true), set_config('app.student_id', $1, true)"
AS_SYSTEM: Final = "SELECT set_config('role', 'chronos_system', true), set_config('app.student_id', '', true)"
LEAVE_MARK: Final = """
    INSERT INTO former_earners (creator_id, identity_hash)
    SELECT c.id, i.hash FROM unnest($1::bigint[]) AS c (id), unnest($2::bytea[]) AS i (hash)
    ON CONFLICT DO NOTHING
"""
MARKED: Final = "SELECT EXISTS (SELECT FROM former_earners WHERE creator_id = $1 AND identity_hash = ANY ($2))"


async def identity_hash(connection: Connection, platform: str, external_id: str) -> bytes:
    """The code of an account; the same for the same account, under a key of the deployment."""
    key = await shared_key(connection, IDENTITY_KEY)
    return hmac.digest(key.encode(), f"{platform}:{external_id}".encode(), "sha256")


async def hashes_of(connection: Connection, student_id: StudentId) -> list[bytes]:
    """The codes of all accounts of a student."""
    rows = await connection.fetch(IDENTITIES, student_id)
    return [await identity_hash(connection, row["platform"], row["external_id"]) for row in rows]


async def mark_earner(connection: Connection, student_id: StudentId, hashes: list[bytes]) -> None:
    """Under the system role, before a student is erased, note with whom they spent or redeemed what they earned."""
    await connection.execute(AS_PERSON, str(student_id))
    rows = await connection.fetch(SPENT_WITH, student_id)
    await connection.execute(AS_SYSTEM)
    await connection.execute(LEAVE_MARK, [row["creator_id"] for row in rows], hashes)


async def earned_before(connection: Connection, creator_id: CreatorId, student_id: StudentId) -> bool:
    """Under the system role, whether a student was here before, spent what they earned, and was erased."""
    hashes = await hashes_of(connection, student_id)
    return bool(await connection.fetchval(MARKED, creator_id, hashes))
