"""What a creator's staff see and change of sources that are there, apart from the work on them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.errors import UploadRefused
from core.ids import CreatorId, SourceId
from core.library.cards import about
from core.library.store import SourceKind
from core.tiers import Scope


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change of a source; None leaves it. A ``link`` is canonical, an empty ``tier`` is for everybody."""

    title: str | None = None
    link: str | None = None
    language: str | None = None
    tier: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is to change."""
        return self == Edit()


class Catalogue(Protocol):
    """The sources of creators as they are described. No method can reach across creators."""

    async def edit(self, creator_id: CreatorId, source_id: SourceId, edit: Edit) -> bool:
        """Change what is given and move the corpus version with it; False where there is no such source."""
        ...

    async def tiers(self, creator_id: CreatorId, sources: Collection[SourceId]) -> Mapping[SourceId, str]:
        """Of these sources those that are not for everybody, with their tiers."""
        ...

    async def uploads_lately(self, creator_id: CreatorId) -> tuple[int, float]:
        """How many uploads the last hour had, and seconds until the oldest of them no longer counts."""
        ...


@dataclass(frozen=True, slots=True)
class Contained:
    """A source that can be answered from, as a list shows it; ``total`` are all that its list could have shown."""

    source_id: SourceId
    kind: SourceKind
    added_at: datetime
    total: int = 1


class Contents(Protocol):
    """What a creator's library has in it, no further than a scope; what the staff write down is no part of it."""

    async def listed(
        self, scope: Scope, kinds: Collection[SourceKind], within: timedelta | None, limit: int
    ) -> list[Contained]:
        """The latest sources of some kinds first, those added within a time up to now or (None) all."""
        ...

    async def about(self, scope: Scope, sources: Collection[SourceId], topic: str) -> Mapping[SourceId, Contained]:
        """Of these sources those that are there and in scope, and besides them those whose title has the topic."""
        ...


def require_pace(uploads: int, most: int, wait_s: float) -> None:
    """See that a creator may upload one thing more within this hour.

    Args:
        uploads: how many there were.
        most: how many are taken; 0 means no limit.
        wait_s: seconds until the oldest of them no longer counts.

    Raises:
        UploadRefused: says when they may go on.
    """
    if most and uploads >= most:
        raise UploadRefused(
            f"That were {uploads} uploads within an hour; {most} are taken. You can go on in {about(wait_s)}. "
            "Several links in one message, or a playlist, count as one."
        )
