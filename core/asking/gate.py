"""Whether the material says it at all: a creator's own cut-off, and what the evidence must contain."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Final

import numpy as np

from core.asking.ranking import SearchQuery, rank
from core.asking.snapshot import Snapshot
from core.asking.words import tokens

ANSWERS_ABOVE: Final = 3.0
"""Deviations above unrelated questions from which evidence counts as more than the closest there is."""
SURE_ABOVE: Final = 5.0
ABSTAINS_BELOW: Final = 2.0

_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_NEGATIONS: Final = frozenset(
    {"not", "no", "never", "without", "cannot", "nobody", "nothing", "none", "neither", "nor"}
)
_SHORT_NEGATION: Final = re.compile(r"\w+n['\u2019]t\b", re.IGNORECASE)


class Confidence(StrEnum):
    """How sure the engine is that the material answers: high and medium answer, low shows the closest moments."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


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
    """Find a creator's cut-off without labels, from questions that have nothing to do with the material."""
    gates = np.array([rank(snapshot, query, limit=1).gate for query in unrelated], np.float64)
    if len(gates) == 0:
        return Cutoff(0.0, 1.0)
    return Cutoff(float(gates.mean()), max(float(gates.std()), 1e-3))


def confidence(gate: float, cutoff: Cutoff) -> Confidence:
    """Say how far the gate value of a question lies above those of unrelated questions."""
    deviations = (gate - cutoff.mean) / cutoff.deviation
    if deviations < ABSTAINS_BELOW:
        return Confidence.NONE
    if deviations < ANSWERS_ABOVE:
        return Confidence.LOW
    return Confidence.HIGH if deviations >= SURE_ABOVE else Confidence.MEDIUM


def unsupported_terms(question: str, evidence: str) -> tuple[str, ...]:
    """Return the numbers of a question, and "not" where it denies, that the evidence lacks; then do not quote it as an answer."""
    numbers = dict.fromkeys(_NUMBER.findall(question))
    present = set(_NUMBER.findall(evidence))
    missing = [number for number in numbers if number not in present]
    if _denies(question) and not _denies(evidence):
        missing.append("not")
    return tuple(missing)


def _denies(text: str) -> bool:
    return bool(_SHORT_NEGATION.search(text)) or not _NEGATIONS.isdisjoint(tokens(text))
