"""The key terms of a lesson, each with the moment at which it is explained, or else first used to say something."""

import re
from collections import Counter
from collections.abc import Sequence
from math import log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.words import STOP_WORDS, Stemmer
from core.library.topics import topics
from core.study.material import Lesson, NewPoint, PointKind

MOST_TERMS: Final = 15
MOST_CANDIDATES: Final = 30
LEAST_USES: Final = 2
LONGER_SHARE: Final = 0.6
"""A term that stands beside the same word this often is part of a longer one."""
EXPLAINED: Final = 1.5
"""What a term gains whose meaning is said."""
MODIFIES: Final = 0.55
"""A word that stands before a telling word this often describes, and names nothing."""
_NO_NAMES: Final = frozenset(
    "every single plus respect whole entire actual certain next last many much more most own "
    "correct exact negative positive various big little".split()
)
_EXPLAINS: Final = (
    r"^(?:(?:so|now|and|well|basically|okay),? )*(?:(?:the|a|an) )?{}(?:, [^,]+,)? (?:(?:is|are) (?:just |simply "
    r"|basically |really |nothing but |essentially )?(?:(?:a|an|the|one of)\b(?! (?:same|bit|little"
    r"|lot|tiny|problem|good"
    r"|case|reason)\b)|called|known as|defined as|what|where|when|how )|means\b|mean (?:that )?"
    r"|refers? to|stands? for"
    r"|says\b|consists? of|tells? (?:you|us)\b|describes?\b)(?:\W+\w+){{4}}",
    r"\b(?:called|known as|call (?:it|them|(?:this|that)(?= (?:a|an|the)\b))) (?:the |a |an "
    r")?{}(?:[.,;:!?]|$| (?:and|or|"
    r"because|which|is|in|for)\b)",
    r"\bwhich we call {}\b",
)
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def key_terms(lesson: Lesson, central: NDArray[np.float64], stem: Stemmer) -> list[NewPoint]:
    """Return a lesson's terms, the most telling first: names of the glossary, names and nouns, and runs of them.

    Args:
        lesson: what was said.
        central: how much each sentence stands for, shape (n_sentences,).
        stem: brings the forms of a word together.

    Source:
        Longer terms before those inside them as in the C-value: Frantzi, Ananiadou and Mima, "Automatic Recognition
        of Multi-Word Terms" (2000); what is rare in the creator's other sources tells more, as in TF-IDF.
    """
    texts = [said.text for said in lesson.sentences]
    found = topics(texts, stem, language=lesson.language, background=lesson.background, most=MOST_CANDIDATES)
    longer = [_as_said(_lengthened(term, texts), texts) for term in found]
    candidates = list(dict.fromkeys([*_names(lesson.names, texts), *longer]))
    points: list[tuple[float, NewPoint]] = []
    for rank, term in enumerate(candidates):
        uses = [at for at, text in enumerate(texts) if _uses(term, text)]
        if term in lesson.names or (len(uses) >= LEAST_USES and not _describes(term, texts)):
            points.append(_term(lesson, term, uses, central, 1.0 - rank / (2 * MOST_CANDIDATES)))
    best = sorted(points, key=lambda scored: -scored[0])[:MOST_TERMS]
    return [point for _, point in best]


def _names(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    return [name for name in names if any(_uses(name, text) for text in texts)]


def _uses(term: str, text: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(term)}(?:e?s)?(?!\w)", text, re.IGNORECASE))


def _lengthened(term: str, texts: Sequence[str]) -> str:
    """The longer term that a term is mostly part of; one word more at most."""
    behind: Counter[str] = Counter()
    before: Counter[str] = Counter()
    uses = 0
    pattern = re.compile(rf"(?:([^\W_]+) )?(?<!\w){re.escape(term)}(?!\w)(?: ([^\W_]+))?", re.IGNORECASE)
    for text in texts:
        for found in pattern.finditer(text):
            uses += 1
            before.update(_telling(found[1]))
            behind.update(_telling(found[2]))
    for counter, form in ((behind, "{0} {1}"), (before, "{1} {0}")):
        if counter and (top := counter.most_common(1)[0])[1] >= max(LONGER_SHARE * uses, LEAST_USES):
            return form.format(term, top[0])
    return term


def _as_said(term: str, texts: Sequence[str]) -> str:
    """A term in the spelling that is used most."""
    pattern = re.compile(rf"(?<!\w){re.escape(term)}(?!\w)", re.IGNORECASE)
    forms = Counter(found[0] for text in texts for found in pattern.finditer(text))
    return min(forms, key=lambda form: (-forms[form], form)) if forms else term


def _describes(term: str, texts: Sequence[str]) -> bool:
    """Tell whether a word mostly stands before what it describes, as adjectives do."""
    if term.casefold() in _NO_NAMES or any(word in _NO_NAMES for word in term.casefold().split()):
        return True
    pattern = re.compile(rf"(?<!\w){re.escape(term)}(?:e?s)?(?!\w)(?: ([^\W_]+))?", re.IGNORECASE)
    behind = [found[1] for text in texts for found in pattern.finditer(text)]
    return " " not in term and sum(bool(_telling(word)) for word in behind) > MODIFIES * len(behind)


def _telling(word: str | None) -> list[str]:
    plain = (word or "").casefold()
    return (
        [plain] if len(plain) > 2 and plain.isalpha() and plain not in STOP_WORDS and not plain.endswith("ly") else []
    )


def explains(term: str, text: str) -> bool:
    """Tell whether a sentence says what a term means: what it is, means or does, or what is called so."""
    name = rf"{re.escape(term)}(?:e?s)?"
    return any(re.search(form.format(name), text.strip(), re.IGNORECASE) for form in _EXPLAINS)


def _term(
    lesson: Lesson, term: str, uses: Sequence[int], central: NDArray[np.float64], telling: float
) -> tuple[float, NewPoint]:
    """A term with its score; its moment is where it is explained, else where most is said with it."""
    told = [at for at in uses if explains(term, lesson.sentences[at].text)]
    at = told[0] if told else max(uses, key=lambda use: (float(central[use]), -use))
    score = telling * log2(1 + len(uses)) * log2(1 + len(_WORD.findall(term))) + EXPLAINED * bool(told)
    quote = lesson.quoted(at, at)
    weight = round(min(score / 8.0, 1.0), 3)
    return score, NewPoint(PointKind.TERM, at, at, quote, term, weight, notes=quote if told else "")
