"""A creator's economy: what was issued and where it went, what may still be issued, the last weeks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from core.ids import CreatorId
from core.rewards.ledger import Budget
from core.rewards.showing import EconomyPicture, Week
from core.rewards.standings import week_start

WEEKS: Final = 8
ISSUED: Final = {"issued": 1, "taken": -1}
SPENT: Final = {"spent": 1, "refunded": -1}
REDEEMED: Final = {"redeemed": 1, "returned": -1}


@dataclass(frozen=True, slots=True)
class Movement:
    """What moved in one way on a day, ``times`` times; ``rule`` where it was issued or taken back."""

    day: date
    flow: str
    rule: str
    times: int
    amount: int


@dataclass(frozen=True, slots=True)
class RuleTotal:
    """What a rule issued, less what was taken back, and how often it paid."""

    rule: str
    amount: int
    times: int


@dataclass(frozen=True, slots=True)
class Economy:
    """A creator's economy; all amounts are net of what was taken back or given back.

    ``held`` is the part of what is outstanding that is set aside, ``owed`` what was taken back after it was gone.
    """

    issued: int
    spent: int
    redeemed: int
    held: int
    owed: int
    left_today: int
    left_this_month: int
    rules: tuple[RuleTotal, ...]
    weeks: tuple[Week, ...]

    @property
    def outstanding(self) -> int:
        """What is in members' wallets."""
        return self.issued - self.spent - self.redeemed

    def picture(self, creator_name: str) -> EconomyPicture:
        """As it is drawn."""
        facts = (
            ("Issued", self.issued),
            ("Spent", self.spent),
            ("Redeemed", self.redeemed),
            ("Outstanding", self.outstanding),
        )
        return EconomyPicture(creator_name, facts, self.weeks)


class Economies(Protocol):
    """The economies of creators. No method can reach across creators."""

    async def economy(self, creator_id: CreatorId, budget: Budget, now: datetime) -> Economy:
        """A creator's economy up to now."""
        ...


def sum_of(movements: Iterable[Movement], signs: dict[str, int]) -> int:
    """The net amount of some flows."""
    return sum(signs.get(movement.flow, 0) * movement.amount for movement in movements)


def rule_totals(movements: Iterable[Movement]) -> tuple[RuleTotal, ...]:
    """What each rule issued, the largest first."""
    amounts: dict[str, int] = {}
    times: dict[str, int] = {}
    for movement in movements:
        if movement.flow in ISSUED:
            amounts[movement.rule] = amounts.get(movement.rule, 0) + ISSUED[movement.flow] * movement.amount
            times[movement.rule] = times.get(movement.rule, 0) + ISSUED[movement.flow] * movement.times
    totals = [RuleTotal(rule, amount, times[rule]) for rule, amount in amounts.items() if amount or times[rule]]
    return tuple(sorted(totals, key=lambda total: (-total.amount, total.rule)))


def last_weeks(movements: Iterable[Movement], today: date) -> tuple[Week, ...]:
    """The last weeks up to this one, oldest first, also those in which nothing moved."""
    mondays = [week_start(today) - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    by_week: dict[date, list[Movement]] = {monday: [] for monday in mondays}
    for movement in movements:
        by_week.get(week_start(movement.day), []).append(movement)
    return tuple(
        Week(monday, max(sum_of(moved, ISSUED), 0), max(sum_of(moved, SPENT | REDEEMED), 0))
        for monday, moved in by_week.items()
    )
