"""Text with a little markup, free of any platform's syntax; adapters escape and render each span natively."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import Final

# Controls, bidirectional overrides, invisible tags and lone surrogates: nobody says them, some hide text.
INVISIBLE: Final = re.compile(
    "[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def one_line(text: str) -> str:
    """A name or title as it may be shown: on one line, without what nobody can see or what turns it around."""
    return " ".join(INVISIBLE.sub("", text).split())


def counted(number: int, one: str, several: str = "") -> str:
    """How many of what: ``1 day``, ``2,000 days``; ``several`` where it is not just ``one`` with an s."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


class Style(StrEnum):
    """How a span looks."""

    PLAIN = "plain"
    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"
    ROLE = "role"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style; ``link`` is an address made by us, or empty; a member's is the platform's id."""

    text: str
    style: Style = Style.PLAIN
    link: str = ""


@dataclass(frozen=True, slots=True)
class RichText:
    """Spans in reading order. ``RichText.of("a", bold("b"))`` builds one; ``+`` joins two."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, *parts: "str | Span | RichText") -> "RichText":
        """Join plain strings, spans and rich texts."""
        spans: list[Span] = []
        for part in parts:
            if isinstance(part, RichText):
                spans.extend(part.spans)
            else:
                spans.append(Span(part) if isinstance(part, str) else part)
        return cls(tuple(span for span in spans if span.text))

    def __add__(self, other: "RichText | Span | str") -> "RichText":
        return RichText.of(self, other)

    def __bool__(self) -> bool:
        return any(span.text.strip() for span in self.spans)

    @property
    def plain(self) -> str:
        """The words alone."""
        return "".join(span.text for span in self.spans)


def bold(text: str) -> Span:
    """A span in bold."""
    return Span(text, Style.BOLD)


def italic(text: str) -> Span:
    """A span in italics."""
    return Span(text, Style.ITALIC)


def code(text: str) -> Span:
    """A span to be typed or copied as it is."""
    return Span(text, Style.CODE)


def role(external_id: str) -> Span:
    """A role of the platform by its id; shown by its name where the platform can, and nobody is told."""
    return Span(external_id, Style.ROLE)


def member(external_id: str, name: str) -> Span:
    """Somebody by name, who is told by their platform that they are meant."""
    return Span(name or "You there", Style.MEMBER, external_id)


def link(text: str, address: str) -> Span:
    """A span that opens an address."""
    return Span(text, link=address)


_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_BEHIND_ADDRESS: Final = ".,;:!?'\u2019\u201d*_"


def linked(text: str) -> "RichText":
    """Text that the staff wrote, in which web addresses open; each is shown, so that none hides where it leads."""
    spans: list[Span] = []
    at = 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(_BEHIND_ADDRESS)
        if address.count(")") > address.count("("):
            address = address.rstrip(")")
        spans += [Span(text[at : found.start()]), link(address.partition("://")[2], address)]
        at = found.start() + len(address)
    return RichText.of(*spans, text[at:])


def joined(parts: "list[RichText]", separator: str = "\n") -> RichText:
    """Rich texts with a separator between them."""
    result = RichText()
    for index, part in enumerate(parts):
        result = RichText.of(result, separator if index else "", part)
    return result


def beyond(text: RichText, characters: int) -> RichText:
    """What follows after so many characters, without the blank space that it begins with."""
    rest = text.plain[characters:]
    return _slice(text, characters + len(rest) - len(rest.lstrip()), len(text.plain))


_BREAKS = (re.compile(r"\n\n+"), re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+"), re.compile(r"\s+"))


def split(text: RichText, limit: int, measure: Callable[[RichText], int]) -> list[RichText]:
    """Cut a text into parts that each measure at most ``limit``, at the best break there is; no word is lost.

    Args:
        text: what to cut.
        limit: the platform's limit for a message, at least 1, in the units of ``measure``.
        measure: the size of a text as the platform counts it once rendered.

    Returns:
        Parts in order; paragraphs are kept together before lines, lines before sentences, sentences before words.
    """
    parts: list[RichText] = []
    rest = text
    while measure(rest) > limit:
        head, rest = _cut(rest, _longest_prefix(rest, limit, measure))
        if head:
            parts.append(head)
    return [*parts, rest] if rest or not parts else parts


def _longest_prefix(text: RichText, limit: int, measure: Callable[[RichText], int]) -> int:
    low, high = 1, len(text.plain)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(_slice(text, 0, middle)) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: RichText, longest: int) -> tuple[RichText, RichText]:
    plain = text.plain
    for pattern in _BREAKS:
        # A nearly empty part is worse than one that ends inside a paragraph, but better than a word cut in two.
        least = -1 if pattern is _BREAKS[-1] else longest // 3
        near = takewhile(lambda match: match.start() <= longest, pattern.finditer(plain))
        breaks = [match for match in near if match.start() > least]
        if breaks:
            return _slice(text, 0, breaks[-1].start()), _slice(text, breaks[-1].end(), len(plain))
    return _slice(text, 0, longest), _slice(text, longest, len(plain))


def _slice(text: RichText, start: int, end: int) -> RichText:
    return RichText(tuple(_pieces(text, start, end)))


def _pieces(text: RichText, start: int, end: int) -> Iterator[Span]:
    offset = 0
    for span in text.spans:
        piece = span.text[max(0, start - offset) : max(0, end - offset)]
        if piece:
            yield replace(span, text=piece)
        offset += len(span.text)
