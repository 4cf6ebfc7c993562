"""The platforms as the program's own process meets them."""

from collections.abc import AsyncIterator

import pytest

from tests.wire import discord_spec, telegram_spec
from tests.wire.fake_discord import FakeDiscord
from tests.wire.fake_telegram import FakeTelegram
from tests.wire.production import DISCORD_TOKEN


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    """Discord, without the intents that a bot has to ask for; every call is held to the specification."""
    async with FakeDiscord(DISCORD_TOKEN, privileged_intents=0) as server:
        yield server
        discord_spec.check_calls(server.calls)


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    """Telegram; every call is held to the specification."""
    async with FakeTelegram() as server:
        yield server
        telegram_spec.check_calls(server.calls)
