"""Pictures without holding up the event loop."""

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

from adapters.pictures.cards import draw_economy, draw_ranking, draw_wallet
from adapters.pictures.usage_card import draw_usage
from core.asking.usage import UsagePicture
from core.rewards.showing import EconomyPicture, RankingPicture, WalletCard

T = TypeVar("T")

_ONE_AT_A_TIME: Final = Lock()
"""Fonts are shared, and no two threads may draw with one of them at once."""


class PillowArtist:
    """See :class:`core.rewards.showing.Artist`; each picture is PNG, 1,280 pixels wide."""

    async def wallet(self, card: WalletCard) -> bytes:
        """A card of a wallet."""
        return await asyncio.to_thread(_alone, draw_wallet, card)

    async def ranking(self, ranking: RankingPicture) -> bytes:
        """A ranking, its first places above the rest."""
        return await asyncio.to_thread(_alone, draw_ranking, ranking)

    async def economy(self, economy: EconomyPicture) -> bytes:
        """Amounts, and a bar chart of weeks."""
        return await asyncio.to_thread(_alone, draw_economy, economy)

    async def usage(self, usage: UsagePicture) -> bytes:
        """Figures, and a bar chart of days."""
        return await asyncio.to_thread(_alone, draw_usage, usage)


def _alone(draw: Callable[[T], bytes], shown: T) -> bytes:
    with _ONE_AT_A_TIME:
        return draw(shown)
