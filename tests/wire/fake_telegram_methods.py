"""The methods of the Bot API over the fake's chats."""

import json
import mimetypes
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.wire.fake_telegram_chats import FakeChat, FakeMessage, FakeUser
from tests.wire.fake_telegram_errors import BotApiError, bad_request, too_many_requests
from tests.wire.fake_telegram_text import (
    FormattedText,
    checked_entities,
    parse_html,
    trimmed,
    utf16_length,
    with_detected_entities,
)
from tests.wire.fake_telegram_updates import UpdateFeed

Json: TypeAlias = Any  # whatever a JSON document holds

MAX_TEXT: Final = 4096
MAX_CAPTION: Final = 1024
MAX_CALLBACK_DATA_BYTES: Final = 64
MAX_BUTTONS: Final = 100
MAX_DOWNLOAD_BYTES: Final = 20_000_000
MAX_UPLOAD_BYTES: Final = 50_000_000
CHAT_ACTIONS: Final = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
COMMAND_SCOPES: Final = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    }
)
_BUTTON_ACTIONS: Final = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
SHOWN: Final = ("text", "entities", "photo", "caption", "caption_entities")
"""The parts of a message that an edit replaces, beside its keyboard."""
_NOT_MODIFIED: Final = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that came in a multipart body."""

    name: str
    content: bytes


@dataclass(slots=True)
class StoredFile:
    """A file on Telegram's servers."""

    id: str
    path: str
    name: str
    content: bytes


@dataclass(slots=True)
class CallbackAnswer:
    """What the person who pressed a button saw."""

    id: str
    is_answered: bool = False
    text: str | None = None
    show_alert: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """A call's parameters as they came: form fields are strings, JSON fields may be anything."""

    fields: dict[str, Any]
    files: dict[str, UploadedFile] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """Return a string parameter."""
        value = self.fields.get(name)
        return None if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number.

        Raises:
            BotApiError: 400, it is not one.
        """
        value = self.fields.get(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_request(f'invalid {name} "{value}" specified') from None

    def flag(self, name: str) -> bool:
        """Return a boolean parameter."""
        return str(self.fields.get(name, "false")).lower() in {"true", "1", "yes"}

    def structure(self, name: str) -> Json:
        """Return a parameter that is JSON-serialised in forms; None where it is missing.

        Raises:
            BotApiError: 400, it is not JSON.
        """
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None


class FloodControl:
    """Telegram's own limits: a message a second in a chat, twenty a minute in a group."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.enabled = False
        self._now_s = now_s
        self._sent: dict[int, list[float]] = {}

    def admit(self, chat: FakeChat) -> None:
        """Count a message.

        Raises:
            BotApiError: 429 with the seconds to wait.
        """
        if not self.enabled:
            return
        now_s = self._now_s()
        sent = self._sent[chat.id] = [at for at in self._sent.get(chat.id, []) if now_s - at < 60]
        waits = [sent[-1] + 1 - now_s] if sent else []
        if chat.is_group and len(sent) >= 20:
            waits.append(sent[-20] + 60 - now_s)
        if waits and max(waits) > 0:
            raise too_many_requests(int(max(waits)) + 1)
        sent.append(now_s)


class BotMethods:
    """Each ``on_...`` is a method of the Bot API and returns its ``result``."""

    def __init__(self, bot: FakeUser, feed: UpdateFeed, changed: Callable[[], None]) -> None:
        self.bot = bot
        self.feed = feed
        self.users: dict[int, FakeUser] = {bot.id: bot}
        self.chats: dict[int, FakeChat] = {}
        self.files: dict[str, StoredFile] = {}
        self.presses: dict[str, CallbackAnswer] = {}
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.descriptions: dict[str, str] = {}
        self.clock_offset_s = 0.0
        self.local_folder: Path | None = None  # set: a local Bot API server, with no limit of size
        self.flood = FloodControl(lambda: time.monotonic() + self.clock_offset_s)
        self.reads_all_group_messages = False
        self._changed = changed

    async def call(self, method: str, arguments: Arguments) -> Json:
        """Run a method of the Bot API.

        Raises:
            BotApiError: what Telegram would answer instead of a result.
        """
        handler = getattr(self, "on_" + re.sub(r"([A-Z])", r"_\1", method).lower(), None)
        if handler is None:
            raise BotApiError(404, "Not Found: method not found")
        result = await handler(arguments)
        self._changed()
        return result

    # The bot itself.

    async def on_get_me(self, _: Arguments) -> dict[str, Any]:
        """Return the bot's account."""
        return self.bot.as_json() | {
            "can_join_groups": True,
            "can_read_all_group_messages": self.reads_all_group_messages,
            "supports_inline_queries": False,
        }

    async def on_set_my_commands(self, arguments: Arguments) -> bool:
        """Store the menu of a scope and language."""
        commands = arguments.structure("commands") or []
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", str(command.get("command", ""))):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(str(command.get("description", ""))) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands[self._scope(arguments)] = commands
        return True

    async def on_get_my_commands(self, arguments: Arguments) -> list[dict[str, str]]:
        """Return the menu of exactly this scope and language."""
        return self.commands.get(self._scope(arguments), [])

    async def on_delete_my_commands(self, arguments: Arguments) -> bool:
        """Forget the menu of a scope and language."""
        self.commands.pop(self._scope(arguments), None)
        return True

    def _scope(self, arguments: Arguments) -> tuple[str, str]:
        scope = arguments.structure("scope") or {"type": "default"}
        if scope.get("type") not in COMMAND_SCOPES:
            raise bad_request("can't parse BotCommandScope: Unsupported type specified")
        key = str(scope["type"])
        if "chat_id" in scope:
            key += f":{self._chat(scope['chat_id']).id}"
        if "user_id" in scope:
            key += f":{scope['user_id']}"
        return key, arguments.text("language_code") or ""

    async def on_set_my_description(self, arguments: Arguments) -> bool:
        """Store the text of an empty chat."""
        return self._describe("description", arguments, 512)

    async def on_set_my_short_description(self, arguments: Arguments) -> bool:
        """Store the text of the bot's profile."""
        return self._describe("short_description", arguments, 120)

    def _describe(self, name: str, arguments: Arguments, limit: int) -> bool:
        text = arguments.text(name) or ""
        if len(text) > limit:
            raise bad_request(f"{name} is too long")
        self.descriptions[name] = text
        return True

    # Updates.

    async def on_get_updates(self, arguments: Arguments) -> list[dict[str, Any]]:
        """Wait for updates."""
        limit = min(max(arguments.integer("limit", 100), 1), 100)
        return await self.feed.poll(
            arguments.integer("offset"),
            limit,
            arguments.integer("timeout"),
            arguments.structure("allowed_updates"),
        )

    async def on_set_webhook(self, arguments: Arguments) -> bool:
        """Deliver updates by POST from now on."""
        await self.feed.set_webhook(
            arguments.text("url") or "",
            arguments.text("secret_token"),
            arguments.structure("allowed_updates"),
            arguments.flag("drop_pending_updates"),
        )
        return True

    async def on_delete_webhook(self, arguments: Arguments) -> bool:
        """Go back to polling."""
        await self.feed.set_webhook("", None, None, arguments.flag("drop_pending_updates"))
        return True

    async def on_get_webhook_info(self, _: Arguments) -> dict[str, Any]:
        """Return where updates go."""
        return self.feed.webhook_info()

    # Writing.

    async def on_send_message(self, arguments: Arguments) -> dict[str, Any]:
        """Write a message."""
        chat = self._writable(arguments)
        content = self._formatted(arguments, "text", "entities")
        if not content.text:
            raise bad_request("message text is empty")
        if utf16_length(content.text) > MAX_TEXT:
            raise bad_request("message is too long")
        return self._post(chat, arguments, _with_entities("text", "entities", content))

    async def on_send_document(self, arguments: Arguments) -> dict[str, Any]:
        """Write a message with a file."""
        chat = self._writable(arguments)
        document = document_json(self._file(arguments, "document"))
        return self._post(chat, arguments, {"document": document} | self._caption(arguments))

    async def on_send_video(self, arguments: Arguments) -> dict[str, Any]:
        """Write a message with a video that plays in its place."""
        return self._post_media(arguments, "video")

    async def on_send_audio(self, arguments: Arguments) -> dict[str, Any]:
        """Write a message with a recording for the music player."""
        return self._post_media(arguments, "audio")

    def _post_media(self, arguments: Arguments, kind: str) -> dict[str, Any]:
        chat = self._writable(arguments)
        content = media_json(kind, self._file(arguments, kind))
        return self._post(chat, arguments, content | self._caption(arguments))

    async def on_send_photo(self, arguments: Arguments) -> dict[str, Any]:
        """Write a message with a picture."""
        chat = self._writable(arguments)
        if not chat.takes_photos:
            raise bad_request("not enough rights to send photos to the chat")
        return self._post(chat, arguments, self._photo(arguments))

    def _photo(self, arguments: Arguments) -> dict[str, Any]:
        photo = self._file(arguments, "photo")
        size = {"file_id": photo.id, "file_unique_id": f"u{photo.id}", "width": 640, "height": 480}
        return {"photo": [size]} | self._caption(arguments)

    async def on_send_chat_action(self, arguments: Arguments) -> bool:
        """Show that the bot is busy."""
        chat = self._writable(arguments)
        action = arguments.text("action")
        if action not in CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        chat.actions.append(action)
        return True

    async def on_send_message_draft(self, arguments: Arguments) -> bool:
        """Stream a text that is not a message yet; private chats only."""
        chat = self._writable(arguments)
        if chat.is_group:
            raise bad_request("TEXTDRAFT_PEER_INVALID")
        if not arguments.integer("draft_id"):
            raise bad_request("RANDOM_ID_INVALID")
        content = self._formatted(arguments, "text", "entities")
        if utf16_length(content.text) > MAX_TEXT:
            raise bad_request("message is too long")
        chat.drafts.setdefault(arguments.integer("draft_id"), []).append(content.text)
        return True

    def _post(self, chat: FakeChat, arguments: Arguments, content: dict[str, Any]) -> dict[str, Any]:
        content |= self._thread(chat, arguments)
        content |= self._reply(chat, arguments)
        markup = self._markup(arguments)
        if markup:
            content["reply_markup"] = markup
        self.flood.admit(chat)
        return chat.store(self.bot, content).payload

    def _thread(self, chat: FakeChat, arguments: Arguments) -> dict[str, Any]:
        thread = arguments.integer("message_thread_id")
        if not thread:
            return {}
        if thread not in chat.topics:
            raise bad_request("message thread not found")
        return {"message_thread_id": thread, "is_topic_message": True}

    def _reply(self, chat: FakeChat, arguments: Arguments) -> dict[str, Any]:
        reply = arguments.structure("reply_parameters")
        if not reply:
            return {}
        answered = chat.find(int(reply.get("message_id", 0)))
        if answered is None and reply.get("allow_sending_without_reply"):
            return {}
        if answered is None:
            raise bad_request("message to be replied not found")
        shown = {key: value for key, value in answered.payload.items() if key != "reply_to_message"}
        found: dict[str, Any] = {"reply_to_message": shown}
        if answered.topic is not None and chat.is_forum:
            found |= {"message_thread_id": answered.topic, "is_topic_message": True}
        return found

    def _caption(self, arguments: Arguments) -> dict[str, Any]:
        content = self._formatted(arguments, "caption", "caption_entities")
        if utf16_length(content.text) > MAX_CAPTION:
            raise bad_request("message caption is too long")
        return _with_entities("caption", "caption_entities", content) if content.text else {}

    def _formatted(self, arguments: Arguments, text_name: str, entities_name: str) -> FormattedText:
        text, mode = arguments.text(text_name) or "", (arguments.text("parse_mode") or "").lower()
        if mode == "html":
            content = parse_html(text)
        elif mode:
            raise bad_request(f"unsupported parse_mode {mode}: this fake reads HTML and entities")
        else:
            entities = arguments.structure(entities_name) or []
            content = FormattedText(text, checked_entities(text, entities))
        return with_detected_entities(trimmed(content))

    def _markup(self, arguments: Arguments) -> dict[str, Any] | None:
        markup: dict[str, Any] | None = arguments.structure("reply_markup")
        for row in (markup or {}).get("inline_keyboard", []):
            for button in row:
                _check_button(button)
        if sum(map(len, (markup or {}).get("inline_keyboard", []))) > MAX_BUTTONS:
            raise bad_request("reply markup is too long")
        return markup

    def _file(self, arguments: Arguments, name: str) -> StoredFile:
        reference = arguments.text(name) or ""
        upload = arguments.files.get(reference.removeprefix("attach://") or name) or arguments.files.get(name)
        if upload is not None:
            return self.keep_file(upload.name, upload.content)
        if reference in self.files:
            return self.files[reference]
        raise bad_request(
            "wrong file identifier/HTTP URL specified" if reference else f"there is no {name} in the request"
        )

    def keep_file(self, name: str, content: bytes) -> StoredFile:
        """Store a file.

        Raises:
            BotApiError: 413, larger than a bot may send; people may send more.
        """
        if len(content) > MAX_UPLOAD_BYTES:
            raise BotApiError(413, "Request Entity Too Large")
        number = len(self.files) + 1
        stored = StoredFile(f"file-id-{number}", f"documents/file_{number}{_suffix(name)}", name, content)
        self.files[stored.id] = stored
        return stored

    # Changing.

    async def on_edit_message_text(self, arguments: Arguments) -> dict[str, Any]:
        """Replace a text; the keyboard goes too unless it is sent again."""
        message = self._own_message(arguments)
        content = self._formatted(arguments, "text", "entities")
        if not content.text:
            raise bad_request("message text is empty")
        if utf16_length(content.text) > MAX_TEXT:
            raise bad_request("MESSAGE_TOO_LONG")
        if "text" not in message.payload:
            raise bad_request("there is no text in the message to edit")
        changed = _with_entities("text", "entities", content)
        return self._edit(message, changed, self._markup(arguments))

    async def on_edit_message_media(self, arguments: Arguments) -> dict[str, Any]:
        """Put a picture into a message, in the place of its text or of another picture."""
        message = self._own_message(arguments)
        media = arguments.structure("media") or {}
        if media.get("type") != "photo":
            raise bad_request("this fake edits pictures only")
        given = {**media, "photo": media.get("media")}
        return self._edit(message, self._photo(Arguments(given, arguments.files)), self._markup(arguments))

    async def on_edit_message_reply_markup(self, arguments: Arguments) -> dict[str, Any]:
        """Replace or remove a keyboard."""
        message = self._own_message(arguments)
        kept: dict[str, Any] = {k: message.payload[k] for k in SHOWN if k in message.payload}
        return self._edit(message, kept, self._markup(arguments))

    def _edit(self, message: FakeMessage, content: dict[str, Any], markup: dict[str, Any] | None) -> dict[str, Any]:
        if markup:
            content = {**content, "reply_markup": markup}
        parts = (*SHOWN, "reply_markup")
        if content == {key: message.payload[key] for key in parts if key in message.payload}:
            raise bad_request(_NOT_MODIFIED)
        self.flood.admit(message.chat)
        message.versions.append(message.text)
        for key in parts:
            message.payload.pop(key, None)
        message.payload |= {**content, "edit_date": int(time.time())}
        message.edits += 1
        return message.payload

    def _own_message(self, arguments: Arguments) -> FakeMessage:
        chat = self._writable(arguments)
        message = chat.find(arguments.integer("message_id"))
        if message is None:
            raise bad_request("message to edit not found")
        if message.sender_id != self.bot.id:
            raise bad_request("message can't be edited")
        return message

    async def on_delete_message(self, arguments: Arguments) -> bool:
        """Delete a message of its own, or another's where the bot may."""
        chat = self._writable(arguments)
        message = chat.find(arguments.integer("message_id"))
        if message is None:
            raise bad_request("message to delete not found")
        may = message.sender_id == self.bot.id or not chat.is_group
        if not may and chat.status_of(self.bot.id) != "administrator":
            raise bad_request("message can't be deleted")
        message.is_deleted = True
        return True

    async def on_set_message_reaction(self, arguments: Arguments) -> bool:
        """React with an emoji."""
        chat = self._writable(arguments)
        message = chat.find(arguments.integer("message_id"))
        if message is None:
            raise bad_request("message to react not found")
        reactions = arguments.structure("reaction") or []
        if len(reactions) > 1:
            raise bad_request("REACTIONS_TOO_MANY")
        message.reactions = reactions
        return True

    async def on_answer_callback_query(self, arguments: Arguments) -> bool:
        """End the spinner on a button."""
        press = self.presses.get(arguments.text("callback_query_id") or "")
        if press is None or press.is_answered:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        text = arguments.text("text")
        if text is not None and len(text) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        press.is_answered, press.text, press.show_alert = True, text, arguments.flag("show_alert")
        return True

    # Looking things up.

    async def on_get_chat(self, arguments: Arguments) -> dict[str, Any]:
        """Return a ChatFullInfo."""
        chat = self._readable(arguments)
        gifts = dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"),
            False,
        )
        return chat.as_json() | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": gifts,
        }

    async def on_get_chat_member(self, arguments: Arguments) -> dict[str, Any]:
        """Return what somebody is in a chat."""
        chat = self._readable(arguments)
        user = self.users.get(arguments.integer("user_id"))
        if user is None:
            raise bad_request("invalid user_id specified")
        return chat.member_json(user)

    async def on_get_chat_administrators(self, arguments: Arguments) -> list[dict[str, Any]]:
        """Return the administrators, without other bots."""
        chat = self._readable(arguments)
        if not chat.is_group:
            raise bad_request("there are no administrators in the private chat")
        found = [self.users[u] for u, s in chat.statuses.items() if s in {"creator", "administrator"}]
        return [chat.member_json(user) for user in found if not user.is_bot or user is self.bot]

    async def on_get_file(self, arguments: Arguments) -> dict[str, Any]:
        """Return where a file can be downloaded."""
        stored = self.files.get(arguments.text("file_id") or "")
        if stored is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if self.local_folder is None and len(stored.content) > MAX_DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return {
            "file_id": stored.id,
            "file_unique_id": f"u{stored.id}",
            "file_size": len(stored.content),
            "file_path": stored.path if self.local_folder is None else self._local_path(stored, self.local_folder),
        }

    def _local_path(self, stored: StoredFile, folder: Path) -> str:
        """Keep a file as a local Bot API server does: in its own folder, which it names by an absolute path."""
        path = folder / stored.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored.content)
        return str(path)

    async def on_leave_chat(self, arguments: Arguments) -> bool:
        """Leave a group."""
        chat = self._writable(arguments)
        if not chat.is_group:
            raise bad_request("chat member status can't be changed in private chats")
        chat.statuses[self.bot.id] = "left"
        return True

    def _chat(self, chat_id: Json) -> FakeChat:
        try:
            return self.chats[int(chat_id)]
        except (KeyError, TypeError, ValueError):
            raise bad_request("chat not found") from None

    def _readable(self, arguments: Arguments) -> FakeChat:
        chat = self._chat(arguments.fields.get("chat_id"))
        if chat.is_group:
            chat.require_bot_may_write()
        return chat

    def _writable(self, arguments: Arguments) -> FakeChat:
        if arguments.fields.get("chat_id") in {None, ""}:
            raise bad_request("chat_id is empty")
        chat = self._chat(arguments.fields["chat_id"])
        chat.require_bot_may_write()
        return chat


def document_json(stored: StoredFile) -> dict[str, Any]:
    """Return the Bot API's Document."""
    return {
        "file_id": stored.id,
        "file_unique_id": f"u{stored.id}",
        "file_name": stored.name,
        "mime_type": "application/octet-stream",
        "file_size": len(stored.content),
    }


def media_json(kind: str, stored: StoredFile) -> dict[str, Any]:
    """Return the fields of a message that bring a file as a ``kind``, as far as the Bot API requires them."""
    shown = document_json(stored) | {"mime_type": mimetypes.guess_type(stored.name)[0] or "application/octet-stream"}
    if kind == "document":
        return {kind: shown}
    if kind == "photo":
        sizes = ({"width": 90, "height": 60}, {"width": 1280, "height": 853}, {"width": 320, "height": 213})
        named = {name: shown[name] for name in ("file_id", "file_unique_id", "file_size")}
        return {kind: [named | size for size in sizes]}
    shown["duration"] = 60
    if kind in {"video", "animation"}:
        shown |= {"width": 640, "height": 480}
    if kind == "voice":
        del shown["file_name"]
    if kind == "video_note":
        shown = {name: shown[name] for name in ("file_id", "file_unique_id", "file_size", "duration")} | {
            "length": 240
        }
    # An animation comes as a document, too, for programs that know no animations.
    return {kind: shown} | ({"document": document_json(stored)} if kind == "animation" else {})


def _with_entities(text_name: str, entities_name: str, content: FormattedText) -> dict[str, Any]:
    found: dict[str, Any] = {text_name: content.text}
    if content.entities:
        found[entities_name] = content.entities
    return found


def _check_button(button: dict[str, Any]) -> None:
    if not button.get("text"):
        raise bad_request("text buttons are unallowed in the inline keyboard")
    if len([action for action in _BUTTON_ACTIONS if action in button]) != 1:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= MAX_CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    url = button.get("url")
    if url is not None and not re.match(r"(https?|tg)://[^\s/]+", str(url)):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _suffix(name: str) -> str:
    return "." + name.rsplit(".", 1)[1] if "." in name else ""
