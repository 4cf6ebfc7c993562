"""Writes replies: in order, within Telegram's limits, and where a group has moved to."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from telegram import (
    Bot,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter

from adapters.telegram.failures import retry_after_s, says
from adapters.telegram.pacing import Pace
from adapters.telegram.rendering import Rendered, fits_caption, keyboard, rendered
from core.conversation import File, Place, Reply

T = TypeVar("T")

PATIENCE_S: Final = 60.0
MOST_CUT_CALLS: Final = 3

_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)
_NO_PICTURES: Final = "not enough rights to send photos"
_CANNOT_BE_EDITED: Final = ("message to edit not found", "message can't be edited", "there is no text in the message")


_NO_WORDS: Final = Rendered("")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One message of a reply; ``caption``: words under a picture."""

    content: Rendered | File
    buttons: InlineKeyboardMarkup | None = None
    caption: Rendered = _NO_WORDS


_Words = tuple[Rendered, InlineKeyboardMarkup | None]


class Writer:
    """Sends, edits and deletes, at Telegram's pace.

    Args:
        bot: who writes.
        moved: learns of a group's new id.
        pace: how often; shared by all writers of one bot.
        patience_s: how long it waits when Telegram or the pace ask to, before it lets the caller know.
        share: how much of the pace it may use; the rest is for others.
    """

    def __init__(
        self, bot: Bot, moved: Callable[[str, str, str], Awaitable[None]], pace: Pace,
        *, patience_s: float = PATIENCE_S, share: float = 1.0,
    ) -> None:  # fmt: skip
        self._bot = bot
        self._moved = moved
        self._pace = pace
        self._patience_s = patience_s
        self._share = share
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def say(self, place: Place, reply: Reply, answering: int | None = None) -> str:
        """Send a reply, as an answer to a message where one is named; returns the ids of its messages as one text.

        Raises:
            TelegramError: Telegram refuses it, or asks to wait longer than we have patience.
        """
        try:
            return await self._say(place, _pieces(reply), answering, self._patience_s)
        except ChatMigrated as error:
            return await self._say(await self._follow(place, error), _pieces(reply), None, self._patience_s)

    async def edit(self, place: Place, reply: Reply, message_id: str) -> str:
        """Put a reply in the place of one that :meth:`say` sent, part for part; returns the ids it has now.

        What does not fit into the old messages follows them, what they have too many is deleted, and where one of
        them cannot be edited, all is said anew.

        Raises:
            TelegramError: as for :meth:`say`.
        """
        pieces, standing = _pieces(reply), message_id.split()
        if len(pieces) == len(standing) == 1 and _is_picture(pieces[0]):
            return await self._put_picture(place, reply, pieces[0], message_id)
        words = [(piece.content, piece.buttons) for piece in pieces if isinstance(piece.content, Rendered)]
        if not words:
            return await self.say(place, reply)
        try:
            await self._change_all(place, words, standing)
        except ChatMigrated as error:
            return await self._say(await self._follow(place, error), pieces, None, self._patience_s)
        except BadRequest as error:
            if not says(error, *_CANNOT_BE_EDITED):
                raise
            if len(standing) > 1:
                await self._delete(place, standing)
            return await self.say(place, reply)
        kept, spare = standing[: len(words)], standing[len(words) :]
        await self._delete(place, spare)
        return " ".join(kept + (await self._say(place, pieces[len(kept) :], None, PATIENCE_S)).split())

    async def _say(self, place: Place, pieces: list[_Piece], answering: int | None, patience_s: float) -> str:
        """Send the pieces of a reply one after the other, nothing else of ours between them."""
        sent: list[str] = []
        turn = self._turns.setdefault(place.channel, asyncio.Lock())
        async with turn:
            for piece in pieces:
                sent.append(
                    await self._attempt(place, partial(self._post_allowed, place, piece, answering), patience_s)
                )
                # A reply that has begun is finished: giving up here would send its beginning twice.
                answering, patience_s = None, PATIENCE_S
        return " ".join(sent)

    async def _put_picture(self, place: Place, reply: Reply, piece: _Piece, message_id: str) -> str:
        """Put a picture with its words in the place of a message, or say it anew where that cannot be."""
        try:
            await self._attempt(place, partial(self._change_picture, place, piece, int(message_id)), self._patience_s)
        except BadRequest as error:
            if not says(error, *_CANNOT_BE_EDITED):
                raise
            return await self.say(place, reply)
        except ChatMigrated as error:
            return await self._say(await self._follow(place, error), [piece], None, self._patience_s)
        return message_id

    async def _change_picture(self, place: Place, piece: _Piece, message_id: int) -> None:
        if not isinstance(piece.content, File):
            raise TypeError("words are no picture")
        picture = InputMediaPhoto(
            piece.content.content,
            piece.caption.text or None,
            caption_entities=piece.caption.entities or None,
            filename=piece.content.name,
        )
        try:
            await self._bot.edit_message_media(picture, int(place.channel), message_id, reply_markup=piece.buttons)
        except BadRequest as error:
            if not says(error, "message is not modified"):
                raise

    async def _change_all(self, place: Place, words: list[_Words], standing: list[str]) -> None:
        patience_s = self._patience_s
        for (text, buttons), message_id in zip(words, standing, strict=False):
            await self._attempt(place, partial(self._change, place, text, buttons, int(message_id)), patience_s)
            patience_s = PATIENCE_S

    async def _delete(self, place: Place, message_ids: list[str]) -> None:
        """Take messages away; what is gone already, or too old to be taken away, is left as it is."""
        for message_id in message_ids:
            delete = partial(self._bot.delete_message, int(place.channel), int(message_id))
            with suppress(BadRequest):
                await self._attempt(place, delete, PATIENCE_S)

    async def _post_allowed(self, place: Place, piece: _Piece, answering: int | None) -> str:
        """Send a piece; where the group lets nobody send pictures, only the words below one."""
        try:
            return await self._post(place, piece, answering)
        except BadRequest as error:
            if not (piece.caption.text and says(error, _NO_PICTURES)):
                raise
        return await self._post(place, _Piece(piece.caption, piece.buttons), answering)

    async def _post(self, place: Place, piece: _Piece, answering: int | None) -> str:
        chat_id, thread = int(place.channel), int(place.thread) if place.thread else None
        answered = ReplyParameters(answering, allow_sending_without_reply=True) if answering else None
        if isinstance(piece.content, File):
            sent = await self._sender(piece.content)(
                chat_id, InputFile(piece.content.content, piece.content.name), message_thread_id=thread,
                reply_parameters=answered, reply_markup=piece.buttons, caption=piece.caption.text or None,
                caption_entities=piece.caption.entities or None,
            )  # fmt: skip
        else:
            sent = await self._bot.send_message(
                chat_id, piece.content.text, entities=piece.content.entities, link_preview_options=_NO_PREVIEW,
                message_thread_id=thread, reply_parameters=answered, reply_markup=piece.buttons,
            )  # fmt: skip
        return str(sent.message_id)

    def _sender(self, file: File) -> Callable[..., Awaitable[Message]]:
        """How a file is sent: what Telegram can play in its place is no document to be saved first."""
        kind = PurePath(file.name).suffix
        if file.is_picture:
            return self._bot.send_photo
        if kind == ".mp4":
            return partial(self._bot.send_video, supports_streaming=True)
        return self._bot.send_audio if kind == ".m4a" else self._bot.send_document

    async def _change(
        self, place: Place, text: Rendered, buttons: InlineKeyboardMarkup | None, message_id: int
    ) -> None:
        try:
            await self._bot.edit_message_text(
                text.text, int(place.channel), message_id, entities=text.entities, link_preview_options=_NO_PREVIEW,
                reply_markup=buttons,
            )  # fmt: skip
        except BadRequest as error:
            if not says(error, "message is not modified"):
                raise

    async def _attempt(self, place: Place, call: Callable[[], Awaitable[T]], patience_s: float) -> T:
        waited_s = 0.0
        for attempt in itertools.count(1):
            await self._wait_for_turn(place, patience_s)
            try:
                return await call()
            except BadRequest:
                self._pace.take_back(place.channel)  # nothing was written, so what takes its place may be
                raise
            except (RetryAfter, NetworkError) as error:
                pause_s = retry_after_s(error) if isinstance(error, RetryAfter) else 0.3 * attempt
                is_cut_often = isinstance(error, NetworkError) and attempt >= MOST_CUT_CALLS
                if is_cut_often or waited_s + pause_s > patience_s:
                    raise
            await asyncio.sleep(pause_s)
            waited_s += pause_s
        raise AssertionError("unreachable")

    async def _wait_for_turn(self, place: Place, patience_s: float) -> None:
        """Wait for our turn to write there, or complain as Telegram would."""
        while (wait_s := self._pace.wait_s(place.channel, self._share)) > 0:
            if wait_s > patience_s:
                raise RetryAfter(timedelta(seconds=wait_s))
            await asyncio.sleep(wait_s)
        self._pace.note(place.channel)

    async def _follow(self, place: Place, error: ChatMigrated) -> Place:
        """The same group under its new id; topics and message ids of the old one mean nothing there."""
        new_id = str(error.new_chat_id)
        await self._moved(place.platform, place.channel, new_id)
        return replace(place, channel=new_id, community=new_id, thread="")


def _is_picture(piece: _Piece) -> bool:
    return isinstance(piece.content, File) and piece.content.is_picture


def _pieces(reply: Reply) -> list[_Piece]:
    """The messages of a reply; its buttons go with the last words or, without any, with the last file.

    A picture and words that fit under it are one message.
    """
    texts = rendered(reply.text)
    if len(texts) == len(reply.files) == 1 and reply.files[0].is_picture and fits_caption(texts[0]):
        return [_Piece(reply.files[0], keyboard(reply.buttons), texts[0])]
    pieces = [*(_Piece(text) for text in texts), *(_Piece(file) for file in reply.files)]
    if pieces:
        last = len(texts or pieces) - 1
        pieces[last] = replace(pieces[last], buttons=keyboard(reply.buttons))
    return pieces
