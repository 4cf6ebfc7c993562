"""Messages that outlive a request: kept as rows, delivered by whichever process holds the platform's connection."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
