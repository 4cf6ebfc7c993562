"""PDF: lines that stand at places on pages, put together to paragraphs again."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from statistics import median
from typing import Any, Final, TypeAlias

from adapters.sources.segments import MAX_TEXT_CHARS
from adapters.sources.written import MAX_CHARS, Paragraph, Written, given_title, too_long
from core.errors import UploadRefused
from core.library.transcript import LocatorKind

Handle: TypeAlias = Any
"""A document, page or text of the library, which has no types."""
MAX_PAGES: Final = 2_000
WRONG_PASSWORD: Final = 4
JOINED: Final = "\x02"
"""Stands where a line ended in a hyphen."""
EDGE_LINES: Final = 2
FEWEST_REPEATS: Final = 3
REPEATED_SHARE: Final = 0.4
"""Below a half, because left and right pages often have headers of their own."""
WIDER_GAP: Final = 1.3
USUAL_PITCH: Final = 1.6
"""The distance of two lines in heights of a line, at most, where there are too few lines to tell."""
TELLING_GAPS: Final = 8
OTHER_SIZE: Final = 1.25
SHORT_LINE: Final = 0.85
UNREADABLE_SHARE: Final = 0.3
ENDS: Final = re.compile(r"[.!?:;\u2026\u3002\uff01\uff1f][\"'\u2019\u201d)\]\u300d]*$")
LIST_ITEM: Final = re.compile(r"(?:[-*\u2022\u2023\u25aa\u25cf\u2013]|[0-9]{1,3}[.)]|[a-z][.)])\s+\S")
NUMERALS: Final = "0123456789ivxlc"
LEADING_DOTS: Final = 5
"""What a line of a table of contents has at least before the number of its page."""
UNREADABLE: Final = re.compile("[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f]")
BROKEN_WORD: Final = re.compile(rf"{JOINED}$|\w[-\u2010]$")
HYPHENATED: Final = re.compile(r"(?<!\w)\w+-\w+")
LONGEST_WORD: Final = 100


@dataclass(frozen=True, slots=True)
class _Line:
    """A line and its box in points, up and right from the page's lower left corner."""

    text: str
    left: float
    right: float
    bottom: float
    height: float


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    lines: tuple[_Line, ...]
    drawn: bool


def read_pdf(content: bytes) -> Written:
    """Return the paragraphs of a PDF by page, without headers, footers and page numbers that repeat.

    Raises:
        UploadRefused: it is protected, damaged, too long, a scan, or written in letters without a meaning.
    """
    document = _opened(content)
    try:
        if len(document) > MAX_PAGES:
            raise UploadRefused(f"The PDF has more than {MAX_PAGES:,} pages. Split it into parts.")
        pages = list(_pages(document))
        title = given_title(str(document.get_metadata_dict().get("Title", ""))) or _largest(pages)
    finally:
        document.close()
    inner = _without_furniture(pages)
    _refuse_unreadable(inner)
    return Written(tuple(_paragraphs(inner)), LocatorKind.PAGE, title)


def _opened(content: bytes) -> Handle:
    import pypdfium2  # type: ignore[import-untyped]  # it ships no types

    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == WRONG_PASSWORD:
            raise UploadRefused(
                "The PDF is protected by a password. Save it without the password and upload it again."
            ) from error
        raise UploadRefused("The PDF is damaged. Export it again from where it comes and upload that.") from error


def _pages(document: Handle) -> Iterator[_Page]:
    chars = 0
    for index in range(len(document)):
        page = document[index]
        try:
            lines = tuple(_lines(page))
            drawn = next(page.get_objects(max_depth=1), None) is not None
        finally:
            page.close()
        chars += sum(len(line.text) for line in lines)
        if chars > 2 * MAX_CHARS:
            raise too_long()
        yield _Page(index + 1, lines, drawn)


def _lines(page: Handle) -> Iterator[_Line]:
    from pypdfium2 import raw

    text_page = page.get_textpage()
    try:
        letters = [raw.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars())]
        for start, end in _line_spans(letters):
            line = _line(text_page, letters, start, end)
            if not _leads_to_page(line.text):
                yield line
    finally:
        text_page.close()


def _leads_to_page(text: str) -> bool:
    """Tell a line of a table of contents."""
    before = text.rstrip(NUMERALS)
    leading = takewhile(lambda letter: letter == "." or letter.isspace(), reversed(before))
    return len(before) < len(text) and sum(letter == "." for letter in leading) >= LEADING_DOTS


def _line_spans(letters: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the spans of lines that show something; a mark of hyphenation belongs to its line."""
    start = 0
    for index, letter in enumerate((*letters, ord("\n"))):
        if letter in {ord("\r"), ord("\n"), ord(JOINED)}:
            end = index + (letter == ord(JOINED))
            if not all(chr(each).isspace() for each in letters[start:end]):
                yield start, end
            start = index + 1


def _line(text_page: Handle, letters: Sequence[int], start: int, end: int) -> _Line:
    text = "".join(map(chr, letters[start:end]))
    shown = [at for at in range(start, end) if not chr(letters[at]).isspace() and chr(letters[at]) != JOINED] or [
        start
    ]
    # A bullet at the beginning is often of another font, so the middle tells the height.
    first, middle, last = (
        text_page.get_charbox(shown[at], loose=True) for at in (0, len(shown) // 2, len(shown) - 1)
    )
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
    left, right = min(first[0], last[0]), max(first[2], last[2])
    return _Line(whole.strip(), left, right, middle[1], abs(middle[3] - middle[1]))


def _without_furniture(pages: list[_Page]) -> list[_Page]:
    """Drop lines at the edges that most pages repeat but for their numbers, and those that count the pages."""
    edges = [(page, line) for page in pages for line in _edges(page.lines)]
    least = max(FEWEST_REPEATS, REPEATED_SHARE * len(pages))
    seen = Counter(key for page in pages for key in {_key(line) for line in _edges(page.lines)})
    ahead = Counter(number for page, line in edges for number in _ahead(page, line))
    counting = {number for number, times in ahead.items() if times >= least}
    dropped = {
        id(line)
        for page, line in edges
        if seen[_key(line)] >= least
        or (counting & _ahead(page, line) and (_key(line) == "#" or seen[_key(line)] > 1))
    }
    return [
        _Page(page.number, tuple(line for line in page.lines if id(line) not in dropped), page.drawn)
        for page in pages
    ]


def _key(line: _Line) -> str:
    return re.sub(r"\d+|\b[ivxlc]{1,6}\b", "#", line.text.casefold())


def _ahead(page: _Page, line: _Line) -> set[int]:
    """By how much the numbers in a line are ahead of the page's: the same on every page where they count them."""
    return {int(number) - page.number for number in re.findall(r"(?<!\d)\d{1,4}(?!\d)", line.text)}


def _edges(lines: Sequence[_Line]) -> Iterable[_Line]:
    return (*lines[:EDGE_LINES], *lines[max(len(lines) - EDGE_LINES, EDGE_LINES) :])


def _refuse_unreadable(pages: Sequence[_Page]) -> None:
    texts = ["".join(line.text for line in page.lines) for page in pages]
    pictures = sum(page.drawn and not any(map(str.isalnum, text)) for page, text in zip(pages, texts, strict=True))
    if pictures > len(pages) / 2:
        raise UploadRefused(
            f"{pictures} of {len(pages)} pages hold pictures of text (a scan), which I cannot read. Run text "
            "recognition (OCR) over the PDF and upload the result."
        )
    letters = "".join(texts).replace(JOINED, "")
    if len(UNREADABLE.findall(letters)) > UNREADABLE_SHARE * max(len(letters), 1):
        raise UploadRefused("The PDF does not say which letters its fonts show. Export it again, or upload the DOCX.")


def _largest(pages: Sequence[_Page]) -> str:
    """The line in the largest letters on the first page, where one stands out: its title."""
    lines = pages[0].lines if pages else ()
    if not lines:
        return ""
    best = max(lines, key=lambda line: line.height)
    usual = median(line.height for line in lines)
    return best.text.rstrip(JOINED) if best.height > OTHER_SIZE * usual else ""


def _paragraphs(pages: Sequence[_Page]) -> Iterator[Paragraph]:
    """Join lines to paragraphs; one that goes on overleaf belongs to the page on which it begins."""
    pitch = _pitch(pages)
    kept = {word.casefold() for page in pages for line in page.lines for word in HYPHENATED.findall(line.text)}
    text = number = ""
    for page in pages:
        widest = max((line.right for line in page.lines), default=0.0)
        for before, line in pairwise((None, *page.lines)):
            if line is None:
                continue
            if text and len(text) < MAX_TEXT_CHARS and _goes_on(text, before, line, pitch, widest):
                text = _joined(text, line.text, kept)
                continue
            if text:
                yield Paragraph(text.rstrip(JOINED), number)
            text, number = line.text, str(page.number)
    if text:
        yield Paragraph(text.rstrip(JOINED), number)


def _pitch(pages: Sequence[_Page]) -> float:
    """The usual distance between two lines, in points."""
    gaps = [above.bottom - line.bottom for page in pages for above, line in pairwise(page.lines)]
    down = [gap for gap in gaps if gap > 0]
    heights = [line.height for page in pages for line in page.lines]
    usual = USUAL_PITCH * median(heights) if heights else 0.0
    if len(down) >= TELLING_GAPS:
        return median(down)
    return min(median(down), usual) if down else usual


def _goes_on(text: str, before: _Line | None, line: _Line, pitch: float, widest: float) -> bool:
    """Tell whether a line continues the paragraph above, or that of the page or column before."""
    if text.endswith(JOINED):
        return True
    if LIST_ITEM.match(line.text):
        return False
    if before is None or before.bottom - line.bottom < -line.height:
        return not ENDS.search(text[-LONGEST_WORD:]) and line.text[:1].islower()
    if before.bottom - line.bottom > WIDER_GAP * pitch:
        return False
    larger, smaller = max(before.height, line.height), max(min(before.height, line.height), 0.1)
    if larger > OTHER_SIZE * smaller:
        return False
    ended = ENDS.search(text[-LONGEST_WORD:]) is not None
    indented = line.left > before.left + 0.8 * line.height
    return not (ended and (indented or before.right < SHORT_LINE * widest))


def _joined(text: str, line: str, kept: set[str]) -> str:
    if not BROKEN_WORD.search(text[-2:]):
        return f"{text} {line}"
    head = text[:-1]
    front, back = re.search(r"\w*$", head[-LONGEST_WORD:]), re.match(r"\w*", line)
    compound = f"{front[0] if front else ''}-{back[0] if back else ''}".casefold()
    return f"{head}-{line}" if compound in kept or not line[:1].islower() else head + line
