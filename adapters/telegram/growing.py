"""Answers that can be read while they are written: drafts in private chats, a message that is edited in groups."""

import asyncio
import time
from contextlib import suppress
from typing import Final

import structlog
from telegram import Bot
from telegram.error import RetryAfter, TelegramError

from adapters.telegram.failures import retry_after_s
from adapters.telegram.rendering import first_message, rendered
from adapters.telegram.writing import Writer
from core.conversation import Place, Reply, Request, Responder, unended
from core.floor import Floor, Talk
from core.newest import Newest

log = structlog.get_logger()

DRAFT_EVERY_S: Final = 0.7
EDIT_EVERY_S: Final = 3.0
"""A group takes 20 messages a minute, and an edit counts like one."""


class GrowingReply:
    """Shows what there is of one reply; whatever Telegram says to that, the reply itself comes all the same.

    ``message_id`` names the message of a group that became the reply's beginning, or is empty.

    Args:
        bot: who writes.
        writer: writes without patience and leaves most of the pace to whole replies.
        place: where the reply goes.
        answering: the message that it answers.
        floor: knows whose turn it is to speak; it hears where the beginning stands.
        talk: what the reply belongs to; once a person has taken it, no more is shown.
    """

    def __init__(
        self, bot: Bot, writer: Writer, place: Place, answering: int, floor: Floor, talk: Talk
    ) -> None:  # fmt: skip
        self.message_id = ""
        self._floor = floor
        self._talk = talk
        self._bot = bot
        self._writer = writer
        self._place = place
        self._answering = answering
        self._rests_until_s = 0.0

    async def respond(self, responder: Responder, request: Request) -> Reply:
        """The whole reply, while it shows what there is of it."""
        growing = Newest(self._show, DRAFT_EVERY_S if self._place.direct else EDIT_EVERY_S)

        async def show(reply: Reply) -> None:
            growing.put(reply)

        try:
            return await responder.respond(request, show)
        finally:
            await asyncio.shield(growing.close())

    async def _show(self, reply: Reply) -> None:
        if self._talk.taken.is_set() or time.monotonic() < self._rests_until_s:
            return
        try:
            await (
                self._draft(reply) if self._place.direct else self._write(Reply(first_message(unended(reply).text)))
            )
        except RetryAfter as error:
            self._rests_until_s = time.monotonic() + retry_after_s(error)
        except TelegramError as error:
            log.info("telegram did not take a growing reply", reason=f"{type(error).__name__}: {error}")
            self._rests_until_s = float("inf")

    async def _draft(self, reply: Reply) -> None:
        thread = int(self._place.thread) if self._place.thread else None
        first, *_ = rendered(first_message(reply.text))
        await self._bot.send_message_draft(
            int(self._place.channel), self._answering, first.text, message_thread_id=thread, entities=first.entities
        )

    async def _write(self, reply: Reply) -> None:
        if self.message_id:
            await self._writer.edit(self._place, reply, self.message_id)
        else:
            self.message_id = await self._writer.say(self._place, reply, self._answering)
            self._floor.answered(self._talk, [self.message_id])

    async def remove(self) -> None:
        """Leave the talk to people."""
        if self.message_id:
            with suppress(TelegramError):
                await self._bot.delete_message(int(self._place.channel), int(self.message_id))
