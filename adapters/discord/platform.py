"""Discord: connects, registers the commands, listens, and writes what nobody asked for."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.dialogue import Dialogue
from adapters.discord.failures import (
    FAILURES,
    UNKNOWN_MESSAGE,
    connection_errors,
    delivery_errors,
    role_errors,
)
from adapters.discord.incoming import PLATFORM, Files
from adapters.discord.menu import menu, same
from adapters.discord.outgoing import Outgoing
from adapters.discord.overhearing import deleted, reacted, said
from core.conversation import CONNECTED, Link, Liveness, Place, Reply, Responder
from core.errors import ProviderBusy
from core.outbox import NOWHERE, Leftovers
from core.overheard import Fact, Forgetful, Listener

log = structlog.get_logger()

OFFICIAL_API: Final = "https://discord.com/api/v10"
LARGEST_FILE_BYTES: Final = 2_000_000_000
FINISH_WITHIN_S, CLOSE_WITHIN_S = 2.5, 1.5
LONGEST_WAIT_S: Final = 60.0
STEADY_S: Final = 300.0
NEW_FOR: Final = timedelta(days=1)


class DiscordPlatform:
    """The Discord bot; also the way to write there without being asked (``Messenger``) and to roles (``RoleKeeper``).

    Args:
        responder: what answers.
        bot_token: the bot's secret from the Developer Portal.
        api_url: the REST address with its version.
        gateway_url: the gateway's address; empty for the official one.
        largest_file_bytes: what may be uploaded to us.
        listener: takes what is overheard in servers, as far as Discord shows it.
        leftovers: takes replies that Discord does not take now.
    """

    def __init__(
        self, responder: Responder, *, bot_token: str, api_url: str = OFFICIAL_API, gateway_url: str = "",
        largest_file_bytes: int = LARGEST_FILE_BYTES, listener: Listener | None = None,
        leftovers: Leftovers = NOWHERE,
    ) -> None:  # fmt: skip
        self._responder = responder
        self._bot_token = bot_token
        self._api_url = api_url.rstrip("/")
        self._gateway_url = gateway_url
        self._largest_file_bytes = largest_file_bytes
        self._listener = listener or Forgetful()
        self._leftovers = leftovers
        self._outgoing: Outgoing | None = None
        self._liveness = Liveness()

    @property
    def platform(self) -> str:
        """The platform's name, as in ``Place``."""
        return PLATFORM

    def liveness(self) -> Liveness:
        """Whether Discord is connected at this moment."""
        return self._liveness

    async def run(self, stop: asyncio.Event) -> None:
        """Serve Discord until ``stop`` is set, waiting for it while it cannot be reached; closes within 5 s.

        Raises:
            ConfigurationError: the token or the application's settings cannot work; says what to do.
        """
        _point_library_at(self._api_url, self._gateway_url)
        serving = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        finally:
            serving.cancel()
            stopping.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)

    async def deliver(self, place: Place, reply: Reply, message_id: str) -> str:
        """Send a message, or edit the one with ``message_id``; one that is gone is sent anew.

        Raises:
            ProviderBusy: try again later.
            ProviderError: it cannot be delivered.
        """
        outgoing = self._connected()
        with delivery_errors():
            channel = place.channel or await outgoing.direct_channel(place.recipient)
            if not message_id:
                return await outgoing.send(channel, reply)
            return await _edited_or_sent(outgoing, channel, message_id, reply)

    async def set_role(self, community: str, account: str, role: str, *, wanted: bool) -> None:
        """Give a member a role, or take it; one that is there or gone already stays so.

        Raises:
            RoleRefused: it cannot be done.
            ProviderBusy: try again later.
        """
        outgoing = self._connected()
        with role_errors():
            await outgoing.set_role(community, account, role, wanted=wanted)

    def _connected(self) -> Outgoing:
        if self._outgoing is None:
            raise ProviderBusy("Discord is not connected", retry_after_s=5)
        return self._outgoing

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        waits = _waits_s()
        while True:
            began_s = loop.time()
            try:
                with connection_errors():
                    await self._session()
                reason = "the connection ended"
            except ProviderBusy as error:
                reason = str(error)
            if loop.time() - began_s > STEADY_S:
                waits = _waits_s()
            wait_s = next(waits)
            self._note(Liveness(Link.RECONNECTING, reason))
            log.warning("Discord is away", reason=reason, retry_after_s=wait_s)
            await asyncio.sleep(wait_s)

    async def _session(self) -> None:
        client = _Client(self._note, self._listener)
        async with _closing(client):
            await client.login(self._bot_token)
            application_id = client.application_id or 0
            self._outgoing = Outgoing(client.http, application_id)
            files = Files(self._largest_file_bytes)
            bot_id = client.user.id if client.user else 0
            client.dialogue = Dialogue(self._responder, self._outgoing, files, bot_id, self._leftovers)
            registering = asyncio.create_task(self._register_commands(client.http, application_id))
            try:
                await _connect(client)
            finally:
                self._outgoing = None
                registering.cancel()
                await asyncio.gather(registering, return_exceptions=True)

    def _note(self, liveness: Liveness) -> None:
        self._liveness = liveness

    async def _register_commands(self, http: discord.http.HTTPClient, application_id: int) -> None:
        """Show our commands in Discord's menu, unless it has them already (changes are limited to 200 a day)."""
        wanted = menu(self._responder.commands)
        try:
            if not same(wanted, await http.get_global_commands(application_id)):
                await http.bulk_upsert_global_commands(application_id, wanted)
                log.info("slash commands registered", count=len(wanted))
        except FAILURES as error:
            log.error("the slash commands could not be registered", reason=str(error))


class _Client(discord.Client):
    """Listens to what concerns the bot, and to the rest where the operator lets it read messages.

    Message content comes without a privileged intent where the bot is meant; all of it comes once the intent is
    switched on for the application, and asking for it before that would be refused.
    """

    dialogue: Dialogue

    def __init__(self, note: Callable[[Liveness], None], listener: Listener) -> None:
        self._note = note
        self._listener = listener
        self._wanted = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, guild_reactions=True)
        super().__init__(
            intents=self._wanted,
            member_cache_flags=discord.MemberCacheFlags.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            max_ratelimit_timeout=LONGEST_WAIT_S,
        )

    async def setup_hook(self) -> None:
        flags = self.application_flags
        self._wanted.message_content = flags.gateway_message_content or flags.gateway_message_content_limited

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        await self.dialogue.interaction(interaction)

    async def on_message(self, message: discord.Message) -> None:
        self._heard(said(message, self.user.id if self.user else 0))
        await self.dialogue.message(message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self._heard(deleted(event))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        self._heard(deleted(event))

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        self._heard(reacted(event))

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        self._heard(reacted(event))

    def _heard(self, fact: Fact | None) -> None:
        if fact is not None:
            self._listener.heard(fact)

    async def on_connect(self) -> None:
        self._note(CONNECTED)

    async def on_resumed(self) -> None:
        self._note(CONNECTED)

    async def on_disconnect(self) -> None:
        self._note(Liveness(Link.RECONNECTING, "the connection to Discord was lost"))

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self.dialogue.joined(guild)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        # discord.py takes a server that is joined right after connecting for one that it knew.
        joined_at = guild.me.joined_at
        if joined_at is not None and discord.utils.utcnow() - joined_at < NEW_FOR:
            await self.dialogue.joined(guild)


@asynccontextmanager
async def _closing(client: _Client) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if hasattr(client, "dialogue"):
            await client.dialogue.finish(FINISH_WITHIN_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(client.close(), CLOSE_WITHIN_S)
        await client.http.close()


async def _connect(client: _Client) -> None:
    try:
        await client.connect()
    except AttributeError as error:
        # discord.py 2.7 trips over its own retry when its very first connection to the gateway fails.
        if client.ws is not None:
            raise
        raise discord.GatewayNotFound from error


async def _edited_or_sent(outgoing: Outgoing, channel_id: str, message_id: str, reply: Reply) -> str:
    try:
        return await outgoing.edit(channel_id, message_id, reply)
    except discord.NotFound as error:
        if error.code != UNKNOWN_MESSAGE:
            raise
    await outgoing.delete(channel_id, message_id.split())
    return await outgoing.send(channel_id, reply)


def _waits_s() -> "itertools.chain[float]":
    return itertools.chain((0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0), itertools.repeat(LONGEST_WAIT_S))


def _point_library_at(api_url: str, gateway_url: str) -> None:
    """discord.py keeps its addresses in its classes, and writes messages and interaction tokens at lower levels."""
    logging.getLogger("discord").setLevel(logging.WARNING)
    logging.getLogger("discord.http").setLevel(logging.ERROR)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    if api_url != Route.BASE:
        Route.BASE = api_url
    if gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
