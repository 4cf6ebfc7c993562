"""The paragraphs of an HTML page, as its reader sees them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from adapters.sources.written import Piece
from core.richtext import INVISIBLE

Element: TypeAlias = Any
"""An element of an HTML tree; the library that reads it has no types."""
HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
ITEMS: Final = frozenset(("li", "item"))
ROWS: Final = frozenset(("tr", "row"))
CELLS: Final = frozenset(("td", "th", "cell"))
INLINE: Final = frozenset(
    "a abbr b bdi bdo big cite code data del dfn em font hi i ins kbd mark q ref ruby s samp small span strike "
    "strong sub sup time tt u var wbr".split()
)
UNSEEN: Final = frozenset(
    "audio base button canvas datalist dialog embed iframe link map meta nav noscript object option rp rt script "
    "select style svg template textarea title video".split()
)
HIDING_STYLE: Final = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
LANGUAGE: Final = re.compile(r"[a-z]{2}(?:[-_][A-Za-z0-9]+)*", re.IGNORECASE)


def parse_html(text: str) -> Element | None:
    """Return the tree of a page without what its reader cannot see; None where there is nothing."""
    from trafilatura import load_html

    seen = INVISIBLE.sub("", text)
    # The parser takes a page that begins with a declaration of XML only as bytes, and a lone element for no page.
    seen = re.sub(r"^\s*<\?xml[^>]*>", "", seen)
    whole = seen if "<body" in seen.lower() else f"<html><body><div>{seen}</div></body></html>"
    tree = load_html(whole)
    if tree is not None:
        _drop_unseen(tree)
    return tree


def pieces_of(tree: Element) -> list[Piece]:
    """Return headings, paragraphs, list items and rows in order; also of a tree that an extractor made."""
    reading = _Reading()
    reading.walk(tree)
    reading.close()
    return reading.pieces


def title_of(tree: Element) -> str:
    """Return what the page calls itself, or an empty text."""
    found = tree.find(".//title")
    return "" if found is None else str(found.text_content())


def language_of(tree: Element) -> str:
    """Return the two letters of the language that the page declares, or an empty text."""
    declared = (tree.get("lang") or "").strip()
    return declared[:2].lower() if LANGUAGE.fullmatch(declared) else ""


def _drop_unseen(tree: Element) -> None:
    for element in list(tree.iter()):
        if element.getparent() is not None and (not isinstance(element.tag, str) or _is_hidden(element)):
            element.drop_tree()


def _is_hidden(element: Element) -> bool:
    return element.get("hidden") is not None or HIDING_STYLE.search(element.get("style") or "") is not None


@dataclass(slots=True)
class _Reading:
    """Text gathers until a block begins or ends."""

    pieces: list[Piece] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _mark: str = ""
    _heading: bool = False

    def close(self) -> None:
        text = " ".join("".join(self._open).split())
        self._open.clear()
        if text:
            self.pieces.append(Piece(self._mark + text, heading=self._heading))
            self._mark = ""

    def walk(self, element: Element) -> None:
        self._open.append(element.text or "")
        number = 0
        for child in element:
            number += child.tag in ITEMS
            if isinstance(child.tag, str) and child.tag not in UNSEEN:
                self._child(child, f"{number}. " if _is_ordered(element) else "- ")
            self._open.append(child.tail or "")

    def _child(self, child: Element, mark: str) -> None:
        if child.tag in {"br", "lb"}:
            self._open.append(" ")
        elif child.tag in INLINE:
            self.walk(child)
        else:
            self.close()
            self._block(child, mark)

    def _block(self, block: Element, mark: str) -> None:
        if block.tag in ROWS:
            self.pieces.extend(_row(block))
            return
        before = self._heading, self._mark
        self._heading = self._heading or _is_heading(block)
        self._mark = mark if block.tag in ITEMS else self._mark
        self.walk(block)
        self.close()
        self._heading = before[0]
        self._mark = "" if block.tag in ITEMS else self._mark


def _is_ordered(element: Element) -> bool:
    return "ol" in {element.tag, element.get("rend")}


def _is_heading(block: Element) -> bool:
    """Tell a heading, also of an extractor, whose ``head`` with text is no page's."""
    return block.tag in HEADINGS or (block.tag == "head" and block.get("rend") is not None)


def _row(row: Element) -> Iterator[Piece]:
    """One piece for a row; the pieces themselves where a table only holds a layout."""
    cells = [pieces for cell in row if cell.tag in CELLS and (pieces := pieces_of(cell))]
    if len(cells) == 1:
        yield from cells[0]
    elif cells:
        yield Piece(", ".join(" ".join(piece.text for piece in cell) for cell in cells))
