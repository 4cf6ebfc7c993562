"""What is done when days and weeks end: adding up what was earned, ending seasons, a word to the staff."""

from dataclasses import dataclass
from datetime import UTC, datetime, time

import structlog

from core.asking.insights import Insights, Span
from core.errors import ConfigurationError, ProviderError
from core.ids import CreatorId
from core.rewards.digest import Digests
from core.rewards.standings import Seasons, Standings, week_start

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes days and weeks; each may be done twice, and late."""

    standings: Standings
    seasons: Seasons
    digests: Digests
    insights: Insights

    async def day(self, creator_id: CreatorId, now: datetime) -> None:
        """Add up the days before today (UTC), and end the season whose last day is over."""
        await self.standings.add_up(creator_id, now.date())
        await self.seasons.end_due(creator_id, now)

    async def week(self, creator_id: CreatorId, now: datetime) -> None:
        """Tell the staff of the week before this one."""
        if await self.digests.wanted(creator_id):
            monday = week_start(now.date())
            ended_at = datetime.combine(monday, time(), UTC)
            await self.digests.tell(creator_id, monday, await self._subjects(creator_id, ended_at))

    async def _subjects(self, creator_id: CreatorId, at: datetime) -> list[str]:
        """What several people asked about; without an embedder the rest is told all the same."""
        try:
            found = await self.insights.look(creator_id, Span.WEEK, at)
        except (ProviderError, ConfigurationError) as error:
            log.warning("a digest goes out without what was asked most", reason=str(error))
            return []
        return [subject.wording for subject in found.subjects]
