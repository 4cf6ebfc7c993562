"""The gateway: sessions that outlive their connection, resumption, and what each intent lets through."""

import asyncio
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from tests.wire.fake_discord_world import Guild, Json, Message, World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11

GUILDS: Final = 1 << 0
GUILD_MEMBERS: Final = 1 << 1
PRESENCES: Final = 1 << 8
GUILD_MESSAGES: Final = 1 << 9
GUILD_MESSAGE_REACTIONS: Final = 1 << 10
DIRECT_MESSAGES: Final = 1 << 12
MESSAGE_CONTENT: Final = 1 << 15
PRIVILEGED: Final = GUILD_MEMBERS | PRESENCES | MESSAGE_CONTENT

UNKNOWN_OPCODE, NOT_AUTHENTICATED, WRONG_TOKEN = 4001, 4003, 4004
ALREADY_AUTHENTICATED, DISALLOWED_INTENTS = 4005, 4014
HEARTBEAT_INTERVAL_MS: Final = 41_250

# Messages have an intent for servers and another for direct conversations; interactions need none.
INTENT_OF: Final = {
    "GUILD_CREATE": GUILDS,
    "GUILD_DELETE": GUILDS,
    "CHANNEL_CREATE": GUILDS,
    "THREAD_CREATE": GUILDS,
    "GUILD_ROLE_CREATE": GUILDS,
    "GUILD_MEMBER_ADD": GUILD_MEMBERS,
    "MESSAGE_REACTION_ADD": GUILD_MESSAGE_REACTIONS,
    "MESSAGE_REACTION_REMOVE": GUILD_MESSAGE_REACTIONS,
}


class Connection:
    """One socket, compressed where zlib-stream was asked for; plain text, which every bot reads, otherwise."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, compress: str) -> None:
        self.socket = socket
        self._transport = transport
        self._compressor = zlib.compressobj() if compress == "zlib-stream" else None
        self._outbox: asyncio.Queue[Json] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def send(self, payload: Json) -> None:
        """Queue a payload; they leave in order."""
        self._outbox.put_nowait(payload)

    async def _write(self) -> None:
        while True:
            text = json.dumps(await self._outbox.get())
            try:
                await self._send(text)
            except ConnectionError:
                return

    async def _send(self, text: str) -> None:
        if self._compressor is None:
            await self.socket.send_str(text)
            return
        packed = self._compressor.compress(text.encode()) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        await self.socket.send_bytes(packed)

    def cut(self) -> None:
        """End the connection as a pulled cable does: no close frame."""
        self.stop()
        if self._transport:
            self._transport.abort()

    async def close(self, code: int, reason: str = "") -> None:
        """End the connection with a close frame."""
        self.stop()
        await self.socket.close(code=code, message=reason.encode(), drain=False)

    def stop(self) -> None:
        """Send nothing more."""
        self._writer.cancel()


@dataclass(slots=True)
class Session:
    """What a bot may resume: its intents and every event since it identified."""

    id: str
    intents: int
    events: list[Json] = field(default_factory=list)
    connection: Connection | None = None

    def dispatch(self, event: str, data: Json) -> None:
        """Number an event, keep it, and send it if somebody listens."""
        payload: Json = {"op": DISPATCH, "t": event, "s": len(self.events) + 1, "d": data}
        self.events.append(payload)
        if self.connection:
            self.connection.send(payload)


class Gateway:
    """Speaks the gateway's protocol to one bot; events wait in its session while it is away."""

    def __init__(self, world: World, bot_token: str, disallowed_intents: int) -> None:
        self.world = world
        self.identifies: list[Json] = []
        self.resumes = 0
        self.refused_identifies = 0
        self.session: Session | None = None
        self._bot_token = bot_token
        self._disallowed_intents = disallowed_intents
        self._connections: set[Connection] = set()
        self._reachable = asyncio.Event()
        self._reachable.set()
        world.emit = self.emit

    @property
    def live(self) -> Connection | None:
        """The connection that events go to now."""
        return self.session.connection if self.session else None

    def emit(self, event: str, payload: Json, guild: Guild | None) -> None:
        """Send an event to the bot, if it is in that server and asked for such events."""
        session = self.session
        if session is None or (guild and not guild.joined):
            return
        is_message = event.startswith("MESSAGE_") and event not in INTENT_OF
        needed = (GUILD_MESSAGES if guild else DIRECT_MESSAGES) if is_message else INTENT_OF.get(event, 0)
        if needed & ~session.intents:
            return
        session.dispatch(event, self._rendered(event, payload, guild, session.intents))

    def _rendered(self, event: str, payload: Json, guild: Guild | None, intents: int) -> Json:
        if event == "GUILD_CREATE" and guild:
            # No "unavailable" here: that is how a bot tells a new server from a known one.
            return guild.gateway_payload(all_members=bool(intents & GUILD_MEMBERS))
        message = payload.get("message")
        return self._rendered_message(message, intents) if isinstance(message, Message) else payload

    def _rendered_message(self, message: Message, intents: int) -> Json:
        guild, hidden = message.channel.guild, not intents & MESSAGE_CONTENT
        shown = message.payload(content_hidden=hidden and not message.for_bot, references_hidden=hidden)
        if guild is None:
            return shown
        shown["guild_id"] = str(guild.id)
        member = guild.members.get(message.author.id)
        return shown | ({"member": member.payload(with_user=False)} if member else {})

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Answer one connection for as long as it lives."""
        await self._reachable.wait()
        socket = web.WebSocketResponse(autoping=True, max_msg_size=4096 * 16)
        await socket.prepare(request)
        transport = request.transport
        connection = Connection(
            socket, transport if isinstance(transport, asyncio.Transport) else None, request.query.get("compress", "")
        )
        self._connections.add(connection)
        connection.send({"op": HELLO, "s": None, "t": None, "d": {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}})
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._receive(connection, json.loads(frame.data))
        finally:
            self._forget(connection)
        return socket

    def _forget(self, connection: Connection) -> None:
        connection.stop()
        self._connections.discard(connection)
        if self.session and self.session.connection is connection:
            self.session.connection = None
        self.world.changes.notify()

    async def _receive(self, connection: Connection, payload: Json) -> None:
        operation, data = payload.get("op"), payload.get("d")
        if operation == HEARTBEAT:
            connection.send({"op": HEARTBEAT_ACK, "s": None, "t": None, "d": None})
        elif operation == IDENTIFY and isinstance(data, dict):
            await self._identify(connection, data)
        elif operation == RESUME and isinstance(data, dict):
            await self._resume(connection, data)
        elif self.live is not connection:
            await connection.close(NOT_AUTHENTICATED, "Not authenticated.")
        elif operation == REQUEST_MEMBERS and isinstance(data, dict):
            self._send_members(data)
        elif operation not in (PRESENCE, VOICE_STATE):
            await connection.close(UNKNOWN_OPCODE, "Unknown opcode.")

    async def _identify(self, connection: Connection, data: Json) -> None:
        refusal = self._refusal(connection, data)
        if refusal:
            self.refused_identifies += 1
            self.world.changes.notify()
            await connection.close(*refusal)
            return
        self.identifies.append(data)
        session_id = f"{self.world.clock.snowflake():032x}"
        self.session = Session(session_id, int(data["intents"]), connection=connection)
        self.session.dispatch("READY", self._ready(self.session))
        for guild in self.world.guilds.values():
            if guild.joined and self.session.intents & GUILDS:
                known = guild.gateway_payload(all_members=bool(self.session.intents & GUILD_MEMBERS))
                self.session.dispatch("GUILD_CREATE", known | {"unavailable": False})
        self.world.changes.notify()

    def _refusal(self, connection: Connection, data: Json) -> tuple[int, str] | None:
        if self.live is connection:
            return ALREADY_AUTHENTICATED, "Already authenticated."
        if data.get("token") != self._bot_token:
            return WRONG_TOKEN, "Authentication failed."
        if int(data.get("intents", 0)) & self._disallowed_intents:
            return DISALLOWED_INTENTS, "Disallowed intent(s)."
        return None

    def _ready(self, session: Session) -> Json:
        me = self.world.me
        joined = [guild for guild in self.world.guilds.values() if guild.joined]
        return {
            "v": 10,
            "user": self.world.account(),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in joined],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": f"{self.world.origin.replace('http', 'ws', 1)}/resume",
            "shard": [0, 1],
            "application": {"id": str(me.id), "flags": application_flags(self._disallowed_intents)},
            "private_channels": [],
            "presences": [],
            "relationships": [],
            "user_settings": {},
            "geo_ordered_rtc_regions": [],
            "guild_join_requests": [],
            "_trace": [],
        }

    async def _resume(self, connection: Connection, data: Json) -> None:
        session = self.session
        if data.get("token") != self._bot_token:
            await connection.close(WRONG_TOKEN, "Authentication failed.")
        elif session is None or data.get("session_id") != session.id or data["seq"] > len(session.events):
            connection.send({"op": INVALID_SESSION, "s": None, "t": None, "d": False})
        else:
            self.resumes += 1
            for payload in session.events[data["seq"] :]:
                connection.send(payload)
            session.connection = connection
            session.dispatch("RESUMED", {"_trace": []})
            self.world.changes.notify()

    def _send_members(self, data: Json) -> None:
        guild = self.world.guilds.get(int(data["guild_id"]))
        if guild is None or self.session is None:
            return
        members = list(guild.members.values())
        if data.get("user_ids"):
            wanted = {int(user_id) for user_id in data["user_ids"]}
            members = [member for member in members if member.user.id in wanted]
        if data.get("query"):
            members = [member for member in members if member.user.name.lower().startswith(data["query"].lower())]
        chunk: Json = {"guild_id": str(guild.id), "chunk_index": 0, "chunk_count": 1, "not_found": []}
        chunk["members"] = [member.payload() for member in members]
        chunk["nonce"] = data.get("nonce")
        self.session.dispatch("GUILD_MEMBERS_CHUNK", chunk)

    def _detach(self) -> Connection:
        assert self.session, "the bot has no session"
        assert self.session.connection, "the bot is not connected"
        connection, self.session.connection = self.session.connection, None
        return connection

    async def drop(self, code: int | None = None) -> None:
        """Lose the connection, with a close code or (None) without a word; the session stays resumable."""
        connection = self._detach()
        if code is None:
            connection.cut()
        else:
            await connection.close(code)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let nobody connect while the block lasts; who tries meanwhile waits."""
        self._reachable.clear()
        try:
            yield
        finally:
            self._reachable.set()

    def invalidate(self, *, resumable: bool) -> None:
        """Send op 9; unless ``resumable``, the session and what it missed are gone."""
        connection = self._detach()
        connection.send({"op": INVALID_SESSION, "s": None, "t": None, "d": resumable})
        if not resumable:
            self.session = None

    def ask_reconnect(self) -> None:
        """Send op 7: the bot is to come back and resume."""
        self._detach().send({"op": RECONNECT, "s": None, "t": None, "d": None})

    async def close(self) -> None:
        """End every connection."""
        for connection in list(self._connections):
            await connection.close(WSCloseCode.GOING_AWAY)


def application_flags(disallowed_intents: int) -> int:
    """The application's flags that say which privileged intents are switched on."""
    switches = {PRESENCES: 1 << 13, GUILD_MEMBERS: 1 << 15, MESSAGE_CONTENT: 1 << 19}
    return sum(flag for intent, flag in switches.items() if not intent & disallowed_intents)
