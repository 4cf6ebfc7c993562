"""What models were used for and what that cost: for the staff of a creator, who alone see money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from core.asking.answer import Usage
from core.asking.budgets import Budget, Period, Step
from core.asking.limits import Limits
from core.ids import CreatorId

KEPT_FOR: Final = timedelta(days=400)
"""How long calls are kept."""
DAYS: Final = 14
"""How many days the picture shows."""


@dataclass(frozen=True, slots=True)
class ModelTotal:
    """What one model did; ``first_word_ms`` is the median, 0.0 where it never said a word."""

    model: str
    calls: int
    failures: int
    usage: Usage
    first_word_ms: float

    @property
    def cached_share(self) -> float:
        """How much of what it read the vendor had cached, in [0, 1]."""
        return self.usage.cached_tokens / self.usage.prompt_tokens if self.usage.prompt_tokens else 0.0


@dataclass(frozen=True, slots=True)
class PurposeTotal:
    """What models were called for."""

    purpose: str
    calls: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Spell:
    """A day or a month: questions by how they were answered and by step, and what was called and paid.

    ``cost_usd`` is everything that counts against the creator's budgets, ``speech_usd`` of it what listening to
    recordings cost.
    """

    modes: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[Step, int] = field(default_factory=dict)
    cost_usd: float = 0.0
    speech_usd: float = 0.0
    models: Sequence[ModelTotal] = ()
    purposes: Sequence[PurposeTotal] = ()


@dataclass(frozen=True, slots=True)
class UsageDay:
    """A day (UTC): what it cost, and how many questions it had."""

    day: date
    cost_usd: float
    questions: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """This month and today, what is left of the creator's budgets, and the step that is in force by whose budget.

    ``student_usd_per_day`` is each student's own budget, 0.0 where they have none.
    """

    today: Spell
    month: Spell
    budgets: Sequence[Budget]
    step: Step
    period: Period
    days: Sequence[UsageDay]
    student_usd_per_day: float = 0.0

    def picture(self, creator_name: str) -> "UsagePicture":
        """As it is drawn: dollars, or questions where nothing cost anything."""
        paid = any(day.cost_usd for day in self.days)
        facts = (
            ("Today", usd(self.today.cost_usd)),
            ("This month", usd(self.month.cost_usd)),
            ("Calls, month", f"{sum(model.calls for model in self.month.models):,}"),
            ("Failed", f"{sum(model.failures for model in self.month.models):,}"),
        )
        limit = next((budget.limit_usd for budget in self.budgets if budget.period is Period.DAY), 0.0)
        bars = tuple((day.day, day.cost_usd if paid else float(day.questions)) for day in self.days)
        most = max((amount for _, amount in bars), default=0.0)
        words = f"most in a day: {usd(most) if paid else f'{most:,.0f}'}"
        name = "USD a day for models" if paid else "questions a day"
        return UsagePicture(creator_name, facts, bars, name, words, limit if paid else 0.0)


@dataclass(frozen=True, slots=True)
class UsagePicture:
    """A heading, named figures, and a bar a day, oldest first; ``limit`` is a day's budget, 0.0 without one."""

    title: str
    facts: tuple[tuple[str, str], ...]
    bars: tuple[tuple[date, float], ...]
    bars_are: str
    most: str
    limit: float = 0.0


class ModelUsage(Protocol):
    """The calls to models and what they cost. No method can reach across creators."""

    async def report(self, creator_id: CreatorId, limits: Limits, now: datetime) -> UsageReport:
        """What was used up to now."""
        ...

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget calls that are older than :data:`KEPT_FOR`."""
        ...


def usd(amount: float) -> str:
    """Dollars for a person to read, with as many digits as a small amount needs."""
    return f"{amount:,.4f} USD" if 0 < amount < 0.1 else f"{amount:,.2f} USD"
