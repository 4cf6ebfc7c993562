"""Replies as terminal text: styles, links, and nothing from outside that could drive the terminal."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from rich.style import Style as TerminalStyle
from rich.text import Text

from core.richtext import RichText, Span, Style

_SEQUENCES: Final = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # titles, links, clipboard
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor, screen
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters but tabs and new lines, and those that turn the reading direction around.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STYLES: Final = {
    Style.PLAIN: TerminalStyle(),
    Style.BOLD: TerminalStyle(bold=True),
    Style.ITALIC: TerminalStyle(italic=True),
    Style.CODE: TerminalStyle(color="cyan"),
    Style.ROLE: TerminalStyle(),
    Style.MEMBER: TerminalStyle(),
}
_NUMBER: Final = re.compile(r"\[\w+\]")
_LINK: Final = TerminalStyle(color="blue", underline=True)
_CAPABLE_PROGRAMS: Final = frozenset(
    {"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio", "WarpTerminal", "zed"}
)
_CAPABLE_TERMINALS: Final = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour")
_CAPABLE_MARKS: Final = ("WT_SESSION", "KONSOLE_VERSION", "KITTY_WINDOW_ID", "DOMTERM")
_FIRST_VTE: Final = 5000


def clean(text: str) -> str:
    """Text from outside without anything that a terminal would obey."""
    return _CONTROLS.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n")))


def links_work(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is known to open links that hide behind words (OSC 8).

    ``FORCE_HYPERLINK`` set to 1 or 0 decides where the terminal cannot be recognised.
    """
    forced = environment.get("FORCE_HYPERLINK", "")
    if forced:
        return forced != "0"
    terminal = environment.get("TERM", "")
    if terminal in {"", "dumb", "linux"} or terminal.startswith("screen"):
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM", "") in _CAPABLE_PROGRAMS
        or terminal.startswith(_CAPABLE_TERMINALS)
        or (vte.isdecimal() and int(vte) >= _FIRST_VTE)
        or any(environment.get(mark) for mark in _CAPABLE_MARKS)
    )


def terminal_text(text: RichText, *, clickable: bool) -> Text:
    """Render a text; where links are not clickable, addresses follow in brackets.

    Only a number such as ``[1]`` goes without one, where its entry is linked further down.
    """
    entries = {span.link: position for position, span in enumerate(text.spans) if not _NUMBER.fullmatch(span.text)}
    shown = Text()
    for position, span in enumerate(text.spans):
        address = web_address(span.link)
        shown.append(clean(span.text), _style(span, address if clickable else ""))
        leads_on = bool(_NUMBER.fullmatch(span.text)) and entries.get(span.link, -1) > position
        if address and not clickable and not leads_on and address not in span.text:
            shown.append(f" <{address}>")
    return shown


def web_address(link: str) -> str:
    """A link as it may stand in a terminal: a web address without any control character, or empty."""
    if not link.lower().startswith(("https://", "http://")):
        return ""
    return quote(clean(link), safe="/%:@!$&'()*+,;=~-._?#[]")


def _style(span: Span, address: str) -> TerminalStyle:
    style = _STYLES[span.style]
    return style + _LINK + TerminalStyle(link=address) if address else style
