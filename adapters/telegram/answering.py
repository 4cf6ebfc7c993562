"""Answers what happens on Telegram: messages, pressed buttons, and being added to a group."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

import structlog
from telegram import Bot, CallbackQuery, Chat, ChatMember, ChatMemberUpdated, Message, Update, User
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, TelegramError

from adapters.telegram.administrators import Administrators
from adapters.telegram.failures import says
from adapters.telegram.files import Files
from adapters.telegram.growing import GrowingReply
from adapters.telegram.hearing import (
    Heard,
    answered_id,
    hear,
    is_from_person,
    meant,
    person_of,
    place_of,
    topic_of,
)
from adapters.telegram.overhearing import in_group, reacted, said
from adapters.telegram.whispering import remembered, remembering
from adapters.telegram.writing import Writer
from core.conversation import Person, Place, Reply, Request, Responder
from core.errors import UserError
from core.floor import Floor, Talk
from core.outbox import Leftovers
from core.overheard import Listener
from core.richtext import RichText, link
from core.sent_files import requests_of
from core.typed_commands import parse

log = structlog.get_logger()

ASK: Final = "ask"
TYPING_EVERY_S: Final = 4.5
# Telegram forgets a pressed button after a while; what takes longer comes as a message.
SPINNER_S: Final = 5.0
# A group that becomes a supergroup looks like a new one, too; that it moved is told at about the same time.
MOVES_WITHIN_S: Final = 1.0
LONGEST_TOAST: Final = 200
# A toast is gone in a moment; what takes longer to read is shown until it is closed.
LONGEST_GLANCE: Final = 60
LONGEST_LINE: Final = 600
TOLD_PRIVATELY: Final = "That answer is for one person alone."
PRESENT: Final = frozenset({ChatMember.OWNER, ChatMember.ADMINISTRATOR, ChatMember.MEMBER, ChatMember.RESTRICTED})


class Answering:
    """Hands events to the responder and writes what it replies; no error gets out."""

    def __init__(
        self, bot: Bot, responder: Responder, writer: Writer, files: Files,
        moved: Callable[[str, str, str], Awaitable[None]], listener: Listener, growing: Writer,
        leftovers: Leftovers,
    ) -> None:  # fmt: skip
        self._leftovers = leftovers
        self._growing = growing
        self._bot = bot
        self._responder = responder
        self._files = files
        self._moved = moved
        self._listener = listener
        self._administrators = Administrators(bot)
        self._writer = writer
        self._floor = Floor()

    async def handle(self, update: Update) -> None:
        """Do what an update asks for."""
        chat_id = update.effective_chat.id if update.effective_chat else None
        with structlog.contextvars.bound_contextvars(chat=chat_id):
            try:
                await self._handle(update)
            except TelegramError as error:
                log.warning("telegram did not take a reply", reason=f"{type(error).__name__}: {error}")
            except Exception as error:
                log.exception("an update could not be handled", exc_info=error)
                await self._apologise(update)

    async def _handle(self, update: Update) -> None:
        if update.message:
            await self._on_message(update.message)
        elif update.callback_query:
            await self._on_press(update.callback_query)
        elif update.message_reaction:
            if fact := reacted(update.message_reaction):
                self._listener.heard(fact)
        elif update.my_chat_member:
            await self._on_membership(update.my_chat_member)

    async def _apologise(self, update: Update) -> None:
        if update.message:
            sorry = _line("Something went wrong on my side. Please try again in a minute.")
            with suppress(TelegramError):
                await self._writer.say(_place(update.message), sorry, update.message.message_id)

    # Messages.

    async def _on_message(self, message: Message) -> None:
        if message.migrate_to_chat_id:
            await self._moved("telegram", str(message.chat.id), str(message.migrate_to_chat_id))
            return
        known = {command.name for command in self._responder.commands}
        heard = hear(message, self._bot.bot, known)
        if heard is None:
            self._joins_in(message)
            await self._overhear(message)
            return
        place = _place(message)
        if (
            heard.by_reply
            and not message.effective_attachment
            and self._floor.is_taken(place.channel, answered_id(message))
        ):
            self._joins_in(message)
            return
        async with self._typing(place):
            try:
                requests = await self._requests(message, heard, place)
            except UserError as error:
                await self._writer.say(place, _line(str(error)), message.message_id)
                return
            for request in requests:
                await self._answer(message, place, request)

    async def _overhear(self, message: Message) -> None:
        """Hand over what members say to each other, where Telegram shows it."""
        user = message.from_user
        if user is None or said(message, person_of(user)) is None:
            return
        manages = await self._administrators.is_listed(message.chat.id, user.id)
        if fact := said(message, replace(person_of(user), manages=manages)):
            self._listener.heard(fact)

    def _joins_in(self, message: Message) -> None:
        """Notice that people talk to each other: whoever answers a question has the floor."""
        if in_group(message.chat) and is_from_person(message):
            author = str((message.sender_chat or message.from_user or message.chat).id)
            self._floor.heard(str(message.chat.id), str(message.message_id), author, answered_id(message))

    def _talk_of(self, message: Message, request: Request) -> Talk:
        """Only a question can be answered by somebody else."""
        if request.command != ASK or request.place.direct:
            return Talk(request.place.channel)
        asker = request.person.external_id.removeprefix("chat:")
        return self._floor.called(request.place.channel, str(message.message_id), asker, answered_id(message))

    async def _answer(self, message: Message, place: Place, request: Request) -> None:
        is_private = not place.direct and await self._responder.private(request)
        talk = self._talk_of(message, request)
        growing = GrowingReply(self._bot, self._growing, place, message.message_id, self._floor, talk)
        respond = self._responder.respond(request) if is_private else growing.respond(self._responder, request)
        working = asyncio.create_task(respond)
        is_taken = not await talk.stays_free(working)
        reply = await working
        if is_taken:
            await growing.remove()
            return  # it is kept and paid for as any other, and only not shown
        if is_private or (reply.private and not place.direct and not _is_line(reply)):
            await self._whisper(message, place, reply)
            reply = _line(TOLD_PRIVATELY)
            if not growing.message_id:
                return
        self._floor.answered(talk, await self._end(place, reply, message.message_id, growing))

    async def _end(self, place: Place, reply: Reply, answering: int, growing: GrowingReply) -> list[str]:
        """Put a reply where its beginning stands, or send it; what Telegram does not take now is kept for later."""
        if became := await self._became(place, reply, growing.message_id):
            return became
        try:
            said = await self._writer.say(place, reply, answering)
        except (Forbidden, BadRequest):
            raise
        except TelegramError as error:
            if reply.files:
                raise
            log.warning("telegram takes a reply later", reason=f"{type(error).__name__}: {error}")
            await self._leftovers.leave(place, reply, growing.message_id)
            return []
        await growing.remove()
        return said.split()

    async def _became(self, place: Place, reply: Reply, standing: str) -> list[str]:
        """The ids of a reply in the place of its beginning; none where there is no beginning, or it stays one."""
        try:
            return (await self._writer.edit(place, reply, standing)).split() if standing else []
        except TelegramError as error:
            log.warning("telegram did not take the end of a reply", reason=f"{type(error).__name__}: {error}")
            return []

    async def _requests(self, message: Message, heard: Heard, place: Place) -> list[Request]:
        if heard.is_command:
            attachment = self._files.attachment_of(message)
            typed = parse(heard.text, self._responder.commands, attachment, find_member=lambda t: meant(message, t))
            author, message_id = await self._author(message), str(message.message_id)
            return [Request(place, author, typed.command.name, typed.arguments, message_id)]
        author, message_id = await self._author(message), str(message.message_id)
        asked = Request(place, author, ASK, {"question": heard.text}, message_id, about=answered_id(message))
        # In a private chat nobody has to mention the bot, so a reply there says nothing of what it replies to.
        answered = [] if place.direct else self._files.answered_by(message)
        found = await requests_of(asked, self._responder, self._files.sent_with(message), answered)
        if found == [asked] and not heard.text:
            raise UserError(self._how_to_ask(place))
        return found

    def _how_to_ask(self, place: Place) -> str:
        if place.direct:
            return (
                "I read text: write me your question. Of files I take videos, recordings and documents. "
                "/help shows what I can do."
            )
        return f"Write your question after my name, like this: @{self._bot.username} what is this about?"

    async def _author(self, message: Message) -> Person:
        if message.sender_chat is not None:
            name = message.author_signature or message.chat.title or ""
            return Person("telegram", f"chat:{message.sender_chat.id}", name, manages=True)
        if message.from_user is None:
            raise ValueError("a message that nobody wrote is not for us")
        return await self._person(message.from_user, _place(message))

    async def _person(self, user: User, place: Place) -> Person:
        manages = not place.direct and await self._administrators.manages(int(place.community), user.id)
        return replace(person_of(user), manages=manages)

    # Replies for one person alone.

    async def _whisper(self, message: Message, place: Place, reply: Reply) -> None:
        """Answer in the person's private chat or, where there is none, say in the group how to get it."""
        if message.sender_chat is not None:
            anonymous = (
                "That reply is for one person alone, and here you write as the group. Please write as yourself."
            )
            await self._writer.say(place, _line(anonymous), message.message_id)
        elif message.from_user is not None and not await self._say_alone(message.from_user.id, reply, place):
            await self._writer.say(place, self._invitation(), message.message_id)

    async def _say_alone(self, user_id: int, reply: Reply, about: Place) -> bool:
        try:
            await self._writer.say(Place("telegram", str(user_id)), remembering(about.community, reply))
        except Forbidden:
            return False
        except BadRequest as error:
            if not says(error, "chat not found"):
                raise
            return False
        return True

    def _invitation(self) -> Reply:
        address = f"https://t.me/{self._bot.username}?start=hi"
        return Reply(
            RichText.of(
                "That reply is for you alone. Open ", link("a private chat with me", address),
                ", press Start, then try it again here.",
            )
        )  # fmt: skip

    # Buttons.

    async def _on_press(self, query: CallbackQuery) -> None:
        message = query.message
        if message is None or query.data is None:
            await self._end_spinner(query, "")
            return
        place = _place(message) if isinstance(message, Message) else place_of(message.chat)
        data, group = remembered(query.data) if place.direct else (query.data, "")
        work = asyncio.create_task(self._respond_to_press(query, data, place, group))
        try:
            await asyncio.wait({work}, timeout=SPINNER_S)
            toast = _toast(work.result()) if work.done() else ""
            is_shown = await self._end_spinner(query, toast) and bool(toast)
            reply = await work
        finally:
            work.cancel()
        if not is_shown:
            reply = remembering(group, reply)
            await self._write_after_press(query, place, reply, message.message_id)

    async def _respond_to_press(self, query: CallbackQuery, data: str, place: Place, group: str) -> Reply:
        action, _, payload = data.partition(":")
        pressed = str(query.message.message_id) if query.message else ""
        # Pressed data can be forged, so a group that it names counts only for those who administrate it.
        about = replace(place, community=place.community or group)
        person = await self._person(query.from_user, about)
        if person.manages:
            place = about
        return await self._responder.respond(Request(place, person, action, {"payload": payload}, about=pressed))

    async def _write_after_press(self, query: CallbackQuery, place: Place, reply: Reply, message_id: int) -> None:
        if reply.replaces:
            await self._writer.edit(place, reply, str(message_id))
        elif not reply.private or place.direct:
            await self._writer.say(place, reply)
        elif not await self._say_alone(query.from_user.id, reply, place):
            await self._writer.say(place, self._invitation())

    async def _end_spinner(self, query: CallbackQuery, toast: str) -> bool:
        try:
            return await query.answer(toast or None, show_alert=len(toast) > LONGEST_GLANCE)
        except TelegramError as error:
            log.info("telegram had forgotten a pressed button", reason=str(error))
            return False

    # Groups.

    async def _on_membership(self, change: ChatMemberUpdated) -> None:
        was_there, is_there = (_is_present(m) for m in (change.old_chat_member, change.new_chat_member))
        if is_there and not was_there and change.chat.type in {Chat.GROUP, Chat.SUPERGROUP}:
            if change.chat.type == Chat.SUPERGROUP:
                await asyncio.sleep(MOVES_WITHIN_S)
            place = place_of(change.chat)
            if greeting := await self._responder.joined(place):
                await self._writer.say(place, greeting)

    @asynccontextmanager
    async def _typing(self, place: Place) -> AsyncIterator[None]:
        """Show that an answer is on its way."""
        showing = asyncio.create_task(self._show_typing(place))
        try:
            yield
        finally:
            showing.cancel()

    async def _show_typing(self, place: Place) -> None:
        thread = int(place.thread) if place.thread else None
        with suppress(TelegramError):
            while True:
                await self._bot.send_chat_action(int(place.channel), ChatAction.TYPING, message_thread_id=thread)
                await asyncio.sleep(TYPING_EVERY_S)


def _place(message: Message) -> Place:
    return place_of(message.chat, topic_of(message))


def _line(text: str) -> Reply:
    return Reply(RichText.of(text))


def _is_line(reply: Reply) -> bool:
    """Whether a reply is no more than a sentence or two, such as a refusal, which everybody may see."""
    return reply.bare and len(reply.text.plain) <= LONGEST_LINE


def _toast(reply: Reply) -> str:
    """What can be shown over the chat instead of in it; empty where the reply needs a message."""
    text = reply.text.plain
    fits = reply.private and reply.bare and not reply.replaces and len(text) <= LONGEST_TOAST
    return text.strip() if fits else ""


def _is_present(member: ChatMember) -> bool:
    return member.status in PRESENT and getattr(member, "is_member", True)
