"""A word to the staff each Monday: what was asked and learnt in the week before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from core.conversation import Reply
from core.ids import CreatorId
from core.rewards.standings import Standing, place_line
from core.richtext import RichText, bold, code, joined

MOST_TITLES: Final = 5


@dataclass(frozen=True, slots=True)
class WeekPast:
    """A week at a creator's; ``top`` are those who earned most and want to be seen, ``new`` the titles that came."""

    monday: date
    asked: int
    answered: int
    closest: int
    not_covered: int
    issued: int
    top: Sequence[Standing]
    new: Sequence[str]
    new_count: int

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

    async def tell(self, creator_id: CreatorId, monday: date) -> bool:
        """Tell the staff of the week before ``monday``, once; False where it is told, not wanted, or was empty."""
        ...


def digest(creator_name: str, week: WeekPast) -> Reply:
    """A week in a few lines."""
    last = week.monday + timedelta(days=6)
    lines = [
        RichText.of("📬 ", bold(f"{creator_name}, {week.monday:%d %B} to {last:%d %B}")),
        RichText.of(
            f"Questions: {week.asked:,}; {week.answered:,} answered, {week.closest:,} shown the closest moments, "
            f"{week.not_covered:,} not covered"
        ),
        RichText.of(f"CHRONOS issued: {week.issued:,}"),
    ]
    if week.new_count:
        more = f" and {week.new_count - len(week.new):,} more" if week.new_count > len(week.new) else ""
        lines.append(RichText.of(f"New to ask about: {', '.join(week.new)}{more}"))
    if week.top:
        lines += [RichText.of("Most earned:"), *map(place_line, week.top)]
    lines += [RichText.of(code("/economy"), " shows more, ", code("/settings digest:off"), " stops this.")]
    return Reply(joined(lines))
