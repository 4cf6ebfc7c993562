"""Model money: how much of each budget is used, which step that is, and the words of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

SMALL_FROM: Final = 0.7
"""From this share of a budget on, only small models are asked; from all of it on, none."""


class Step(StrEnum):
    """What may still be paid for, in the order in which a budget that is used up takes it away."""

    LARGE = "large"
    SMALL = "small"
    QUOTING = "quoting"
    STOPPED = "stopped"

    @property
    def may_write(self) -> bool:
        """Whether a model may be paid for."""
        return self in {Step.LARGE, Step.SMALL}


class Period(StrEnum):
    """Whose money it is and over what: the creator's of a day or a month, or a student's own of a day."""

    DAY = "day"
    MONTH = "month"
    OWN_DAY = "own day"

    def begins(self, at: datetime) -> date:
        """The first day (UTC) of the period that a moment lies in."""
        today = at.astimezone(UTC).date()
        return today.replace(day=1) if self is Period.MONTH else today

    def ends(self, at: datetime) -> datetime:
        """When (UTC) the money of the next period can be spent."""
        first = self.begins(at)
        following = (first + timedelta(days=32)).replace(day=1) if self is Period.MONTH else first + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit and what is used of it, in dollars; ``reserved_usd`` is set aside for answers on their way."""

    period: Period
    limit_usd: float
    spent_usd: float
    reserved_usd: float = 0.0

    @property
    def left_usd(self) -> float:
        """What may still be spent."""
        return max(self.limit_usd - self.spent_usd, 0.0)

    @property
    def settled(self) -> "Budget":
        """The same without what is only set aside."""
        return Budget(self.period, self.limit_usd, self.spent_usd)

    def step(self, *, stops: bool) -> Step:
        """What may still be paid for out of it; ``stops``: nothing is answered once it is really spent.

        What is only set aside may come back, and turns nobody away.
        """
        used_usd = self.spent_usd + self.reserved_usd
        if stops and self.spent_usd >= self.limit_usd:
            return Step.STOPPED
        if used_usd >= self.limit_usd:
            return Step.QUOTING
        return Step.SMALL if used_usd >= self.limit_usd * SMALL_FROM else Step.LARGE


def furthest(budgets: Iterable[Budget], *, stops: bool) -> tuple[Step, Period]:
    """The step that counts where there are several budgets, and whose it is: of equals that which lasts longest."""
    order = [Period.OWN_DAY, Period.DAY, Period.MONTH]
    steps = [(budget.step(stops=stops), budget.period) for budget in budgets]
    return max(
        steps, key=lambda found: (list(Step).index(found[0]), order.index(found[1])), default=(Step.LARGE, Period.DAY)
    )


_WHOSE: Final = {
    Period.DAY: "Today's budget for written answers",
    Period.MONTH: "This month's budget for written answers",
    Period.OWN_DAY: "Your own budget for written answers today",
}


def stopped(period: Period, until: str) -> str:
    """To whoever asks where nothing is answered any more: what is used up, and until when."""
    return f"{_WHOSE[period]} is used up, and the staff decided that I stop then. You can go on asking {until}."


def news_for_staff(step: Step, budget: Budget, at: datetime) -> str:
    """To the staff: which step was reached, what that changes and until when."""
    until = f"until {budget.period.ends(at):%d %B}, 00:00 UTC"
    money = f"{budget.spent_usd:.2f} of {budget.limit_usd:.2f} USD of this {budget.period} for models"
    if step is Step.SMALL:
        return (
            f"💶 {money} are spent, more than {SMALL_FROM:.0%}: {until} only the small models are asked, where there "
            "are any. /usage has the figures."
        )
    changed = (
        "no question is answered, as /settings after_budget says"
        if step is Step.STOPPED
        else "answers quote you, or are given again from what was written before"
    )
    return f"💶 {money} are spent, which is all: {until} {changed}. /usage has the figures."


STEP_WORDS: Final = {
    Step.LARGE: "all models",
    Step.SMALL: "small models only",
    Step.QUOTING: "quoting and what was written before",
    Step.STOPPED: "nothing is answered",
}


def budgets_of(
    limits_usd: Iterable[tuple[Period, float]], used_usd: Mapping[Period, tuple[float, float]]
) -> tuple[Budget, ...]:
    """Those budgets that there are (a limit of 0 is none), with what is spent of each and what is set aside."""
    return tuple(Budget(period, limit, *used_usd[period]) for period, limit in limits_usd if limit)
