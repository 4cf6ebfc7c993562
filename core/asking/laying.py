"""Which passages are shown: laid without overlap, so that none repeats what another one shows."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from core.asking.lexical import Floats, Positions
from core.asking.opening import Chances

SHORTEST_SPAN_WORDS: Final = 90
"""What the passages before leave of another one must still have so many words to be shown."""
SHORTEST_FACT_WORDS: Final = 60
"""The same where one sentence is asked for, which may be the one just before."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ground:
    """Passages to choose from, ascending, each from a sentence forward; k of them.

    Attributes:
        first, last: int64 (k,), their first and last units, inclusive.
        total_words: int64 (n + 1,), words of all units before.
        source_words: int64 (k,), words of the whole source of each.
    """

    first: Positions
    last: Positions
    total_words: Positions
    source_words: Positions

    def left_of(self, at: int, shown: list[Span], shortest: int) -> Span | None:
        """What of a passage is not shown yet, None where that is too little."""
        span = _freed((int(self.first[at]), int(self.last[at])), shown)
        if span is None or self.total_words[span[1] + 1] - self.total_words[span[0]] < min(
            shortest, self.source_words[at]
        ):
            return None
        return span


def lay_by_fit(ground: Ground, start: int, fit: Floats, limit: int) -> list[tuple[Span, float]]:
    """Lay the passage of the best start, then the rest by how well each as a whole fits the question."""
    laid = [((int(ground.first[start]), int(ground.last[start])), float(fit.max()))]
    for at in np.argsort(-fit, kind="stable"):
        if len(laid) >= limit:
            break
        span = ground.left_of(int(at), [shown for shown, _ in laid], SHORTEST_SPAN_WORDS)
        if span:
            laid.append((span, float(fit[at])))
    return laid


def lay_by_chance(ground: Ground, start: int, likely: Chances, limit: int) -> list[tuple[Span, float]]:
    """Lay the passage of the best start, then always the one with the most chances that no other one shows yet."""
    laid: list[tuple[Span, float]] = [((int(ground.first[start]), int(ground.last[start])), 1.0)]
    past_last = np.searchsorted(ground.first, ground.last, side="right")
    open_, left = np.ones(len(likely), np.bool_), likely.copy()
    _show(ground, left, laid[0][0])
    while len(laid) < limit and open_.any():
        total = np.concatenate([[0.0], np.cumsum(left)])
        inside = np.where(open_, total[past_last] - total[: len(left)], -1.0)
        at = int(inside.argmax())
        open_[at] = False
        span = ground.left_of(at, [shown for shown, _ in laid], SHORTEST_FACT_WORDS)
        if span:
            laid.append((span, float(inside[at])))
            _show(ground, left, span)
    return laid


def _show(ground: Ground, left: Chances, span: Span) -> None:
    """Take away the chances of what is shown by now."""
    left[np.searchsorted(ground.first, span[0]) : np.searchsorted(ground.first, span[1], side="right")] = 0.0


def _freed(span: Span, taken: list[Span]) -> Span | None:
    """Cut off what other spans already show."""
    first, last = span
    for begin, end in taken:
        if begin <= last and end >= first:
            first, last = (first, begin - 1) if begin > first else (end + 1, last)
    return (first, last) if last >= first else None
