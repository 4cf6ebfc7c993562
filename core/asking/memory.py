"""What is remembered of a person: how they like answers, what they asked to remember, what was said earlier.

All of it is the person's: nobody else reads it, the creator's staff included. To a model it is data, never evidence
and never an instruction.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from core.asking.markup import strip_markup
from core.asking.sessions import Speaker
from core.asking.writing import Background, Wishes
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.richtext import one_line

LEVELS: Final = ("beginner", "some", "advanced")
LENGTHS: Final = ("short", "usual", "detailed")
VOICES: Final = ("plain", "friendly", "formal")
AS_USUAL: Final = "usual"
"""What a person types to have a wish of theirs forgotten."""
MOST_FACTS: Final = 10
LONGEST_FACT: Final = 200
MOST_TOPICS: Final = 5
"""So many of the questions that somebody got no good answer to are kept, the newest."""


class Kind(StrEnum):
    """What a memory is: what they asked to remember, what they struggled with, or what was said earlier."""

    FACT = "fact"
    TOPIC = "topic"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing that is remembered of a person with one creator; ``lexical``: summed up without a model.

    ``id`` is that of a session where it is a summary.
    """

    kind: Kind
    id: int
    text: str
    at: datetime
    lexical: bool = False


@dataclass(frozen=True, slots=True)
class Recollection:
    """What of a person goes into a question; ``background`` is empty where nothing is remembered."""

    wishes: Wishes = field(default_factory=Wishes)
    background: Background = field(default_factory=Background)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of a person with one creator; ``own_choice``: they said themselves whether to."""

    remembers: bool
    own_choice: bool
    memories: tuple[Memory, ...]

    def of(self, kind: Kind) -> list[Memory]:
        """Those of one kind."""
        return [memory for memory in self.memories if memory.kind is kind]


class Memories(Protocol):
    """What is remembered of people. A person's is seen by that person alone; wishes hold with every creator."""

    async def recall(self, speaker: Speaker, *, alone: bool) -> Recollection:
        """What goes into a question that is asked here and now.

        ``alone``: nobody but who asks reads the answer. Where others read along, no fact goes into it, and no summary
        of what is not open to everybody.
        """
        ...

    async def wishes(self, student_id: StudentId) -> Wishes:
        """How a person likes answers."""
        ...

    async def wish(self, student_id: StudentId, wishes: Wishes) -> None:
        """Keep how a person likes answers, in the place of what they said before."""
        ...

    async def kept(self, creator_id: CreatorId, student_id: StudentId) -> Kept:
        """What is remembered of a person, oldest first."""
        ...

    async def remember(self, creator_id: CreatorId, student_id: StudentId, fact: str) -> int:
        """Keep a fact that :func:`checked_fact` let through; its id. One that is there already stays as it is.

        Raises:
            Refused: there are :data:`MOST_FACTS` already.
        """
        ...

    async def choose(self, creator_id: CreatorId, student_id: StudentId, *, wanted: bool) -> None:
        """Remember a person from now on, or nothing new of them."""
        ...

    async def forget(self, creator_id: CreatorId, student_id: StudentId, kind: Kind, memory_id: int) -> bool:
        """Forget one thing; with a summary its session ends, since it would be summed up again."""
        ...

    async def forget_all(self, creator_id: CreatorId, student_id: StudentId) -> int:
        """Forget everything with this creator and return how much it was; choices and wishes stay."""
        ...

    async def tidy(self, creator_id: CreatorId) -> None:
        """Drop what sums up sessions that are over, also of those who never ask again."""
        ...

    async def default(self, creator_id: CreatorId) -> bool:
        """Whether people are remembered who did not choose themselves."""
        ...

    async def set_default(self, creator_id: CreatorId, *, wanted: bool) -> None:
        """Choose for those who did not choose themselves."""
        ...


def checked_fact(text: str) -> str:
    """A fact as it is kept: on one line, without links or markup.

    Raises:
        Refused: nothing is left of it, or it is too long.
    """
    fact = one_line(strip_markup(text))
    if not fact:
        raise Refused("There is nothing in that to remember. For example: I use a left-handed guitar.")
    if len(fact) > LONGEST_FACT:
        raise Refused(f"That is {len(fact)} characters. Please say it in at most {LONGEST_FACT}.")
    return fact
