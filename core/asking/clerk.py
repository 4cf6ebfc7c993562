"""The small models at work on forms: in turn, at a creator's expense, every call recorded."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from core.asking.answer import ModelCall, Usage
from core.asking.authors import CANCELLED, ModelWatch
from core.asking.breaker import Breaker
from core.asking.forms import Filled, Form, FormModel
from core.errors import Declined, FormFailed, ProviderError, TooLong
from core.ids import CreatorId, UsageId

LEAST_S: Final = 0.5
"""Where less is left of the time that a form may take, nobody else is asked."""


class Till(Protocol):
    """A creator's model money for what models do beside answers."""

    async def draw(self, creator_id: CreatorId) -> UsageId | None:
        """Set aside what a call may cost that no question was asked for; None where the rest is for questions."""
        ...

    async def settle(self, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall]) -> None:
        """Put what was really used in the place of what was set aside, and record the calls."""
        ...

    async def charge(self, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall]) -> None:
        """Record calls for a question that is counted and not settled yet."""
        ...


@dataclass(frozen=True, slots=True)
class ModelClerk:
    """See :class:`core.asking.forms.Clerk`."""

    models: Sequence[FormModel]
    till: Till
    watch: ModelWatch
    breaker: Breaker = field(default_factory=Breaker)
    now: Callable[[], float] = time.perf_counter

    async def fill(
        self, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
    ) -> Filled | None:
        """Have a form filled by the first model that can; None where there is no model or money, or none is up now.

        Raises:
            FormFailed: models tried, and none of them could.
        """
        if not self.models:
            return None
        usage_id = question or await self.till.draw(creator_id)
        if usage_id is None:
            return None
        calls: list[ModelCall] = []
        try:
            return await self._filled(form, purpose, calls)
        finally:
            await (self.till.charge if question else self.till.settle)(creator_id, usage_id, calls)

    async def _filled(self, form: Form, purpose: str, calls: list[ModelCall]) -> Filled | None:
        failure: ProviderError | None = None
        began_s = self.now()
        for model in self.models:
            hurried = form if form.within_s is None else replace(form, within_s=began_s + form.within_s - self.now())
            if hurried.within_s is not None and hurried.within_s < LEAST_S:
                break
            if not self.breaker.allows(_counted_as(model, form)):
                continue
            asked_s = self.now()
            try:
                filled = await model.fill(hurried)
            except ProviderError as error:
                failure = error if _was_tried(error) else failure
                self.breaker.failed(_counted_as(model, form), error)
                self.watch.model_failed(model.name, error)
                calls.append(_call(model.name, purpose, error.usage or Usage(), self.now() - asked_s, str(error)))
            except asyncio.CancelledError:
                calls.append(_call(model.name, purpose, Usage(), self.now() - asked_s, CANCELLED))
                raise
            else:
                self.breaker.succeeded(_counted_as(model, form))
                calls.append(_call(filled.model, purpose, filled.usage, self.now() - asked_s))
                return filled
        if failure is not None:
            raise FormFailed(f"no model could fill a form ({purpose}): {failure}") from failure
        return None


def _was_tried(error: ProviderError) -> bool:
    """A service that is down says nothing of a form, and charges nothing for it: it may go well another time."""
    return isinstance(error, (Declined, TooLong)) or error.usage is not None


def _counted_as(model: FormModel, form: Form) -> str:
    """Who is too slow where somebody waits may still be fast enough for the rest."""
    return model.name if form.within_s is None else f"{model.name} in {form.within_s:g} s"


def _call(model: str, purpose: str, usage: Usage, took_s: float, failure: str = "") -> ModelCall:
    took_ms = round(took_s * 1000, 2)
    return ModelCall(model, purpose, usage, 0.0 if failure else took_ms, took_ms, failure)
