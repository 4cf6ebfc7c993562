"""The fake Discord's clock, its ids, and waiting for its state."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

T = TypeVar("T")

DISCORD_EPOCH_MS: Final = 1_420_070_400_000


def created_s(snowflake: int) -> float:
    """Seconds since 1970 at which an id was made."""
    return ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000


class Clock:
    """Wall time plus what a test adds; deadlines count only what a test adds, so slowness cannot miss one."""

    def __init__(self) -> None:
        self.advanced_s = 0.0
        self._last_ms = 0

    @property
    def now_s(self) -> float:
        """Seconds since 1970, never behind the newest id."""
        return max(time.time() + self.advanced_s, self._last_ms / 1000)

    def advance(self, seconds: float) -> None:
        """Let time pass: acknowledgements, interaction tokens and signed links grow older."""
        self.advanced_s += seconds

    def snowflake(self) -> int:
        """A new id that carries the present millisecond; every id is larger than the one before."""
        self._last_ms = max(int(self.now_s * 1000), self._last_ms + 1)
        return (self._last_ms - DISCORD_EPOCH_MS) << 22

    def iso(self, at_s: float | None = None) -> str:
        """ISO 8601 in UTC, as the API writes timestamps."""
        return datetime.fromtimestamp(self.now_s if at_s is None else at_s, UTC).isoformat()


class Changes:
    """Wakes whoever waits for the fake to reach some state."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Let every waiter look again."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def until(self, probe: Callable[[], T | None], what: str, timeout_s: float) -> T:
        """Return the first true value of ``probe``.

        Raises:
            AssertionError: it did not come within ``timeout_s``; says what was awaited.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not (result := probe()):
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting.add(waiter)
            try:
                await asyncio.wait_for(waiter, max(deadline - loop.time(), 0))
            except TimeoutError:
                raise AssertionError(f"waited {timeout_s} s in vain for {what}") from None
            finally:
                self._waiting.discard(waiter)
        return result
