"""Writing down what was overheard, beside the chat."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from core.errors import OperatorError
from core.rewards.listening import BATCH, Listening

log = structlog.get_logger()

WRITE_EVERY_S: Final = 2.0
WAIT_FOR_DATABASE_S: Final = 10.0


async def note_for_ever(listening: Listening) -> None:
    """Note what waits, batch by batch, until cancelled; then what is left."""
    dropped = 0
    try:
        while True:
            await asyncio.sleep(await _pause_s(listening))
            if listening.dropped > dropped:
                log.warning("more was written in the chats than can be noted", dropped=listening.dropped - dropped)
                dropped = listening.dropped
    finally:
        with suppress(OperatorError):
            while await listening.write():
                pass


async def _pause_s(listening: Listening) -> float:
    """Note a batch, and say how long to wait before the next."""
    try:
        return 0.0 if await listening.write() == BATCH else WRITE_EVERY_S
    except OperatorError as error:
        log.warning("what was overheard cannot be noted now", reason=str(error))
        return WAIT_FOR_DATABASE_S
    except Exception as error:
        log.exception("a batch of what was overheard is lost", exc_info=error)
        return WRITE_EVERY_S
