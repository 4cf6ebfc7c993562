"""Which models may word an answer, and in which order they are tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.asking.answer import Confidence
from core.asking.budgets import Step
from core.asking.wording import Found
from core.asking.words import tokens
from core.asking.writing import AnswerModel

SIMPLE_WORDS: Final = 12
"""A question of more words asks for more than one thing, or for reasoning."""
WELL_COVERED: Final = 0.75
"""So much of a question's terms one place must say."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a question decides who answers it; ``wanted`` are names of models to try first.

    ``follows``: it leans on a conversation.
    """

    text: str
    step: Step = Step.LARGE
    wanted: Sequence[str] = ()
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Routing:
    """The models of a deployment, each list in the operator's order; without small ones the large do everything."""

    models: Sequence[AnswerModel] = ()
    small: Sequence[AnswerModel] = ()

    @property
    def cheap(self) -> Sequence[AnswerModel]:
        """The models for simple questions, and for all once money runs short."""
        return self.small or self.models

    def order(self, asked: Asked, found: Found) -> Sequence[AnswerModel]:
        """The models to try for one question, those that failed falling back on the next; none: it is quoted.

        Simple, well-covered questions go to the small models first, all others to the large ones. What the
        assistant or the creator wants goes before either, as far as the operator has it.
        """
        if not asked.step.may_write:
            return ()
        if asked.step is Step.SMALL:
            tried = list(self.cheap)
        else:
            lists = (self.small, self.models) if is_simple(asked, found) else (self.models, self.small)
            tried = [*lists[0], *lists[1]]
        once = {model.name: model for model in tried}
        first = [once[name] for name in dict.fromkeys(asked.wanted) if name in once]
        return [*first, *(model for name, model in once.items() if name not in asked.wanted)]


def is_simple(asked: Asked, found: Found) -> bool:
    """Whether a small model will do: a short question by itself that one source surely answers in one place.

    All of it holds: high confidence; the places that answer best lie in one source; one of them says at least three
    quarters of the question's terms; it has at most twelve words and leans on no conversation.
    """
    ranking = found.ranking
    return (
        found.confidence is Confidence.HIGH
        and len({start.source_id for start in ranking.starts}) == 1
        and ranking.covered >= WELL_COVERED
        and len(tokens(asked.text)) <= SIMPLE_WORDS
        and not asked.follows
    )
