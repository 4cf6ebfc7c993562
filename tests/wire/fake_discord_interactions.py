"""What people do with commands, buttons and modals, and what the bot made of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.wire.fake_discord_rules import (
    ALREADY_ACKNOWLEDGED,
    EMPTY_MESSAGE,
    INVALID_WEBHOOK_TOKEN,
    UNKNOWN_INTERACTION,
    UNKNOWN_WEBHOOK,
    ApiError,
    check_message,
    choice_problems,
    modal_problems,
    refuse,
)
from tests.wire.fake_discord_world import (
    DIRECT,
    EPHEMERAL,
    LOADING,
    MAX_UPLOAD_BYTES,
    Channel,
    Guild,
    Json,
    Message,
    Role,
    Upload,
    User,
    World,
)

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
SAY, DEFER, DEFER_UPDATE, UPDATE, SUGGEST, SHOW_MODAL = 4, 5, 6, 7, 8, 9
ANSWERS_TO: Final = {
    COMMAND: {SAY, DEFER, SHOW_MODAL},
    COMPONENT: {SAY, DEFER, DEFER_UPDATE, UPDATE, SHOW_MODAL},
    AUTOCOMPLETE: {SUGGEST},
    MODAL: {SAY, DEFER, DEFER_UPDATE, UPDATE},
}
ACKNOWLEDGE_WITHIN_S: Final = 3
TOKEN_LIFETIME_S: Final = 15 * 60
TEXT_DISPLAY: Final = 10
STRING_OPTION, INTEGER_OPTION, BOOLEAN_OPTION, USER_OPTION = 3, 4, 5, 6
CHANNEL_OPTION, ROLE_OPTION, NUMBER_OPTION, ATTACHMENT_OPTION = 7, 8, 10, 11

VALUE_TYPES: Final[dict[int, type | tuple[type, ...]]] = {
    STRING_OPTION: str,
    INTEGER_OPTION: int,
    BOOLEAN_OPTION: bool,
    NUMBER_OPTION: (int, float),
}

Value = str | int | float | User | Channel | Role | tuple[str, bytes]
"""What a person may put into an option; a file is its name and its bytes."""


@dataclass(eq=False, slots=True)
class Interaction:
    """A command, click, modal or autocompletion that a person sent.

    ``acknowledged_as`` is the type of the first answer (4 message, 5 "thinking", 6 and 7 updates, 8 suggestions,
    9 modal) or None. ``origin`` is the message that was clicked, ``opener`` what a modal was opened by.
    """

    id: int
    kind: int
    world: World
    user: User
    channel: Channel
    data: Json
    origin: Message | None = None
    opener: "Interaction | None" = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(96))
    born_s: float = 0.0
    acknowledged_as: int | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal_data: Json | None = None
    edits_before: int = 0

    @property
    def messages(self) -> list[Message]:
        """The answer and the messages after it, that still stand."""
        every = ([self.original] if self.original else []) + self.followups
        return [message for message in every if not message.deleted]

    async def acknowledged(self, *, timeout_s: float = 30) -> int:
        """Wait for the first answer and return its type."""
        what = f"the first answer to {self.data}"
        return await self.world.changes.until(lambda: self.acknowledged_as, what, timeout_s)

    async def reply(self, *, timeout_s: float = 30) -> Message:
        """The first message that answers this, once it is there to read (not while "thinking").

        After a click that updates its own message, that message, once updated.
        """
        return await self.world.changes.until(self._answer, f"an answer to {self.data}", timeout_s)

    async def settled(self, predicate: Callable[[Message], bool], *, timeout_s: float = 30) -> Message:
        """The first of ``messages`` that satisfies ``predicate``, which edits may make true."""

        def probe() -> Message | None:
            ready = [message for message in self.messages if not message.loading]
            return next((message for message in ready if predicate(message)), None)

        what = f"the expected answer to {self.data}; it says {[m.content for m in self.messages]}"
        return await self.world.changes.until(probe, what, timeout_s)

    async def modal(self, *, timeout_s: float = 30) -> Json:
        """The modal that this opened: ``custom_id``, ``title``, ``components``."""
        return await self.world.changes.until(lambda: self.modal_data, f"a modal after {self.data}", timeout_s)

    async def suggestions(self, *, timeout_s: float = 30) -> list[Json]:
        """The choices offered while typing, each with ``name`` and ``value``."""
        await self.acknowledged(timeout_s=timeout_s)
        return self.choices or []

    def _answer(self) -> Message | None:
        for message in self.messages:
            touched = message is not self.origin or len(message.edits) > self.edits_before
            if touched and not message.loading:
                return message
        return None

    def acknowledge(self, body: Json, uploads: list[Upload]) -> None:
        """Take the bot's first answer.

        Raises:
            ApiError: 10062 too late, 40060 a second time, 50035 not an answer to this or broken limits.
        """
        if self.world.clock.advanced_s - self.born_s > ACKNOWLEDGE_WITHIN_S:
            raise ApiError(*UNKNOWN_INTERACTION)
        if self.acknowledged_as is not None:
            raise ApiError(*ALREADY_ACKNOWLEDGED)
        kind, data = body.get("type"), body.get("data") or {}
        allowed = ANSWERS_TO[self.kind] - (set() if self.origin else {DEFER_UPDATE, UPDATE})
        if not isinstance(kind, int) or kind not in allowed:
            text = f"Value must be one of {sorted(allowed)}."
            refuse([("type", "BASE_TYPE_CHOICES", text)])
            raise AssertionError("refuse() raises when there is a problem")
        self._carry_out(kind, data, uploads)
        self.acknowledged_as = kind
        self.world.changes.notify()

    def _carry_out(self, kind: int, data: Json, uploads: list[Upload]) -> None:
        if kind == SAY:
            check_message(data, files=len(uploads))
            self.original = self.say(data, uploads)
        elif kind == DEFER:
            self.original = self.say({"flags": LOADING | (int(data.get("flags") or 0) & EPHEMERAL)}, [])
        elif kind in (DEFER_UPDATE, UPDATE):
            self.original = self.origin
            if kind == UPDATE and self.origin:
                check_message(data, partial=True)
                apply_edit(self.origin, data, uploads)
        elif kind == SUGGEST:
            refuse(list(choice_problems(data.get("choices") or [])))
            self.choices = data.get("choices") or []
        else:
            refuse(list(modal_problems(data)))
            self.modal_data = data

    def say(self, body: Json, uploads: list[Upload]) -> Message:
        """Post a message that belongs to this interaction."""
        message = new_message(self.channel, self.world.me, body, uploads)
        message.kind = 20 if self.kind == COMMAND and self.original is None else 19 if self.original else 0
        message.reference = self.original
        message.pings_reply = False
        message.interaction = self.metadata()
        return self.world.post(message)

    def metadata(self) -> Json:
        """What a message tells about the interaction that it answers."""
        shown: Json = {"id": str(self.id), "type": self.kind, "user": self.user.payload()}
        shown["authorizing_integration_owners"] = owners_of(self.channel.guild)
        if self.kind == COMPONENT and self.origin:
            shown["interacted_message_id"] = str(self.origin.id)
        if self.opener:
            shown["triggering_interaction_metadata"] = self.opener.metadata()
        return shown

    def follow_up(self, body: Json, uploads: list[Upload]) -> Message:
        """A further message; while the first one is still "thinking", it takes its place.

        Raises:
            ApiError: the token is too old or nothing was acknowledged yet, or limits are broken.
        """
        self.require_open()
        check_message(body, files=len(uploads))
        if self.original and self.original.loading and not self.original.deleted:
            apply_edit(self.original, body, uploads)
            return self.original
        message = self.say(body, uploads)
        self.followups.append(message)
        return message

    def require_open(self) -> None:
        """Refuse the webhook of an interaction that is unanswered or older than 15 minutes.

        Raises:
            ApiError: 10015 or 50027.
        """
        if self.world.clock.advanced_s - self.born_s > TOKEN_LIFETIME_S:
            raise ApiError(*INVALID_WEBHOOK_TOKEN)
        if self.acknowledged_as is None:
            raise ApiError(*UNKNOWN_WEBHOOK)

    def payload(self) -> Json:
        """INTERACTION_CREATE as the gateway sends it."""
        guild = self.channel.guild
        shown: Json = {
            "id": str(self.id),
            "application_id": str(self.world.me.id),
            "type": self.kind,
            "token": self.token,
            "version": 1,
            "data": self.data,
            "channel_id": str(self.channel.id),
            "channel": self._channel_payload(),
            "app_permissions": str(self.channel.permissions_of(self.world.me)),
            "locale": "en-US",
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": owners_of(guild),
            "context": 0 if guild else 1,
            "attachment_size_limit": MAX_UPLOAD_BYTES,
        }
        if self.origin:
            shown["message"] = self.origin.payload()
        return shown | self._person_payload(guild)

    def _person_payload(self, guild: Guild | None) -> Json:
        if guild is None:
            return {"user": self.user.payload()}
        permissions = str(self.channel.permissions_of(self.user))
        return {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "member": guild.members[self.user.id].payload() | {"permissions": permissions},
        }

    def _channel_payload(self) -> Json:
        shown = self.channel.payload()
        return shown | {"permissions": str(self.channel.permissions_of(self.user))} if self.channel.guild else shown


def owners_of(guild: Guild | None) -> Json:
    """Where the bot is installed: the server, or "0" for a direct conversation."""
    return {"0": str(guild.id) if guild else "0"}


def new_message(channel: Channel, author: User, body: Json, uploads: list[Upload]) -> Message:
    """A message from a request's body, not posted yet."""
    message = Message(channel.world.clock.snowflake(), channel, author)
    message.flags = int(body.get("flags") or 0)
    message.nonce = None if body.get("nonce") is None else str(body["nonce"])
    _fill(message, body, uploads)
    return message


def apply_edit(message: Message, body: Json, uploads: list[Upload]) -> None:
    """Change what the body names, keep the rest, and end "thinking".

    Raises:
        ApiError: 50006, nothing would be left to see.
    """
    before = (message.content, message.embeds, message.components, message.attachments)
    _fill(message, body, uploads)
    if not (message.content or message.embeds or message.components or message.attachments):
        message.content, message.embeds, message.components, message.attachments = before
        raise ApiError(*EMPTY_MESSAGE)
    lasting = message.flags & ~LOADING
    flags = body.get("flags")
    # Who sees a message is settled when it is made; an edit cannot change that.
    message.flags = lasting if flags is None else (lasting & EPHEMERAL) | (int(flags) & ~EPHEMERAL)
    message.channel.world.edited(message)


def _fill(message: Message, body: Json, uploads: list[Upload]) -> None:
    world, place = message.channel.world, f"attachments/{message.channel.id}"
    if "content" in body:
        message.content = (body["content"] or "").strip()
    if "embeds" in body:
        message.embeds = [{"type": "rich", **embed} for embed in body["embeds"] or []]
    if "components" in body:
        message.components = numbered(body["components"] or [])
    if "allowed_mentions" in body:
        message.allowed_mentions = body["allowed_mentions"]
    named = body.get("attachments")
    if named is not None:
        kept = {str(entry["id"]) for entry in named}
        message.attachments = [file for file in message.attachments if str(file.id) in kept]
    texts = {str(entry["id"]): entry.get("description") for entry in named or []}
    for index, upload in enumerate(uploads):
        message.attachments.append(world.attach(upload, place, description=texts.get(str(index))))


def numbered(components: list[Json]) -> list[Json]:
    """Give every component the number that Discord gives it."""
    count = 0

    def number(part: Json) -> Json:
        nonlocal count
        count += 1
        shown = {"id": count, **part}
        if "components" in part:
            shown["components"] = [number(inner) for inner in part["components"]]
        for key in ("accessory", "component"):
            if part.get(key):
                shown[key] = number(part[key])
        return shown

    return [number(part) for part in components]


class CommandLine:
    """Turns what a person fills in into the options of a registered command, as Discord's own window does."""

    def __init__(self, world: World, guild: Guild | None, command: Json) -> None:
        self._world = world
        self._guild = guild
        self._command = command
        self._resolved: Json = {}

    def data(self, path: list[str], values: dict[str, Value], *, focused: str | None = None) -> Json:
        """The ``data`` of INTERACTION_CREATE.

        Raises:
            AssertionError: Discord's window would not have let a person send this.
        """
        options, wrappers = self._command.get("options") or [], []
        for name in path:
            part = next((entry for entry in options if entry["name"] == name and entry["type"] in (1, 2)), None)
            assert part, f"/{self._command['name']} has no subcommand {name!r}"
            wrappers.append(part)
            options = part.get("options") or []
        filled = self._options(options, values, focused)
        for wrapper in reversed(wrappers):
            filled = [{"name": wrapper["name"], "type": wrapper["type"], "options": filled}]
        shown: Json = {"id": self._command["id"], "name": self._command["name"], "type": 1, "options": filled}
        if self._resolved:
            shown["resolved"] = self._resolved
        if self._command.get("guild_id"):
            shown["guild_id"] = self._command["guild_id"]
        return shown

    def _options(self, offered: list[Json], values: dict[str, Value], focused: str | None) -> list[Json]:
        by_name = {option["name"]: option for option in offered}
        unknown = set(values) - set(by_name)
        assert not unknown, f"/{self._command['name']} has no option {sorted(unknown)}; it has {sorted(by_name)}"
        needed = {option["name"] for option in offered if option.get("required")}
        missing = needed - set(values)
        assert focused or not missing, f"/{self._command['name']} needs {sorted(missing)}"
        return [self._option(by_name[name], value, name == focused) for name, value in values.items()]

    def _option(self, option: Json, value: Value, focused: bool) -> Json:
        shown: Json = {"name": option["name"], "type": option["type"]}
        if focused:
            return shown | {"value": str(value), "focused": True}
        if option["type"] in (USER_OPTION, CHANNEL_OPTION, ROLE_OPTION, ATTACHMENT_OPTION):
            return shown | {"value": self._resolve(option, value)}
        _check_value(option, value)
        return shown | {"value": value}

    def _resolve(self, option: Json, value: Value) -> str:
        if isinstance(value, User):
            self._add("users", value.id, value.payload())
            if self._guild and value.id in self._guild.members:
                member = self._guild.members[value.id]
                shown = member.payload(with_user=False) | {"permissions": str(member.permissions)}
                self._add("members", value.id, shown)
        elif isinstance(value, Channel):
            self._add("channels", value.id, value.payload() | {"permissions": "0"})
        elif isinstance(value, Role):
            self._add("roles", value.id, value.payload())
        else:
            return self._upload(option, value)
        return str(value.id)

    def _upload(self, option: Json, value: Value) -> str:
        assert isinstance(value, tuple), f"option {option['name']!r} takes (filename, bytes), not {value!r}"
        file = self._world.attach(Upload(*value), f"ephemeral-attachments/{self._world.me.id}")
        self._add("attachments", file.id, file.payload(self._world, ephemeral=True))
        return str(file.id)

    def _add(self, kind: str, key: int, payload: Json) -> None:
        self._resolved.setdefault(kind, {})[str(key)] = payload


def _check_value(option: Json, value: Value) -> None:
    name = option["name"]
    assert isinstance(value, VALUE_TYPES[option["type"]]), f"option {name!r} does not take {value!r}"
    choices = [choice["value"] for choice in option.get("choices") or []]
    assert not choices or value in choices, f"option {name!r} offers {choices}, not {value!r}"
    if isinstance(value, str):
        longest = option.get("max_length") or 6000
        assert (option.get("min_length") or 0) <= len(value) <= longest, f"option {name!r}: length of {value!r}"
    elif isinstance(value, int | float):
        low, high = option.get("min_value"), option.get("max_value")
        assert low is None or value >= low, f"option {name!r} starts at {low}"
        assert high is None or value <= high, f"option {name!r} ends at {high}"


def offered_to(command: Json, user: User, channel: Channel) -> bool:
    """Whether Discord's window shows a command to this person in this place."""
    context = 0 if channel.kind != DIRECT else 1
    contexts = command.get("contexts")
    if contexts is not None and context not in contexts:
        return False
    if channel.guild is None:
        return command.get("dm_permission") is not False
    needed = command.get("default_member_permissions")
    if needed is None or command["name"] in channel.guild.allowed_commands:
        return True
    return int(needed) & ~channel.permissions_of(user) == 0


def form_values(modal: Json, texts: dict[str, str | list[str]]) -> list[Json]:
    """A filled-in modal: ``texts`` by custom id or label.

    Raises:
        AssertionError: a field is unknown, missing or too long.
    """
    left = dict(texts)
    rows = [_filled_row(row, left) for row in modal["components"] if row["type"] != TEXT_DISPLAY]
    assert not left, f"the modal has no field {sorted(left)}"
    return rows


def _filled_row(row: Json, left: dict[str, str | list[str]]) -> Json:
    inner = row.get("component") or row["components"][0]
    label = row.get("label") or inner.get("label")
    key = next((name for name in (inner["custom_id"], label) if name in left), None)
    value = left.pop(key) if key is not None else inner.get("value") or ""
    assert value or inner.get("required") is False, f"the modal's field {label!r} is required"
    shown: Json = {"type": inner["type"], "custom_id": inner["custom_id"]}
    if isinstance(value, str):
        assert len(value) <= (inner.get("max_length") or 4000), f"the modal's field {label!r} is shorter"
        shown["value"] = value
    else:
        shown["values"] = list(value)
    return (
        {"type": row["type"], "component": shown}
        if "component" in row
        else {"type": row["type"], "components": [shown]}
    )
