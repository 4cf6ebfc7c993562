"""The fake Telegram, driven by a real python-telegram-bot application in both modes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.ext import Application, ApplicationBuilder, CallbackQueryHandler, MessageHandler, filters

from tests.wire.fake_telegram import Call, FakeTelegram
from tests.wire.fake_telegram_chats import GROUP_ANONYMOUS_BOT_ID, FakeChat, FakeUser
from tests.wire.fake_telegram_errors import BotApiError
from tests.wire.fake_telegram_text import parse_html, utf16_slice
from tests.wire.telegram_spec import check_calls, find_spec

TOKEN = "123456:wire-test"
BUTTONS = InlineKeyboardMarkup([[InlineKeyboardButton("👍", callback_data="up:1")]])
AnyApplication = Application[Any, Any, Any, Any, Any, Any]


@pytest.fixture(autouse=True)
def durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """python-telegram-bot warns at every ``retry_after`` unless it may return a timedelta."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(TOKEN, "chronos_test_bot") as server:
        yield server
        print(check_calls(server.calls))  # noqa: T201 - says where the specification is absent


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    async with bot_of(telegram) as client:
        yield client


@pytest.fixture
def student(telegram: FakeTelegram) -> FakeUser:
    return telegram.add_user("Student")


@pytest.fixture
def chat(telegram: FakeTelegram, student: FakeUser) -> FakeChat:
    return telegram.private(student)


def bot_of(telegram: FakeTelegram, token: str = TOKEN) -> Bot:
    return Bot(token, base_url=f"{telegram.api_url}/bot", base_file_url=f"{telegram.api_url}/file/bot")


def application_of(telegram: FakeTelegram) -> AnyApplication:
    application = ApplicationBuilder().bot(bot_of(telegram)).build()
    application.add_handler(MessageHandler(filters.ALL, echo))
    application.add_handler(CallbackQueryHandler(count_vote))
    return application


async def echo(update: Update, _: object) -> None:
    message = update.effective_message
    assert message is not None
    if message.text or message.caption:
        await message.reply_text(f"heard {message.text or message.caption}", reply_markup=BUTTONS)


async def count_vote(update: Update, _: object) -> None:
    assert update.callback_query is not None
    await update.callback_query.answer("Counted", show_alert=True)
    await update.callback_query.edit_message_text("voted")


@asynccontextmanager
async def polling(telegram: FakeTelegram) -> AsyncIterator[AnyApplication]:
    application = application_of(telegram)
    async with application:
        assert application.updater is not None
        await application.updater.start_polling(timeout=timedelta(seconds=5))
        await application.start()
        yield application
        await application.updater.stop()
        await application.stop()


async def test_a_polling_application_answers_and_its_buttons_work(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat
) -> None:
    async with polling(telegram):
        await telegram.ready()
        asked = await telegram.send(student, chat, "/ask what is gravity?")
        answer = await chat.next_message(after=asked)
        assert answer.text == "heard /ask what is gravity?"
        press = await telegram.press(student, answer, "👍")
        assert (press.text, press.show_alert) == ("Counted", True)
        edited = await chat.next_message(after=asked, predicate=lambda m: m.edits == 1)
        assert edited is answer
        assert (edited.text, edited.buttons, edited.versions) == (
            "voted",
            [],
            ["heard /ask what is gravity?"],
        )


async def test_a_webhook_gets_updates_with_the_secret_and_again_after_a_failure(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat
) -> None:
    application = application_of(telegram)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    telegram.feed.webhook_routes["https://bot.example/"] = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    async with application:
        assert application.updater is not None
        await application.updater.start_webhook(
            url_path="hook", secret_token="s3cret_-", webhook_url="https://bot.example/hook", unix=listening
        )
        await telegram.ready()
        asked = await telegram.send(student, chat, "before the start")
        await application.start()
        assert (await chat.next_message(after=asked)).text == "heard before the start"
        await telegram.all_confirmed()
        await application.updater.stop()
        await application.stop()


async def test_a_webhook_that_fails_is_asked_again_and_its_error_is_told(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat, bot: Bot
) -> None:
    seen: list[tuple[str | None, str]] = []

    async def hook(request: aiohttp.web.Request) -> aiohttp.web.Response:
        body = await request.json()
        seen.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), body["message"]["text"]))
        return aiohttp.web.Response(status=500 if len(seen) == 1 else 200)

    async with serving(hook) as url:
        await bot.set_webhook(url, secret_token="abc")
        await telegram.send(student, chat, "hello")
        await telegram.all_confirmed()
        assert seen == [("abc", "hello"), ("abc", "hello")]
        information = await bot.get_webhook_info()
        assert "500" in (information.last_error_message or "")
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates()
        await bot.delete_webhook()
        assert await bot.get_updates() == ()


@asynccontextmanager
async def serving(
    handler: Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.StreamResponse]],
) -> AsyncIterator[str]:
    application = aiohttp.web.Application()
    application.router.add_post("/hook", handler)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


async def test_two_polls_at_once_conflict(telegram: FakeTelegram, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=5))
    await telegram.ready()
    async with bot_of(telegram) as second:
        await second.get_updates(timeout=0)
    with pytest.raises(Conflict, match="terminated by other getUpdates"):
        await first


async def test_updates_stay_until_their_offset_is_confirmed(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat, bot: Bot
) -> None:
    await telegram.send(student, chat, "one")
    await telegram.send(student, chat, "two")
    first, second = await bot.get_updates()
    assert await bot.get_updates() == (first, second)
    assert await bot.get_updates(offset=second.update_id) == (second,)
    assert await bot.get_updates(offset=second.update_id + 1) == ()


async def test_html_becomes_text_and_entities_in_utf16_units(chat: FakeChat, bot: Bot) -> None:
    await bot.send_message(
        chat.id,
        '🎬 <b>bold <i>both</i></b> &lt;x&gt; <a href="https://youtu.be/abc?t=9">12:34</a>',
        parse_mode="HTML",
    )
    message = await chat.next_message()
    assert message.text == "🎬 bold both <x> 12:34"
    shown = [(e["type"], utf16_slice(message.text, e["offset"], e["length"])) for e in message.entities]
    assert shown == [("bold", "bold both"), ("italic", "both"), ("text_link", "12:34")]
    assert message.links == [("12:34", "https://youtu.be/abc?t=9")]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<p>x</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("é <i>x</b>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("x</i>", "Unexpected end tag at byte offset 1"),
        ("1 < 2", "Unclosed start tag at byte offset 2"),
    ],
)
def test_broken_html_is_refused_in_telegrams_words(broken: str, complaint: str) -> None:
    with pytest.raises(BotApiError) as caught:
        parse_html(broken)
    assert str(caught.value) == f"Bad Request: can't parse entities: {complaint}"


@pytest.mark.parametrize(("offset", "length"), [(1, 1), (0, 9), (9, 1), (0, 0)])
async def test_entities_that_do_not_fit_are_refused(chat: FakeChat, bot: Bot, offset: int, length: int) -> None:
    with pytest.raises(BadRequest, match=r"(?i)entity"):
        await bot.send_message(chat.id, "🎬 hi", entities=[MessageEntity("bold", offset, length)])


async def test_refusals_carry_telegrams_words(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat, bot: Bot
) -> None:
    sent = await bot.send_message(chat.id, "x" * 4096, reply_markup=BUTTONS)
    refused: list[tuple[Awaitable[object], str]] = [
        (bot.send_message(chat.id, "x" * 4097), "message is too long"),
        (bot.edit_message_text("x" * 4097, chat.id, sent.message_id), "MESSAGE_TOO_LONG"),
        (bot.send_message(chat.id, "  "), "message text is empty"),
        (bot.send_message(999, "x"), "chat not found"),
        (bot.send_message(chat.id, "x", message_thread_id=5), "message thread not found"),
        (bot.edit_message_text("x", chat.id, 999), "message to edit not found"),
        (bot.delete_message(chat.id, 999), "message to delete not found"),
        (bot.answer_callback_query("1"), "query is too old"),
        (bot.edit_message_reply_markup(chat.id, sent.message_id, reply_markup=BUTTONS), "is not modified"),
        (
            bot.send_message(chat.id, "x", reply_parameters=ReplyParameters(999)),
            "message to be replied not found",
        ),
    ]
    for call, words in refused:
        with pytest.raises(BadRequest, match=f"(?i){words}"):
            await call
    too_long = InlineKeyboardMarkup([[InlineKeyboardButton("b", callback_data="ü" * 33)]])
    with pytest.raises(BadRequest, match=r"(?i)button_data_invalid"):
        await bot.send_message(chat.id, "x", reply_markup=too_long)
    chat.block_bot()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(chat.id, "x")


async def test_a_wrong_token_is_unauthorized(telegram: FakeTelegram) -> None:
    with pytest.raises(InvalidToken):
        async with bot_of(telegram, "1:wrong"):
            pytest.fail("a wrong token was let in")


async def test_faults_are_injected_once(telegram: FakeTelegram, chat: FakeChat, bot: Bot) -> None:
    telegram.fail_next("sendMessage", 429, "Too Many Requests: retry after 3", {"retry_after": 3})
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(chat.id, "first")
    assert caught.value.retry_after == timedelta(seconds=3)
    telegram.cut_next("sendMessage", after_doing_it=True)
    with pytest.raises(NetworkError):
        await bot.send_message(chat.id, "second")
    await bot.send_message(chat.id, "third")
    assert [message.text for message in chat.bot_messages] == ["second", "third"]


async def test_rate_limits_follow_the_clock(telegram: FakeTelegram, student: FakeUser, bot: Bot) -> None:
    group = telegram.add_group("Class", creator=student)
    telegram.limit_rates()
    await bot.send_message(group.id, "0")
    with pytest.raises(RetryAfter):
        await bot.send_message(group.id, "too fast")
    for number in range(1, 20):
        telegram.advance_clock(1)
        await bot.send_message(group.id, str(number))
    telegram.advance_clock(1)
    with pytest.raises(RetryAfter):
        await bot.send_message(group.id, "the 21st within a minute")
    telegram.advance_clock(60)
    await bot.send_message(group.id, "a minute later")


async def test_privacy_mode_hands_over_only_what_is_meant_for_the_bot(
    telegram: FakeTelegram, student: FakeUser, bot: Bot
) -> None:
    group = telegram.add_group("Class", creator=student)
    written = await bot.send_message(group.id, "hello")
    own = group.find(written.message_id)
    for text in ("chatting", "/ask a", "/ask@chronos_test_bot b", "/ask@other_bot c", "hi @Chronos_test_bot d"):
        await telegram.send(student, group, text)
    await telegram.send(student, group, "a reply", reply_to=own)
    await telegram.send(student, group, document=("a.srt", b"1"), caption="/upload now")
    await telegram.send(student, group, document=("b.srt", b"1"))
    heard = [u.effective_message for u in await bot.get_updates() if u.message]
    texts = [m.text or m.caption for m in heard if m and not m.new_chat_members]
    assert texts == [
        "/ask a",
        "/ask@chronos_test_bot b",
        "hi @Chronos_test_bot d",
        "a reply",
        "/upload now",
    ]
    group.add_bot(student, "administrator")
    await telegram.send(student, group, "chatting")
    assert (await bot.get_updates())[-1].message is not None


async def test_a_group_tells_who_manages_it_and_hides_anonymous_administrators(
    telegram: FakeTelegram, student: FakeUser, bot: Bot
) -> None:
    group = telegram.add_group("Class", creator=student)
    ghost = telegram.add_user("Helper")
    group.add_member(ghost, "administrator", anonymous=True)
    sent = await telegram.send(ghost, group, "/setup")
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    assert update.message.from_user is not None
    assert update.message.from_user.id == sent.sender_id == GROUP_ANONYMOUS_BOT_ID
    assert update.message.sender_chat == update.message.chat
    statuses = {member.user.id: member.status for member in await bot.get_chat_administrators(group.id)}
    assert statuses == {student.id: "creator", ghost.id: "administrator"}
    assert (await bot.get_chat_member(group.id, telegram.bot.id)).status == "member"
    assert (await bot.get_chat(group.id)).title == "Class"


async def test_the_bot_learns_that_it_was_added_and_thrown_out(
    telegram: FakeTelegram, student: FakeUser, bot: Bot
) -> None:
    group = telegram.add_group("Class", creator=student)
    group.remove_bot(by=student)
    changes = [u.my_chat_member for u in await bot.get_updates() if u.my_chat_member]
    moves = [(c.old_chat_member.status, c.new_chat_member.status) for c in changes]
    assert moves == [("left", "member"), ("member", "kicked")]
    with pytest.raises(Forbidden, match="bot was kicked from the supergroup chat"):
        await bot.send_message(group.id, "x")


async def test_topics_keep_their_messages(telegram: FakeTelegram, student: FakeUser, bot: Bot) -> None:
    forum = telegram.add_group("Forum", creator=student, forum=True)
    topic = forum.add_topic("Questions", by=student)
    await telegram.send(student, forum, "/ask x", topic=topic)
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    assert (update.message.message_thread_id, update.message.is_topic_message) == (topic, True)
    await bot.send_message(forum.id, "y", message_thread_id=topic)
    assert (await forum.next_message()).topic == topic


async def test_a_group_that_became_a_supergroup_refuses_under_its_old_id(
    telegram: FakeTelegram, student: FakeUser, bot: Bot
) -> None:
    group = telegram.add_group("Class", creator=student, supergroup=False)
    new = telegram.migrate(group, by=student)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message(group.id, "x")
    assert caught.value.new_chat_id == new.id
    await bot.send_message(new.id, "x")
    migrations = [u.message.migrate_to_chat_id for u in await bot.get_updates() if u.message]
    assert new.id in migrations


async def test_files_travel_both_ways_and_big_ones_do_not(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat, bot: Bot
) -> None:
    await telegram.send(student, chat, document=("talk.srt", b"1\n"), caption="/upload")
    await telegram.send(student, chat, document=("big.srt", b"x" * 20_000_001))
    small, big = [u.message.document for u in await bot.get_updates() if u.message]
    assert small is not None
    assert big is not None
    assert bytes(await (await small.get_file()).download_as_bytearray()) == b"1\n"
    with pytest.raises(BadRequest, match=r"(?i)file is too big"):
        await big.get_file()
    await bot.send_document(chat.id, b"exported", filename="export.json", caption="<b>Yours</b>", parse_mode="HTML")
    await bot.send_photo(chat.id, b"png", caption="A chart")
    sent = await chat.next_message()
    assert sent.payload["document"]["file_name"] == "export.json"
    assert sent.text == "Yours"
    assert (await chat.next_message()).text == "A chart"


async def test_the_bot_describes_itself(telegram: FakeTelegram, bot: Bot) -> None:
    await bot.set_my_commands([BotCommand("ask", "Ask")], scope=BotCommandScopeAllGroupChats())
    await bot.set_my_commands([BotCommand("ask", "Fragen")], language_code="de")
    await bot.set_my_description("Answers")
    await bot.set_my_short_description("Short")
    assert telegram.commands("all_group_chats") == ["ask"]
    assert telegram.commands("default", "de") == ["ask"]
    assert telegram.commands() == []
    assert [c.command for c in await bot.get_my_commands(scope=BotCommandScopeAllGroupChats())] == ["ask"]
    await bot.delete_my_commands(scope=BotCommandScopeAllGroupChats())
    assert telegram.commands("all_group_chats") == []
    with pytest.raises(BadRequest, match=r"(?i)bot_command_invalid"):
        await bot.set_my_commands([("Ask-me", "Upper case and a dash")])


async def test_drafts_actions_reactions_and_edits_reach_the_chat(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat, bot: Bot
) -> None:
    asked = await telegram.send(student, chat, "/ask x")
    await telegram.edit(asked, "/ask y")
    assert [u.edited_message.text for u in await bot.get_updates() if u.edited_message] == ["/ask y"]
    await bot.send_chat_action(chat.id, "typing")
    await bot.set_message_reaction(chat.id, asked.id, "👀")
    await bot.send_message_draft(chat.id, 1, "Grav")
    await bot.send_message_draft(chat.id, 1, "Gravity")
    assert (chat.actions, chat.drafts) == (["typing"], {1: ["Grav", "Gravity"]})
    assert asked.reactions[0]["emoji"] == "👀"
    await bot.send_message(
        chat.id,
        "done",
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        reply_parameters=ReplyParameters(asked.id),
    )
    assert (await chat.next_message(after=asked)).reply_to == asked.id


async def test_json_bodies_and_get_requests_are_understood(telegram: FakeTelegram, chat: FakeChat) -> None:
    root = f"{telegram.api_url}/bot{TOKEN}"
    async with aiohttp.ClientSession() as session:
        await session.post(f"{root}/sendMessage", json={"chat_id": chat.id, "text": "json"})
        await session.get(f"{root}/sendMessage", params={"chat_id": chat.id, "text": "query"})
        async with session.post(f"{root}/noSuchMethod") as response:
            assert response.status == 404
    assert [message.text for message in chat.bot_messages] == ["json", "query"]
    telegram.calls = [call for call in telegram.calls if call.method != "noSuchMethod"]


async def test_waiting_in_vain_says_what_stands_in_the_chat(
    telegram: FakeTelegram, student: FakeUser, chat: FakeChat
) -> None:
    await telegram.send(student, chat, "hello?")
    with pytest.raises(AssertionError, match="hello"):
        await chat.next_message(timeout_s=0)


@pytest.mark.skipif(find_spec() is None, reason="no Bot API specification on this machine (VENDOR_SPECS)")
@pytest.mark.parametrize(
    ("method", "arguments", "complaint"),
    [
        ("sendMessage", {"chat_id": "1"}, "text is required"),
        ("sendMessage", {"chat_id": "1", "text": "x", "colour": "red"}, "colour is unknown"),
        ("sendMessage", {"chat_id": "1", "text": "x", "entities": '[{"type": "bold", "offset": "0"}]'}, "offset"),
        ("sendMesage", {}, "no such method"),
        ("setMyCommands", {"commands": '{"command": "x"}'}, "is not an array"),
        ("sendMessage", {"chat_id": "1", "text": "x", "protect_content": "1"}, "is not Boolean"),
    ],
)
def test_the_specification_catches_a_wrong_call(method: str, arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_calls([Call(method, arguments, {}, "form")])


def test_without_a_specification_the_check_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.wire.telegram_spec.find_spec", lambda: None)
    assert check_calls([Call("noSuchMethod", {}, {}, "form")]).startswith("skipped")
