"""What the staff writes down besides recordings: questions with their answers, and notes on topics.

Each entry is a source of its own, so that it is searched, held to tiers, moved to another embedder and backed up like
everything else; its number is that of its source.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from core.errors import UploadRefused
from core.ids import CreatorId, SourceId, StudentId
from core.library.store import SourceKind
from core.library.units import Unit
from core.richtext import INVISIBLE, one_line
from core.tiers import Scope, tier_said

LONGEST_QUESTION: Final = 300
LONGEST_ANSWER: Final = 3_000
LONGEST_TAG: Final = 30
MOST_TAGS: Final = 8
MOST_WORDINGS: Final = 3
"""Other ways to ask the same; a quote that begins at the first wording still reaches the answer."""
MOST_PAIRS: Final = 5_000
MOST_NOTES: Final = 200
"""Every note is held against every question."""
MOST_BAD_LINES: Final = 15
COLUMNS: Final = ("question", "answer", "tags", "tier", "wordings")

_EDGES: Final = (
    ".,;:!?\u2026\u3002\uff01\uff1f\u00a1\u00bf\"'\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb()[]{}\u2013\u2014*_~`|<>"
)
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_SEPARATORS: Final = re.compile(r"[,;:|]+")
_FORMULA: Final = re.compile(r"'?[=+@\-]")


class EntryKind(StrEnum):
    """What an entry is; named like the kind of its source."""

    PAIR = SourceKind.QA.value
    NOTE = SourceKind.NOTE.value


@dataclass(frozen=True, slots=True)
class Wording:
    """What an entry says, checked. Of a note, ``question`` are the words that it is about, with commas between.

    ``wordings`` are other ways to ask the same; an empty ``tier`` is for everybody.
    """

    kind: EntryKind
    question: str
    answer: str
    tags: tuple[str, ...] = ()
    tier: str = ""
    wordings: tuple[str, ...] = ()

    @property
    def folded(self) -> tuple[str, ...]:
        """The question and its other wordings as an asked one is compared with them."""
        return tuple(dict.fromkeys(fold(text) for text in (self.question, *self.wordings)))

    @property
    def topics(self) -> tuple[str, ...]:
        """The words that a note is about, topic by topic."""
        return tuple(topic for part in self.question.split(",") if (topic := part.strip()))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is kept; ``author`` is empty where who wrote it is not known any more.

    ``searched`` is False for the seconds in which it is found by its very words alone.
    """

    id: SourceId
    said: Wording
    version: int
    author: str
    created_at: datetime
    changed_at: datetime
    searched: bool
    may_undo: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change of an entry; None leaves it."""

    question: str | None = None
    answer: str | None = None
    tags: tuple[str, ...] | None = None
    tier: str | None = None
    wordings: tuple[str, ...] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is to change."""
        return self == Change()

    def applied(self, said: Wording) -> Wording:
        """What the entry says then, checked.

        Raises:
            UploadRefused: it would say too much or nothing.
        """
        return checked(
            said.kind,
            said.question if self.question is None else self.question,
            said.answer if self.answer is None else self.answer,
            said.tags if self.tags is None else self.tags,
            said.tier if self.tier is None else self.tier,
            said.wordings if self.wordings is None else self.wordings,
        )


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes an entry, and for whom: the creator as students know them."""

    creator_id: CreatorId
    creator_name: str
    student_id: StudentId | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of entries, and how many there are in all."""

    entries: tuple[Entry, ...]
    total: int


class Knowledge(Protocol):
    """The entries of creators. No method can reach across creators; each change moves the corpus version."""

    async def add(self, author: Author, new: Sequence[Wording], *, over: bool = False) -> list[Entry]:
        """Write entries, and have them learnt; with ``over``, one that is there already is changed instead.

        Raises:
            UploadRefused: one is there already, or these are too many; then none is written.
        """
        ...

    async def change(self, author: Author, entry_id: SourceId, kind: EntryKind, change: Change) -> Entry | None:
        """Change an entry and keep what it said before; None where there is none of this kind.

        Raises:
            UploadRefused: it would say too much or nothing, or what another one says.
        """
        ...

    async def undo(self, author: Author, entry_id: SourceId) -> Entry | None:
        """Let an entry say again what it said before its last change; None where that is not known."""
        ...

    async def remove(self, creator_id: CreatorId, entry_id: SourceId, kind: EntryKind) -> Entry | None:
        """Take an entry out of every answer at once; None where there is none of this kind."""
        ...

    async def restore(self, creator_id: CreatorId, entry_id: SourceId) -> Entry | None:
        """Undo a removal; None where it is too late, or another entry says the same."""
        ...

    async def questions(self, scope: Scope, entries: Sequence[SourceId]) -> dict[SourceId, str]:
        """The questions of those of these sources that are pairs in scope."""
        ...

    async def find(
        self, creator_id: CreatorId, kind: EntryKind, *, search: str = "", tag: str = "", offset: int = 0, limit: int
    ) -> Shown:
        """Entries newest first, with these words in their texts or their number, and with this tag."""
        ...


def fold(text: str) -> str:
    """A question as it is compared with others: without case, marks at the edges of words, and blanks."""
    plain = INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("\u2019", "'")
    return " ".join(word for each in plain.split() if (word := each.strip(_EDGES)))


def checked(
    kind: EntryKind, question: str, answer: str, tags: Iterable[str] = (), tier: str = "",
    wordings: Iterable[str] = (),
) -> Wording:  # fmt: skip
    """What an entry says, as it is kept.

    Raises:
        UploadRefused: a part is empty or too long, or there are too many tags or wordings; says which.
    """
    asked, told = one_line(question), _text(answer)
    others = tuple(dict.fromkeys(w for each in wordings if fold(w := _wording(each)) not in ("", fold(asked))))
    what, body = ("question", "answer") if kind is EntryKind.PAIR else ("topic", "text")
    if not fold(asked):
        raise UploadRefused(f"There is no {what}. Write what people say in words.")
    if not told:
        raise UploadRefused(f"There is no {body} to {asked!r}.")
    for text, name, most in ((asked, what, LONGEST_QUESTION), (told, body, LONGEST_ANSWER)):
        if len(text) > most:
            raise UploadRefused(f"The {name} has {len(text):,} characters; at most {most:,} are kept.")
    if len(others) > MOST_WORDINGS or any(len(other) > LONGEST_QUESTION for other in others):
        raise UploadRefused(f"At most {MOST_WORDINGS} other wordings of {LONGEST_QUESTION} characters are kept.")
    return Wording(kind, asked, told, checked_tags(tags), tier_said(tier) or "", others)


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept: small letters, each once.

    Raises:
        UploadRefused: they are too many or too long.
    """
    kept = tuple(
        dict.fromkeys(tag for each in tags if (tag := _SEPARATORS.sub("-", one_line(each)).lower().strip("#- ")))
    )
    if len(kept) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in kept):
        raise UploadRefused(f"At most {MOST_TAGS} tags of {LONGEST_TAG} letters are kept.")
    return kept


def _wording(text: str) -> str:
    """One of several wordings, without what stands between them where they are typed."""
    return one_line(text.replace("|", "/"))


def _text(text: str) -> str:
    """Several lines as they were written, without what nobody can see."""
    lines = INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\r\n", "\n").split("\n")
    return _BLANK_LINES.sub("\n\n", "\n".join(" ".join(line.split()) for line in lines)).strip()


def title_of(kind: EntryKind, creator_name: str, at: datetime) -> str:
    """What an entry is called where it is cited."""
    what = "Answer" if kind is EntryKind.PAIR else "Note"
    return f"{what} by {creator_name}, {at.day} {at:%B %Y}"


def units_of(said: Wording, sentences: Sequence[str]) -> list[Unit]:
    """What of an entry is searched: its wordings, each as a heading, which is found and not quoted, then its text.

    Args:
        said: the entry.
        sentences: those of its text.
    """
    headings = [Unit(0, 1, text, 0, locator=text) for text in (said.question, *said.wordings)]
    return [*headings, *(Unit(1, 2, text, 0, locator=said.question) for text in sentences)]


def read_pairs(text: str) -> list[Wording]:
    """Read a table: question, answer, and if wanted tags with ; between, tier, and other wordings with | between.

    Raises:
        UploadRefused: it is no table, or lines cannot be kept; names every one.
    """
    pairs: dict[str, Wording] = {}
    bad: list[str] = []
    for number, row in _rows(text):
        try:
            pair = _pair_of(row)
            if pairs.setdefault(pair.folded[0], pair) is not pair:
                bad.append(f"Line {number}: {pair.question!r} is there twice.")
        except UploadRefused as refusal:
            bad.append(f"Line {number}: {refusal}")
    if bad:
        more = f"\n… and {len(bad) - MOST_BAD_LINES} more" if len(bad) > MOST_BAD_LINES else ""
        raise UploadRefused("Nothing was added:\n" + "\n".join(bad[:MOST_BAD_LINES]) + more)
    if not pairs:
        raise UploadRefused("There is no question in this file. A line is: question,answer,tags,tier,wordings")
    return list(pairs.values())


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the line each begins at, without a heading and without empty ones."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), skipinitialspace=True)
    begins = 1
    try:
        for row in reader:
            heading = begins == 1 and [cell.strip().lower() for cell in row[:2]] == ["question", "answer"]
            if any(cell.strip() for cell in row) and not heading:
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise UploadRefused(f"Line {begins} cannot be read: {error}.") from error


def _pair_of(row: Sequence[str]) -> Wording:
    cells = [_unmasked(cell) for cell in row]
    if len(cells) < 2:
        raise UploadRefused("there is no answer behind the question.")
    if len(cells) > len(COLUMNS):
        raise UploadRefused(f"it has {len(cells)} cells. A text with commas stands in double quotes.")
    question, answer, tags, tier, wordings = [*cells, *[""] * (len(COLUMNS) - len(cells))]
    return checked(EntryKind.PAIR, question, answer, tags.split(";"), tier, wordings.split("|"))


def write_pairs(pairs: Iterable[Wording]) -> str:
    """What ``read_pairs`` reads; no cell is taken for a formula by a program for tables."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pair in pairs:
        cells = (pair.question, pair.answer, ";".join(pair.tags), pair.tier, "|".join(pair.wordings))
        writer.writerow([_masked(cell) for cell in cells])
    return file.getvalue()


def _masked(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unmasked(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def worded_anew(said: Wording, question: str) -> Wording:
    """The same with one more way to ask it, as far as there is room."""
    known = fold(question) in said.folded or len(said.wordings) >= MOST_WORDINGS
    return said if known else replace(said, wordings=(*said.wordings, _wording(question)[:LONGEST_QUESTION]))
