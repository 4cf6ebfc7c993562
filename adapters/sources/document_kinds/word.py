"""DOCX: paragraphs and tables in the order in which they are read, under their headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, TypeAlias

from adapters.sources.written import Piece, Written, given_title, under_headings

Element: TypeAlias = Any
"""An element of an XML tree, or a style around one; the library that reads it has no types."""
HEADING_STYLE: Final = re.compile(r"heading [1-9]|title", re.IGNORECASE)
CONTENTS_STYLE: Final = re.compile(r"toc [1-9]", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class _Styles:
    """The ids of the styles that tell what a paragraph is."""

    headings: frozenset[str]
    contents: frozenset[str]


def read_word(package: BytesIO) -> Written:
    """Return what a DOCX says, without its table of contents; what is hidden or was deleted stays out too."""
    from docx import Document

    document = Document(package)
    styles = _Styles(
        headings=frozenset(style.style_id for style in document.styles if _is_heading_style(style)),
        contents=frozenset(s.style_id for s in document.styles if CONTENTS_STYLE.fullmatch(s.name or "")),
    )
    return under_headings(_blocks(document.element.body, styles), given_title(document.core_properties.title))


def _is_heading_style(style: Element) -> bool:
    for _ in range(DEEPEST_STYLE):
        if style is None:
            return False
        if HEADING_STYLE.fullmatch(style.name or "") or style.element.find(f"{_W}pPr/{_W}outlineLvl") is not None:
            return True
        style = getattr(style, "base_style", None)
    return False


def _blocks(element: Element, styles: _Styles) -> Iterator[Piece]:
    for child in element:
        if child.tag == PARAGRAPH:
            yield _paragraph(child, styles)
            yield from _boxes(child, styles)
        elif child.tag == TABLE:
            for row in child.iter(ROW):
                if next(row.iterancestors(TABLE)) is child:
                    yield from _row(row, styles)
        elif child.tag != OLD_COPY:  # such as a content control, which wraps what counts
            yield from _blocks(child, styles)


def _paragraph(paragraph: Element, styles: _Styles) -> Piece:
    text = "".join(_letters(paragraph))
    style = _value(paragraph, "pStyle")
    if style in styles.contents:
        return Piece("")
    if style in styles.headings or _value(paragraph, "outlineLvl") not in {"", "9"}:
        return Piece(text, heading=True)
    listed = style.startswith("List") or paragraph.find(f"{_W}pPr/{_W}numPr") is not None
    return Piece(f"- {text}" if listed and text.strip() else text)


def _value(paragraph: Element, name: str) -> str:
    """Return a property of a paragraph, or an empty text."""
    found = paragraph.find(f"{_W}pPr/{_W}{name}")
    return "" if found is None else str(found.get(VALUE))


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


def _boxes(paragraph: Element, styles: _Styles) -> Iterator[Piece]:
    for box in paragraph.iter(TEXT_BOX):
        nested = next(box.iterancestors(TEXT_BOX, PARAGRAPH), None) is not paragraph
        if not nested and next(box.iterancestors(OLD_COPY), None) is None:
            yield from _blocks(box, styles)


def _row(row: Element, styles: _Styles) -> Iterator[Piece]:
    """One piece for a row; the pieces themselves where a table only holds a layout."""
    cells = [[piece for piece in _blocks(cell, styles) if piece.text.strip()] for cell in row.iter(CELL)
             if next(cell.iterancestors(ROW)) is row]  # fmt: skip
    filled = [cell for cell in cells if cell]
    if len(filled) == 1:
        yield from filled[0]
    elif filled:
        yield Piece(", ".join(" ".join(piece.text for piece in cell) for cell in filled))
