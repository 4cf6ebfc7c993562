"""A quiz by the real buttons of Discord and Telegram: discord.py and python-telegram-bot as they are, on loopback."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.platform import DiscordPlatform
from adapters.telegram.platform import TelegramPlatform
from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from tests.waiting import beside
from tests.wire.fake_discord import FakeDiscord, Message, User
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.fake_telegram_chats import FakeMessage, FakeUser
from tests.wire.production import DISCORD_TOKEN

BREAD: Final = b"""title: Rye bread

How long does the dough rest?
+ ninety minutes
- a day
- it never does

Which of these feed the starter?
+ flour
+ water
- salt
"""
RIGHT: Final = {"ninety minutes", "flour", "water"}


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = Settings.model_validate({"storage": {"data_dir": str(tmp_path)}})
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


def right_letters(text: str) -> list[str]:
    return [letter for letter, option in re.findall(r"^([A-F])\\?\. (.+)$", text, re.MULTILINE) if option in RIGHT]


async def test_a_quiz_runs_by_discords_buttons_in_one_message_that_only_its_student_sees(
    deployment: Deployment, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    owner, student = discord.add_user("Owner"), discord.add_user("Student")
    general = discord.add_guild("Bakery", owner=owner).general
    assert general.guild is not None
    general.guild.add_member(student)
    platform = DiscordPlatform(
        deployment.responder, bot_token=DISCORD_TOKEN, api_url=discord.api_url, gateway_url=discord.gateway_url,
        largest_file_bytes=10_000_000,
    )  # fmt: skip
    stop = asyncio.Event()
    async with beside(stop, platform.run(stop)):
        await discord.connected()
        await (await discord.slash(owner, general, "setup")).reply()
        made = await (await discord.slash(owner, general, "quiz_admin", file=("rye.txt", BREAD))).reply()
        await (await discord.click(owner, made, "Publish")).reply()
        (offered,) = await discord.autocomplete(student, general, "quiz", "quiz", quiz="bread")
        card = await (await discord.slash(student, general, "quiz", quiz=offered["value"])).reply()
        assert card.ephemeral
        result = await _taken_on_discord(discord, student, card)
        assert result is card
        assert "2 of 2 right (100 %)" in result.content
        assert [button["label"] for button in result.buttons] == ["Try again", "All answers"]


async def _taken_on_discord(fake: FakeDiscord, student: User, card: Message) -> Message:
    while "🏁" not in card.content:
        letters = right_letters(card.content)
        several = any(button["label"] == "Done" for button in card.buttons)
        for letter in letters:
            key = f"☐ {letter}" if several else letter
            card = await (await fake.click(student, card, key)).reply()
        if several:
            card = await (await fake.click(student, card, "Done")).reply()
    return card


async def test_a_quiz_of_a_group_runs_by_telegrams_buttons_in_the_students_private_chat(
    deployment: Deployment, telegram: FakeTelegram
) -> None:
    owner, student = telegram.add_user("Baker"), telegram.add_user("Apprentice")
    group = telegram.add_group("Bakery", owner)
    group.add_member(student)
    alone, staff = telegram.private(student), telegram.private(owner)

    async def moved(platform: str, old_id: str, new_id: str) -> None:
        raise AssertionError("no group moves")

    platform = TelegramPlatform(
        deployment.responder, bot_token=telegram.bot_token, api_url=telegram.api_url, mode="polling",
        public_url="https://bot.example", webhook_secret="s3cret", moved=moved,
    )  # fmt: skip
    stop = asyncio.Event()
    async with beside(stop, platform.run(stop)):
        await telegram.ready()
        said = await telegram.send(owner, group, "/setup")
        await group.next_message(said, lambda reply: "is ready here" in reply.text)
        await telegram.send(owner, group, document=("rye.txt", BREAD), caption="/quiz_admin")
        made = await staff.next_message()
        await telegram.press(owner, made, "Publish")
        await telegram.until(lambda: "Published" in made.text or None, what="the quiz to be open")
        await telegram.send(student, group, "/quiz bread")
        card = await alone.next_message()
        await _taken_on_telegram(telegram, student, card)
        assert "2 of 2 right (100 %)" in card.text
        assert alone.bot_messages == [card]


async def _taken_on_telegram(telegram: FakeTelegram, student: FakeUser, card: FakeMessage) -> None:
    async def press(label: str) -> None:
        edits = card.edits
        await telegram.press(student, card, label)
        await telegram.until(lambda: card.edits > edits or None, what="the edit")

    while "🏁" not in card.text:
        letters = right_letters(card.text)
        several = any(button.label == "Done" for button in card.buttons)
        for letter in letters:
            await press(f"☐ {letter}" if several else letter)
        if several:
            await press("Done")
