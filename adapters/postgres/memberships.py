"""Memberships as their seller states them, and the enrolments they make, on PostgreSQL under the system role."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from adapters.postgres.database import Connection, Database, system_role
from adapters.postgres.notices import tell
from adapters.postgres.tier_roles import follow_roles
from core.ids import CreatorId, StudentId
from core.members.directory import Creator
from core.members.memberships import (
    PLATFORM,
    Access,
    Change,
    Membership,
    Product,
    access_of,
    best_of,
    change_told,
    following,
)

CREATOR: Final = "SELECT id FROM creators WHERE handle = $1"
BEFORE: Final = """
    SELECT creator_id, user_id, past_due_since FROM whop_memberships WHERE id = $1 FOR UPDATE
"""
KEEP: Final = """
    INSERT INTO whop_memberships AS m (id, creator_id, product_id, tier, user_id, discord_id, status, past_due_since,
                                       link, stated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO UPDATE
       SET creator_id = $2, product_id = $3, tier = $4, user_id = $5, status = $7, past_due_since = $8, link = $9,
           stated_at = $10, discord_id = CASE $6 WHEN '' THEN m.discord_id ELSE $6 END
     WHERE m.stated_at <= $10
    RETURNING discord_id
"""
# When the seller stated it stays, so that it counts again should it be stated again.
END: Final = """
    UPDATE whop_memberships SET status = 'expired', past_due_since = NULL
     WHERE id = $1 AND status NOT IN ('canceled', 'expired') RETURNING user_id
"""
OWNER: Final = "SELECT student_id FROM identities WHERE platform = $1 AND external_id = $2"
# Only where neither of the two has another partner: who came first keeps what is theirs.
CLAIM: Final = """
    INSERT INTO identities (platform, external_id, student_id)
    SELECT $1, $2, i.student_id FROM identities i
     WHERE i.platform = 'discord' AND i.external_id = $3
       AND NOT EXISTS (SELECT FROM identities o WHERE o.student_id = i.student_id AND o.platform = $1)
    ON CONFLICT (platform, external_id) DO NOTHING RETURNING student_id
"""
SAME_PERSON: Final = """
    SELECT user_id FROM whop_memberships WHERE discord_id = $1 AND user_id <> '' ORDER BY stated_at DESC LIMIT 1
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('enrolments', $1))"
CREATORS_OF: Final = """
    SELECT c.id, c.handle, c.name, c.language, c.who_may_ask, c.answers, c.owner_id FROM creators c
     WHERE c.id IN (SELECT creator_id FROM whop_memberships m JOIN identities i
                        ON i.platform = $2 AND i.external_id = m.user_id WHERE i.student_id = $1
                     UNION SELECT creator_id FROM enrolments WHERE student_id = $1 AND source = $2)
     ORDER BY c.id
"""
MEMBERSHIPS: Final = """
    SELECT m.status, m.tier, m.link, m.past_due_since
      FROM whop_memberships m JOIN identities i ON i.platform = $3 AND i.external_id = m.user_id
     WHERE m.creator_id = $1 AND i.student_id = $2 ORDER BY m.id
"""
ENROLMENT: Final = """
    SELECT status, tier, source, invited_tier, grace_until, return_link FROM enrolments
     WHERE creator_id = $1 AND student_id = $2 FOR UPDATE
"""
FOLLOW: Final = """
    INSERT INTO enrolments AS e (creator_id, student_id, status, tier, source, grace_until, return_link)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (creator_id, student_id) DO UPDATE
       SET status = $3, tier = $4, source = $5, grace_until = $6, return_link = $7,
           since = CASE WHEN $3 <> e.status THEN now() ELSE e.since END
"""
PAST_GRACE: Final = "SELECT DISTINCT student_id FROM enrolments WHERE grace_until <= $1 AND status = 'active'"
KNOWN: Final = """
    SELECT id FROM whop_memberships WHERE status NOT IN ('canceled', 'expired') ORDER BY id
"""


class PostgresMemberships:
    """See :class:`core.members.memberships.Memberships`."""

    def __init__(self, database: Database, grace: timedelta) -> None:
        self._database = database
        self._grace = grace

    async def apply(
        self, membership: Membership, product: Product, *, at: datetime, discord_id: str = ""
    ) -> Sequence[Change]:
        """Keep what the seller says, unless something newer is kept, and have its owner's enrolment follow."""
        async with self._database.system() as connection:
            creator_id = await connection.fetchval(CREATOR, product.creator)
            if creator_id is None:
                return []
            before = await connection.fetchrow(BEFORE, membership.id)
            known_since = before["past_due_since"] if before else None
            past_due_since = known_since or min(membership.stated_at or at, at)
            kept = await connection.fetchrow(
                KEEP, membership.id, creator_id, product.id, product.tier, membership.user_id, discord_id,
                membership.status, past_due_since if membership.status == "past_due" else None,
                membership.link or product.link, membership.stated_at or at,
            )  # fmt: skip
            if kept is None:
                return []
            owners = await _owners(connection, membership.user_id, kept["discord_id"], before)
        return [change for owner in owners for change in await self.settle(owner, at=at)]

    async def end(self, membership_id: str, *, at: datetime) -> Sequence[Change]:
        """Note that a membership is over, and have its owner's enrolment follow."""
        async with self._database.system() as connection:
            user_id = await connection.fetchval(END, membership_id)
            owner = await connection.fetchval(OWNER, PLATFORM, user_id) if user_id else None
        return [] if owner is None else await self.settle(StudentId(owner), at=at)

    async def settle(self, student_id: StudentId, *, at: datetime) -> Sequence[Change]:
        """Have a student's enrolments follow all that is known, and tell them what changed."""
        async with self._database.system() as connection:
            creators = [_creator(row) for row in await connection.fetch(CREATORS_OF, student_id, PLATFORM)]
        changes = []
        for creator in creators:
            async with self._database.creator(creator.id) as connection:
                async with system_role(connection):
                    change = await self._followed(connection, creator, student_id, at)
                if change is not None:
                    await follow_roles(connection, creator.id, student_id)
                    changes.append(change)
                    if notice := change_told(change):
                        await tell(connection, creator.id, student_id, notice)
        return changes

    async def past_grace(self, at: datetime) -> Sequence[StudentId]:
        """Whose enrolments only grace kept, which is over now."""
        async with self._database.system() as connection:
            return [StudentId(row["student_id"]) for row in await connection.fetch(PAST_GRACE, at)]

    async def known(self) -> Sequence[str]:
        """The ids of all memberships that are not known to be over."""
        async with self._database.system() as connection:
            return [row["id"] for row in await connection.fetch(KNOWN)]

    async def _followed(
        self, connection: Connection, creator: Creator, student_id: StudentId, at: datetime
    ) -> Change | None:
        await connection.execute(ONE_AT_A_TIME, student_id)
        rows = await connection.fetch(MEMBERSHIPS, creator.id, student_id, PLATFORM)
        best = best_of(
            [access_of(r["status"], r["tier"], r["link"], r["past_due_since"], at, self._grace) for r in rows]
        )
        before = await connection.fetchrow(ENROLMENT, creator.id, student_id)
        source, invited_tier = (before["source"], before["invited_tier"]) if before else ("", None)
        now = following(source, best, invited_tier)
        if now is None or (before and now == _access(before)):
            return None
        # What an invite gave is the invite's again once nothing is paid for.
        paid = (best is not None and best.status != "ended") or invited_tier is None
        await connection.execute(
            FOLLOW, creator.id, student_id, now.status, now.tier, PLATFORM if paid else "invite", now.grace_until,
            now.link,
        )  # fmt: skip
        return Change(creator, student_id, before["status"] if before else "", before["tier"] if before else "", now)


async def claim_by_discord(connection: Connection, discord_id: str) -> StudentId | None:
    """Link the seller's account to the Discord account that it was named with; None where nobody is to be linked."""
    user_id = await connection.fetchval(SAME_PERSON, discord_id)
    claimed = user_id and await connection.fetchval(CLAIM, PLATFORM, user_id, discord_id)
    return StudentId(claimed) if claimed else None


async def _owners(
    connection: Connection, user_id: str, discord_id: str, before: asyncpg.Record | None
) -> list[StudentId]:
    """Whose a membership is and, where it went from one to another, was."""
    if user_id and discord_id:
        await connection.fetchval(CLAIM, PLATFORM, user_id, discord_id)
    accounts = {user_id, before["user_id"] if before else ""} - {""}
    found = [await connection.fetchval(OWNER, PLATFORM, account) for account in sorted(accounts)]
    return [StudentId(student_id) for student_id in found if student_id is not None]


def _access(row: asyncpg.Record) -> Access:
    return Access(row["status"], row["tier"], row["grace_until"], row["return_link"])


def _creator(row: asyncpg.Record) -> Creator:
    return Creator(
        CreatorId(row["id"]), row["handle"], row["name"], row["language"], row["who_may_ask"], row["answers"],
        None if row["owner_id"] is None else StudentId(row["owner_id"]),
    )  # fmt: skip
