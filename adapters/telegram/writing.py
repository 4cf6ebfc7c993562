"""Writes replies: in order, within Telegram's limits, and where a group has moved to."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from telegram import Bot, InlineKeyboardMarkup, InputFile, LinkPreviewOptions, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter

from adapters.telegram.failures import retry_after_s, says
from adapters.telegram.rendering import Rendered, keyboard, rendered
from core.conversation import File, Place, Reply

T = TypeVar("T")

PATIENCE_S: Final = 60.0
MOST_CUT_CALLS: Final = 3

_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
_CANNOT_BE_EDITED: Final = ("message to edit not found", "message can't be edited", "there is no text in the message")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One message of a reply."""

    content: Rendered | File
    buttons: InlineKeyboardMarkup | None = None


class Writer:
    """Sends and edits. ``patience_s`` is how long it waits when Telegram asks to, before it lets the caller know."""

    def __init__(
        self, bot: Bot, moved: Callable[[str, str, str], Awaitable[None]], patience_s: float = PATIENCE_S
    ) -> None:
        self._bot = bot
        self._moved = moved
        self._patience_s = patience_s
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def say(self, place: Place, reply: Reply, answering: int | None = None) -> str:
        """Send a reply, as an answer to a message where one is named; returns the id of its first message.

        Raises:
            TelegramError: Telegram refuses it, or asks to wait longer than we have patience.
        """
        try:
            return await self._say(place, _pieces(reply), answering, self._patience_s)
        except ChatMigrated as error:
            return await self._say(await self._follow(place, error), _pieces(reply), None, self._patience_s)

    async def edit(self, place: Place, reply: Reply, message_id: int) -> str:
        """Put a reply in the place of a message of ours, or send it anew where that one cannot be edited.

        Raises:
            TelegramError: as for :meth:`say`.
        """
        first, *rest = _pieces(reply) or [_Piece(Rendered(""))]
        words = first.content
        if not isinstance(words, Rendered) or not words.text:
            return await self.say(place, reply)
        try:
            await self._attempt(partial(self._change, place, words, first.buttons, message_id), self._patience_s)
        except ChatMigrated as error:
            return await self._say(await self._follow(place, error), _pieces(reply), None, self._patience_s)
        except BadRequest as error:
            if says(error, *_CANNOT_BE_EDITED):
                return await self.say(place, reply)
            if not says(error, "message is not modified"):
                raise
        await self._say(place, rest, None, PATIENCE_S)
        return str(message_id)

    async def _say(self, place: Place, pieces: list[_Piece], answering: int | None, patience_s: float) -> str:
        """Send the pieces of a reply one after the other, nothing else of ours between them."""
        first_id = ""
        turn = self._turns.setdefault(place.channel, asyncio.Lock())
        async with turn:
            for piece in pieces:
                sent_id = await self._attempt(partial(self._post, place, piece, answering), patience_s)
                # A reply that has begun is finished: giving up here would send its beginning twice.
                first_id, answering, patience_s = first_id or sent_id, None, PATIENCE_S
        return first_id

    async def _post(self, place: Place, piece: _Piece, answering: int | None) -> str:
        chat_id, thread = int(place.channel), int(place.thread) if place.thread else None
        answered = ReplyParameters(answering, allow_sending_without_reply=True) if answering else None
        if isinstance(piece.content, File):
            sent = await self._bot.send_document(
                chat_id, InputFile(piece.content.content, piece.content.name), message_thread_id=thread,
                reply_parameters=answered, reply_markup=piece.buttons,
            )  # fmt: skip
        else:
            sent = await self._bot.send_message(
                chat_id, piece.content.text, entities=piece.content.entities, link_preview_options=_NO_PREVIEW,
                message_thread_id=thread, reply_parameters=answered, reply_markup=piece.buttons,
            )  # fmt: skip
        return str(sent.message_id)

    async def _change(
        self, place: Place, words: Rendered, buttons: InlineKeyboardMarkup | None, message_id: int
    ) -> None:
        await self._bot.edit_message_text(
            words.text, int(place.channel), message_id, entities=words.entities, link_preview_options=_NO_PREVIEW,
            reply_markup=buttons,
        )  # fmt: skip

    async def _attempt(self, call: Callable[[], Awaitable[T]], patience_s: float) -> T:
        waited_s = 0.0
        for attempt in itertools.count(1):
            try:
                return await call()
            except BadRequest:
                raise
            except (RetryAfter, NetworkError) as error:
                pause_s = retry_after_s(error) if isinstance(error, RetryAfter) else 0.3 * attempt
                is_cut_often = isinstance(error, NetworkError) and attempt >= MOST_CUT_CALLS
                if is_cut_often or waited_s + pause_s > patience_s:
                    raise
            await asyncio.sleep(pause_s)
            waited_s += pause_s
        raise AssertionError("unreachable")

    async def _follow(self, place: Place, error: ChatMigrated) -> Place:
        """The same group under its new id; topics and message ids of the old one mean nothing there."""
        new_id = str(error.new_chat_id)
        await self._moved(place.platform, place.channel, new_id)
        return replace(place, channel=new_id, community=new_id, thread="")


def _pieces(reply: Reply) -> list[_Piece]:
    """The messages of a reply; its buttons go with the last words or, without any, with the last file."""
    texts = rendered(reply.text)
    pieces = [*(_Piece(text) for text in texts), *(_Piece(file) for file in reply.files)]
    if pieces:
        last = len(texts or pieces) - 1
        pieces[last] = replace(pieces[last], buttons=keyboard(reply.buttons))
    return pieces
