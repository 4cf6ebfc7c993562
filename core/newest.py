"""Handing over what changes faster than somebody can take it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

State = TypeVar("State")


class Newest(Generic[State]):
    """Hands over the newest state, never two at once; whoever brings states never waits.

    Args:
        give: takes a state; where it fails, it gets no more, and the event loop's handler hears of it.
        every_s: seconds between two hand-overs at least; the first goes at once.
    """

    def __init__(self, give: Callable[[State], Awaitable[None]], every_s: float = 0.0) -> None:
        self._give = give
        self._every_s = every_s
        self._waiting: list[State] = []
        self._task: asyncio.Task[None] | None = None
        self._giving = False
        self._closed = False

    def put(self, state: State) -> None:
        """Bring a state; those that nobody has taken yet are forgotten."""
        if self._closed:
            return
        self._waiting[:] = [state]
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._hand_over())

    async def close(self) -> None:
        """Hand over nothing more; returns once whoever takes a state right now has it."""
        self._closed = True
        self._waiting.clear()
        if self._task is not None:
            if not self._giving:
                self._task.cancel()
            await asyncio.wait({self._task})

    async def _hand_over(self) -> None:
        while self._waiting:
            self._giving = True
            try:
                await self._give(self._waiting.pop())
            except Exception as error:  # noqa: BLE001 - what is handed over is only a preview of what comes anyway
                self._closed = True
                told = {"message": "a growing state could not be handed over", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)
            self._giving = False
            if self._closed:
                return
            await asyncio.sleep(self._every_s)
