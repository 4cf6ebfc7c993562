"""What a creator pays for what: the deployment's defaults, unless its staff or the operator set something else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from core.ids import CreatorId, StudentId
from core.rewards.ledger import Budget
from core.rewards.rules import NOTHING, Rewards

MOST_PAID: Final = 10_000
MOST_TIMES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """What a rule was set to; None: the default."""

    rule: str
    amount: int | None
    most_a_day: int | None


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """A change as it is kept: who made it (empty where that person left) and when."""

    change: Change
    by: str
    at: datetime


def tariff(defaults: Rewards, changes: Sequence[Change], per_day: int | None, per_month: int | None) -> Rewards:
    """The rules of a creator: the defaults with the newest change of each rule, and its budget."""
    rules = dict(defaults.rules)
    for change in changes:
        rule = rules.get(change.rule, NOTHING)
        rules[change.rule] = replace(
            rule,
            amount=rule.amount if change.amount is None else change.amount,
            most_a_day=rule.most_a_day if change.most_a_day is None else change.most_a_day,
        )
    budget = Budget(
        defaults.budget.per_day if per_day is None else per_day,
        defaults.budget.per_month if per_month is None else per_month,
    )
    return replace(defaults, rules=rules, budget=budget)


class Tariffs(Protocol):
    """The rules of every creator."""

    @property
    def defaults(self) -> Rewards:
        """What is paid where nothing else was set."""
        ...

    async def of(self, creator_id: CreatorId) -> Rewards:
        """What a creator pays, and how much it may issue."""
        ...

    async def change(self, creator_id: CreatorId, change: Change, by: StudentId) -> None:
        """Set a rule."""
        ...

    async def changes(self, creator_id: CreatorId, limit: int, platform: str) -> list[ChangeMade]:
        """The last changes, newest first, with names as read on a platform."""
        ...

    async def limit(self, creator_id: CreatorId, per_day: int | None, per_month: int | None) -> None:
        """Set how much a creator may issue; None leaves it as it is."""
        ...
