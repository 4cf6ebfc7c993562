"""Which sentences stand for a lesson: the central ones that say something new, told by vectors and counting alone."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.words import STOP_WORDS, tokens
from core.study.material import Lesson, NewPoint, PointKind

MOST_POINTS: Final = 15
FEWEST_WORDS, MOST_WORDS = 7, 45
FEWEST_TELLING: Final = 4
"""Words besides stop words that a sentence must have to be understood alone."""
NEIGHBOURS: Final = 0.35
"""Sentences with a cosine of this and more support each other."""
NOVELTY: Final = 0.45
"""Weight of what was said already against how central a sentence is; Carbonell and Goldstein's 1 - lambda."""
TELLING: Final = 0.3
"""What a sentence gains that names the terms of its lesson."""
CONCLUDES: Final = 0.15
"""What one gains that says why, what follows, or what matters."""
POINTS: Final = 2.0
"""What one loses by the share of its words that point at what is on the screen, or tell what is being done."""
EARLY: Final = 0.1
"""What the first sentence of a paragraph, a chapter or the lesson gains: there it is said what follows."""
TOO_ALIKE: Final = 0.8
SECONDS_A_POINT: Final = 60.0
SENTENCES_A_POINT: Final = 5

_LEANS: Final = re.compile(
    r"^(?:and|but|so|or|because|which|that|this|it|he|she|they|these|those|there|then|also|now|okay"
    r"|ok|well|yeah|yes|no"
    r"|yep|yup|right|again|here|notice|finally|instead|afterwards?|will|otherwise|let'?s|i'?m|we'?re"
    r"|i'?ll|we'?ll|um|uh"
    r"|oh|like|just|after that|for here|what this|if you remember|as i said|we (?:have|want"
    r"|basically|then|can (?:now|"
    r"continue))|i (?:also|want|would|can|will)|i'?d|we'?ve|i'?ve|in (?:this|today'?s) (?:video"
    r"|lesson|lecture|chapter))\b",
    re.IGNORECASE,
)
"""A sentence that begins so leans on what was said before, or says what is about to be done."""
_SMALL_TALK: Final = re.compile(
    r"\b(?:welcome|subscribe|thank(?:s| you)|my name is|see you|next (?:time|video|lesson)|in this (?:video|lesson|"
    r"lecture)|comment below|patreon|sponsor|like button|click(?:ing)? (?:here|below|on)|link (?:in"
    r"|below)|today we)\b",
    re.IGNORECASE,
)
_SHOWS: Final = re.compile(
    r"\b(?:right here|over here|as you (?:can )?see|you can see|this guy|these guys)\b", re.IGNORECASE
)
_POINTING: Final = frozenset(
    "here this these that those now i we our us let going gonna see look basically actually just sort kind".split()
)
_CONCLUDES: Final = re.compile(
    r"\b(?:because|which means|means that|so that|in other words|the (?:key|main|whole|important"
    r"|big) |most important|"
    r"always|never|the reason|that is why|rule|matters?|instead of|unless)\b",
    re.IGNORECASE,
)
_ENDS: Final = re.compile(r"[.!\u2026\u3002\uff01][\"'\u2019\u201d)\]]*$")
_BEGINS: Final = re.compile(r"^[\"'\u2018\u201c(\[]*[A-Z0-9\u00c0-\u00de]|^[^\x00-\u024f]")
_FILLERS: Final = frozenset("um uh basically actually kind sort okay gonna yeah guess stuff thing things".split())


def standing_alone(lesson: Lesson) -> NDArray[np.bool_]:
    """Which sentences can be understood without those around them, bool of shape (n_sentences,).

    Where nothing is punctuated, as in automatic captions, beginnings and ends cannot be told and do not count.
    """
    texts = [said.text.strip() for said in lesson.sentences]
    punctuated = sum(bool(_ENDS.search(text)) for text in texts) * 3 > len(texts)
    return np.array([understood_alone(text, punctuated=punctuated) for text in texts], np.bool_)


def understood_alone(text: str, *, punctuated: bool = True) -> bool:
    """Tell whether a sentence says something by itself: whole, long enough, and not about what is being shown."""
    words = tokens(text)
    if not FEWEST_WORDS <= len(words) <= MOST_WORDS or text.endswith("?"):
        return False
    if punctuated and not (_ENDS.search(text) and _BEGINS.search(text)):
        return False
    if _LEANS.search(text) or _SMALL_TALK.search(text) or _SHOWS.search(text):
        return False
    telling = [word for word in words if word not in STOP_WORDS and word not in _FILLERS]
    return len(set(telling)) >= FEWEST_TELLING


def centrality(lesson: Lesson) -> NDArray[np.float64]:
    """How much of a lesson each sentence stands for, shape (n_sentences,), in [0, 1].

    The sum of its cosines with the others that are close enough, of whole vectors or, where there are none, of words.

    Source:
        Degree centrality over a thresholded graph: Erkan and Radev, "LexRank" (2004).
    """
    vectors = lesson.vectors if len(lesson.vectors) else _word_vectors(lesson)
    degrees = np.zeros(len(vectors))
    for first in range(0, len(vectors), 512):  # a lecture of hours never needs its square at once
        cosines = vectors[first : first + 512] @ vectors.T
        degrees[first : first + 512] = np.where(cosines >= NEIGHBOURS, cosines, 0.0).sum(axis=1) - 1.0
    top = degrees.max(initial=0.0)
    return np.sqrt(np.clip(degrees / top, 0.0, None)) if top > 0 else np.zeros(len(vectors))


def _word_vectors(lesson: Lesson) -> NDArray[np.float32]:
    """Words of each sentence as a row of length 1, for a lesson without vectors."""
    ids = sorted({int(term) for terms in lesson.terms for term in terms})
    column = {term: number for number, term in enumerate(ids)}
    rows = np.zeros((len(lesson.terms), max(len(ids), 1)), np.float32)
    for row, terms in zip(rows, lesson.terms, strict=True):
        np.add.at(row, [column[int(term)] for term in terms], 1.0)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, norms, out=rows, where=norms > 0)
    return rows


def summary(
    lesson: Lesson, central: NDArray[np.float64], terms: Sequence[str], chapter_starts: Sequence[int]
) -> list[NewPoint]:  # fmt: skip
    """Pick the sentences that together say most of a lesson; their weights fall in the order of picking.

    Args:
        lesson: what was said.
        central: how much each sentence stands for, shape (n_sentences,).
        terms: the key terms of the lesson, the most telling first.
        chapter_starts: the positions at which its chapters begin.

    Source:
        Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking" (1998).
    """
    fit = standing_alone(lesson)
    if not fit.any():
        return []
    scores = central + _substance(lesson, terms) + EARLY * _opens(lesson, chapter_starts)
    most = min(MOST_POINTS, max(3, _worth(lesson)))
    parts = np.searchsorted(np.array(chapter_starts, np.int64), np.arange(len(fit)), side="right")
    picked = _diverse(np.where(fit, scores - scores.min() + 1.0, -1.0), lesson.vectors, parts, most)
    return [_point(lesson, at, 1.0 - rank / MOST_POINTS) for rank, at in enumerate(picked)]


def _point(lesson: Lesson, at: int, weight: float) -> NewPoint:
    quote = lesson.quoted(at, at)
    return NewPoint(PointKind.SUMMARY, at, at, quote, quote, round(weight, 3))


def _substance(lesson: Lesson, terms: Sequence[str]) -> NDArray[np.float64]:
    """What a sentence says about the subject, beyond being like the others."""
    wanted = [set(tokens(term)) for term in terms[:10]]
    found = np.zeros(len(lesson.sentences))
    for at, said in enumerate(lesson.sentences):
        words = tokens(said.text)
        named = sum(term <= set(words) for term in wanted)
        pointing = sum(word in _POINTING for word in words) / max(len(words), 1)
        found[at] = TELLING * min(named, 3) / 3 + CONCLUDES * bool(_CONCLUDES.search(said.text)) - POINTS * pointing
    return found


def _worth(lesson: Lesson) -> int:
    """How many points a lesson of this length is worth."""
    if lesson.heard and lesson.duration_s:
        return round(lesson.duration_s / SECONDS_A_POINT)
    return len(lesson.sentences) // SENTENCES_A_POINT


def _opens(lesson: Lesson, chapter_starts: Sequence[int]) -> NDArray[np.float64]:
    opens = np.zeros(len(lesson.sentences))
    opens[[at + ahead for at in (0, *chapter_starts) for ahead in (0, 1) if at + ahead < len(opens)]] = 1.0
    return opens


def _diverse(
    scores: NDArray[np.float64], vectors: NDArray[np.float32], parts: NDArray[np.int64], most: int
) -> list[int]:  # fmt: skip
    """Positions in the order in which they are picked, each the best that is not like those before.

    No part of the lesson has two more than another that has any left to give.
    """
    picked: list[int] = []
    likeness = np.zeros(len(scores))
    given = np.zeros(int(parts.max(initial=0)) + 1)
    while len(picked) < most:
        open_to = (scores >= 0) & (likeness < TOO_ALIKE)
        open_to[picked] = False
        if not open_to.any():
            break
        fewest = given[np.unique(parts[open_to])].min()
        gains = np.where(open_to & (given[parts] <= fewest + 1), scores - NOVELTY * likeness, -np.inf)
        best = int(gains.argmax())
        picked.append(best)
        given[parts[best]] += 1
        if len(vectors):
            likeness = np.maximum(likeness, vectors @ vectors[best])
    return picked
