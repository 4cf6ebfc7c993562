"""People, servers, channels and messages of the fake Discord, and how each looks on the wire."""

import hashlib
import hmac
import mimetypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tests.wire.fake_discord_time import Changes, Clock, created_s

Json = dict[str, Any]

MONTH_S: Final = 30 * 24 * 3600
LINK_LIFETIME_S: Final = 24 * 3600
MAX_UPLOAD_BYTES: Final = 10 * 1024 * 1024

TEXT, DIRECT, PUBLIC_THREAD = 0, 1, 11
FORWARD: Final = 1
EPHEMERAL, LOADING, SUPPRESS_EMBEDS, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 2, 1 << 15

ADMINISTRATOR: Final = 1 << 3
MANAGE_GUILD: Final = 1 << 5
VIEW_CHANNEL: Final = 1 << 10
SEND_MESSAGES: Final = 1 << 11
MANAGE_ROLES: Final = 1 << 28
MENTION_EVERYONE: Final = 1 << 17
ALL_PERMISSIONS: Final = (1 << 53) - 1
# What a new server grants @everyone: read, write, embed, attach, react, history, threads, commands.
EVERYONE: Final = 0x0004_0000_0000 | 0x0040_8000_0000 | (1 << 6) | VIEW_CHANNEL | SEND_MESSAGES | 0x0001_C000


class Upload(NamedTuple):
    """A file as it was sent."""

    filename: str
    content: bytes


@dataclass(eq=False, slots=True)
class User:
    """A person or a bot; ``closed_dms`` makes Discord refuse direct messages to them."""

    id: int
    name: str
    bot: bool = False
    closed_dms: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def payload(self) -> Json:
        return {
            "id": str(self.id),
            "username": self.name if self.bot else self.name.lower().replace(" ", "_"),
            "global_name": None if self.bot else self.name,
            "discriminator": "4242" if self.bot else "0",
            "avatar": None,
            "avatar_decoration_data": None,
            "banner": None,
            "accent_color": None,
            "primary_guild": None,
            "collectibles": None,
            "bot": self.bot,
            "system": False,
            "public_flags": 0,
            "flags": 0,
        }


@dataclass(eq=False, slots=True)
class Role:
    """A role of a server; ``permissions`` is Discord's bit set."""

    id: int
    name: str
    permissions: int
    position: int

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"

    def payload(self) -> Json:
        return {
            "id": str(self.id),
            "name": self.name,
            "description": None,
            "permissions": str(self.permissions),
            "position": self.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "icon": None,
            "unicode_emoji": None,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }


@dataclass(eq=False, slots=True)
class Attachment:
    """A file on the fake CDN; its link is signed anew whenever it is shown, as Discord does."""

    id: int
    path: str
    filename: str
    content: bytes
    description: str | None = None
    content_type: str | None = None

    def payload(self, world: "World", *, ephemeral: bool = False) -> Json:
        url = world.signed_url(self.path)
        shown: Json = {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.content),
            "url": url,
            "proxy_url": url,
        }
        if self.content_type:
            shown["content_type"] = self.content_type
        if self.description:
            shown["description"] = self.description
        if ephemeral:
            shown["ephemeral"] = True
        return shown


@dataclass(eq=False, slots=True)
class Member:
    """A person in a server."""

    user: User
    guild: "Guild"
    roles: list[Role]
    joined_s: float
    nick: str | None = None

    @property
    def permissions(self) -> int:
        """Discord's permission bits; the owner and administrators may do everything."""
        if self.guild.owner is self.user:
            return ALL_PERMISSIONS
        bits = self.guild.everyone.permissions
        for role in self.roles:
            bits |= role.permissions
        return ALL_PERMISSIONS if bits & ADMINISTRATOR else bits

    def may_give(self, role: Role) -> bool:
        """Whether this member may give and take a role: with the permission, and only one below their own highest."""
        highest = max((held.position for held in self.roles), default=0)
        owner = self.guild.owner is self.user
        return owner or (bool(self.permissions & MANAGE_ROLES) and 0 < role.position < highest)

    def payload(self, *, with_user: bool = True) -> Json:
        shown: Json = {
            "nick": self.nick,
            "avatar": None,
            "banner": None,
            "roles": [str(role.id) for role in self.roles],
            "joined_at": self.guild.world.clock.iso(self.joined_s),
            "premium_since": None,
            "communication_disabled_until": None,
            "pending": False,
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        return shown | {"user": self.user.payload()} if with_user else shown


@dataclass(eq=False, slots=True)
class Message:
    """A message as people see it now; ``edits`` holds the content after each edit, oldest first."""

    id: int
    channel: "Channel"
    author: User
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    kind: int = 0
    reference: "Message | None" = None
    forwarded: "Message | None" = None
    pings_reply: bool = True
    allowed_mentions: Json | None = None
    interaction: Json | None = None
    nonce: str | None = None
    edits: list[str] = field(default_factory=list)
    edited_s: float | None = None
    reactions: list[str] = field(default_factory=list)
    deleted: bool = False

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """True while Discord shows "thinking"."""
        return bool(self.flags & LOADING)

    @property
    def suppresses_embeds(self) -> bool:
        return bool(self.flags & SUPPRESS_EMBEDS)

    @property
    def buttons(self) -> list[Json]:
        """Every button, also inside sections and containers, top to bottom."""
        return [part for part in flatten(self.components) if part["type"] == 2]

    @property
    def mentions(self) -> list[User]:
        """The people whom this message notifies, by its content and ``allowed_mentions``."""
        world, allowed = self.channel.world, self.allowed_mentions
        users = [user for user in world.users.values() if _names(self.content, user)]
        if allowed is not None and "users" not in allowed.get("parse", []):
            named = {int(user_id) for user_id in allowed.get("users", [])}
            users = [user for user in users if user.id in named]
        if self.reference and self._pings_author() and self.reference.author not in users:
            users.append(self.reference.author)
        return users

    @property
    def mention_everyone(self) -> bool:
        """Whether everybody in the channel is notified."""
        allowed = self.allowed_mentions is None or "everyone" in self.allowed_mentions.get("parse", [])
        says_so = "@everyone" in self.content or "@here" in self.content
        return allowed and says_so and bool(self.channel.permissions_of(self.author) & MENTION_EVERYONE)

    def component(self, key: str) -> Json:
        """The interactive component with this custom id or label.

        Raises:
            AssertionError: there is none; lists those that are.
        """
        parts = [part for part in flatten(self.components) if "custom_id" in part]
        for part in parts:
            if key in (part["custom_id"], part.get("label")):
                return part
        known = [(part["custom_id"], part.get("label")) for part in parts]
        raise AssertionError(f"no component {key!r} in {self.content!r}; it has {known}")

    def _pings_author(self) -> bool:
        if self.allowed_mentions is None:
            return self.pings_reply
        return bool(self.allowed_mentions.get("replied_user", False))

    def payload(self, *, content_hidden: bool = False, nested: bool = False, references_hidden: bool = False) -> Json:
        world = self.channel.world
        shown: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.kind,
            "author": self.author.payload(),
            "content": "" if content_hidden else self.content,
            "timestamp": world.clock.iso(created_s(self.id)),
            "edited_timestamp": None if self.edited_s is None else world.clock.iso(self.edited_s),
            "tts": False,
            "mention_everyone": self.mention_everyone,
            "mentions": [user.payload() for user in self.mentions],
            "mention_roles": [],
            "attachments": []
            if content_hidden
            else [file.payload(world, ephemeral=self.ephemeral) for file in self.attachments],
            "embeds": [] if content_hidden else self.embeds,
            "components": [] if content_hidden else self.components,
            "pinned": False,
            "flags": self.flags,
        }
        return shown | self._optional_fields(nested=nested, hidden=references_hidden)

    def _optional_fields(self, *, nested: bool, hidden: bool) -> Json:
        shown: Json = {}
        if self.nonce is not None:
            shown["nonce"] = self.nonce
        if self.interaction:
            shown |= {"interaction_metadata": self.interaction, "application_id": str(self.channel.world.me.id)}
            shown["webhook_id"] = str(self.channel.world.me.id)
        if self.forwarded:
            shown["message_reference"] = self.forwarded.as_reference() | {"type": FORWARD}
            shown["message_snapshots"] = [{"message": self.forwarded.snapshot()}]
        if self.reference:
            shown["message_reference"] = self.reference.as_reference()
            if not nested:
                gone = self.reference.deleted
                # Of a message that is not meant for the bot a reply shows no more than the message itself did.
                shown["referenced_message"] = (
                    None
                    if gone
                    else self.reference.payload(nested=True, content_hidden=hidden and not self.reference.for_bot)
                )
        return shown

    @property
    def for_bot(self) -> bool:
        """Whether the bot may read it without the intent for message content."""
        me = self.channel.world.me
        return self.channel.guild is None or self.author is me or me in self.mentions

    def snapshot(self) -> Json:
        """What a forward of it shows: no author, and no way back."""
        kept = ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "mentions")
        whole = self.payload(nested=True)
        return {name: whole[name] for name in (*kept, "mention_roles", "components")}

    def as_reference(self) -> Json:
        """How a reply points at this message."""
        shown: Json = {"type": 0, "message_id": str(self.id), "channel_id": str(self.channel.id)}
        return shown | ({"guild_id": str(self.channel.guild.id)} if self.channel.guild else {})


@dataclass(eq=False, slots=True)
class Channel:
    """A text channel, thread or direct conversation.

    ``readable`` and ``writable`` say what the bot may do here; its refusals are 50001 and 50013.
    """

    id: int
    world: "World"
    name: str
    kind: int = TEXT
    guild: "Guild | None" = None
    recipient: User | None = None
    parent: "Channel | None" = None
    owner: User | None = None
    readable: bool = True
    writable: bool = True
    everything: list[Message] = field(default_factory=list)
    threads: list["Channel"] = field(default_factory=list)

    @property
    def messages(self) -> list[Message]:
        """What stands here now, oldest first, with answers that only one person sees."""
        return [message for message in self.everything if not message.deleted]

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    async def next_message(
        self,
        *,
        after: Message | None = None,
        predicate: Callable[[Message], bool] = lambda message: True,
        timeout_s: float = 30,
    ) -> Message:
        """The bot's first message here after ``after`` that satisfies ``predicate``; waits for it."""

        def probe() -> Message | None:
            for message in self.messages:
                newer = after is None or message.id > after.id
                if newer and message.author is self.world.me and not message.loading and predicate(message):
                    return message
            return None

        said = [message.content for message in self.messages]
        what = f"the bot's message in {self.name}; before, there were {said}"
        return await self.world.changes.until(probe, what, timeout_s)

    def add_thread(self, name: str, *, owner: User | None = None) -> "Channel":
        """Open a public thread below this channel."""
        assert self.guild, "threads live in servers"
        opener = owner or self.guild.owner
        thread = Channel(
            self.world.clock.snowflake(), self.world, name, PUBLIC_THREAD, self.guild, None, self, opener
        )
        self.threads.append(thread)
        self.world.channels[thread.id] = thread
        self.world.emit("THREAD_CREATE", thread.payload() | {"newly_created": True}, self.guild)
        return thread

    def permissions_of(self, user: User) -> int:
        """Discord's permission bits of ``user`` here."""
        if self.guild is None:
            return EVERYONE
        bits = self.guild.members[user.id].permissions if user.id in self.guild.members else 0
        place = self.parent or self
        if user is self.world.me:
            bits &= ~(0 if place.readable else VIEW_CHANNEL)
            bits &= ~(0 if place.writable else SEND_MESSAGES)
        return bits

    def payload(self) -> Json:
        last = str(self.everything[-1].id) if self.everything else None
        shown: Json = {"id": str(self.id), "type": self.kind, "flags": 0, "last_message_id": last}
        if self.recipient:
            return shown | {"recipients": [self.recipient.payload()]}
        assert self.guild, "only direct conversations have no server"
        shown |= {"guild_id": str(self.guild.id), "name": self.name, "rate_limit_per_user": 0}
        return shown | (self._thread_fields() if self.parent else self._text_fields())

    def _text_fields(self) -> Json:
        denied = (0 if self.readable else VIEW_CHANNEL) | (0 if self.writable else SEND_MESSAGES)
        overwrite: Json = {"id": str(self.world.me.id), "type": 1, "allow": "0", "deny": str(denied)}
        return {
            "position": 0,
            "topic": None,
            "nsfw": False,
            "parent_id": None,
            "permission_overwrites": [overwrite] if denied else [],
        }

    def _thread_fields(self) -> Json:
        assert self.parent, "a thread has a parent"
        assert self.owner, "a thread has an owner"
        created = self.world.clock.iso(created_s(self.id))
        return {
            "parent_id": str(self.parent.id),
            "owner_id": str(self.owner.id),
            "message_count": len(self.messages),
            "member_count": 1,
            "total_message_sent": len(self.everything),
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": created,
                "locked": False,
                "create_timestamp": created,
            },
        }


@dataclass(eq=False, slots=True)
class Guild:
    """A server. ``general`` is its first channel; ``allowed_commands`` are open to all by its own settings."""

    id: int
    world: "World"
    name: str
    owner: User
    joined: bool
    everyone: Role
    roles: list[Role] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    allowed_commands: set[str] = field(default_factory=set)

    @property
    def general(self) -> Channel:
        return self.channels[0]

    def add_channel(self, name: str, *, readable: bool = True, writable: bool = True) -> Channel:
        """Add a text channel and say what the bot may do in it."""
        channel = Channel(
            self.world.clock.snowflake(), self.world, name, guild=self, readable=readable, writable=writable
        )
        self.channels.append(channel)
        self.world.channels[channel.id] = channel
        self.world.emit("CHANNEL_CREATE", channel.payload(), self)
        return channel

    def add_role(self, name: str, *, permissions: int = 0) -> Role:
        """Add a role; ``permissions`` are Discord's bits."""
        role = Role(self.world.clock.snowflake(), name, permissions, len(self.roles))
        self.roles.append(role)
        self.world.emit("GUILD_ROLE_CREATE", {"guild_id": str(self.id), "role": role.payload()}, self)
        return role

    def remove_role(self, role: Role) -> None:
        """Delete a role, from everybody who has it too."""
        self.roles.remove(role)
        for member in self.members.values():
            member.roles = [held for held in member.roles if held is not role]
        self.world.emit("GUILD_ROLE_DELETE", {"guild_id": str(self.id), "role_id": str(role.id)}, self)

    def let_manage_roles(self) -> Role:
        """Give the bot a role of its own that may manage those below it; roles that are added later are above."""
        own = self.add_role("bot", permissions=MANAGE_ROLES)
        self.members[self.world.me.id].roles.append(own)
        return own

    def add_member(
        self, user: User, *, roles: Iterable[Role] = (), manage_guild: bool = False, nick: str | None = None
    ) -> Member:
        """Let a person in; ``manage_guild`` gives them a role of their own with that permission."""
        held = list(roles)
        if manage_guild:
            held.append(self.add_role(f"manager {user.name}", permissions=MANAGE_GUILD))
        member = self.members[user.id] = Member(user, self, held, self.world.clock.now_s, nick)
        self.world.emit("GUILD_MEMBER_ADD", member.payload() | {"guild_id": str(self.id)}, self)
        return member

    def payload(self) -> Json:
        """The server as REST shows it."""
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "icon": None,
            "splash": None,
            "discovery_splash": None,
            "banner": None,
            "description": None,
            "afk_channel_id": None,
            "afk_timeout": 300,
            "application_id": None,
            "verification_level": 0,
            "default_message_notifications": 1,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "nsfw": False,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "premium_progress_bar_enabled": False,
            "preferred_locale": "en-US",
            "features": [],
            "emojis": [],
            "stickers": [],
            "roles": [role.payload() for role in self.roles],
            "system_channel_id": str(self.general.id),
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "public_updates_channel_id": None,
            "safety_alerts_channel_id": None,
            "vanity_url_code": None,
            "widget_enabled": False,
            "widget_channel_id": None,
            "max_members": 500_000,
            "max_presences": None,
            "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50,
        }

    def gateway_payload(self, *, all_members: bool) -> Json:
        """The server as GUILD_CREATE shows it; without the members intent only the bot's own membership."""
        members = self.members.values() if all_members else [self.members[self.world.me.id]]
        return self.payload() | {
            "joined_at": self.world.clock.iso(self.members[self.world.me.id].joined_s),
            "large": False,
            "member_count": len(self.members),
            "members": [member.payload() for member in members],
            "channels": [channel.payload() for channel in self.channels],
            "threads": [thread.payload() for channel in self.channels for thread in channel.threads],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }


class World:
    """Everything the fake knows; the gateway replaces ``emit`` to tell the bot about it."""

    def __init__(self, bot_name: str) -> None:
        self.clock = Clock()
        self.changes = Changes()
        self.origin = ""
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.files: dict[str, Attachment] = {}
        self.me = self.add_user(bot_name, bot=True)
        self.emit: Callable[[str, Json, Guild | None], None] = lambda event, payload, guild: None

    def account(self) -> Json:
        """The bot's account as it sees itself."""
        return self.me.payload() | {"verified": True, "mfa_enabled": True, "email": None, "locale": "en-US"}

    def add_user(self, name: str, *, bot: bool = False) -> User:
        """Add a person; nobody shares a server with them yet."""
        user = User(self.clock.snowflake(), name, bot)
        self.users[user.id] = user
        return user

    def add_guild(self, name: str, *, owner: User, joined: bool = True) -> Guild:
        """Add a server with its owner and the channel "general"; the bot is in it, for long, when ``joined``."""
        guild_id = self.clock.snowflake()
        everyone = Role(guild_id, "@everyone", EVERYONE, 0)
        guild = Guild(guild_id, self, name, owner, False, everyone, [everyone])
        guild.add_channel("general")
        guild.add_member(owner)
        self.guilds[guild_id] = guild
        if joined:
            self.join(guild)
            guild.members[self.me.id].joined_s -= MONTH_S
        return guild

    def join(self, guild: Guild) -> None:
        """Invite the bot in."""
        guild.add_member(self.me)
        guild.joined = True
        self.emit("GUILD_CREATE", {"id": str(guild.id)}, guild)

    def leave(self, guild: Guild) -> None:
        """Throw the bot out."""
        self.emit("GUILD_DELETE", {"id": str(guild.id)}, guild)
        guild.joined = False
        del guild.members[self.me.id]

    def dm(self, user: User) -> Channel:
        """The direct conversation between ``user`` and the bot."""
        for channel in self.channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(self.clock.snowflake(), self, f"dm with {user.name}", DIRECT, recipient=user)
        self.channels[channel.id] = channel
        return channel

    def post(self, message: Message) -> Message:
        """Put a message into its channel and tell the bot, unless only one person may see it."""
        message.channel.everything.append(message)
        if not message.ephemeral:
            self.emit("MESSAGE_CREATE", {"message": message}, message.channel.guild)
        self.changes.notify()
        return message

    def edited(self, message: Message) -> None:
        """Record that a message has a new version and tell the bot."""
        message.edits.append(message.content)
        message.edited_s = self.clock.now_s
        if not message.ephemeral:
            self.emit("MESSAGE_UPDATE", {"message": message}, message.channel.guild)
        self.changes.notify()

    def delete(self, message: Message) -> None:
        """Remove a message and tell the bot."""
        message.deleted = True
        gone: Json = {"id": str(message.id), "channel_id": str(message.channel.id)}
        if message.channel.guild:
            gone["guild_id"] = str(message.channel.guild.id)
        if not message.ephemeral:
            self.emit("MESSAGE_DELETE", gone, message.channel.guild)
        self.changes.notify()

    def attach(self, upload: Upload, place: str, *, description: str | None = None) -> Attachment:
        """Put a file on the CDN below ``place``."""
        file_id = self.clock.snowflake()
        path = f"/{place}/{file_id}/{quote(upload.filename)}"
        content_type = mimetypes.guess_type(upload.filename)[0]
        file = Attachment(file_id, path, upload.filename, upload.content, description, content_type)
        self.files[path] = file
        return file

    def signed_url(self, path: str) -> str:
        """A link to ``path`` that is good for a day by the fake's clock."""
        issued = int(self.clock.now_s)
        expires = issued + LINK_LIFETIME_S
        return f"{self.origin}{path}?ex={expires:x}&is={issued:x}&hm={_signature(path, expires, issued)}&"

    def link_is_good(self, path: str, query: Json) -> bool:
        """Whether a signed link is whole and has not expired."""
        try:
            expires, issued = int(query.get("ex", ""), 16), int(query.get("is", ""), 16)
        except ValueError:
            return False
        signed = hmac.compare_digest(query.get("hm", ""), _signature(path, expires, issued))
        return signed and self.clock.now_s < expires


def flatten(components: Sequence[Json]) -> list[Json]:
    """Every component of a message or modal with those inside it, in reading order."""
    found: list[Json] = []
    for part in components:
        found.append(part)
        inner = [part[key] for key in ("component", "accessory") if part.get(key)]
        found += flatten([*part.get("components", []), *inner])
    return found


def _names(content: str, user: User) -> bool:
    return user.mention in content or f"<@!{user.id}>" in content


def _signature(path: str, expires: int, issued: int) -> str:
    signed = f"{path}|{expires:x}|{issued:x}".encode()
    return hmac.new(b"the fake's own secret", signed, hashlib.sha256).hexdigest()
