"""Answers that a model was paid for, kept in memory for the next person who asks exactly the same."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from core.asking.answer import Answer, Mode, Usage
from core.asking.writing import Wishes
from core.tiers import Scope

MOST_ANSWERS: Final = 5_000
LIFETIME_S: Final = 3_600.0
USUAL: Final = Wishes()


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """All that an answer without a conversation depends on, beside the models, which one process never changes.

    ``manner`` names the assistant with the version of its prompt.

    The corpus version moves with every change of what can be answered from, so that nothing removed is said again.
    """

    scope: Scope
    corpus_version: int
    language: str
    question: str
    manner: str = ""
    wishes: Wishes = USUAL


class AnswerCache:
    """Written answers by key, the least recently used given up first."""

    def __init__(
        self, most: int = MOST_ANSWERS, lifetime_s: float = LIFETIME_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept: OrderedDict[AnswerKey, tuple[float, Answer]] = OrderedDict()
        self._most = most
        self._lifetime_s = lifetime_s
        self._now = now

    def find(self, key: AnswerKey) -> Answer | None:
        """The answer that was kept, as one that costs nothing now; None where there is none any more."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        until, answer = kept
        if until <= self._now():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return replace(answer, usage=Usage(), calls=())

    def keep(self, key: AnswerKey, answer: Answer) -> None:
        """Keep an answer that a model wrote; a quote is found again as fast, and a refusal may be wrong tomorrow."""
        if answer.mode is not Mode.WRITTEN or not answer.citations:
            return
        self._kept[key] = (self._now() + self._lifetime_s, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
