"""Takeaways picked from the words: what to do, how to think of it, how it is put, and an example; by plain marks."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.markup import strip_markup
from core.asking.words import STOP_WORDS, tokens
from core.study.material import Area, Lesson, NewPoint, PointKind
from core.study.picking import understood_alone

MOST_OF_KIND: Final = 6
SHORTEST_PHRASE, LONGEST_PHRASE = 5, 16
LEAST_LIKE_AREA: Final = 0.03
"""A takeaway belongs to an area where it is closer to it than the whole lesson is, by this much of a cosine."""

PERSPECTIVES: Final = {
    "instructs": "says what to do",
    "experience": "tells from experience",
    "advises": "advises",
    "warns": "warns",
    "encourages": "encourages",
    "explains": "explains why",
    "observes": "observes",
    "example": "gives an example",
    "quotes": "passes on what others say",
}
"""From where somebody may speak. A closed list: what a model writes here rests on no sentence."""
_DOES: Final = (
    "add always apply ask avoid begin brush build buy call change check choose clean collect combine compare cover "
    "cut divide do don't draw dry empty expose feed fill find fix focus fold follow give grind heat "
    "hold keep lay lead "
    "learn leave let lift look lower make mark match measure mix move never note open paint pick "
    "place plan point pour "
    "practice practise pull purge push put raise read reduce release remove repeat replace rest "
    "rinse rotate save set "
    "shake sharpen shine slide soak spread start steam stir stop store sweep switch take talk tap "
    "taste tell test tilt "
    "touch train try turn unplug use wait walk warm wash watch weigh wipe work write"
)
_IMPERATIVE: Final = re.compile(
    rf"^(?:first,? |then,? |next,? |for [\w\s-]{{1,40}}, |if [^,]{{3,80}}, |when [^,]{{3,80}}, |to [^,]{{3,60}}, )?"
    rf"(?:{'|'.join(_DOES.split())})\b(?! (?:is|are|was|means|has|will|me|us|in mind|let)\b)",
    re.IGNORECASE,
)
_ADVICE: Final = re.compile(
    r"\byou (?:should|need to|have to|must|want to|can|may)\b|\bmake sure\b|\bit (?:helps|pays) to\b"
    r"|\bthe (?:trick|way"
    r"|method) (?:is|to)\b",
    re.IGNORECASE,
)
_ATTITUDE: Final = re.compile(
    r"\b(?:patien(?:t|ce)|confiden(?:t|ce)|courage|afraid|enjoy (?:the|it|your)|mindset|attitude"
    r"|motivat\w+|disciplined?"
    r"|curio(?:us|sity)|frustrat\w+|(?:don't|do not|never) give up\b(?! (?:its|their))|be kind"
    r"|everybody fails|takes time"
    r"|forgive yourself|be honest with|(?:do not|don't) (?:worry|trust)|relax(?:ed)?|persever\w+|comfortable with|"
    r"trust your|(?:your|my|our) (?:mistakes?|fears?))\b|^remember\b",
    re.IGNORECASE,
)
_EXAMPLE: Final = re.compile(
    r"\b(?:for example|for instance|such as|let'?s say|say you|^imagine|^suppose|one time|once i|i once|a client of|"
    r"a student of|last (?:week|month|year|winter|summer))\b",
    re.IGNORECASE,
)
_SAYING: Final = re.compile(
    r"\b(?:rule (?:says|is)|i (?:always|like to) say|as we say|the saying|is the (?:enemy|key|heart|secret|mother)|"
    r"less is more|better than|no more than|the more|half the battle|nothing but)\b",
    re.IGNORECASE,
)
_OWN: Final = re.compile(r"\b(?:i|my|me|mine|i've|i'd|we|our)\b", re.IGNORECASE)


def takeaways(lesson: Lesson, central: NDArray[np.float64], fit: NDArray[np.bool_]) -> list[NewPoint]:
    """Return the best takeaways of each type, in the order in which they are said.

    Args:
        lesson: what was said.
        central: how much each sentence stands for, shape (n_sentences,).
        fit: which sentences can be understood alone, shape (n_sentences,).
    """
    if lesson.language not in {"", "en"}:
        return []  # the marks are English
    found: dict[PointKind, list[tuple[float, int]]] = {}
    for at, said in enumerate(lesson.sentences):
        if kind := takeaway_kind(said.text, stands=bool(fit[at])):
            found.setdefault(kind, []).append((float(central[at]), at))
    best = [
        (at, kind, weight)
        for kind, scored in found.items()
        for weight, at in sorted(scored, reverse=True)[:MOST_OF_KIND]
    ]
    nearest = areas_of(lesson, [at for at, _, _ in best])
    return [
        NewPoint(
            kind, at, at, lesson.quoted(at, at), lesson.quoted(at, at), round(weight, 3),
            perspective=perspective(lesson.sentences[at].text, lesson.sentences[at].speaker), area=area,
        )
        for (at, kind, weight), area in sorted(zip(best, nearest, strict=True))
    ]  # fmt: skip


def takeaway_kind(text: str, *, stands: bool) -> PointKind | None:
    """What kind of takeaway a sentence is; None where it is none, or ``stands`` says that it needs its neighbours."""
    if not stands:
        return PointKind.PHRASE if _SAYING.search(text) and _short(text) and understood_alone(text) else None
    if _EXAMPLE.search(text):
        return PointKind.EXAMPLE
    if _SAYING.search(text) and _short(text):
        return PointKind.PHRASE
    if _ATTITUDE.search(text):
        return PointKind.MINDSET
    if _IMPERATIVE.search(text) or _ADVICE.search(text):
        return PointKind.TECHNIQUE
    return None


def _short(text: str) -> bool:
    return SHORTEST_PHRASE <= len(tokens(text)) <= LONGEST_PHRASE


def perspective(text: str, speaker: str) -> str:
    """From where a sentence is said: by whom, where that is known, and how."""
    if _IMPERATIVE.search(text):
        return seen_from("instructs", speaker)
    if _OWN.search(text):
        return seen_from("experience", speaker)
    return seen_from("advises" if _ADVICE.search(text) else "observes", speaker)


def seen_from(how: str, speaker: str) -> str:
    """A perspective in words; empty where ``how`` is none that is known."""
    who = strip_markup(speaker)[:60] or "The speaker"
    return f"{who} {PERSPECTIVES[how]}" if how in PERSPECTIVES else ""


def areas_of(lesson: Lesson, positions: Sequence[int]) -> list[str]:
    """The focus area that each of these sentences is closest to; empty where none is close."""
    if len(lesson.vectors) and len(lesson.area_vectors) == len(lesson.areas) and positions:
        every = lesson.vectors @ lesson.area_vectors.T
        cosines = every[list(positions)] - every.mean(axis=0)
        best = cosines.argmax(axis=1)
        return [
            lesson.areas[int(area)].name if row[int(area)] >= LEAST_LIKE_AREA else ""
            for row, area in zip(cosines, best, strict=True)
        ]
    return [_by_words(lesson.sentences[at].text, lesson.areas) for at in positions]


def _by_words(text: str, areas: Sequence[Area]) -> str:
    words = {word[:5] for word in tokens(text) if word not in STOP_WORDS}
    shared = [len(words & {word[:5] for word in tokens(f"{area.name} {area.about}")}) for area in areas]
    return areas[shared.index(max(shared))].name if any(shared) else ""
