"""How a reply looks on Telegram: plain text and entities beside it, so that no text can break the markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity, User

from core.conversation import Button
from core.richtext import RichText, Span, Style, split

LONGEST_TEXT: Final = 4096
LONGEST_CAPTION: Final = 1024
MOST_ENTITIES: Final = 100
_KINDS: Final = {
    Style.BOLD: MessageEntity.BOLD,
    Style.ITALIC: MessageEntity.ITALIC,
    Style.CODE: MessageEntity.CODE,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message: its text, and entities with offsets in UTF-16 units."""

    text: str
    entities: tuple[MessageEntity, ...] = ()


def rendered(text: RichText) -> list[Rendered]:
    """Render a text as as many messages as Telegram's limits need; none where there are no words."""
    return [_render(part) for part in split(_sendable(text), LONGEST_TEXT, _size) if part]


def first_message(text: RichText) -> RichText:
    """As much of a text as fits into the first of its messages."""
    return split(_sendable(text), LONGEST_TEXT, _size)[0]


def keyboard(buttons: Sequence[Sequence[Button]]) -> InlineKeyboardMarkup | None:
    """Render buttons; their persistent ids come back when they are pressed."""
    rows = [[InlineKeyboardButton(b.label, callback_data=b.custom_id) for b in row] for row in buttons if row]
    return InlineKeyboardMarkup(rows) if rows else None


def fits_caption(text: Rendered) -> bool:
    """Whether a text can stand under a picture, in the same message."""
    return utf16_length(text.text) <= LONGEST_CAPTION


def utf16_length(text: str) -> int:
    """Length as Telegram counts it, in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _render(text: RichText) -> Rendered:
    entities: list[MessageEntity] = []
    offset = 0
    for span in text.spans:
        length = utf16_length(span.text)
        entities += [_entity(kind, offset, length, span) for kind in _kinds(span)]
        offset += length
    return Rendered(text.plain, tuple(entities))


def _entity(kind: str, offset: int, length: int, span: Span) -> MessageEntity:
    if kind == MessageEntity.TEXT_MENTION:
        return MessageEntity(kind, offset, length, user=User(int(span.link), span.text, is_bot=False))
    return MessageEntity(kind, offset, length, url=span.link if kind == MessageEntity.TEXT_LINK else None)


def _kinds(span: Span) -> list[str]:
    """The entities of a span; text in code can be nothing else beside it, so a link wins."""
    if not span.text.strip():
        return []
    if span.style is Style.MEMBER:
        return [MessageEntity.TEXT_MENTION] if span.link.isdecimal() else []
    style = _KINDS.get(span.style)
    if not span.link:
        return [style] if style else []
    return [MessageEntity.TEXT_LINK] + ([style] if style and span.style is not Style.CODE else [])


def _size(text: RichText) -> int:
    """What counts against the limit: Telegram drops entities after the hundredth, and links with them."""
    entities = sum(len(_kinds(span)) for span in text.spans)
    return max(utf16_length(text.plain), entities * LONGEST_TEXT // MOST_ENTITIES)


def _sendable(text: RichText) -> RichText:
    """Without halves of surrogate pairs, which cannot be sent."""
    return RichText(
        tuple(Span(s.text.encode("utf-8", "replace").decode(), s.style, s.link) for s in text.spans if s.text)
    )
