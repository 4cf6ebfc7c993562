"""Conversations: what was asked and answered, by whom and where, and what it used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from core.asking.answer import Answer, Outcome
from core.asking.limits import Admission, Limits
from core.asking.writing import Turn
from core.ids import CommunityId, CreatorId, MessageId, StudentId
from core.tiers import NO_TIERS, Tiers

SESSION_IDLE: Final = timedelta(hours=6)
"""After a pause this long, a question starts a new session by itself."""
CONTEXT_TURNS: Final = 3
"""How many earlier questions of a session a follow-up may refer to."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who asks whom and where: whose session it is. ``place`` is a :attr:`core.conversation.Place.key`.

    ``tiers`` are those that are open to them now; the creator's own staff earns nothing by asking. ``message`` names
    the message that asks, where it stands in the chat and can be deleted there.
    """

    creator_id: CreatorId
    student_id: StudentId
    place: str
    community_id: CommunityId | None = None
    tiers: Tiers = NO_TIERS
    earns: bool = True
    message: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier question of a person with its answer; ``references`` are citations as plain data."""

    message_id: MessageId
    creator_id: CreatorId
    creator_name: str
    question: str
    answer: str
    outcome: Outcome
    references: tuple[Mapping[str, Any], ...]
    asked_at: datetime


class Conversations(Protocol):
    """Sessions and messages. A student's are seen by that student alone."""

    async def context(self, speaker: Speaker) -> tuple[Turn, ...]:
        """The last turns of the open session, oldest first, without those that cite what is not open to them now."""
        ...

    async def admit(self, speaker: Speaker, limits: Limits) -> Admission:
        """Count a question before it is answered; of a burst at once only as many pass as may.

        What its answer may cost is set aside: the largest cost of the creator's last hundred questions that cost
        anything. So a day's money is exceeded by at most one answer, and beyond that only by what answers cost more
        than was set aside for them. A question that is never answered, after a crash say, stays counted as one
        that cost nothing; what was set aside for it is free again after
        :data:`core.asking.limits.RESERVED_FOR`.

        Raises:
            Refused: the person or the community asks too often; says for how long.
        """
        ...

    async def admit_operator(self, creator_id: CreatorId, limits: Limits) -> Admission:
        """Count a question from the shell: of the limits, only money applies."""
        ...

    async def record(self, speaker: Speaker, question: str, answer: Answer, admission: Admission) -> MessageId:
        """Store a question with its answer and, at once, what it used."""
        ...

    async def settle(self, creator_id: CreatorId, answer: Answer, admission: Admission) -> None:
        """Store what an answer used, and nothing else of it."""
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

    async def export(self, student_id: StudentId) -> dict[str, Any]:
        """Everything that is kept of a student, as plain data."""
        ...
