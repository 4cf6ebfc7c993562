"""What Telegram shows the bot of a group besides what is meant for it, where privacy mode is off."""

from telegram import Chat, Message, MessageReactionUpdated

from adapters.telegram.hearing import is_from_person, person_of, place_of, topic_of
from core.conversation import Person
from core.overheard import Reacted, Said


def said(message: Message, person: Person) -> Said | None:
    """A person's own new message to others in a group; None for what is forwarded or came through another bot."""
    if not in_group(message.chat) or not is_from_person(message) or message.sender_chat is not None:
        return None
    if not message.text or message.forward_origin is not None or message.via_bot is not None:
        return None
    return Said(
        place_of(message.chat, topic_of(message)), str(message.message_id), person, message.date, message.text
    )


def reacted(change: MessageReactionUpdated) -> Reacted | None:
    """A person's reactions in a group as they are now; None for an anonymous one."""
    if not in_group(change.chat) or change.user is None or change.user.is_bot:
        return None
    place, person = place_of(change.chat), person_of(change.user)
    return Reacted(place, str(change.message_id), person, change.date, bool(change.new_reaction))


def in_group(chat: Chat) -> bool:
    """Whether several people talk there."""
    return chat.type in {Chat.GROUP, Chat.SUPERGROUP}
