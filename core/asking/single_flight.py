"""One question at a time of each kind: whoever asks the same while it is answered waits for that answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Made = TypeVar("Made")
State = TypeVar("State")


@dataclass(slots=True)
class _Flight(Generic[Made, State]):
    """A thing that is being made, who looks on, and what it looked like last."""

    made: "asyncio.Task[Made]" = field(init=False)
    watching: list[Callable[[State], None]] = field(default_factory=list)
    seen: list[State] = field(default_factory=list)

    def tell(self, state: State) -> None:
        self.seen[:] = [state]
        for watch in self.watching:
            watch(state)


class SingleFlight(Generic[Made, State]):
    """Makes a thing once for all who want it at the same time; all of them can see it grow."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Made, State]] = {}

    async def fly(
        self,
        key: Hashable,
        make: Callable[[Callable[[State], None]], Awaitable[Made]],
        watch: Callable[[State], None],
    ) -> tuple[Made, bool]:
        """Return what ``make`` makes, and whether somebody else had begun it.

        Whoever began it may leave; it is made all the same for those who wait. ``make`` is given what it tells its
        states to; ``watch`` sees them from now on, and at once the last of those before.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._begin(key, make)
        flight.watching.append(watch)
        for state in flight.seen:
            watch(state)
        try:
            return await asyncio.shield(flight.made), joined
        finally:
            flight.watching.remove(watch)

    def _begin(
        self, key: Hashable, make: Callable[[Callable[[State], None]], Awaitable[Made]]
    ) -> _Flight[Made, State]:
        flight = self._flights[key] = _Flight[Made, State]()
        flight.made = asyncio.ensure_future(_awaited(make, flight.tell))
        flight.made.add_done_callback(lambda ended: self._land(key, ended))
        return flight

    def _land(self, key: Hashable, ended: "asyncio.Task[Made]") -> None:
        del self._flights[key]
        if not ended.cancelled():
            ended.exception()  # seen also where nobody waits any more


async def _awaited(make: Callable[[Callable[[State], None]], Awaitable[Made]], tell: Callable[[State], None]) -> Made:
    return await make(tell)
