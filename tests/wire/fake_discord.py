"""A Discord of our own on loopback: REST, gateway and CDN, for tests of the bot over the real protocol.

The people in it act through methods; what the bot did is read from channels, interactions and ``calls``::

    async with FakeDiscord(bot_token="made-up") as discord:
        alice = discord.add_user("Alice")
        guild = discord.add_guild("Drawing school", owner=alice)
        ...  # start the bot with discord.api_url and discord.gateway_url
        await discord.connected()

        interaction = await discord.slash(alice, guild.general, "ask", question="How do I shade a sphere?")
        reply = await interaction.reply()
        assert "Lesson 3" in reply.content and not reply.ephemeral
        await (await discord.click(alice, reply, "👍")).acknowledged()

        said = await discord.say(alice, guild.general, f"{discord.me.mention} and a cube?")
        answer = await guild.general.next_message(after=said)
        assert answer.reference is said

Deadlines (3 s for the first answer, 15 min for an interaction, a day for a link) pass only with
``discord.clock.advance(seconds)``, so a slow machine never misses one.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from tests.wire.cut_downloads import send_file
from tests.wire.fake_discord_gateway import MESSAGE_CONTENT, PRIVILEGED, Gateway
from tests.wire.fake_discord_interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL,
    CommandLine,
    Interaction,
    Value,
    form_values,
    offered_to,
)
from tests.wire.fake_discord_rest import API, Call, Fault, Rest
from tests.wire.fake_discord_time import Clock, T
from tests.wire.fake_discord_world import (
    Channel,
    Guild,
    Json,
    Message,
    Role,
    Upload,
    User,
    World,
)

__all__ = ["Call", "Channel", "FakeDiscord", "Guild", "Interaction", "Message", "Role", "Upload", "User"]

SELECTS: Final = {3: "string", 5: "user", 6: "role", 7: "mentionable", 8: "channel"}


class FakeDiscord:
    """Discord, as much of it as a bot can notice.

    Args:
        bot_token: the only token that is let in.
        bot_name: name of the bot's account.
        privileged_intents: the bits that are switched on for the application; asking for another closes with 4014.
    """

    def __init__(self, bot_token: str, *, bot_name: str = "Chronos", privileged_intents: int = PRIVILEGED) -> None:
        self._world = World(bot_name)
        disallowed = PRIVILEGED & ~privileged_intents
        self._gateway = Gateway(self._world, bot_token, disallowed)
        self._rest = Rest(self._world, bot_token, disallowed)
        self._runner: web.AppRunner | None = None
        self._cut_after: int | None = None
        self._adding = 0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        self._rest.install(app)
        app.router.add_get("/gateway", self._gateway.serve)
        app.router.add_get("/resume", self._gateway.serve)
        app.router.add_get("/{path:.*}", self._serve_file)
        self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._world.origin = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._gateway.close()
        if self._runner:
            await self._runner.cleanup()
        assert not self._rest.errors, "the fake failed:\n" + "\n".join(self._rest.errors)

    # Where it is

    @property
    def api_url(self) -> str:
        """For ``discord.api_url``, with the version."""
        return self._world.origin + API

    @property
    def gateway_url(self) -> str:
        """For ``discord.gateway_url``."""
        return f"{self._world.origin.replace('http', 'ws', 1)}/gateway"

    @property
    def cdn_url(self) -> str:
        """For ``discord.Asset.BASE``."""
        return self._world.origin

    # What the bot did

    @property
    def me(self) -> User:
        """The bot's own account."""
        return self._world.me

    @property
    def clock(self) -> Clock:
        return self._world.clock

    @property
    def calls(self) -> list[Call]:
        """Every REST request, oldest first."""
        return self._rest.calls

    @property
    def commands(self) -> dict[str, Json]:
        """The registered global commands by name."""
        return {command["name"]: command for command in self._rest.commands.get(0, [])}

    def commands_in(self, guild: Guild) -> dict[str, Json]:
        """Global commands and those of one server, by name; the server's win."""
        own = {command["name"]: command for command in self._rest.commands.get(guild.id, [])}
        return {**self.commands, **own}

    @property
    def typing(self) -> list[Channel]:
        """The channels in which the bot showed that it types, oldest first."""
        return self._rest.typing

    @property
    def identifies(self) -> int:
        """How often the bot began a session."""
        return len(self._gateway.identifies)

    @property
    def resumes(self) -> int:
        """How often the bot resumed a session."""
        return self._gateway.resumes

    @property
    def refused_identifies(self) -> int:
        """How often a wrong token or a disallowed intent was turned away."""
        return self._gateway.refused_identifies

    @property
    def intents(self) -> int:
        """The intents of the present session."""
        assert self._gateway.session, "the bot has no session"
        return self._gateway.session.intents

    @property
    def reads_messages(self) -> bool:
        """Whether the bot asked for the content of every message."""
        return bool(self.intents & MESSAGE_CONTENT)

    async def until(self, probe: Callable[[], T | None], what: str, *, timeout_s: float = 30) -> T:
        """Wait for any state of the fake; looks again after every request and gateway event."""
        return await self._world.changes.until(probe, what, timeout_s)

    async def connected(self, *, commands: bool = True, timeout_s: float = 30) -> None:
        """Wait until the bot has a live session and (unless told otherwise) has registered its commands.

        discord.py collects servers for 2 s before ``on_ready``, and takes one that invites the bot meanwhile
        for one that it knew; a test of the greeting waits for the bot's readiness before it calls ``join``.
        """
        await self.until(lambda: self._gateway.live, "the bot to connect to the gateway", timeout_s=timeout_s)
        if commands:
            await self.until(lambda: self._rest.synced, "the bot to register its commands", timeout_s=timeout_s)

    async def reconnected(self, *, timeout_s: float = 30) -> None:
        """Wait until the bot listens again after ``drop``, ``invalidate`` or ``ask_reconnect``."""
        await self.connected(commands=False, timeout_s=timeout_s)

    # Places and people

    def add_user(self, name: str, *, bot: bool = False) -> User:
        return self._world.add_user(name, bot=bot)

    def add_guild(self, name: str, *, owner: User, joined: bool = True) -> Guild:
        """Add a server with the channel ``guild.general``; with ``joined=False`` the bot is invited later."""
        return self._world.add_guild(name, owner=owner, joined=joined)

    def join(self, guild: Guild) -> None:
        """Invite the bot into a server."""
        self._world.join(guild)

    def leave(self, guild: Guild) -> None:
        """Throw the bot out of a server."""
        self._world.leave(guild)

    def dm(self, user: User) -> Channel:
        """The direct conversation of a person with the bot."""
        return self._world.dm(user)

    # What people do

    async def slash(self, user: User, channel: Channel, command: str, /, **options: Value) -> Interaction:
        """Send a slash command ("ask", or "settings show" with a subcommand) as its window would.

        Option values are str, int, bool, float, User, Channel, Role or, for files, ``(name, bytes)``.

        Raises:
            AssertionError: the window would not have offered or accepted this.
        """
        registered, path = self._command(channel, command)
        assert offered_to(registered, user, channel), f"/{command} is not offered to {user.name} in {channel.name}"
        data = CommandLine(self._world, channel.guild, registered).data(path, options)
        return await self._interact(COMMAND, user, channel, data)

    async def autocomplete(
        self, user: User, channel: Channel, command: str, focused: str, /, **options: Value
    ) -> list[Json]:
        """Type into the option ``focused`` and return the suggestions, each with ``name`` and ``value``."""
        registered, path = self._command(channel, command)
        data = CommandLine(self._world, channel.guild, registered).data(path, options, focused=focused)
        typed = await self._interact(AUTOCOMPLETE, user, channel, data)
        return await typed.suggestions()

    async def click(self, user: User, message: Message, key: str) -> Interaction:
        """Press a button of a message, by its custom id or label."""
        assert not message.deleted, "the message is gone"
        button = message.component(key)
        assert not button.get("disabled"), f"the button {key!r} is switched off"
        return await self._component(user, message, button, {})

    async def choose(self, user: User, message: Message, key: str, values: Sequence[str]) -> Interaction:
        """Pick entries of a select menu, by its custom id."""
        menu = message.component(key)
        assert menu["type"] in SELECTS, f"{key!r} is no select menu"
        return await self._component(user, message, menu, {"values": list(values)})

    async def submit(self, interaction: Interaction, /, **texts: str | list[str]) -> Interaction:
        """Fill in and send the modal that ``interaction`` opened; fields by custom id or label."""
        modal = await interaction.modal()
        data = {"custom_id": modal["custom_id"], "components": form_values(modal, texts)}
        return await self._interact(MODAL, interaction.user, interaction.channel, data, opener=interaction)

    async def say(
        self,
        user: User,
        channel: Channel,
        content: str,
        *,
        reply_to: Message | None = None,
        attachments: Sequence[tuple[str, bytes]] = (),
        forwards: Message | None = None,
    ) -> Message:
        """Write a message; ``user.mention`` in it notifies, a reply notifies the author of ``reply_to``."""
        assert channel.guild is None or user.id in channel.guild.members, f"{user.name} is not in this server"
        if self.identifies:
            await self._somebody_listens()
        message = Message(self.clock.snowflake(), channel, user, content, reference=reply_to, forwarded=forwards)
        message.kind = 19 if reply_to else 0
        place = f"attachments/{channel.id}"
        message.attachments = [self._world.attach(Upload(*file), place) for file in attachments]
        return self._world.post(message)

    def post_by_webhook(self, channel: Channel, name: str, content: str) -> Message:
        """A message that another program posts, under a name of its choice."""
        author = User(self.clock.snowflake(), name, bot=True)
        return self._world.post(Message(self.clock.snowflake(), channel, author, content, webhook_id=author.id))

    def edit(self, message: Message, content: str) -> None:
        """Change a message."""
        message.content = content
        self._world.edited(message)

    def delete(self, *messages: Message) -> None:
        """Remove a message, or several at once."""
        if len(messages) == 1:
            self._world.delete(messages[0])
        else:
            self._world.delete_all(list(messages))

    def react(self, user: User, message: Message, emoji: str = "👍", *, added: bool = True) -> None:
        """React to a message in a server, or take that away."""
        self._world.react(user, message, emoji, added=added)

    def _command(self, channel: Channel, line: str) -> tuple[Json, list[str]]:
        name, *path = line.split()
        known = self.commands_in(channel.guild) if channel.guild else self.commands
        assert name in known, f"there is no command /{name}; registered are {sorted(known)}"
        return known[name], path

    async def _component(self, user: User, message: Message, part: Json, extra: Json) -> Interaction:
        data = {"custom_id": part["custom_id"], "component_type": part["type"], "id": part["id"], **extra}
        return await self._interact(COMPONENT, user, message.channel, data, message)

    async def _interact(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        origin: Message | None = None,
        opener: Interaction | None = None,
    ) -> Interaction:
        world = self._world
        assert channel.guild is None or user.id in channel.guild.members, f"{user.name} is not in this server"
        await self._somebody_listens()
        origin = opener.origin if opener else origin
        interaction = Interaction(world.clock.snowflake(), kind, world, user, channel, data, origin, opener)
        interaction.born_s = world.clock.advanced_s
        interaction.edits_before = len(origin.edits) if origin else 0
        self._rest.interactions[interaction.id] = interaction
        world.emit("INTERACTION_CREATE", interaction.payload(), channel.guild)
        return interaction

    async def _somebody_listens(self) -> None:
        """Wait while a bot whose session was taken away begins a new one; a session keeps events for it."""
        await self.until(lambda: self._gateway.session, "the bot to begin a session")

    # What goes wrong

    def spoil_downloads(self, *, cut_after: int | None = None, adding: int = 0) -> None:
        """From now on cut files off after so many bytes, or send more than was announced."""
        self._cut_after, self._adding = cut_after, adding

    async def drop(self, code: int | None = None) -> None:
        """Break the connection; the bot may resume."""
        await self._gateway.drop(code)

    def away(self) -> AbstractContextManager[None]:
        """Let the bot not connect again while the block lasts."""
        return self._gateway.away()

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Declare the session invalid (op 9)."""
        self._gateway.invalidate(resumable=resumable)

    async def ask_reconnect(self) -> None:
        """Ask the bot to reconnect and resume (op 7)."""
        self._gateway.ask_reconnect()

    def limit_next(self, route: str, retry_after: float, times: int = 1, *, everywhere: bool = False) -> None:
        """Answer the next requests whose "METHOD /path" contains ``route`` with 429, to be retried in seconds."""
        body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": everywhere}
        scope = "global" if everywhere else "user"
        headers = {"Retry-After": str(max(1, round(retry_after))), "X-RateLimit-Scope": scope}
        self._rest.faults.append(Fault(route, times, 429, body, headers))

    def fail_next(self, route: str, status: int, times: int = 1, *, code: int = 0, message: str = "") -> None:
        """Answer the next requests whose "METHOD /path" contains ``route`` with an error."""
        body = {"message": message or f"{status}: injected by the test", "code": code}
        self._rest.faults.append(Fault(route, times, status, body, {}))

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        file = self._world.files.get(request.raw_path.partition("?")[0])
        if file is None or not self._world.link_is_good(file.path, dict(request.query)):
            return web.Response(status=404, text="This content is no longer available.")
        return await send_file(request, file.content + bytes(self._adding), self._cut_after)
