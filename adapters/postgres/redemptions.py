"""Redemptions on PostgreSQL, as students and staff see them: asked for, cancelled, approved."""

from collections.abc import Mapping, Sequence
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
from core.rewards.ledger import UNDECIDED_FOR
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
FUNDED: Final = "SELECT id, name FROM creators WHERE handle = ANY($1) ORDER BY id = $2 DESC, id"
# Given by the staff, by an invite or by a membership that is paid; asking in an open community proves nothing.
MEMBER_OF: Final = """
    SELECT creator_id FROM enrolments
     WHERE student_id = $1 AND status = 'active' AND source IN ('staff', 'invite', 'whop')
"""
KNOWN_SINCE: Final = "SELECT created_at FROM students WHERE id = $1"
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
     WHERE creator_id = $1 AND id = $2 AND state = 'approval' AND student_id IS DISTINCT FROM $3 RETURNING {COLUMNS}
"""
NOT_SENT: Final = "SELECT creator_id, id FROM redemptions WHERE student_id = $1 AND state IN ('approval', 'ready')"
LAPSE: Final = f"""
    UPDATE redemptions SET state = 'released', reason = 'the staff did not decide', ended_at = $2
     WHERE creator_id = $1 AND state = 'approval' AND asked_at <= $3 RETURNING {COLUMNS}
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
            await _funded_issuers(connection, creator_id, student_id, terms, now)

    async def ask(
        self, creator_id: CreatorId, student_id: StudentId, asked: Asked, terms: Terms, now: datetime
    ) -> Redemption:
        """Hold the CHRONOS and have it sent, or ask the staff first."""
        async with self._database.student(student_id) as connection:
            await connection.execute(LOCK_WALLET, student_id)
            known = await connection.fetchrow(BY_KEY, student_id, asked.key)
            if known is not None:
                return redemption_of(known)
            issuers = await _funded_issuers(connection, creator_id, student_id, terms, now)
            state = State.APPROVAL if asked.chronos > terms.approval_above else State.READY
            if state is State.APPROVAL:
                issuers = _decided_here(creator_id, issuers, terms)
            holders = await _hold(connection, student_id, list(issuers), asked)
            await connection.execute(SCOPE, str(creator_id))
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
        return await cancel_redemption(self._database, creator_id, student_id, redemption_id, now)

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

    async def lapse(self, creator_id: CreatorId, now: datetime) -> None:
        """Give back what the staff left undecided for long, and say so to both."""
        async with self._database.creator(creator_id) as connection:
            for row in await connection.fetch(LAPSE, creator_id, now, now - UNDECIDED_FOR):
                lapsed = redemption_of(row)
                await end_hold(connection, lapsed, "release")
                await tell_student(connection, lapsed, _LAPSED.format(lapsed.worth, lapsed.chronos))
                words = f"💸 A redemption of {lapsed.worth} waited {UNDECIDED_FOR.days} days for you and went back."
                await tell_staff(connection, creator_id, Reply(RichText.of(words)))

    async def credit(self, student_id: StudentId) -> dict[str, int]:
        """A student's platform credit in cents by currency."""
        async with self._database.student(student_id) as connection:
            return {row["currency"]: row["cents"] for row in await connection.fetch(CREDIT, student_id)}


_DECIDED: Final = {
    True: "✅ The staff approved your redemption of {}; it is sent now.",
    False: "The staff refused your redemption of {}; your {:,} CHRONOS are back.",
}


_LAPSED: Final = (
    f"The staff did not decide within {UNDECIDED_FOR.days} days on your redemption of {{}}; "
    "your {:,} CHRONOS are back."
)


async def cancel_redemption(
    database: Database, creator_id: CreatorId, student_id: StudentId, redemption_id: int, now: datetime
) -> bool:
    """Give back what was not sent yet; False where it is too late, or not this student's."""
    async with database.creator(creator_id, student_id) as connection:
        row = await connection.fetchrow(CANCEL, creator_id, student_id, redemption_id, now)
        if row is None:
            return False
        await end_hold(connection, redemption_of(row), "release")
    return True


async def cancel_redemptions(database: Database, student_id: StudentId, now: datetime) -> None:
    """Give back all that was not sent to a student yet."""
    async with database.student(student_id) as connection:
        waiting = await connection.fetch(NOT_SENT, student_id)
    for row in waiting:
        await cancel_redemption(database, CreatorId(row["creator_id"]), student_id, row["id"], now)


async def lost_membership(connection: Connection, redemption: Redemption) -> bool:
    """Inside a creator's transaction: whether a student is no member any more of one whose CHRONOS are drawn."""
    async with system_role(connection):
        member_of = {row["creator_id"] for row in await connection.fetch(MEMBER_OF, redemption.student_id)}
    return not member_of.issuperset((redemption.creator_id, *redemption.issuers))


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


async def _funded_issuers(
    connection: Connection, creator_id: CreatorId, student_id: StudentId, terms: Terms, now: datetime
) -> dict[CreatorId, str]:
    """Whose CHRONOS may be drawn, with their names, the creator's own first; see :meth:`Redemptions.require`."""
    async with system_role(connection):
        rows = await connection.fetch(FUNDED, list(terms.funded), creator_id)
        member_of = {row["creator_id"] for row in await connection.fetch(MEMBER_OF, student_id)}
        known_since = await connection.fetchval(KNOWN_SINCE, student_id)
    funded = {CreatorId(row["id"]): str(row["name"]) for row in rows}
    if not funded or not terms.rails:
        raise Refused(NOTHING_HERE)
    frozen = await frozen_among(connection, [creator_id, *funded])
    if creator_id in frozen or frozen.issuperset(funded):
        raise Refused(PAUSED)
    if reason := _objection(known_since if creator_id in member_of else None, terms, now):
        raise Refused(reason)
    if await connection.fetchval(OF_THE_DAY, student_id, now) >= terms.per_day:
        raise Refused(f"There can be {terms.per_day} redemptions a day. After midnight UTC there can be more.")
    drawn = {issuer: name for issuer, name in funded.items() if issuer in member_of and issuer not in frozen}
    if not drawn:
        names = ", ".join(funded.values())
        raise Refused(f"Redeeming takes a verified membership of a community whose payouts are funded: {names}.")
    return drawn


def _decided_here(creator_id: CreatorId, issuers: Mapping[CreatorId, str], terms: Terms) -> dict[CreatorId, str]:
    """A large sum comes from one creator alone, whose staff decides."""
    if creator_id not in issuers:
        raise Refused(
            f"More than {terms.approval_above:,} CHRONOS at once are decided by the staff of those who gave them. "
            f"Ask for it in a community of {' or '.join(issuers.values())}."
        )
    return {creator_id: issuers[creator_id]}


def _objection(known_since: datetime | None, terms: Terms, now: datetime) -> str:
    if known_since is None:
        return (
            "Redeeming takes a verified membership: one that the staff, an invite code or your paid membership gave "
            "you. /enroll takes an invite code."
        )
    old_enough = known_since + timedelta(days=terms.account_age_days)
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
            "You do not have that many CHRONOS that can be redeemed: only those of creators with funded payouts "
            "whose verified member you are can, and a sum that the staff has to approve comes from this one alone."
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
