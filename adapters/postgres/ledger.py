"""The ledger on PostgreSQL: the database keeps its rules (see the migration), this puts them in words."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from typing import Any, Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.ledger import (
    Award,
    AwardStatus,
    Budget,
    Fault,
    HoldEnd,
    Only,
    ReversalStatus,
    Transaction,
    Wallet,
)

AWARD: Final = "SELECT award($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
NOTE: Final = "INSERT INTO transfer_notes (creator_id, key, student_id, note) VALUES ($1, $2, $3, $4)"
REVERSE: Final = "SELECT reverse_award($1, $2, $3, $4)"
REVERSE_OF: Final = "SELECT reverse_award_of($1, $2, $3, $4, $5)"
HOLD: Final = "SELECT hold_wallet($1, $2::bigint[], $3, $4, $5, $6)"
END_HOLD: Final = "SELECT end_holds($1, $2, $3, '{}')"
REFUND: Final = "SELECT refund_spent($1, $2, $3, $4)"
SPENT: Final = """
    SELECT EXISTS (SELECT FROM transfers WHERE student_id = $1 AND wallet_key = $2 AND kind = 'spend')
"""
CREATORS: Final = "SELECT id FROM creators ORDER BY id"
REFUND_TAKEN_OVER: Final = "SELECT refund_taken_over($1, $2::bigint[], $3, $4, $5)"
CREATOR_SCOPE: Final = "SELECT set_config('app.creator_id', $1, true)"
WALLET: Final = """
    SELECT coalesce(sum(balance), 0)::bigint AS balance, coalesce(sum(held), 0)::bigint AS held,
           coalesce(sum(owed), 0)::bigint AS owed, coalesce(sum(total_earned), 0)::bigint AS total_earned,
           coalesce(sum(total_spent), 0)::bigint AS total_spent,
           coalesce(sum(total_redeemed), 0)::bigint AS total_redeemed,
           coalesce(sum(total_reversed), 0)::bigint AS total_reversed,
           coalesce(sum(total_refunded), 0)::bigint AS total_refunded,
           (SELECT coalesce(sum(amount), 0)::bigint FROM transfers WHERE student_id = $1 AND reason = 'linked')
             AS taken_over
      FROM token_wallets WHERE student_id = $1
"""
ISSUERS: Final = """
    SELECT creator_id FROM accounts WHERE student_id = $1 AND kind = 'member' AND balance > 0 ORDER BY balance DESC
"""
ONLY: Final = """
    ($2 = '' OR t.kind = $2) AND ($3::bigint IS NULL OR t.creator_id = $3)
       AND ($4::date IS NULL OR t.created_at >= $4::date::timestamp AT TIME ZONE 'UTC')
       AND ($5::date IS NULL OR t.created_at < ($5::date + 1)::timestamp AT TIME ZONE 'UTC')
"""
TRANSACTIONS: Final = f"""
    SELECT t.id, t.creator_id, t.amount, t.kind, t.reason, t.created_at,
           CASE a.id WHEN t.credit_id THEN t.amount WHEN t.debit_id THEN -t.amount ELSE 0 END AS change,
           coalesce(n.note, '') AS note
      FROM transfers t
      LEFT JOIN transfer_notes n ON n.creator_id = t.creator_id AND n.key = t.key
      JOIN accounts a ON a.creator_id = t.creator_id AND a.student_id = t.student_id AND a.kind = 'member'
     WHERE t.student_id = $1 AND {ONLY}
     ORDER BY t.created_at DESC, t.id DESC OFFSET $6 LIMIT $7
"""
# A page of a long list is read along its index; the planner takes a policy and its own condition for two, expects few
# rows, and would read and sort all.
IN_ORDER: Final = "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)"
COUNT: Final = f"SELECT count(*) FROM transfers t WHERE t.student_id = $1 AND {ONLY}"
PAID_ON: Final = "SELECT rule, times FROM earn_counts WHERE creator_id = $1 AND student_id = $2 AND day = $3"
NAMES: Final = "SELECT id, name FROM creators WHERE id = ANY($1)"
FAULTS: Final = """
    SELECT 'a chain of balances is broken' AS fault, account_id::text AS about FROM (
        SELECT account_id, version, amount, balance_after, lag(balance_after, 1, 0::bigint) OVER chain AS before,
               lag(version, 1, 0::bigint) OVER chain AS version_before
          FROM entries WHERE creator_id = $1 WINDOW chain AS (PARTITION BY account_id ORDER BY version)) AS links
     WHERE balance_after <> before + amount OR version <> version_before + 1
    UNION ALL
    SELECT 'a balance is not the sum of its entries', a.id::text
      FROM accounts a LEFT JOIN (SELECT account_id, sum(amount) AS amount, max(version) AS version
                                   FROM entries WHERE creator_id = $1 GROUP BY 1) e ON e.account_id = a.id
     WHERE a.creator_id = $1 AND (a.balance <> coalesce(e.amount, 0) OR a.version <> coalesce(e.version, 0))
    UNION ALL
    SELECT 'a balance is below what its account allows', id::text FROM accounts
     WHERE creator_id = $1 AND (balance < 0 AND kind <> 'owed' OR balance > 0 AND kind = 'owed')
    UNION ALL
    SELECT 'a transfer is not posted as its accounts demand', t.id::text
      FROM transfers t
      LEFT JOIN accounts d ON d.creator_id = $1 AND d.id = t.debit_id
      LEFT JOIN accounts c ON c.creator_id = $1 AND c.id = t.credit_id
      LEFT JOIN (SELECT transfer_id, count(*) AS legs, sum(amount) AS amount, max(abs(amount)) AS most
                   FROM entries WHERE creator_id = $1 GROUP BY 1) e ON e.transfer_id = t.id
     WHERE t.creator_id = $1
       AND (d.id IS NULL OR c.id IS NULL OR coalesce(e.legs, 0) <> is_kept(d)::int + is_kept(c)::int
            OR e.most <> t.amount OR e.amount <> t.amount * (is_kept(c)::int - is_kept(d)::int))
    UNION ALL
    SELECT 'what was earned, spent or redeemed is not what the transfers say', a.student_id::text
      FROM (SELECT student_id, sum(total_earned) AS earned, sum(total_spent) AS spent,
                   sum(total_redeemed) AS redeemed
              FROM accounts WHERE creator_id = $1 AND student_id IS NOT NULL GROUP BY 1) a
      LEFT JOIN (SELECT student_id, sum(amount) FILTER (WHERE kind = 'earn') AS earned,
                        sum(amount) FILTER (WHERE kind = 'spend') AS spent,
                        sum(amount) FILTER (WHERE kind = 'redeem') AS redeemed
                   FROM transfers WHERE creator_id = $1 GROUP BY 1) t USING (student_id)
     WHERE (a.earned, a.spent, a.redeemed)
           IS DISTINCT FROM (coalesce(t.earned, 0), coalesce(t.spent, 0), coalesce(t.redeemed, 0))
    UNION ALL
    SELECT 'a wallet is not what came in less what went out', a.student_id::text
      FROM (SELECT student_id, sum(balance) AS there,
                   sum(total_earned - total_spent - total_redeemed - total_reversed + total_refunded) AS moved
              FROM accounts WHERE creator_id = $1 AND student_id IS NOT NULL GROUP BY 1) a
      LEFT JOIN (SELECT t.student_id, sum(CASE WHEN d.kind = 'issuance' THEN t.amount
                                               WHEN c.kind = 'issuance' THEN -t.amount ELSE 0 END) AS amount
                   FROM transfers t
                   JOIN accounts d ON d.creator_id = $1 AND d.id = t.debit_id
                   JOIN accounts c ON c.creator_id = $1 AND c.id = t.credit_id
                  WHERE t.creator_id = $1 AND t.kind = 'adjust' GROUP BY 1) adjusted USING (student_id)
     WHERE a.there <> a.moved + coalesce(adjusted.amount, 0)
    UNION ALL
    SELECT 'a hold or award ended more than once, or not as it began', p.id::text
      FROM transfers p JOIN transfers t ON t.creator_id = $1 AND t.parent_id = p.id
     WHERE p.creator_id = $1
     GROUP BY p.id, p.amount HAVING count(*) > 1 OR bool_or(t.amount <> p.amount)
    UNION ALL
    SELECT 'a key was used twice', key FROM transfers WHERE creator_id = $1 GROUP BY key HAVING count(*) > 1
    UNION ALL
    SELECT 'what was awarded on a day is not what is counted', c.student_id || ' ' || c.rule
      FROM earn_counts c
      LEFT JOIN (SELECT student_id, reason, metadata ->> 'day' AS day, count(*) AS times FROM transfers
                  WHERE creator_id = $1 AND kind = 'earn' GROUP BY 1, 2, 3) t
             ON t.student_id = c.student_id AND t.reason = c.rule AND t.day = c.day::text
     WHERE c.creator_id = $1 AND c.times - c.taken_over <> coalesce(t.times, 0)
    UNION ALL
    SELECT 'what was issued on a day is not what its budget gave', p.starts_on::text
      FROM issuance_periods p
      LEFT JOIN (SELECT coalesce(metadata ->> 'budget_day', metadata ->> 'day') AS day, sum(amount) AS amount
                   FROM transfers WHERE creator_id = $1 AND kind = 'earn' GROUP BY 1) t ON t.day = p.starts_on::text
      LEFT JOIN (SELECT day, sum(remaining) AS remaining FROM issuance_purses
                  WHERE creator_id = $1 GROUP BY 1) r ON r.day = p.starts_on
     WHERE p.creator_id = $1 AND p.period = 'day'
       AND p.given <> coalesce(t.amount, 0) + coalesce(r.remaining, 0)
"""
KEY_USED: Final = "CH409"
NOTHING_HELD: Final = "CH404"
FROZEN: Final = "CH423"
_REFUSALS: Final = {
    KEY_USED: "That was done already, with other particulars.",
    NOTHING_HELD: "Nothing is set aside for that.",
    FROZEN: "This wallet is frozen until the staff has looked at it.",
}


class PostgresLedger:
    """See :class:`core.rewards.ledger.Ledger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def award(self, creator_id: CreatorId, student_id: StudentId, award: Award, budget: Budget) -> AwardStatus:
        """Pay an award within the rule's daily limit and the creator's budget."""
        if not award.note:
            with in_words():
                given = _arguments(creator_id, student_id, award, budget)
                return AwardStatus(str(await self._database.call(creator_id, student_id, "award", *given)))
        async with self._database.creator(creator_id, student_id) as connection:
            return await pay(connection, creator_id, student_id, award, budget)

    async def reverse(
        self, creator_id: CreatorId, student_id: StudentId, key: str, reason: str,
        metadata: Mapping[str, Any] | None = None,
    ) -> ReversalStatus:  # fmt: skip
        """Take an award back as a new transfer; what is not there any more is owed."""
        async with self._database.creator(creator_id, student_id) as connection:
            with in_words():
                status = await connection.fetchval(REVERSE, creator_id, key, reason, dict(metadata or {}))
        return ReversalStatus(status)

    async def hold(
        self, student_id: StudentId, issuers: Sequence[CreatorId], key: str, reason: str, amount: int
    ) -> None:
        """Set an amount aside, drawn from the issuers in their order."""
        async with self._database.student(student_id) as connection:
            with in_words():
                await connection.execute(HOLD, student_id, list(issuers), key, reason, amount, {})

    async def end_hold(self, student_id: StudentId, key: str, end: HoldEnd) -> None:
        """End what was set aside under a key."""
        async with self._database.student(student_id) as connection:
            with in_words():
                await connection.execute(END_HOLD, student_id, key, end.value)

    async def wallet(self, student_id: StudentId) -> Wallet:
        """A student's wallet over all creators."""
        async with self._database.student(student_id) as connection:
            row = await connection.fetchrow(WALLET, student_id)
        return Wallet(**dict(row or {}))

    async def issuers(self, student_id: StudentId) -> Sequence[CreatorId]:
        """Whose CHRONOS a student has, the largest part first."""
        async with self._database.student(student_id) as connection:
            rows = await connection.fetch(ISSUERS, student_id)
        return [CreatorId(row["creator_id"]) for row in rows]

    async def transactions(
        self, student_id: StudentId, only: Only | None = None, *, offset: int = 0, limit: int = 10
    ) -> tuple[list[Transaction], int]:
        """A student's movements, newest first, and how many there are in all."""
        wanted = only or Only()
        chosen = (student_id, wanted.kind, wanted.creator_id, wanted.since, wanted.until)
        async with self._database.student(student_id) as connection:
            await connection.execute(IN_ORDER)
            rows = await connection.fetch(TRANSACTIONS, *chosen, offset, limit)
            total = await connection.fetchval(COUNT, *chosen)
        async with self._database.system() as connection:
            found = await connection.fetch(NAMES, list({row["creator_id"] for row in rows}))
        names = {row["id"]: row["name"] for row in found}
        return [_transaction(row, names) for row in rows], total

    async def paid_on(self, creator_id: CreatorId, student_id: StudentId, day: date) -> Mapping[str, int]:
        """How often each rule paid a student on a day of theirs."""
        async with self._database.creator(creator_id, student_id) as connection:
            rows = await connection.fetch(PAID_ON, creator_id, student_id, day)
        return {row["rule"]: row["times"] for row in rows}

    async def faults(self, creator_id: CreatorId) -> list[Fault]:
        """What is wrong in a creator's books, as of one moment."""
        async with self._database.creator(creator_id, frozen=True) as connection:
            return [Fault(row["fault"], row["about"]) for row in await connection.fetch(FAULTS, creator_id)]


async def pay(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, award: Award, budget: Budget
) -> AwardStatus:
    """Pay an award inside a transaction of the creator's."""
    with in_words():
        status = await connection.fetchval(AWARD, *_arguments(creator_id, student_id, award, budget))
        if status == AwardStatus.AWARDED and award.note:
            await connection.execute(NOTE, creator_id, award.key, student_id, award.note)
    return AwardStatus(status)


def _arguments(creator_id: CreatorId, student_id: StudentId, award: Award, budget: Budget) -> tuple[object, ...]:
    """Of the database's function ``award``."""
    budget_day = award.budget_day or award.day
    evidence = {**award.evidence, "day": award.day.isoformat(), "budget_day": budget_day.isoformat()}
    paid = (award.rule, award.key, award.amount, award.most_a_day, award.day, budget_day)
    return creator_id, student_id, *paid, budget.per_day, budget.per_month, evidence


async def hold_for(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, key: str, reason: str, amount: int
) -> None:
    """Inside a transaction of a creator's and a student's, set an amount aside for what this creator sells.

    The CHRONOS of the creator go first, then those of others, the largest part first.

    Raises:
        Refused: there is not enough.
    """
    async with _over_all_creators(connection, creator_id):
        others = [row["creator_id"] for row in await connection.fetch(ISSUERS, student_id)]
        others.sort(key=lambda issuer: issuer != creator_id)
        await connection.execute(HOLD, student_id, others, key, reason, amount, {"shop": creator_id})


async def end_hold_for(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, key: str, end: HoldEnd
) -> None:
    """Inside a transaction of a creator's and a student's, end what was set aside under a key."""
    async with _over_all_creators(connection, creator_id):
        await connection.execute(END_HOLD, student_id, key, end.value)


async def refund_spent(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, key: str, reason: str, by: StudentId
) -> None:
    """Inside a transaction of a creator's and a student's, give back what was spent under a key, once.

    What another student spent, who was joined to this one, is in the books as nobody's: it is looked for there.
    """
    async with _over_all_creators(connection, creator_id):
        if await connection.fetchval(SPENT, student_id, key):
            await connection.execute(REFUND, student_id, key, reason, {"by": by})
            return
        async with system_role(connection):
            issuers = [row["id"] for row in await connection.fetch(CREATORS)]
        await connection.execute(REFUND_TAKEN_OVER, student_id, issuers, key, reason, {"by": by})


@asynccontextmanager
async def _over_all_creators(connection: Connection, creator_id: CreatorId) -> AsyncIterator[None]:
    """The student's wallet, each part in its own creator's scope; afterwards the creator's scope again."""
    await connection.execute(CREATOR_SCOPE, "")
    with in_words():
        yield
    await connection.execute(CREATOR_SCOPE, str(creator_id))


def _transaction(row: asyncpg.Record, names: Mapping[int, str]) -> Transaction:
    creator_id = CreatorId(row["creator_id"])
    return Transaction(
        row["id"], creator_id, names[creator_id], row["amount"], row["change"], row["kind"], row["reason"],
        row["created_at"], row["note"],
    )  # fmt: skip


@contextmanager
def in_words() -> Iterator[None]:
    """What the books refuse, in words for whoever asked."""
    try:
        yield
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "sufficient_funds":
            raise
        raise Refused("There are not enough CHRONOS for that. /balance shows how many there are.") from error
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "ends_once":
            raise
        raise Refused("That ended already, in another way.") from error
    except asyncpg.PostgresError as error:
        if error.sqlstate not in _REFUSALS:
            raise
        raise Refused(_REFUSALS[error.sqlstate]) from error
