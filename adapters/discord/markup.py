"""Rich text as Discord's Markdown, in which nothing that others wrote can format, link, mention or ping."""

import re
from typing import Final
from urllib.parse import quote

from core.richtext import RichText, Span, Style, split

LIMIT: Final = 2000

_MARKS: Final = {Style.BOLD: "**", Style.ITALIC: "*"}
_SPECIAL: Final = re.compile(r"[\\*_~|`\[\]<]")
_LINE_START: Final = re.compile(r"^([^\S\n]*)([#>+-]|\d+(?=[.)]\s))", re.MULTILINE)
_SCHEME: Final = re.compile(r":(?=//)")
_INVITE: Final = re.compile(r"\b(discord(?:app)?)\.(?=\w+/)", re.IGNORECASE)
_EVERYBODY: Final = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_UNSAFE_IN_ADDRESS: Final = re.compile(r"[\s<>()\[\]{}\\|^\"'`]")
_JOINT: Final = "\u200b"


def render(text: RichText) -> str:
    """Discord's Markdown for a text."""
    rendered = ""
    for span in text.spans:
        piece = _span(span)
        # Marks that touch would be read as one longer mark.
        rendered += f"{_JOINT}{piece}" if rendered[-1:] in "*`" and piece[:1] == rendered[-1:] else piece
    return rendered


def size(text: RichText) -> int:
    """Characters of the rendered text, counted so that Discord never counts more (UTF-16 units)."""
    return len(render(text).encode("utf-16-le")) // 2


def messages(text: RichText) -> list[str]:
    """The text as Markdown in messages of at most 2,000 characters each; no word is lost."""
    return [render(part) for part in split(text, LIMIT, size)]


def first_message(text: RichText) -> RichText:
    """As much of a text as fits into the first of its messages."""
    return split(text, LIMIT, size)[0]


def escape(text: str) -> str:
    """Make text show literally: no formatting, link, invitation, mention, custom emoji or timestamp."""
    escaped = _SPECIAL.sub(r"\\\g<0>", text)
    escaped = _LINE_START.sub(_escape_line_start, escaped)
    escaped = _INVITE.sub(r"\1\\.", _SCHEME.sub(r"\\:", escaped))
    return _EVERYBODY.sub(f"@{_JOINT}", escaped)


def mentioned(text: RichText) -> list[str]:
    """The ids of the people whom a text is meant to reach."""
    return [span.link for span in text.spans if span.style is Style.MEMBER and span.link.isdecimal()]


def address(url: str) -> str:
    """A web address that can stand inside ``(<...>)``; empty for anything that is no web address."""
    if not url.lower().startswith(("https://", "http://")):
        return ""
    return _UNSAFE_IN_ADDRESS.sub(lambda found: quote(found[0], safe=""), url)


def _escape_line_start(found: re.Match[str]) -> str:
    before, mark = found.groups()
    # A digit cannot be escaped, but the point after it can.
    return f"{before}{mark}\\" if mark.isdigit() else f"{before}\\{mark}"


def _span(span: Span) -> str:
    words = span.text.strip()
    if not words:
        return span.text
    before, after = span.text.split(words, 1) if span.text != words else ("", "")
    return f"{before}{_linked(_styled(words, span), span.link)}{after}"


def _styled(words: str, span: Span) -> str:
    if span.style is Style.ROLE and words.isdecimal():
        return f"<@&{words}>"
    if span.style is Style.MEMBER and span.link.isdecimal():
        return f"<@{span.link}>"
    if span.style is Style.CODE:
        # Nothing can be escaped inside, and a backtick would end it.
        return "`" + words.replace("`", "'") + "`"
    mark = _MARKS.get(span.style, "")
    return f"{mark}{escape(_balanced(words) if span.link else words)}{mark}"


def _linked(words: str, url: str) -> str:
    target = address(url)
    return f"[{words}](<{target}>)" if target else words


def _balanced(words: str) -> str:
    """Discord ends a link's text at a bracket without a partner, even at an escaped one."""
    depth = 0
    for character in words:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth not in (0, 1):
            break
    return words if depth == 0 else words.replace("[", "(").replace("]", ")")
