"""What a creator may spend on listening: work that needs more waits, says so, and goes on by itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.asking.budgets import Period
from core.errors import QuotaReached
from core.ids import CreatorId
from core.library.speech import Recognised, Transcriber


@dataclass(frozen=True, slots=True)
class SpeechBudget:
    """Model money of a creator; ``spent_usd`` tells what is gone of a period's, and a limit of 0 means no limit."""

    usd_per_day: float
    spent_usd: Callable[[CreatorId, Period], Awaitable[float]]
    usd_per_month: float = 0.0

    async def require(self, creator_id: CreatorId) -> None:
        """See that there is money left.

        Raises:
            QuotaReached: today's or this month's is used up; it waits for the next day or month (UTC).
        """
        for period, limit_usd in ((Period.MONTH, self.usd_per_month), (Period.DAY, self.usd_per_day)):
            if limit_usd and await self.spent_usd(creator_id, period) >= limit_usd:
                raise _used_up(period, datetime.now(UTC))


def _used_up(period: Period, now: datetime) -> QuotaReached:
    ends = period.ends(now)
    if period is Period.MONTH:
        words = f"This month's budget for models is used up. I go on listening by myself on {ends:%d %B}."
    else:
        words = "Today's budget for models is used up. I go on listening by myself after midnight UTC."
    return QuotaReached(words, wait_s=(ends - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A transcriber that stops before a piece for which there is no money left."""

    transcriber: Transcriber
    budget: SpeechBudget
    creator_id: CreatorId

    @property
    def name(self) -> str:
        """See :class:`core.library.speech.Transcriber`."""
        return self.transcriber.name

    @property
    def longest_s(self) -> float:
        """See :class:`core.library.speech.Transcriber`."""
        return self.transcriber.longest_s

    @property
    def largest_bytes(self) -> int:
        """See :class:`core.library.speech.Transcriber`."""
        return self.transcriber.largest_bytes

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        """Return what is said; also raises QuotaReached."""
        await self.budget.require(self.creator_id)
        return await self.transcriber.recognise(piece, language=language, names=names)

    async def close(self) -> None:
        """The transcriber is everybody's and stays open."""
