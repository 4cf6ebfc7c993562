"""Where people's payouts go, on PostgreSQL under the system role: theirs over all creators, and nobody else's."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.notices import tell
from core.conversation import Button, Reply, Tone
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.redemption import RAIL_NAMES, Rail, Target, usable
from core.richtext import RichText, bold

OF: Final = """
    SELECT id, kind, destination, usable_from FROM payout_targets
     WHERE student_id = $1 AND usable_from IS NOT NULL AND forgotten_at IS NULL ORDER BY usable_from DESC, id DESC
"""
TAKEN: Final = """
    SELECT FROM payout_targets
     WHERE kind = $2 AND destination = $3 AND student_id <> $1 AND usable_from IS NOT NULL AND forgotten_at IS NULL
"""
FORGET_PROPOSED: Final = "DELETE FROM payout_targets WHERE student_id = $1 AND kind = $2 AND usable_from IS NULL"
PROPOSE: Final = """
    INSERT INTO payout_targets (student_id, kind, destination, proposed_at) VALUES ($1, $2, $3, $4) RETURNING id
"""
PROPOSED: Final = """
    SELECT id, kind, destination, usable_from FROM payout_targets WHERE id = $2 AND student_id = $1 FOR UPDATE
"""
FORGET_OLDER: Final = """
    DELETE FROM payout_targets
     WHERE student_id = $1 AND kind = $2 AND id <> $3 AND id IS DISTINCT FROM $4 AND forgotten_at IS NULL
"""
CONFIRM: Final = "UPDATE payout_targets SET usable_from = $3 WHERE id = $2 AND student_id = $1"
WITHDRAW: Final = """
    DELETE FROM payout_targets
     WHERE student_id = $1 AND kind = $2 AND usable_from > $3 AND forgotten_at IS NULL RETURNING id
"""
FORGET: Final = """
    UPDATE payout_targets SET forgotten_at = $3
     WHERE student_id = $1 AND kind = $2 AND usable_from IS NOT NULL AND forgotten_at IS NULL
    RETURNING id
"""
FORGET_FORGOTTEN: Final = "DELETE FROM payout_targets WHERE student_id = $1 AND kind = $2 AND forgotten_at <= $3"
FORGOTTEN: Final = """
    SELECT EXISTS (SELECT FROM payout_targets WHERE student_id = $1 AND kind = $2 AND forgotten_at > $3)
"""
OTHERS: Final = "That belongs to another student here already. If it is yours, write to the staff."


class PostgresPayoutTargets:
    """See :class:`core.rewards.redemption.Targets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, student_id: StudentId) -> list[Target]:
        """A student's confirmed destinations, the newest first."""
        async with self._database.system() as connection:
            return await _targets(connection, student_id)

    async def propose(self, student_id: StudentId, kind: Rail, destination: str, now: datetime) -> Target:
        """Note a destination to be confirmed, in the place of one that was not."""
        async with self._database.system() as connection:
            if await connection.fetchrow(TAKEN, student_id, kind.value, destination) is not None:
                raise Refused(OTHERS)
            await connection.execute(FORGET_PROPOSED, student_id, kind.value)
            target_id = await connection.fetchval(PROPOSE, student_id, kind.value, destination, now)
        return Target(target_id, kind, destination, None)

    async def confirm(
        self, creator_id: CreatorId | None, student_id: StudentId, target_id: int, delay: timedelta, now: datetime
    ) -> Target:
        """Make it count: at once where there was none of its kind, else later."""
        try:
            async with self._database.system() as connection:
                target, changed = await _confirmed(connection, student_id, target_id, delay, now)
        except asyncpg.UniqueViolationError:
            raise Refused(OTHERS) from None
        if changed and creator_id is not None:
            async with self._database.creator(creator_id) as connection:
                await tell(connection, creator_id, student_id, _changed(target))
        return target

    async def withdraw(self, student_id: StudentId, kind: Rail, now: datetime) -> bool:
        """Take back a change that does not count yet."""
        async with self._database.system() as connection:
            return await connection.fetchval(WITHDRAW, student_id, kind.value, now) is not None

    async def forget(self, creator_id: CreatorId | None, student_id: StudentId, kind: Rail, now: datetime) -> bool:
        """Forget where payouts of a kind go; the next place counts as late as after a change."""
        async with self._database.system() as connection:
            await connection.execute(FORGET_PROPOSED, student_id, kind.value)
            forgotten = await connection.fetchval(FORGET, student_id, kind.value, now) is not None
        if forgotten and creator_id is not None:
            async with self._database.creator(creator_id) as connection:
                await tell(connection, creator_id, student_id, _forgotten(kind))
        return forgotten


async def _confirmed(
    connection: Connection, student_id: StudentId, target_id: int, delay: timedelta, now: datetime
) -> tuple[Target, bool]:
    """The target as it counts from now on, and whether this changed anything that was there before."""
    row = await connection.fetchrow(PROPOSED, student_id, target_id)
    if row is None:
        raise Refused("That was replaced or withdrawn meanwhile. /wallet shows what counts.")
    if row["usable_from"] is not None:
        return _target(row), False
    kind = Rail(row["kind"])
    before = usable(await _targets(connection, student_id), kind, now)
    await connection.execute(FORGET_FORGOTTEN, student_id, kind.value, now - delay)
    same = before is not None and before.destination == row["destination"]
    changed = not same and (
        before is not None or await connection.fetchval(FORGOTTEN, student_id, kind.value, now - delay)
    )
    usable_from = now + delay if changed else now
    kept = before.id if before is not None and changed else None
    await connection.execute(FORGET_OLDER, student_id, kind.value, target_id, kept)
    await connection.execute(CONFIRM, student_id, target_id, usable_from)
    return Target(target_id, kind, row["destination"], usable_from), changed


async def _targets(connection: Connection, student_id: StudentId) -> list[Target]:
    return [_target(row) for row in await connection.fetch(OF, student_id)]


def _target(row: asyncpg.Record) -> Target:
    return Target(row["id"], Rail(row["kind"]), row["destination"], row["usable_from"])


def _forgotten(kind: Rail) -> Reply:
    return Reply(
        RichText.of(
            f"🔐 Where your {RAIL_NAMES[kind]} payouts go was forgotten. If that was not you, set it again with "
            "/wallet."
        )
    )


def _changed(target: Target) -> Reply:
    undo = Button("That was not me", "wallet_withdraw", target.kind.value, Tone.DANGER)
    return Reply(
        RichText.of(
            f"🔐 Where your {RAIL_NAMES[target.kind]} payouts go was changed to ", bold(target.destination),
            f". It counts from {target.usable_from:%d %B %H:%M} UTC; until then nothing changes.",
        ),
        ((undo,),),
    )  # fmt: skip
