"""What people ask and the material does not answer, or answers badly: questions without who asked them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np

from core.asking.answer import Outcome
from core.asking.embedding import Vector
from core.asking.words import STOP_WORDS, Stemmer, tokens
from core.conversation import Place
from core.ids import CreatorId, MessageId

LOOKED_AT: Final = timedelta(days=30)
"""How long a question is kept here, and how far back gaps are looked for."""
MOST_COMPARED: Final = 400
ALIKE: Final = 0.72
"""From this cosine on two questions are about the same; with half of their words in common, from a lower one."""
ALIKE_IN_WORDS: Final = 0.5
SHARED_WORDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was not answered well; ``asker`` tells people apart, and not who they are.

    ``unhelpful`` counts 👎, ``withdrawn`` says that the staff took the answer back. ``link`` opens where it was asked
    in a community; empty where that was in private.
    """

    message_id: MessageId
    asker: int
    question: str
    outcome: Outcome
    unhelpful: int
    withdrawn: bool
    asked_at: datetime
    link: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions about the same, the one that speaks best for them first."""

    questions: tuple[Asked, ...]

    @property
    def example(self) -> Asked:
        """The question that is closest to all."""
        return self.questions[0]

    @property
    def links(self) -> list[str]:
        """Where it was asked, the last first."""
        newest = sorted(self.questions, key=lambda asked: asked.message_id, reverse=True)
        return list(dict.fromkeys(asked.link for asked in newest if asked.link))

    @property
    def people(self) -> int:
        """How many asked."""
        return len({asked.asker for asked in self.questions})

    @property
    def rated_badly(self) -> int:
        """How many of the answers were voted down or taken back."""
        return sum(1 for asked in self.questions if asked.unhelpful or asked.withdrawn)


class AskedQuestions(Protocol):
    """What was asked of creators, without who did. No method can reach across creators."""

    async def unanswered(self, creator_id: CreatorId, limit: int) -> list[Asked]:
        """The newest questions that were not answered, or badly, and that no pair answers by now; oldest first."""
        ...

    async def question(self, creator_id: CreatorId, message_id: MessageId) -> str | None:
        """The words of a question; None where they are not kept any more."""
        ...

    async def note_shown(self, creator_id: CreatorId, message_id: MessageId, place: Place, message: str) -> bool:
        """Note in which message of the platform an answer stands; False where its question is not kept any more."""
        ...

    async def withdraw(self, creator_id: CreatorId, message_id: MessageId) -> str | None:
        """Take an answer back where it stands, and out of what is kept to be given again; the question.

        None where it is not kept any more, or was taken back before.
        """
        ...

    async def purge(self, creator_id: CreatorId) -> None:
        """Forget what was asked longer ago than gaps are looked for, and what the staff were done with by then."""
        ...


def find_gaps(asked: Sequence[Asked], vectors: Vector, stem: Stemmer) -> list[Gap]:
    """Group questions that are about the same; what most people asked comes first.

    Args:
        asked: questions, oldest first.
        vectors: float32 of shape (len(asked), d) with rows of length 1.
        stem: makes words comparable.
    """
    cosines = vectors @ vectors.T
    words = [_content(each.question, stem) for each in asked]
    groups: list[list[int]] = []
    for at in range(len(asked)):
        near = [group for group in groups if _alike(float(cosines[at, group[0]]), words[at], words[group[0]])]
        if near:
            max(near, key=lambda group: float(cosines[at, group[0]])).append(at)
        else:
            groups.append([at])
    gaps = [Gap(tuple(asked[at] for at in _central_first(group, cosines))) for group in groups]
    return sorted(gaps, key=lambda gap: (-gap.people, -len(gap.questions), -gap.example.message_id))


def _content(question: str, stem: Stemmer) -> frozenset[str]:
    return frozenset(stem([word for word in tokens(question) if word not in STOP_WORDS]))


def _alike(cosine: float, one: frozenset[str], other: frozenset[str]) -> bool:
    shared = len(one & other) / max(len(one | other), 1)
    return cosine >= ALIKE or (cosine >= ALIKE_IN_WORDS and shared >= SHARED_WORDS)


def _central_first(group: list[int], cosines: Vector) -> list[int]:
    closeness = cosines[np.ix_(group, group)].mean(axis=1)
    first = group[int(np.argmax(closeness))]
    return [first, *(at for at in group if at != first)]
