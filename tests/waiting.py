"""Waiting that ends by itself and says what it waited for."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sized
from contextlib import asynccontextmanager
from typing import Any, Final

LOOK_EVERY_S: Final = 0.02
ENDS_WITHIN_S: Final = 30.0


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Let a block wait for ``what`` for so long.

    Raises:
        AssertionError: it lasted longer.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"waited {seconds:g} s in vain for {what}") from None


async def eventually(look: Callable[[], object], what: str, timeout_s: float = 90.0) -> None:
    """Look, or await a look, again and again until it finds something that nobody announces.

    Raises:
        AssertionError: it did not within ``timeout_s``.
    """
    async with within(timeout_s, what):
        while not await _found(look):
            await asyncio.sleep(LOOK_EVERY_S)


async def _found(look: Callable[[], object]) -> object:
    found = look()
    return await found if inspect.isawaitable(found) else found


@asynccontextmanager
async def beside(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run work until the block ends; it must then stop when ``stop`` is set.

    Where the block fails the work is cancelled, so that how it would have ended does not hide the failure.
    """
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    except BaseException as error:
        for task in tasks:
            if task.done() and not task.cancelled() and task.exception():
                error.add_note(f"the work beside it had failed: {task.exception()!r}")
            task.cancel()
        await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)
        raise
    stop.set()
    async with within(ENDS_WITHIN_S, "the work beside the test to stop"):
        await asyncio.gather(*tasks)


def deadlines_s(asked: Sized) -> Iterator[float]:
    """Short deadlines for a server that never answers, each longer, until one left the time to ask it.

    Args:
        asked: what the server was asked.

    Raises:
        AssertionError: it was never asked.
    """
    before = len(asked)
    for deadline_s in (0.2, 2.0, 20.0):
        yield deadline_s
        if len(asked) > before:
            return
    raise AssertionError("the server was never asked")
