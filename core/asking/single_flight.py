"""One question at a time of each kind: whoever asks the same while it is answered waits for that answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class SingleFlight(Generic[Made]):
    """Makes a thing once for all who want it at the same time."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[Made]] = {}

    async def fly(self, key: Hashable, make: Callable[[], Awaitable[Made]]) -> tuple[Made, bool]:
        """Return what ``make`` makes, and whether somebody else had begun it.

        Whoever began it may leave; it is made all the same for those who wait.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = asyncio.ensure_future(_awaited(make))
            self._flights[key] = flight
            flight.add_done_callback(lambda ended: self._land(key, ended))
        return await asyncio.shield(flight), joined

    def _land(self, key: Hashable, ended: asyncio.Task[Made]) -> None:
        del self._flights[key]
        if not ended.cancelled():
            ended.exception()  # seen also where nobody waits any more


async def _awaited(make: Callable[[], Awaitable[Made]]) -> Made:
    return await make()
