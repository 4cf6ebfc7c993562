"""A Telegram of our own: the Bot API on loopback for an unmodified client, and people who write to the bot.

async with FakeTelegram("123:abc", "chronos_test_bot") as telegram:
    student = telegram.add_user("Student")
    chat = telegram.private(student)
    ...start the bot with ``telegram.api_url`` and ``telegram.bot_token``...
    await telegram.ready()
    asked = await telegram.send(student, chat, "/ask what is gravity?")
    answer = await chat.next_message(after=asked, predicate=lambda m: "force" in m.text)
    await telegram.press(student, answer, "👍")
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.waiting import within
from tests.wire.cut_downloads import send_file
from tests.wire.fake_telegram_chats import DEFAULT_TIMEOUT_S, Changes, FakeChat, FakeMessage, FakeUser
from tests.wire.fake_telegram_errors import BotApiError
from tests.wire.fake_telegram_methods import (
    Arguments,
    BotMethods,
    CallbackAnswer,
    UploadedFile,
    media_json,
)
from tests.wire.fake_telegram_text import (
    Entity,
    FormattedText,
    utf16_slice,
    with_detected_entities,
)
from tests.wire.fake_telegram_updates import UpdateFeed

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """A call of the bot: what came and what was answered (status 0: the connection was cut)."""

    method: str
    arguments: dict[str, Any]
    files: dict[str, UploadedFile]
    encoding: str
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong the next ``times`` that a method is called."""

    error: BotApiError | None
    runs_first: bool
    times: int


class FakeTelegram:
    """One Telegram with one bot; see the module's example."""

    def __init__(self, bot_token: str = "123456:fake-token", username: str = "chronos_test_bot") -> None:
        self.bot_token = bot_token
        self.changes = Changes()
        self.feed = UpdateFeed(self.changes.announce)
        self.bot = FakeUser(int(bot_token.split(":", maxsplit=1)[0]), "Chronos", username, is_bot=True)
        self.methods = BotMethods(self.bot, self.feed, self.changes.announce)
        self.calls: list[Call] = []
        self.api_url = ""
        self._faults: dict[str, list[Fault]] = {}
        self._runner: web.AppRunner | None = None
        self._cut_after: int | None = None
        self._adding = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; ``api_url`` is the server's root."""
        app = web.Application(client_max_size=100_000_000)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        # A long poll must end when the bot hangs up, or the next one would look like a second instance.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.api_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening and delivering."""
        await self.feed.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    # People and chats.

    def add_user(self, first_name: str, *, username: str | None = None, language_code: str | None = "en") -> FakeUser:
        """Create a person's account."""
        user = FakeUser(7000 + len(self.methods.users), first_name, username, language_code)
        self.methods.users[user.id] = user
        return user

    def private(self, user: FakeUser) -> FakeChat:
        """Return the chat of a person with the bot (as if the person had pressed Start)."""
        chat = self.methods.chats.get(user.id)
        return chat if chat is not None else self._new_chat(user.id, "private", person=user)

    def add_group(
        self,
        title: str,
        creator: FakeUser,
        *,
        forum: bool = False,
        supergroup: bool = True,
        bot_status: str = "member",
    ) -> FakeChat:
        """Create a group to which its creator adds the bot (``bot_status="left"``: not yet)."""
        number = 1000 + len(self.methods.chats)
        chat_id = -1_000_000_000_000 - number if supergroup else -number
        group = self._new_chat(chat_id, "supergroup" if supergroup else "group", title=title)
        group.is_forum = forum
        group.add_member(creator, "creator")
        if bot_status != "left":
            group.add_bot(creator, bot_status)
        return group

    def migrate(self, group: FakeChat, by: FakeUser) -> FakeChat:
        """Turn a basic group into a supergroup with another id; the old one refuses from now on.

        To the bot it looks as if it entered the new one, and it may learn of that first.
        """
        assert group.kind == "group", "only a basic group becomes a supergroup"
        new = self._new_chat(-1_000_000_000_000 + group.id, "supergroup", title=group.title)
        new.statuses = dict(group.statuses) | {self.bot.id: "left"}
        new.change_bot_status(by, group.status_of(self.bot.id))
        left = group.store(by, {"migrate_to_chat_id": new.id})
        entered = new.store(by, {"migrate_from_chat_id": group.id})
        group.migrated_to = new.id
        self.feed.push("message", left.payload)
        self.feed.push("message", entered.payload)
        return new

    def _new_chat(
        self, chat_id: int, kind: str, *, title: str | None = None, person: FakeUser | None = None
    ) -> FakeChat:
        users = self.methods.users
        chat = FakeChat(chat_id, kind, self.bot, self.changes, self.feed.push, users, title, person)
        self.methods.chats[chat_id] = chat
        return chat

    # What people do.

    async def send(
        self,
        user: FakeUser,
        chat: FakeChat,
        text: str | None = None,
        *,
        topic: int | None = None,
        reply_to: FakeMessage | None = None,
        document: tuple[str, bytes] | None = None,
        kind: str = "document",
        forwarded_from: FakeUser | None = None,
        caption: str | None = None,
        anonymous: bool | None = None,
        entities: Sequence[Entity] = (),
    ) -> FakeMessage:
        """Write a message as a person; the bot gets it where Telegram's privacy mode lets it.

        ``topic`` is a ``message_thread_id`` from ``chat.add_topic``; ``anonymous`` an administrator who writes as
        the group, by default as ``add_member`` said; ``entities`` those that the person's app adds to the text;
        ``kind`` what the file is sent as.
        """
        if chat.is_group:
            assert chat.status_of(user.id) not in {"left", "kicked"}, f"{user.first_name} is not in the group"
        content = _content(text, caption)
        if entities:
            content["entities"] = [*content.get("entities", []), *entities]
        if document is not None:
            content |= media_json(kind, self.methods.keep_file(*document))
        if forwarded_from is not None:
            origin = {"type": "user", "date": 1_700_000_000, "sender_user": forwarded_from.as_json()}
            content["forward_origin"] = origin
        content |= _place(chat, topic, reply_to)
        hidden = user.id in chat.anonymous if anonymous is None else anonymous
        message = chat.store(user, content, anonymous=hidden)
        if self.reaches_bot(message):
            self.feed.push("message", message.payload)
        return message

    async def edit(self, message: FakeMessage, text: str) -> None:
        """Change a person's message."""
        message.payload |= _content(text, None) | {"edit_date": message.payload["date"] + 1}
        message.edits += 1
        if self.reaches_bot(message):
            self.feed.push("edited_message", message.payload)

    def react(self, user: FakeUser, message: FakeMessage, *emoji: str) -> None:
        """Have a person's reactions to a message of a group be these; Telegram tells administrators alone."""
        if message.chat.status_of(self.bot.id) == "administrator":
            reactions = [{"type": "emoji", "emoji": each} for each in emoji]
            change = {"chat": message.payload["chat"], "message_id": message.payload["message_id"]}
            change |= {"user": user.as_json(), "date": message.payload["date"] + 1}
            self.feed.push("message_reaction", change | {"old_reaction": [], "new_reaction": reactions})

    async def press(
        self, user: FakeUser, message: FakeMessage, label_or_data: str, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> CallbackAnswer:
        """Press a button and return what the bot answered to it.

        Raises:
            AssertionError: there is no such button, it is a link, or the bot left the spinner turning.
        """
        button = message.find_button(label_or_data)
        assert button.data is not None, f"{button} does not call the bot"
        answer = self._push_press(user, message, button.data)
        return await self.until(lambda: answer if answer.is_answered else None, timeout_s, "an answered press")

    def _push_press(self, user: FakeUser, message: FakeMessage, data: str) -> CallbackAnswer:
        answer = CallbackAnswer(str(4_000_000_000 + len(self.methods.presses)))
        self.methods.presses[answer.id] = answer
        query = {"id": answer.id, "from": user.as_json(), "message": message.payload, "data": data}
        self.feed.push("callback_query", query | {"chat_instance": str(abs(message.chat.id))})
        return answer

    def reaches_bot(self, message: FakeMessage) -> bool:
        """Say whether Telegram hands a message to the bot, privacy mode on."""
        chat, payload = message.chat, message.payload
        status = chat.status_of(self.bot.id)
        if not chat.is_group:
            return not (chat.person and chat.person.has_blocked_bot)
        if status in {"left", "kicked"} or chat.migrated_to is not None:
            return False
        if status == "administrator" or self.methods.reads_all_group_messages:
            return True
        answered = payload.get("reply_to_message", {}).get("from", {}).get("id")
        return answered == self.bot.id or self._is_addressed(message)

    def _is_addressed(self, message: FakeMessage) -> bool:
        name = f"@{self.bot.username}".lower()
        for entity in message.entities:
            shown = utf16_slice(message.text, entity["offset"], entity["length"]).lower()
            if entity["type"] == "mention" and shown == name:
                return True
            if entity["type"] == "bot_command" and entity["offset"] == 0:
                return "@" not in shown or shown.endswith(name)
        return False

    # What tests wait for and break.

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Wait until the bot listens: its first getUpdates came, or it set a webhook."""
        async with within(timeout_s, "the bot to listen"):
            await self.feed.listening.wait()

    async def until(self, look: Callable[[], T | None], timeout_s: float = DEFAULT_TIMEOUT_S, what: str = "it") -> T:
        """Return what ``look`` finds as soon as it is not None; it is asked after every call of the bot."""

        def missing() -> str:
            return f"{what} did not come in {timeout_s} s; last calls: {self.calls[-5:]}"

        return await self.changes.wait_for(look, timeout_s, missing)

    async def all_confirmed(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until the bot has taken every update."""
        await self.until(lambda: None if self.feed.pending else True, timeout_s, "confirmation of all updates")

    def fail_next(
        self,
        method: str,
        status: int,
        description: str,
        parameters: dict[str, Any] | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next calls of a method with an error, e.g. 429 and ``{"retry_after": 3}``."""
        error = BotApiError(status, description, parameters)
        self._faults.setdefault(method, []).append(Fault(error, runs_first=False, times=times))

    def cut_next(self, method: str, times: int = 1, *, after_doing_it: bool = False) -> None:
        """Cut the connection of the next calls; ``after_doing_it``: the deed is done, its answer is lost."""
        self._faults.setdefault(method, []).append(Fault(None, runs_first=after_doing_it, times=times))

    def spoil_downloads(self, *, cut_after: int | None = None, adding: int = 0) -> None:
        """From now on cut files off after so many bytes, or send more than was announced."""
        self._cut_after, self._adding = cut_after, adding

    def limit_rates(self) -> None:
        """Enforce one message a second in a chat and twenty a minute in a group from now on."""
        self.methods.flood.enabled = True

    def advance_clock(self, seconds: float) -> None:
        """Let time pass for the rate limits."""
        self.methods.clock_offset_s += seconds

    def calls_of(self, method: str) -> list[Call]:
        """Return the recorded calls of one method."""
        return [call for call in self.calls if call.method == method]

    def commands(self, scope: str = "default", language_code: str = "") -> list[str]:
        """Return the names in a command menu; ``scope`` is a type, or ``chat:<id>``."""
        return [command["command"] for command in self.methods.commands.get((scope, language_code), [])]

    # The wire.

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.bot_token:
            return _json(BotApiError(401, "Unauthorized").body(), 401)
        arguments, encoding = await _read(request)
        method = _canonical(request.match_info["method"])
        call = Call(method, arguments.fields, arguments.files, encoding)
        self.calls.append(call)
        fault = self._take_fault(method)
        if fault is not None and not fault.runs_first:
            call.answer, call.status = (fault.error.body(), fault.error.status) if fault.error else ({}, 0)
        else:
            call.answer, call.status = await self._run(method, arguments)
        self.changes.announce()
        if fault is not None and fault.error is None:
            return _cut(request)
        return _json(call.answer, call.status)

    async def _run(self, method: str, arguments: Arguments) -> tuple[dict[str, Any], int]:
        try:
            result = await self.methods.call(method, arguments)
        except BotApiError as error:
            return error.body(), error.status
        return {"ok": True, "result": copy.deepcopy(result)}, 200

    def _take_fault(self, method: str) -> Fault | None:
        faults = self._faults.get(method)
        if not faults:
            return None
        faults[0].times -= 1
        return faults.pop(0) if faults[0].times == 0 else faults[0]

    async def _download(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        found = [stored for stored in self.methods.files.values() if stored.path == path]
        if request.match_info["token"] != self.bot_token or not found:
            return _json(BotApiError(404, "Not Found").body(), 404)
        return await send_file(request, found[0].content + bytes(self._adding), self._cut_after)


def _content(text: str | None, caption: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, entities, value in (("text", "entities", text), ("caption", "caption_entities", caption)):
        if value is not None:
            formatted = with_detected_entities(FormattedText(value))
            content[name] = formatted.text
            if formatted.entities:
                content[entities] = formatted.entities
    return content


def _place(chat: FakeChat, topic: int | None, reply_to: FakeMessage | None) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if topic is not None:
        assert topic in chat.topics, f"there is no topic {topic}"
        content |= {"message_thread_id": topic, "is_topic_message": True}
        # Telegram shows every message of a topic as a reply to the message that opened it.
        reply_to = reply_to or chat.find(topic)
    elif reply_to is not None and chat.kind == "supergroup" and not chat.is_forum:
        content["message_thread_id"] = reply_to.topic or reply_to.id
    if reply_to is not None:
        shown = {key: value for key, value in reply_to.payload.items() if key != "reply_to_message"}
        content["reply_to_message"] = shown
    return content


async def _read(request: web.Request) -> tuple[Arguments, str]:
    fields: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        fields |= await request.json() if request.can_read_body else {}
        return Arguments(fields), "json"
    files: dict[str, UploadedFile] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = UploadedFile(value.filename, value.file.read())
        else:
            fields[name] = value if isinstance(value, str) else bytes(value).decode()
    return Arguments(fields, files), "form"


def _canonical(method: str) -> str:
    """Method names are case-insensitive on the wire; PTB writes them as the documentation does."""
    return re.sub(r"\W", "", method)


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.json_response(body, status=status)


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
