"""What Discord and Telegram show the bot of what people say to each other, and what of it is handed over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.platform import DiscordPlatform
from adapters.telegram.platform import TelegramPlatform
from core.conversation import Person, Place
from core.overheard import Deleted, Forgetful, Reacted, Said
from tests.adapters.scripted_responder import ScriptedResponder
from tests.waiting import beside, eventually
from tests.wire.discord_spec import check_calls
from tests.wire.fake_discord import FakeDiscord
from tests.wire.fake_discord_gateway import MESSAGE_CONTENT, PRIVILEGED
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.telegram_spec import check_calls as check_telegram_calls

TOKEN = "123456:made-up-token-for-tests_1234567890"
TEXT = "The lamp stands on the left side"


@pytest.fixture(autouse=True)
def _addresses_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


@pytest.fixture
def listener() -> Forgetful:
    return Forgetful(100)


async def discord_with(intents: int, listener: Forgetful) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(TOKEN, privileged_intents=intents) as fake:
        platform = DiscordPlatform(
            ScriptedResponder(),
            bot_token=TOKEN,
            api_url=fake.api_url,
            gateway_url=fake.gateway_url,
            listener=listener,
        )
        stop = asyncio.Event()
        async with beside(stop, platform.run(stop)):
            await fake.connected()
            yield fake
        check_calls(fake.calls)


@pytest.fixture
async def reading(listener: Forgetful) -> AsyncIterator[FakeDiscord]:
    async for fake in discord_with(MESSAGE_CONTENT, listener):
        yield fake


@pytest.fixture
async def unread(listener: Forgetful) -> AsyncIterator[FakeDiscord]:
    async for fake in discord_with(PRIVILEGED & ~MESSAGE_CONTENT, listener):
        yield fake


async def test_discord_hands_over_what_people_say_and_nothing_of_bots_webhooks_or_edits(
    reading: FakeDiscord, listener: Forgetful
) -> None:
    alice, bob, robot = reading.add_user("Alice"), reading.add_user("Bob"), reading.add_user("Robot", bot=True)
    school = reading.add_guild("School", owner=alice)
    for user in (bob, robot):
        school.add_member(user)
    await reading.say(robot, school.general, TEXT)
    reading.post_by_webhook(school.general, "News", TEXT)
    await reading.say(bob, reading.dm(bob), TEXT)
    await reading.say(bob, school.general, f"{reading.me.mention} where does the lamp stand?")
    first = await reading.say(bob, school.general, TEXT)
    reading.edit(first, f"{TEXT}!")
    second = await reading.say(alice, school.general, TEXT, reply_to=first)
    reading.react(alice, first)
    reading.react(robot, first)
    reading.react(alice, first, added=False)
    reading.delete(second)
    reading.delete(first, second)
    await eventually(lambda: len(listener.facts) == 6, "everything to be heard")

    place = Place("discord", str(school.general.id), str(school.id))
    said = [fact for fact in listener.facts if isinstance(fact, Said)]
    assert [(fact.message_id, fact.person.name, fact.person.manages, fact.text) for fact in said] == [
        (str(first.id), "Bob", False, TEXT), (str(second.id), "Alice", True, TEXT),
    ]  # fmt: skip
    assert {(fact.place.channel, fact.place.community) for fact in said} == {(place.channel, place.community)}
    reacted = [fact for fact in listener.facts if isinstance(fact, Reacted)]
    assert [(fact.message_id, fact.person, fact.stands) for fact in reacted] == [
        (str(first.id), Person("discord", str(alice.id)), True),
        (str(first.id), Person("discord", str(alice.id)), False),
    ]
    assert list(listener.facts)[-2:] == [
        Deleted(place, (str(second.id),)), Deleted(place, (str(first.id), str(second.id))),
    ]  # fmt: skip


async def test_discord_is_not_asked_for_messages_that_the_operator_keeps_from_the_bot(
    unread: FakeDiscord, listener: Forgetful
) -> None:
    alice = unread.add_user("Alice")
    school = unread.add_guild("School", owner=alice)
    message = await unread.say(alice, school.general, TEXT)
    unread.delete(message)
    await eventually(lambda: len(listener.facts) > 0, "the deletion to be heard")

    assert not unread.intents & MESSAGE_CONTENT
    assert [type(fact) for fact in listener.facts] == [Deleted]


async def test_telegram_hands_over_what_people_say_where_privacy_mode_is_off(listener: Forgetful) -> None:
    async with FakeTelegram(TOKEN, "chronos_test_bot") as telegram:
        telegram.methods.reads_all_group_messages = True
        platform = TelegramPlatform(ScriptedResponder(), bot_token=TOKEN, api_url=telegram.api_url, listener=listener)
        stop = asyncio.Event()
        async with beside(stop, platform.run(stop)):
            await telegram.ready()
            owner, student = telegram.add_user("Owner"), telegram.add_user("Student")
            group = telegram.add_group("Physics", owner, bot_status="administrator")
            group.add_member(student)
            await telegram.send(student, telegram.private(student), TEXT)
            await telegram.send(student, group, "/roll@another_bot twenty dice for my sphere")
            await telegram.send(student, group, TEXT, forwarded_from=owner)
            await telegram.send(owner, group, TEXT, anonymous=True)
            first = await telegram.send(student, group, TEXT)
            await telegram.edit(first, f"{TEXT}!")
            second = await telegram.send(owner, group, TEXT)
            telegram.react(owner, first, "👍")
            telegram.react(owner, first)
            await eventually(lambda: len(listener.facts) == 5, "everything to be heard")
        check_telegram_calls(telegram.calls)

    said = {fact.message_id: fact for fact in listener.facts if isinstance(fact, Said) and fact.text == TEXT}
    written = {str(message.payload["message_id"]): message for message in (first, second)}
    assert said.keys() == written.keys()
    assert [said[key].person.manages for key in written] == [False, True]
    assert {fact.place.community for fact in said.values()} == {str(group.id)}
    assert all(abs(fact.at - datetime.now(UTC)) < timedelta(days=1) for fact in said.values())
    reacted = [fact for fact in listener.facts if isinstance(fact, Reacted)]
    assert sorted((fact.person.external_id, fact.stands) for fact in reacted) == [
        (str(owner.id), False), (str(owner.id), True),
    ]  # fmt: skip
