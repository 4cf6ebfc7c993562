"""What is done when days and weeks end: adding up what was earned, ending seasons, a word to the staff."""

from dataclasses import dataclass
from datetime import datetime

from core.ids import CreatorId
from core.rewards.digest import Digests
from core.rewards.standings import Seasons, Standings, week_start


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes days and weeks; each may be done twice, and late."""

    standings: Standings
    seasons: Seasons
    digests: Digests

    async def day(self, creator_id: CreatorId, now: datetime) -> None:
        """Add up the days before today (UTC), and end the season whose last day is over."""
        await self.standings.add_up(creator_id, now.date())
        await self.seasons.end_due(creator_id, now)

    async def week(self, creator_id: CreatorId, now: datetime) -> None:
        """Tell the staff of the week before this one."""
        await self.digests.tell(creator_id, week_start(now.date()))
