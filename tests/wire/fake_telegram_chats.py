"""The people, chats and messages of the fake Telegram."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tests.wire.fake_telegram_errors import bad_request, forbidden
from tests.wire.fake_telegram_text import Entity, utf16_slice

T = TypeVar("T")

GROUP_ANONYMOUS_BOT_ID: Final = 1087968824
DEFAULT_TIMEOUT_S: Final = 30.0
_ADMINISTRATOR_RIGHTS: Final = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)
_PRESENT: Final = frozenset({"creator", "administrator", "member", "restricted"})


class Changes:
    """Wakes whoever waits for something to become true; nobody sleeps for a guess."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def announce(self) -> None:
        """Let everyone who waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(self, look: Callable[[], T | None], timeout_s: float, wanted: Callable[[], str]) -> T:
        """Return what ``look`` finds as soon as it finds something.

        Raises:
            AssertionError: nothing came within ``timeout_s``; says what was ``wanted``.
        """
        deadline = time.monotonic() + timeout_s
        while (found := look()) is None:
            changed, remaining = self._changed, deadline - time.monotonic()
            try:
                await asyncio.wait_for(changed.wait(), max(0.0, remaining))
            except TimeoutError:
                raise AssertionError(wanted()) from None
        return found


@dataclass(slots=True, eq=False)
class FakeUser:
    """A person (or bot) on the fake Telegram."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = "en"
    is_bot: bool = False
    has_blocked_bot: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the Bot API's User."""
        user: dict[str, Any] = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.username:
            user["username"] = self.username
        if self.language_code and not self.is_bot:
            user["language_code"] = self.language_code
        return user


@dataclass(frozen=True, slots=True)
class Button:
    """A button of an inline keyboard: it has callback data or a link."""

    label: str
    data: str | None
    url: str | None


@dataclass(slots=True, eq=False)
class FakeMessage:
    """A message as it stands now; edits change it in place."""

    chat: "FakeChat"
    payload: dict[str, Any]
    edits: int = 0
    is_deleted: bool = False
    versions: list[str] = field(default_factory=list)
    reactions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> int:
        """The message's number within its chat."""
        return int(self.payload["message_id"])

    @property
    def text(self) -> str:
        """Text or caption without any markup."""
        return str(self.payload.get("text", self.payload.get("caption", "")))

    @property
    def entities(self) -> list[Entity]:
        """Entities of the text or caption, offsets in UTF-16 code units."""
        return list(self.payload.get("entities", self.payload.get("caption_entities", [])))

    @property
    def links(self) -> list[tuple[str, str]]:
        """Pairs of shown text and address, written out or hidden behind text."""
        found = []
        for entity in self.entities:
            shown = utf16_slice(self.text, entity["offset"], entity["length"])
            if entity["type"] in {"text_link", "url"}:
                found.append((shown, str(entity.get("url", shown))))
        return found

    @property
    def buttons(self) -> list[Button]:
        """Buttons of the inline keyboard, row after row."""
        rows = self.payload.get("reply_markup", {}).get("inline_keyboard", [])
        return [Button(b["text"], b.get("callback_data"), b.get("url")) for row in rows for b in row]

    @property
    def topic(self) -> int | None:
        """The forum topic (``message_thread_id``) that it stands in."""
        thread: int | None = self.payload.get("message_thread_id")
        return thread

    @property
    def reply_to(self) -> int | None:
        """Number of the message that it answers."""
        answered: int | None = self.payload.get("reply_to_message", {}).get("message_id")
        return answered

    @property
    def sender_id(self) -> int:
        """Id of the account that it is from."""
        return int(self.payload["from"]["id"])

    def find_button(self, label_or_data: str) -> Button:
        """Return the button with this label or callback data.

        Raises:
            AssertionError: there is none; names those that are there.
        """
        for button in self.buttons:
            if label_or_data in {button.label, button.data}:
                return button
        raise AssertionError(f"no button {label_or_data!r}; there are {self.buttons}")

    def __repr__(self) -> str:
        kind = next((k for k in ("document", "photo", "new_chat_members") if k in self.payload), "text")
        return f"<message {self.id} from {self.payload['from']['first_name']}: {kind} {self.text!r}>"


@dataclass(slots=True, eq=False)
class FakeChat:
    """A private chat, a basic group or a supergroup (with topics where ``is_forum``)."""

    id: int
    kind: str
    bot: FakeUser
    changes: Changes
    push: Callable[[str, dict[str, Any]], int | None]
    people: Mapping[int, FakeUser]
    title: str | None = None
    person: FakeUser | None = None
    is_forum: bool = False
    statuses: dict[int, str] = field(default_factory=dict)
    anonymous: set[int] = field(default_factory=set)
    messages: list[FakeMessage] = field(default_factory=list)
    topics: dict[int, str] = field(default_factory=dict)
    drafts: dict[int, list[str]] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    migrated_to: int | None = None
    takes_photos: bool = True
    _taken: int = 0

    @property
    def is_group(self) -> bool:
        """Whether several people are in it."""
        return self.kind != "private"

    def as_json(self) -> dict[str, Any]:
        """Return the Bot API's Chat."""
        chat: dict[str, Any] = {"id": self.id, "type": self.kind}
        if self.person is not None:
            chat["first_name"] = self.person.first_name
            if self.person.username:
                chat["username"] = self.person.username
            return chat
        chat["title"] = self.title
        if self.is_forum:
            chat["is_forum"] = True
        if self.kind == "group":
            chat["all_members_are_administrators"] = False
        return chat

    # People.

    def status_of(self, user_id: int) -> str:
        """Return ``creator``, ``administrator``, ``member``, ``restricted``, ``left`` or ``kicked``."""
        return self.statuses.get(user_id, "left")

    def add_member(self, user: FakeUser, status: str = "member", *, anonymous: bool = False) -> None:
        """Put a person into the group; as an administrator perhaps an anonymous one."""
        self.statuses[user.id] = status
        if anonymous:
            self.anonymous.add(user.id)

    def remove_member(self, user: FakeUser) -> None:
        """Take a person out of the group."""
        self.statuses[user.id] = "left"

    def add_bot(self, by: FakeUser, status: str = "member") -> None:
        """Add the bot to the group, or give it another status; it learns of it as ``my_chat_member``."""
        was_there = self.status_of(self.bot.id) in _PRESENT
        self.change_bot_status(by, status)
        if not was_there:
            joined = self.store(by, {"new_chat_members": [self.bot.as_json()]})
            self.push("message", joined.payload)

    def remove_bot(self, by: FakeUser) -> None:
        """Throw the bot out of the group."""
        left = self.store(by, {"left_chat_member": self.bot.as_json()})
        self.push("message", left.payload)
        self.change_bot_status(by, "kicked")

    def block_bot(self) -> None:
        """Let the person of a private chat block the bot."""
        assert self.person is not None, "only a person can block"
        self.person.has_blocked_bot = True
        self.change_bot_status(self.person, "kicked")

    def member_json(self, user: FakeUser) -> dict[str, Any]:
        """Return the Bot API's ChatMember."""
        return _member_json(user, self.status_of(user.id), is_anonymous=user.id in self.anonymous)

    def change_bot_status(self, by: FakeUser, status: str) -> None:
        """Give the bot another status without a message that says so; it learns of it as ``my_chat_member``."""
        before = self.member_json(self.bot)
        self.statuses[self.bot.id] = status
        after = self.member_json(self.bot)
        change = {"chat": self.as_json(), "from": by.as_json(), "date": int(time.time())}
        self.push("my_chat_member", {**change, "old_chat_member": before, "new_chat_member": after})
        self.changes.announce()

    def require_bot_may_write(self) -> None:
        """Refuse as Telegram does.

        Raises:
            BotApiError: 403 blocked, kicked or not a member; 400 the group became a supergroup.
        """
        if self.migrated_to is not None:
            parameters = {"migrate_to_chat_id": self.migrated_to}
            raise bad_request("group chat was upgraded to a supergroup chat", parameters)
        if self.person is not None and self.person.has_blocked_bot:
            raise forbidden("bot was blocked by the user")
        status = self.status_of(self.bot.id)
        if self.is_group and status == "kicked":
            raise forbidden(f"bot was kicked from the {self.kind} chat")
        if self.is_group and status not in _PRESENT:
            raise forbidden(f"bot is not a member of the {self.kind} chat")

    # Messages.

    def store(self, sender: FakeUser, content: dict[str, Any], *, anonymous: bool = False) -> FakeMessage:
        """Append a message and return it."""
        number = self.messages[-1].id + 1 if self.messages else 1
        payload = {"message_id": number, "date": int(time.time()), "chat": self.as_json(), **content}
        payload["from"] = sender.as_json()
        if anonymous:
            payload["from"] = ANONYMOUS_ADMINISTRATOR.as_json()
            payload["sender_chat"] = self.as_json()
        message = FakeMessage(self, payload)
        self.messages.append(message)
        self.changes.announce()
        return message

    def find(self, message_id: int) -> FakeMessage | None:
        """Return the message with this number unless it was deleted."""
        return next((m for m in self.messages if m.id == message_id and not m.is_deleted), None)

    def add_topic(self, name: str, by: FakeUser) -> int:
        """Open a forum topic and return its ``message_thread_id``."""
        assert self.is_forum, "only a forum has topics"
        opened = self.store(by, {"forum_topic_created": {"name": name, "icon_color": 7322096}})
        opened.payload |= {"message_thread_id": opened.id, "is_topic_message": True}
        self.topics[opened.id] = name
        return opened.id

    @property
    def bot_messages(self) -> list[FakeMessage]:
        """Everything the bot has written here that still stands."""
        return [m for m in self.messages if m.sender_id == self.bot.id and not m.is_deleted]

    async def next_message(
        self,
        after: FakeMessage | None = None,
        predicate: Callable[[FakeMessage], bool] = lambda message: True,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> FakeMessage:
        """Return the bot's first message after ``after`` that fits, waiting for it and for its edits.

        Without ``after``: the first one that fits and that no earlier call returned.

        Raises:
            AssertionError: none came in time; shows what stands in the chat.
        """
        border = after.id if after is not None else self._taken
        found = await self.changes.wait_for(
            lambda: next((m for m in self.bot_messages if m.id > border and predicate(m)), None),
            timeout_s,
            lambda: f"no such message of the bot after {border} in {timeout_s} s; here: {self.messages}",
        )
        self._taken = max(self._taken, found.id)
        return found


ANONYMOUS_ADMINISTRATOR: Final = FakeUser(
    GROUP_ANONYMOUS_BOT_ID, "Group", "GroupAnonymousBot", language_code=None, is_bot=True
)


def _member_json(user: FakeUser, status: str, *, is_anonymous: bool) -> dict[str, Any]:
    member: dict[str, Any] = {"user": user.as_json(), "status": status}
    if status == "creator":
        member["is_anonymous"] = is_anonymous
    if status == "administrator":
        member |= {"can_be_edited": False, "is_anonymous": is_anonymous}
        member |= dict.fromkeys(_ADMINISTRATOR_RIGHTS, True)
    if status == "kicked":
        member["until_date"] = 0
    return member
