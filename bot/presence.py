"""Noting when the bot can be asked, so that its own absence breaks nobody's streak."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from core.errors import DatabaseError
from core.rewards.streaks import Streaks

log = structlog.get_logger()

LOOK_EVERY_S: Final = 60.0


async def beat_for_ever(streaks: Streaks, reachable: Callable[[], bool]) -> None:
    """Note again and again that the bot can be asked, while it can, until cancelled."""
    while True:
        if reachable():
            try:
                await streaks.beat(datetime.now(UTC))
            except DatabaseError as error:
                log.warning("it cannot be noted that the bot is here", reason=str(error))
        await asyncio.sleep(LOOK_EVERY_S)
