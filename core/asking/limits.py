"""Limits on asking: questions a minute and a day, model money, and the words of who must wait."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from core.asking.answer import Answer, Mode, Origin
from core.asking.budgets import Budget, Period, Step, furthest, stopped
from core.asking.notices import BUSY, QUOTING_MONTH, QUOTING_OWN, QUOTING_TODAY, filled
from core.ids import UsageId
from core.richtext import counted

WINDOW: Final = timedelta(minutes=1)
"""Questions are counted over this long."""
RESERVED_FOR: Final = timedelta(minutes=10)
"""Money that was set aside for an answer that never came is free again after this long."""
FIRST_COST_USD: Final = 0.05
"""What is set aside for a question as long as none was paid for; later the largest cost of the last ones."""
_QUOTING: Final = {
    Period.DAY: QUOTING_TODAY,
    Period.MONTH: QUOTING_MONTH,
    Period.OWN_DAY: QUOTING_OWN,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used; 0 means no limit."""

    person_per_minute: int
    community_per_minute: int
    creator_usd_per_day: float
    person_per_day: int = 0
    creator_usd_per_month: float = 0.0
    person_usd_per_day: float = 0.0

    @property
    def money(self) -> tuple[tuple[Period, float], ...]:
        """The limits in dollars, by what they are on."""
        return (
            (Period.DAY, self.creator_usd_per_day),
            (Period.MONTH, self.creator_usd_per_month),
            (Period.OWN_DAY, self.person_usd_per_day),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What was used of the limits until ``at``; times are aware, oldest first, and within the last minute.

    ``asked_today`` counts the person's questions since midnight UTC, ``bought`` is how many more a day they bought,
    and ``sells_more`` whether the creator's shop has more. ``stops``: the creator wants no answers once a budget is
    used up.
    """

    at: datetime
    person_asked_at: Sequence[datetime]
    community_asked_at: Sequence[datetime]
    budgets: Sequence[Budget] = ()
    asked_today: int = 0
    bought: int = 0
    sells_more: bool = False
    stops: bool = False


@dataclass(frozen=True, slots=True)
class UsedUp:
    """The budget of a period that was used up at a time; ``stops``: nothing is answered until there is a new one.

    ``only_set_aside``: it is for answers on their way, and may come back.
    """

    period: Period
    at: datetime
    stops: bool = False
    only_set_aside: bool = False

    def words(self, language: str = "en") -> str:
        """What happens until when, to whoever asks."""
        if self.only_set_aside:
            return filled(BUSY, language)
        ends = self.period.ends(self.at)
        left, day = in_words(ends - self.at), f"{ends:%d %B}"
        if self.stops:
            when = f"on {day}, midnight UTC" if self.period is Period.MONTH else f"at midnight UTC, in {left}"
            return stopped(self.period, when)
        if language != "en":  # signs that are read everywhere
            left, day = in_signs(ends - self.at), f"{ends:%Y-%m-%d}"
        return filled(_QUOTING[self.period], language, wait=left, day=day)


@dataclass(frozen=True, slots=True)
class Admission:
    """A question that is counted and may be answered, and what may be paid for it.

    ``notice`` says why it is quoted where the money is used up. ``models`` are those that the creator prefers.
    """

    usage_id: UsageId
    step: Step = Step.LARGE
    notice: UsedUp | None = None
    models: tuple[str, ...] = ()

    @property
    def may_write(self) -> bool:
        """Whether a model may be paid for the answer."""
        return self.step.may_write


def over_limit(load: Load, limits: Limits) -> str:
    """Why a question must wait, and for how long; empty when it need not."""
    if limits.person_per_day and load.asked_today >= limits.person_per_day + load.bought:
        return _day_is_full(load, limits)
    person = _wait(load.person_asked_at, limits.person_per_minute, load.at)
    community = _wait(load.community_asked_at, limits.community_per_minute, load.at)
    if not max(person, community):
        return ""
    if person >= community:
        asked = counted(limits.person_per_minute, "question")
        return f"That is {asked} within a minute. You can go on asking in {in_words(person)}."
    return f"This community asks faster than I may answer. You can go on asking in {in_words(community)}."


def _day_is_full(load: Load, limits: Limits) -> str:
    bought = f", with the {load.bought:,} more that you bought" if load.bought else ""
    asked = counted(limits.person_per_day + load.bought, "question")
    more = " The shop sells more questions a day: /shop." if load.sells_more else ""
    wait = in_words(_until_midnight(load.at))
    return f"That is {asked} today{bought}. You can go on asking at midnight UTC, in {wait}.{more}"


def _until_midnight(at: datetime) -> timedelta:
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1) - at


def _wait(asked_at: Sequence[datetime], limit: int, at: datetime) -> timedelta:
    """How long until the window holds fewer than ``limit`` questions; no time where it does or there is no limit."""
    if not limit or len(asked_at) < limit:
        return timedelta(0)
    return max(asked_at[-limit] + WINDOW - at, timedelta(seconds=1))


def step_of(load: Load) -> tuple[Step, UsedUp | None]:
    """What may be paid for, and what whoever asks reads of it; None where an answer may be written.

    Money that is set aside counts as spent, so that a burst cannot pass a budget together.
    """
    step, period = furthest(load.budgets, stops=load.stops)
    if step.may_write:
        return step, None
    only_set_aside = furthest([budget.settled for budget in load.budgets], stops=load.stops)[0].may_write
    return step, UsedUp(period, load.at, step is Step.STOPPED, only_set_aside)


def with_budget_notice(answer: Answer, admission: Admission) -> Answer:
    """Say above quotes, in the language of the answer, that they stand in for a written one.

    An answer that shows nothing needs no model; nor does one that was written before, or by the staff.
    """
    by_staff = bool(answer.sentences) and all(said.origin is Origin.PAIR for said in answer.sentences)
    if not admission.notice or not answer.citations or answer.mode is not Mode.QUOTED or by_staff:
        return answer
    return answer.noticed(admission.notice.words(answer.language))


def in_words(duration: timedelta) -> str:
    """A duration for a person to read, rounded up: ``23 seconds``, ``2 minutes``, ``3 hours and 5 minutes``."""
    seconds = math.ceil(duration.total_seconds())
    if seconds < 60:
        return counted(seconds, "second")
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    parts = [counted(hours, "hour")] * bool(hours) + [counted(minutes, "minute")] * bool(minutes)
    return " and ".join(parts)


def in_signs(duration: timedelta) -> str:
    """A duration for a reader of any language, rounded up to minutes: ``3 h 5 min``."""
    hours, minutes = divmod(math.ceil(duration.total_seconds() / 60), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes or not hours))
