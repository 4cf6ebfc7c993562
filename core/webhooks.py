"""What other services tell us over the web: checked, kept, answered at once, and worked on afterwards.

A delivery is kept before anything is done with it, once for its id; a worker then has its provider's handler do the
rest. A handler may run twice.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from core.errors import UserError


class Unsigned(UserError):
    """The sender did not prove who it is, or said it too long ago."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a provider, as it came; ``headers`` have lower-case names and are those that are needed."""

    provider: str
    delivery_id: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class Kept(StrEnum):
    """What became of a delivery that arrived: new, here already, or its id was another body's."""

    NEW = "new"
    AGAIN = "again"
    ANOTHER = "another"


Verify = Callable[[bytes, Mapping[str, str]], Awaitable[Delivery]]
"""Makes a delivery of the raw body and the headers (lower-case names).

Raises Unsigned where the signature is missing, wrong or old; ProviderError where it cannot be checked now.
"""
Handle = Callable[[Delivery], Awaitable[None]]
"""Does what a delivery asks for. Whatever it raises is noted, and it is tried again."""


class Inbox(Protocol):
    """The deliveries of all providers."""

    async def keep(self, delivery: Delivery) -> Kept:
        """Keep a delivery whose sender is known, and have a new one worked on."""
        ...

    async def begin(self, webhook_id: int) -> Delivery | None:
        """Count an attempt and return what to work on; None where that is done or forgotten."""
        ...

    async def done(self, webhook_id: int) -> None:
        """Note that nothing is left to do."""
        ...

    async def failed(self, webhook_id: int, reason: str) -> None:
        """Note why an attempt failed."""
        ...

    async def wake(self) -> None:
        """Have worked on again what was left behind; what fails for days is given up, and said."""
        ...

    async def purge(self) -> None:
        """Forget what came a month ago and waits no more."""
        ...


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Works on what arrived, by the handlers of the providers."""

    inbox: Inbox
    handlers: Mapping[str, Handle]

    async def work_on(self, webhook_id: int) -> None:
        """Have a delivery handled; one that is done already is left alone.

        Raises:
            Exception: the handler's, after it was noted.
        """
        delivery = await self.inbox.begin(webhook_id)
        if delivery is None:
            return
        try:
            if delivery.provider in self.handlers:
                await self.handlers[delivery.provider](delivery)
        except Exception as error:
            await self.inbox.failed(webhook_id, str(error) or type(error).__name__)
            raise
        await self.inbox.done(webhook_id)
