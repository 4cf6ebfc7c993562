"""Redemptions as a worker moves them, on PostgreSQL: each call one transaction that checks where it stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import put_redemptions
from adapters.postgres.notices import tell_staff
from adapters.postgres.payout_freezes import frozen_among
from adapters.postgres.redemptions import COLUMNS, end_hold, lost_membership, redemption_of, tell_student
from core.conversation import Reply
from core.ids import CreatorId
from core.rewards.paying import SETTLED_FOR, TOO_LATE
from core.rewards.redemption import PAUSED_SHORT, RAIL_NAMES, Attempt, Fate, Found, Rail, Redemption, State
from core.richtext import RichText, link

log = structlog.get_logger()

LEASE: Final = timedelta(minutes=2)
"""Longer than a provider may take; what is looked at twice all the same is sent under one key."""
PAUSED_FOR: Final = timedelta(hours=1)
NO_MEMBER: Final = "your verified membership has ended or is paused."
LONGEST_WAKE_UP: Final = timedelta(hours=1)
"""Beyond this the clock comes by anyway."""

NEXT: Final = f"""
    UPDATE redemptions SET due_at = $2::timestamptz + $3::interval
     WHERE (creator_id, id) = (
        SELECT creator_id, id FROM redemptions
         WHERE creator_id = $1 AND due_at <= $2
           AND (state IN ('ready', 'sending', 'sent') OR state = 'settled' AND ended_at > $2 - $4::interval)
         ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {COLUMNS}
"""
BEGIN: Final = f"""
    UPDATE redemptions SET state = 'sending', began_at = $3, reason = ''
     WHERE creator_id = $1 AND id = $2 AND state = 'ready' RETURNING {COLUMNS}
"""
WAIT: Final = "UPDATE redemptions SET due_at = $3, reason = $4 WHERE creator_id = $1 AND id = $2 AND state = 'ready'"
KEEP: Final = """
    UPDATE redemptions SET attempt = $3
     WHERE creator_id = $1 AND id = $2 AND state IN ('sending', 'sent') AND attempt IS NOT DISTINCT FROM $4
"""
KEPT: Final = "SELECT attempt FROM redemptions WHERE creator_id = $1 AND id = $2"
PUT_OFF: Final = """
    UPDATE redemptions r
       SET state = $4, reason = $5, ref = CASE WHEN $6 <> '' THEN $6 ELSE r.ref END, due_at = $7,
           looks = CASE WHEN $4 = 'sent' AND r.state <> 'sent' THEN 0 ELSE r.looks + 1 END
      FROM (SELECT reason FROM redemptions WHERE creator_id = $1 AND id = $2) AS before
     WHERE r.creator_id = $1 AND r.id = $2 AND r.state = $3 RETURNING before.reason
"""
SETTLE: Final = """
    UPDATE redemptions
       SET state = 'settled', reason = '', ended_at = $5, due_at = $6,
           ref = CASE WHEN $3 <> '' THEN $3 ELSE ref END, receipt = CASE WHEN $4 <> '' THEN $4 ELSE receipt END
     WHERE creator_id = $1 AND id = $2 AND state IN ('sending', 'sent') RETURNING id
"""
SEEN_SETTLED: Final = "UPDATE redemptions SET due_at = $3 WHERE creator_id = $1 AND id = $2 AND state = 'settled'"
RELEASE: Final = """
    UPDATE redemptions SET state = 'released', reason = $3, ended_at = $4
     WHERE creator_id = $1 AND id = $2 AND state IN ('ready', 'sending', 'sent') RETURNING id
"""
GIVE_BACK: Final = """
    UPDATE redemptions SET state = 'returned', reason = $3, ended_at = $4
     WHERE creator_id = $1 AND id = $2 AND state = 'settled' RETURNING id
"""
UNRESOLVED: Final = f"""
    SELECT {COLUMNS} FROM redemptions
     WHERE creator_id = $1 AND state IN ('sending', 'sent') AND (looks >= $2 OR key = $3) ORDER BY id
"""
LOOK_NOW: Final = """
    UPDATE redemptions SET due_at = $3
     WHERE creator_id = $1 AND rail = $2 AND state IN ('sending', 'sent', 'settled') AND due_at > $3
       AND (cardinality($4::text[]) = 0 OR ref = ANY ($4) OR key = ANY ($4) OR ref = '')
    RETURNING id
"""


class PostgresPayouts:
    """See :class:`core.rewards.paying.PayoutBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next_due(self, creator_id: CreatorId, now: datetime) -> Redemption | None:
        """The redemption that is due longest, put off for a while."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(NEXT, creator_id, now, LEASE, SETTLED_FOR)
        return None if row is None else redemption_of(row)

    async def begin(self, redemption: Redemption, now: datetime) -> Redemption | None:
        """Note, before the first call, that it is being sent; None where it must not be."""
        async with self._database.creator(redemption.creator_id) as connection:
            if await _paused(connection, redemption):
                await connection.execute(WAIT, redemption.creator_id, redemption.id, now + PAUSED_FOR, PAUSED_SHORT)
                return None
            row = await connection.fetchrow(BEGIN, redemption.creator_id, redemption.id, now)
            begun = None if row is None else redemption_of(row)
            if begun is not None and await lost_membership(connection, begun):
                await _undo(connection, RELEASE, "release", begun, NO_MEMBER, _not_paid(begun, NO_MEMBER), now)
                return None
        return begun

    async def may_send(self, redemption: Redemption) -> bool:
        """Whether payouts of its creators go on."""
        async with self._database.creator(redemption.creator_id) as connection:
            return not await _paused(connection, redemption)

    async def keep(self, redemption: Redemption, attempt: Attempt) -> Attempt:
        """Store what was signed in the place of what had expired; return what stands there now."""
        before = None if redemption.attempt is None else dict(redemption.attempt)
        which = (redemption.creator_id, redemption.id)
        async with self._database.creator(redemption.creator_id) as connection:
            await connection.execute(KEEP, *which, dict(attempt), before)
            kept: Attempt = await connection.fetchval(KEPT, *which)
        return kept

    async def put_off(
        self, redemption: Redemption, found: Found, state: State, now: datetime, after: timedelta
    ) -> None:
        """Note what is known, look again later, and say what is new in it."""
        which = (redemption.creator_id, redemption.id)
        async with self._database.creator(redemption.creator_id) as connection:
            before = await connection.fetchval(
                PUT_OFF, *which, redemption.state.value, state.value, found.reason[:300], found.ref, now + after
            )
            if before is None:
                return
            if found.fate is Fate.UNKNOWN:
                log.warning("the outcome of a payout is not known yet", redemption=redemption.key, why=found.reason)
            if after <= LONGEST_WAKE_UP:
                await put_redemptions(connection, redemption.creator_id, delay_s=after.total_seconds() + 1.0)
            if before != found.reason[:300]:
                await _tell_news(connection, redemption, found)

    async def settle(self, redemption: Redemption, found: Found, now: datetime, due_at: datetime) -> None:
        """Note that it is paid."""
        which = (redemption.creator_id, redemption.id)
        async with self._database.creator(redemption.creator_id) as connection:
            if await connection.fetchval(SETTLE, *which, found.ref, found.receipt, now, due_at) is None:
                await connection.execute(SEEN_SETTLED, *which, due_at)
                return
            await end_hold(connection, redemption, "redeem")
            await tell_student(connection, redemption, _paid(redemption, found.receipt))
            if redemption.rail is Rail.CREDIT:
                words = f"💳 A student redeemed {redemption.worth} of platform credit (redemption {redemption.id})."
                await tell_staff(connection, redemption.creator_id, Reply(RichText.of(words)))

    async def release(self, redemption: Redemption, reason: str, now: datetime) -> None:
        """Note that it is not paid and never will be."""
        async with self._database.creator(redemption.creator_id) as connection:
            words = _not_paid(redemption, reason)
            await _undo(connection, RELEASE, "release", redemption, reason, words, now)

    async def give_back(self, redemption: Redemption, reason: str, now: datetime) -> None:
        """Note that what was paid came back."""
        words = (
            f"Your payout of {redemption.worth} came back: {reason} Your {redemption.chronos:,} CHRONOS are back too."
        )
        async with self._database.creator(redemption.creator_id) as connection:
            await _undo(connection, GIVE_BACK, "reverse", redemption, reason, words, now)

    async def unresolved(self, creator_id: CreatorId, looks: int, key: str = "") -> list[Redemption]:
        """What is not known to have ended after so many looks, and that with a key however often it was looked at."""
        async with self._database.creator(creator_id) as connection:
            return [redemption_of(row) for row in await connection.fetch(UNRESOLVED, creator_id, looks, key)]

    async def look_now(self, creator_id: CreatorId, rail: Rail, refs: Sequence[str], now: datetime) -> None:
        """Look at once at what a provider spoke of, by its name or ours; at all of it where it named nothing."""
        async with self._database.creator(creator_id) as connection:
            if await connection.fetch(LOOK_NOW, creator_id, rail.value, now, list(refs)):
                await put_redemptions(connection, creator_id)


async def _undo(
    connection: Connection, statement: str, kind: str, redemption: Redemption, reason: str, words: str, now: datetime
) -> None:
    which = (redemption.creator_id, redemption.id)
    if await connection.fetchval(statement, *which, reason[:300], now) is not None:
        await end_hold(connection, redemption, kind)
        await tell_student(connection, redemption, words)


def _not_paid(redemption: Redemption, reason: str) -> str:
    return f"Your redemption of {redemption.worth} was not paid: {reason} Your CHRONOS are back."


async def _paused(connection: Connection, redemption: Redemption) -> bool:
    return bool(await frozen_among(connection, [redemption.creator_id, *redemption.issuers]))


async def _tell_news(connection: Connection, redemption: Redemption, found: Found) -> None:
    """The student where they can do something about it, the staff where we cannot pay."""
    if found.fate is Fate.PENDING and found.reason:
        await tell_student(connection, redemption, f"Your payout of {redemption.worth}: {found.reason}")
    elif found.fate is Fate.POSTPONED or found.reason == TOO_LATE:
        about = f"the payout of {redemption.worth} by {RAIL_NAMES[redemption.rail]} (redemption {redemption.id})"
        await tell_staff(connection, redemption.creator_id, Reply(RichText.of(f"⚠️ {about} waits: {found.reason}")))


def _paid(redemption: Redemption, receipt: str) -> RichText:
    if receipt.startswith("https://"):
        return RichText.of(f"🎁 Your {RAIL_NAMES[redemption.rail]} of {redemption.worth}: ", link("open it", receipt))
    to = f" to {redemption.destination}" if redemption.destination else ""
    return RichText.of(f"💸 Paid: {redemption.worth} by {RAIL_NAMES[redemption.rail]}{to}.")
