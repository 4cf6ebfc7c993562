"""Whether the material says it at all: a creator's own cut-off, and what the evidence must contain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from core.asking.answer import Confidence
from core.asking.claims import names, negated, numbers, spoken_words
from core.asking.ranking import SearchQuery, rank
from core.asking.snapshot import Snapshot

SHOWS_ABOVE: Final = 2.35
"""Deviations above unrelated questions from which there is anything to show."""
ANSWERS_ABOVE: Final = 3.0
SURE_ABOVE: Final = 5.0

UNRELATED_SHARE: Final = 0.95
"""The rest of the questions, those with the highest values, may have an answer here after all."""

SMALLEST_DEVIATION: Final = 0.02

LEAST_COVERED: Final = 0.4
"""Quotes that say less than this share of the question are at most the closest there is."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The gate values of unrelated questions for one creator and embedder: their mean and standard deviation."""

    mean: float
    deviation: float


def null_questions() -> tuple[str, ...]:
    """Return questions of everyday life that hardly any creator's material answers."""
    text = resources.files("core.asking").joinpath("null_questions.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line)


def calibrate(snapshot: Snapshot, unrelated: Iterable[SearchQuery]) -> Cutoff:
    """Find a creator's cut-off without labels, from questions that have nothing to do with the material.

    Raises:
        ValueError: there are no such questions.
    """
    return cutoff_of([rank(snapshot, query, limit=1).gate for query in unrelated])


def cutoff_of(gates: Sequence[float]) -> Cutoff:
    """Find a cut-off from the gate values of unrelated questions.

    Raises:
        ValueError: there are none.
    """
    kept = np.sort(gates)[: round(len(gates) * UNRELATED_SHARE)]
    if len(kept) == 0:
        raise ValueError("a cut-off needs questions to be found from")
    return Cutoff(float(kept.mean()), max(float(kept.std()), SMALLEST_DEVIATION))


def confidence(gate: float, cutoff: Cutoff) -> Confidence:
    """Say how far the gate value of a question lies above those of unrelated questions."""
    deviations = (gate - cutoff.mean) / cutoff.deviation
    if deviations < SHOWS_ABOVE:
        return Confidence.NONE
    if deviations < ANSWERS_ABOVE:
        return Confidence.LOW
    return Confidence.HIGH if deviations >= SURE_ABOVE else Confidence.MEDIUM


def answers_by_itself(question: str, quoted: str, covered: float) -> bool:
    """Tell whether quotes, which nobody has read, may stand as an answer; else they are the closest there is.

    The numbers and names of the question must occur in them, and where it denies they must deny.

    Args:
        question: as it was asked.
        quoted: the quotes with their titles.
        covered: the share of the question's terms that the quotes say, in [0, 1].
    """
    return covered >= LEAST_COVERED and says_its_claims(question, quoted)


def says_its_claims(question: str, text: str) -> bool:
    """Tell whether the numbers and names of a question occur in a text, which denies something where it does."""
    lacking = numbers(question) - numbers(text, loose=True) | names(question) - spoken_words(text)
    denied_by_nobody = negated(question) and not negated(text, loose=True)
    return not lacking and not denied_by_nobody
