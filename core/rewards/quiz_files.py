"""Quizzes as files: plain text, a table (CSV) and JSON are read; text and tables are written so that they read again.

The plain text: ``title:`` and ``source:`` first, then questions with a blank line between them. An option begins
with ``-``, a right one with ``+``; ``>`` explains the answer, ``@ 12:34`` says where it is found. A backslash before
a line makes it plain words.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from core.errors import UploadRefused
from core.library.cards import clock
from core.rewards.quizzes import LETTERS, MOST_OPTIONS, Question, Quiz, checked_question, checked_questions

NOTHING_IN_IT: Final = (
    "There is no question in that. Write a question on a line, below it its options, each on a line that begins with "
    "- or, where it is right, with +"
)
COLUMNS: Final = "question, option1, option2, right, explanation, moment, source"
_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")
_HEADER: Final = re.compile(r"(title|source)\s*:(.*)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(?:(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-5][0-9])|([0-9]{1,6})(?:\.[0-9]{1,6})?)")
_SPECIAL: Final = ("+", "-", ">", "@", "\\")
_OPTION_COLUMN: Final = re.compile(r"option ?([1-6a-f])")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would calculate."""


@dataclass(frozen=True, slots=True)
class WrittenQuestion:
    """A question of a file, and the line where it begins; its moment names a source, or (empty) that of the quiz.

    ``at_s`` is None where the file says no time.
    """

    line: int
    question: Question
    at_s: float | None = None
    source: str = ""

    @property
    def has_moment(self) -> bool:
        """Whether the file says where its answer is found."""
        return self.at_s is not None or bool(self.source)


@dataclass(frozen=True, slots=True)
class WrittenQuiz:
    """A quiz as a file has it; title and source are empty where it says none."""

    questions: tuple[WrittenQuestion, ...]
    title: str = ""
    source: str = ""


def read_quiz(name: str, text: str) -> WrittenQuiz:
    """Read a quiz in the form that the file's name or its beginning tells.

    Raises:
        UploadRefused: it cannot be read; names the line.
    """
    content = text.removeprefix("\ufeff")
    written = _reader(PurePath(name).suffix.casefold(), content)(content)
    if not written.questions:
        raise UploadRefused(NOTHING_IN_IT)
    checked_questions([each.question for each in written.questions])
    return written


def _reader(ending: str, content: str) -> Callable[[str], WrittenQuiz]:
    if ending == ".json" or (ending != ".csv" and content.lstrip()[:1] in {"{", "["}):
        return _read_json
    return _read_table if ending in {".csv", ".tsv"} else _read_text


def read_clock(text: str) -> float:
    """Seconds of a time such as ``14``, ``12:34`` or ``1:02:03``.

    Raises:
        UploadRefused: it is none.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise UploadRefused(f"{text.strip()[:40]!r} is no time. Write it as 12:34 or 1:02:03.")
    if found[4]:
        return float(text.strip())
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])


def read_options(text: str) -> tuple[list[str], set[int]]:
    """Options with ``|`` between them, right ones beginning with ``+``; their texts, and which are right."""
    given = [option.strip() for option in text.split("|")]
    right = {position for position, option in enumerate(given) if option.startswith("+")}
    return [option.removeprefix("+").strip() for option in given], right


def read_moment(text: str) -> tuple[float, str]:
    """A time and behind it, if anything, the name of a source.

    Raises:
        UploadRefused: it does not begin with a time.
    """
    at, _, source = text.strip().partition(" ")
    return read_clock(at), source.strip()


@contextmanager
def _at_line(number: int) -> Iterator[None]:
    try:
        yield
    except UploadRefused as refusal:
        raise UploadRefused(f"Line {number}: {refusal}") from refusal


# Plain text.


@dataclass(slots=True)
class _Draft:
    """A question while its lines are read."""

    line: int
    words: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    right: set[int] = field(default_factory=set)
    explanation: list[str] = field(default_factory=list)
    moment: tuple[float | None, str] = (None, "")

    @property
    def asks(self) -> bool:
        """Whether nothing came behind its words yet."""
        return not (self.options or self.explanation or self.moment != (None, ""))

    def written(self) -> WrittenQuestion:
        """The question, checked."""
        with _at_line(self.line):
            question = checked_question(" ".join(self.words), self.options, self.right, " ".join(self.explanation))
        return WrittenQuestion(self.line, question, *self.moment)


class _Text:
    """Reads the plain form line by line."""

    def __init__(self) -> None:
        self.done: list[WrittenQuestion] = []
        self.headers: dict[str, str] = {}
        self._draft: _Draft | None = None

    def read(self, number: int, line: str) -> None:
        """Take the next line in."""
        header = _HEADER.fullmatch(line)
        if not line:
            self._end_if_answered()
        elif header and self._draft is None and not self.done:
            self.headers[header[1].casefold()] = header[2].strip()
        elif line[0] in _SPECIAL and line[0] != "\\":
            with _at_line(number):
                self._add(line[0], line[1:].strip())
        else:
            self._ask(number, line.removeprefix("\\"))

    def _ask(self, number: int, words: str) -> None:
        if self._draft is None or not self._draft.asks:
            self.end()
            self._draft = _Draft(number)
        self._draft.words.append(words)

    def _add(self, mark: str, words: str) -> None:
        draft = self._draft
        if draft is None:
            raise UploadRefused("this stands before its question. A question stands above its options.")
        if mark == ">":
            draft.explanation.append(words)
        elif mark == "@":
            draft.moment = read_moment(words)
        else:
            draft.right |= {len(draft.options)} if mark == "+" else set()
            draft.options.append(words)

    def _end_if_answered(self) -> None:
        if self._draft is not None and not self._draft.asks:
            self.end()

    def end(self) -> None:
        """Finish the question that is being read."""
        if self._draft is not None:
            self.done.append(self._draft.written())
        self._draft = None


def _read_text(content: str) -> WrittenQuiz:
    text = _Text()
    for number, line in enumerate(_LINE_ENDS.split(content), 1):
        text.read(number, line.strip())
    text.end()
    return WrittenQuiz(tuple(text.done), text.headers.get("title", ""), text.headers.get("source", ""))


def write_text(quiz: Quiz) -> str:
    """A quiz in the plain form."""
    source_id = quiz.summary.source_id
    head = [f"title: {quiz.summary.title}"] + ([f"source: #{source_id}"] if source_id else [])
    return "\n\n".join(["\n".join(head), *("\n".join(_lines(quiz, q)) for q in quiz.questions)]) + "\n"


def _lines(quiz: Quiz, question: Question) -> Iterator[str]:
    special = question.text.startswith(_SPECIAL) or _HEADER.fullmatch(question.text)
    yield f"\\{question.text}" if special else question.text
    for position, option in enumerate(question.options):
        yield f"{'+' if position in question.right else '-'} {option}"
    if question.explanation:
        yield f"> {question.explanation}"
    at, source = _moment_words(quiz, question)
    if at or source:
        yield f"@ {at or '0'} {source}".rstrip()


def _moment_words(quiz: Quiz, question: Question) -> tuple[str, str]:
    """When and, where it is not that of the quiz, in which source the answer is found."""
    moment = question.moment
    if moment is None:
        return "", ""
    other = moment.source_id != quiz.summary.source_id or moment.start_s is None
    return "" if moment.start_s is None else clock(moment.start_s), f"#{moment.source_id}" if other else ""


# Tables.


def _read_table(content: str) -> WrittenQuiz:
    header = _LINE_ENDS.split(content, maxsplit=1)[0]
    delimiter = max(",;\t", key=header.count)
    rows = list(_rows(content, delimiter))
    if not rows:
        raise UploadRefused(NOTHING_IN_IT)
    names = [cell.strip().casefold() for cell in rows[0][1]]
    with _at_line(rows[0][0]):
        _check_columns(names)
    return WrittenQuiz(tuple(_of_row(number, dict(zip(names, cells, strict=False))) for number, cells in rows[1:]))


def _rows(content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line where it begins."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UploadRefused(f"Line {line}: it cannot be read: {error}.") from error
        if any(cell.strip() for cell in row):
            yield line, row


def _check_columns(names: Sequence[str]) -> None:
    if "question" not in names or "right" not in names or sum(map(_is_option, names)) < 2:
        raise UploadRefused(f"the first line of a table names its columns: {COLUMNS}")
    twice = next((name for name in names if name and names.count(name) > 1), "")
    if twice:
        raise UploadRefused(f"there are two columns {twice[:40]!r}.")


def _is_option(name: str) -> bool:
    return _OPTION_COLUMN.fullmatch(name) is not None


def _of_row(number: int, cells: dict[str, str]) -> WrittenQuestion:
    options = [_plain(cells[name]) for name in sorted(filter(_is_option, cells))]
    while options and not options[-1]:
        options.pop()
    with _at_line(number):
        question = checked_question(
            _plain(cells.get("question", "")), options, _right_of(cells.get("right", "")),
            _plain(cells.get("explanation", "")),
        )  # fmt: skip
        at = cells.get("moment", "").strip()
        return WrittenQuestion(number, question, read_clock(at) if at else None, cells.get("source", "").strip())


def _right_of(cell: str) -> set[int]:
    """The positions that a cell such as ``B`` or ``1, 3`` names."""
    names = [name for name in re.split(r"[\s,;|+]+", cell.strip().upper()) if name]
    known = {letter: position for position, letter in enumerate(LETTERS)}
    known |= {str(position + 1): position for position in range(MOST_OPTIONS)}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise UploadRefused(f"{unknown[:20]!r} is no option; right ones are named as B, or as 1, 3.")
    return {known[name] for name in names}


def _plain(cell: str) -> str:
    """A cell without the mark that keeps a spreadsheet from calculating it."""
    stripped = cell.strip()
    return stripped[1:] if stripped[:1] == "'" and stripped.lstrip("'").startswith(_FORMULA) else stripped


def write_table(quiz: Quiz) -> str:
    """A quiz as a table; its title is not in it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    options = [f"option{number}" for number in range(1, MOST_OPTIONS + 1)]
    writer.writerow(["question", *options, "right", "explanation", "moment", "source"])
    for question in quiz.questions:
        at, source = _moment_words(quiz, question)
        if at and not source and quiz.summary.source_id:
            source = f"#{quiz.summary.source_id}"  # a table says nothing of the quiz
        given = [_safe(option) for option in question.options] + [""] * (MOST_OPTIONS - len(question.options))
        right = " ".join(LETTERS[position] for position in sorted(question.right))
        writer.writerow([_safe(question.text), *given, right, _safe(question.explanation), at, source])
    return file.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


# JSON.


def _read_json(content: str) -> WrittenQuiz:
    try:
        given = json.loads(content)
    except json.JSONDecodeError as error:
        raise UploadRefused(f"Line {error.lineno}: that is not JSON: {error.msg}.") from error
    except (ValueError, RecursionError) as error:
        raise UploadRefused("That JSON holds numbers or lists that no quiz has.") from error
    quiz = {"questions": given} if isinstance(given, list) else given
    if not isinstance(quiz, dict) or not isinstance(quiz.get("questions"), list):
        raise UploadRefused('Line 1: JSON of a quiz is {"title": ..., "questions": [...]}.')
    lines = _question_lines(content)
    found = [_of_json(line, each) for line, each in zip(lines, quiz["questions"], strict=True)]
    with _at_line(1):
        return WrittenQuiz(tuple(found), _words(quiz, "title"), _words(quiz, "source"))


def _question_lines(content: str) -> list[int]:
    """The lines in which the elements of the list of questions begin; ``content`` is valid JSON."""
    decoder = json.JSONDecoder()
    at = _next(content, 0)
    if content[at] == "[":
        return [_line_of(content, start) for start in _elements(content, at, decoder)]
    starts: list[int] = []
    at = _next(content, at + 1)
    while content[at] != "}":
        key, at = decoder.raw_decode(content, at)
        at = _next(content, _next(content, at) + 1)
        if key == "questions":  # where it is said twice, the last one counts
            starts = list(_elements(content, at, decoder)) if content[at] == "[" else []
        at = _behind(content, at, decoder)
    return [_line_of(content, start) for start in starts]


def _line_of(content: str, at: int) -> int:
    return content.count("\n", 0, at) + 1


def _elements(content: str, at: int, decoder: json.JSONDecoder) -> Iterator[int]:
    """Where each element of the list that begins at ``at`` begins."""
    at = _next(content, at + 1)
    while content[at] != "]":
        yield at
        at = _behind(content, at, decoder)


def _behind(content: str, at: int, decoder: json.JSONDecoder) -> int:
    """Where the next element, or the end of the list or object, is found behind the value at ``at``."""
    _, at = decoder.raw_decode(content, at)
    at = _next(content, at)
    return _next(content, at + 1) if content[at] == "," else at


def _next(content: str, at: int) -> int:
    """The next character that is no white space of JSON's."""
    while content[at] in " \t\r\n":
        at += 1
    return at


def _of_json(line: int, given: object) -> WrittenQuestion:
    with _at_line(line):
        if not isinstance(given, dict):
            raise UploadRefused('a question is {"question": ..., "options": [...], "right": [1]}.')
        options, right = given.get("options"), given.get("right")
        if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
            raise UploadRefused('"options" is a list of texts.')
        if not isinstance(right, list) or not all(type(number) is int for number in right):
            raise UploadRefused('"right" is a list of numbers: [1] for the first option.')
        question = checked_question(
            _words(given, "question"), options, [number - 1 for number in right], _words(given, "explanation")
        )
        at = given.get("moment")
        at_s = read_clock(str(at)) if at is not None else None
        return WrittenQuestion(line, question, at_s, _words(given, "source"))


def _words(given: dict[str, Any], name: str) -> str:
    found = given.get(name, "")
    if not isinstance(found, str):
        raise UploadRefused(f'"{name}" is a text.')
    return found.strip()
