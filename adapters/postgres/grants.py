"""Gifts of the staff on PostgreSQL: paid, noted and told in one transaction of the creator's."""

import secrets
from typing import Final

from adapters.postgres.audit import audited
from adapters.postgres.database import Connection, Database
from adapters.postgres.ledger import NOTE, REVERSE, in_words, pay
from adapters.postgres.notices import tell
from core.conversation import Reply
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.grants import REVOCABLE_FOR, Gift, revocation, revocation_told
from core.rewards.ledger import Award, AwardStatus, Budget, ReversalStatus
from core.rewards.rules import GRANT

TAKEN_BACK: Final = "taken back by the staff"
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('gifts ' || $1, $2))"
_OPEN: Final = """
    SELECT key, amount FROM transfers t
     WHERE t.creator_id = $1 AND t.student_id = $2 AND t.reason = 'grant' AND t.kind IN ('earn', 'adjust')
       AND NOT EXISTS (SELECT FROM transfers r WHERE r.creator_id = $1 AND r.parent_id = t.id)
"""
OPEN_GIFTS: Final = f"{_OPEN} AND t.created_at > now() - $3::interval ORDER BY t.created_at DESC, t.id DESC"
GIFT: Final = """
    SELECT amount FROM transfers
     WHERE creator_id = $1 AND student_id = $2 AND key = $3 AND reason = 'grant' AND kind IN ('earn', 'adjust')
"""
GIVE_AGAIN: Final = """
    SELECT transfer_once($1, $3, 'adjust', 'grant', $2, account_of($1, 'issuance', NULL),
                         account_of($1, 'member', $2), $4, NULL, NULL, $5)
"""
# What is owed is paid from what is there, as far as that goes.
SETTLE: Final = """
    SELECT transfer_once($1, $3, 'adjust', 'owed', $2, m.id, o.id, least(m.balance, -o.balance), NULL, NULL, '{}')
      FROM accounts m JOIN accounts o ON o.creator_id = $1 AND o.student_id = $2 AND o.kind = 'owed'
     WHERE m.creator_id = $1 AND m.student_id = $2 AND m.kind = 'member' AND m.balance > 0 AND o.balance < 0
"""


class PostgresGrants:
    """See :class:`core.rewards.grants.Grants`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(
        self, creator_id: CreatorId, by: StudentId, student_id: StudentId, award: Award, budget: Budget, told: Reply
    ) -> AwardStatus:
        """Give an award out of the budget and tell the member, once for its key."""
        async with self._database.creator(creator_id, student_id) as connection:
            status = await pay(connection, creator_id, student_id, award, budget)
            if status is AwardStatus.AWARDED:
                details = {"amount": award.amount, "key": award.key}
                await audited(connection, creator_id, by, GRANT, student_id, details)
                await tell(connection, creator_id, student_id, told)
        return status

    async def take_back(
        self, creator_id: CreatorId, by: StudentId, student_id: StudentId, key: str, reason: str, creator_name: str
    ) -> int:
        """Take one gift back and tell the member; see the port."""
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, str(student_id), creator_id)
            amount = await connection.fetchval(GIFT, creator_id, student_id, key)
            if amount is None:
                raise Refused(
                    "That was not given here, or before that member linked their accounts: it cannot be taken back."
                )
            if not await _reverse(connection, creator_id, student_id, key, by, reason):
                return 0
            await _settle(connection, creator_id, student_id, key)
            await _tell(connection, creator_id, by, student_id, key, amount, reason, creator_name)
        return int(amount)

    async def revoke(
        self, creator_id: CreatorId, by: StudentId, student_id: StudentId, amount: int, reason: str, creator_name: str
    ) -> None:
        """Take an amount back out of the last gifts and tell the member; see the port."""
        async with self._database.creator(creator_id, student_id) as connection:
            await connection.execute(ONE_AT_A_TIME, str(student_id), creator_id)
            rows = await connection.fetch(OPEN_GIFTS, creator_id, student_id, REVOCABLE_FOR)
            chosen = revocation([Gift(row["key"], row["amount"]) for row in rows], amount)
            for key in chosen.keys:
                await _reverse(connection, creator_id, student_id, key, by, reason)
            last = chosen.keys[-1]
            if chosen.given_again:
                again = f"{GRANT}:{secrets.token_hex(8)}"
                await connection.execute(
                    GIVE_AGAIN, creator_id, student_id, again, chosen.given_again, {"rest_of": last}
                )
                await connection.execute(NOTE, creator_id, again, student_id, "what was left of a gift")
            await _settle(connection, creator_id, student_id, last)
            await _tell(connection, creator_id, by, student_id, last, amount, reason, creator_name)


async def _reverse(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, key: str, by: StudentId, reason: str
) -> bool:
    with in_words():
        status = await connection.fetchval(REVERSE, creator_id, key, TAKEN_BACK, {"by": by})
    if status == ReversalStatus.REVERSED:
        await connection.execute(NOTE, creator_id, f"{key}:reverse", student_id, reason)
    return bool(status == ReversalStatus.REVERSED)


async def _settle(connection: Connection, creator_id: CreatorId, student_id: StudentId, key: str) -> None:
    await connection.execute(SETTLE, creator_id, student_id, f"{key}:settle")


async def _tell(
    connection: Connection,
    creator_id: CreatorId,
    by: StudentId,
    student_id: StudentId,
    key: str,
    amount: int,
    reason: str,
    creator_name: str,
) -> None:
    details = {"amount": amount, "key": f"{key}:reverse"}
    await audited(connection, creator_id, by, "revoke", student_id, details)
    await tell(connection, creator_id, student_id, revocation_told(creator_name, amount, reason))
