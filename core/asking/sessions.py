"""Conversations: what was asked and answered, by whom and where, and the limits on asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from core.asking.answer import Answer
from core.asking.writing import Turn
from core.ids import CommunityId, CreatorId, MessageId, StudentId

SESSION_IDLE: Final = timedelta(hours=6)
"""After a pause this long, a question starts a new session by itself."""
CONTEXT_TURNS: Final = 3
"""How many earlier questions of a session a follow-up may refer to."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who asks whom and where: the scope of a session. ``place`` is a :attr:`core.conversation.Place.key`."""

    creator_id: CreatorId
    student_id: StudentId
    place: str
    community_id: CommunityId | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier question of a person with its answer; ``references`` are citations as plain data."""

    message_id: MessageId
    creator_id: CreatorId
    question: str
    answer: str
    outcome: str
    references: tuple[Mapping[str, Any], ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Load:
    """What was used of the limits: questions in the last minute, model money since midnight UTC."""

    by_person: int
    by_community: int
    cost_today_usd: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used; 0 means no limit."""

    person_per_minute: int
    community_per_minute: int
    creator_usd_per_day: float


class Conversations(Protocol):
    """Sessions and messages. A student's are seen by that student alone."""

    async def context(self, speaker: Speaker) -> tuple[Turn, ...]:
        """The last turns of the open session, oldest first."""
        ...

    async def record(self, speaker: Speaker, question: str, answer: Answer) -> MessageId:
        """Store a question with its answer and what it used."""
        ...

    async def forget(self, speaker: Speaker) -> bool:
        """End the open session, so that nothing of it is context any more; False when there was none."""
        ...

    async def history(self, student_id: StudentId, creator_id: CreatorId | None, limit: int) -> list[Past]:
        """A person's own questions, newest first, with one creator or (None) with all."""
        ...

    async def vote(self, speaker: Speaker, message_id: MessageId, *, helpful: bool) -> bool:
        """Keep a person's vote on an answer, replacing an earlier one; False when there is no such answer."""
        ...

    async def load(self, speaker: Speaker) -> Load:
        """What the person, the community and the creator used lately."""
        ...

    async def export(self, student_id: StudentId) -> dict[str, Any]:
        """Everything that is kept of a student, as plain data."""
        ...


def over_limit(load: Load, limits: Limits) -> str:
    """Why a question must wait, and until when; empty when it need not."""
    if limits.person_per_minute and load.by_person >= limits.person_per_minute:
        return f"That is {load.by_person} questions within a minute. You can go on asking in one minute."
    if limits.community_per_minute and load.by_community >= limits.community_per_minute:
        return "This community asks faster than I may answer. Please try again in one minute."
    return ""


def money_left(load: Load, limits: Limits) -> bool:
    """Whether a model may still be paid for today; without, the answer is quoted."""
    return not limits.creator_usd_per_day or load.cost_today_usd < limits.creator_usd_per_day
