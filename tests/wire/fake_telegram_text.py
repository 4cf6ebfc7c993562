"""Text as Telegram stores it: plain characters and entities measured in UTF-16 code units."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.wire.fake_telegram_errors import BotApiError, bad_request

Entity = dict[str, Any]

MAX_ENTITIES: Final = 100
TAG_ENTITIES: Final = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
}
_CHARACTER_REFERENCE: Final = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot));?")
_NAMED_REFERENCES: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_ATTRIBUTE: Final = re.compile(r"""\s*([a-zA-Z][\w-]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_TAG: Final = re.compile(r"""<(/?)([a-zA-Z0-9-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>""")
_DETECTED: Final = (
    ("url", re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'»]|\b(?:[\w-]+\.)+(?:com|org|net|be|io)\b")),
    ("bot_command", re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<!\w)@[A-Za-z0-9_]{4,32}\b")),
)


@dataclass(frozen=True, slots=True)
class FormattedText:
    """What is left of a text once its markup became entities."""

    text: str
    entities: list[Entity] = field(default_factory=list)


def utf16_length(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units, as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def utf16_slice(text: str, offset: int, length: int) -> str:
    """Return the part of ``text`` that an entity covers (offset and length in UTF-16 code units)."""
    return text.encode("utf-16-le")[offset * 2 : (offset + length) * 2].decode("utf-16-le")


def parse_html(source: str) -> FormattedText:
    """Parse Telegram's HTML subset.

    Raises:
        BotApiError: 400 with Telegram's wording and the byte offset of what is wrong.
    """
    return _HtmlParser(source).parse()


def checked_entities(text: str, entities: list[Entity]) -> list[Entity]:
    """Return entities that lie within ``text`` and do not cut a surrogate pair.

    Raises:
        BotApiError: 400 for an entity outside of the text or inside a character.
    """
    borders = set(_utf16_borders(text))
    end_of_text = max(borders)
    for entity in entities:
        start, end = int(entity["offset"]), int(entity["offset"]) + int(entity["length"])
        if start < 0 or entity["length"] <= 0:
            raise bad_request(f"receive an entity with incorrect offset {start} or length")
        if start > end_of_text:
            raise bad_request(f"entity begins after the end of the text at UTF-16 offset {start}")
        if end > end_of_text:
            raise bad_request(
                f"entity beginning at UTF-16 offset {start} ends after the end of the text at UTF-16 offset {end}"
            )
        if start not in borders or end not in borders:
            raise bad_request(f"entity begins in a middle of a UTF-16 symbol at byte offset {start * 2}")
        _check_kind(entity)
    return [dict(entity) for entity in entities[:MAX_ENTITIES]]


def _check_kind(entity: Entity) -> None:
    if entity.get("type") == "text_link" and not str(entity.get("url", "")):
        raise bad_request("entity of type text_link has no URL")
    if "type" not in entity:
        raise bad_request("can't parse MessageEntity: Can't find field \"type\"")


def trimmed(content: FormattedText) -> FormattedText:
    """Cut white space at both ends and move the entities along, as the server does."""
    leading = utf16_length(content.text) - utf16_length(content.text.lstrip())
    text = content.text.strip()
    length = utf16_length(text)
    kept = []
    for entity in content.entities:
        start = max(0, entity["offset"] - leading)
        end = min(length, entity["offset"] + entity["length"] - leading)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return FormattedText(text, kept)


def with_detected_entities(content: FormattedText) -> FormattedText:
    """Add what Telegram finds by itself: web addresses, commands and mentions."""
    entities = list(content.entities)
    for kind, pattern in _DETECTED:
        for match in pattern.finditer(content.text):
            offset = utf16_length(content.text[: match.start()])
            found = {"type": kind, "offset": offset, "length": utf16_length(match.group())}
            if not any(_hides(other, found) for other in entities):
                entities.append(found)
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return FormattedText(content.text, entities)


def _hides(other: Entity, found: Entity) -> bool:
    overlap = other["offset"] < found["offset"] + found["length"] and (
        found["offset"] < other["offset"] + other["length"]
    )
    return overlap and other["type"] in {"code", "pre", "text_link", "url", "mention", "bot_command"}


def _utf16_borders(text: str) -> Iterator[int]:
    position = 0
    yield position
    for character in text:
        position += 2 if ord(character) > 0xFFFF else 1
        yield position


@dataclass(slots=True)
class _OpenTag:
    name: str
    offset: int
    attributes: dict[str, str]


class _HtmlParser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._text: list[str] = []
        self._length = 0
        self._open: list[_OpenTag] = []
        self._entities: list[Entity] = []

    def parse(self) -> FormattedText:
        position = 0
        while position < len(self._source):
            position = self._step(position)
        if self._open:
            name = self._open[-1].name
            raise _unparsable(f'Can\'t find end tag corresponding to start tag "{name}"')
        self._entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return FormattedText("".join(self._text), self._entities)

    def _step(self, position: int) -> int:
        character = self._source[position]
        if character == "<":
            return self._tag(position)
        reference = _CHARACTER_REFERENCE.match(self._source, position) if character == "&" else None
        if reference:
            self._append(_resolve(reference))
            return reference.end()
        self._append(character)
        return position + 1

    def _append(self, text: str) -> None:
        self._text.append(text)
        self._length += utf16_length(text)

    def _byte_offset(self, position: int) -> int:
        return len(self._source[:position].encode())

    def _tag(self, position: int) -> int:
        match = _TAG.match(self._source, position)
        offset = self._byte_offset(position)
        if match is None:
            raise _unparsable(f"Unclosed start tag at byte offset {offset}")
        closing, name, rest = match.group(1), match.group(2).lower(), match.group(3)
        if closing:
            self._close(name, offset)
        else:
            self._open_tag(name, rest, offset)
        return match.end()

    def _open_tag(self, name: str, rest: str, offset: int) -> None:
        attributes = {key.lower(): _unquoted(value) for key, value in _ATTRIBUTE.findall(rest)}
        if name not in TAG_ENTITIES:
            raise _unparsable(f'Unsupported start tag "{name}" at byte offset {offset}')
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise _unparsable(f'Tag "span" must have class "tg-spoiler" at byte offset {offset}')
        self._open.append(_OpenTag(name, self._length, attributes))

    def _close(self, name: str, offset: int) -> None:
        if not self._open:
            raise _unparsable(f"Unexpected end tag at byte offset {offset}")
        opened = self._open.pop()
        if name and name != opened.name:
            raise _unparsable(
                f'Unmatched end tag at byte offset {offset}, expected "</{opened.name}>", found "</{name}>"'
            )
        if self._length > opened.offset:
            self._add_entity(opened)

    def _add_entity(self, opened: _OpenTag) -> None:
        entity: Entity = {
            "type": TAG_ENTITIES[opened.name],
            "offset": opened.offset,
            "length": self._length - opened.offset,
        }
        if opened.name == "a":
            url = opened.attributes.get("href") or utf16_slice("".join(self._text), opened.offset, entity["length"])
            # Telegram shows the plain text where the address is not one.
            if not re.match(r"(https?|tg|mailto|tel):|[\w-]+\.[\w-]", url):
                return
            entity["url"] = url
        if opened.name == "blockquote" and "expandable" in opened.attributes:
            entity["type"] = "expandable_blockquote"
        self._entities.append(entity)


def _resolve(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if name:
        return _NAMED_REFERENCES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 else reference.group()


def _unquoted(value: str) -> str:
    inner = value[1:-1] if value[:1] in {'"', "'"} else value
    return _CHARACTER_REFERENCE.sub(_resolve, inner)


def _unparsable(reason: str) -> BotApiError:
    return bad_request(f"can't parse entities: {reason}")
