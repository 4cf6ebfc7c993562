"""Streaks: days of learning in a row with a creator; every seven of them are paid once.

A day that was missed ends a streak, unless the bot was away for a good part of it or a change of the time zone cut it
short (it is forgiven), or a freeze is held (it is used up). Such days are passed over: they do not count themselves.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from core.conversation import Reply
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.acts import Act, Verdict
from core.rewards.days import ONE_DAY, Zone
from core.rewards.rules import MESSAGE, PROJECT, QUIZ, STREAK, WATCH
from core.richtext import RichText, code, counted

PAID_DAYS: Final = 7
SHOWN_DAYS: Final = 14
ZONE_STAYS: Final = timedelta(days=30)
LEARNING: Final = frozenset({WATCH, QUIZ, MESSAGE, PROJECT})
"""The rules whose acts are learning oneself."""
REAL: Final = frozenset({Verdict.AWARDED, Verdict.CAPPED, Verdict.OVER_BUDGET, Verdict.UNPAID})
"""The verdicts on acts that were learning, paid or not."""


class DayKind(StrEnum):
    """What a day did to a streak."""

    LEARNT = "learnt"
    FROZEN = "frozen"
    FORGIVEN = "forgiven"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Run:
    """A student's streak with a creator, as far as days are settled.

    Attributes:
        settled_on: the last day that is settled.
        days: days of learning in a row, through that day.
        best: the most there ever were.
        began: the first of the seven days that are under way; None where none is.
        freezes: how many are held.
    """

    settled_on: date
    days: int = 0
    best: int = 0
    began: date | None = None
    freezes: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a day, the run after it, and the first of seven days that it completed (else None)."""

    day: date
    kind: DayKind
    run: Run
    completed: date | None = None


def settle_day(run: Run, *, learnt: bool, forgiven: Callable[[date], bool]) -> Settled:
    """Settle the day after the last one that is settled.

    Args:
        run: the streak before it.
        learnt: whether something was learnt on the day.
        forgiven: says of a day that it breaks nothing; asked only where that matters.
    """
    day = run.settled_on + ONE_DAY
    after = replace(run, settled_on=day)
    if learnt:
        days, began = run.days + 1, run.began or day
        complete = days % PAID_DAYS == 0
        after = replace(after, days=days, best=max(run.best, days), began=None if complete else began)
        return Settled(day, DayKind.LEARNT, after, began if complete else None)
    if not run.days:
        return Settled(day, DayKind.MISSED, after)
    if forgiven(day):
        return Settled(day, DayKind.FORGIVEN, after)
    if run.freezes:
        return Settled(day, DayKind.FROZEN, replace(after, freezes=run.freezes - 1))
    return Settled(day, DayKind.MISSED, replace(after, days=0, began=None))


def settle_through(
    run: Run, last: date, learnt: Iterable[date], forgiven: Callable[[date], bool]
) -> tuple[Run, list[Settled]]:
    """Settle all days through ``last``; where no streak runs, those before the next day of learning are skipped."""
    learnt_on = frozenset(learnt)
    settled: list[Settled] = []
    while run.settled_on < last:
        if not run.days:
            ahead = min((day for day in learnt_on if run.settled_on < day <= last), default=last + ONE_DAY)
            run = replace(run, settled_on=ahead - ONE_DAY)
            if run.settled_on >= last:
                break
        done = settle_day(run, learnt=run.settled_on + ONE_DAY in learnt_on, forgiven=forgiven)
        settled.append(done)
        run = done.run
    return run, settled


@dataclass(frozen=True, slots=True)
class Streak:
    """A streak as its student sees it now.

    Attributes:
        today: the day, where the student is.
        days: days of learning in a row, with today where something was learnt today.
        best: the most there ever were.
        freezes: how many are held.
        learnt_today: whether today is done.
        payday: the first day on which the next seven can be complete; they are paid when it ends.
        zone: the time zone; its name is empty where none was chosen yet.
        recent: the last days and today, oldest first; None: nothing happened on it.
    """

    today: date
    days: int
    best: int
    freezes: int
    learnt_today: bool
    payday: date
    zone: Zone
    recent: tuple[tuple[date, DayKind | None], ...]

    @property
    def missing(self) -> int:
        """How many days of learning the next payment still needs."""
        return PAID_DAYS - self.days % PAID_DAYS if not self.learnt_today or self.days % PAID_DAYS else 0


def streak_now(
    run: Run, today: date, zone: Zone, known: Mapping[date, DayKind], forgiven: Callable[[date], bool]
) -> Streak:
    """Work out how a streak stands, also where ended days still wait to be settled.

    Args:
        run: as it is settled.
        today: the student's day.
        zone: the student's time zone.
        known: what is kept of days, at least of the shown and unsettled ones.
        forgiven: says of a day that it breaks nothing.
    """
    learnt_on = {day for day, kind in known.items() if kind is DayKind.LEARNT}
    run, settled = settle_through(run, today - ONE_DAY, learnt_on, forgiven)
    learnt_today = today in learnt_on and run.settled_on < today
    days = run.days + learnt_today
    kinds = {**known, **{each.day: each.kind for each in settled if each.kind is not DayKind.MISSED}}
    shown = [today - ONE_DAY * back for back in reversed(range(SHOWN_DAYS))]
    ahead = PAID_DAYS - run.days % PAID_DAYS - 1
    return Streak(
        today, days, max(run.best, days), run.freezes, today in learnt_on, today + ONE_DAY * ahead, zone,
        tuple((day, kinds.get(day)) for day in shown),
    )  # fmt: skip


def streak_completed(creator_id: CreatorId, student_id: StudentId, done: Settled, zone: Zone) -> Act:
    """The act of having learnt on seven days in a row; it counts on the last of them."""
    _, ends = zone.span(done.day)
    first_day = done.completed or done.day
    evidence = {"first_day": first_day.isoformat(), "last_day": done.day.isoformat(), "days": done.run.days}
    at = ends - timedelta(seconds=1)
    return Act(creator_id, student_id, STREAK, f"streak:{student_id}:{first_day}", at, evidence=evidence)


def streak_paid(act: Act, amount: int) -> Reply:
    """What a student is told whose seven days were paid."""
    words = f"🔥 {act.evidence.get('days', PAID_DAYS)} days of learning in a row: {amount:,} CHRONOS for the last "
    return Reply(RichText.of(words, "seven. ", code("/streak"), " shows how it goes on."), private=True)


def freeze_used(done: Settled, creator_name: str) -> Reply:
    """What a student is told whose freeze was used up."""
    days = counted(done.run.days, "day")
    words = f"❄️ Nothing was learnt with {creator_name} on {done.day:%d %B}. Your freeze was used: "
    return Reply(RichText.of(words, f"the streak of {days} goes on."), private=True)


def checked_zone(now: Zone, wanted: str, names: Iterable[str], at: datetime) -> Zone:
    """The zone after a change to another; the first choice is free, then it stays for thirty days.

    Raises:
        Refused: there is no such zone, or it was changed too recently.
    """
    found = next((name for name in names if name.casefold() == wanted.replace(" ", "_").casefold()), None)
    if found is None:
        raise Refused(f"I know no time zone {wanted[:60]!r}. It is a name such as Europe/Berlin or America/New_York.")
    if found == now.name:
        return now
    if now.before and now.changed_at is not None and at < now.changed_at + ZONE_STAYS:
        again = now.changed_at + ZONE_STAYS
        raise Refused(f"Your time zone was changed a short while ago. It can be changed again from {again:%d %B %Y}.")
    return Zone(found, now.name, at)


class Streaks(Protocol):
    """The streaks of all students, and what they depend on."""

    async def of(self, creator_id: CreatorId, student_id: StudentId, at: datetime) -> Streak:
        """How a student's streak with a creator stands at a moment."""
        ...

    async def choose_zone(self, student_id: StudentId, wanted: str, at: datetime) -> Zone:
        """Change a student's time zone.

        Raises:
            Refused: there is no such zone, or it was changed too recently.
        """
        ...

    async def settle(self, creator_id: CreatorId, at: datetime) -> None:
        """Settle the days that ended where a creator's students are, and have completed sevens paid."""
        ...

    async def beat(self, at: datetime) -> None:
        """Note that the bot can be asked."""
        ...
