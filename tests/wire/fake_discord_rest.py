"""The REST API: routes, authentication, recording, injected failures."""

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import BodyPartReader, web

from tests.wire.fake_discord_gateway import application_flags
from tests.wire.fake_discord_interactions import SAY, UPDATE, Interaction, apply_edit, new_message
from tests.wire.fake_discord_rules import (
    CLOSED_DMS,
    EMPTY_MESSAGE,
    INVALID_WEBHOOK_TOKEN,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    NOT_FOUND,
    NOT_THE_AUTHOR,
    TOO_LARGE,
    UNAUTHORIZED,
    UNKNOWN_CHANNEL,
    UNKNOWN_COMMAND,
    UNKNOWN_GUILD,
    UNKNOWN_INTERACTION,
    UNKNOWN_MEMBER,
    UNKNOWN_MESSAGE,
    UNKNOWN_ROLE,
    UNKNOWN_USER,
    UNKNOWN_WEBHOOK,
    ApiError,
    check_commands,
    check_message,
    refuse,
)
from tests.wire.fake_discord_world import (
    EPHEMERAL,
    LOADING,
    MAX_UPLOAD_BYTES,
    SEND_MESSAGES,
    VIEW_CHANNEL,
    Channel,
    Guild,
    Json,
    Member,
    Message,
    Role,
    Upload,
    User,
    World,
)

API: Final = "/api/v10"


@dataclass(slots=True)
class Call:
    """A request of the bot and its answer.

    ``path`` starts after the version, ``body`` is the JSON or the ``payload_json`` of a multipart body.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any = None
    files: list[Upload] = field(default_factory=list)
    status: int = 0
    answer: Any = None


@dataclass(slots=True)
class Fault:
    """A failure that the next requests on a route meet."""

    route: str
    left: int
    status: int
    body: Json
    headers: dict[str, str]


@dataclass(slots=True)
class Asked:
    """A request, read and authenticated, on its way to its answer."""

    match: dict[str, str]
    query: dict[str, str]
    body: Any
    files: list[Upload]

    @property
    def fields(self) -> Json:
        return self.body if isinstance(self.body, dict) else {}

    def snowflake(self, name: str) -> int:
        """An id from the path; 0, which nobody has, where it is not a number."""
        return int(self.match[name]) if self.match[name].isdigit() else 0


Answer = Json | list[Json] | None
Handler = Callable[[Asked], Answer]


class Rest:
    """Answers the bot's requests from the world and remembers every one of them."""

    def __init__(self, world: World, bot_token: str, disallowed_intents: int) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.errors: list[str] = []
        self.typing: list[Channel] = []
        self.interactions: dict[int, Interaction] = {}
        self.commands: dict[int, list[Json]] = {}
        self.synced = False
        self._bot_token = bot_token
        self._disallowed_intents = disallowed_intents

    def install(self, app: web.Application) -> None:
        """Add the API's routes; those that carry a secret in their path need no bot token."""
        for method, path, handler in self._routes():
            app.router.add_route(method, API + path, self._endpoint(handler, public=path.startswith(PUBLIC)))
        app.router.add_route("*", API + "/{rest:.*}", self._endpoint(_no_such_route))

    def _routes(self) -> list[tuple[str, str, Handler]]:
        return [*self._account_routes(), *self._place_routes(), *self._message_routes(), *self._interaction_routes()]

    def _account_routes(self) -> list[tuple[str, str, Handler]]:
        application, commands = "/applications/{app}", "/applications/{app}/commands"
        in_guild = "/applications/{app}/guilds/{guild}/commands"
        return [
            ("GET", "/users/@me", lambda asked: self.world.account()),
            ("GET", "/users/@me/guilds", lambda asked: [g.payload() for g in self.world.guilds.values() if g.joined]),
            ("DELETE", "/users/@me/guilds/{guild}", self._leave_guild),
            ("POST", "/users/@me/channels", self._open_dm),
            ("GET", "/users/{user}", lambda asked: self._user(asked).payload()),
            ("GET", "/oauth2/applications/@me", lambda asked: self._application()),
            ("GET", "/applications/@me", lambda asked: self._application()),
            ("GET", application, lambda asked: self._application()),
            ("GET", "/gateway", lambda asked: {"url": self._gateway_url}),
            ("GET", "/gateway/bot", lambda asked: self._gateway_bot()),
            *(("GET", path, self._list_commands) for path in (commands, in_guild)),
            *(("PUT", path, self._replace_commands) for path in (commands, in_guild)),
            *(("POST", path, self._add_command) for path in (commands, in_guild)),
            *(("GET", path + "/{command}", self._command) for path in (commands, in_guild)),
            *(("PATCH", path + "/{command}", self._edit_command) for path in (commands, in_guild)),
            *(("DELETE", path + "/{command}", self._delete_command) for path in (commands, in_guild)),
        ]

    def _place_routes(self) -> list[tuple[str, str, Handler]]:
        guild, channel = "/guilds/{guild}", "/channels/{channel}"
        return [
            ("GET", guild, lambda asked: self._guild(asked).payload()),
            ("GET", guild + "/channels", lambda asked: [c.payload() for c in self._guild(asked).channels]),
            ("GET", guild + "/roles", lambda asked: [role.payload() for role in self._guild(asked).roles]),
            ("GET", guild + "/members", self._members),
            ("GET", guild + "/members/search", self._search_members),
            ("GET", guild + "/members/{user}", self._member),
            ("PUT", guild + "/members/{user}/roles/{role}", self._give_role),
            ("DELETE", guild + "/members/{user}/roles/{role}", self._take_role),
            ("GET", guild + "/threads/active", self._active_threads),
            ("GET", channel, lambda asked: self._channel(asked).payload()),
            ("POST", channel + "/typing", self._type),
            ("POST", channel + "/threads", self._start_thread),
            ("POST", channel + "/messages/{message}/threads", self._start_thread),
            ("PUT", channel + "/thread-members/@me", lambda asked: None),
        ]

    def _message_routes(self) -> list[tuple[str, str, Handler]]:
        messages = "/channels/{channel}/messages"
        one = messages + "/{message}"
        return [
            ("GET", messages, self._history),
            ("POST", messages, self._send),
            ("GET", one, lambda asked: self._message(asked).payload()),
            ("PATCH", one, self._edit),
            ("DELETE", one, self._delete),
            ("PUT", one + "/reactions/{emoji}/@me", self._react),
            ("DELETE", one + "/reactions/{emoji}/@me", self._unreact),
        ]

    def _interaction_routes(self) -> list[tuple[str, str, Handler]]:
        hook = "/webhooks/{app}/{token}"
        return [
            ("POST", "/interactions/{interaction}/{token}/callback", self._callback),
            ("POST", hook, self._follow_up),
            ("GET", hook + "/messages/{message}", lambda asked: self._answered(asked).payload()),
            ("PATCH", hook + "/messages/{message}", self._edit_answer),
            ("DELETE", hook + "/messages/{message}", self._delete_answer),
        ]

    def _endpoint(
        self, handler: Handler, *, public: bool = False
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            path = request.path.removeprefix(API)
            call = Call(request.method, path, dict(request.query))
            self.calls.append(call)
            response = await self._respond(request, call, handler, public=public)
            call.status = response.status
            self.world.changes.notify()
            return response

        return respond

    async def _respond(self, request: web.Request, call: Call, handler: Handler, *, public: bool) -> web.Response:
        try:
            call.body, call.files = await _read(request)
            if fault := self._fault_for(call):
                return _json(fault.body, fault.status, fault.headers)
            if not public and request.headers.get("Authorization") != f"Bot {self._bot_token}":
                raise ApiError(*UNAUTHORIZED)
            asked = Asked(dict(request.match_info), call.query, call.body, call.files)
            call.answer = handler(asked)
            return _json(call.answer)
        except ApiError as error:
            return _json(error.body, error.status)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:  # noqa: BLE001 a mistake of the fake must reach the test, not only the bot
            self.errors.append(f"{call.method} {call.path}\n{traceback.format_exc()}")
            return _json({"message": "The fake failed", "code": 0}, 501)

    def _fault_for(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if fault.left and fault.route in f"{call.method} {call.path}":
                fault.left -= 1
                return fault
        return None

    # The bot itself

    @property
    def _gateway_url(self) -> str:
        return f"{self.world.origin.replace('http', 'ws', 1)}/gateway"

    def _gateway_bot(self) -> Json:
        limits = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
        return {"url": self._gateway_url, "shards": 1, "session_start_limit": limits}

    def _application(self) -> Json:
        me = self.world.me
        owner = next((user for user in self.world.users.values() if not user.bot), me)
        flags = application_flags(self._disallowed_intents)
        return {
            "id": str(me.id),
            "name": me.name,
            "icon": None,
            "description": "",
            "summary": "",
            "type": None,
            "bot": me.payload(),
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": owner.payload(),
            "team": None,
            "verify_key": "0" * 64,
            "flags": flags,
            "approximate_guild_count": len(self.world.guilds),
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "flags_new": str(flags),
            "explicit_content_filter": 0,
            "eligible_oauth2_scopes": ["bot", "applications.commands"],
            "role_connections_verification_url": None,
            "interactions_endpoint_url": None,
            "redirect_uris": [],
            "integration_types_config": {"0": {}},
        }

    def _user(self, asked: Asked) -> User:
        user = self.world.users.get(asked.snowflake("user"))
        if user is None:
            raise ApiError(*UNKNOWN_USER)
        return user

    def _leave_guild(self, asked: Asked) -> None:
        self.world.leave(self._guild(asked))

    def _open_dm(self, asked: Asked) -> Json:
        user = self.world.users.get(int(asked.fields.get("recipient_id", 0)))
        if user is None:
            raise ApiError(*UNKNOWN_USER)
        return self.world.dm(user).payload()

    # Commands

    def _scope(self, asked: Asked) -> list[Json]:
        if asked.snowflake("app") != self.world.me.id:
            raise ApiError(*MISSING_ACCESS)
        guild_id = self._guild(asked).id if "guild" in asked.match else 0
        return self.commands.setdefault(guild_id, [])

    def _list_commands(self, asked: Asked) -> list[Json]:
        return self._scope(asked)

    def _replace_commands(self, asked: Asked) -> list[Json]:
        scope = self._scope(asked)
        check_commands(asked.body or [])
        known = {(command["type"], command["name"]): command["id"] for command in scope}
        scope[:] = [self._stored(command, asked, known) for command in asked.body or []]
        self.synced = True
        return scope

    def _add_command(self, asked: Asked) -> Json:
        scope = self._scope(asked)
        key = (asked.fields.get("type", 1), asked.fields.get("name"))
        others = [command for command in scope if (command["type"], command["name"]) != key]
        check_commands([*others, asked.fields])
        known = {(command["type"], command["name"]): command["id"] for command in scope}
        added = self._stored(asked.fields, asked, known)
        scope[:] = [*others, added]
        self.synced = True
        return added

    def _stored(self, command: Json, asked: Asked, known: dict[tuple[int, str], str]) -> Json:
        kind = command.get("type") or 1
        permissions = command.get("default_member_permissions")
        stored: Json = {
            **command,
            "id": known.get((kind, command["name"])) or str(self.world.clock.snowflake()),
            "application_id": str(self.world.me.id),
            "type": kind,
            "description": command.get("description") or "",
            "version": str(self.world.clock.snowflake()),
            "default_member_permissions": None if permissions is None else str(permissions),
            "nsfw": bool(command.get("nsfw")),
            "integration_types": command.get("integration_types") or [0],
        }
        return stored | ({"guild_id": asked.match["guild"]} if "guild" in asked.match else {})

    def _command(self, asked: Asked) -> Json:
        for command in self._scope(asked):
            if command["id"] == asked.match["command"]:
                return command
        raise ApiError(*UNKNOWN_COMMAND)

    def _edit_command(self, asked: Asked) -> Json:
        command, scope = self._command(asked), self._scope(asked)
        check_commands([entry for entry in scope if entry is not command] + [command | asked.fields])
        command.update(asked.fields)
        return command

    def _delete_command(self, asked: Asked) -> None:
        self._scope(asked).remove(self._command(asked))

    # Places and people

    def _guild(self, asked: Asked) -> Guild:
        guild = self.world.guilds.get(asked.snowflake("guild"))
        if guild is None:
            raise ApiError(*UNKNOWN_GUILD)
        if not guild.joined:
            raise ApiError(*MISSING_ACCESS)
        return guild

    def _member(self, asked: Asked) -> Json:
        return self._who(asked).payload()

    def _who(self, asked: Asked) -> Member:
        member = self._guild(asked).members.get(asked.snowflake("user"))
        if member is None:
            raise ApiError(*UNKNOWN_MEMBER)
        return member

    def _give_role(self, asked: Asked) -> None:
        member, role = self._role_of(asked)
        if role not in member.roles:
            member.roles.append(role)

    def _take_role(self, asked: Asked) -> None:
        member, role = self._role_of(asked)
        if role in member.roles:
            member.roles.remove(role)

    def _role_of(self, asked: Asked) -> tuple[Member, Role]:
        guild = self._guild(asked)
        role = next((role for role in guild.roles if role.id == asked.snowflake("role")), None)
        if role is None:
            raise ApiError(*UNKNOWN_ROLE)
        member = self._who(asked)
        if not guild.members[self.world.me.id].may_give(role):
            raise ApiError(*MISSING_PERMISSIONS)
        return member, role

    def _members(self, asked: Asked) -> list[Json]:
        after, limit = int(asked.query.get("after", 0)), int(asked.query.get("limit", 1))
        found = [member for _, member in sorted(self._guild(asked).members.items()) if member.user.id > after]
        return [member.payload() for member in found[:limit]]

    def _search_members(self, asked: Asked) -> list[Json]:
        start = asked.query.get("query", "").lower()
        found = [m for m in self._guild(asked).members.values() if (m.nick or m.user.name).lower().startswith(start)]
        return [member.payload() for member in found[: int(asked.query.get("limit", 1))]]

    def _active_threads(self, asked: Asked) -> Json:
        threads = [thread for channel in self._guild(asked).channels for thread in channel.threads]
        return {"threads": [thread.payload() for thread in threads], "members": []}

    def _channel(self, asked: Asked, *, writing: bool = False) -> Channel:
        channel = self.world.channels.get(asked.snowflake("channel"))
        if channel is None:
            raise ApiError(*UNKNOWN_CHANNEL)
        allowed = channel.permissions_of(self.world.me)
        if not allowed & VIEW_CHANNEL:
            raise ApiError(*MISSING_ACCESS)
        if writing and not allowed & SEND_MESSAGES:
            raise ApiError(*MISSING_PERMISSIONS)
        if writing and channel.recipient and channel.recipient.closed_dms:
            raise ApiError(*CLOSED_DMS)
        return channel

    def _type(self, asked: Asked) -> None:
        self.typing.append(self._channel(asked, writing=True))

    def _start_thread(self, asked: Asked) -> Json:
        channel = self._channel(asked, writing=True)
        name = str(asked.fields.get("name") or "")
        if not 1 <= len(name) <= 100:
            refuse([("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")])
        return channel.add_thread(name, owner=self.world.me).payload()

    # Messages

    def _message(self, asked: Asked) -> Message:
        channel = self._channel(asked)
        message = _find(channel.messages, asked.snowflake("message"))
        if message is None or message.ephemeral:
            raise ApiError(*UNKNOWN_MESSAGE)
        return message

    def _own_message(self, asked: Asked) -> Message:
        message = self._message(asked)
        if message.author is not self.world.me:
            raise ApiError(*NOT_THE_AUTHOR)
        return message

    def _history(self, asked: Asked) -> list[Json]:
        messages = [message for message in self._channel(asked).messages if not message.ephemeral]
        after, before = int(asked.query.get("after", 0)), int(asked.query.get("before", 1 << 63))
        limit = int(asked.query.get("limit", 50))
        found = [message for message in messages if after < message.id < before]
        page = found[:limit] if "after" in asked.query else found[-limit:]
        return [message.payload() for message in reversed(page)]

    def _send(self, asked: Asked) -> Json:
        channel = self._channel(asked, writing=True)
        check_message(asked.fields, files=len(asked.files))
        message = new_message(channel, self.world.me, asked.fields, asked.files)
        # Discord offers no private messages outside of interactions.
        message.flags &= ~(EPHEMERAL | LOADING)
        self._reply_to(message, asked.fields.get("message_reference"))
        return self.world.post(message).payload()

    def _reply_to(self, message: Message, reference: Json | None) -> None:
        if reference is None:
            return
        message.reference = _find(message.channel.messages, int(reference["message_id"]))
        if message.reference:
            message.kind = 19
        elif reference.get("fail_if_not_exists", True):
            refuse([("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")])

    def _edit(self, asked: Asked) -> Json:
        message = self._own_message(asked)
        check_message(asked.fields, partial=True)
        apply_edit(message, asked.fields, asked.files)
        return message.payload()

    def _delete(self, asked: Asked) -> None:
        self.world.delete(self._own_message(asked))

    def _react(self, asked: Asked) -> None:
        message = self._message(asked)
        if asked.match["emoji"] not in message.reactions:
            message.reactions.append(asked.match["emoji"])

    def _unreact(self, asked: Asked) -> None:
        message = self._message(asked)
        message.reactions = [emoji for emoji in message.reactions if emoji != asked.match["emoji"]]

    # Interactions

    def _callback(self, asked: Asked) -> Json | None:
        interaction = self.interactions.get(asked.snowflake("interaction"))
        if interaction is None or interaction.token != asked.match["token"]:
            raise ApiError(*UNKNOWN_INTERACTION)
        interaction.acknowledge(asked.fields, asked.files)
        if asked.query.get("with_response", "").lower() not in ("1", "true"):
            return None
        return _callback_response(interaction)

    def _interaction(self, asked: Asked) -> Interaction:
        for interaction in self.interactions.values():
            if interaction.token == asked.match["token"]:
                if asked.snowflake("app") != self.world.me.id:
                    raise ApiError(*UNKNOWN_WEBHOOK)
                interaction.require_open()
                return interaction
        raise ApiError(*(UNKNOWN_WEBHOOK if asked.match["token"] else INVALID_WEBHOOK_TOKEN))

    def _follow_up(self, asked: Asked) -> Json:
        return self._interaction(asked).follow_up(asked.fields, asked.files).payload()

    def _answered(self, asked: Asked) -> Message:
        interaction = self._interaction(asked)
        if asked.match["message"] == "@original":
            message = interaction.original
        else:
            every = [interaction.original, *interaction.followups]
            message = _find([m for m in every if m], asked.snowflake("message"))
        if message is None or message.deleted:
            raise ApiError(*UNKNOWN_MESSAGE)
        return message

    def _edit_answer(self, asked: Asked) -> Json:
        message = self._answered(asked)
        check_message(asked.fields, partial=True)
        if message.loading and not (asked.files or any(asked.fields.get(k) for k in SHOWN)):
            raise ApiError(*EMPTY_MESSAGE)
        apply_edit(message, asked.fields, asked.files)
        return message.payload()

    def _delete_answer(self, asked: Asked) -> None:
        self.world.delete(self._answered(asked))


PUBLIC: Final = ("/interactions/", "/webhooks/", "/gateway")
SHOWN: Final = ("content", "embeds", "components", "attachments")


def _find(messages: list[Message], message_id: int) -> Message | None:
    return next((message for message in messages if message.id == message_id), None)


def _callback_response(interaction: Interaction) -> Json:
    message = interaction.original
    shown: Json = {"id": str(interaction.id), "type": interaction.kind}
    response: Json = {"interaction": shown}
    if message:
        shown["response_message_id"] = str(message.id)
        shown["response_message_loading"] = message.loading
        shown["response_message_ephemeral"] = message.ephemeral
        kind = UPDATE if message is interaction.origin else SAY
        response["resource"] = {"type": kind, "message": message.payload()}
    return response


def _no_such_route(asked: Asked) -> Json:
    raise ApiError(*NOT_FOUND)


async def _read(request: web.Request) -> tuple[Any, list[Upload]]:
    """The body and the files of a request, plain JSON or multipart with ``payload_json``."""
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(request)
    text = await request.text()
    try:
        return (json.loads(text) if text else None), []
    except ValueError as error:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from error


async def _read_multipart(request: web.Request) -> tuple[Any, list[Upload]]:
    body: Any = None
    files: list[Upload] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytes(await part.read(decode=True))
        if part.name == "payload_json":
            body = json.loads(content)
        else:
            files.append(Upload(part.filename or part.name or "", content))
    if sum(len(file.content) for file in files) > MAX_UPLOAD_BYTES:
        raise ApiError(*TOO_LARGE)
    return body, files


def _json(body: Answer, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer with exactly ``application/json``, or none at all."""
    sent = {"Via": "1.1 google", **(headers or {})}
    if body is None:
        return web.Response(status=204, headers=sent)
    raw = json.dumps(body).encode()
    return web.Response(status=status, body=raw, headers={**sent, "Content-Type": "application/json"})
