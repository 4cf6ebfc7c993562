"""Paying for what was learnt: recorded acts are judged in the background, one by one."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from core.errors import ChronosError
from core.ids import CreatorId
from core.rewards.flags import Flags
from core.rewards.ledger import Fault, Ledger
from core.rewards.rules import Rewards
from core.rewards.streaks import Streaks

MOST_ATTEMPTS: Final = 3
"""An act that could not be judged so often is stepped over until the nightly check."""
LATECOMERS: Final = timedelta(minutes=2)
"""How long after its end a day waits for what is still on its way to be recorded."""


class NotJudged(ChronosError):
    """An act could not be judged; nothing of it was done."""

    def __init__(self, key: str, attempts: int, reason: str) -> None:
        super().__init__(f"{key} could not be judged (attempt {attempts}): {reason}")
        self.attempts = attempts


class Acts(Protocol):
    """The recorded acts of creators."""

    async def judge_next(self, creator_id: CreatorId, rewards: Rewards) -> bool:
        """Judge and pay the oldest act that waits, or let it wait for a day with room; False where none is due.

        Raises:
            NotJudged: something is wrong with it; after :data:`MOST_ATTEMPTS` it is stepped over.
        """
        ...

    async def try_again(self, creator_id: CreatorId) -> None:
        """Give what could not be judged another attempt."""
        ...

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget what was judged long ago; what it earned stays in the ledger."""
        ...


@dataclass(frozen=True, slots=True)
class Awarding:
    """Judges acts by the rules of this deployment."""

    acts: Acts
    ledger: Ledger
    rewards: Rewards
    streaks: Streaks
    flags: Flags

    async def all_due(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Judge until nothing is due, or this process stops: then what is left waits for the next tick.

        Raises:
            NotJudged: see :class:`Acts`.
        """
        while not stop.is_set() and await self.acts.judge_next(creator_id, self.rewards):
            pass

    async def settle(self, creator_id: CreatorId, at: datetime, stop: asyncio.Event) -> None:
        """Judge what waits, settle the days that have ended since, and pay what these completed."""
        await self.all_due(creator_id, stop)
        await self.streaks.settle(creator_id, at - LATECOMERS)
        await self.all_due(creator_id, stop)

    async def check(self, creator_id: CreatorId) -> list[Fault]:
        """What is wrong in a creator's books; for the operator, who looks."""
        return await self.ledger.faults(creator_id)
