"""A creator's names as they are written, and what captions and recognisers make of them."""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Final, Protocol

from core.errors import UploadRefused
from core.ids import CreatorId, SourceId
from core.library.transcript import Chapter, Segment, Timing, Transcript, Word
from core.library.units import placed_words
from core.richtext import one_line

LONGEST_NAME: Final = 80
SHORTEST_SPELLING: Final = 2
MOST_NAMES: Final = 500
MOST_SPELLINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is written, and the wrong spellings that it stands for."""

    name: str
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands in a text from ``start`` up to ``end`` is to be ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Glossary:
    """All names of a creator, the oldest first. Wrong spellings are whole words, in whatever case."""

    names: tuple[Name, ...] = ()

    @property
    def hints(self) -> tuple[str, ...]:
        """What a recogniser should know."""
        return tuple(name.name for name in self.names)

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """Names by their wrong spellings in lower case."""
        return {wrong.casefold(): name.name for name in self.names for wrong in name.instead_of}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self.spellings:
            return None
        longest_first = sorted(self.spellings, key=len, reverse=True)
        wrong = "|".join(r"\s+".join(map(re.escape, spelling.split())) for spelling in longest_first)
        return re.compile(rf"(?<!\w)(?:{wrong})(?!\w)", re.IGNORECASE)

    def corrected(self, text: str) -> str:
        """A text with every name as it is written."""
        return edited(text, self.edits([text]).get(0, []))

    def edits(self, texts: Sequence[str]) -> dict[int, list[Edit]]:
        """What is to change in texts that follow one another, by their positions.

        A spelling may begin in one text and end in another; the name then stands in the first.
        """
        found: dict[int, list[Edit]] = {}
        offsets = list(accumulate((len(text) + 1 for text in texts[:-1]), initial=0))
        for match in self._pattern.finditer(" ".join(texts)) if self._pattern else ():
            name = self._written(match[0])
            if name == match[0]:
                continue
            first, last = (bisect_right(offsets, place) - 1 for place in (match.start(), match.end() - 1))
            for position in range(first, last + 1):
                start = max(match.start() - offsets[position], 0)
                end = min(match.end() - offsets[position], len(texts[position]))
                found.setdefault(position, []).append(Edit(start, end, name if position == first else ""))
        return found

    def _written(self, wrong: str) -> str:
        """The name for a spelling; one in small letters takes over a capital at its beginning."""
        name = self.spellings.get(" ".join(wrong.casefold().split()), wrong)
        return name[0].upper() + name[1:] if name.islower() and wrong[0].isupper() else name

    def applied(self, transcript: Transcript) -> Transcript:
        """What was said with every name as it is written; a document is quoted as it stands."""
        if transcript.timing is Timing.NONE:
            return transcript
        changes = self.edits([segment.text for segment in transcript.segments])
        segments = [
            _respelled(segment, changes[n]) if n in changes else segment
            for n, segment in enumerate(transcript.segments)
        ]
        chapters = tuple(Chapter(chapter.start_s, self.corrected(chapter.title)) for chapter in transcript.chapters)
        return replace(transcript, segments=tuple(s for s in segments if s.text), chapters=chapters)


class Glossaries(Protocol):
    """The glossaries of creators. No method can reach across creators."""

    async def glossary(self, creator_id: CreatorId) -> Glossary:
        """All names of a creator, the oldest first."""
        ...

    async def add(self, creator_id: CreatorId, names: Sequence[Name]) -> None:
        """Add names; one that is there already, in whatever case, is written anew and keeps its wrong spellings.

        Raises:
            UploadRefused: these are too many, or a wrong spelling is a name itself.
        """
        ...

    async def remove(self, creator_id: CreatorId, name: str) -> bool:
        """Remove a name with its wrong spellings; False where there is none of this name."""
        ...

    async def misspelt(self, creator_id: CreatorId) -> list[SourceId]:
        """The sources in which a wrong spelling stands."""
        ...

    async def respell(self, creator_id: CreatorId) -> None:
        """Have the glossary applied to these sources in the background."""
        ...


def edited(text: str, edits: Sequence[Edit]) -> str:
    """A text after its changes, which do not overlap; untouched where there are none."""
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return " ".join(text.split()) if edits else text


def _respelled(segment: Segment, edits: Sequence[Edit]) -> Segment:
    return replace(segment, text=edited(segment.text, edits), words=_words(segment, edits))


def _words(segment: Segment, edits: Sequence[Edit]) -> tuple[Word, ...]:
    """The timed words; those that a name replaces become one, from the first one's start to the last one's end."""
    words: list[Word] = []
    open_edit: Edit | None = None
    for placed in placed_words(segment, 0):
        word = placed.word
        edit = next((edit for edit in edits if edit.start < placed.end and placed.start < edit.end), None)
        if edit is not None and edit is open_edit:
            words[-1] = replace(words[-1], end_s=word.end_s, text=words[-1].text + _after(segment, edit, placed.end))
        elif edit is not None:
            text = segment.text[placed.start : edit.start] + edit.text + _after(segment, edit, placed.end)
            words.append(replace(word, text=text))
        else:
            words.append(word)
        open_edit = edit
    return tuple(word for word in words if word.text)


def _after(segment: Segment, edit: Edit, end: int) -> str:
    """What stands behind a replaced spelling in its last word, such as a comma."""
    return segment.text[edit.end : end]


def checked_name(name: str, instead_of: Iterable[str]) -> Name:
    """A name and its wrong spellings as they are kept.

    Raises:
        UploadRefused: one of them is empty, too long or too short, or there are too many.
    """
    written = one_line(name)
    wrong = tuple(dict.fromkeys(spelling for each in instead_of if (spelling := one_line(each)) not in ("", written)))
    if not 1 <= len(written) <= LONGEST_NAME:
        raise UploadRefused(f"A name has 1 to {LONGEST_NAME} letters.")
    if len(wrong) > MOST_SPELLINGS:
        raise UploadRefused(f"{written} has {len(wrong)} wrong spellings; at most {MOST_SPELLINGS} are kept.")
    for spelling in wrong:
        if not SHORTEST_SPELLING <= len(spelling) <= LONGEST_NAME or not any(map(str.isalnum, spelling)):
            raise UploadRefused(
                f"A wrong spelling has {SHORTEST_SPELLING} to {LONGEST_NAME} letters, unlike {spelling[:40]!r}."
            )
    return Name(written, wrong)


def read_names(text: str) -> list[Name]:
    """Read a file with a name on each line, and its wrong spellings behind it between commas.

    Raises:
        UploadRefused: a line cannot be kept; says which.
    """
    names: list[Name] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        try:
            row = next(csv.reader([line], skipinitialspace=True), [])
        except csv.Error as error:
            raise UploadRefused(f"Line {number} cannot be read: {error}.") from error
        if not any(cell.strip() for cell in row):
            continue
        try:
            names.append(checked_name(row[0], row[1:]))
        except UploadRefused as refusal:
            raise UploadRefused(f"Line {number}: {refusal}") from refusal
    if not names:
        raise UploadRefused("There is no name in this file. Write one on each line: Kubernetes, cooper netties")
    return names


def write_names(glossary: Glossary) -> str:
    """What ``read_names`` reads."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([name.name, *name.instead_of] for name in glossary.names)
    return file.getvalue()
