"""Takes out of foreign text what a chat platform would act on: links, mentions, commands, markdown, hidden marks."""

import re
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_HIDDEN_KINDS: Final = frozenset({"Cf", "Cc", "Cs", "Co"})

_TOP_DOMAINS: Final = (
    "com|net|org|io|me|gg|co|app|dev|ai|xyz|link|site|online|club|shop|tv|be|ly|ru|cn|de|fr|uk|eu|us"
)
_REMOVED: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"</?a(?:\s[^<>]*)?>", re.IGNORECASE),
        (r"<(?:@[!&]?|#|a?:\w{1,64}:|t:|/[^<>:]{1,64}:|id:)[^<>\s]{0,64}>", 0),
        (
            r"<?(?:\b(?:[a-z][a-z0-9+.-]{0,20}://|(?:mailto|tel|tg|ton):(?=\S)|www\.)|https?:(?=\S))[^\s<>\])]*>?",
            re.IGNORECASE,
        ),
        (r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", 0),
        (r"(?<![\w.@-])(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}/[^\s<>\])]*", re.IGNORECASE),
        (r"://|<(?=@)|@(?=[\w!&<@])|`+|\*\*+|~~+|\|\|+", 0),
        (r"^[^\S\n]*(?:#{1,6}|>+|[-*+\u2022])\s+", re.MULTILINE),
        (r"(?<!\S)/(?=[A-Za-z]\w{0,31}(?:@|\s|$))", 0),
        (r"(?<![\w(\[<])[(\[<]+\s*[)\]>]+", 0),
    )
)
_UNWRAPPED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"!?\[([^\[\]]*)\]\([^()]*\)",
        r"(?<![\w*])\*([^\s*](?:[^*]*[^\s*])?)\*(?![\w*])",
        r"(?<!\w)_{1,2}([^\s_](?:[^_]*[^\s_])?)_{1,2}(?!\w)",
    )
)
_DOMAIN_DOT: Final = re.compile(rf"(?<=\w)\.(?=(?:{_TOP_DOMAINS})\b(?!\.?\w))", re.IGNORECASE)
_PLAIN_WORD: Final = r"[A-Za-z0-9'\u2019\"](?:[A-Za-z0-9'\u2019\",;?!-]|\.(?!\w))*"
_PLAIN: Final = re.compile(rf"{_PLAIN_WORD}(?: {_PLAIN_WORD})*")
"""What most sentences are made of; nothing in it needs to be looked for."""
_BLANKS: Final = re.compile(r"\s+")
_BLANK_BEFORE_POINT: Final = re.compile(r" ([.,;!?])(?=\s|$)")


def strip_markup(text: str) -> str:
    """Return the words of a text on one line, without anything that links, notifies, formats or hides.

    A bare address is spelled out ("example dot com"), because platforms make links of those by themselves. Stripping
    a second time changes nothing.
    """
    if _PLAIN.fullmatch(text):
        return text
    shown = text
    while (stripped := _stripped_once(shown)) != shown:
        shown = stripped
    return shown


def _stripped_once(text: str) -> str:
    """Every step takes characters away or, for domains, takes dots away: repeating it comes to an end."""
    for mark in {mark for mark in set(text) if not mark.isspace() and _hidden(mark)}:
        text = text.replace(mark, "")
    for pattern in _UNWRAPPED:
        text = pattern.sub(r"\1", text)
    for pattern in _REMOVED:
        text = pattern.sub("", text)
    text = _DOMAIN_DOT.sub(" dot ", text)
    return _BLANK_BEFORE_POINT.sub(r"\1", _BLANKS.sub(" ", text)).strip()


def _hidden(mark: str) -> bool:
    return mark in _HIDDEN or unicodedata.category(mark) in _HIDDEN_KINDS
