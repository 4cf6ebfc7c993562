"""Somebody says that an answer is wrong: what they object to is looked for again, and only the material decides.

An objection is known by its form, in the languages that questions come in. What is said besides it ("no, it takes
three coats") is looked for together with the question that it is about.
"""

# ruff: noqa: RUF001 - phrases of several scripts

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.asking.answer import Answer, Citation
from core.asking.holdings import Span
from core.asking.notices import AGAIN_NOTHING, AGAIN_OTHERS, AGAIN_SAME, NOT_COVERED, NOT_COVERED_HERE
from core.asking.ranking import Ranking
from core.asking.writing import Turn
from core.ids import SourceId

MOST_OF_IT: Final = 0.7
"""So much of a question other moments have to say, before they are shown as an answer in place of the first."""
LONGEST_OBJECTION: Final = 200
"""Characters; who writes more is asking something."""
MOST_REST: Final = 12
"""Words besides the objection."""

_SUBJECT: Final = r"(?:that|this|it|your answer|the answer|that answer|what you (?:said|say|wrote))"
_SPEAKER: Final = (
    r"(?:he|she|they|you|i|we|nobody|the (?:video|creator|teacher|author|lesson|document|speaker|instructor))"
)
_NOT: Final = r"(?:n'?t| not)"
_SO: Final = r"(?:(?:just|totally|completely|simply|actually|really|so|clearly|definitely|also|still) )*"
_WRONG: Final = (
    r"(?:wrong|incorrect|false|untrue|nonsense|mistaken|a mistake|an error|bullshit|bs|made up|a lie|not "
    r"(?:right|true|correct|accurate))"
)
_ENGLISH: Final = (
    rf"{_SUBJECT}(?:'?s| is| was| are| sounds| seems| looks) {_SO}{_WRONG}",
    rf"{_SUBJECT}(?:'?s| is| was)?{_NOT} {_SO}(?:right|true|correct|accurate|it|so|what {_SPEAKER} .{{1,40}})",
    rf"{_SUBJECT} (?:cannot|can'?t|can not) be (?:right|true|correct)",
    rf"(?:you(?:'?re| are|r)|ur|u r) {_SO}(?:{_WRONG})",
    r"(?:are )?(?:you|u) (?:really |absolutely |quite )?sure(?: (?:about|of) (?:that|this|it))?",
    r"(?:i )?(?:don'?t|do not) (?:think so|believe (?:that|you|it|this)|think (?:that|this|it)(?:'?s| is) "
    r"(?:right|true|correct))",
    r"i (?:disagree|doubt (?:it|that|this))(?: with (?:that|this|you))?",
    rf"{_SPEAKER} (?:does|do|did){_NOT} (?:say|mean) (?:that|this|it|so)",
    rf"{_SPEAKER} never (?:said|says|say|meant) (?:that|this|it|so)",
    rf"{_SO}{_WRONG}(?: answer)?",
    r"(?:please )?(?:check|look|try|search)(?: (?:that|it|this))? (?:again|once more|twice)(?: please)?",
    r"(?:can you |could you |please )?(?:double[- ]?check|recheck)(?: (?:that|it|this|please))*",
)
_OTHERS: Final = (
    # Spanish, Portuguese, Italian
    r"(?:eso|esto)? ?no es (?:cierto|correcto|verdad|así|lo que (?:dice|dijo).{0,40})",
    r"te equivocas|estás equivocad[oa]|se equivoca|(?:¿ ?)?(?:estás|está) segur[oa]",
    r"(?:es(?:o|tá)? )?(?:incorrecto|falso|mal)",
    r"(?:isso |isto )?(?:está|tá|é) (?:errado|incorreto|falso)",
    r"(?:isso |isto )?não (?:é (?:verdade|isso|assim)|está certo)",
    r"(?:você )?tem (?:a )?certeza(?: disso)?|você está errad[oa]",
    r"(?:è )?(?:sbagliato|falso|errato)|non è (?:vero|così|giusto|corretto)|ti sbagli|(?:ne )?sei sicur[oa]",
    # German
    r"(?:das |es )?stimmt (?:so |doch |aber |gar |überhaupt )*nicht|(?:das ist |ist )?(?:doch |so )?(?:falsch|nicht "
    r"(?:richtig|wahr|korrekt))",
    r"(?:bist du|sind sie)(?: dir| sich)?(?: da| wirklich)? sicher|du (?:irrst dich|liegst (?:da )?falsch)",
    r"das (?:sagt|hat) (?:er|sie) (?:so |nie |doch )*(?:nicht(?: gesagt)?|gesagt)",
    r"(?:schau|sieh|such|prüf)e?(?: das)? (?:bitte )?(?:noch ?mal|nochmals|noch einmal)(?: nach)?",
    # French
    r"(?:c'est )?(?:faux|incorrect)|ce n'est pas (?:vrai|correct|ça|juste|exact)|c'est pas (?:vrai|ça)",
    r"tu te trompes|vous vous trompez|(?:tu es|t'es|vous êtes|es[- ]tu|êtes[- ]vous) sûre?(?:s)?(?: de ça)?",
    # Russian, Ukrainian
    r"(?:это )?(?:неверно|неправильно|не так|неправда|не правда|ошибка)",
    r"(?:ты|вы) (?:уверен[аы]?|ошибаешься|ошибаетесь)|точно",
    r"(?:це )?(?:невірно|неправильно|не так|неправда|помилка)|(?:ти|ви) (?:впевнен(?:ий|а|і)|помиляєшся|помиляєтесь)",
    # Turkish, Indonesian, Hindi, Arabic
    r"(?:bu )?(?:yanlış|doğru değil|hatalı)|emin misin(?:iz)?|yanılıyorsun(?:uz)?",
    r"(?:itu )?(?:salah|tidak benar|keliru)|(?:apa(?:kah)? )?(?:kamu|anda)? ?yakin",
    r"(?:यह |ये )?(?:गलत|ग़लत)(?: है)?|यह सही नहीं है|क्या (?:आप|तुम)(?:को| को)? (?:यकीन|यक़ीन|पक्का)(?: है)?",
    r"(?:هذا )?(?:خطأ|غير صحيح|ليس صحيحا|ليس صحيحًا)|هل أنت متأكد(?:ة)?|أنت مخطئ(?:ة)?",
    # Chinese, Japanese, Korean
    r"(?:这|那|你)?(?:不对|错了|不是这样(?:的)?|说错了)|你?确定吗?|真的吗",
    r"(?:それは)?(?:違う|違います|間違い(?:です)?|間違って(?:い)?(?:る|ます))(?:よ)?|本当(?:に|ですか)?|確かですか",
    r"(?:그건 )?(?:틀렸어(?:요)?|틀렸습니다|아니(?:에요|야)|사실이 아니(?:에요|야)|확실해(?:요)?)",
    r"정말(?:이에요|이야)?",
)  # fmt: skip
_OBJECTION: Final = re.compile("|".join(f"(?:{form})" for form in (*_ENGLISH, *_OTHERS)))
_DOUBTED: Final = re.compile(r"(?:are )?(?:you|u) (?:really )?sure (?:that |about )?(?P<rest>.+)")
_WITH_REASON: Final = re.compile(r"(?P<objection>.+?) (?P<rest>(?:because|since|as|but|it|he|she|they|you) .+)")
_OPENING: Final = frozenset(
    """no nope nah hm hmm sorry but well wait ok okay really huh what nein doch aber non mais não mas pero ma нет но
    ні але hayır ama tidak bukan नहीं لا 不 いいえ いや 아니 아니요 seriously come on mate please why""".split()
)
"""What an objection opens with; a lone "no" is one itself."""
_ALONE: Final = frozenset("no nope nah nein non não нет ні hayır tidak नहीं لا 不 いいえ 아니 아니요 really".split())
_ASKS: Final = re.compile(r"[?\uff1f\u061f][\"'”»)\s]*(?:\[[^\]]*\]\s*)*$")
_OF_A_THING: Final = re.compile(
    rf"(?P<it>it)\b(?!.*\bwhat {_SPEAKER}\b)|this\b(?!.*\bwhat {_SPEAKER}\b)|an? (?:mistake|error)\b"
)
"""What is wrong may as well be what somebody works at: then what follows tells."""
_ASKS_FOR_HELP: Final = re.compile(
    r"(?:.*\W)?(?:how|what|why|when|where|which|i|i'm|i've|me|my|mine|we|our)\b.*", re.DOTALL
)
_CLAUSE: Final = re.compile(r"[.,;:!?…—–\n。，！？、؟،]+|\s-\s")


@dataclass(frozen=True, slots=True)
class Dispute:
    """An answer that was called wrong.

    Attributes:
        question: what was asked, with what the objection says besides.
        objection: as it was said.
        history: the turns before that question.
        shown: the units that were shown for it.
    """

    question: str
    objection: str
    history: tuple[Turn, ...]
    shown: tuple[Span, ...]


def disputed(text: str, history: Sequence[Turn], *, tutor: bool = False) -> Dispute | None:
    """Tell which earlier question a message objects to the answer of; None where it is no objection.

    ``tutor``: the answers lead with a question, to which a lone "no" is an answer.
    """
    rest = _rest_against(text, history[-1], tutor=tutor) if history else None
    if rest is None:
        return None
    at = asked_last(history, tutor=tutor)
    shown = tuple(span for turn in history[at:] for span in turn.cited)
    question = " ".join(part for part in (history[at].question, rest) if part)
    return Dispute(question, text, tuple(history[:at]), shown)


def asked_last(history: Sequence[Turn], *, tutor: bool = False) -> int:
    """Return which of some turns asked what the last of them is about: objections are no questions."""
    at = len(history) - 1
    while at > 0 and _rest_against(history[at].question, history[at - 1], tutor=tutor) is not None:
        at -= 1
    return at


def _rest_against(text: str, before: Turn, *, tutor: bool) -> str | None:
    """As :func:`objection_rest`; a lone word is an answer where the turn before it asked something."""
    lone = len(clauses := _clauses(text)) == 1 and clauses[0].casefold() in _ALONE
    return None if lone and (tutor or _ASKS.search(before.answer)) else objection_rest(text)


def _clauses(text: str) -> list[str]:
    said = " ".join(text.replace("\u2019", "'").split())
    return [clause.strip() for clause in _CLAUSE.split(said) if clause.strip()]


def objection_rest(text: str) -> str | None:
    """Return what a message says besides that an answer is wrong; None where it does not say so."""
    clauses = _clauses(text)
    if len(text.strip()) > LONGEST_OBJECTION or not clauses:
        return None
    if len(clauses) == 1 and clauses[0].casefold() in _ALONE:
        return ""
    while len(clauses) > 1 and _OPENING.issuperset(clauses[0].casefold().split()):
        clauses = clauses[1:]
    objecting: list[str] = []
    rest = clauses
    while rest and (left := _left_of(rest[0])) is not None:
        objecting.append(rest[0])
        rest = [left, *rest[1:]] if left else rest[1:]
        if left:
            break
    besides = ", ".join(rest)
    if not objecting or len(besides.split()) > MOST_REST or _of_their_own(objecting, besides, text):
        return None
    return besides


def _of_their_own(objecting: Sequence[str], besides: str, text: str) -> bool:
    """Whether it is their own work that somebody finds wrong, and not the answer: "it's wrong, mine is flat"."""
    things = [_OF_A_THING.match(_without_opening(clause).casefold()) for clause in objecting]
    if not besides or not all(things):
        return False
    return any(thing and thing["it"] for thing in things) or bool(
        _ASKS_FOR_HELP.fullmatch(besides.casefold()) or text.rstrip().endswith("?")
    )


def _left_of(clause: str) -> str | None:
    """Return what of a clause follows an objection, "" where it is nothing else; None where it is none."""
    for plain in (clause, _without_opening(clause)):
        folded = plain.casefold()
        if _OBJECTION.fullmatch(folded):
            return ""
        reason = _WITH_REASON.fullmatch(folded)
        if reason and not _OBJECTION.fullmatch(reason["objection"]):
            reason = None
        if found := _DOUBTED.fullmatch(folded) or reason:
            return plain[found.start("rest") :]
    return None


def _without_opening(clause: str) -> str:
    words = clause.split()
    while len(words) > 1 and words[0].casefold() in _OPENING:
        words = words[1:]
    return " ".join(words)


def units_of(shown: Sequence[Span]) -> frozenset[tuple[SourceId, int]]:
    """The units that were shown, by source and position."""
    return frozenset((span.source_id, unit) for span in shown for unit in range(span.first, span.last + 1))


def held_against(ranking: Ranking) -> Ranking:
    """Other moments than those disputed; where they say too little of the question, they cover nothing of it."""
    return ranking if ranking.covered >= MOST_OF_IT else replace(ranking, covered=0.0)


def looked_again(fresh: Answer, shown: Sequence[Span]) -> Answer:
    """What a second search brought, saying plainly whether it is anything else than before."""
    if fresh.notice in {NOT_COVERED, NOT_COVERED_HERE}:
        return replace(fresh, notice=AGAIN_NOTHING)
    if not fresh.citations:
        return fresh
    others = any(not _was_shown(citation, shown) for citation in fresh.citations)
    return fresh.noticed(AGAIN_OTHERS if others else AGAIN_SAME)


def _was_shown(citation: Citation, shown: Sequence[Span]) -> bool:
    """Whether a moment was among those shown before; what the staff wrote is cited as a whole."""
    return citation.first < 0 or any(
        span.source_id == citation.source_id and span.first <= citation.last and citation.first <= span.last
        for span in shown
    )
