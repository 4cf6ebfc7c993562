"""Redemptions on PostgreSQL, as students and staff see them: asked for, cancelled, approved."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.jobs import put_redemptions
from adapters.postgres.ledger import HOLD, in_words
from adapters.postgres.names import names_of
from adapters.postgres.notices import staff_platform, tell, tell_staff
from adapters.postgres.payout_freezes import frozen_among
from core.conversation import Button, Reply, Tone
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.redemption import (
    NOTHING_HERE,
    PAUSED,
    PAYOUT,
    RAIL_NAMES,
    Asked,
    Rail,
    Redemption,
    State,
    Terms,
    wallet_key,
)
from core.richtext import RichText, bold

COLUMNS: Final = """
    id, creator_id, key, student_id, rail, chronos, cents, currency, destination, state, asked_at, issuers, reason,
    ref, receipt, attempt, began_at, looks
"""
FUNDED: Final = "SELECT id FROM creators WHERE handle = ANY($1) ORDER BY id = $2 DESC, id"
# Given by the staff, by an invite or by a membership that is paid; asking in an open community proves nothing.
MEMBER: Final = """
    SELECT s.created_at, coalesce(e.status = 'active', false) AS active,
           coalesce(to_jsonb(e) ->> 'source' IN ('staff', 'invite', 'whop'),
                    e.tier <> '' OR c.who_may_ask = 'enrolled', false) AS verified
      FROM students s
      JOIN creators c ON c.id = $1
      LEFT JOIN enrolments e ON e.creator_id = c.id AND e.student_id = s.id
     WHERE s.id = $2
"""
LOCK_WALLET: Final = "SELECT pg_advisory_xact_lock(hashtextextended('wallet', $1))"
OF_THE_DAY: Final = """
    SELECT count(*) FROM redemptions
     WHERE student_id = $1 AND asked_at >= date_trunc('day', $2::timestamptz, 'UTC') AND state <> 'released'
"""
BY_KEY: Final = f"SELECT {COLUMNS} FROM redemptions WHERE student_id = $1 AND key = $2"
HOLDERS: Final = """
    SELECT creator_id FROM transfers WHERE student_id = $1 AND wallet_key = $2 AND kind = 'hold' ORDER BY creator_id
"""
SCOPE: Final = "SELECT set_config('app.creator_id', $1, true)"
INSERT: Final = f"""
    INSERT INTO redemptions (creator_id, key, student_id, rail, chronos, cents, currency, destination, issuers, state,
                             asked_at, due_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) RETURNING {COLUMNS}
"""
OWN: Final = f"SELECT {COLUMNS} FROM redemptions WHERE student_id = $1 ORDER BY asked_at DESC, id DESC LIMIT $2"
CREDIT: Final = """
    SELECT currency, sum(cents)::bigint AS cents FROM platform_credits WHERE student_id = $1 GROUP BY 1 ORDER BY 1
"""
CANCEL: Final = f"""
    UPDATE redemptions SET state = 'released', reason = 'cancelled', ended_at = $4
     WHERE creator_id = $1 AND student_id = $2 AND id = $3 AND state IN ('approval', 'ready') RETURNING {COLUMNS}
"""
DECIDE: Final = f"""
    UPDATE redemptions
       SET state = $5, decided_by = $3, decided_at = $4, due_at = $4, reason = $6,
           ended_at = CASE WHEN $5 = 'released' THEN $4::timestamptz END
     WHERE creator_id = $1 AND id = $2 AND state = 'approval' AND student_id <> $3 RETURNING {COLUMNS}
"""
OF_CREATOR: Final = f"SELECT {COLUMNS} FROM redemptions WHERE creator_id = $1 AND id = $2"
UNDECIDED: Final = (
    f"SELECT {COLUMNS} FROM redemptions WHERE creator_id = $1 AND state = 'approval' ORDER BY id LIMIT 20"
)
END: Final = "SELECT end_redemption($1::bigint[], $2, $3)"


class PostgresRedemptions:
    """See :class:`core.rewards.redemption.Redemptions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require(self, creator_id: CreatorId, student_id: StudentId, terms: Terms, now: datetime) -> None:
        """See that a student may redeem with a creator."""
        async with self._database.student(student_id) as connection:
            await _issuers(connection, creator_id, student_id, terms, now)

    async def ask(
        self, creator_id: CreatorId, student_id: StudentId, asked: Asked, terms: Terms, now: datetime
    ) -> Redemption:
        """Hold the CHRONOS and have it sent, or ask the staff first."""
        async with self._database.student(student_id) as connection:
            await connection.execute(LOCK_WALLET, student_id)
            known = await connection.fetchrow(BY_KEY, student_id, asked.key)
            if known is not None:
                return redemption_of(known)
            issuers = await _issuers(connection, creator_id, student_id, terms, now)
            holders = await _hold(connection, student_id, issuers, asked)
            await connection.execute(SCOPE, str(creator_id))
            state = State.APPROVAL if asked.chronos > terms.approval_above else State.READY
            row = await connection.fetchrow(
                INSERT, creator_id, asked.key, student_id, asked.rail.value, asked.chronos, asked.cents,
                terms.currency, asked.destination, holders, state.value, now,
            )  # fmt: skip
            assert row is not None  # noqa: S101 - an insert returns its row
            redemption = redemption_of(row)
            await _announce(connection, redemption)
        return redemption

    async def own(self, student_id: StudentId, limit: int = 10) -> list[Redemption]:
        """A student's redemptions, newest first."""
        async with self._database.student(student_id) as connection:
            return [redemption_of(row) for row in await connection.fetch(OWN, student_id, limit)]

    async def cancel(self, creator_id: CreatorId, student_id: StudentId, redemption_id: int, now: datetime) -> bool:
        """Give back what was not sent yet."""
        async with self._database.creator(creator_id, student_id) as connection:
            row = await connection.fetchrow(CANCEL, creator_id, student_id, redemption_id, now)
            if row is None:
                return False
            await end_hold(connection, redemption_of(row), "release")
        return True

    async def decide(
        self, creator_id: CreatorId, redemption_id: int, by: StudentId, *, approved: bool, now: datetime
    ) -> Redemption:
        """Approve or refuse what waits for the staff, and tell the student."""
        state = State.READY if approved else State.RELEASED
        reason = "" if approved else "the staff refused it"
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(DECIDE, creator_id, redemption_id, by, now, state.value, reason)
            if row is None:
                raise Refused(await _why_undecided(connection, creator_id, redemption_id, by))
            decided = redemption_of(row)
            if approved:
                await put_redemptions(connection, creator_id)
            else:
                await end_hold(connection, decided, "release")
            await tell_student(connection, decided, _DECIDED[approved].format(decided.worth, decided.chronos))
        return decided

    async def undecided(self, creator_id: CreatorId) -> list[Redemption]:
        """What waits for the staff, oldest first."""
        async with self._database.creator(creator_id) as connection:
            return [redemption_of(row) for row in await connection.fetch(UNDECIDED, creator_id)]

    async def credit(self, student_id: StudentId) -> dict[str, int]:
        """A student's platform credit in cents by currency."""
        async with self._database.student(student_id) as connection:
            return {row["currency"]: row["cents"] for row in await connection.fetch(CREDIT, student_id)}


_DECIDED: Final = {
    True: "✅ The staff approved your redemption of {}; it is sent now.",
    False: "The staff refused your redemption of {}; your {:,} CHRONOS are back.",
}


async def end_hold(connection: Connection, redemption: Redemption, kind: str) -> None:
    """Inside the transaction that ends a redemption, end what is held for it: release, redeem or reverse."""
    with in_words():
        await connection.execute(END, list(redemption.issuers), redemption.wallet_key, kind)


async def tell_student(connection: Connection, redemption: Redemption, words: RichText | str) -> None:
    """Inside a creator's transaction, tell the student what became of a redemption; whoever is gone is not told."""
    if redemption.student_id is not None:
        text = RichText.of(words) if isinstance(words, str) else words
        await tell(connection, redemption.creator_id, redemption.student_id, Reply(text))


def redemption_of(row: asyncpg.Record) -> Redemption:
    """A row as a value."""
    values = dict(row)
    student_id = values.pop("student_id")
    return Redemption(
        **{
            **values,
            "student_id": None if student_id is None else StudentId(student_id),
            "rail": Rail(values["rail"]),
            "state": State(values["state"]),
            "issuers": tuple(CreatorId(issuer) for issuer in values["issuers"]),
        }
    )


async def _issuers(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, terms: Terms, now: datetime
) -> list[CreatorId]:
    """Whose CHRONOS may be drawn, the creator's own first; see :meth:`Redemptions.require`."""
    async with system_role(connection):
        funded = [CreatorId(row["id"]) for row in await connection.fetch(FUNDED, list(terms.funded), creator_id)]
        member = await connection.fetchrow(MEMBER, creator_id, student_id)
    if not funded or not terms.rails:
        raise Refused(NOTHING_HERE)
    frozen = await frozen_among(connection, [creator_id, *funded])
    if creator_id in frozen or frozen.issuperset(funded):
        raise Refused(PAUSED)
    if reason := _objection(member, terms, now):
        raise Refused(reason)
    if await connection.fetchval(OF_THE_DAY, student_id, now) >= terms.per_day:
        raise Refused(f"There can be {terms.per_day} redemptions a day. After midnight UTC there can be more.")
    return [issuer for issuer in funded if issuer not in frozen]


def _objection(member: asyncpg.Record | None, terms: Terms, now: datetime) -> str:
    if member is None or not member["active"] or not member["verified"]:
        return (
            "Redeeming takes a verified membership: one that the staff, an invite code or your paid membership gave "
            "you. /enroll takes an invite code."
        )
    old_enough: datetime = member["created_at"] + timedelta(days=terms.account_age_days)
    if now < old_enough:
        return f"Your account here is new: you can redeem from {old_enough.astimezone(UTC):%d %B %Y %H:%M} UTC."
    return ""


async def _hold(
    connection: Connection, student_id: StudentId, issuers: Sequence[CreatorId], asked: Asked
) -> list[CreatorId]:
    """Set the amount aside and return from whom it came."""
    key = wallet_key(asked.key)
    try:
        with in_words():
            reason = f"{PAYOUT}{RAIL_NAMES[asked.rail]}"
            await connection.execute(HOLD, student_id, list(issuers), key, reason, asked.chronos, {})
    except Refused as refused:
        if not isinstance(refused.__cause__, asyncpg.CheckViolationError):
            raise
        raise Refused(
            "You do not have that many CHRONOS that can be redeemed: only those of creators with funded payouts can."
        ) from refused
    return [CreatorId(row["creator_id"]) for row in await connection.fetch(HOLDERS, student_id, key)]


async def _announce(connection: Connection, redemption: Redemption) -> None:
    """Have it sent, or ask the staff."""
    if redemption.state is State.READY:
        await put_redemptions(connection, redemption.creator_id)
        return
    platform = await staff_platform(connection, redemption.creator_id)
    names = await names_of(connection, [redemption.student_id], platform)
    await tell_staff(connection, redemption.creator_id, approval_card(redemption, *names.values()))


def approval_card(redemption: Redemption, name: str = "A student") -> Reply:
    """What the staff is asked; where it goes is between the student and the provider."""
    return Reply(
        RichText.of(
            "💸 ", bold(name), f" asks to redeem {redemption.chronos:,} CHRONOS: {redemption.worth} by "
            f"{RAIL_NAMES[redemption.rail]}. It is set aside and waits for you.",
        ),
        ((
            Button("Approve", "payout_approve", str(redemption.id), Tone.GOOD),
            Button("Refuse", "payout_refuse", str(redemption.id), Tone.DANGER),
        ),),
    )  # fmt: skip


async def _why_undecided(
    connection: Connection, creator_id: CreatorId, redemption_id: int, by: StudentId
) -> str:  # fmt: skip
    row = await connection.fetchrow(OF_CREATOR, creator_id, redemption_id)
    if row is None:
        return "There is no such redemption here."
    if row["state"] == State.APPROVAL and row["student_id"] == by:
        return "Nobody decides on their own redemption. Please ask a colleague."
    with suppress(KeyError):
        return _PAST[State(row["state"])]
    return "That was decided already."


_PAST: Final = {State.RELEASED: "That was cancelled or refused already.", State.SETTLED: "That was paid already."}
