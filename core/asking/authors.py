"""Models that word an answer, one after the other until one of them can."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from core.asking.answer import ModelCall, Usage
from core.asking.breaker import Breaker
from core.asking.writing import AnswerModel, Draft, Task
from core.errors import ProviderError

ANSWER: Final = "answer"
"""What a call is for that words an answer."""


class ModelWatch(Protocol):
    """Hears of models that failed, so that the operator learns of it."""

    def model_failed(self, model: str, error: ProviderError) -> None:
        """Note that a model failed and the next one is tried."""
        ...


@dataclass(frozen=True, slots=True)
class Authors:
    """Tries models in turn and leaves alone those that fail again and again."""

    watch: ModelWatch
    breaker: Breaker = field(default_factory=Breaker)

    async def write(self, models: Sequence[AnswerModel], task: Task, calls: list[ModelCall]) -> Draft | None:
        """Return the draft of the first model that writes one, or None; what was tried is added to ``calls``."""
        for model in models:
            if not self.breaker.allows(model.name):
                continue
            began = time.perf_counter()
            try:
                draft = await model.write(task)
            except ProviderError as error:
                self.breaker.failed(model.name, error)
                self.watch.model_failed(model.name, error)
                calls.append(_call(model.name, Usage(), began, str(error)))
            else:
                self.breaker.succeeded(model.name)
                calls.append(_call(draft.model, draft.usage, began))
                return draft
        return None


def _call(model: str, usage: Usage, began: float, failure: str = "") -> ModelCall:
    took_ms = round((time.perf_counter() - began) * 1000, 2)
    return ModelCall(model, ANSWER, usage, 0.0 if failure else took_ms, took_ms, failure)
