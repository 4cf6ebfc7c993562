"""The parts of a question that asks for several things, and what to say where only some of them are covered."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from core.asking.answer import Answer, Outcome
from core.asking.markup import strip_markup
from core.asking.notices import LACKING, ONLY_PARTLY, PARTLY, filled
from core.asking.words import STOP_WORDS, Stemmer, tokens
from core.richtext import one_line

MOST_PARTS: Final = 4
LONGEST_PART: Final = 120
LEAST_WORDS: Final = 2
"""So many content words make a part that is only joined by "and"; "pros and cons" is one thing."""

_QUESTION_END: Final = re.compile(r"(?<=[?\uff1f\u061f])\s*")
_LIST_ITEM: Final = re.compile(r"(?:^|\n)\s*(?:[-*•]|\d{1,2}[.)])\s+")
_AND_ASKS: Final = re.compile(
    r",?\s+(?:and|und|y|et|e)\s+(?:also\s+|then\s+)?(?=(?:how|what|why|when|where|which|who|can|could|should|do|does|is|are"
    r"|wie|was|warum|wann|wo|welche\w?|wer|cómo|qué|cuándo|dónde|cuál|quién|comment|pourquoi|quand|quel\w*|où"
    r"|como|quando|onde|qual|quem|come|perché|dove|quale|chi)\b)",
    re.IGNORECASE,
)
_AND: Final = re.compile(r",?\s+(?:and|und)\s+(?:also\s+)?", re.IGNORECASE)
_PAIRS: Final = re.compile(r"\b(?:between|both|from|along with|zwischen|sowohl)\b", re.IGNORECASE)
"""Words after which an "and" joins what belongs together."""
_ENDS: Final = " ?\uff1f\u061f.,;:!\n"


def parts_of(question: str) -> tuple[str, ...]:
    """Return the parts of a question in its own words; none where it asks for one thing, or it is not clear.

    Two questions, the items of a list, an "and" before a question word, or an "and" with something to either side of
    it that could be asked for alone.
    """
    for pieces, least in (
        (_LIST_ITEM.split(question)[1:], LEAST_WORDS),
        (_QUESTION_END.split(question), 1),
        (_AND_ASKS.split(question), 1),
        (_AND.split(question) if _joins_once(question) else (), LEAST_WORDS),
    ):
        parts = [part for piece in pieces if len(_content(part := one_line(piece).strip(_ENDS))) >= least]
        if len(parts) > 1 and len(parts) == sum(bool(piece.strip(_ENDS)) for piece in pieces):
            return tuple(parts) if len(parts) <= MOST_PARTS else ()
    return ()


def _joins_once(question: str) -> bool:
    return len(_AND.findall(question)) == 1 and not _PAIRS.search(question)


def unsaid(parts: Iterable[str], evidence: str, stem: Stemmer) -> tuple[str, ...]:
    """Of some parts those of which the evidence has no content word at all."""
    said = set(stem(tokens(evidence)))
    return tuple(part for part in parts if said.isdisjoint(stem(_content(part))))


def said_partly(answer: Answer, answered: Sequence[str], missing: Sequence[str], language: str) -> Answer:
    """The same answer with what it does not cover said above it; an answer that is none says that already."""
    if answer.outcome not in {Outcome.ANSWERED, Outcome.CLOSEST}:
        return answer
    notice = _partly([_shown(part) for part in answered], [_shown(part) for part in missing], language)
    return answer.noticed(notice)


def _partly(answered: Sequence[str], missing: Sequence[str], language: str) -> str:
    if not missing:
        return ONLY_PARTLY
    gaps = {"covered": " · ".join(answered), "missing": " · ".join(missing)}
    return filled(PARTLY if answered else LACKING, language, **gaps)


def _shown(part: str) -> str:
    text = strip_markup(part)
    return text if len(text) <= LONGEST_PART else f"{text[:LONGEST_PART].rstrip()} …"


def _content(text: str) -> list[str]:
    return [word for word in tokens(text) if len(word) > 1 and word not in STOP_WORDS]
