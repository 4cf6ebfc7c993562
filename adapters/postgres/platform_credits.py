"""Platform credit as a way of payment: a row in a table of its own, written once for the redemption's key."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from adapters.postgres.database import Database
from core.rewards.redemption import Fate, Found, Keep, Redemption, money

GIVE: Final = """
    INSERT INTO platform_credits (creator_id, key, student_id, cents, currency, given_at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (creator_id, key) DO NOTHING
"""
GIVEN: Final = "SELECT FROM platform_credits WHERE creator_id = $1 AND key = $2"


class PlatformCredit:
    """See :class:`core.rewards.redemption.Payout`; the operator sets the credit off, and /redeem shows it."""

    sends_again_for: timedelta | None = None

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def send(self, redemption: Redemption, keep: Keep) -> Found:
        """Write the credit, once."""
        async with self._database.creator(redemption.creator_id) as connection:
            await connection.execute(
                GIVE, redemption.creator_id, redemption.key, redemption.student_id, redemption.cents,
                redemption.currency, self._now(),
            )  # fmt: skip
        return Found(
            Fate.SETTLED, redemption.key, receipt=f"{money(redemption.cents, redemption.currency)} of credit"
        )

    async def look(self, redemption: Redemption) -> Found:
        """Whether it is written."""
        async with self._database.creator(redemption.creator_id) as connection:
            given = await connection.fetchrow(GIVEN, redemption.creator_id, redemption.key)
        return Found(Fate.MISSING) if given is None else Found(Fate.SETTLED, redemption.key)
