"""What is shown as a picture: plain data of a wallet, a ranking and an economy; whoever draws them decides how.

A picture only repeats what the text beside it says: nothing is in a picture alone.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from core.asking.usage import UsagePicture
from core.rewards.ledger import Wallet

PICTURED_ON: Final = frozenset({"discord", "telegram", "web"})
"""The platforms that show a picture where the words are."""


@dataclass(frozen=True, slots=True)
class WalletCard:
    """A student's wallet; ``streak_days`` in a row up to now, ``next_award`` in words or empty."""

    name: str
    wallet: Wallet
    streak_days: int = 0
    next_award: str = ""


@dataclass(frozen=True, slots=True)
class RankLine:
    """One place of a ranking; people who earned the same share one."""

    rank: int
    name: str
    earned: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class RankingPicture:
    """A ranking: a heading, what it spans in words, and its lines from the first place."""

    title: str
    span: str
    lines: tuple[RankLine, ...]


@dataclass(frozen=True, slots=True)
class Week:
    """What a creator issued, and what left wallets, in the seven days from a Monday."""

    starts_on: date
    issued: int
    used: int


@dataclass(frozen=True, slots=True)
class EconomyPicture:
    """A creator's economy: a heading, named amounts, and the last weeks, oldest first."""

    title: str
    facts: tuple[tuple[str, int], ...]
    weeks: tuple[Week, ...]


class Artist(Protocol):
    """Draws; each method returns a PNG and raises nothing for any text."""

    async def wallet(self, card: WalletCard) -> bytes:
        """A card of a wallet."""
        ...

    async def ranking(self, ranking: RankingPicture) -> bytes:
        """A ranking, its first places above the rest."""
        ...

    async def economy(self, economy: EconomyPicture) -> bytes:
        """Amounts, and a bar chart of weeks."""
        ...

    async def usage(self, usage: UsagePicture) -> bytes:
        """Figures, and a bar chart of days."""
        ...
