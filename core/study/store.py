"""Where study material is kept, as staff, learners and the worker see it. Nothing here reaches across creators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from core.asking.holdings import StoredSentence
from core.conversation import Place
from core.ids import CreatorId, PointId, QuizId, SourceId
from core.rewards.quizzes import QuizContent
from core.study.material import Area, Lesson, Made, PointKind
from core.tiers import Scope


@dataclass(frozen=True, slots=True)
class Point:
    """A kept point; ``said`` is the first sentence that it rests on, as the database has it now.

    ``hidden`` ones are seen by the staff alone. ``edited`` says that the staff worded it. ``used`` is a draft of a
    question that stands in a quiz, and that quiz is there. ``writer`` is the model that worded it, empty where it was
    picked from the words.
    """

    id: PointId
    kind: PointKind
    said: StoredSentence
    text: str
    quote: str
    weight: float = 0.5
    perspective: str = ""
    notes: str = ""
    area: str = ""
    options: tuple[str, ...] = ()
    right: int = 0
    writer: str = ""
    hidden: bool = False
    edited: bool = False
    used: bool = False
    may_undo: bool = False


@dataclass(frozen=True, slots=True)
class Revised:
    """What the staff changes of a point; None leaves it."""

    text: str | None = None
    perspective: str | None = None
    notes: str | None = None
    area: str | None = None
    options: tuple[str, ...] | None = None
    right: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is to change."""
        return self == Revised()


@dataclass(frozen=True, slots=True)
class Guide:
    """How the material of a source stands.

    ``made`` says that there is material of its present words; ``waits`` that it is being made, or something
    better, and ``reason`` in words for what. ``writer`` as in a point. ``progress`` in [0, 1]. ``rejected`` is what a
    model gave that the words did not carry, ``skipped`` how many forms no model could fill, ``lost`` how many of the
    staff's own points no longer fit its words.
    """

    source_id: SourceId
    title: str
    tier: str = ""
    made: bool = False
    waits: bool = False
    reason: str = ""
    writer: str = ""
    progress: float = 0.0
    rejected: int = 0
    skipped: int = 0
    lost: int = 0
    hidden: int = 0
    drafts: int = 0
    quiz_id: QuizId | None = None
    counts: Mapping[PointKind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which points are looked for; empty: all. ``hidden`` ones are found only where they are asked for."""

    kinds: tuple[PointKind, ...] = ()
    source_id: SourceId | None = None
    area: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class WantedTerms:
    """Which key terms are looked for: of one source or all, those that hold ``search``, ``most`` behind ``skip``."""

    source_id: SourceId | None
    search: str
    skip: int
    most: int


class Studies(Protocol):
    """The study material of creators."""

    async def guides(self, creator_id: CreatorId) -> list[Guide]:
        """How the material of each source stands, newest source first."""
        ...

    async def guide(self, creator_id: CreatorId, source_id: SourceId) -> Guide | None:
        """How the material of one stands; None where there is no such source, or it is not ready."""
        ...

    async def redo(self, creator_id: CreatorId, source_id: SourceId, place: Place, at: datetime) -> Guide | None:
        """Have a source's material made again, with a card that moves along; what the staff changed stays.

        None where there is no such source, or its material is being made already.
        """
        ...

    async def find(self, scope: Scope, wanted: Wanted) -> list[Point]:
        """Points in scope, in the order in which they are said, newest source first."""
        ...

    async def terms(self, scope: Scope, wanted: WantedTerms) -> tuple[list[Point], int]:
        """A run of the key terms in scope, by their letters, and how many there are of them in all."""
        ...

    async def point(self, scope: Scope, point_id: PointId) -> Point | None:
        """One point; None where there is none any more, or it is out of scope."""
        ...

    async def revise(self, creator_id: CreatorId, point_id: PointId, revised: Revised) -> Point | None:
        """Change a point and keep what it was before; None where there is none."""
        ...

    async def undo(self, creator_id: CreatorId, point_id: PointId) -> Point | None:
        """Take the last change of a point back, or that back again; None where none is known."""
        ...

    async def hide(self, creator_id: CreatorId, point_id: PointId, *, hidden: bool) -> Point | None:
        """Show a point to the staff alone, or to everybody again; None where there is none."""
        ...

    async def remove(self, creator_id: CreatorId, point_id: PointId, at: datetime) -> Point | None:
        """Delete a point; None where there is none. For a week it can be brought back."""
        ...

    async def restore(self, creator_id: CreatorId, point_id: PointId) -> Point | None:
        """Bring a deleted point back; None where it is too late."""
        ...

    async def put_in_quiz(
        self, creator_id: CreatorId, point_id: PointId, content: QuizContent, origin: str
    ) -> tuple[QuizId, int] | None:  # fmt: skip
        """Put a draft into the quiz of its source; ``content`` is that of a new one, made where there is none.

        Returns:
            The quiz and how many questions it has; None where the draft is gone, or stands in a quiz already.

        Raises:
            Refused: the quiz takes no more questions.
        """
        ...

    async def areas(self, creator_id: CreatorId) -> tuple[Area, ...]:
        """The creator's focus areas, or the usual ones."""
        ...

    async def set_areas(self, creator_id: CreatorId, areas: Sequence[Area], at: datetime) -> None:
        """Name the focus areas, none for the usual ones, and have takeaways sorted by them."""
        ...

    async def wake(self, creator_id: CreatorId, at: datetime) -> None:
        """Have done what is due; forget what was deleted a week ago."""
        ...


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is to be done: a lesson whose material is due; ``sort_only``: only its takeaways are sorted by area.

    ``takeaways`` are then the positions at which those stand that are to be sorted. ``picked``: what can be picked
    from its words is kept already, and it is to be worded.
    """

    lesson: Lesson
    embedder_id: str
    other_terms: tuple[str, ...] = ()
    sort_only: bool = False
    picked: bool = False
    takeaways: Mapping[PointId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptForm:
    """What a form was filled with, and by which model; ``values`` None: by none in so many ``tries``."""

    values: Mapping[str, Any] | None = None
    model: str = ""
    tries: int = 0


class StudyBench(Protocol):
    """The work on study material. Doing it twice changes nothing."""

    async def claim(self, creator_id: CreatorId, at: datetime) -> Assignment | None:
        """Take what has been due for longest, of lessons without material first; nobody else gets it for a while."""
        ...

    async def filled(self, creator_id: CreatorId, lesson: Lesson, key: bytes) -> KeptForm:
        """What became of a form for this version of a lesson."""
        ...

    async def keep_filled(
        self, creator_id: CreatorId, lesson: Lesson, key: bytes, values: Mapping[str, Any], model: str
    ) -> None:
        """Keep what a form was filled with until the material is made."""
        ...

    async def keep_failed(self, creator_id: CreatorId, lesson: Lesson, key: bytes) -> int:
        """Note that no model could fill a form; how often that was."""
        ...

    async def advance(self, creator_id: CreatorId, lesson: Lesson, share: float, at: datetime) -> None:
        """Note how far it is, move its card along, and hold it for a while longer."""
        ...

    async def keep(self, creator_id: CreatorId, lesson: Lesson, made: Made) -> None:
        """Put new material in the place of the old; what the staff changed stays where its words are still said.

        Nothing where the source has other words by now.
        """
        ...

    async def settle(self, creator_id: CreatorId, lesson: Lesson, due_at: datetime | None, reason: str = "") -> None:
        """Let a lesson go: done, or due again at a time, and in words why."""
        ...

    async def word_later(self, creator_id: CreatorId, lesson: Lesson, due_at: datetime) -> None:
        """Let a lesson go whose picked material is kept, to be worded, or worded further, once that is due."""
        ...

    async def sort(self, creator_id: CreatorId, lesson: Lesson, areas: Mapping[PointId, str]) -> None:
        """Note the focus areas of takeaways; that is all that was due."""
        ...

    async def another_turn(self, creator_id: CreatorId) -> None:
        """Have what is left done behind what others wait for."""
        ...
