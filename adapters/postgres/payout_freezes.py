"""Creators of whom nothing is paid out, under the system role: since when, and why."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import put_redemptions
from adapters.postgres.notices import tell_staff
from core.conversation import Reply
from core.ids import CreatorId
from core.rewards.ledger import Fault
from core.richtext import RichText

FREEZE: Final = """
    INSERT INTO payout_freezes (creator_id, since, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
    RETURNING creator_id
"""
THAW: Final = "DELETE FROM payout_freezes WHERE creator_id = $1 RETURNING creator_id"
FROZEN: Final = "SELECT creator_id FROM payout_freezes WHERE creator_id = ANY($1)"
COUNT: Final = "SELECT count(*) FROM payout_freezes"
DUE_NOW: Final = "UPDATE redemptions SET due_at = $2 WHERE creator_id = $1 AND state IN ('ready', 'sending')"
ASKED_HERE: Final = "SELECT key, state, unnest(issuers) AS issuer FROM redemptions WHERE creator_id = $1"
SCOPE: Final = "SELECT set_config('app.creator_id', $1, true)"
# Each in the books of one whose CHRONOS it takes: those may be several, and others than where it was asked for.
REDEMPTION_FAULTS: Final = """
    SELECT CASE WHEN h.id IS NULL THEN 'a redemption holds nothing'
                ELSE 'a redemption does not stand as its books say' END AS fault, r.key AS about
      FROM unnest($2::text[], $3::text[]) AS r (key, state)
      LEFT JOIN transfers h ON h.creator_id = $1 AND h.key = 'redemption:' || r.key || ':hold' AND h.kind = 'hold'
      LEFT JOIN transfers e ON e.creator_id = $1 AND e.parent_id = h.id
     WHERE h.id IS NULL
        OR e.kind IS DISTINCT FROM CASE WHEN r.state IN ('settled', 'returned') THEN 'redeem'
                                        WHEN r.state = 'released' THEN 'release' END
"""


class PostgresFreezes:
    """Stops payouts where the books are at fault, and lets them go on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def faults(self, creator_id: CreatorId) -> list[Fault]:
        """Redemptions that do not stand as the books say; empty, always."""
        async with self._database.creator(creator_id, frozen=True) as connection:
            asked = defaultdict[int, dict[str, str]](dict)
            for row in await connection.fetch(ASKED_HERE, creator_id):
                asked[row["issuer"]][row["key"]] = row["state"]
            found = []
            for issuer, states in sorted(asked.items()):
                await connection.execute(SCOPE, str(issuer))
                found += await connection.fetch(REDEMPTION_FAULTS, issuer, list(states), list(states.values()))
        return [Fault(row["fault"], row["about"]) for row in found]

    async def freeze(self, creator_id: CreatorId, faults: Sequence[Fault], now: datetime) -> bool:
        """Stop a creator's payouts and tell the staff; False where they were stopped already."""
        reason = "; ".join(sorted({fault.fault for fault in faults}))[:500]
        async with self._database.creator(creator_id) as connection:
            async with system_role(connection):
                stopped = await connection.fetchval(FREEZE, creator_id, now, reason) is not None
            if stopped:
                await tell_staff(connection, creator_id, Reply(RichText.of(_words(reason))))
        return stopped

    async def thaw(self, creator_id: CreatorId, now: datetime) -> bool:
        """Let a creator's payouts go on; False where they were not stopped."""
        async with self._database.creator(creator_id) as connection:
            async with system_role(connection):
                thawed = await connection.fetchval(THAW, creator_id) is not None
            if thawed:
                await connection.execute(DUE_NOW, creator_id, now)
                await put_redemptions(connection, creator_id)
        return thawed

    async def is_frozen(self, creator_id: CreatorId) -> bool:
        """Whether a creator's payouts are stopped."""
        async with self._database.system() as connection:
            return bool(await connection.fetch(FROZEN, [creator_id]))

    async def count(self) -> int:
        """Of how many creators payouts are stopped."""
        async with self._database.system() as connection:
            return int(await connection.fetchval(COUNT))


async def frozen_among(connection: Connection, creators: Sequence[CreatorId]) -> set[CreatorId]:
    """Inside a transaction: of which creators nothing is paid out."""
    async with system_role(connection):
        rows = await connection.fetch(FROZEN, list(creators))
    return {CreatorId(row["creator_id"]) for row in rows}


def _words(reason: str) -> str:
    return (
        f"⚠️ The nightly check found a difference in the CHRONOS books ({reason}). Payouts are paused until the "
        "operator has looked; learning goes on earning as before."
    )
