"""Who is who: creators, their communities, students and the ways they are known, and what each may do."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from core.conversation import Person, Place
from core.errors import Refused
from core.ids import CommunityId, CreatorId, StudentId
from core.richtext import one_line
from core.tiers import NO_TIERS, Tiers

STATUSES: Final = ("active", "paused", "ended")
"""Of an enrolment; only an active one may ask."""
LONGEST_NAME: Final = 100
SET_UP_ALREADY: Final = "This community is set up already. /settings shows how, and changes it."


_LINK: Final = re.compile(r"://|\bwww\.", re.IGNORECASE)


class Purpose(StrEnum):
    """What a code gives, to whoever types it: the first two once, the last to many until it expires."""

    COMMUNITY = "community"
    OWNERSHIP = "ownership"
    ENROLMENT = "enrolment"


@dataclass(frozen=True, slots=True)
class Creator:
    """A tenant; ``who_may_ask`` is everyone or enrolled, ``answers`` public or private.

    ``contributions``: whether what members write among themselves may earn, where the platform shows it to the bot.
    """

    id: CreatorId
    handle: str
    name: str
    language: str = "en"
    who_may_ask: str = "everyone"
    answers: str = "public"
    owner_id: StudentId | None = None
    contributions: bool = True


@dataclass(frozen=True, slots=True)
class Community:
    """A Discord server or Telegram chat, mapped to one creator; ``staff_role`` is the platform's id or empty."""

    id: CommunityId
    creator_id: CreatorId
    platform: str
    external_id: str
    name: str
    staff_role: str = ""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A student's with a creator: a status of :data:`STATUSES`, empty where there is none, and a tier or none.

    ``bought`` are the tiers that they bought for a time that is not over.
    ``source`` is who it is from: staff, invite, whop, or asked; ``return_link`` is where a payment is seen to.
    """

    status: str = ""
    tier: str = ""
    bought: frozenset[str] = NO_TIERS
    source: str = field(default="", compare=False)
    return_link: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who speaks here, and with which creator's material.

    ``creator`` is None where a community is not set up, or a person in a direct message belongs to none or has not
    chosen; ``choices`` are then the creators to choose from. ``enrolment`` is a status or empty, ``tier`` its tier,
    ``bought`` the tiers that were bought.
    ``source`` and ``return_link`` as in :class:`Enrolment`.
    """

    student_id: StudentId
    creator: Creator | None = None
    community: Community | None = None
    enrolment: str = ""
    staff: bool = False
    owner: bool = False
    choices: tuple[Creator, ...] = ()
    tier: str = ""
    bought: frozenset[str] = NO_TIERS
    source: str = ""
    return_link: str = ""

    @property
    def tiers(self) -> Tiers:
        """The tiers whose sources are open to them."""
        if self.staff:
            return None
        if self.enrolment in {"paused", "ended"}:
            return NO_TIERS
        member_of = frozenset({self.tier}) if self.tier and self.enrolment == "active" else NO_TIERS
        return member_of | self.bought


@dataclass(frozen=True, slots=True)
class Student:
    """A student of a creator, as the platform last named them; ``since`` is when ``status`` began.

    ``source`` is who the enrolment is from, ``grace_until`` until when it stays although a payment failed.
    """

    id: StudentId
    name: str
    username: str
    external_id: str
    status: str
    since: datetime
    tier: str = ""
    source: str = ""
    grace_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentChange:
    """What an enrolment became, from whom; ``by`` names the person, where it was one who is still here."""

    at: datetime
    status: str
    tier: str
    source: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Ties:
    """What of a student matters to others when it is erased: creators by name, whom they own or may not ask."""

    owned: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinCode:
    """A code as the person types it, and until when it works."""

    code: str
    expires_at: datetime


class Directory(Protocol):
    """The global tables of people and places, through named queries only."""

    async def student(self, person: Person) -> StudentId:
        """The student behind a platform identity; a new one on first sight. The name is kept as it is now."""
        ...

    async def community(self, place: Place) -> tuple[Community, Creator] | None:
        """The community at a place and its creator; None when it is not set up."""
        ...

    async def creator(self, handle: str) -> Creator | None:
        """A creator by handle."""
        ...

    async def creators(self) -> list[Creator]:
        """All creators, by handle."""
        ...

    async def enrolled_with(self, student_id: StudentId) -> list[Creator]:
        """The creators with whom a student has an active enrolment."""
        ...

    async def suspended_with(self, student_id: StudentId) -> Creator | None:
        """The creator with whom a student's access was paused or ended last."""
        ...

    async def enrolment(self, creator_id: CreatorId, student_id: StudentId) -> Enrolment:
        """How a student is enrolled."""
        ...

    async def enrolment_changes(
        self, creator_id: CreatorId, student_id: StudentId, limit: int
    ) -> list[EnrolmentChange]:
        """How an enrolment came to be what it is, newest first."""
        ...

    async def follow_seller(self, creator_id: CreatorId, student_id: StudentId) -> bool:
        """Let an enrolment follow what its student pays for, instead of the staff; False where nothing is paid."""
        ...

    async def enrol(self, creator_id: CreatorId, student_id: StudentId) -> None:
        """Enrol a student; an existing enrolment stays as it is."""
        ...

    async def set_enrolment(
        self, creator_id: CreatorId, student_id: StudentId, status: str | None, tier: str | None = None,
        by: StudentId | None = None,
    ) -> None:  # fmt: skip
        """Enrol a student, or change what is given: a status of :data:`STATUSES`, a tier or (empty) none.

        What is not given stays; somebody new is active and without a tier. From then on it is the staff's alone to
        change; ``by`` is who did it.
        """
        ...

    async def students(
        self, creator_id: CreatorId, *, platform: str, status: str = "", tier: str | None = None, offset: int = 0,
        limit: int = 20,
    ) -> tuple[list[Student], int]:  # fmt: skip
        """A creator's students by name, and how many there are altogether.

        ``status`` and ``tier``: only those with it; empty and None: all; an empty tier: those without one.
        ``platform``: under which name to show those who have several.
        """
        ...

    async def student_here(self, creator_id: CreatorId, student_id: StudentId, platform: str) -> Student | None:
        """One of a creator's students; None where they never were enrolled."""
        ...

    async def students_named(self, creator_id: CreatorId, platform: str, text: str) -> list[Student]:
        """A creator's students whom a text may mean: an id, a username, a name or else a part of it; at most 6."""
        ...

    async def preferred(self, person: Person) -> CreatorId | None:
        """The creator whom a person chose for direct messages."""
        ...

    async def prefer(self, person: Person, creator_id: CreatorId) -> None:
        """Remember that choice."""
        ...

    async def add_creator(self, handle: str, name: str, owner_id: StudentId | None) -> Creator:
        """Make a creator.

        Raises:
            Refused: the handle is taken or not a handle.
        """
        ...

    async def set_up(self, place: Place, name: str, owner_id: StudentId) -> Creator:
        """Make a creator for a community, both or neither.

        Raises:
            Refused: the community is set up already.
        """
        ...

    async def set_up_with_code(
        self, place: Place, code: str, student_id: StudentId, *, operators_only: bool = False
    ) -> Creator:
        """Join a community to the creator of a code; the owner's code makes the student the owner where none is.

        In a community of that creator the owner's code gives the ownership alone. A code that is refused stays good.
        ``operators_only``: only an owner's code counts, since the operator alone makes those.

        Raises:
            Refused: the code does not work, or the community is set up already.
        """
        ...

    async def add_community(self, creator_id: CreatorId, place: Place) -> Community:
        """Map a place to a creator.

        Raises:
            Refused: the place is mapped already.
        """
        ...

    async def update_creator(
        self, creator_id: CreatorId, *, name: str | None = None, language: str | None = None,
        who_may_ask: str | None = None, answers: str | None = None, contributions: bool | None = None,
    ) -> Creator:  # fmt: skip
        """Change what is given and leave the rest."""
        ...

    async def set_staff_role(self, community_id: CommunityId, role: str) -> None:
        """Name the platform's role whose holders are staff; empty: none."""
        ...

    async def new_join_code(
        self, creator_id: CreatorId, purpose: Purpose = Purpose.COMMUNITY, tier: str = ""
    ) -> JoinCode:
        """A code that works for seven days; one that enrols may give a tier."""
        ...

    async def accept_invite(
        self, code: str, student_id: StudentId, only: CreatorId | None
    ) -> tuple[Creator, Enrolment] | None:
        """Enrol by an invite code; the creator and how the student is enrolled now.

        An earlier enrolment keeps its status. Where it is active, it takes the code's tier, if that has one.

        Args:
            code: as it was typed.
            student_id: who typed it.
            only: whose code it has to be; None for anybody's.

        Returns:
            None when the code is unknown, expired, revoked or another creator's.
        """
        ...

    async def revoke_invites(self, creator_id: CreatorId) -> int:
        """Delete a creator's invite codes and return how many there were."""
        ...

    async def ties(self, student_id: StudentId) -> Ties:
        """What erasing this student means for others."""
        ...

    async def erase(self, student_id: StudentId) -> None:
        """Delete a student with everything that is kept of them.

        A paused or ended enrolment leaves a mark that tells nobody who it was, so that it holds if they come back.
        """
        ...


def checked_name(name: str) -> str:
    """A creator's name on one line, as students see it.

    Raises:
        Refused: it is empty, too long, or holds a link.
    """
    shown = one_line(name)
    if not 1 <= len(shown) <= LONGEST_NAME:
        raise Refused(f"A creator's name has 1 to {LONGEST_NAME} characters.")
    if _LINK.search(shown):
        raise Refused("A creator's name cannot hold a link.")
    return shown


def handles_for(name: str) -> Iterator[str]:
    """Handles for a name without end, the plainest first."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:50].rstrip("-")
    if plain:
        yield plain
    while True:
        yield f"{plain or 'creator'}-{secrets.token_hex(3)}"


def standing_of(
    person: Person, student_id: StudentId, creator: Creator, community: Community | None, enrolment: Enrolment
) -> Standing:
    """What a person may do in a community, from what the platform says of them and from our tables."""
    owner = creator.owner_id == student_id
    has_role = community is not None and bool(community.staff_role) and community.staff_role in person.roles
    return Standing(
        student_id, creator, community, enrolment.status, staff=owner or person.manages or has_role, owner=owner,
        tier=enrolment.tier, bought=enrolment.bought, source=enrolment.source, return_link=enrolment.return_link,
    )  # fmt: skip


def refusal(standing: Standing) -> str:
    """Why this person may not learn with this creator now, and how to return; empty when they may."""
    creator = standing.creator
    if creator is None or standing.staff:
        return ""
    if standing.enrolment in {"paused", "ended"} and standing.source == "whop":
        return _unpaid(creator.name, standing.enrolment, standing.return_link)
    if standing.enrolment in {"paused", "ended"}:
        return (
            f"Your access to {creator.name} is {standing.enrolment}, so that is not possible now. "
            "Please write to its staff to return."
        )
    if creator.who_may_ask == "enrolled" and standing.enrolment != "active":
        return (
            f"That is for enrolled students of {creator.name} only. With an invite code, type /enroll code:<code>; "
            "without one, please ask the staff here to enrol you."
        )
    return ""


def _unpaid(name: str, status: str, return_link: str) -> str:
    where = f"on Whop: {return_link}" if return_link else "on Whop"
    if status == "paused":
        return (
            f"Your access to {name} is paused, because a payment did not go through. See to it {where}, and your "
            "access returns by itself."
        )
    return f"Your access to {name} has ended with your membership. It returns by itself with a new one {where}."
