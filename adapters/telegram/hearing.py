"""What a message wants of the bot, if anything."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from telegram import Chat, Message, MessageEntity, User

from adapters.telegram.files import could_be_source
from core.conversation import Person, Place

_COMMAND: Final = re.compile(r"/(?P<name>[A-Za-z0-9_]+)(?:@(?P<bot>\w+))?(?=\s|$)")
_ID: Final = re.compile(r"[1-9][0-9]{4,15}")
_GAPS: Final = re.compile(r"[ \t]{2,}")
_AFTER_A_NAME: Final = " \t\n,:;"


@dataclass(frozen=True, slots=True)
class Heard:
    """A typed command, or a question (empty: the bot was addressed, but not asked).

    ``by_reply``: it replies to the bot in a group and does not name it.
    """

    text: str
    is_command: bool = False
    by_reply: bool = False


def hear(message: Message, me: User, known: Container[str]) -> Heard | None:
    """Say what a message wants; None where it is not for us.

    Args:
        message: a new message, never an edited one.
        me: the bot's own account.
        known: the names of our commands; another name in a group belongs to another bot.
    """
    if not is_from_person(message) or message.chat.type not in {Chat.PRIVATE, Chat.GROUP, Chat.SUPERGROUP}:
        return None
    text = message.text or message.caption or ""
    if text.startswith("/"):
        return _command(text, message, me, known)
    if message.chat.type == Chat.PRIVATE:
        return Heard(_words(message, text)) if text or message.effective_attachment else None
    return _question(message, text, me)


def is_from_person(message: Message) -> bool:
    """Whether a person speaks, perhaps as the group; no bot, channel or automatic forward."""
    if message.sender_chat is not None:
        return message.sender_chat.id == message.chat.id and not message.is_automatic_forward
    return message.from_user is not None and not message.from_user.is_bot


def person_of(user: User) -> Person:
    """An account as a person; what they may do in a chat is another question."""
    return Person("telegram", str(user.id), user.full_name, username=user.username or "")


def meant(message: Message, text: str) -> Person | None:
    """Whom a text (a mention without username, or an id) names; for an empty text, whose message this one answers.

    A username stays text: Telegram does not tell bots whose it is.
    """
    if _ID.fullmatch(text):
        return Person("telegram", text)
    users = _mentioned(message, text) if text else [_answered(message)]
    return next((person_of(user) for user in users if user and not user.is_bot), None)


def _mentioned(message: Message, text: str) -> list[User | None]:
    wanted: list[str | None] = [MessageEntity.TEXT_MENTION]
    found = message.parse_entities(wanted) if message.text else message.parse_caption_entities(wanted)
    return [entity.user for entity, shown in found.items() if shown.strip() == text]


def answered_id(message: Message) -> str:
    """The id of the message that this one replies to, or an empty text."""
    answered = message.reply_to_message
    return "" if answered is None or answered.forum_topic_created is not None else str(answered.message_id)


def _answered(message: Message) -> User | None:
    answered = message.reply_to_message
    if answered is None or answered.sender_chat is not None or answered.forum_topic_created is not None:
        return None
    return answered.from_user


def place_of(chat: Chat, thread: int | None = None) -> Place:
    """A chat, or a topic in it, as a place."""
    topic = "" if thread is None else str(thread)
    if chat.type == Chat.PRIVATE:
        return Place("telegram", str(chat.id), thread=topic)
    return Place("telegram", str(chat.id), str(chat.id), chat.title or "", topic)


def topic_of(message: Message) -> int | None:
    """The topic that a message stands in; outside of forums the same field only names a thread of replies."""
    return message.message_thread_id if message.is_topic_message else None


def _command(text: str, message: Message, me: User, known: Container[str]) -> Heard | None:
    match = _COMMAND.match(text)
    addressed = match["bot"] if match else None
    if addressed is not None and addressed.lower() != (me.username or "").lower():
        return None
    is_ours = addressed is not None or message.chat.type == Chat.PRIVATE
    if is_ours or (match is not None and match["name"].lower() in known):
        return Heard(text, is_command=True)
    return None


def _words(message: Message, text: str) -> str:
    """What the person says; of a file that is only forwarded, the first line of what somebody wrote of it."""
    return text.strip().partition("\n")[0] if message.forward_origin and message.caption else text.strip()


def _question(message: Message, text: str, me: User) -> Heard | None:
    entities = message.parse_entities() if message.text else message.parse_caption_entities()
    mentions = [entity for entity, shown in entities.items() if _names(entity, shown, me)]
    if mentions:
        return Heard(_without(text, mentions))
    is_for_us = (text or could_be_source(message)) and _answers(message, me)
    return Heard(text.strip(), by_reply=True) if is_for_us else None


def _names(entity: MessageEntity, shown: str, me: User) -> bool:
    if entity.type == MessageEntity.TEXT_MENTION:
        return entity.user is not None and entity.user.id == me.id
    return entity.type == MessageEntity.MENTION and shown.lower() == f"@{me.username}".lower()


def _answers(message: Message, me: User) -> bool:
    """Whether a message replies to one of ours; the first one of a topic is not replied to, only shown so."""
    answered = message.reply_to_message
    if answered is None or answered.forum_topic_created is not None:
        return False
    return answered.from_user is not None and answered.from_user.id == me.id


def _without(text: str, entities: Sequence[MessageEntity]) -> str:
    units = text.encode("utf-16-le")
    for entity in sorted(entities, key=lambda each: each.offset, reverse=True):
        units = units[: 2 * entity.offset] + units[2 * (entity.offset + entity.length) :]
    return _GAPS.sub(" ", units.decode("utf-16-le")).lstrip(_AFTER_A_NAME).rstrip()
