"""Where a person answers, the bot keeps silent until it is called again: on Discord and on Telegram."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.platform import DiscordPlatform
from adapters.telegram.platform import TelegramPlatform
from core.conversation import Request
from core.overheard import Forgetful, Said
from tests.adapters.scripted_responder import ScriptedResponder
from tests.waiting import beside, eventually
from tests.wire.discord_spec import check_calls
from tests.wire.fake_discord import FakeDiscord, Guild, User
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.telegram_spec import check_calls as check_telegram_calls

TOKEN = "123456:made-up-token-for-tests_1234567890"


class Responder(ScriptedResponder):
    """The scripted responder, whose staff is who manages the community."""

    async def may(self, request: Request) -> bool:
        return request.person.manages

    @property
    def questions(self) -> list[object]:
        return [request.arguments["question"] for request in self.asked]


@dataclass
class School:
    """Alice manages a server, in which Bob asks and Carol helps."""

    fake: FakeDiscord
    responder: Responder
    heard: Forgetful
    alice: User
    bob: User
    carol: User
    guild: Guild

    async def overheard(self, count: int) -> None:
        await eventually(
            lambda: sum(isinstance(fact, Said) for fact in self.heard.facts) == count, "what people say to be heard"
        )


@pytest.fixture(autouse=True)
def _addresses_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


@pytest.fixture
async def school() -> AsyncIterator[School]:
    async with FakeDiscord(TOKEN) as fake:
        responder, heard = Responder(), Forgetful(100)
        platform = DiscordPlatform(
            responder, bot_token=TOKEN, api_url=fake.api_url, gateway_url=fake.gateway_url, listener=heard
        )
        alice, bob, carol = (fake.add_user(name) for name in ("Alice", "Bob", "Carol"))
        guild = fake.add_guild("School", owner=alice)
        guild.add_member(bob)
        guild.add_member(carol)
        stop = asyncio.Event()
        async with beside(stop, platform.run(stop)):
            await fake.connected()
            yield School(fake, responder, heard, alice, bob, carol, guild)
        check_calls(fake.calls)


async def test_on_discord_an_answer_is_not_shown_once_a_person_has_replied(school: School) -> None:
    fake, room = school.fake, school.guild.general
    asked = await fake.say(school.bob, room, f"{fake.me.mention} slowly: where does the lamp stand?")
    await eventually(lambda: school.responder.asked, "the question to arrive")
    await fake.say(school.bob, room, "I mean the one on the left", reply_to=asked)
    await fake.say(school.carol, room, "On the left side, as in lesson two", reply_to=asked)
    await school.overheard(2)
    school.responder.released.set()
    other = await fake.say(school.carol, room, f"{fake.me.mention} and the circle?")
    answer = await room.next_message(after=other)
    assert answer.author == fake.me
    assert not school.responder.cancelled, "what was begun is kept"
    assert [message for message in room.messages if message.author == fake.me] == [answer]


async def test_on_discord_replies_to_an_answer_are_left_to_who_joined_in_until_the_bot_is_named(
    school: School,
) -> None:
    fake, room = school.fake, school.guild.general
    asked = await fake.say(school.bob, room, f"{fake.me.mention} where does the lamp stand?")
    answer = await room.next_message(after=asked)
    follow_up = await fake.say(school.bob, room, "and the circle?", reply_to=answer)
    again = await room.next_message(after=follow_up)
    helping = await fake.say(school.carol, room, "Bob, look at lesson two", reply_to=follow_up)
    await school.overheard(1)
    await fake.say(school.bob, room, "thanks, that helps", reply_to=again)
    await fake.say(school.bob, room, "which minute?", reply_to=helping)
    await school.overheard(2)
    named = await fake.say(school.bob, room, f"{fake.me.mention} which minute?", reply_to=again)
    await room.next_message(after=named)
    back = await fake.say(school.bob, room, "and then?", reply_to=again)
    await room.next_message(after=back)
    assert school.responder.questions == [
        "where does the lamp stand?", "and the circle?", "which minute?", "and then?",
    ]  # fmt: skip


async def test_in_a_thread_on_discord_the_staff_takes_over_by_speaking_and_others_by_replying(
    school: School,
) -> None:
    fake = school.fake
    thread = school.guild.general.add_thread("Help", owner=school.bob)
    asked = await fake.say(school.bob, thread, f"{fake.me.mention} slowly: where does the lamp stand?")
    await eventually(lambda: school.responder.asked, "the question to arrive")
    await fake.say(school.carol, thread, "I wonder about that as well")
    await school.overheard(1)
    school.responder.released.set()
    answer = await thread.next_message(after=asked)
    await fake.say(school.alice, thread, "On the left side; I have shown it in lesson two")
    await school.overheard(2)
    await fake.say(school.bob, thread, "thank you", reply_to=answer)
    named = await fake.say(school.bob, thread, f"{fake.me.mention} and the circle?")
    await thread.next_message(after=named)
    assert school.responder.questions == ["slowly: where does the lamp stand?", "and the circle?"]


async def test_on_telegram_a_person_who_replies_has_the_floor_until_the_bot_is_named() -> None:
    async with FakeTelegram(TOKEN, "chronos_test_bot") as telegram:
        telegram.methods.reads_all_group_messages = True
        responder = Responder()
        platform = TelegramPlatform(responder, bot_token=TOKEN, api_url=telegram.api_url)
        stop = asyncio.Event()
        async with beside(stop, platform.run(stop)):
            await telegram.ready()
            owner, student = telegram.add_user("Owner"), telegram.add_user("Student")
            group = telegram.add_group("Physics", owner)
            group.add_member(student)
            asked = await telegram.send(student, group, "@chronos_test_bot slowly: where does the lamp stand?")
            await eventually(lambda: responder.asked, "the question to arrive")
            helping = await telegram.send(owner, group, "On the left side", reply_to=asked)
            other = await telegram.send(owner, group, "@chronos_test_bot and the circle?")
            answer = await group.next_message(after=other)
            responder.released.set()
            await telegram.send(student, group, "which lesson?", reply_to=helping)
            await telegram.send(student, group, "it is in lesson two, I think", reply_to=other)
            await telegram.send(owner, group, "yes", reply_to=answer)
            named = await telegram.send(student, group, "@chronos_test_bot which lesson?", reply_to=asked)
            last = await group.next_message(after=named)
        check_telegram_calls(telegram.calls)
    assert (answer.reply_to, last.reply_to) == (other.id, named.id)
    assert responder.questions == ["slowly: where does the lamp stand?", "and the circle?", "which lesson?"]
