"""Being led to an answer in place of getting it, and getting it all the same for the asking."""

import re
from dataclasses import replace
from typing import Final

from core.asking.answer import Answer, Mode, Origin
from core.asking.notices import LOOK_FIRST
from core.asking.writing import Manner

_TOLD: Final = re.compile(
    r"\W*(?:(?:ok|okay|no|yes|please)\W+)*"
    r"(?:(?:just|simply)\s+(?:tell|show|give)\s+me|(?:tell|show|give)\s+me\s+(?=(?:the\s+)?(?:full\s+|whole\s+)?answer\b))"
    r"(?:\s+it)?(?:\s*(?:the\s+)?(?:full\s+|whole\s+)?(?:answer|solution)\b)?(?:\W+please\b)?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_WORD: Final = re.compile(r"\w")


def asked_outright(text: str) -> str | None:
    """What is asked by somebody who wants to be told and not led; None where they do not say so.

    Empty where they only say so, such as "just tell me": then it is about the question before.
    """
    found = _TOLD.fullmatch(text)
    if found is None:
        return None
    rest = found["rest"].strip(" \t\n,.:;!?-\u2013\u2014")
    return found["rest"].strip(" \t\n,.:;-\u2013\u2014") if _WORD.search(rest) else ""


def led(answer: Answer, manner: Manner) -> Answer:
    """Quotes of a tutor show where to look, and not what is said there; what the staff wrote is given as it is.

    No model is at work, so no question is invented that might lead elsewhere. Where it is not sure that these moments
    answer, it says so as ever.
    """
    sentences = tuple(sentence for sentence in answer.sentences if sentence.origin is not Origin.SOURCE)
    if not manner.tutor or answer.mode is not Mode.QUOTED or len(sentences) == len(answer.sentences):
        return answer
    return replace(answer, sentences=sentences, notice=answer.notice or LOOK_FIRST)


def keeps_back(answer: Answer, manner: Manner) -> bool:
    """Whether a tutor has more to tell: a model may only have hinted, and moments are shown without their words."""
    said = {label for sentence in answer.sentences for label in sentence.labels}
    more = answer.mode is Mode.WRITTEN or any(citation.label not in said for citation in answer.citations)
    return manner.tutor and bool(answer.citations) and more
