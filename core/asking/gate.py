"""Whether the material says it at all: a creator's own cut-off, and what the evidence must contain."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from core.asking.answer import Confidence
from core.asking.ranking import SearchQuery, rank
from core.asking.snapshot import Snapshot
from core.asking.words import tokens

SHOWS_ABOVE: Final = 2.35
"""Deviations above unrelated questions from which there is anything to show."""
ANSWERS_ABOVE: Final = 3.0
SURE_ABOVE: Final = 5.0

UNRELATED_SHARE: Final = 0.95
"""The rest of the questions, those with the highest values, may have an answer here after all."""

SMALLEST_DEVIATION: Final = 0.02

_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_NEGATIONS: Final = frozenset(
    {"not", "no", "never", "without", "cannot", "nobody", "nothing", "none", "neither", "nor"}
)
_SHORT_NEGATION: Final = re.compile(r"\w+n['\u2019]t\b", re.IGNORECASE)


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


def unsupported_terms(question: str, evidence: str) -> tuple[str, ...]:
    """Return the numbers of a question, and "not" where it denies, that the evidence lacks.

    Where anything is returned the evidence is at most the closest there is.
    """
    present = set(_NUMBER.findall(evidence))
    missing = [number for number in dict.fromkeys(_NUMBER.findall(question)) if number not in present]
    if _denies(question) and not _denies(evidence):
        missing.append("not")
    return tuple(missing)


def _denies(text: str) -> bool:
    return bool(_SHORT_NEGATION.search(text)) or not _NEGATIONS.isdisjoint(tokens(text))
