"""Leaving a model alone that fails again and again, so that nobody waits for what will not come."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from core.errors import Declined, ProviderBusy, ProviderError, ProviderUsedUp, TooLong

FAILURES: Final = 5
"""So many in a row, and a model is left alone."""
FIRST_REST_S: Final = 15.0
LONGEST_REST_S: Final = 600.0
USED_UP_REST_S: Final = 300.0


@dataclass(slots=True)
class _Model:
    failures: int = 0
    rests_until_s: float = 0.0


@dataclass(slots=True)
class Breaker:
    """Counts failures by model. After a rest one question tries it again: the next rest is twice as long, or none."""

    now: Callable[[], float] = time.monotonic
    _models: dict[str, _Model] = field(default_factory=dict)

    def allows(self, model: str) -> bool:
        """Whether a model may be asked now; the first to hear so after a rest is the only one for as long again."""
        kept = self._models.get(model)
        if kept is None or not kept.rests_until_s:
            return True
        if self.now() < kept.rests_until_s:
            return False
        kept.rests_until_s = self.now() + _rest_s(kept.failures) if kept.failures >= FAILURES else 0.0
        return True

    def succeeded(self, model: str) -> None:
        """A model answered."""
        self._models.pop(model, None)

    def failed(self, model: str, error: ProviderError) -> None:
        """A model failed; one that is asked to wait, or out of credit, is left alone at once.

        What lies in a single question counts for nothing: nobody else is to do without the model for it.
        """
        if isinstance(error, (Declined, TooLong)):
            return
        kept = self._models.setdefault(model, _Model())
        kept.failures += 1
        asked_s = error.retry_after_s if isinstance(error, ProviderBusy) and error.retry_after_s else 0.0
        if isinstance(error, ProviderUsedUp):
            asked_s = USED_UP_REST_S
        rest_s = _rest_s(kept.failures) if kept.failures >= FAILURES else 0.0
        if rest_s or asked_s:
            kept.rests_until_s = self.now() + max(min(asked_s, LONGEST_REST_S), rest_s)


def _rest_s(failures: int) -> float:
    doubled = max(failures - FAILURES, 0)
    return min(FIRST_REST_S * 2.0 ** min(doubled, 10), LONGEST_REST_S)
