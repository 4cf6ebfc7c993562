"""A word to the staff each Monday: what was asked and learnt in the week before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from core.asking.insights import FEWEST
from core.conversation import Reply
from core.ids import CreatorId
from core.rewards.standings import Standing, place_line
from core.richtext import RichText, bold, code, joined

MOST_TITLES: Final = 5
MOST_SUBJECTS: Final = 3


@dataclass(frozen=True, slots=True)
class WeekPast:
    """A week at a creator's; ``top`` are those who earned most and want to be seen, ``new`` the titles that came.

    ``people`` asked; ``subjects`` are what several of them asked about.
    """

    monday: date
    asked: int
    answered: int
    closest: int
    not_covered: int
    issued: int
    top: Sequence[Standing]
    new: Sequence[str]
    new_count: int
    people: int = 0
    subjects: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing happened at all."""
        return not (self.asked or self.issued or self.new_count)


class Digests(Protocol):
    """Weekly words to the staffs of creators."""

    async def wanted(self, creator_id: CreatorId) -> bool:
        """Whether the staff wants them."""
        ...

    async def choose(self, creator_id: CreatorId, *, wanted: bool) -> None:
        """Send them from now on, or not."""
        ...

    async def tell(self, creator_id: CreatorId, monday: date, subjects: Sequence[str] = ()) -> bool:
        """Tell the staff of the week before ``monday``, once; False where it is told, not wanted, or was empty.

        ``subjects`` are what several people asked about in it.
        """
        ...


def digest(creator_name: str, week: WeekPast) -> Reply:
    """A week in a few lines."""
    last = week.monday + timedelta(days=6)
    lines = [
        RichText.of("📬 ", bold(f"{creator_name}, {week.monday:%d %B} to {last:%d %B}")),
        RichText.of(
            f"Questions: {week.asked:,}{_by(week.people)}; {week.answered:,} answered, "
            f"{week.closest:,} shown the closest moments, {week.not_covered:,} not covered"
        ),
        RichText.of(f"CHRONOS issued: {week.issued:,}"),
    ]
    if week.subjects:
        asked = " · ".join(f"“{subject}”" for subject in week.subjects[:MOST_SUBJECTS])
        lines.append(RichText.of(f"Asked most: {asked} (", code("/insights"), ")"))
    if week.new_count:
        more = f" and {week.new_count - len(week.new):,} more" if week.new_count > len(week.new) else ""
        lines.append(RichText.of(f"New to ask about: {', '.join(week.new)}{more}"))
    if week.top:
        lines += [RichText.of("Most earned:"), *map(place_line, week.top)]
    lines += [RichText.of(code("/economy"), " shows more, ", code("/settings digest:off"), " stops this.")]
    return Reply(joined(lines))


def _by(people: int) -> str:
    return f" by {people:,} people" if people >= FEWEST else ""
