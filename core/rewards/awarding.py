"""Paying for what was learnt: recorded acts are judged in the background, one by one."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from core.ids import CreatorId
from core.rewards.ledger import Fault, Ledger
from core.rewards.rules import Rewards


class Acts(Protocol):
    """The recorded acts of creators."""

    async def judge_next(self, creator_id: CreatorId, rewards: Rewards) -> bool:
        """Judge and pay the oldest act that waits; False where none does."""
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

    async def all_due(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Judge until nothing waits, or this process stops: then what is left waits for the next tick."""
        while not stop.is_set() and await self.acts.judge_next(creator_id, self.rewards):
            pass

    async def check(self, creator_id: CreatorId) -> list[Fault]:
        """What is wrong in a creator's books; for the operator, who looks."""
        return await self.ledger.faults(creator_id)
