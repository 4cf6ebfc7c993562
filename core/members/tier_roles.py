"""Which role of a server belongs to a tier, or to everybody who is enrolled; held as long as the tier, no longer."""

from collections.abc import Mapping
from typing import Final, Protocol

from core.ids import CommunityId, CreatorId, StudentId

EVERYBODY: Final = ""
"""In the place of a tier: everybody who is enrolled."""


class TierRoles(Protocol):
    """The roles that follow enrolments. They are given and taken in the background, within seconds."""

    async def roles(self, creator_id: CreatorId, community_id: CommunityId) -> Mapping[str, str]:
        """The role of each tier in a community, by the platform's id."""
        ...

    async def choose(self, creator_id: CreatorId, community_id: CommunityId, tier: str, role: str) -> None:
        """Have the members of a tier given a role, instead of the one before; empty: none."""
        ...

    async def follow(self, student_id: StudentId) -> None:
        """Have a student given the roles of their enrolments, and taken those of earlier ones."""
        ...

    async def follow_all(self, creator_id: CreatorId) -> None:
        """The same for all students of a creator."""
        ...
