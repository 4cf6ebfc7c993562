"""What learners get beside a transcript: chapters, summaries, key terms, takeaways and drafts of questions.

Each is a point: words that are shown, and the creator's own sentences that they rest on, whose second it links to.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.markup import strip_markup
from core.asking.words import TermIds, tokens
from core.errors import Refused
from core.ids import SourceId
from core.library.topics import ALONE, Background
from core.library.transcript import Chapter

LONGEST_TEXT: Final = 400
LONGEST_NOTE: Final = 500
LONGEST_PERSPECTIVE: Final = 120
LONGEST_AREA: Final = 40
MOST_AREAS: Final = 12
FEWEST_OPTIONS: Final = 3
MOST_OPTIONS: Final = 5
LONGEST_OPTION: Final = 120


class PointKind(StrEnum):
    """What a point is; the four between are takeaways: entries of knowledge in the creator's own words."""

    CHAPTER = "chapter"
    SUMMARY = "summary"
    TERM = "term"
    TECHNIQUE = "technique"
    MINDSET = "mindset"
    PHRASE = "phrase"
    EXAMPLE = "example"
    QUIZ = "quiz"


TAKEAWAYS: Final = (PointKind.TECHNIQUE, PointKind.MINDSET, PointKind.PHRASE, PointKind.EXAMPLE)


@dataclass(frozen=True, slots=True)
class Area:
    """A focus area, by which takeaways are browsed; ``about`` are words that tell what belongs to it."""

    name: str
    about: str = ""


USUAL_AREAS: Final = (
    Area("Foundations", "basic ideas, what something is and why it works, theory, definitions and principles"),
    Area("Techniques", "how to do it by hand, step by step, a method, a movement, a way of doing something well"),
    Area("Tools and materials", "equipment, software, ingredients, settings, what to buy and what to use"),
    Area("Planning", "preparing, deciding beforehand, order of work, time, goals and choosing a subject"),
    Area("Practice", "exercises, repeating, habits, learning and getting better day by day"),
    Area("Mindset", "attitude, patience, confidence, fear, motivation, courage and enjoying the work"),
    Area("Mistakes and fixes", "what goes wrong, errors, problems, how to notice, avoid, repair and debug them"),
    Area("Style and judgement", "taste, quality, comparing results, what looks or sounds good, when it is finished"),
    Area("People and business", "clients, audience, money, selling, prices, working with others, feedback"),
)
"""What a creator has who named none."""


@dataclass(frozen=True, slots=True)
class Said:
    """A stored sentence; ``start_s`` in seconds, or the number of its paragraph where the source has no times."""

    position: int
    text: str
    start_s: float
    paragraph: int = 0
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A source as it is stored at one ``version``, with all that its study material is made from.

    Attributes:
        sentences: in order; the position of each is its place in the list.
        terms: the ids of the content words of each sentence.
        vectors: float32 (n_sentences, d), rows of length 1; (0, 0) where there are none.
        area_vectors: float32 (n_areas, d), of the same embedder; (0, 0) where there are none.
        heard: whether its times can be trusted.
        own_chapters: its chapters were found here, and not given by its platform; None: nobody looked yet.
        background: in how many of the creator's other sources words occur.
        names: those of the creator's glossary.
    """

    source_id: SourceId
    version: int
    title: str
    sentences: tuple[Said, ...]
    terms: Sequence[TermIds]
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    area_vectors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    language: str = ""
    heard: bool = True
    duration_s: float = 0.0
    chapters: tuple[Chapter, ...] = ()
    own_chapters: bool | None = None
    background: Background = ALONE
    names: tuple[str, ...] = ()
    areas: tuple[Area, ...] = USUAL_AREAS

    def quoted(self, first: int, last: int) -> str:
        """The words from one sentence to another, both inclusive, as they may be shown."""
        return strip_markup(" ".join(said.text for said in self.sentences[first : last + 1]))


@dataclass(frozen=True, slots=True)
class NewPoint:
    """A point as it is made: sentences ``first`` to ``last`` (inclusive) carry it, ``quote`` are their words.

    ``text`` is a chapter's title, a sentence of a summary, a term, a takeaway or a question. ``weight`` in [0, 1]
    says how much it matters among its kind. ``notes`` explain it, of a term what it means. ``area`` is the name of a
    focus area or empty. ``writer`` is the model that worded it, empty where it was picked from the words.
    """

    kind: PointKind
    first: int
    last: int
    quote: str
    text: str
    weight: float = 0.5
    perspective: str = ""
    notes: str = ""
    area: str = ""
    options: tuple[str, ...] = ()
    right: int = 0
    writer: str = ""

    @property
    def fingerprint(self) -> bytes:
        """What the same point is known by when the material is made again, 16 bytes."""
        words = self.text if self.kind in {PointKind.TERM, PointKind.QUIZ} else self.quote
        return hashlib.blake2b(f"{self.kind} {' '.join(tokens(words))}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Made:
    """The material of one lesson; ``rejected`` counts what a model gave that the lesson does not carry.

    ``skipped`` counts the forms that no model could fill.
    """

    points: tuple[NewPoint, ...]
    writer: str = ""
    rejected: int = 0
    skipped: int = 0


def unique(points: Sequence[NewPoint]) -> tuple[NewPoint, ...]:
    """The same without what is there twice."""
    return tuple({point.fingerprint: point for point in reversed(points)}.values())[::-1]


def checked_areas(names: Sequence[str]) -> tuple[Area, ...]:
    """Focus areas as they were typed, ``name`` or ``name: what belongs to it``.

    Raises:
        Refused: they are too many, too long or twice.
    """
    areas: list[Area] = []
    for each in names:
        name, _, about = each.partition(":")
        if shown := strip_markup(name):
            areas.append(Area(shown, strip_markup(about)[:LONGEST_NOTE]))
    if not areas:
        raise Refused('Name at least one, with | between: areas:"Light: lamps, shadows | Colour | Mindset"')
    if len(areas) > MOST_AREAS:
        raise Refused(f"At most {MOST_AREAS} focus areas can be told apart, and these are {len(areas)}.")
    if long := next((area.name for area in areas if len(area.name) > LONGEST_AREA), ""):
        raise Refused(f"A focus area has a short name, of at most {LONGEST_AREA} letters: {long[:60]!r} is longer.")
    if len({area.name.casefold() for area in areas}) < len(areas):
        raise Refused("Two of these focus areas have the same name.")
    return tuple(areas)
