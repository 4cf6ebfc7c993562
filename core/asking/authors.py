"""Models that word an answer, one after the other until one of them can."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.asking.breaker import Breaker
from core.asking.writing import AnswerModel, Draft, Task
from core.errors import ProviderError


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

    async def write(self, models: Sequence[AnswerModel], task: Task) -> Draft | None:
        """Return the draft of the first model that writes one; None where none does."""
        for model in models:
            if not self.breaker.allows(model.name):
                continue
            try:
                draft = await model.write(task)
            except ProviderError as error:
                self.breaker.failed(model.name, error)
                self.watch.model_failed(model.name, error)
            else:
                self.breaker.succeeded(model.name)
                return draft
        return None
