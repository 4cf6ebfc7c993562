"""Questions made by leaving a term out of the sentence that explains it; no model is asked.

A question is kept only where its sentence answers it, and neither its own words nor the look of its options do.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from core.asking.claims import negated
from core.asking.words import STOP_WORDS, tokens
from core.study.material import Lesson, NewPoint, PointKind
from core.study.terms import explains

MOST_QUESTIONS: Final = 6
OPTIONS: Final = 4
BLANK: Final = "_____"
LENGTHS: Final = 2.2
"""No option is longer than another by more than this factor."""
FEWEST_WORDS, MOST_WORDS = 8, 40
_WHOLE: Final = re.compile(r"^[\"'\u201c(]*(?!(?:So|And|But|Oops|Now|Okay)\b)[A-Z0-9].*[.!][\"'\u201d)]*$")
_POINTS: Final = re.compile(r"\b(?:here|these|those|i|we|that's|it's|this is)\b", re.IGNORECASE)
"""A sentence that points at what is shown, or tells what is being done, asks for nothing outside of its moment."""
_VOWEL: Final = re.compile(r"[aeiou]", re.IGNORECASE)


def cloze_questions(lesson: Lesson, terms: Sequence[NewPoint], others: Sequence[str]) -> list[NewPoint]:
    """Return drafts of questions, each about a term that one of the lesson's sentences explains.

    Args:
        lesson: what was said.
        terms: its key terms.
        others: terms of the creator's other sources, which may be wrong options, too.
    """
    pool = list(dict.fromkeys([*(term.text for term in terms), *others]))
    found = [
        draft
        for term in terms
        if term.notes and (draft := _question(lesson, term, list(_similar(term.text, pool)))) is not None
    ]
    return found[:MOST_QUESTIONS]


def _question(lesson: Lesson, term: NewPoint, options: Sequence[str]) -> NewPoint | None:
    sentence = term.quote
    if (
        not explains(term.text, sentence)
        or negated(sentence)
        or not FEWEST_WORDS <= len(tokens(sentence)) <= MOST_WORDS
    ):
        return None
    pattern = re.compile(rf"(?<!\w){re.escape(term.text)}(?!\w)", re.IGNORECASE)
    if not _WHOLE.search(sentence) or _POINTS.search(sentence):
        return None
    if len(pattern.findall(sentence)) != 1 or _given_away(term.text, pattern.sub(" ", sentence)):
        return None
    wrong = [option for option in options if _fits_into(sentence, term.text, option)]
    if len(wrong) < OPTIONS - 1:
        return None
    asked = f"What is missing here? “{pattern.sub(BLANK, sentence)}”"
    place = sum(sentence.encode()) % OPTIONS
    shown = wrong[: OPTIONS - 1]
    shown.insert(place, term.text)
    return NewPoint(
        PointKind.QUIZ, term.first, term.last, sentence, asked, term.weight,
        notes=f"In the lesson: “{sentence}”", options=tuple(_alike(shown)), right=place,
    )  # fmt: skip


def _given_away(answer: str, rest: str) -> bool:
    """Tell whether a word of the answer, or one of its family, stands in the rest of the sentence."""
    family = {word[:5] for word in tokens(answer) if word not in STOP_WORDS}
    return bool(family & {word[:5] for word in tokens(rest)})


def _similar(answer: str, pool: Sequence[str]) -> Iterator[str]:
    """Yield terms that look like this one: as many words, about as long, as many of it, a name or not."""
    words = {word[:5] for word in tokens(answer)}
    for other in pool:
        lengths = sorted((len(answer), len(other)))
        if (
            not words & {word[:5] for word in tokens(other)}
            and abs(len(answer.split()) - len(other.split())) <= 1
            and lengths[1] <= LENGTHS * lengths[0]
            and answer.endswith("s") == other.endswith("s")
            and _looks(answer) == _looks(other)
        ):
            yield other


def _looks(term: str) -> tuple[bool, bool]:
    return term[:1].isupper(), any(mark.isdigit() for mark in term)


def _fits_into(sentence: str, answer: str, option: str) -> bool:
    """Not said there itself, and behind "a" or "an" not told from the answer by its sound."""
    if re.search(rf"(?<!\w){re.escape(option)}", sentence, re.IGNORECASE):
        return False
    article = re.search(rf"\ban? (?={re.escape(answer)})", sentence, re.IGNORECASE)
    return article is None or bool(_VOWEL.match(answer)) == bool(_VOWEL.match(option))


def _alike(options: Sequence[str]) -> list[str]:
    """In one spelling, so that a capital tells nothing."""
    return [option[:1].upper() + option[1:] for option in options]
