"""Limits on asking: questions a minute and a day, model money a day, and the words of who must wait."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from core.asking.answer import Answer, Mode
from core.ids import UsageId
from core.richtext import counted

WINDOW: Final = timedelta(minutes=1)
"""Questions are counted over this long."""
RESERVED_FOR: Final = timedelta(minutes=10)
"""Money that was set aside for an answer that never came is free again after this long."""
FIRST_COST_USD: Final = 0.05
"""What is set aside for a question as long as none was paid for; later the largest cost of the last ones."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used; 0 means no limit."""

    person_per_minute: int
    community_per_minute: int
    creator_usd_per_day: float
    person_per_day: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What was used of the limits until ``at``; times are aware, oldest first, and within the last minute.

    ``spent_usd`` is model money of a creator since midnight UTC, with what is set aside for answers on their way.
    ``asked_today`` counts the person's questions since then, ``bought`` is how many more a day they bought, and
    ``sells_more`` whether the creator's shop has more.
    """

    at: datetime
    person_asked_at: Sequence[datetime]
    community_asked_at: Sequence[datetime]
    spent_usd: float
    asked_today: int = 0
    bought: int = 0
    sells_more: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """A question that is counted and may be answered; quoted for so long where the money of today is used up."""

    usage_id: UsageId
    quoted_for: timedelta | None = None

    @property
    def may_write(self) -> bool:
        """Whether a model may be paid for the answer."""
        return self.quoted_for is None


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


def out_of_money(load: Load, limits: Limits) -> timedelta | None:
    """How long no model may be paid for, until midnight UTC; None where one may."""
    if not limits.creator_usd_per_day or load.spent_usd < limits.creator_usd_per_day:
        return None
    return _until_midnight(load.at)


def with_budget_notice(answer: Answer, admission: Admission) -> Answer:
    """Say above quotes that they stand in for a written answer; not above one that was paid for before, or none."""
    if admission.quoted_for is None or not answer.citations or answer.mode is Mode.WRITTEN:
        return answer
    notice = (
        "Today's budget for written answers is used up. Until midnight UTC, for another "
        f"{in_words(admission.quoted_for)}, I quote the creator."
    )
    return replace(answer, notice=f"{notice}\n\n{answer.notice}".rstrip())


def in_words(duration: timedelta) -> str:
    """A duration for a person to read, rounded up: ``23 seconds``, ``2 minutes``, ``3 hours and 5 minutes``."""
    seconds = math.ceil(duration.total_seconds())
    if seconds < 60:
        return counted(seconds, "second")
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    parts = [counted(hours, "hour")] * bool(hours) + [counted(minutes, "minute")] * bool(minutes)
    return " and ".join(parts)
