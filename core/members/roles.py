"""Roles of a platform that students have for a time: who wants them, and how they come about.

What is wanted is kept with its source, such as a purchase or a membership; a role stays while any source wants it.
The process that holds the platform's connection makes it true, within seconds, and as often as it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from core.errors import ProviderError
from core.ids import CommunityId, CreatorId, StudentId
from core.richtext import RichText, role

MOST_ATTEMPTS: Final = 12
"""With growing waits, so that a platform may be away for three quarters of an hour."""


class Obstacle(StrEnum):
    """Why a platform will not change a role, however often it is asked."""

    ROLE_GONE = "role_gone"
    NOT_ALLOWED = "not_allowed"
    NOT_A_MEMBER = "not_a_member"
    UNREACHABLE = "unreachable"


class RoleRefused(ProviderError):
    """The platform does not change this role, and would not if it were asked again."""

    def __init__(self, message: str, obstacle: Obstacle) -> None:
        super().__init__(message)
        self.obstacle = obstacle


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A member's role that is to be given, or taken where it is not ``wanted``.

    Attributes:
        id: names it.
        creator_id: whose community it is.
        community_id: the community.
        community: the same as the platform names it.
        student_id: whose role it is.
        accounts: the student's accounts on the platform.
        name: how the student is called there.
        role: the platform's id.
        wanted: whether they are to have it.
        version: counts what was wanted before.
        attempts: how often this version was tried, with this time.
    """

    id: int
    creator_id: CreatorId
    community_id: CommunityId
    community: str
    student_id: StudentId
    accounts: tuple[str, ...]
    name: str
    role: str
    wanted: bool
    version: int
    attempts: int


class RoleChanges(Protocol):
    """The changes that wait. A claimed one is leased: when its process dies, another one makes it."""

    async def claim(self, platform: str, limit: int) -> Sequence[RoleChange]:
        """Lease changes on a platform that are due, oldest first."""
        ...

    async def applied(self, change: RoleChange) -> None:
        """Note that it is so now."""
        ...

    async def postpone(self, change: RoleChange, delay_s: float, failure: str) -> None:
        """Try again after ``delay_s`` seconds."""
        ...

    async def give_up(self, change: RoleChange, obstacle: Obstacle) -> None:
        """Stop trying, and tell the creator's staff what to do, once a day for the same trouble."""
        ...


class RoleKeeper(Protocol):
    """A platform that has roles."""

    async def set_role(self, community: str, account: str, role: str, *, wanted: bool) -> None:
        """Give a member a role, or take it; one that is there or gone already stays so.

        Raises:
            RoleRefused: it cannot be done.
            ProviderBusy: try again later.
        """
        ...


_TROUBLES: Final = {
    Obstacle.ROLE_GONE: (
        "that role does not exist any more. What gave it can be pointed at another one, in the shop with "
        "/shop_admin item: role:."
    ),
    Obstacle.NOT_ALLOWED: (
        "Discord does not let me. In Server Settings, Roles: allow my role Manage Roles, and drag it above that one."
    ),
    Obstacle.NOT_A_MEMBER: "they are not in that server any more. When they are back, it can be given anew.",
    Obstacle.UNREACHABLE: "Discord did not take it for most of an hour. Please do it by hand.",
}


def trouble_told(change: RoleChange, obstacle: Obstacle) -> RichText:
    """What the staff is told of a change that cannot be made."""
    did = "give" if change.wanted else "take"
    to = "to" if change.wanted else "from"
    by_hand = "" if change.wanted or obstacle is Obstacle.UNREACHABLE else " Until then, please take it by hand."
    return RichText.of(
        f"⚠️ I could not {did} the role ", role(change.role), f" {to} {change.name or 'a student'}: ",
        _TROUBLES[obstacle], by_hand,
    )  # fmt: skip
