"""Files of text: HTML, Markdown, or paragraphs between empty lines."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from adapters.sources.decoding import decode_text
from adapters.sources.document_kinds.markup import language_of, parse_html, pieces_of, title_of
from adapters.sources.written import Piece, Written, under_headings
from core.errors import UploadRefused

HEAD_CHARS: Final = 2_000
HTML: Final = re.compile(r"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
HTML_NAMES: Final = (".html", ".htm", ".xhtml")
MARKDOWN: Final = re.compile(
    r"^#{1,6} +\S|^\S[^\n]*\n(?:={3,}|-{3,}) *$|^ {0,3}(?:```|~~~)|\]\(https?://|^ *(?:\| *)?:?-{3,}:? *\|",
    re.MULTILINE,
)
MARKDOWN_NAMES: Final = (".md", ".markdown")
FRONT_MATTER: Final = re.compile(r"\A---\n(.{0,5000}?)\n---\n", re.DOTALL)
FRONT_TITLE: Final = re.compile(r"^title:(.*)$", re.MULTILINE)
CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*(?:[\"']\s*)?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
LIST_ITEM: Final = re.compile(r"\s*(?:[-*+\u2022\u2023\u25aa\u25cf\u2013]|[0-9]{1,3}[.)]|[a-z][.)])\s+\S")
WRAPPED_CHARS: Final = 120
"""Lines above this length were not cut by an editor: each is a paragraph."""


def read_text(name: str, content: bytes) -> Written:
    """Return the paragraphs of a text; what HTML hides stays out.

    Raises:
        UploadRefused: it is no text, or none that can be decoded.
    """
    text = decode(content)
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if HTML.search(text[:HEAD_CHARS]) or (ending in HTML_NAMES and text.lstrip().startswith("<")):
        return _read_html(text)
    if ending in MARKDOWN_NAMES or MARKDOWN.search(text):
        return _read_markdown(text)
    return under_headings(map(Piece, _paragraphs(text)))


def decode(content: bytes) -> str:
    """Return the text of a file in whatever encoding it declares or seems to have.

    Raises:
        UploadRefused: it is no text, or none that can be decoded.
    """
    declared = CHARSET.search(content[: 2 * HEAD_CHARS])
    if declared is not None and not declared[1].lower().startswith((b"utf-16", b"utf-32")):  # that cannot be found so
        try:
            text = content.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeError):  # it declares what it is not
            text = "\0"
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return decode_text(content)
    except UploadRefused as error:
        raise UploadRefused(
            "This is no document that I can read, or a text in an unknown encoding. Upload PDF, DOCX, PPTX, HTML, "
            "Markdown, or plain text in UTF-8."
        ) from error


def _read_html(text: str) -> Written:
    tree = parse_html(text)
    if tree is None:
        return under_headings(())
    return under_headings(pieces_of(tree), title_of(tree), language_of(tree))


def _read_markdown(text: str) -> Written:
    from markdown_it import MarkdownIt

    front = FRONT_MATTER.match(text)
    title = FRONT_TITLE.search(front[1]) if front else None
    page = MarkdownIt("commonmark").enable("table").render(text[front.end() :] if front else text)
    tree = parse_html(page)
    return under_headings(() if tree is None else pieces_of(tree), title[1].strip().strip("\"'") if title else "")


def _paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.split("\n")
        if any(len(line) > WRAPPED_CHARS for line in lines):
            yield from lines
        else:
            yield from _unwrapped(lines)


def _unwrapped(lines: list[str]) -> Iterator[str]:
    """Join what an editor cut; an item of a list begins a paragraph."""
    paragraph: list[str] = []
    for line in lines:
        if paragraph and LIST_ITEM.match(line):
            yield " ".join(paragraph)
            paragraph = []
        paragraph.append(line)
    yield " ".join(paragraph)
