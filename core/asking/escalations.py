"""Questions that the material does not answer, put to the staff; their answer becomes everybody's."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from core.asking.embedding import Vector
from core.asking.given import claims_the_same
from core.asking.sessions import Speaker
from core.conversation import Button, Person, Place, Reply, Tone
from core.ids import CreatorId, EscalationId, MessageId, StudentId
from core.library.knowledge import Author, Entry
from core.richtext import RichText, bold, code, counted, italic, joined, linked

MOST_A_DAY: Final = 5
"""So many questions a person may put to the staff within 24 hours."""
ALIKE: Final = 0.8
"""From this cosine on two questions share a card, where numbers, names and denials are the same."""
MOST_WORDINGS_SHOWN: Final = 3


class Status(StrEnum):
    """What became of a question to the staff."""

    OPEN = "open"
    ANSWERED = "answered"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Escalation:
    """A question to the staff: how people asked it, oldest first, and how many wait for the answer.

    ``wordings`` is empty where all who asked took their question back. ``draft`` is an answer that nobody approved.
    """

    id: EscalationId
    wordings: tuple[str, ...]
    waiting: int
    status: Status = Status.OPEN
    draft: str = ""

    @property
    def question(self) -> str:
        """As it was asked first."""
        return self.wordings[0] if self.wordings else ""


@dataclass(frozen=True, slots=True)
class Asking:
    """A question as it is compared with others: with its vector, of length 1, and whose embedder's that is."""

    question: str
    embedder_id: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a question that somebody put to the staff; ``again`` where they had put it before."""

    escalation: Escalation
    again: bool
    reached: bool
    """Whether anybody was there to be told."""


@dataclass(frozen=True, slots=True)
class Published:
    """An approved answer, and how many who waited for it are told."""

    entry: Entry
    told: int


class Escalations(Protocol):
    """Questions to the staff of creators. No method can reach across creators."""

    async def own_question(self, speaker: Speaker, message_id: MessageId) -> str | None:
        """What this person asked; None where it is not theirs, or not kept any more."""
        ...

    async def put(self, speaker: Speaker, asking: Asking) -> Put:
        """Put a question to the staff, on the card of one that is alike, or on a new one.

        Raises:
            Refused: the person did so too often within a day.
        """
        ...

    async def take_up(self, creator_id: CreatorId, question: str) -> Escalation:
        """Let the staff answer a question that nobody put to them."""
        ...

    async def take_back(self, speaker: Speaker, escalation_id: EscalationId) -> bool:
        """Forget that this person asked; False where they do not wait for an answer."""
        ...

    async def waiting(self, creator_id: CreatorId, limit: int) -> list[Escalation]:
        """What waits for an answer, oldest first."""
        ...

    async def answered_card(
        self, creator_id: CreatorId, place: Place, person: Person, about: str
    ) -> EscalationId | None:
        """The question whose card a message replies to."""
        ...

    async def draft(
        self, creator_id: CreatorId, escalation_id: EscalationId, text: str, author: StudentId
    ) -> Escalation | None:
        """Keep an answer to be approved, or none (empty); None where the question does not wait any more."""
        ...

    async def publish(self, author: Author, escalation_id: EscalationId) -> Published | None:
        """Make the draft everybody's answer and tell who waits; None where there is none, or it was published.

        Raises:
            UploadRefused: it cannot be kept as it is.
        """
        ...

    async def set_status(
        self, creator_id: CreatorId, escalation_id: EscalationId, status: Status
    ) -> Escalation | None:
        """Dismiss what is open, or open what was dismissed; None where it is neither."""
        ...


def alike(one: str, other: str, cosine: float) -> bool:
    """Tell whether two questions may share a card, and so an answer."""
    return cosine >= ALIKE and claims_the_same(one, other)


def staff_card(escalation: Escalation) -> Reply:
    """What the staff see of a question."""
    if not escalation.wordings:
        return Reply(RichText.of("Whoever asked this took it back."))
    asked = RichText.of(joined([RichText.of(f"“{each}”") for each in escalation.wordings[:MOST_WORDINGS_SHOWN]]))
    payload = str(escalation.id)
    if escalation.status is Status.ANSWERED:
        return Reply(RichText.of("✅ Answered:\n", asked, "\n\n", linked(escalation.draft)))
    if escalation.status is Status.DISMISSED:
        return Reply(RichText.of("Dismissed:\n", asked), ((Button("Undo", "esc_reopen", payload),),))
    if escalation.draft:
        return _draft_card(escalation, asked)
    buttons = (
        Button("Answer", "esc_answer", payload, Tone.GOOD), Button("Dismiss", "esc_dismiss", payload)
    )  # fmt: skip
    return Reply(
        RichText.of("🙋 ", bold(_who(escalation)), "\n", asked, "\n\n", how_to_answer(escalation)), (buttons,)
    )


def _draft_card(escalation: Escalation, asked: RichText) -> Reply:
    payload = str(escalation.id)
    buttons = (
        Button("Approve", "esc_approve", payload, Tone.GOOD), Button("Edit", "esc_answer", payload),
        Button("Discard", "esc_discard", payload, Tone.DANGER),
    )  # fmt: skip
    told = f"{people(escalation.waiting)} will be told, and " if escalation.waiting else ""
    words = RichText.of(
        "✍️ ", bold("A draft, seen by nobody yet"), "\n", asked, "\n\n", linked(escalation.draft), "\n\n",
        italic(f"Once you approve it, {told}everybody who asks this gets it."),
    )  # fmt: skip
    return Reply(words, (buttons,))


def _who(escalation: Escalation) -> str:
    if not escalation.waiting:
        return "Not answered yet:"
    asking = counted(escalation.waiting, "person asks", "people ask")
    return f"{asking} what the material does not answer:"


def how_to_answer(escalation: Escalation, to: str = "this message") -> RichText:
    """Words and a command that say how the staff answer."""
    command = code(f"/answer question:{escalation.id} text:")
    return RichText.of(f"Reply to {to} with the answer, or type ", command, " and the answer.")


def people(count: int) -> str:
    """``1 person``, ``2 people``."""
    return counted(count, "person", "people")


def answered_notice(creator_name: str, question: str, answer: str) -> Reply:
    """What somebody who waited is told."""
    return Reply(
        RichText.of("💬 ", bold(f"{creator_name} answered your question"), f" “{question}”\n\n", linked(answer))
    )
