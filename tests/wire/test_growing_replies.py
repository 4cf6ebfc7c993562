"""Replies that are read while they are written, on the fake Discord and Telegram, with the libraries unmodified."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord import dialogue
from adapters.discord.platform import DiscordPlatform
from adapters.telegram import growing
from adapters.telegram.platform import TelegramPlatform
from adapters.telegram.writing import MOST_CUT_CALLS
from core.conversation import Button, Command, Parameter, Place, Reply, Request, Show, Suggestion, unshown
from core.richtext import RichText, link
from tests.waiting import beside, eventually
from tests.wire.discord_spec import check_calls as check_discord
from tests.wire.fake_discord import Channel, FakeDiscord, User
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.fake_telegram_chats import FakeChat, FakeUser
from tests.wire.telegram_spec import check_calls as check_telegram

ADDRESS = "https://v.test/1?t=754"
PARTS = (
    RichText.of("The core shadow lies opposite the lamp. ", link("[1]", ADDRESS)),
    RichText.of(" Leave a thin reflected light.", " ", link("[2]", ADDRESS)),
)
WHOLE = Reply(
    RichText.of(*PARTS, "\n\n\u25b8 Spheres ", link("12:34", ADDRESS)), ((Button("\U0001f44d", "vote", "1:2:1"),),)
)
FIRST, BOTH = "The core shadow lies opposite the lamp.", "Leave a thin reflected light."
LONG = RichText.of("A whole sentence that says a little. " * 200)


@dataclass
class Writing:
    """Shows a part of its reply each time a test lets it, and then replies."""

    parts: Sequence[RichText] = PARTS
    whole: Reply = WHOLE
    hidden: bool = False
    steps: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    shown: int = 0
    commands: Sequence[Command] = (
        Command("ask", "Ask", parameters=(Parameter("question", "What?", required=True),)),
    )

    def step(self, times: int = 1) -> None:
        """Let it go on."""
        for _ in range(times):
            self.steps.release()

    async def private(self, request: Request) -> bool:
        return self.hidden

    async def may(self, request: Request) -> bool:
        return False

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        so_far = RichText()
        for part in self.parts:
            so_far += part
            await show(Reply(so_far))
            self.shown += 1
            await self.steps.acquire()
        return self.whole

    async def suggest(self, request: Request, parameter: str, typed: str) -> Sequence[Suggestion]:
        return []

    async def joined(self, place: Place) -> Reply | None:
        return None


@dataclass
class Kept:
    """What the platforms left for later, as the outbox would keep it."""

    parcels: list[tuple[Place, Reply, str]] = field(default_factory=list)

    async def leave(self, place: Place, reply: Reply, message_id: str) -> None:
        self.parcels.append((place, reply, message_id))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def writing() -> Writing:
    return Writing()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits follow each other at once, and the library's addresses return after the test."""
    monkeypatch.setattr(dialogue, "EDIT_EVERY_S", 0.0)
    monkeypatch.setattr(growing, "DRAFT_EVERY_S", 0.0)
    monkeypatch.setattr(growing, "EDIT_EVERY_S", 0.0)
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


# Discord


@dataclass
class School:
    """Bob is a member of Alice's server; the bot is there."""

    fake: FakeDiscord
    alice: User
    bob: User
    general: Channel

    def texts(self) -> list[str]:
        """What the bot's messages say that everybody here can read."""
        ours = [m for m in self.general.messages if m.author is self.fake.me]
        return [m.content for m in ours if not m.deleted and not m.ephemeral]


@pytest.fixture
async def school(writing: Writing, kept: Kept) -> AsyncIterator[School]:
    async with FakeDiscord("made-up.token.for-tests", privileged_intents=0) as fake:
        alice, bob = fake.add_user("Alice"), fake.add_user("Bob")
        guild = fake.add_guild("School", owner=alice)
        guild.add_member(bob)
        platform = DiscordPlatform(
            writing,
            bot_token="made-up.token.for-tests",
            api_url=fake.api_url,
            gateway_url=fake.gateway_url,
            leftovers=kept,
        )
        stop = asyncio.Event()
        async with beside(stop, platform.run(stop)):
            await fake.connected()
            yield School(fake, alice, bob, guild.general)
        check_discord(fake.calls)


async def test_a_slash_commands_reply_grows_where_thinking_stood_and_ends_whole(
    school: School, writing: Writing
) -> None:
    interaction = await school.fake.slash(school.bob, school.general, "ask", question="why?")
    growing = await interaction.settled(lambda message: FIRST in message.content)
    assert BOTH not in growing.content
    assert growing.components == []
    assert f"[[1]](<{ADDRESS}>)" in growing.content.replace("\\", "")
    writing.step()
    await interaction.settled(lambda message: BOTH in message.content)
    writing.step()
    whole = await interaction.settled(lambda message: "Spheres" in message.content)
    assert len(whole.components) == 1
    assert len(interaction.messages) == 1


async def test_a_mention_is_answered_by_one_message_that_grows(school: School, writing: Writing) -> None:
    said = await school.fake.say(school.bob, school.general, f"{school.fake.me.mention} why?")
    growing = await school.general.next_message(after=said)
    assert FIRST in growing.content
    assert growing.components == []
    writing.step(2)
    await eventually(lambda: "Spheres" in growing.content, "the whole reply")
    assert len(school.texts()) == 1
    assert len(growing.components) == 1


async def test_a_growing_message_that_somebody_deletes_is_answered_anew(school: School, writing: Writing) -> None:
    said = await school.fake.say(school.bob, school.general, f"{school.fake.me.mention} why?")
    school.fake.delete(await school.general.next_message(after=said))
    writing.step(2)
    await eventually(lambda: any("Spheres" in text for text in school.texts()), "the whole reply")


async def test_a_private_reply_is_seen_by_the_person_alone_while_it_grows(school: School, writing: Writing) -> None:
    writing.hidden = True
    interaction = await school.fake.slash(school.bob, school.general, "ask", question="why?")
    assert (await interaction.settled(lambda message: FIRST in message.content)).ephemeral
    writing.step(2)
    assert (await interaction.settled(lambda message: "Spheres" in message.content)).ephemeral
    writing.step(2)
    said = await school.fake.say(school.bob, school.general, f"{school.fake.me.mention} why?")
    told = await school.general.next_message(after=said)
    assert "direct message" in told.content
    assert FIRST not in str([told.edits, school.texts()])


async def test_a_reply_longer_than_a_message_grows_in_the_first_and_ends_in_as_many_as_it_needs(
    school: School, writing: Writing
) -> None:
    writing.parts, writing.whole = (LONG,), Reply(LONG + "The end.")
    interaction = await school.fake.slash(school.bob, school.general, "ask", question="why?")
    growing = await interaction.settled(lambda message: "whole sentence" in message.content)
    assert len(growing.content) <= 2000
    writing.step()
    await eventually(lambda: any("The end." in m.content for m in interaction.messages), "the last part")
    assert "".join(m.content for m in interaction.messages).count("whole sentence") == 200


async def test_when_discord_takes_no_edit_meanwhile_the_whole_reply_comes_all_the_same(
    school: School, writing: Writing
) -> None:
    interaction = await school.fake.slash(school.bob, school.general, "ask", question="why?")
    await interaction.settled(lambda message: FIRST in message.content)
    school.fake.fail_next("PATCH /webhooks", 403)
    writing.step()
    await eventually(lambda: writing.shown == 2, "the second part to be shown")
    await eventually(lambda: any(call.status == 403 for call in school.fake.calls), "the refused edit")
    writing.step()
    await interaction.settled(lambda message: "Spheres" in message.content)


async def test_where_a_person_answers_a_growing_answer_is_taken_away(school: School, writing: Writing) -> None:
    said = await school.fake.say(school.bob, school.general, f"{school.fake.me.mention} why?")
    await school.general.next_message(after=said)
    await school.fake.say(school.alice, school.general, "I will tell you.", reply_to=said)
    writing.step(2)
    await eventually(lambda: school.texts() == [], "the bot to leave it to Alice")


async def test_an_end_that_discord_does_not_take_is_sent_anew_and_the_beginning_goes(
    school: School, writing: Writing, kept: Kept
) -> None:
    said = await school.fake.say(school.bob, school.general, f"{school.fake.me.mention} why?")
    await school.general.next_message(after=said)
    writing.step()
    await eventually(lambda: BOTH in str(school.texts()), "the second part")
    school.fake.fail_next("PATCH /channels", 503)
    writing.step()
    await eventually(lambda: len(school.texts()) == 1 and "Spheres" in school.texts()[0], "the whole reply alone")
    assert not kept.parcels


async def test_an_end_that_discord_takes_in_no_way_waits_for_the_outbox_in_the_place_of_its_beginning(
    school: School, writing: Writing, kept: Kept
) -> None:
    said = await school.fake.say(school.bob, school.general, f"{school.fake.me.mention} why?")
    growing = await school.general.next_message(after=said)
    writing.step()
    await eventually(lambda: BOTH in growing.content, "the second part")
    school.fake.fail_next("PATCH /channels", 503)
    school.fake.fail_next(f"POST /channels/{school.general.id}/messages", 503)
    writing.step()
    await eventually(lambda: kept.parcels, "the reply to be kept")
    ((place, reply, message_id),) = kept.parcels
    assert (place.channel, reply, message_id) == (str(school.general.id), WHOLE, str(growing.id))
    assert "Spheres" not in str(school.texts())


async def test_a_slash_commands_end_that_discord_does_not_take_comes_as_a_message(
    school: School, writing: Writing
) -> None:
    interaction = await school.fake.slash(school.bob, school.general, "ask", question="why?")
    await interaction.settled(lambda message: FIRST in message.content)
    writing.step()
    await interaction.settled(lambda message: BOTH in message.content)
    school.fake.fail_next("PATCH /webhooks", 503)
    writing.step()
    await eventually(lambda: any("Spheres" in text for text in school.texts()), "the whole reply")


# Telegram


@dataclass
class Class:
    """A student with a private chat, and a group."""

    telegram: FakeTelegram
    student: FakeUser
    owner: FakeUser
    chat: FakeChat


@pytest.fixture
async def lessons(writing: Writing, kept: Kept) -> AsyncIterator[Class]:
    async with FakeTelegram("123456:wire-test-token", "chronos_test_bot") as telegram:
        telegram.methods.reads_all_group_messages = True
        student, owner = telegram.add_user("Student"), telegram.add_user("Owner")
        chat = telegram.private(student)
        async with _on_telegram(telegram, writing, kept):
            yield Class(telegram, student, owner, chat)
        check_telegram(telegram.calls)


@asynccontextmanager
async def _on_telegram(telegram: FakeTelegram, writing: Writing, kept: Kept) -> AsyncIterator[None]:
    platform = TelegramPlatform(writing, bot_token="123456:wire-test-token", api_url=telegram.api_url, leftovers=kept)
    stop = asyncio.Event()
    async with beside(stop, platform.run(stop)):
        await telegram.ready()
        yield


async def test_in_a_private_chat_a_draft_grows_and_the_message_is_sent_whole(
    lessons: Class, writing: Writing
) -> None:
    said = await lessons.telegram.send(lessons.student, lessons.chat, "why?")
    await eventually(lambda: lessons.chat.drafts, "the draft")
    (drafts,) = lessons.chat.drafts.values()
    assert drafts == [FIRST + " [1]"]
    writing.step()
    await eventually(lambda: len(drafts) == 2, "the second part")
    writing.step()
    whole = await lessons.chat.next_message(after=said)
    assert BOTH in drafts[1]
    assert (whole.edits, "Spheres" in whole.text) == (0, True)


async def test_in_a_group_one_message_grows_by_edits(lessons: Class, writing: Writing) -> None:
    group = lessons.telegram.add_group("Physics", lessons.owner)
    group.add_member(lessons.student)
    said = await lessons.telegram.send(lessons.student, group, "@chronos_test_bot why?")
    growing = await group.next_message(after=said)
    assert FIRST in growing.text
    assert growing.buttons == []
    writing.step(2)
    await eventually(lambda: "Spheres" in growing.text, "the whole reply")
    assert len([message for message in group.messages if message.payload["from"]["is_bot"]]) == 1
    assert growing.buttons != []


async def test_when_telegram_asks_to_slow_down_the_growing_stops_and_the_whole_reply_comes(
    lessons: Class, writing: Writing
) -> None:
    lessons.telegram.fail_next("sendMessageDraft", 429, "Too Many Requests: retry after 30", {"retry_after": 30})
    said = await lessons.telegram.send(lessons.student, lessons.chat, "why?")
    writing.step(2)
    assert "Spheres" in (await lessons.chat.next_message(after=said)).text
    assert lessons.chat.drafts == {}


async def test_a_long_draft_shows_what_one_message_holds(lessons: Class, writing: Writing) -> None:
    writing.parts, writing.whole = (LONG + LONG,), Reply(LONG + LONG + "The end.")
    await lessons.telegram.send(lessons.student, lessons.chat, "why?")
    await eventually(lambda: lessons.chat.drafts, "the draft")
    ((draft,),) = lessons.chat.drafts.values()
    assert len(draft) <= 4096
    writing.step()
    await eventually(lambda: any("The end." in m.text for m in lessons.chat.messages), "the last part")


async def test_where_a_person_answers_in_a_group_the_growing_answer_is_taken_away(
    lessons: Class, writing: Writing
) -> None:
    group = lessons.telegram.add_group("Physics", lessons.owner)
    group.add_member(lessons.student)
    said = await lessons.telegram.send(lessons.student, group, "@chronos_test_bot why?")
    growing = await group.next_message(after=said)
    await lessons.telegram.send(lessons.owner, group, "I will tell you.", reply_to=said)
    writing.step(2)
    await eventually(lambda: growing.is_deleted, "the bot to leave it to the owner")


@pytest.mark.parametrize(
    ("status", "words", "wait_s"),
    [(500, "Internal Server Error", 0), (429, "Too Many Requests: retry after 900", 900)],
)
async def test_an_end_that_telegram_takes_in_no_way_waits_for_the_outbox_in_the_place_of_its_beginning(
    lessons: Class, writing: Writing, kept: Kept, status: int, words: str, wait_s: int
) -> None:
    group = lessons.telegram.add_group("Physics", lessons.owner)
    group.add_member(lessons.student)
    said = await lessons.telegram.send(lessons.student, group, "@chronos_test_bot why?")
    growing = await group.next_message(after=said)
    writing.step()
    await eventually(lambda: BOTH in growing.text, "the second part")
    parameters = {"retry_after": wait_s} if wait_s else None
    for method in ("editMessageText", "sendMessage"):
        for _ in range(1 if wait_s else MOST_CUT_CALLS):
            lessons.telegram.fail_next(method, status, words, parameters)
    writing.step()
    await eventually(lambda: kept.parcels, "the reply to be kept")
    ((place, reply, message_id),) = kept.parcels
    assert (place.channel, reply, message_id) == (str(group.id), WHOLE, str(growing.id))


async def test_an_end_that_telegram_does_not_take_is_sent_anew_and_the_beginning_goes(
    lessons: Class, writing: Writing, kept: Kept
) -> None:
    group = lessons.telegram.add_group("Physics", lessons.owner)
    group.add_member(lessons.student)
    said = await lessons.telegram.send(lessons.student, group, "@chronos_test_bot why?")
    growing = await group.next_message(after=said)
    writing.step()
    await eventually(lambda: BOTH in growing.text, "the second part")
    lessons.telegram.fail_next("editMessageText", 429, "Too Many Requests: retry after 900", {"retry_after": 900})
    writing.step()
    whole = await group.next_message(after=growing)
    assert "Spheres" in whole.text
    await eventually(lambda: growing.is_deleted, "the beginning to go")
    assert not kept.parcels
