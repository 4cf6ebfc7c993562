"""What a creator's staff see and change of sources that are there, apart from the work on them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.ids import CreatorId, SourceId


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
