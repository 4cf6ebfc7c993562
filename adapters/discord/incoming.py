"""What happened on Discord, in the words of the conversation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import discord

from adapters.discord.failures import UNREACHABLE
from core.conversation import Attachment, Command, Person, Place, Request, Role, Value
from core.errors import ProviderBusy, ProviderError, UploadRefused
from core.library.saving import PIECE_BYTES, Pieces, save_pieces
from core.sent_files import may_be_a_source

PLATFORM: Final = "discord"
ASK: Final = "ask"
MEMBER_OPTION, ROLE_OPTION, FILE_OPTION = 6, 8, 11
GONE: Final = (403, 404)
QUIET: Final = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Typing:
    """An option that is being filled in."""

    parameter: str
    text: str


def command_request(interaction: discord.Interaction, files: "Files") -> Request:
    """A slash command with its options."""
    data = _data(interaction)
    found = {option["name"]: _value(option, data.get("resolved", {}), files) for option in data.get("options", [])}
    arguments = {name: value for name, value in found.items() if value is not None}
    return Request(place_of(interaction), person_of(interaction), str(data["name"]), arguments)


def _value(option: Json, resolved: Json, files: "Files") -> Value | None:
    """What was given for an option; None for a file that did not come along."""
    value = option["value"]
    if option["type"] == FILE_OPTION:
        attached = resolved.get("attachments", {}).get(value)
        return None if attached is None else files.attachment(attached)
    if option["type"] == MEMBER_OPTION:
        return _chosen(str(value), resolved)
    if option["type"] == ROLE_OPTION:
        return Role(str(value))
    return float(value) if isinstance(value, int | float) else str(value)


def _chosen(user_id: str, resolved: Json) -> Person:
    user, member = resolved.get("users", {}).get(user_id, {}), resolved.get("members", {}).get(user_id, {})
    username = str(user.get("username") or "")
    name = member.get("nick") or user.get("global_name") or username
    return Person(PLATFORM, user_id, str(name), username=username)


def button_request(interaction: discord.Interaction) -> Request:
    """A pressed button."""
    action, _, payload = str(_data(interaction)["custom_id"]).partition(":")
    message = interaction.message
    pressed = str(message.id) if message and not message.flags.ephemeral else ""  # else nobody can edit it later
    return Request(place_of(interaction), person_of(interaction), action, {"payload": payload}, about=pressed)


def being_typed(interaction: discord.Interaction) -> Typing | None:
    """The option that wants to be completed."""
    focused = [option for option in _data(interaction).get("options", []) if option.get("focused")]
    return Typing(focused[0]["name"], str(focused[0]["value"])) if focused else None


def question(message: discord.Message, bot_id: int) -> Request | None:
    """A message that is meant for the bot: direct, mentioning it or replying to it; None for any other."""
    if not is_spoken(message):
        return None
    if message.guild and bot_id not in {user.id for user in message.mentions}:
        return None
    text = re.sub(rf"<@!?{bot_id}>", " ", _content(message)).strip()
    place = _inside(place_in(message.channel.id, message.guild), message.channel)
    return Request(place, speaker(message), ASK, {"question": text}, str(message.id), about=answered_id(message))


def is_named(message: discord.Message, bot_id: int) -> bool:
    """Whether a message calls the bot by name, and does not only reply to it."""
    return re.search(rf"<@!?{bot_id}>", message.content) is not None


def answered_id(message: discord.Message) -> str:
    """The id of the message that this one replies to, or an empty text."""
    return str(message.reference.message_id or "") if message.reference else ""


def is_spoken(message: discord.Message) -> bool:
    """Whether a person wrote it; no bot, webhook or notice of Discord's."""
    spoken = message.type in (discord.MessageType.default, discord.MessageType.reply)
    return spoken and not message.author.bot and not message.webhook_id


def speaker(message: discord.Message) -> Person:
    """Who wrote a message, with what they may do in its server."""
    return _person(message.author, _message_permissions(message))


def files_of(message: discord.Message, files: "Files") -> list[Attachment]:
    """What came with a message, or with the one that it forwards, and could become a source."""
    sent = [*message.attachments, *(each for shown in message.message_snapshots for each in shown.attachments)]
    return [files.attachment(each.to_dict()) for each in sent if may_be_a_source(each.content_type)]


def files_answered(message: discord.Message, files: "Files") -> list[Attachment]:
    """What came with the message that a person replies to, as far as Discord shows it to us."""
    answered = message.reference.resolved if message.reference else None
    if not isinstance(answered, discord.Message) or answered.author.bot:
        return []
    return files_of(answered, files)


def answers_unseen(message: discord.Message) -> bool:
    """Whether it replies to a message that Discord hides from us, since it was not meant for us."""
    answered = message.reference.resolved if message.reference else None
    if not isinstance(answered, discord.Message) or answered.author.bot:
        return False
    return not (answered.content or answered.attachments or answered.embeds or answered.message_snapshots)


def _content(message: discord.Message) -> str:
    """The text of a message; of one that only forwards, the first line of what it forwards."""
    forwarded = next((shown.content for shown in message.message_snapshots if shown.content), "")
    return message.content or forwarded.strip().partition("\n")[0]


def declared(commands: Sequence[Command], name: str) -> Command | None:
    """The command with this name."""
    return next((command for command in commands if command.name == name), None)


def greeting_places(guild: discord.Guild) -> list[Place]:
    """Where the bot may greet a server, best first."""
    channels = [*([guild.system_channel] if guild.system_channel else []), *guild.text_channels]
    return [place_in(channel.id, guild) for channel in channels if _may_write(channel, guild)]


def place_of(interaction: discord.Interaction) -> Place:
    """Where a command or button was used; a thread is a channel of its own."""
    return _inside(place_in(interaction.channel_id, interaction.guild), interaction.channel)


def _inside(place: Place, channel: object) -> Place:
    """The same place, with the channel that it belongs to where it is a thread."""
    return replace(place, parent=str(channel.parent_id)) if isinstance(channel, discord.Thread) else place


def person_of(interaction: discord.Interaction) -> Person:
    """Who used it, with the permissions that Discord sent along."""
    return _person(interaction.user, interaction.permissions)


class Files:
    """Makes attachments whose content is downloaded through Discord's signed links, which expire within a day."""

    def __init__(self, largest_file_bytes: int) -> None:
        self._largest_file_bytes = largest_file_bytes

    def attachment(self, payload: Json) -> Attachment:
        """An attachment of an interaction or a message."""
        name, url, size_bytes = str(payload["filename"]), str(payload["url"]), int(payload["size"])

        async def save(path: Path) -> None:
            await save_pieces(
                _pieces(url, name), path, name=name, size_bytes=size_bytes, largest_bytes=self._largest_file_bytes
            )

        return Attachment(name, size_bytes, save)


async def _pieces(url: str, name: str) -> Pieces:
    """The content behind a signed link as it comes."""
    headers = {"Accept-Encoding": "identity"}
    try:
        async with aiohttp.ClientSession(timeout=QUIET, headers=headers) as session, session.get(url) as response:
            if response.status in GONE:
                raise UploadRefused(f"Discord's link to {name} has expired. Please attach the file again.")
            if response.status != HTTPStatus.OK:
                raise ProviderError(f"Discord did not hand over a file: it answers {response.status}")
            async for piece in response.content.iter_chunked(PIECE_BYTES):
                yield piece
    except UNREACHABLE as error:
        raise ProviderBusy(f"Discord did not hand over a whole file: {type(error).__name__}") from error


def _data(interaction: discord.Interaction) -> Any:  # noqa: ANN401 any JSON
    return interaction.data or {}


def place_in(channel_id: int | None, guild: discord.Guild | None) -> Place:
    """A channel as a place; without a server it is a conversation with one person."""
    channel = str(channel_id or "")
    return Place(PLATFORM, channel, str(guild.id), guild.name or "") if guild else Place(PLATFORM, channel)


def _person(user: discord.User | discord.Member, permissions: discord.Permissions) -> Person:
    roles = frozenset(str(role.id) for role in user.roles) if isinstance(user, discord.Member) else frozenset()
    manages = permissions.administrator or permissions.manage_guild
    return Person(PLATFORM, str(user.id), user.display_name, manages, roles, user.name)


def _message_permissions(message: discord.Message) -> discord.Permissions:
    author = message.author
    return author.guild_permissions if isinstance(author, discord.Member) else discord.Permissions.none()


def _may_write(channel: discord.TextChannel, guild: discord.Guild) -> bool:
    allowed = channel.permissions_for(guild.me)
    return allowed.view_channel and allowed.send_messages
