"""Accounts at which the staff should look: each shown once for each reason. Nothing follows from it by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from core.conversation import Button, Reply, Tone
from core.ids import CreatorId, StudentId
from core.richtext import RichText, bold

NEW_FOR: Final = timedelta(days=7)
MOST_AN_HOUR: Final = 20
"""Awards of one account within any hour that nobody wonders about."""
TOGETHER_S: Final = 3.0
TOGETHER_TIMES: Final = 10
TOGETHER_SHARE: Final = 0.8
LOOKED_BACK: Final = timedelta(days=7)
FLAG: Final = "flag"
"""The button's action."""
_DISCORD_EPOCH_MS: Final = 1_420_070_400_000


class Reason(StrEnum):
    """Why the staff should look."""

    NEW = "new"
    FAST = "fast"
    TOGETHER = "together"


_WORDS: Final = {
    Reason.NEW: f"earned here with an account that was less than {NEW_FOR.days} days old",
    Reason.FAST: f"earned more than {MOST_AN_HOUR} times within an hour",
    Reason.TOGETHER: "almost always does something within seconds of",
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One of them; ``other`` is who acts together with ``name``, else empty."""

    creator_id: CreatorId
    id: int
    reason: Reason
    name: str
    other: str
    at: datetime

    @property
    def text(self) -> RichText:
        """For the staff to read."""
        other = (" ", bold(self.other)) if self.other else ()
        return RichText.of("🚩 ", bold(self.name), f" {_WORDS[self.reason]}", *other, ".")

    @property
    def fine(self) -> Button:
        """Says that there is nothing wrong."""
        return Button("It's fine", FLAG, f"{self.creator_id}:{self.id}:fine", Tone.GOOD)


class Flags(Protocol):
    """The flags of all creators."""

    async def look(self, creator_id: CreatorId, at: datetime) -> None:
        """Flag what is new of a creator's students, and tell the staff."""
        ...

    async def open(self, creator_id: CreatorId, limit: int, platform: str) -> Sequence[Flag]:
        """What nobody has looked at yet, oldest first, with names as read on a platform."""
        ...

    async def clear(self, creator_id: CreatorId, flag_id: int, by: StudentId | None) -> bool:
        """Note that it is fine or, by None, that it is open again; False where there is no such flag."""
        ...


def made_at(platform: str, external_id: str) -> datetime | None:
    """When an account was made, where its id says so: on Discord."""
    if platform != "discord" or not external_id.isdecimal():
        return None
    return datetime.fromtimestamp(((int(external_id) >> 22) + _DISCORD_EPOCH_MS) / 1000, UTC)


def is_new(platform: str, external_id: str, at: datetime) -> bool:
    """Whether an account is known to have been made only a few days before a moment."""
    made = made_at(platform, external_id)
    return made is not None and at - made < NEW_FOR


def notice(flag: Flag) -> Reply:
    """What the staff is told."""
    return Reply(RichText.of(flag.text, " Nothing follows from that by itself. /flags lists these."), ((flag.fine,),))
