"""Waiting for what another task or process does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

LOOK_EVERY_S: Final = 0.05
LONGEST_S: Final = 900.0


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it did not in ``LONGEST_S``.
    """
    try:
        async with asyncio.timeout(LONGEST_S):
            while not await holds():
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        raise TimeoutError(f"waited {LONGEST_S:.0f} s for {what}") from None
