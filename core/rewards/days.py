"""Days as a student has them: in their own time zone, through changes of the clock and of the zone."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

BEAT: Final = timedelta(minutes=15)
"""How often it is noted that the bot can be asked."""
GOOD_PART: Final = timedelta(hours=6)
"""A day on which the bot could not be asked for so long is forgiven."""
ONE_DAY: Final = timedelta(days=1)


@cache
def zone_names() -> tuple[str, ...]:
    """The time zones by which people can be found: places and UTC, in the order of the alphabet."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


@dataclass(frozen=True, slots=True)
class Zone:
    """A student's time zone by its IANA name (empty: UTC), and which one it was until it was changed."""

    name: str = ""
    before: str = ""
    changed_at: datetime | None = None

    def day_of(self, moment: datetime) -> date:
        """The student's day at a moment."""
        earlier = self.changed_at is not None and moment < self.changed_at
        return moment.astimezone(_clock(self.before if earlier else self.name)).date()

    def span(self, day: date) -> tuple[datetime, datetime]:
        """When a day begins and ends, in UTC: 23 or 25 hours where the clock is changed."""
        clock = _clock(self.name)
        begins, ends = (datetime.combine(each, time(), clock).astimezone(UTC) for each in (day, day + ONE_DAY))
        return begins, ends

    def cut_short(self, day: date) -> bool:
        """Whether the change of the zone took the rest of a day away, or all of it."""
        if self.changed_at is None:
            return False
        left, entered = (self.changed_at.astimezone(_clock(name)).date() for name in (self.before, self.name))
        return left <= day < entered


@cache
def _clock(name: str) -> tzinfo:
    """A zone that was taken out of the time zone database since is UTC."""
    return ZoneInfo(name) if name and name in available_timezones() else UTC


@dataclass(frozen=True, slots=True)
class Uptime:
    """When the bot could be asked: the beginnings of quarters of an hour, in order."""

    beats: Sequence[datetime]

    def fails(self, begins: datetime, ends: datetime) -> bool:
        """Whether the bot was away for a good part of the time between two moments."""
        beats = bisect_left(self.beats, ends) - bisect_left(self.beats, begins)
        return (ends - begins) - beats * BEAT >= GOOD_PART or ends <= begins
