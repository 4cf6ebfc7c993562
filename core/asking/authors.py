"""Models that word an answer, one after the other until one of them can."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from core.asking.answer import ModelCall, Usage
from core.asking.breaker import Breaker
from core.asking.shortening import shortened
from core.asking.straying import strays
from core.asking.writing import AnswerModel, Draft, DraftSentence, Task
from core.errors import Declined, ProviderError, TooLong

ANSWER: Final = "answer"
"""What a call is for that words an answer."""
ASTRAY: Final = "answered in another language than it was to"
CANCELLED: Final = "cancelled: nobody waited for it any more"
LONGEST_FAILURE: Final = 300


class ModelWatch(Protocol):
    """Hears of models that failed, so that the operator learns of it."""

    def model_failed(self, model: str, error: ProviderError) -> None:
        """Note that a model failed and the next one is tried."""
        ...


class Audience(Protocol):
    """Hears what models write while they write it."""

    def begin(self) -> None:
        """A model starts anew; what the one before it said may be its last."""
        ...

    async def heard(self, sentence: DraftSentence) -> None:
        """The model has closed a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Attempts:
    """What came of asking one model after the other: every call, and the draft of the last; None where all failed."""

    draft: Draft | None
    calls: tuple[ModelCall, ...]

    @property
    def usage(self) -> Usage:
        """What all calls took together."""
        return sum((call.usage for call in self.calls), Usage())


@dataclass(frozen=True, slots=True)
class Authors:
    """Tries models in turn and leaves alone those that fail again and again."""

    watch: ModelWatch
    breaker: Breaker = field(default_factory=Breaker)

    async def write(
        self, models: Sequence[AnswerModel], task: Task, audience: Audience, calls: list[ModelCall]
    ) -> Attempts:
        """Return the draft of the first model that writes one, with all calls that it took.

        ``calls`` has them also where this is cancelled: what was begun may cost.

        An answer in plainly another language than it was to be in counts as a failure, once: the next may know
        better.
        """
        has_strayed = False
        for model in models:
            if not self.breaker.allows(model.name):
                continue
            draft = await self._written(model, task, audience, calls)
            if draft is None:
                continue
            if has_strayed or not _strays(draft, task):
                self.breaker.succeeded(model.name)
                return Attempts(draft, tuple(calls))
            has_strayed = True
            calls[-1] = replace(calls[-1], failure=ASTRAY)
            self._failed(model, Declined(f"{model.name} {ASTRAY}"))
        return Attempts(None, tuple(calls))

    async def _written(
        self, model: AnswerModel, task: Task, audience: Audience, calls: list[ModelCall]
    ) -> Draft | None:
        """What one model writes; where the task is too long for it, it gets a shorter one."""
        for attempt in (task, shortened(task)):
            audience.begin()
            try:
                return await _called(model, attempt, audience, calls)
            except TooLong as error:
                self._failed(model, error)
            except ProviderError as error:
                self._failed(model, error)
                break
        return None

    def _failed(self, model: AnswerModel, error: ProviderError) -> None:
        self.breaker.failed(model.name, error)
        self.watch.model_failed(model.name, error)


async def _called(model: AnswerModel, task: Task, audience: Audience, calls: list[ModelCall]) -> Draft:
    """Call a model, and keep what the call was whatever becomes of it: a call begins and ends here."""
    began_s = time.perf_counter()

    def ended(name: str, usage: Usage | None, first_word_ms: float, failure: str = "") -> None:
        took_ms = 1000 * (time.perf_counter() - began_s)
        calls.append(ModelCall(name, ANSWER, usage or Usage(), round(first_word_ms, 1), round(took_ms, 1), failure))

    try:
        draft = await model.write(task, audience.heard)
    except ProviderError as error:
        ended(model.name, error.usage, error.first_word_ms, str(error)[:LONGEST_FAILURE])
        raise
    except asyncio.CancelledError:
        ended(model.name, None, 0.0, CANCELLED)
        raise
    ended(draft.model, draft.usage, draft.first_word_ms)
    return draft


def _strays(draft: Draft, task: Task) -> bool:
    return draft.covered and strays(" ".join(sentence.text for sentence in draft.sentences), task)
