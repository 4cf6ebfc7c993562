"""The second that a link opens: where an answer most likely begins within the next ten seconds.

The sentence that looks most like the question often comes after the one with which the answer begins. So every
beginning counts for what may begin within ten seconds from it, and the link opens at the first sentence of those
seconds that is about the question too.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.lexical import Floats, Positions

LEAD_S: Final = 10.0
"""At most this long before the best sentence a link may open."""
SPREAD: Final = 0.15
"""A sentence whose score is lower by this is less likely to be the answer by a factor of e."""
ON_SUBJECT: Final = 0.4
"""A sentence with this share of the best one's closeness may lead in, even if it has no word of the question."""

_APART: Final = 1e7
"""Seconds between any two sources on the line that all moments are laid on; longer than any recording."""

Chances = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Sentences that may be where an answer begins; k of them.

    Attributes:
        moments: float64 (k,), when each is said, in seconds on one line on which sources lie far apart; sentences
            that were never said lie far apart from one another.
        scores: float32 (k,), how good each is as the beginning of the answer.
        close: float32 (k,), the cosine of each with the question.
        on_subject: bool (k,), those that have a word of the question.
    """

    moments: Chances
    scores: Floats
    close: Floats
    on_subject: Flags


def on_one_line(place: Positions, starts_s: Floats) -> Chances:
    """Return the moments of sentences on one line, float64 (k,).

    Args:
        place: int64 (k,), equal for the sentences of one recording and different for all others.
        starts_s: float32 (k,), seconds within the recording.
    """
    return place.astype(np.float64) * _APART + starts_s


def chances(scores: Floats) -> Chances:
    """Return how likely each of the candidates is the answer, float64 (k,), adding up to 1."""
    weights = np.exp((scores - scores.max()).astype(np.float64) / SPREAD)
    likely: Chances = weights / weights.sum()
    return likely


def openings(beginnings: Beginnings, most: int, besides: Flags | None = None) -> list[int]:
    """Choose where links open, best first, more than ten seconds apart.

    Args:
        beginnings: where they may open.
        most: most of them to return.
        besides: bool (k,), those that none may open at.

    Returns:
        Indices into the beginnings.
    """
    order = np.argsort(beginnings.moments, kind="stable")
    moments, likely = beginnings.moments[order], chances(beginnings.scores)[order]
    free = np.ones(len(order), np.bool_) if besides is None else ~besides[order]
    found: list[int] = []
    while free.any() and len(found) < most:
        ahead = _ahead(moments, np.where(free, likely, 0.0))
        at = int(np.where(free, ahead, -1.0).argmax())
        soon = order[at : np.searchsorted(moments, moments[at] + LEAD_S, side="right")]
        opened = _lead_in(beginnings, soon[free[at : at + len(soon)]])
        found.append(opened)
        free &= np.abs(moments - beginnings.moments[opened]) > LEAD_S
    return found


def _ahead(moments: Chances, likely: Chances) -> Chances:
    """Add up what is likely from each moment on for ten seconds."""
    total = np.concatenate([[0.0], np.cumsum(likely)])
    begin = np.searchsorted(moments, moments)
    ahead: Chances = total[np.searchsorted(moments, moments + LEAD_S, side="right")] - total[begin]
    return ahead


def _lead_in(beginnings: Beginnings, soon: Positions) -> int:
    """Return the first of these sentences that is about the question too; at the latest the best of them."""
    best = soon[beginnings.scores[soon].argmax()]
    related = beginnings.close[soon] > ON_SUBJECT * beginnings.close[best]
    return int(soon[(related | beginnings.on_subject[soon] | (soon == best)).argmax()])
