"""What documents and articles become: paragraphs that say where their reader finds them."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from adapters.sources.apart import MEGABYTE, Json, Limits, run_on
from adapters.sources.segments import MAX_NAME_CHARS, MAX_SEGMENTS
from core.errors import UploadRefused
from core.library.transcript import LocatorKind, Segment, Timing, Transcript
from core.richtext import INVISIBLE

MAX_CHARS: Final = 4_000_000
MAX_DOCUMENT_BYTES: Final = 200 * MEGABYTE
NO_TITLE: Final = re.compile(
    r"[ -]*(?:(?:microsoft )?(?:word|powerpoint)[ -]*)?(?:(?:untitled|document|presentation|slide)[ -]*)?[0-9]*",
    re.IGNORECASE,
)
"""What programs write where nobody gave a title."""
MADE_BY: Final = re.compile(
    r"^microsoft (?:word|powerpoint) - |\.(?:docx?|pptx?|pdf|indd|tex|dvi|rtf|odt)$", re.IGNORECASE
)
LIMITS: Final = Limits(wall_s=120.0, memory_bytes=1_500 * MEGABYTE, file_bytes=MEGABYTE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph, list item or row of a table as its file gives it; or a heading above those that follow."""

    text: str
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece and the page, slide or heading where its reader finds it."""

    text: str
    locator: str


@dataclass(frozen=True, slots=True)
class Written:
    """A document as it was read; ``title`` and ``language`` are empty where it does not say."""

    paragraphs: tuple[Paragraph, ...]
    locator_kind: LocatorKind
    title: str = ""
    language: str = ""

    def as_json(self) -> Json:
        """What a child process says of it: a locator that many paragraphs share is said once.

        Raises:
            UploadRefused: it is more than a library should take from one file.
        """
        if len(self.paragraphs) > MAX_SEGMENTS or sum(len(each.text) for each in self.paragraphs) > MAX_CHARS:
            raise too_long()
        places = {locator: at for at, locator in enumerate(dict.fromkeys(each.locator for each in self.paragraphs))}
        return {
            "kind": self.locator_kind,
            "title": self.title,
            "language": self.language,
            "locators": list(places),
            "paragraphs": [[each.text, places[each.locator]] for each in self.paragraphs],
        }


def tidy(text: str) -> str:
    """Return ``text`` on one line, without characters that nobody can see."""
    return " ".join(INVISIBLE.sub("", text).split())


def tidy_name(text: str) -> str:
    """Return a title or heading as one short line."""
    return tidy(text[: MAX_NAME_CHARS * 2])[:MAX_NAME_CHARS].strip()


def given_title(text: str) -> str:
    """Return the title in a document's properties; empty where only its program wrote one."""
    title = MADE_BY.sub("", tidy_name(text)).strip()
    return "" if NO_TITLE.fullmatch(title) else title


def under_headings(pieces: Iterable[Piece], title: str = "", language: str = "") -> Written:
    """Locate each piece by the heading above, or by its number before the first; the first heading is a title."""
    paragraphs: list[Paragraph] = []
    above = first = ""
    for piece in pieces:
        text = tidy(piece.text)
        if not text:
            continue
        if piece.heading:
            above = tidy_name(text)
            first = first or above
        paragraphs.append(Paragraph(text, above or f"paragraph {len(paragraphs) + 1}"))
    return Written(tuple(paragraphs), LocatorKind.HEADING, tidy_name(title) or first, language)


async def read_apart(function: str, content: bytes, *args: Json) -> Transcript:
    """Let a child process read ``content`` from a file: ``function`` is called with its path and ``args``.

    Raises:
        UploadRefused: it cannot be read, or holds nothing or too much; says what would work.
        ProviderError: reading failed in a way that is no fault of the file.
    """
    if not content.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise UploadRefused("The file is empty. Check that it was saved, and upload it again.")
    if len(content) > MAX_DOCUMENT_BYTES:
        raise UploadRefused(f"The document is larger than {MAX_DOCUMENT_BYTES / 1e6:.0f} MB. Split it.")
    said = await run_on(function, content, *args, limits=LIMITS)
    return await asyncio.to_thread(transcript_of, said)


def transcript_of(said: Json) -> Transcript:
    """Return what ``Written.as_json`` says, cleaned once more: a child that a file has taken over may lie.

    Raises:
        UploadRefused: no words are left, or too many.
    """
    segments = tuple(_segments(said["paragraphs"], [tidy_name(str(each)) for each in said["locators"]]))
    if not any(letter.isalnum() for segment in segments for letter in segment.text):
        raise UploadRefused("The document holds no words, so there is nothing to answer from.")
    return Transcript(
        segments,
        Timing.NONE,
        title=tidy_name(str(said["title"])),
        language=str(said["language"])[:2],
        locator_kind=LocatorKind(said["kind"]),
    )


def _segments(paragraphs: Json, locators: list[str]) -> Iterator[Segment]:
    number = chars = 0
    for text, place in paragraphs:
        words = tidy(str(text))
        if not words:
            continue
        chars += len(words)
        if chars > MAX_CHARS or number >= MAX_SEGMENTS:
            raise too_long()
        yield Segment(float(number), number + 1.0, words, locator=locators[place])
        number += 1


def too_long() -> UploadRefused:
    """What to say of a document with more text than a library should take from one file."""
    return UploadRefused(
        f"The document has more than {MAX_CHARS:,} letters or {MAX_SEGMENTS:,} paragraphs. Split it into parts."
    )
