"""Messages that outlive a request: kept as rows, delivered by whichever process holds the platform's connection."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from core.conversation import Place, Reply


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message to deliver at its newest version; ``message_id`` is empty until it was sent once."""

    id: int
    place: Place
    reply: Reply
    version: int
    message_id: str
    attempts: int


class Outbox(Protocol):
    """The rows that wait. A claimed row is leased: when its process dies, another one delivers it."""

    async def claim(self, platform: str, limit: int) -> Sequence[Parcel]:
        """Lease messages of a platform that are due, oldest first."""
        ...

    async def delivered(self, parcel: Parcel, message_id: str) -> None:
        """Note that this version stands in the chat."""
        ...

    async def postpone(self, parcel: Parcel, delay_s: float, failure: str) -> None:
        """Try again after ``delay_s`` seconds."""
        ...

    async def give_up(self, parcel: Parcel, failure: str) -> None:
        """Stop trying this version, and say why."""
        ...


class Leftovers(Protocol):
    """Takes a reply that a platform does not take now, and has it delivered as soon as it does."""

    async def leave(self, place: Place, reply: Reply, message_id: str) -> None:
        """Keep a reply without its files; ``message_id``: it takes the place of that message."""
        ...


class NoLeftovers:
    """Keeps nothing, where there is no outbox."""

    async def leave(self, place: Place, reply: Reply, message_id: str) -> None:
        """Lose it."""


NOWHERE: Final = NoLeftovers()
