"""Being led to an answer in place of getting it, and getting it all the same for the asking."""

# ruff: noqa: RUF001 - wishes in several scripts

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
_ABROAD: Final = (
    r"(?:s[óo]lo )?dímelo(?: ya)?|(?:solo )?dime la respuesta",  # es
    r"(?:só )?me (?:diz|diga|diga logo)(?: a resposta)|(?:só )?(?:diga|diz) logo",  # pt
    r"(?:sag|verrat)(?:e? es|e|'s)? mir(?: es)?(?: (?:doch|einfach|bitte|jetzt|schon|endlich))+",  # de
    r"(?:sag|verrat)e? mir (?:(?:bitte|einfach|doch) )*die (?:antwort|lösung)",
    r"dis[- ]le[- ]moi(?: simplement)?|(?:dis|donne)[- ]moi (?:juste |simplement )?la réponse",  # fr
    r"dimmelo(?: e basta)?|(?:dimmi|dammi) (?:solo )?la risposta",  # it
    r"просто (?:скажи|скажите|ответь|ответьте)(?: мне)?(?: ответ)?|(?:скажи|скажите|дай|дайте) (?:мне )?ответ",  # ru
    r"просто (?:скажи|скажіть)(?: мені)?(?: відповідь)?|(?:скажи|скажіть|дай|дайте) (?:мені )?відповідь",  # uk
    r"(?:बस )?(?:मुझे )?(?:जवाब|उत्तर) (?:बता दो|बताओ|बताइए|दे दो)|बस बता (?:दो|दीजिए)",
    r"(?:langsung )?(?:beri ?tahu|katakan|kasih tahu) (?:saja(?: jawabannya)?|jawabannya)(?: saja)?",  # id
    r"(?:sadece |direkt )?(?:cevabı|yanıtı) (?:söyle|ver)|(?:sadece|direkt) söyle",  # tr
    r"(?:请)?直接(?:告诉我|说)(?:答案|吧)?|(?:请)?告诉我答案(?:吧)?",
    r"(?:答え|解答)を教えて(?:ください|よ)?|(?:いいから|すぐ)教えて(?:ください)?",
    r"그냥 (?:알려|말해)(?: ?줘| ?주세요)|(?:정답|답)(?:을)? ?(?:알려|말해)(?: ?줘| ?주세요)",
    r"(?:فقط )?(?:أخبرني|قل لي|أعطني) (?:فقط )?(?:ب)?الإجابة|(?:فقط )?(?:أخبرني|قل لي) فقط|فقط (?:أخبرني|قل لي)",
)
"""The same where nothing else is asked, in the other languages of our own sentences."""
_TOLD_ABROAD: Final = re.compile(
    rf"(?:(?:no|não|nein|non|нет|ні|nee|ok|okay|bitte|por favor|s'il te plaît|per favore|пожалуйста|будь ласка|lütfen"
    rf"|tolong|कृपया|من فضلك),? )*(?:{'|'.join(_ABROAD)})(?:,? (?:por favor|bitte|s'il te plaît|per favore|пожалуйста"
    rf"|будь ласка|lütfen|tolong|من فضلك))?",
    re.IGNORECASE,
)
_ENDS: Final = " \t\n,.:;!?\u00a1\u00bf\u3002\uff01\uff1f\u061f\u0964\u2013\u2014"
_WORD: Final = re.compile(r"\w")


def asked_outright(text: str) -> str | None:
    """What is asked by somebody who wants to be told and not led; None where they do not say so.

    Empty where they only say so, such as "just tell me": then it is about the question before.
    """
    if _TOLD_ABROAD.fullmatch(" ".join(text.replace("\u2019", "'").split()).strip(_ENDS)):
        return ""
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
