"""One question at a time of each kind: whoever asks the same while it is answered waits for that answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Made = TypeVar("Made")
State = TypeVar("State")


@dataclass(slots=True)
class _Flight(Generic[Made, State]):
    """A thing that is being made, who looks on, and what it looked like last; ``taken``: somebody has it already."""

    made: "asyncio.Task[Made]" = field(init=False)
    watching: list[Callable[[State], None]] = field(default_factory=list)
    seen: list[State] = field(default_factory=list)
    taken: bool = False

    def tell(self, state: State) -> None:
        self.seen[:] = [state]
        for watch in self.watching:
            watch(state)


class SingleFlight(Generic[Made, State]):
    """Makes a thing once for all who want it at the same time; all of them can see it grow."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Made, State]] = {}
        self._ending: set[asyncio.Task[Made]] = set()

    async def fly(
        self,
        key: Hashable,
        make: Callable[[Callable[[State], None]], Awaitable[Made]],
        watch: Callable[[State], None],
    ) -> tuple[Made, bool]:
        """Return what ``make`` makes, and whether somebody else has it already: the first who gets it pays for it.

        Whoever began it may leave; it is made all the same for those who wait, and no further once nobody does.
        ``make`` is given what it tells its states to; ``watch`` sees them from now on, and at once the last of those
        before.
        """
        flight = self._flights.get(key) or self._begin(key, make)
        flight.watching.append(watch)
        try:
            for state in flight.seen:
                watch(state)
            made = await asyncio.shield(flight.made)
        finally:
            flight.watching.remove(watch)
            if not flight.watching and not flight.made.done():
                self._give_up(key, flight)
        taken, flight.taken = flight.taken, True
        return made, taken

    async def close(self) -> None:
        """Give up what is being made, and see it end."""
        for key, flight in list(self._flights.items()):
            self._give_up(key, flight)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _begin(
        self, key: Hashable, make: Callable[[Callable[[State], None]], Awaitable[Made]]
    ) -> _Flight[Made, State]:
        flight = self._flights[key] = _Flight[Made, State]()
        flight.made = asyncio.ensure_future(_awaited(make, flight.tell))
        flight.made.add_done_callback(lambda ended: self._land(key, flight, ended))
        return flight

    def _give_up(self, key: Hashable, flight: _Flight[Made, State]) -> None:
        """Stop making it; who asks from now on begins anew."""
        del self._flights[key]
        self._ending.add(flight.made)
        flight.made.cancel()

    def _land(self, key: Hashable, flight: _Flight[Made, State], ended: "asyncio.Task[Made]") -> None:
        self._ending.discard(ended)
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not ended.cancelled():
            ended.exception()  # seen also where nobody waits any more


async def _awaited(make: Callable[[Callable[[State], None]], Awaitable[Made]], tell: Callable[[State], None]) -> Made:
    return await make(tell)
