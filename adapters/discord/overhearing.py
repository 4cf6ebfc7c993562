"""What Discord shows the bot of a server besides what is meant for it."""

from datetime import UTC, datetime

import discord

from adapters.discord.incoming import PLATFORM, is_spoken, place_in, question, speaker
from core.conversation import Person, Place
from core.overheard import Deleted, Reacted, Said


def said(message: discord.Message, bot_id: int) -> Said | None:
    """A person's own new message to others in a server; None for any other, and where Discord hides the text."""
    if message.guild is None or not is_spoken(message) or not message.content or message.message_snapshots:
        return None
    if question(message, bot_id) is not None:
        return None
    place = place_in(message.channel.id, message.guild)
    return Said(place, str(message.id), speaker(message), message.created_at, message.content)


def deleted(
    event: discord.RawMessageDeleteEvent | discord.RawBulkMessageDeleteEvent,
) -> Deleted | None:
    """Messages of a server that are gone."""
    if event.guild_id is None:
        return None
    ids = {event.message_id} if isinstance(event, discord.RawMessageDeleteEvent) else event.message_ids
    return Deleted(_place(event.channel_id, event.guild_id), tuple(map(str, sorted(ids))))


def reacted(event: discord.RawReactionActionEvent) -> Reacted | None:
    """A reaction of a person in a server that was given or taken away."""
    if event.guild_id is None or (event.member is not None and event.member.bot):
        return None
    person = Person(PLATFORM, str(event.user_id))
    stands = event.event_type == "REACTION_ADD"
    return Reacted(_place(event.channel_id, event.guild_id), str(event.message_id), person, datetime.now(UTC), stands)


def _place(channel_id: int, guild_id: int) -> Place:
    return Place(PLATFORM, str(channel_id), str(guild_id))
