"""DOCX: paragraphs and tables in the order in which they are read, under their headings."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final, TypeAlias

from adapters.sources.written import Piece, Written, under_headings

Element: TypeAlias = Any
"""An element of an XML tree, or a style around one; the library that reads it has no types."""
HEADING_STYLE: Final = re.compile(r"heading [1-9]|title|überschrift [1-9]", re.IGNORECASE)
DEEPEST_STYLE: Final = 10
_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PARAGRAPH: Final = f"{_W}p"
TABLE: Final = f"{_W}tbl"
ROW: Final = f"{_W}tr"
CELL: Final = f"{_W}tc"
RUN: Final = f"{_W}r"
TEXT: Final = f"{_W}t"
VALUE: Final = f"{_W}val"
TEXT_BOX: Final = f"{_W}txbxContent"
BLANKS: Final = (f"{_W}tab", f"{_W}br", f"{_W}cr")
HYPHEN: Final = f"{_W}noBreakHyphen"
OLD_COPY: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
"""The same text box once more, for programs that cannot draw the new kind."""


def read_word(package: BytesIO) -> Written:
    """Return what a DOCX says; text that was deleted in a tracked change or is hidden stays out."""
    from docx import Document

    document = Document(package)
    headings = {style.style_id for style in document.styles if _is_heading_style(style)}
    pieces = _blocks(document.element.body, headings)
    return under_headings(pieces, document.core_properties.title)


def _is_heading_style(style: Element) -> bool:
    for _ in range(DEEPEST_STYLE):
        if style is None:
            return False
        if HEADING_STYLE.fullmatch(style.name or "") or style.element.find(f"{_W}pPr/{_W}outlineLvl") is not None:
            return True
        style = getattr(style, "base_style", None)
    return False


def _blocks(element: Element, headings: set[str]) -> Iterator[Piece]:
    for child in element:
        if child.tag == PARAGRAPH:
            yield _paragraph(child, headings)
            yield from _boxes(child, headings)
        elif child.tag == TABLE:
            for row in child.iter(ROW):
                if next(row.iterancestors(TABLE)) is child:
                    yield from _row(row, headings)
        elif child.tag != OLD_COPY:  # such as a content control, which wraps what counts
            yield from _blocks(child, headings)


def _paragraph(paragraph: Element, headings: set[str]) -> Piece:
    text = "".join(_letters(paragraph))
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    level = paragraph.find(f"{_W}pPr/{_W}outlineLvl")
    outlined = level is not None and level.get(VALUE) != "9"
    if outlined or (style is not None and style.get(VALUE) in headings):
        return Piece(text, heading=True)
    listed = paragraph.find(f"{_W}pPr/{_W}numPr") is not None or (
        style is not None and str(style.get(VALUE)).startswith("List")
    )
    return Piece(f"- {text}" if listed and text.strip() else text)


def _letters(element: Element) -> Iterator[str]:
    for child in element:
        if child.tag == TEXT:
            yield child.text or ""
        elif child.tag in BLANKS:
            yield " "
        elif child.tag == HYPHEN:
            yield "-"
        elif child.tag not in {TEXT_BOX, OLD_COPY} and not (child.tag == RUN and _is_hidden(child)):
            yield from _letters(child)


def _is_hidden(run: Element) -> bool:
    vanish = run.find(f"{_W}rPr/{_W}vanish")
    return vanish is not None and vanish.get(VALUE) not in {"0", "false"}


def _boxes(paragraph: Element, headings: set[str]) -> Iterator[Piece]:
    for box in paragraph.iter(TEXT_BOX):
        nested = next(box.iterancestors(TEXT_BOX, PARAGRAPH), None) is not paragraph
        if not nested and next(box.iterancestors(OLD_COPY), None) is None:
            yield from _blocks(box, headings)


def _row(row: Element, headings: set[str]) -> Iterator[Piece]:
    """One piece for a row; the pieces themselves where a table only holds a layout."""
    cells = [[piece for piece in _blocks(cell, headings) if piece.text.strip()] for cell in row.iter(CELL)
             if next(cell.iterancestors(ROW)) is row]  # fmt: skip
    filled = [cell for cell in cells if cell]
    if len(filled) == 1:
        yield from filled[0]
    elif filled:
        yield Piece(", ".join(" ".join(piece.text for piece in cell) for cell in filled))
