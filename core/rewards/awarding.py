"""Paying for what was learnt: recorded acts are judged in the background, batch by batch."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from core.ids import CreatorId
from core.rewards.ledger import Fault, Ledger
from core.rewards.rules import Rewards


class Acts(Protocol):
    """The recorded acts of creators."""

    async def judge(self, creator_id: CreatorId, rewards: Rewards) -> int:
        """Judge and pay a batch of acts that were not judged yet, oldest first; how many that were."""
        ...


@dataclass(frozen=True, slots=True)
class Awarding:
    """Judges acts by the rules of this deployment."""

    acts: Acts
    ledger: Ledger
    rewards: Rewards

    async def all_due(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Judge until nothing waits, or this process stops: then what is left waits for the next tick."""
        while not stop.is_set() and await self.acts.judge(creator_id, self.rewards):
            pass

    async def check(self, creator_id: CreatorId) -> list[Fault]:
        """What is wrong in a creator's books; nothing is paid out of them until somebody has looked."""
        return await self.ledger.faults(creator_id)
