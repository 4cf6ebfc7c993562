"""Rankings by what was earned: over which days, who stands where, and seasons that end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, NewType, Protocol

from core.conversation import Reply
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.richtext import RichText, bold, joined, one_line

SeasonId = NewType("SeasonId", int)

SHOWN: Final = 10
"""Places of a ranking that are shown."""
LONGEST_SEASON: Final = timedelta(days=366)
LONGEST_NAME: Final = 60
SHOWN_NAME: Final = 40
EARLIEST: Final = date(2000, 1, 1)
"""Before anything that can have been earned."""
MEDALS: Final = {1: "🥇", 2: "🥈", 3: "🥉"}


class Span(StrEnum):
    """What a ranking is over; a week starts on Monday, and all days are UTC."""

    WEEK = "week"
    MONTH = "month"
    SEASON = "season"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Days:
    """The days from ``first`` up to, and without, ``end``; None: from the beginning, until now."""

    first: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Cover:
    """What adds up to a stretch of days: whole months, days before and after them, and the books from a day on.

    Each part is from its first day up to, and without, its second; empty where both are the same.
    """

    months: tuple[date, date]
    before: tuple[date, date]
    after: tuple[date, date]
    books: tuple[date, date]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands: people who earned the same share a rank."""

    rank: int
    student_id: StudentId
    name: str
    earned: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first places, how many people have one, and where whoever asked stands, if they earned anything."""

    places: tuple[Standing, ...]
    people: int
    own: Standing | None = None


@dataclass(frozen=True, slots=True)
class Season:
    """A named stretch of days of a creator's; ``last_day`` belongs to it."""

    id: SeasonId
    name: str
    first_day: date
    last_day: date
    ended: bool

    @property
    def days(self) -> Days:
        """Its days."""
        return Days(self.first_day, self.last_day + timedelta(days=1))


class Standings(Protocol):
    """Rankings of creators. No method can reach across creators."""

    async def ranking(
        self, creator_id: CreatorId, days: Days, now: datetime, *, platform: str, asker: StudentId | None
    ) -> Ranking:
        """Rank by what was earned; ``asker`` is found also where they are hidden. Names are those on ``platform``."""
        ...

    async def hidden(self, creator_id: CreatorId, student_id: StudentId) -> bool:
        """Whether somebody does not want to be seen."""
        ...

    async def hide(self, creator_id: CreatorId, student_id: StudentId, *, hidden: bool) -> None:
        """Take somebody out of what others see, or show them again."""
        ...

    async def add_up(self, creator_id: CreatorId, today: date) -> None:
        """Add up the days before ``today``, so that rankings over them read little; again changes nothing."""
        ...


class Seasons(Protocol):
    """Seasons of creators; one runs at a time, and an ended one stays as it was."""

    async def running(self, creator_id: CreatorId) -> Season | None:
        """The season that runs."""
        ...

    async def past(self, creator_id: CreatorId, limit: int = 5) -> list[Season]:
        """The seasons that ended, newest first."""
        ...

    async def begin(self, creator_id: CreatorId, by: StudentId, name: str, first_day: date, last_day: date) -> Season:
        """Start a season.

        Raises:
            Refused: another one runs.
        """
        ...

    async def change(
        self, creator_id: CreatorId, by: StudentId, season_id: SeasonId, name: str, last_day: date
    ) -> None:
        """Rename the season that runs, or let it end on another day."""
        ...

    async def end(self, creator_id: CreatorId, by: StudentId, season_id: SeasonId, now: datetime) -> bool:
        """End a season before its day and announce who won; False where it had ended."""
        ...

    async def end_due(self, creator_id: CreatorId, now: datetime) -> bool:
        """End and announce the season whose last day is over; False where there is none."""
        ...

    async def final(
        self, creator_id: CreatorId, season_id: SeasonId, *, platform: str, asker: StudentId | None
    ) -> Ranking:
        """The ranking with which a season ended."""
        ...


def week_start(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def days_of(span: Span, today: date) -> Days:
    """The days of a span that is no season."""
    if span is Span.WEEK:
        return Days(week_start(today))
    return Days(today.replace(day=1)) if span is Span.MONTH else Days()


def cover(days: Days, today: date, added_up: date) -> Cover:
    """Find what adds up to a stretch of days.

    Args:
        days: the stretch.
        today: the day that is not over yet, UTC.
        added_up: the first day that is not added up; all whole months before it are.
    """
    tomorrow = today + timedelta(days=1)
    first, end = days.first or EARLIEST, min(days.end or tomorrow, tomorrow)
    end = max(end, first)
    known = min(max(added_up, first), end)
    month = _months_from(first)
    last_month = known.replace(day=1)
    if month >= last_month:
        return Cover((first, first), (first, known), (known, known), (known, end))
    return Cover((month, last_month), (first, month), (last_month, known), (known, end))


def _months_from(day: date) -> date:
    """The first day of a month that is not before a day."""
    return day if day.day == 1 else (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def season_plan(name: str, ends: str, today: date) -> tuple[str, date]:
    """A season's name and last day, as they were typed.

    Raises:
        Refused: the name or the date is none, or too far away.
    """
    shown = one_line(name)
    if not 1 <= len(shown) <= LONGEST_NAME:
        raise Refused(f"A season's name has 1 to {LONGEST_NAME} characters.")
    last_day = day_typed(ends, "ends")
    if not today <= last_day <= today + LONGEST_SEASON:
        raise Refused("A season's last day is today or later, and at most a year from now.")
    return shown, last_day


def day_typed(text: str, name: str) -> date:
    """A day as it was typed.

    Raises:
        Refused: it is none.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"{name} is a day such as {datetime.now(UTC).date().isoformat()}: year, month, day.") from None


def season_result(creator_name: str, season: Season, places: Sequence[Standing]) -> Reply:
    """What a community is told when a season ended."""
    heading = RichText.of("🏁 ", bold(f"{season.name} is over"), f" at {creator_name}.")
    if not places:
        return Reply(RichText.of(heading, " Nobody earned CHRONOS in it."))
    lines = [place_line(place) for place in places]
    return Reply(joined([heading, *lines, RichText.of("Well done, everybody!")]))


def place_line(place: Standing, *, own: bool = False) -> RichText:
    """A place of a ranking in words; one's own stands out."""
    name = place.name if len(place.name) <= SHOWN_NAME else f"{place.name[:SHOWN_NAME]}…"
    shown = bold(name) if own else name
    return RichText.of(f"{MEDALS.get(place.rank, f'{place.rank}.')} ", shown, f" · {place.earned:,}")
