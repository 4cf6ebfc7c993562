"""Who is who: creators, their communities, students and the ways they are known, and what each may do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.conversation import Person, Place
from core.ids import CommunityId, CreatorId, StudentId


@dataclass(frozen=True, slots=True)
class Creator:
    """A tenant; ``who_may_ask`` is everyone or enrolled, ``answers`` public or private."""

    id: CreatorId
    handle: str
    name: str
    language: str = "en"
    who_may_ask: str = "everyone"
    answers: str = "public"
    owner_id: StudentId | None = None


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
class Standing:
    """Who speaks here, and with which creator's material.

    ``creator`` is None where a community is not set up, or a person in a direct message belongs to none or has not
    chosen; ``choices`` are then the creators to choose from. ``enrolment`` is a status or empty.
    """

    student_id: StudentId
    creator: Creator | None = None
    community: Community | None = None
    enrolment: str = ""
    staff: bool = False
    owner: bool = False
    choices: tuple[Creator, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinCode:
    """A code as the person types it, and until when it works."""

    code: str
    expires_at: datetime


class Directory(Protocol):
    """The global tables of people and places, through named queries only."""

    async def student(self, person: Person) -> StudentId:
        """The student behind a platform identity; a new one on first sight."""
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

    async def enrolment(self, creator_id: CreatorId, student_id: StudentId) -> str:
        """The status of an enrolment, empty where there is none."""
        ...

    async def enrol(self, creator_id: CreatorId, student_id: StudentId) -> None:
        """Enrol a student; an existing enrolment stays as it is."""
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

    async def add_community(self, creator_id: CreatorId, place: Place) -> Community:
        """Map a place to a creator.

        Raises:
            Refused: the place is mapped already.
        """
        ...

    async def update_creator(
        self, creator_id: CreatorId, *, name: str | None = None, language: str | None = None,
        who_may_ask: str | None = None, answers: str | None = None,
    ) -> Creator:  # fmt: skip
        """Change what is given and leave the rest."""
        ...

    async def set_staff_role(self, community_id: CommunityId, role: str) -> None:
        """Name the platform's role whose holders are staff; empty: none."""
        ...

    async def new_join_code(self, creator_id: CreatorId, *, grants_ownership: bool = False) -> JoinCode:
        """A one-time code that joins a community to a creator."""
        ...

    async def redeem_join_code(self, code: str, student_id: StudentId) -> Creator | None:
        """Use up a code and return its creator; None when it is unknown, used or expired."""
        ...

    async def erase(self, student_id: StudentId) -> None:
        """Delete a student with everything that is kept of them."""
        ...


def standing_of(
    person: Person, student_id: StudentId, creator: Creator, community: Community | None, enrolment: str
) -> Standing:
    """What a person may do in a community, from what the platform says of them and from our tables."""
    owner = creator.owner_id == student_id
    has_role = community is not None and bool(community.staff_role) and community.staff_role in person.roles
    return Standing(
        student_id, creator, community, enrolment, staff=owner or person.manages or has_role, owner=owner
    )  # fmt: skip


def refusal(standing: Standing) -> str:
    """Why this person may not ask this creator's material now; empty when they may."""
    creator = standing.creator
    if creator is None or standing.staff:
        return ""
    if standing.enrolment in {"paused", "ended"}:
        return (
            f"Your access to {creator.name} is {standing.enrolment}, so I may not answer from its material now. "
            "Please write to the staff here to return."
        )
    if creator.who_may_ask == "enrolled" and standing.enrolment != "active":
        return f"Only enrolled students may ask {creator.name}. Please ask the staff here to enrol you."
    return ""
