"""A question on its way: what is asked by whom of what, how long its parts take, and who sees its answer grow."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from core.asking.answer import Answer, Usage
from core.asking.budgets import Step
from core.asking.growing import Tell, untold
from core.asking.holdings import Span
from core.asking.pushback import asked_last
from core.asking.ranking import Hit
from core.asking.tongue import language_of
from core.asking.translating import Searched
from core.asking.words import CleanQuestion, clean_question
from core.asking.writing import Background, Manner, Turn, Wishes
from core.ids import CreatorId, UsageId
from core.tiers import NO_TIERS, Scope, Tiers

SHORT_QUESTION: Final = 3
"""A question of at most this many content words may lean on the one before it."""
REFERRING: Final = frozenset(
    """and also but so then or it its this that these those they them their he she his her there one ones""".split()
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one creator's material; ``history`` are the earlier turns of the session, oldest first.

    ``tiers`` are those that are open to who asks. ``step`` says which models may be paid for; none: an answer is one
    that was paid for before, or quoted. ``models`` are those that the creator prefers. ``background`` is what is
    remembered of who asks. ``fresh``: no answer of before is given, and this one is not kept. ``language`` is
    the creator's; the one that is asked in, or wished for, outranks it and leaves it in ``usual``.

    ``usage_id`` is what it is counted under, if it is: what is paid for on the way belongs to it.

    ``objection`` is what was said against the answer that this question got; ``besides`` are the units that were
    shown then.
    """

    creator_id: CreatorId
    text: str
    history: tuple[Turn, ...] = ()
    language: str = "en"
    step: Step = Step.LARGE
    tiers: Tiers = NO_TIERS
    manner: Manner = field(default_factory=Manner)
    wishes: Wishes = field(default_factory=Wishes)
    background: Background = field(default_factory=Background)
    models: tuple[str, ...] = ()
    fresh: bool = False
    usual: str = ""
    objection: str = ""
    besides: tuple[Span, ...] = ()
    usage_id: UsageId | None = None

    @property
    def scope(self) -> Scope:
        """What it may be answered from."""
        return Scope(self.creator_id, self.tiers, self.manner.sources)

    @property
    def preferred(self) -> tuple[str, ...]:
        """Names of the models to try first: the assistant's, else the creator's."""
        return self.manner.models or self.models

    @property
    def in_own_language(self) -> "Question":
        """The same with the language that its answer is to be in: wished for, or asked in, now or before."""
        asked = (self.text, *(turn.question for turn in reversed(self.history)))
        spoken = next((language for text in asked if (language := language_of(text))), self.language)
        return replace(self, language=self.wishes.language or spoken, usual=self.usual or self.language)


@dataclass(slots=True)
class Timing:
    """How long each part of an answer took, in milliseconds."""

    taken_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Measure a part; measured twice, it adds up."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - began) * 1000
            self.taken_ms[part] = round(self.taken_ms.get(part, 0.0) + spent, 2)


@dataclass(frozen=True, slots=True)
class Course:
    """A question while it is answered; ``tell`` takes its answer as far as it has grown.

    ``searched`` is the question as it was put into the library's language before, where it was.
    """

    question: Question
    timing: Timing = field(default_factory=Timing)
    tell: Tell = untold
    searched: Searched | None = None

    @property
    def unseen(self) -> "Course":
        """The same with nobody looking on."""
        return replace(self, tell=untold)


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer with what it was made from; ``gate`` is what the cut-off is held against.

    ``searched`` is the question as it was searched for, None where it was not.
    """

    answer: Answer
    hits: tuple[Hit, ...] = ()
    gate: float = 0.0
    searched: Searched | None = None

    @property
    def free(self) -> "Explained":
        """The same for somebody who waited for another's answer: it is paid for once."""
        return replace(self, answer=replace(self.answer, usage=Usage(), calls=()))


def in_context(cleaned: CleanQuestion, history: Sequence[Turn], *, tutor: bool = False) -> CleanQuestion | None:
    """A follow-up with the content words of the question before it; None where the question stands alone.

    An objection is no question: it leans on what was objected to. ``tutor`` is as in :func:`disputed`.
    """
    if not history:
        return None
    opening = cleaned.text.casefold().replace(",", " ").split()[:6]
    if len(cleaned.words) > SHORT_QUESTION and REFERRING.isdisjoint(opening):
        return None
    before = clean_question(history[asked_last(history, tutor=tutor)].question)
    return CleanQuestion(f"{before.text} {cleaned.text}", tuple(dict.fromkeys((*cleaned.words, *before.words))))
