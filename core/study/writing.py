"""The study material of a lesson as a model words it; what the creator's sentences do not carry is rejected."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.asking.checking import LEAST_OVERLAP, STEM_LETTERS, verify
from core.asking.claims import names, numbers, spoken_words
from core.asking.forms import Filled, Form
from core.asking.words import STOP_WORDS, tokens
from core.asking.writing import Draft, DraftSentence, Task
from core.errors import FormFailed
from core.library.topics import LEAST_CHAPTERS, MOST_CHAPTERS, SHORTEST_S, USUAL_CHAPTER_S
from core.library.transcript import Chapter
from core.study.aligning import aligned
from core.study.material import (
    FEWEST_OPTIONS,
    LONGEST_NOTE,
    LONGEST_OPTION,
    LONGEST_TEXT,
    MOST_OPTIONS,
    TAKEAWAYS,
    Lesson,
    Made,
    NewPoint,
    PointKind,
    unique,
)
from core.study.parts import (
    LETTERS,
    Asked,
    Part,
    answers_form,
    entries_in,
    outline_form,
    parts_of,
    takeaways_form,
    text_in,
)
from core.study.picked import chapter_points
from core.study.picking import MOST_POINTS, centrality
from core.study.takeaways import seen_from
from core.study.terms import MOST_TERMS

MOSTLY: Final = 0.5
"""So many of the telling words of a title or question have to be said where it stands."""
LONGEST_TITLE: Final = 80
LONGEST_TERM: Final = 60
MOST_TAKEAWAYS: Final = 40
MOST_QUESTIONS: Final = 20

_BREAK: Final = re.compile(r"(?<=[.!?\u2026])\s+")

Ask = Callable[[Form], Awaitable[Filled | None]]
"""Has a form filled, or finds what it was filled with before; None: not now. Raises FormFailed: never."""
Report = Callable[[float], Awaitable[None]]
"""Hears the share that is done, in [0, 1]."""


@dataclass(slots=True)
class _Heap:
    """What was kept of the parts so far, and how much was not."""

    points: list[NewPoint]
    chapters: list[Chapter]
    questions: list[NewPoint]
    writer: str = ""
    rejected: int = 0
    skipped: int = 0

    def take(self, point: NewPoint | None) -> None:
        if point is None:
            self.rejected += 1
        else:
            self.points.append(point)


async def write(lesson: Lesson, picked: Made, ask: Ask, report: Report) -> Made | None:
    """Have a lesson's material worded part by part, check all of it, and merge the parts.

    Args:
        lesson: what was said.
        picked: what was made of it without a model: it stands where a model gives nothing that holds.
        ask: has a form filled.
        report: hears how far it is.

    Returns:
        None where a form could not be filled now; what was filled is found again another time. Where none could be
        filled at all, what was picked.
    """
    heap = _Heap([], [], [])
    parts = parts_of(lesson)
    for number, part in enumerate(parts):
        await report(number / len(parts))
        if not (await _outlined(heap, part, picked, ask) and await _taken(heap, part, picked, ask)):
            return None
    return _merged(lesson, picked, heap) if heap.writer else replace(picked, skipped=heap.skipped)


async def _outlined(heap: _Heap, part: Part, picked: Made, ask: Ask) -> bool:
    """Take what a part teaches, or where no model can tell, what was picked of it; False: not now."""
    try:
        outline = await ask(outline_form(part))
    except FormFailed:
        _leave(heap, part, picked, (PointKind.SUMMARY, PointKind.TERM))
        return True
    if outline is not None:
        heap.writer = outline.model
        _take_outline(heap, part, outline.values)
    return outline is not None


async def _taken(heap: _Heap, part: Part, picked: Made, ask: Ask) -> bool:
    """Take the takeaways of a part and the drafts that hold, or where no model can tell, what was picked."""
    try:
        given = await ask(takeaways_form(part, part.lesson.areas))
    except FormFailed:
        _leave(heap, part, picked, (*TAKEAWAYS, PointKind.QUIZ))
        return True
    if given is None:
        return False
    drafts = [_question(part, entry, given.model) for entry in entries_in(given.values, "questions", 5)]
    try:
        kept = await _answerable([draft for draft in drafts if draft], ask)
    except FormFailed:
        _leave(heap, part, picked, (PointKind.QUIZ,))
        drafts, kept = [], []
    if kept is None:
        return False
    heap.writer = given.model
    for entry in entries_in(given.values, "takeaways", 8):
        heap.take(_takeaway(part, entry, given.model))
    heap.questions += kept
    heap.rejected += len(drafts) - len(kept)
    return True


def _leave(heap: _Heap, part: Part, picked: Made, kinds: Sequence[PointKind]) -> None:
    """Let the picked points of a part stand whose form no model could fill."""
    heap.skipped += 1
    own = [point for point in picked.points if point.kind in kinds and part.first <= point.first <= part.last]
    heap.questions += [point for point in own if point.kind is PointKind.QUIZ]
    heap.points += [point for point in own if point.kind is not PointKind.QUIZ]


def _take_outline(heap: _Heap, part: Part, values: Mapping[str, Any]) -> None:
    for entry in entries_in(values, "points", 6):
        heap.take(_point(part, entry, heap.writer))
    for entry in entries_in(values, "terms", 8):
        heap.take(_term(part, entry, heap.writer))
    for entry in entries_in(values, "chapters", 3):
        at, title = part.position(entry.get("label")), text_in(entry, "title", LONGEST_TITLE)
        if at is None or not _names_it(title, " ".join([part.lesson.title, *part.texts])):
            heap.rejected += 1
        else:
            heap.chapters.append(Chapter(part.lesson.sentences[at].start_s, title))


def _point(part: Part, entry: Mapping[str, Any], writer: str) -> NewPoint | None:
    given = entry.get("labels")
    positions = [at for label in given if (at := part.position(label)) is not None] if isinstance(given, list) else []
    text = _verified(part, text_in(entry, "text", LONGEST_TEXT), positions[:3])
    if not text:
        return None
    first = min(positions[:3])
    last = max(at for at in positions[:3] if at - first <= 3)
    return NewPoint(PointKind.SUMMARY, first, last, part.lesson.quoted(first, last), text, writer=writer)


def _term(part: Part, entry: Mapping[str, Any], writer: str) -> NewPoint | None:
    at, term = part.position(entry.get("label")), text_in(entry, "term", LONGEST_TERM)
    if at is None or not term or not spoken_words(term) <= spoken_words(part.lesson.sentences[at].text):
        return None
    meaning = _verified(part, text_in(entry, "meaning", LONGEST_NOTE), [at])
    return NewPoint(PointKind.TERM, at, at, part.lesson.quoted(at, at), term, notes=meaning, writer=writer)


def _takeaway(part: Part, entry: Mapping[str, Any], writer: str) -> NewPoint | None:
    quote = text_in(entry, "quote", LONGEST_TEXT)
    found = aligned(quote, part.texts)
    kind = entry.get("type")
    if found is None or kind not in set(TAKEAWAYS):
        return None
    first, last = part.first + found[0], part.first + found[1]
    said = part.lesson.quoted(first, last)
    named = {area.name.casefold(): area.name for area in part.lesson.areas}
    return NewPoint(
        PointKind(kind), first, last, said, said if len(said) <= LONGEST_TEXT else quote,
        perspective=seen_from(str(entry.get("perspective")), part.lesson.sentences[first].speaker),
        notes=_verified(part, text_in(entry, "notes", LONGEST_NOTE), range(first, last + 1)),
        area=named.get(text_in(entry, "area", 200).casefold(), ""), writer=writer,
    )  # fmt: skip


def _question(part: Part, entry: Mapping[str, Any], writer: str) -> NewPoint | None:
    found = aligned(text_in(entry, "quote", LONGEST_TEXT), part.texts)
    text, given, right = text_in(entry, "question", LONGEST_TEXT), entry.get("options"), entry.get("right")
    if found is None or not text or not isinstance(given, list) or not isinstance(right, int):
        return None
    options = tuple(text_in({"option": option}, "option", LONGEST_OPTION) for option in given)
    if not (FEWEST_OPTIONS <= len(options) <= MOST_OPTIONS and 0 <= right < len(options) and all(options)):
        return None
    first, last = part.first + found[0], part.first + found[1]
    said = part.lesson.quoted(first, last)
    if len({option.casefold() for option in options}) < len(options) or not _names_it(text, " ".join(part.texts)):
        return None
    why = _verified(part, text_in(entry, "explanation", LONGEST_NOTE), range(first, last + 1))
    return NewPoint(
        PointKind.QUIZ, first, last, said, text, notes=why or f"In the lesson: “{said}”"[:LONGEST_NOTE],
        options=options, right=right, writer=writer,
    )  # fmt: skip


async def _answerable(drafts: Sequence[NewPoint], ask: Ask) -> list[NewPoint] | None:
    """Those that are answered rightly with the sentences of their moment, and not without; None: not now."""
    if not drafts:
        return []
    asked = [Asked(draft.text, draft.options, draft.quote) for draft in drafts]
    read, guessed = await ask(answers_form(asked, shown=True)), await ask(answers_form(asked, shown=False))
    if read is None or guessed is None:
        return None
    known, guesses = _answers(read.values), _answers(guessed.values)
    return [
        draft for n, draft in enumerate(drafts, 1) if known.get(n) == draft.right and guesses.get(n) != draft.right
    ]  # fmt: skip


def _answers(values: Mapping[str, Any]) -> dict[int, int]:
    """The option that each question was answered with; without those that were not."""
    given = ((entry.get("question"), entry.get("answer")) for entry in entries_in(values, "answers", 20))
    return {
        number: LETTERS.index(letter)
        for number, letter in given
        if isinstance(number, int) and isinstance(letter, str) and letter in set(LETTERS)
    }


def _names_it(text: str, said: str) -> bool:
    """Tell whether a title or question is about its material: in its words, with no name or number of its own."""
    return bool(text) and _in_their_words(text, said, MOSTLY) and _carried(text, said)


def _carried(text: str, said: str) -> bool:
    return numbers(text) <= numbers(said) | numbers(said, loose=True) and names(text) <= spoken_words(said)


def _verified(part: Part, text: str, positions: Sequence[int]) -> str:
    """Text about some of a part's sentences as it may be shown; empty where they do not carry each sentence of it."""
    if not text or not positions:
        return ""
    labels = tuple(f"S{at - part.first + 1}" for at in positions)
    drafts = tuple(DraftSentence(sentence, labels) for sentence in _BREAK.split(text))
    kept = verify(Draft(True, drafts, ""), Task("", (part.evidence(),), language=part.lesson.language))
    said = " ".join(part.lesson.sentences[at].text for at in positions)
    held = len(kept) == len(drafts) and all(_in_their_words(sentence.text, said) for sentence in kept)
    return " ".join(sentence.text for sentence in kept) if held else ""


def _in_their_words(text: str, said: str, least: float = LEAST_OVERLAP) -> bool:
    """Material is in the language of its sentences, so that it shares words with them whatever that is."""
    wanted = {word[:STEM_LETTERS] for word in tokens(text) if word not in STOP_WORDS}
    return len(wanted & {word[:STEM_LETTERS] for word in tokens(said)}) >= least * len(wanted)


def _merged(lesson: Lesson, picked: Made, heap: _Heap) -> Made:
    central = centrality(lesson)
    by_kind = {kind: [point for point in heap.points if point.kind is kind] for kind in PointKind}
    points = [
        *_chapters(lesson, picked, heap),
        *_ranked(by_kind[PointKind.SUMMARY], central, MOST_POINTS),
        *_ranked(_once(by_kind[PointKind.TERM]), central, MOST_TERMS),
        *_ranked([point for kind in TAKEAWAYS for point in by_kind[kind]], central, MOST_TAKEAWAYS),
        *_ranked(heap.questions, central, MOST_QUESTIONS),
    ]
    missing = {PointKind.SUMMARY, PointKind.TERM} - {point.kind for point in points}
    points += [point for point in picked.points if point.kind in missing]
    return Made(unique(points), heap.writer, heap.rejected, heap.skipped)


def _ranked(points: Sequence[NewPoint], central: NDArray[np.float64], most: int) -> Iterator[NewPoint]:
    """The most central with falling weights; of points that say the same sentence the first.

    What was picked alone is weighed already.
    """
    once = unique(points)
    if not any(point.writer for point in once):
        return iter(once)
    best = sorted(once, key=lambda point: (-float(central[point.first]), point.first))[:most]
    return (replace(point, weight=round(1.0 - rank / max(len(best), 1), 3)) for rank, point in enumerate(best))


def _once(terms: Sequence[NewPoint]) -> list[NewPoint]:
    """Each term once: where it was explained, else where it came first."""
    kept: dict[str, NewPoint] = {}
    for term in terms:
        before = kept.get(term.text.casefold())
        if before is None or (term.notes and not before.notes):
            kept[term.text.casefold()] = term
    return list(kept.values())


def _chapters(lesson: Lesson, picked: Made, heap: _Heap) -> list[NewPoint]:
    """The platform's chapters, or else the model's, as far apart as chapters usually are."""
    found = [point for point in picked.points if point.kind is PointKind.CHAPTER]
    if (found and not lesson.own_chapters) or not lesson.heard or lesson.duration_s < SHORTEST_S:
        return found
    most = min(max(round(lesson.duration_s / USUAL_CHAPTER_S), LEAST_CHAPTERS), MOST_CHAPTERS)
    apart_s = lesson.duration_s / most / 3
    chosen: list[Chapter] = []
    for chapter in sorted(heap.chapters, key=lambda each: each.start_s):
        start_s = 0.0 if not chosen else chapter.start_s
        if not chosen or (start_s - chosen[-1].start_s >= apart_s and len(chosen) < most):
            chosen.append(Chapter(start_s, chapter.title))
    return chapter_points(lesson, chosen, heap.writer) if len(chosen) >= LEAST_CHAPTERS else found
