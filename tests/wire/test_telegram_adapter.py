"""The Telegram platform over the real protocol: python-telegram-bot as it is, against a Telegram on loopback."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.telegram import answering, connection, pacing
from adapters.telegram.access import Access
from adapters.telegram.connection import SHARE_OF_CARDS
from adapters.telegram.platform import SECRET_HEADER, TelegramPlatform
from core.conversation import (
    CONNECTED,
    Attachment,
    Audience,
    Button,
    Command,
    File,
    Kind,
    Link,
    Liveness,
    Parameter,
    Person,
    Place,
    Reply,
    Request,
    Show,
    Suggestion,
    unshown,
)
from core.errors import ConfigurationError, ProviderBusy, ProviderError, UploadRefused
from core.richtext import RichText, bold, link
from tests.saved import content_or_refusal
from tests.waiting import beside, eventually
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.fake_telegram_chats import FakeChat, FakeMessage, FakeUser
from tests.wire.telegram_spec import check_calls

TOKEN = "123456:wire-test-token"
PUBLIC_URL = "https://bot.example"
COMMANDS = (
    Command(
        "ask", "Ask a question", parameters=(Parameter("question", "What would you like to know?", required=True),)
    ),
    Command(
        "upload",
        "Add a file",
        Audience.STAFF,
        (
            Parameter("file", "The file", Kind.FILE),
            Parameter("link", "Where the video is", Kind.LINK),
            Parameter("title", "Its title", takes_rest=True),
        ),
    ),
    Command("settings", "See and change the settings", Audience.STAFF, private=True),
    Command(
        "students", "See who is enrolled", Audience.STAFF, (Parameter("member", "Who", Kind.MEMBER, takes_rest=True),)
    ),
    Command("setup", "Make this community ready", Audience.MANAGERS),
    Command("creator", "Choose whom to ask", direct_only=True),
    Command("start", "Say hello", unlisted=True),
    Command("help", "See what you can do here"),
)


def said(text: str, *, private: bool = False) -> Reply:
    return Reply(RichText.of(text), private=private)


@dataclass(slots=True)
class ScriptedResponder:
    """Replies as a test tells it, and remembers what it was asked."""

    commands: Sequence[Command] = COMMANDS
    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    greeted: list[Place] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    private_commands: set[str] = field(default_factory=lambda: {"settings"})
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    read: bytes | UploadRefused | None = None
    failure: ProviderError | None = None
    staff: set[str] = field(default_factory=set)

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def let_go(self) -> None:
        """Hold no question any longer."""
        for question in self.held.values():
            question.set()

    async def may(self, request: Request) -> bool:
        return request.person.manages or request.person.name in self.staff

    async def private(self, request: Request) -> bool:
        return request.command in self.private_commands

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        self.requests.append(request)
        question = str(request.arguments.get("question", ""))
        if question in self.held:
            await self.held[question].wait()
        file = request.arguments.get("file")
        if isinstance(file, Attachment):
            try:
                self.read = await content_or_refusal(file)
            except ProviderError as error:
                self.failure = error
        return self.replies.get(request.command, said(f"reply to {question or request.command}"))

    async def suggest(self, request: Request, parameter: str, typed: str) -> Sequence[Suggestion]:
        return []

    async def joined(self, place: Place) -> Reply | None:
        if place.community in self.known:
            return None
        self.greeted.append(place)
        return said("Hello, type /setup")


@dataclass(slots=True)
class Moves:
    """Remembers which groups moved."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(self, platform: str, old_id: str, new_id: str) -> None:
        self.seen.append((platform, old_id, new_id))


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(TOKEN, "chronos_test_bot") as server:
        yield server
        print(check_calls(server.calls))  # noqa: T201 - says where the specification is absent


@pytest.fixture
def responder() -> ScriptedResponder:
    return ScriptedResponder()


@pytest.fixture
def moves() -> Moves:
    return Moves()


def platform_of(
    telegram: FakeTelegram,
    responder: ScriptedResponder,
    moves: Moves,
    mode: Literal["polling", "webhook"] = "polling",
) -> TelegramPlatform:
    return TelegramPlatform(
        responder, bot_token=TOKEN, api_url=telegram.api_url, mode=mode, public_url=PUBLIC_URL,
        webhook_secret="s3cret_-", moved=moves,
    )  # fmt: skip


@pytest.fixture
def student(telegram: FakeTelegram) -> FakeUser:
    return telegram.add_user("Student")


@pytest.fixture
def owner(telegram: FakeTelegram) -> FakeUser:
    return telegram.add_user("Owner")


@pytest.fixture
def chat(telegram: FakeTelegram, student: FakeUser) -> FakeChat:
    return telegram.private(student)


@dataclass(frozen=True, slots=True)
class Scene:
    """A bot that polls, a person who owns groups, and a student with a private chat."""

    telegram: FakeTelegram
    platform: TelegramPlatform
    responder: ScriptedResponder
    moves: Moves
    owner: FakeUser
    student: FakeUser
    chat: FakeChat

    async def answer(
        self, user: FakeUser, chat: FakeChat, text: str | None = None, *,
        document: tuple[str, bytes] | None = None, caption: str | None = None, reply_to: FakeMessage | None = None,
        topic: int | None = None, anonymous: bool | None = None, kind: str = "document",
        forwarded_from: FakeUser | None = None,
    ) -> FakeMessage:  # fmt: skip
        """Write as a person, and return what the bot says next."""
        said = await self.telegram.send(
            user, chat, text, document=document, caption=caption, reply_to=reply_to, topic=topic, anonymous=anonymous,
            kind=kind, forwarded_from=forwarded_from,
        )  # fmt: skip
        return await chat.next_message(after=said)


@pytest.fixture
async def scene(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, owner: FakeUser, student: FakeUser,
    chat: FakeChat, monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Scene]:  # fmt: skip
    monkeypatch.setattr(answering, "MOVES_WITHIN_S", 0.0)
    async with running(telegram, platform_of(telegram, responder, moves)) as platform:
        yield Scene(telegram, platform, responder, moves, owner, student, chat)
        responder.let_go()


@pytest.fixture
async def group(scene: Scene) -> FakeChat:
    """A group with the bot in it, the greeting already said."""
    found = scene.telegram.add_group("Physics", scene.owner)
    found.add_member(scene.student)
    await found.next_message()
    return found


@asynccontextmanager
async def running(telegram: FakeTelegram, platform: TelegramPlatform) -> AsyncIterator[TelegramPlatform]:
    stop = asyncio.Event()
    async with beside(stop, platform.run(stop)):
        await telegram.ready()
        yield platform


@asynccontextmanager
async def webhook_server(telegram: FakeTelegram, platform: TelegramPlatform) -> AsyncIterator[str]:
    """The application's own web server; yields the webhook's local address."""

    async def receive(request: web.Request) -> web.Response:
        return web.Response(status=await platform.receive(request.headers, await request.read()))

    app = web.Application()
    app.router.add_post(platform.path, receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    local = f"http://127.0.0.1:{runner.addresses[0][1]}"
    telegram.feed.webhook_routes[PUBLIC_URL] = local
    try:
        yield local + platform.path
    finally:
        await runner.cleanup()


def place_of(chat: FakeChat, thread: str = "") -> Place:
    if not chat.is_group:
        return Place("telegram", str(chat.id))
    return Place("telegram", str(chat.id), str(chat.id), chat.title or "", thread)


# Asking.


async def test_a_private_text_is_a_question_and_answered_as_a_reply(scene: Scene) -> None:
    answered = scene.responder.held["what is gravity?"] = asyncio.Event()
    asked = await scene.telegram.send(scene.student, scene.chat, "what is gravity?")
    await scene.telegram.until(lambda: scene.chat.actions or None, what="typing")
    answered.set()
    answer = await scene.chat.next_message(after=asked)
    assert (answer.text, answer.reply_to) == ("reply to what is gravity?", asked.id)
    person = Person("telegram", str(scene.student.id), "Student", manages=False)
    assert scene.responder.requests == [
        Request(place_of(scene.chat), person, "ask", {"question": "what is gravity?"})
    ]
    assert set(scene.chat.actions) == {"typing"}  # it is shown again while an answer takes long


@pytest.mark.parametrize("text", ["/ask what is gravity?", "/ask@chronos_test_bot question:what is gravity?"])
async def test_a_typed_command_runs(scene: Scene, group: FakeChat, text: str) -> None:
    asked = await scene.telegram.send(scene.student, group, text)
    assert (await group.next_message(after=asked)).reply_to == asked.id
    assert (scene.responder.last.command, scene.responder.last.arguments) == ("ask", {"question": "what is gravity?"})
    assert scene.responder.last.place == place_of(group)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("@chronos_test_bot, what is gravity?", "what is gravity?"),
        ("🚀🚀 what is @Chronos_Test_Bot gravity?", "🚀🚀 what is gravity?"),
    ],
)
async def test_a_mention_anywhere_asks_without_the_mention(
    scene: Scene, group: FakeChat, text: str, question: str
) -> None:
    await scene.answer(scene.student, group, text)
    assert (scene.responder.last.command, scene.responder.last.arguments) == ("ask", {"question": question})


async def test_a_bare_mention_is_told_how_to_ask(scene: Scene, group: FakeChat) -> None:
    assert "Write your question after my name" in (await scene.answer(scene.student, group, "@chronos_test_bot")).text
    assert scene.responder.requests == []


async def test_a_reply_to_the_bot_asks(scene: Scene, group: FakeChat) -> None:
    answer = await scene.answer(scene.student, group, "/ask one")
    await scene.answer(scene.student, group, "and why?", reply_to=answer)
    assert scene.responder.last.arguments == {"question": "and why?"}
    assert scene.responder.last.place == place_of(group)
    assert scene.responder.last.about == str(answer.id)


async def test_a_question_in_a_topic_is_answered_in_the_topic(scene: Scene) -> None:
    forum = scene.telegram.add_group("Forum", scene.owner, forum=True)
    await forum.next_message()
    topic = forum.add_topic("Gravity", scene.owner)
    answered = scene.responder.held["why?"] = asyncio.Event()
    asked = await scene.telegram.send(scene.owner, forum, "@chronos_test_bot why?", topic=topic)
    typing, *_ = await scene.telegram.until(lambda: scene.telegram.calls_of("sendChatAction") or None, what="typing")
    answered.set()
    answer = await forum.next_message(after=asked)
    assert (answer.topic, answer.reply_to) == (topic, asked.id)
    assert scene.responder.last.place == place_of(forum, str(topic))
    assert typing.arguments["message_thread_id"] == str(topic)


async def test_one_slow_answer_does_not_hold_up_another(scene: Scene) -> None:
    scene.responder.held["slow"] = asyncio.Event()
    slow = await scene.telegram.send(scene.student, scene.chat, "slow")
    await scene.telegram.send(scene.student, scene.chat, "fast")
    assert (await scene.chat.next_message(after=slow)).text == "reply to fast"
    scene.responder.held["slow"].set()
    await scene.chat.next_message(after=slow, predicate=lambda m: m.text == "reply to slow")


async def test_what_cannot_be_read_is_told_what_can(scene: Scene) -> None:
    for text, document, expected in (
        ("/ask", None, "/ask needs question"),
        ("/aks why", None, "Did you mean /ask?"),
        ("/upload file:x", None, "Attach the file"),
        (None, ("still.png", b"png"), "write me your question"),
    ):
        assert expected in (await scene.answer(scene.student, scene.chat, text, document=document)).text
    assert scene.responder.requests == []


# What is not for us.


async def test_nobody_else_is_answered(scene: Scene, group: FakeChat) -> None:
    scene.telegram.methods.reads_all_group_messages = True
    robot = scene.telegram.add_user("Robot")
    robot.is_bot = True
    group.add_member(robot)
    before = len(group.bot_messages)
    await scene.telegram.send(robot, group, "@chronos_test_bot loop?")
    await scene.telegram.send(scene.student, group, "/ask@other_bot what?")
    await scene.telegram.send(scene.student, group, "/weather in Paris")
    await scene.telegram.send(scene.student, group, "just talking")
    await scene.telegram.edit(await scene.telegram.send(scene.student, group, "hm"), "@chronos_test_bot edited")
    await scene.answer(scene.student, group, "/ask mine")
    await scene.telegram.all_confirmed()
    assert [request.arguments for request in scene.responder.requests] == [{"question": "mine"}]
    assert len(group.bot_messages) == before + 1


async def test_talking_in_a_topic_that_the_bot_opened_is_not_a_reply_to_it(scene: Scene) -> None:
    forum = scene.telegram.add_group("Forum", scene.owner, forum=True)
    await forum.next_message()
    topic = forum.add_topic("Gravity", scene.telegram.bot)
    await scene.telegram.send(scene.owner, forum, "just talking", topic=topic)
    await scene.answer(scene.owner, forum, "/ask mine", topic=topic)
    assert [request.arguments for request in scene.responder.requests] == [{"question": "mine"}]


async def test_only_the_needed_updates_are_asked_for(scene: Scene) -> None:
    assert scene.telegram.feed._allowed == ["message", "callback_query", "my_chat_member", "message_reaction"]


# Who asks.


async def test_administrators_manage_and_are_looked_up_once(scene: Scene, group: FakeChat) -> None:
    for user in (scene.owner, scene.student, scene.owner):
        await scene.answer(user, group, "/help")
    assert [request.person.manages for request in scene.responder.requests] == [True, False, True]
    assert len(scene.telegram.calls_of("getChatMember")) == 2


async def test_administrators_are_known_where_the_members_are_hidden(scene: Scene, group: FakeChat) -> None:
    scene.telegram.fail_next("getChatMember", 400, "Bad Request: member list is inaccessible")
    await scene.answer(scene.owner, group, "/help")
    assert scene.responder.last.person.manages


async def test_an_anonymous_administrator_manages_and_is_the_group(scene: Scene, group: FakeChat) -> None:
    scene.responder.replies["settings"] = said("code: hush")
    await scene.answer(scene.owner, group, "/help", anonymous=True)
    assert scene.responder.last.person == Person("telegram", f"chat:{group.id}", "Physics", manages=True)
    assert "write as yourself" in (await scene.answer(scene.owner, group, "/settings", anonymous=True)).text


# Files.


async def test_a_captioned_document_fills_the_file(scene: Scene) -> None:
    caption = '/upload https://youtu.be/abc title:"Lesson 3"'
    await scene.answer(scene.student, scene.chat, document=("lesson.vtt", b"WEBVTT"), caption=caption)
    file = scene.responder.last.arguments["file"]
    assert isinstance(file, Attachment)
    assert (file.name, file.size_bytes, scene.responder.read) == ("lesson.vtt", 6, b"WEBVTT")
    assert scene.responder.last.arguments["link"] == "https://youtu.be/abc"
    assert scene.responder.last.arguments["title"] == "Lesson 3"


async def test_a_picture_beside_a_command_fills_its_file(scene: Scene) -> None:
    await scene.answer(scene.student, scene.chat, document=("1.jpg", b"jpeg"), kind="photo", caption="/upload Mine")
    file = scene.responder.last.arguments["file"]
    assert isinstance(file, Attachment)
    assert (file.name, scene.responder.read, scene.responder.last.arguments["title"]) == (
        "photo.jpg",
        b"jpeg",
        "Mine",
    )


async def test_a_reply_to_a_document_fills_the_file(scene: Scene, group: FakeChat) -> None:
    document = await scene.telegram.send(scene.student, group, document=("lesson.srt", b"1"))
    await scene.answer(scene.student, group, "/upload@chronos_test_bot", reply_to=document)
    assert scene.responder.read == b"1"


async def test_a_file_too_large_for_telegram_is_refused_with_a_way_out(scene: Scene) -> None:
    big = ("long.json", bytes(20_000_001))
    await scene.answer(scene.student, scene.chat, document=big, caption="/upload")
    assert isinstance(scene.responder.read, UploadRefused)
    assert "at most 20 MB" in str(scene.responder.read)
    assert "link" in str(scene.responder.read)


async def test_a_file_above_our_own_limit_is_not_downloaded(
    telegram: FakeTelegram, responder: ScriptedResponder, student: FakeUser, chat: FakeChat
) -> None:
    platform = TelegramPlatform(responder, bot_token=TOKEN, api_url=telegram.api_url, largest_file_bytes=10)
    async with running(telegram, platform):
        sent = await telegram.send(student, chat, document=("l.vtt", bytes(11)), caption="/upload")
        await chat.next_message(after=sent)
    assert isinstance(responder.read, UploadRefused)
    assert telegram.calls_of("getFile") == []


async def test_a_file_that_is_cut_off_leaves_nothing_and_the_next_one_comes(scene: Scene) -> None:
    scene.telegram.spoil_downloads(cut_after=600_000)
    with capture_logs() as logs:
        await scene.answer(scene.student, scene.chat, document=("l.mp4", bytes(1_000_000)), caption="/upload")
    assert isinstance(scene.responder.failure, ProviderBusy)
    assert TOKEN not in f"{scene.responder.failure!r} {scene.responder.failure.__cause__!r} {logs}"
    scene.telegram.spoil_downloads()
    await scene.answer(scene.student, scene.chat, document=("l.mp4", bytes(1_000_000)), caption="/upload")
    assert scene.responder.read == bytes(1_000_000)


async def test_a_file_that_is_larger_than_telegram_said_is_not_kept(scene: Scene) -> None:
    scene.telegram.spoil_downloads(adding=1)
    await scene.answer(scene.student, scene.chat, document=("l.mp4", bytes(1_000_000)), caption="/upload")
    assert isinstance(scene.responder.read, UploadRefused)
    assert "goes on after" in str(scene.responder.read)


async def test_a_local_server_s_file_is_copied_however_large_it_is(scene: Scene, tmp_path: Path) -> None:
    scene.telegram.methods.local_folder = tmp_path
    content = bytes(20_000_001)
    await scene.answer(scene.student, scene.chat, document=("long.mp4", content), caption="/upload")
    assert scene.responder.read == content


async def test_a_local_server_s_file_that_is_not_here_is_explained(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"/var/lib/telegram-bot-api/{TOKEN}/videos/file_1.mp4"
    scene.telegram.methods.local_folder = tmp_path
    monkeypatch.setattr(scene.telegram.methods, "_local_path", lambda stored, folder: elsewhere)
    with capture_logs() as logs:
        await scene.answer(scene.student, scene.chat, document=("long.mp4", b"film"), caption="/upload")
    assert isinstance(scene.responder.read, UploadRefused)
    assert "send a link" in str(scene.responder.read)
    [noted] = [entry for entry in logs if "local Bot API server" in entry["event"]]
    assert noted["path"] == "/var/lib/telegram-bot-api/(bot_token)/videos/file_1.mp4"


# Files and links without a command.


@pytest.mark.parametrize(
    ("kind", "name", "shown"),
    [
        ("document", "lesson.vtt", "lesson.vtt"),
        ("video", "film.mp4", "film.mp4"),
        ("audio", "talk.mp3", "talk.mp3"),
        ("voice", "x.ogg", "voice"),
        ("video_note", "x.mp4", "videonote"),
    ],
)
async def test_staff_upload_by_sending_a_file(scene: Scene, kind: str, name: str, shown: str) -> None:
    scene.responder.staff.add("Owner")
    chat = scene.telegram.private(scene.owner)
    await scene.answer(scene.owner, chat, document=(name, b"content"), kind=kind)
    request = scene.responder.last
    assert (request.command, set(request.arguments), scene.responder.read) == ("upload", {"file"}, b"content")
    assert str(request.arguments["file"]).startswith(f"Attachment(name='{shown}'")


@pytest.mark.parametrize(
    ("caption", "arguments"),
    [
        ("Lesson 3", {"title": "Lesson 3"}),
        ("https://youtu.be/abc Lesson 3", {"link": "https://youtu.be/abc", "title": "Lesson 3"}),
        ('link:https://youtu.be/abc title:"Lesson 3"', {"link": "https://youtu.be/abc", "title": "Lesson 3"}),
    ],
)
async def test_the_caption_of_a_file_is_read_as_the_options_of_an_upload(
    scene: Scene, caption: str, arguments: dict[str, str]
) -> None:
    scene.responder.staff.add("Owner")
    await scene.answer(
        scene.owner, scene.telegram.private(scene.owner), document=("l.mp4", b"x"), kind="video", caption=caption
    )
    assert scene.responder.last.command == "upload"
    said = {name: value for name, value in scene.responder.last.arguments.items() if name != "file"}
    assert said == arguments


async def test_of_a_forwarded_file_only_the_first_line_is_its_title(scene: Scene) -> None:
    scene.responder.staff.add("Owner")
    await scene.answer(
        scene.owner, scene.telegram.private(scene.owner), document=("l.mp4", b"x"), kind="video",
        caption="Lesson 3\nJoin us: https://t.me/elsewhere", forwarded_from=scene.student,
    )  # fmt: skip
    assert "link" not in scene.responder.last.arguments
    assert scene.responder.last.arguments["title"] == "Lesson 3"


async def test_a_forwarded_link_is_an_upload_for_staff_and_a_question_for_others(scene: Scene) -> None:
    scene.responder.staff.add("Owner")
    link_only = "https://youtu.be/abc"
    await scene.answer(scene.owner, scene.telegram.private(scene.owner), link_only, forwarded_from=scene.student)
    assert (scene.responder.last.command, scene.responder.last.arguments) == ("upload", {"link": link_only})
    await scene.answer(scene.student, scene.chat, link_only, forwarded_from=scene.owner)
    assert (scene.responder.last.command, scene.responder.last.arguments) == ("ask", {"question": link_only})


async def test_a_student_s_file_without_words_is_for_the_command_to_refuse(scene: Scene) -> None:
    scene.responder.replies["upload"] = said("Only the staff may do that.", private=True)
    answer = await scene.answer(scene.student, scene.chat, document=("homework.pdf", b"x"))
    assert answer.text == "Only the staff may do that."


async def test_a_student_s_question_beside_a_file_stays_a_question(scene: Scene) -> None:
    await scene.answer(scene.student, scene.chat, document=("homework.pdf", b"x"), caption="is this right?")
    assert (scene.responder.last.command, scene.responder.last.arguments) == ("ask", {"question": "is this right?"})


async def test_a_picture_is_no_upload(scene: Scene) -> None:
    scene.responder.staff.add("Owner")
    chat = scene.telegram.private(scene.owner)
    for kind, name in (("document", "still.png"), ("animation", "moving.mp4"), ("photo", "1.jpg")):
        await scene.answer(scene.owner, chat, document=(name, b"x"), kind=kind, caption="what is this?")
        assert scene.responder.last.command == "ask"


async def test_in_a_group_a_file_with_a_mention_is_an_upload(scene: Scene, group: FakeChat) -> None:
    await scene.answer(
        scene.owner, group, document=("l.mp4", b"x"), kind="video", caption="@chronos_test_bot Lesson 3"
    )
    assert scene.responder.last.command == "upload"
    assert scene.responder.last.arguments["title"] == "Lesson 3"
    assert scene.responder.read == b"x"


async def test_in_a_group_a_file_that_answers_the_bot_is_an_upload(scene: Scene, group: FakeChat) -> None:
    ours = await scene.answer(scene.owner, group, "/help")
    await scene.answer(scene.owner, group, document=("l.mp4", b"x"), kind="video", reply_to=ours)
    assert scene.responder.last.command == "upload"


@pytest.mark.parametrize(
    ("text", "command"),
    [("", "upload"), (" Lesson 3", "upload"), (" title:Why?", "upload"), (" what does he mean?", "ask")],
)
async def test_a_mention_that_answers_a_file_uploads_it_unless_it_asks(
    scene: Scene, group: FakeChat, text: str, command: str
) -> None:
    film = await scene.telegram.send(scene.student, group, document=("l.mp4", b"film"), kind="video")
    await scene.answer(scene.owner, group, f"@chronos_test_bot{text}", reply_to=film)
    assert scene.responder.last.command == command
    assert scene.responder.read == (b"film" if command == "upload" else None)


async def test_a_file_of_the_bot_itself_is_never_uploaded(scene: Scene, group: FakeChat) -> None:
    scene.responder.replies["ask"] = Reply(RichText.of("Everything:"), files=(File("export.json", b"{}"),))
    asked = await scene.telegram.send(scene.owner, group, "@chronos_test_bot export")
    export = await group.next_message(after=asked, predicate=lambda m: "document" in m.payload)
    await scene.answer(scene.owner, group, "@chronos_test_bot thanks", reply_to=export)
    assert scene.responder.last.command == "ask"


async def test_a_file_in_a_reply_is_sent_as_a_document(scene: Scene) -> None:
    scene.responder.replies["ask"] = Reply(RichText.of("Everything:"), files=(File("export.json", b"{}"),))
    asked = await scene.telegram.send(scene.student, scene.chat, "export")
    document = await scene.chat.next_message(after=asked, predicate=lambda m: "document" in m.payload)
    assert document.payload["document"]["file_name"] == "export.json"
    assert scene.telegram.methods.files[document.payload["document"]["file_id"]].content == b"{}"


@pytest.mark.parametrize(("name", "kind"), [("lesson-7s.mp4", "video"), ("lesson-7s.m4a", "audio")])
async def test_a_clip_plays_in_the_chat(scene: Scene, group: FakeChat, name: str, kind: str) -> None:
    clip = Reply(RichText.of("Lesson 0:07 to 0:09"), files=(File(name, b"moving"),))
    scene.responder.replies["ask"] = clip
    asked = await scene.telegram.send(scene.student, group, "@chronos_test_bot clip")
    sent = await group.next_message(after=asked, predicate=lambda m: kind in m.payload)
    assert sent.payload[kind]["file_name"] == name
    assert scene.telegram.methods.files[sent.payload[kind]["file_id"]].content == b"moving"
    (call,) = (call for call in scene.telegram.calls if call.method == f"send{kind.title()}")
    assert call.arguments.get("supports_streaming") == ("true" if kind == "video" else None)


async def test_a_picture_stands_above_its_words_and_another_takes_its_place(scene: Scene) -> None:
    scene.responder.replies["ask"] = Reply(
        RichText.of("Your ", bold("CHRONOS")), ((Button("Month", "span", "m"),),), (File("card.png", b"\x89PNG"),)
    )
    asked = await scene.telegram.send(scene.student, scene.chat, "how much?")
    card = await scene.chat.next_message(after=asked, predicate=lambda m: "photo" in m.payload)
    assert card.payload["caption"] == "Your CHRONOS"
    assert [entity["type"] for entity in card.payload["caption_entities"]] == ["bold"]
    assert scene.telegram.calls_of("sendMessage") == []

    scene.responder.replies["span"] = Reply(RichText.of("More"), files=(File("card.png", b"\x89PNH"),), replaces=True)
    await scene.telegram.press(scene.student, card, "Month")
    await eventually(lambda: card.payload.get("caption") == "More", "the other picture")
    assert scene.telegram.methods.files[card.payload["photo"][0]["file_id"]].content == b"\x89PNH"
    assert len(scene.telegram.calls_of("sendPhoto")) == 1


async def test_where_a_group_takes_no_pictures_their_words_are_sent(scene: Scene, group: FakeChat) -> None:
    group.takes_photos = False
    scene.responder.replies["ask"] = Reply(
        RichText.of("40 CHRONOS"), ((Button("Month", "span", "m"),),), (File("card.png", b"\x89PNG"),)
    )
    asked = await scene.telegram.send(scene.student, group, "@chronos_test_bot how much?")
    answer = await group.next_message(after=asked, predicate=lambda m: m.text == "40 CHRONOS")
    assert [button.label for button in answer.buttons] == ["Month"]


async def test_a_picture_with_a_long_text_follows_it(scene: Scene) -> None:
    scene.responder.replies["ask"] = Reply(RichText.of("word " * 300), files=(File("card.png", b"\x89PNG"),))
    asked = await scene.telegram.send(scene.student, scene.chat, "how much?")
    picture = await scene.chat.next_message(after=asked, predicate=lambda m: "photo" in m.payload)
    assert "caption" not in picture.payload
    assert len(scene.telegram.calls_of("sendMessage")) == 1


# How replies look.


async def test_hostile_text_arrives_as_it_is_and_links_stay_links(scene: Scene) -> None:
    hostile = '🚀 </b><a href="x">&lt; *_[a](b)`'
    scene.responder.replies["ask"] = Reply(
        RichText.of(hostile, bold(hostile), link("12:34", "https://youtu.be/a?t=754"))
    )
    answer = await scene.answer(scene.student, scene.chat, "why?")
    assert answer.text == hostile * 2 + "12:34"
    assert answer.links == [("12:34", "https://youtu.be/a?t=754")]
    [call] = scene.telegram.calls_of("sendMessage")
    assert "parse_mode" not in call.arguments
    assert json.loads(call.arguments["link_preview_options"]) == {"is_disabled": True}


async def test_a_long_answer_is_split_without_losing_a_word_even_when_telegram_slows_us_down(scene: Scene) -> None:
    words = [f"word{n}" for n in range(900)]
    scene.responder.replies["ask"] = Reply(RichText.of(" ".join(words)), ((Button("👍", "vote", "1"),),))
    scene.telegram.limit_rates()
    asked = await scene.telegram.send(scene.student, scene.chat, "everything?")
    last = await scene.chat.next_message(after=asked, predicate=lambda m: bool(m.buttons))
    parts = scene.chat.bot_messages
    assert " ".join(part.text for part in parts).split() == words
    assert [part.reply_to for part in parts] == [asked.id, None]
    assert (parts[-1], parts[0].buttons) == (last, [])
    assert [call.status for call in scene.telegram.calls_of("sendMessage")] == [200, 429, 200]


async def test_a_cut_connection_is_tried_again(scene: Scene) -> None:
    scene.telegram.cut_next("sendMessage")
    assert (await scene.answer(scene.student, scene.chat, "why?")).text == "reply to why?"


# Replies for one person alone.


@pytest.mark.parametrize("refusal", [None, (403, "Forbidden: bot can't initiate conversation with a user")])
async def test_a_private_reply_to_a_stranger_becomes_an_invitation(
    scene: Scene, group: FakeChat, refusal: tuple[int, str] | None
) -> None:
    scene.responder.replies["settings"] = said("code: hush")
    if refusal:
        scene.telegram.fail_next("sendMessage", *refusal)
    answer = await scene.answer(scene.owner, group, "/settings")
    assert answer.links == [("a private chat with me", "https://t.me/chronos_test_bot?start=hi")]
    assert not any("hush" in message.text for message in group.messages)


async def test_a_private_reply_goes_to_the_private_chat(scene: Scene, group: FakeChat) -> None:
    scene.responder.private_commands.add("ask")
    alone = scene.telegram.private(scene.student)
    before = len(group.bot_messages)
    await scene.telegram.send(scene.student, group, "/ask secret")
    assert (await alone.next_message()).text == "reply to secret"
    assert len(group.bot_messages) == before


async def test_a_refusal_stays_in_the_group_where_the_command_is_public(scene: Scene, group: FakeChat) -> None:
    scene.responder.replies["ask"] = said("Wait a minute.", private=True)
    scene.telegram.private(scene.student)
    assert (await scene.answer(scene.student, group, "/ask again")).text == "Wait a minute."


async def test_a_private_answer_that_links_to_something_goes_to_the_private_chat(
    scene: Scene, group: FakeChat
) -> None:
    cited = RichText.of("Short. ", link("[1]", "https://videos.example/1"))
    scene.responder.replies["ask"] = Reply(cited, private=True)
    alone = scene.telegram.private(scene.student)
    before = len(group.bot_messages)
    await scene.telegram.send(scene.student, group, "/ask why?")
    assert "Short." in (await alone.next_message()).text
    assert len(group.bot_messages) == before


# Buttons.


async def asked_with_button(
    telegram: FakeTelegram, responder: ScriptedResponder, user: FakeUser, chat: FakeChat
) -> FakeMessage:
    responder.replies["ask"] = Reply(RichText.of("the answer"), ((Button("👍", "vote", "7:1"),),))
    asked = await telegram.send(user, chat, "/ask why?")
    return await chat.next_message(after=asked)


async def test_a_short_private_reply_to_a_button_is_a_toast(scene: Scene, group: FakeChat) -> None:
    answer = await asked_with_button(scene.telegram, scene.responder, scene.student, group)
    scene.responder.replies["vote"] = said("Thank you, noted.", private=True)
    press = await scene.telegram.press(scene.student, answer, "👍")
    assert (press.text, press.show_alert) == ("Thank you, noted.", False)
    assert (scene.responder.last.command, scene.responder.last.arguments) == ("vote", {"payload": "7:1"})
    assert scene.responder.last.about == str(answer.id)
    assert (scene.responder.last.place, scene.responder.last.person.external_id) == (
        place_of(group),
        str(scene.student.id),
    )
    scene.responder.replies["vote"] = said(
        "That answer is not kept any more, so there is nothing to vote on. " * 2, private=True
    )
    assert (await scene.telegram.press(scene.student, answer, "👍")).show_alert is True
    assert group.bot_messages[-1] is answer


async def test_a_replacing_reply_edits_the_message(scene: Scene) -> None:
    answer = await asked_with_button(scene.telegram, scene.responder, scene.student, scene.chat)
    scene.responder.replies["vote"] = Reply(RichText.of(bold("Lesson"), " is back."), private=True, replaces=True)
    press = await scene.telegram.press(scene.student, answer, "👍")
    await scene.telegram.until(lambda: answer.edits or None, what="the edit")
    assert (answer.text, answer.buttons, press.text) == ("Lesson is back.", [], None)
    assert scene.chat.bot_messages == [answer]


async def test_a_button_that_takes_long_is_answered_at_once_and_its_reply_is_a_message(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "SPINNER_S", 0.01)
    answer = await asked_with_button(scene.telegram, scene.responder, scene.student, scene.chat)
    scene.responder.held[""] = asyncio.Event()
    scene.responder.replies["vote"] = said("Noted.", private=True)
    assert (await scene.telegram.press(scene.student, answer, "👍")).text is None
    scene.responder.held[""].set()
    assert (await scene.chat.next_message(after=answer)).text == "Noted."


async def test_a_long_reply_to_a_button_in_a_group_is_told_to_the_person_alone(scene: Scene, group: FakeChat) -> None:
    answer = await asked_with_button(scene.telegram, scene.responder, scene.owner, group)
    scene.responder.replies["vote"] = said("x" * 201, private=True)
    await scene.telegram.press(scene.owner, answer, "👍")
    assert "private chat" in (await group.next_message(after=answer)).text
    alone = scene.telegram.private(scene.owner)
    await scene.telegram.press(scene.owner, answer, "👍")
    assert (await alone.next_message()).text == "x" * 201


# Groups.


async def test_a_group_is_greeted_once_when_the_bot_is_added(scene: Scene, group: FakeChat) -> None:
    group.add_bot(scene.owner, "administrator")
    await scene.answer(scene.owner, group, "/ask one")
    assert [m.text for m in group.bot_messages] == ["Hello, type /setup", "reply to one"]
    assert scene.responder.greeted == [place_of(group)]


async def test_a_group_that_became_a_supergroup_is_followed(scene: Scene) -> None:
    old = scene.telegram.add_group("Basic", scene.owner, supergroup=False)
    await old.next_message()
    new = scene.telegram.migrate(old, scene.owner)
    scene.responder.known.add(str(new.id))
    moved = ("telegram", str(old.id), str(new.id))
    await eventually(lambda: scene.moves.seen == [moved], "the move")
    message_id = await scene.platform.deliver(place_of(old), said("late card"), "")
    assert (await new.next_message()).text == "late card"
    assert scene.moves.seen == [moved, moved]
    assert new.find(int(message_id)) is not None


async def test_a_button_of_a_whispered_reply_is_about_its_group_for_those_who_administrate_it(
    scene: Scene, group: FakeChat
) -> None:
    button = ((Button("More", "page", "2:paused"),),)
    scene.responder.replies |= {"settings": Reply(RichText.of("whispered"), button, private=True)}
    for user, community in ((scene.owner, str(group.id)), (scene.student, "")):
        alone = scene.telegram.private(user)
        await scene.telegram.send(user, group, "/settings")
        whispered = await alone.next_message()
        for page in ("one", "two"):  # the second press is on the message that the first one changed
            scene.responder.replies["page"] = Reply(RichText.of(page), button, replaces=True)
            await scene.telegram.press(user, whispered, "More")
            await eventually(partial(_reads, whispered, page), "the next page")
            pressed = scene.responder.last
            assert (pressed.place.channel, pressed.place.community) == (str(alone.id), community)
            assert pressed.person.manages is bool(community)
            assert pressed.arguments == {"payload": "2:paused"}


def _reads(message: FakeMessage, text: str) -> bool:
    return message.text == text


# Members.


async def test_a_reply_to_a_persons_message_means_that_person(scene: Scene, group: FakeChat) -> None:
    written = await scene.telegram.send(scene.student, group, "Hello everybody")
    answer = await scene.answer(scene.owner, group, "/students", reply_to=written)
    person = scene.responder.last.arguments["member"]
    assert isinstance(person, Person)
    assert (person.external_id, person.manages) == (str(scene.student.id), False)
    assert scene.student.first_name in person.name
    await scene.answer(scene.owner, group, "/students", reply_to=answer)
    assert scene.responder.last.arguments == {}


async def test_an_id_or_a_mention_of_somebody_without_a_username_means_that_person(
    scene: Scene, group: FakeChat
) -> None:
    await scene.answer(scene.owner, group, "/students 471100")
    assert scene.responder.last.arguments == {"member": Person("telegram", "471100")}
    ana = {"id": 471101, "is_bot": False, "first_name": "Ana", "last_name": "Lopez"}
    mention = {"type": "text_mention", "offset": 10, "length": 9, "user": ana}
    sent = await scene.telegram.send(scene.owner, group, "/students Ana Lopez", entities=[mention])
    await group.next_message(after=sent)
    assert scene.responder.last.arguments == {"member": Person("telegram", "471101", "Ana Lopez")}


# What was not asked for.


async def test_delivering_sends_then_edits_then_sends_anew(scene: Scene) -> None:
    place = place_of(scene.chat)
    first = await scene.platform.deliver(place, said("working"), "")
    for _ in range(2):  # the second time nothing changes
        assert (
            await scene.platform.deliver(place, Reply(RichText.of("done"), ((Button("Undo", "undo"),),)), first)
            == first
        )
    [card] = scene.chat.bot_messages
    assert (card.text, card.versions, [b.data for b in card.buttons]) == ("done", ["working"], ["undo:"])
    card.is_deleted = True
    second = await scene.platform.deliver(place, said("done again"), first)
    assert second != first
    assert [m.text for m in scene.chat.bot_messages] == ["done again"]


async def test_delivering_says_when_to_try_again_and_when_never(scene: Scene) -> None:
    scene.telegram.fail_next("sendMessage", 429, "Too Many Requests: retry after 37", {"retry_after": 37})
    with pytest.raises(ProviderBusy) as busy:
        await scene.platform.deliver(place_of(scene.chat), said("card"), "")
    assert busy.value.retry_after_s == 37
    scene.telegram.cut_next("sendMessage")
    with pytest.raises(ProviderBusy):
        await scene.platform.deliver(place_of(scene.chat), said("card"), "")
    scene.chat.block_bot()
    with pytest.raises(ProviderError, match="does not let the bot write") as blocked:
        await scene.platform.deliver(place_of(scene.chat), said("card"), "")
    assert not isinstance(blocked.value, ProviderBusy)


async def test_delivering_waits_for_the_connection(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, chat: FakeChat
) -> None:
    with pytest.raises(ProviderBusy):
        await platform_of(telegram, responder, moves).deliver(place_of(chat), said("card"), "")


async def test_a_message_of_several_parts_is_edited_part_for_part(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "CHAT", pacing.Allowance(50, 1.0))
    place, lengths = place_of(scene.chat), (2, 3, 1, 2)
    standing = ""
    for version, parts in enumerate(lengths):
        words = [f"v{version}w{n:03}" for n in range(parts * 600 - 300)]
        standing = await scene.platform.deliver(place, said(" ".join(words)), standing)
        messages = scene.chat.bot_messages
        assert [str(message.id) for message in messages] == standing.split()
        assert len(messages) == parts
        assert " ".join(message.text for message in messages).split() == words
    first = scene.chat.bot_messages[0]
    assert len(first.versions) == len(lengths) - 1


async def test_a_message_that_lost_a_part_is_said_anew_and_nothing_twice(scene: Scene) -> None:
    place = place_of(scene.chat)
    standing = await scene.platform.deliver(place, said("old " * 1500), "")
    first, second = scene.chat.bot_messages
    second.is_deleted = True
    anew = await scene.platform.deliver(place, said("new " * 1500), standing)
    assert not set(anew.split()) & set(standing.split())
    assert first.is_deleted
    assert " ".join(message.text for message in scene.chat.bot_messages).split() == ["new"] * 1500


async def test_cards_leave_room_for_answers(scene: Scene, group: FakeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "GROUP", pacing.Allowance(4, 600.0))
    place = place_of(group)
    cards = 4 * SHARE_OF_CARDS - len(group.bot_messages)
    for n in range(int(cards)):
        await scene.platform.deliver(place, said(f"card {n}"), "")
    with pytest.raises(ProviderBusy) as busy:
        await scene.platform.deliver(place, said("one card too many"), "")
    assert busy.value.retry_after_s is not None
    assert 500 < busy.value.retry_after_s <= 600
    assert (await scene.answer(scene.student, group, "/ask now?")).text == "reply to now?"
    assert "one card too many" not in [message.text for message in group.messages]


async def test_a_flood_wait_that_comes_nevertheless_is_waited_for(scene: Scene) -> None:
    scene.telegram.fail_next("sendMessage", 429, "Too Many Requests: retry after 1", {"retry_after": 1})
    assert (await scene.answer(scene.student, scene.chat, "why?")).text == "reply to why?"
    assert [call.status for call in scene.telegram.calls_of("sendMessage")] == [429, 200]


# Connecting.


async def test_it_is_known_whether_telegram_is_connected(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, chat: FakeChat, student: FakeUser
) -> None:
    platform = platform_of(telegram, responder, moves)
    assert platform.liveness() == Liveness(Link.STARTING)
    async with running(telegram, platform):
        assert platform.liveness() == CONNECTED
        telegram.fail_next("getUpdates", 502, "Bad Gateway")
        await telegram.send(student, chat, "wake up")
        await eventually(lambda: platform.liveness().link is Link.RECONNECTING, "the failure")
        assert "Telegram cannot be reached" in platform.liveness().reason
        await eventually(lambda: platform.liveness() == CONNECTED, "the connection")


async def test_a_webhook_that_telegram_cannot_reach_counts_as_not_connected(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, student: FakeUser, chat: FakeChat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(connection, "WATCH_EVERY_S", 0.6)
    platform = platform_of(telegram, responder, moves, "webhook")
    async with running(telegram, platform):
        telegram.feed.last_webhook_error = "Connection refused"
        await eventually(lambda: platform.liveness().link is Link.RECONNECTING, "the failure")
        assert platform.liveness().reason.endswith("/telegram/webhook: Connection refused")
        telegram.feed.last_webhook_error = None
        await eventually(lambda: platform.liveness() == CONNECTED, "the connection")


async def test_each_menu_shows_what_works_there_and_staff_commands_to_administrators_only(scene: Scene) -> None:
    assert scene.telegram.commands("all_private_chats") == ["ask", "creator", "help"]
    assert scene.telegram.commands("all_group_chats") == ["ask", "help"]
    administrators = ["ask", "upload", "settings", "students", "setup", "help"]
    assert scene.telegram.commands("all_chat_administrators") == administrators


async def test_a_wrong_token_is_told_in_words_without_the_token(
    telegram: FakeTelegram, responder: ScriptedResponder, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = TelegramPlatform(responder, bot_token="999:wrong-secret", api_url=telegram.api_url)
    with pytest.raises(ConfigurationError, match=r"telegram\.bot_token was rejected") as raised:
        await platform.run(asyncio.Event())
    assert "wrong-secret" not in str(raised.value) + "".join(capsys.readouterr())


async def test_the_token_is_never_logged(
    telegram: FakeTelegram,
    responder: ScriptedResponder,
    moves: Moves,
    student: FakeUser,
    chat: FakeChat,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    telegram.cut_next("getMe")
    async with running(telegram, platform_of(telegram, responder, moves)):
        asked = await telegram.send(student, chat, "hush-hush question")
        await chat.next_message(after=asked)
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]  # the fake's own log
    shown = "\n".join([*ours, *capsys.readouterr()])
    assert "telegram connected" in shown
    assert "trying again" in shown
    assert "wire-test-token" not in shown
    assert "hush-hush" not in shown


async def test_a_second_program_with_the_same_token_is_warned_about(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves
) -> None:
    with capture_logs() as logs:
        async with running(telegram, platform_of(telegram, responder, moves)), aiohttp.ClientSession() as session:
            await session.post(f"{telegram.api_url}/bot{TOKEN}/getUpdates", json={"timeout": 0})
            await eventually(lambda: any("another program" in entry["event"] for entry in logs), "the warning")


async def test_nothing_is_answered_twice_after_a_restart(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, student: FakeUser, chat: FakeChat
) -> None:
    async with running(telegram, platform_of(telegram, responder, moves)):
        telegram.fail_next(
            "getUpdates", 500, "Internal Server Error"
        )  # so that "once" is not confirmed by polling on
        asked = await telegram.send(student, chat, "once")
        await chat.next_message(after=asked)
    telegram.feed.listening.clear()
    async with running(telegram, platform_of(telegram, responder, moves)):
        asked = await telegram.send(student, chat, "twice")
        await chat.next_message(after=asked)
    assert [request.arguments["question"] for request in responder.requests] == ["once", "twice"]


async def test_an_answer_that_never_ends_does_not_stop_the_end(
    telegram: FakeTelegram,
    responder: ScriptedResponder,
    moves: Moves,
    student: FakeUser,
    chat: FakeChat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.telegram.connection.LAST_WORDS_S", 0.05)
    responder.held["slow"] = asyncio.Event()
    async with running(telegram, platform_of(telegram, responder, moves)):
        await telegram.send(student, chat, "slow")
        await eventually(lambda: responder.requests, "the question")
    assert chat.bot_messages == []


async def test_a_crash_is_apologised_for_and_polling_goes_on(scene: Scene) -> None:
    scene.responder.replies["ask"] = None  # type: ignore[assignment]
    with capture_logs() as logs:
        assert "went wrong" in (await scene.answer(scene.student, scene.chat, "crash")).text
    assert [entry["event"] for entry in logs] == ["an update could not be handled"]
    del scene.responder.replies["ask"]
    assert (await scene.answer(scene.student, scene.chat, "again")).text == "reply to again"


# The webhook.


async def test_a_webhook_answers_and_a_repeated_update_is_ignored(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, student: FakeUser, chat: FakeChat
) -> None:
    platform = platform_of(telegram, responder, moves, "webhook")
    async with webhook_server(telegram, platform), running(telegram, platform):
        asked = await telegram.send(student, chat, "why?")
        [update] = telegram.feed.pending
        assert (await chat.next_message(after=asked)).text == "reply to why?"
        telegram.feed.repeat(update)
        again = await telegram.send(student, chat, "and then?")
        assert (await chat.next_message(after=again)).text == "reply to and then?"
    assert [request.arguments["question"] for request in responder.requests] == ["why?", "and then?"]


async def test_a_webhook_takes_only_what_telegram_sent(
    telegram: FakeTelegram, responder: ScriptedResponder, moves: Moves, student: FakeUser, chat: FakeChat
) -> None:
    platform = platform_of(telegram, responder, moves, "webhook")
    secret = {SECRET_HEADER: "s3cret_-"}
    assert await platform.receive(secret, b"{}") == 503
    async with webhook_server(telegram, platform) as address, running(telegram, platform):
        sent = await telegram.send(student, chat, "hm")
        await chat.next_message(after=sent)
        edited = {"update_id": 5, "edited_message": sent.payload | {"edit_date": 1}}
        async with aiohttp.ClientSession() as session:
            statuses = [
                (await session.post(address, data=body, headers=headers)).status
                for body, headers in (
                    (json.dumps(edited), {}),
                    (json.dumps(edited), {SECRET_HEADER: "s3cret_x"}),
                    ("not json", secret),
                    ('{"update_id": "x", "message": 5}', secret),
                    ("[]", secret),
                    (json.dumps(edited), secret),
                )
            ]
    assert statuses == [401, 401, 400, 400, 400, 200]
    assert len(responder.requests) == 1


async def test_a_webhook_that_telegram_refuses_is_told_in_words(
    telegram: FakeTelegram, responder: ScriptedResponder
) -> None:
    platform = TelegramPlatform(
        responder, bot_token=TOKEN, api_url=telegram.api_url, mode="webhook", public_url="http://bot.example"
    )
    with pytest.raises(ConfigurationError, match=r"(?i)https url must be provided"):
        await platform.run(asyncio.Event())


def test_without_a_configured_secret_one_is_derived_from_the_token() -> None:
    made = [Access(token, "", "webhook", "", "", 0) for token in ("1:a", "1:a", "1:b")]
    assert made[0].secret == made[1].secret != made[2].secret
    assert made[0].is_secret(made[1].secret)
    assert not made[0].is_secret("")
