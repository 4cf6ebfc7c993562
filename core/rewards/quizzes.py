"""Quizzes on a creator's material: their questions in versions, and the attempts of students, judged here alone."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final, Protocol

from core.errors import Refused, UploadRefused
from core.ids import AttemptId, CreatorId, QuizId, SourceId, StudentId
from core.richtext import counted, one_line

PASS_PERCENT: Final = 85
ATTEMPTS_A_DAY: Final = 3
MOST_QUESTIONS: Final = 50
FEWEST_OPTIONS, MOST_OPTIONS = 2, 6
LONGEST_TITLE: Final = 100
LONGEST_QUESTION: Final = 500
LONGEST_OPTION: Final = 150
LONGEST_EXPLANATION: Final = 600
KEPT_AFTER_REMOVAL: Final = timedelta(days=7)
LETTERS: Final = "ABCDEF"
"""How the options of a question are called, in the order in which they are shown."""
BY_STAFF: Final = "staff"
"""The origin of a quiz that the staff wrote."""


class State(StrEnum):
    """Whether students see a quiz: not yet, now, not any more."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Moment:
    """Where in a source the answer is found, in seconds from its start; None: where it has no times."""

    source_id: SourceId
    start_s: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question with 2 to 6 options; ``right`` are the positions of the right ones, from 0, at least one."""

    text: str
    options: tuple[str, ...]
    right: frozenset[int]
    explanation: str = ""
    moment: Moment | None = None

    @property
    def several(self) -> bool:
        """Whether more than one option is right."""
        return len(self.right) > 1

    @property
    def right_words(self) -> str:
        """The right options as they are read."""
        return "; ".join(self.options[position] for position in sorted(self.right))


@dataclass(frozen=True, slots=True)
class QuizContent:
    """What a quiz consists of, before it is one or after it was changed."""

    title: str
    questions: tuple[Question, ...] = ()
    source_id: SourceId | None = None


@dataclass(frozen=True, slots=True)
class QuizSummary:
    """A quiz as lists show it; ``tier`` is that of its source, empty: everybody's.

    ``origin`` says who wrote it: the staff, or what it was made from.
    """

    id: QuizId
    title: str
    state: State
    version: int
    length: int
    source_id: SourceId | None = None
    source_title: str = ""
    tier: str = ""
    origin: str = BY_STAFF


@dataclass(frozen=True, slots=True)
class Quiz:
    """A quiz with the questions of its present version."""

    summary: QuizSummary
    questions: tuple[Question, ...]

    @property
    def content(self) -> QuizContent:
        """What can be changed of it."""
        return QuizContent(self.summary.title, self.questions, self.summary.source_id)


@dataclass(frozen=True, slots=True)
class Shown:
    """A question of an attempt: its position in the quiz, and its options' positions in the order shown."""

    question: int
    options: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A student's way through a version of a quiz; ``answers`` holds the chosen options by question, as in the quiz.

    ``left_today`` is how many more the student may begin; ``passed_before`` says that this version was passed in
    another one. A ``preview`` is the staff's, counts nowhere and earns nothing.
    """

    id: AttemptId
    quiz: QuizSummary
    questions: tuple[Question, ...]
    arrangement: tuple[Shown, ...]
    answers: Mapping[int, frozenset[int]]
    left_today: int
    passed_before: bool = False
    preview: bool = False

    @property
    def place(self) -> int:
        """How many questions are answered, which is the place of the next one, from 0."""
        return len(self.answers)

    @property
    def complete(self) -> bool:
        """Whether every question is answered."""
        return self.place >= len(self.arrangement)

    def question_at(self, place: int) -> Question:
        """The question that is shown at a place."""
        return self.questions[self.arrangement[place].question]

    def options_at(self, place: int) -> tuple[str, ...]:
        """Its options in the order shown."""
        shown = self.arrangement[place]
        return tuple(self.questions[shown.question].options[position] for position in shown.options)

    @property
    def missed(self) -> list[int]:
        """The answered questions that were not answered rightly, as positions in the quiz."""
        return [position for position, chosen in sorted(self.answers.items())
                if chosen != self.questions[position].right]  # fmt: skip

    @property
    def right(self) -> int:
        """How many questions were answered rightly."""
        return len(self.answers) - len(self.missed)

    @property
    def passed(self) -> bool:
        """Whether it is complete and good enough."""
        return self.complete and passes(self.right, len(self.questions))

    @property
    def reveals(self) -> bool:
        """Whether the right answers may be seen: there is nothing left to earn, or to try today, with them."""
        return self.complete and (self.passed or self.passed_before or self.preview or not self.left_today)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a student stands with a quiz: at which place of an attempt that is not over, None: in none."""

    left_today: int = ATTEMPTS_A_DAY
    place: int | None = None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Statistics:
    """How a quiz goes; ``answered`` and ``missed`` count answers by position, of the present version alone."""

    started: int = 0
    finished: int = 0
    passed: int = 0
    students: int = 0
    answered: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()

    @property
    def pass_percent(self) -> int:
        """How many of a hundred finished attempts passed."""
        return round(100 * self.passed / self.finished) if self.finished else 0

    @property
    def hardest(self) -> int | None:
        """The position of the question that is missed most often; None where none was missed."""
        shares = [miss / count if count else 0.0 for miss, count in zip(self.missed, self.answered, strict=True)]
        return shares.index(max(shares)) if any(shares) else None


class Quizzes(Protocol):
    """The quizzes of creators and their students' attempts."""

    async def add(self, creator_id: CreatorId, content: QuizContent, origin: str = BY_STAFF) -> QuizId:
        """Keep a new quiz as a draft."""
        ...

    async def change(self, creator_id: CreatorId, before: Quiz, content: QuizContent) -> None:
        """Change a quiz; other questions make a new version, and attempts at the old one stay as they are.

        Raises:
            Refused: somebody else changed it meanwhile, or it is gone.
        """
        ...

    async def set_state(self, creator_id: CreatorId, quiz_id: QuizId, state: State) -> bool:
        """Publish or close a quiz; False where it is gone."""
        ...

    async def remove(self, creator_id: CreatorId, quiz_id: QuizId) -> str | None:
        """Take a quiz away and return its title; None where it is gone already."""
        ...

    async def restore(self, creator_id: CreatorId, quiz_id: QuizId) -> str | None:
        """Undo a removal and return the title; None where it is too late."""
        ...

    async def quizzes(self, creator_id: CreatorId) -> list[QuizSummary]:
        """All quizzes of a creator, newest first."""
        ...

    async def quiz(self, creator_id: CreatorId, quiz_id: QuizId) -> Quiz | None:
        """A quiz with its questions; None where there is none."""
        ...

    async def about(self, creator_id: CreatorId, sources: Collection[SourceId]) -> QuizId | None:
        """The newest open quiz on any of these sources."""
        ...

    async def progress(
        self, creator_id: CreatorId, student_id: StudentId, now: datetime
    ) -> Mapping[QuizId, Progress]:
        """How a student stands with those quizzes that they ever began."""
        ...

    async def begin(
        self, creator_id: CreatorId, student_id: StudentId, quiz_id: QuizId, now: datetime, *, preview: bool = False
    ) -> Attempt:
        """Begin an attempt, or go on with the one that is not over.

        Raises:
            Refused: the quiz is not open, or all attempts of today are used up.
        """
        ...

    async def attempt(
        self, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, now: datetime
    ) -> Attempt:
        """An attempt that can go on.

        Raises:
            Refused: it is over, somebody else's, or its quiz is not open any more.
        """
        ...

    async def answer(
        self, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, place: int, ticked: int,
        now: datetime, *, earns: bool,
    ) -> Attempt:  # fmt: skip
        """Judge and keep an answer; the last one ends the attempt and, where it passed, is an act that may pay.

        ``place`` is that of the question, from 0 as shown, ``ticked`` the options as shown, a bit each; ``earns``
        says whether passing may pay this student.

        Raises:
            Refused: as in ``attempt``; or that question is answered already, or is not the next; or the options are
                none.
        """
        ...

    async def result(
        self, creator_id: CreatorId, student_id: StudentId, attempt_id: AttemptId, now: datetime
    ) -> Attempt:
        """An attempt that is over and whose right answers may be seen.

        Raises:
            Refused: it is somebody else's, gone, or may still be tried without them.
        """
        ...

    async def statistics(self, creator_id: CreatorId, quiz_id: QuizId) -> Statistics:
        """How a quiz goes."""
        ...

    async def tidy(self, creator_id: CreatorId, now: datetime) -> None:
        """Delete for good what was removed a week ago, and previews of days before."""
        ...


def passes(right: int, total: int) -> bool:
    """Whether so many right answers are enough."""
    return total > 0 and right * 100 >= PASS_PERCENT * total


def arrange(questions: Sequence[Question], dice: Random) -> tuple[Shown, ...]:
    """Shuffle questions, and the options of each."""
    order = dice.sample(range(len(questions)), len(questions))
    return tuple(Shown(n, tuple(dice.sample(range(len(questions[n].options)), len(questions[n].options))))
                 for n in order)  # fmt: skip


def chosen(attempt: Attempt, place: int, ticked: int) -> frozenset[int]:
    """The options of an answer as positions in the quiz.

    Raises:
        Refused: that question is not the next, or these are no options of it.
    """
    if place < attempt.place:
        raise Refused("You answered that question already. Type /quiz to go on where you are.")
    if place > attempt.place or attempt.complete:
        raise Refused(NOT_OURS)
    shown = attempt.arrangement[place].options
    if not 0 <= ticked < 1 << len(shown):
        raise Refused(NOT_OURS)
    found = frozenset(position for bit, position in enumerate(shown) if ticked >> bit & 1)
    if not found:
        raise Refused("Choose at least one option first.")
    if len(found) > 1 and not attempt.question_at(place).several:
        raise Refused(NOT_OURS)
    return found


NOT_OURS: Final = "That button does not work any more."


def require_attempts_left(begun_today: int, now: datetime) -> None:
    """Refuse an attempt too many.

    Raises:
        Refused: says when the next one may begin.
    """
    if begun_today < ATTEMPTS_A_DAY:
        return
    wait = start_of_day(now) + timedelta(days=1) - now
    hours = math.ceil(wait.total_seconds() / 3600)
    raise Refused(
        f"You have begun this quiz {ATTEMPTS_A_DAY} times today, which is as often as one may a day. You can try "
        f"again in {counted(hours, 'hour')}; until then the moments to watch again may help."
    )


def start_of_day(now: datetime) -> datetime:
    """When the day began in which attempts are counted (UTC)."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def checked_title(title: str) -> str:
    """A quiz's title on one line.

    Raises:
        UploadRefused: it is empty or too long.
    """
    shown = one_line(title)
    if not 1 <= len(shown) <= LONGEST_TITLE:
        raise UploadRefused(f"A quiz has a title of 1 to {LONGEST_TITLE} characters.")
    return shown


def checked_question(
    text: str, options: Sequence[str], right: Iterable[int], explanation: str = "", moment: Moment | None = None
) -> Question:
    """A question as it is kept, every text on one line; ``right`` are positions from 0.

    Raises:
        UploadRefused: something is missing, too long or twice; says what.
    """
    question = Question(
        one_line(text), tuple(one_line(option) for option in options), frozenset(right), one_line(explanation), moment
    )
    if objection := _objection(question):
        raise UploadRefused(objection)
    return question


def _objection(question: Question) -> str:
    options, count = question.options, len(question.options)
    objections = (
        (1 <= len(question.text) <= LONGEST_QUESTION, f"A question has 1 to {LONGEST_QUESTION} characters."),
        (
            FEWEST_OPTIONS <= count <= MOST_OPTIONS,
            f"A question has {FEWEST_OPTIONS} to {MOST_OPTIONS} options, and this one {count}.",
        ),
        (all(1 <= len(o) <= LONGEST_OPTION for o in options), f"An option has 1 to {LONGEST_OPTION} characters."),
        (len({o.casefold() for o in options}) == count, "Two options of this question are the same."),
        (bool(question.right), "No option of this question is marked as right."),
        (question.right <= set(range(count)), f"There is no such option: a right one is from 1 to {count}."),
        (
            len(question.explanation) <= LONGEST_EXPLANATION,
            f"An explanation has at most {LONGEST_EXPLANATION} characters.",
        ),
    )
    return next((words for holds, words in objections if not holds), "")


def checked_questions(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions of a quiz.

    Raises:
        UploadRefused: there are too many.
    """
    if len(questions) > MOST_QUESTIONS:
        raise UploadRefused(f"A quiz has at most {MOST_QUESTIONS} questions, and this one {len(questions)}.")
    return tuple(questions)
