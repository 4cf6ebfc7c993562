"""What people do on Discord and what they get to see: commands, buttons, questions, a greeting."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeGuard

import discord
import structlog
from discord import app_commands

from adapters.discord.failures import FAILURES
from adapters.discord.incoming import (
    ASK,
    Files,
    answered_id,
    answers_unseen,
    being_typed,
    button_request,
    command_request,
    declared,
    files_answered,
    files_of,
    greeting_places,
    is_named,
    is_spoken,
    place_in,
    question,
    speaker,
)
from adapters.discord.outgoing import Outgoing, beginning
from core.conversation import Place, Reply, Request, Responder
from core.errors import UserError
from core.floor import Floor, Talk
from core.newest import Newest
from core.outbox import Leftovers
from core.richtext import RichText
from core.sent_files import requests_of

log = structlog.get_logger()

AT_ONCE: Final = 64
ANY_STAFF: Final = "settings"
"""A command of the staff, by which it is told who belongs to them."""
DECIDE_WITHIN_S: Final = 1.0
SUGGEST_WITHIN_S: Final = 2.5
EDIT_EVERY_S: Final = 1.3
"""A growing reply is edited so often at most; Discord takes five edits in five seconds."""
LONGEST_CHOICE: Final = 100
SHORT: Final = 500
GONE: Final = (401, 404)

NOT_TAKEN: Final = Reply(
    RichText.of("Discord did not take my answer, or not all of it. Please try again in a minute.")
)
TOLD_PRIVATELY: Final = Reply(RichText.of("I have answered you in a direct message."))
UNSEEN: Final = Reply(
    RichText.of(
        "Discord does not show me the message that you answered, since it does not mention me. "
        "Write your question to me, or send me the file yourself."
    )
)
UNTOLD: Final = Reply(
    RichText.of(
        "I could not answer you in private: your direct messages are closed. "
        "Ask with a slash command instead; then only you see the answer."
    )
)


class Dialogue:
    """Turns events into requests and shows the replies; no failure leaves it."""

    def __init__(
        self, responder: Responder, outgoing: Outgoing, files: Files, bot_id: int, leftovers: Leftovers
    ) -> None:
        self._leftovers = leftovers
        self._responder = responder
        self._outgoing = outgoing
        self._files = files
        self._bot_id = bot_id
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[Any]] = set()
        self._floor = Floor()

    async def interaction(self, interaction: discord.Interaction) -> None:
        """Answer a command, a button or an option that is being typed."""
        kinds: dict[discord.InteractionType, Callable[[discord.Interaction], Coroutine[Any, Any, None]]] = {
            discord.InteractionType.application_command: self._command,
            discord.InteractionType.component: self._button,
            discord.InteractionType.autocomplete: self._complete,
        }
        if answer := kinds.get(interaction.type):
            await self._guard(answer(interaction), interaction.type.name, interaction.id)

    async def message(self, message: discord.Message) -> None:
        """Answer a question that was asked, or take files that were sent, without a command."""
        asked = question(message, self._bot_id)
        if asked is None or self._left_to_people(asked, message):
            await self._guard(self._joins_in(message), "message", message.id)
        else:
            await self._guard(self._said(asked, message), "message", message.id)

    async def joined(self, guild: discord.Guild) -> None:
        """Greet a new server, unless it was greeted before."""
        await self._guard(self._greet(guild), "joined", guild.id)

    async def finish(self, within_s: float) -> None:
        """Let what has begun come to its end, and stop what takes longer."""
        if not self._running:
            return
        _, late = await asyncio.wait(set(self._running), timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _guard(self, work: Coroutine[Any, Any, None], event: str, event_id: int) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        try:
            await task
        except FAILURES as error:
            log.warning("an event could not be answered", discord_event=event, id=event_id, reason=str(error))
        except Exception as error:
            log.exception("an event failed", discord_event=event, id=event_id, exc_info=error)
        finally:
            self._running.discard(task)

    # Commands

    async def _command(self, interaction: discord.Interaction) -> None:
        request = command_request(interaction, self._files)
        private = await self._private_soon(request)
        command = declared(self._responder.commands, request.command)
        hidden = (command is None or command.private) if private is None else private
        if not await _acknowledged(interaction, interaction.response.defer(thinking=True, ephemeral=hidden)):
            return
        grow = None if private is None else partial(self._outgoing.preview, interaction.token)
        reply = await self._respond(request, grow)
        secret = reply.private or (private is None and await self._responder.private(request))
        show = self._show_hidden if secret and not hidden else self._outgoing.fill
        await self._show(request, reply, interaction.token, show, private=hidden or secret)

    async def _show_hidden(self, token: str, reply: Reply, *, private: bool) -> None:
        """Everybody saw "thinking", but only one person may see the reply."""
        await self._outgoing.dismiss(token)
        await self._outgoing.follow_up(token, reply, private=private)

    async def _private_soon(self, request: Request) -> bool | None:
        """Whether the reply is for the person alone; None when that takes too long to find out."""
        try:
            return await asyncio.wait_for(self._responder.private(request), DECIDE_WITHIN_S)
        except TimeoutError:
            return None

    # Buttons

    async def _button(self, interaction: discord.Interaction) -> None:
        request = button_request(interaction)
        if not await _acknowledged(interaction, interaction.response.defer()):
            return
        reply = await self._respond(request)
        show = self._outgoing.fill if reply.replaces else self._outgoing.follow_up
        await self._show(request, reply, interaction.token, show, private=reply.private)

    # Both

    async def _respond(self, request: Request, grow: Callable[[Reply], Awaitable[None]] | None = None) -> Reply:
        """The whole reply; ``grow`` shows what there is of it before, now and then."""
        if grow is None:
            async with self._slots:
                return await self._responder.respond(request)
        growing = Newest(partial(_shown, grow), EDIT_EVERY_S)

        async def show(reply: Reply) -> None:
            growing.put(reply)

        async with self._slots:
            try:
                return await self._responder.respond(request, show)
            finally:
                await growing.close()

    async def _show(
        self, request: Request, reply: Reply, token: str, show: Callable[..., Awaitable[None]], *, private: bool
    ) -> None:
        try:
            await show(token, reply, private=private)
        except FAILURES as error:
            log.warning("Discord did not take a reply", command=request.command, reason=str(error))
            if _is_refusal(error) and error.status not in GONE:
                await self._outgoing.follow_up(token, NOT_TAKEN, private=True)
            else:
                await self._show_late(request, reply, private=private)

    async def _show_late(self, request: Request, reply: Reply, *, private: bool) -> None:
        """Write an ordinary message: the interaction has ended (15 minutes, or its message was deleted), or fails."""
        if not private or request.place.direct:
            await self._sent(request.place, reply)
        elif not await self._tell(request, reply):
            await self._outgoing.send(request.place.channel, UNTOLD)

    async def _tell(self, request: Request, reply: Reply) -> bool:
        """Write to the person alone; False when they take no direct messages."""
        try:
            channel_id = await self._outgoing.direct_channel(request.person.external_id)
            await self._outgoing.send(channel_id, reply)
        except discord.Forbidden:
            return False
        return True

    # Completion

    async def _complete(self, interaction: discord.Interaction) -> None:
        typing = being_typed(interaction)
        if typing is None:
            return
        request = command_request(interaction, self._files)
        try:
            suggest = self._responder.suggest(request, typing.parameter, typing.text)
            found = await asyncio.wait_for(suggest, SUGGEST_WITHIN_S)
        except TimeoutError:
            found = []
        choices = [
            app_commands.Choice(name=suggestion.label[:LONGEST_CHOICE], value=suggestion.value)
            for suggestion in found
            if suggestion.label and len(suggestion.value) <= LONGEST_CHOICE
        ]
        await interaction.response.autocomplete(choices[:25])

    # Messages

    async def _said(self, asked: Request, message: discord.Message) -> None:
        files, answered = files_of(message, self._files), files_answered(message, self._files)
        try:
            requests = await requests_of(asked, self._responder, files, answered)
        except UserError as error:
            await self._answer(asked, Reply(RichText.of(str(error))), str(message.id))
            return
        if requests == [asked] and not asked.arguments["question"] and answers_unseen(message):
            await self._answer(asked, UNSEEN, str(message.id))
            return
        thread = isinstance(message.channel, discord.Thread)
        for request in requests:
            await self._question(request, str(message.id), self._talk_of(request, thread=thread))

    def _talk_of(self, request: Request, *, thread: bool) -> Talk:
        """Only a question can be answered by somebody else."""
        if request.command != ASK or request.place.direct:
            return Talk(request.place.channel)
        return self._floor.called(
            request.place.channel, request.message_id, request.person.external_id, request.about, thread=thread
        )

    def _left_to_people(self, asked: Request, message: discord.Message) -> bool:
        """Whether a reply to us, which does not name us, is part of a talk that a person has taken over."""
        if message.attachments or not message.guild or is_named(message, self._bot_id):
            return False
        return self._floor.is_taken(asked.place.channel, asked.about)

    async def _joins_in(self, message: discord.Message) -> None:
        """Notice that people talk to each other: whoever answers a question has the floor."""
        if message.guild is None or not is_spoken(message):
            return
        author, place = speaker(message), place_in(message.channel.id, message.guild)
        self._floor.heard(place.channel, str(message.id), author.external_id, answered_id(message))
        if self._floor.waits_in(place.channel, author.external_id) and await self._responder.may(
            Request(place, author, ANY_STAFF)
        ):
            self._floor.joined(place.channel, author.external_id)

    async def _question(self, request: Request, message_id: str, talk: Talk) -> None:
        grown = _Grown(self._outgoing, self._floor, talk, message_id)
        async with self._outgoing.typing(request.place.channel):
            hidden = not request.place.direct and await self._responder.private(request)
            working = asyncio.create_task(self._respond(request, None if hidden else grown.show))
            is_free = await talk.stays_free(working)
        reply = await working
        if not is_free or talk.taken.is_set():
            await grown.remove()
            return  # it is kept and paid for as any other, and only not shown
        if not hidden and not self._secret(request, reply):
            self._floor.answered(talk, await self._answer(request, reply, message_id, grown.message_id))
        elif await self._tell(request, reply):
            await self._answer(request, TOLD_PRIVATELY, message_id, grown.message_id)
        else:
            await self._answer(request, UNTOLD, message_id, grown.message_id)

    def _secret(self, request: Request, reply: Reply) -> bool:
        """Whether only the person may read it; a short refusal may stand in the channel."""
        plain = reply.bare and len(reply.text.plain) <= SHORT
        return reply.private and not plain and not request.place.direct

    async def _answer(self, request: Request, reply: Reply, message_id: str, standing: str = "") -> list[str]:
        """Write an answer where it was asked, or where its beginning stands; the ids of its messages there."""
        try:
            if standing and (became := await self._became(request.place.channel, standing, reply)):
                return became
            sent = await self._sent(request.place, reply, message_id, standing)
            if sent and standing:
                await self._withdrawn(request.place.channel, standing)
            return sent
        except discord.Forbidden:
            if not await self._tell(request, reply):
                log.warning("nowhere to answer", community=request.place.community, channel=request.place.channel)
            return []

    async def _became(self, channel_id: str, standing: str, reply: Reply) -> list[str]:
        """Put a reply where its beginning stands; no ids where that is gone, or Discord does not take it there."""
        try:
            return (await self._outgoing.edit(channel_id, standing, reply)).split()
        except FAILURES as error:
            log.warning("Discord did not take the end of a reply", reason=str(error))
            return []

    async def _sent(self, place: Place, reply: Reply, answering: str = "", standing: str = "") -> list[str]:
        """Send a reply; what Discord cannot take now is kept for later, in the place of its beginning."""
        try:
            return (await self._outgoing.send(place.channel, reply, answering=answering)).split()
        except FAILURES as error:
            if _is_refusal(error) or reply.files:
                raise
            log.warning("Discord takes a reply later", channel=place.channel, reason=str(error))
            await self._leftovers.leave(place, reply, standing)
            return []

    async def _withdrawn(self, channel_id: str, standing: str) -> None:
        """Take away a beginning whose whole stands below it."""
        with suppress(*FAILURES):
            await self._outgoing.delete(channel_id, [standing])

    # Greeting

    async def _greet(self, guild: discord.Guild) -> None:
        places = greeting_places(guild)
        if not places:
            log.warning("no channel of a new server is open to the greeting", community=str(guild.id))
        elif reply := await self._responder.joined(places[0]):
            await self._greet_in(places, reply)

    async def _greet_in(self, places: Sequence[Place], reply: Reply) -> None:
        for place in places:
            try:
                await self._outgoing.send(place.channel, reply)
            except discord.Forbidden:
                continue
            return
        log.warning("no channel of a new server took the greeting", community=places[0].community)


class _Grown:
    """A growing answer to a message: sent once, then edited, for as long as nobody takes the floor."""

    def __init__(self, outgoing: Outgoing, floor: Floor, talk: Talk, answering: str) -> None:
        self._outgoing = outgoing
        self._floor = floor
        self._talk = talk
        self._answering = answering
        self.message_id = ""
        """Where it stands; empty until something of it does."""

    async def show(self, reply: Reply) -> None:
        if self._talk.taken.is_set():
            return
        shown = beginning(reply)
        if self.message_id:
            await self._outgoing.edit(self._talk.channel, self.message_id, shown)
        else:
            self.message_id = await self._outgoing.send(self._talk.channel, shown, answering=self._answering)
            self._floor.answered(self._talk, [self.message_id])

    async def remove(self) -> None:
        """Leave the talk to people."""
        if self.message_id:
            await self._outgoing.delete(self._talk.channel, [self.message_id])


def _is_refusal(error: BaseException) -> TypeGuard[discord.HTTPException]:
    """Whether Discord will not take the same later, either."""
    return isinstance(error, discord.HTTPException) and error.status < 500 and error.status != 429


async def _shown(grow: Callable[[Reply], Awaitable[None]], reply: Reply) -> None:
    """Show a growing reply; where Discord does not take it, what comes later may be taken."""
    try:
        await grow(reply)
    except FAILURES as error:
        log.info("a growing reply was not taken", reason=str(error))


async def _acknowledged(interaction: discord.Interaction, deferral: Awaitable[object]) -> bool:
    try:
        await deferral
    except FAILURES as error:
        # Discord has told the person already; running it now would do it behind their back, or twice.
        log.warning("an interaction could not be acknowledged", id=interaction.id, reason=str(error))
        return False
    return True
