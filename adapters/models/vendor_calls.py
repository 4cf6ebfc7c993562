"""Calls to a model vendor: a client that opens late, a deadline, one quick second try, errors translated once."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from adapters.models.streamed import Event
from adapters.models.vendor_failures import Overdue, failure_of
from core.asking.answer import Usage
from core.asking.prices import Prices, cost_usd
from core.errors import ProviderBusy, ProviderError

QUICK_RETRY_S: Final = 2.0
"""A vendor that asks to wait longer than this is left alone, so that the next model can answer."""
PAUSE_S: Final = 0.5
LONGEST_ANSWER: Final = 4
"""An answer as a whole may take so many times as long as a vendor may be silent."""


class Closeable(Protocol):
    """A vendor's client."""

    async def close(self) -> None:
        """Give its connections back."""
        ...


Event_co = TypeVar("Event_co", covariant=True)


class Stream(Protocol[Event_co]):
    """A vendor's answer as its SDK hands it over."""

    def __aiter__(self) -> AsyncIterator[Event_co]:
        """Yield the events as they come."""
        ...

    async def close(self) -> None:
        """Let the vendor go, also in the middle of its answer."""
        ...


Client = TypeVar("Client", bound=Closeable)
Result = TypeVar("Result")


class Vendor(Generic[Client]):
    """A vendor's client, opened in a thread at the first call because importing an SDK takes a second or two."""

    def __init__(self, title: str, open_client: Callable[[], Client], timeout_s: float) -> None:
        self._title = title
        self._open_client = open_client
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._opening = asyncio.Lock()

    async def call(self, request: Callable[[Client], Awaitable[Result]], *, within_s: float | None = None) -> Result:
        """Await a request to the vendor, twice where it is busy for a moment, within one deadline.

        Args:
            request: asks and reads.
            within_s: a shorter deadline than usual.

        Raises:
            ProviderBusy: overloaded, rate limited, or no answer within the deadline.
            ProviderError: anything else, an answer that cannot be read included.
        """
        client = await self._opened()  # importing a vendor's SDK takes seconds that are not the vendor's
        deadline_s = min(within_s or self._timeout_s, self._timeout_s)
        try:
            async with asyncio.timeout(deadline_s):
                return await self._twice(client, request)
        except TimeoutError as error:
            raise Overdue(f"{self._title} did not answer within {deadline_s:g} seconds") from error

    async def follow(
        self, request: Callable[[Client], Awaitable[Stream[Event]]], take: Callable[[Event], Awaitable[None]]
    ) -> None:
        """Take in a stream as it comes, asked for twice where the vendor is busy before anything came.

        What came was paid for, so it is never asked for again. The deadline is for silence, not for the whole.

        Raises:
            ProviderBusy: overloaded, rate limited, or silent for too long.
            TooLong: what was sent is more than the model reads.
            ProviderError: anything else.
        """
        client = await self._opened()
        clock, came = asyncio.get_running_loop(), 0

        async def once(client: Client) -> None:
            nonlocal came
            stream = await request(client)
            try:
                async for event in stream:
                    came += 1
                    silence.reschedule(clock.time() + self._timeout_s)
                    await take(event)
            finally:
                await stream.close()

        try:
            async with asyncio.timeout(self._timeout_s * LONGEST_ANSWER), asyncio.timeout(self._timeout_s) as silence:
                await self._twice(client, once, may_repeat=lambda: came == 0)
        except TimeoutError as error:
            if silence.expired():
                said = "fell silent for" if came else "did not answer within"
                raise Overdue(f"{self._title} {said} {self._timeout_s:g} seconds") from error
            longest_s = self._timeout_s * LONGEST_ANSWER
            raise Overdue(f"{self._title} did not finish within {longest_s:g} seconds") from error

    async def close(self) -> None:
        """Give the connections back; the next call would open new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _twice(
        self, client: Client, request: Callable[[Client], Awaitable[Result]],
        *, may_repeat: Callable[[], bool] = lambda: True,
    ) -> Result:  # fmt: skip
        try:
            return await self._once(client, request)
        except ProviderBusy as busy:
            pause_s = PAUSE_S if busy.retry_after_s is None else busy.retry_after_s
            if pause_s > QUICK_RETRY_S or not may_repeat():
                raise
        await asyncio.sleep(pause_s)
        return await self._once(client, request)

    async def _once(self, client: Client, request: Callable[[Client], Awaitable[Result]]) -> Result:
        try:
            return await request(client)
        except ProviderError:
            raise
        except Exception as error:
            raise self._translated(error) from error

    async def _opened(self) -> Client:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open_client)
        return self._client

    def _translated(self, error: Exception) -> ProviderError:
        status, kind = getattr(error, "status_code", None), _kind(error)
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if not status and not kind and "Timeout" in type(error).__name__:
            return ProviderBusy(f"{self._title} did not answer in time: {reason}")
        return failure_of(self._title, kind, reason, status, retry_after_s=_retry_after_s(error))


@dataclass(frozen=True, slots=True)
class Access:
    """How a vendor is reached, as the SDKs' clients take it; ``timeout`` is in seconds.

    The SDK neither retries nor gives up before :class:`Vendor` does.
    """

    api_key: str
    base_url: str
    timeout: float
    max_retries: int = 0


class VendorModel(ABC, Generic[Client]):
    """What a vendor's models for answers and for forms share: how its client opens, and what a call cost.

    A subclass sets ``title`` and ``official_url``.
    """

    title: ClassVar[str]
    official_url: ClassVar[str]

    def __init__(
        self,
        name: str,
        model: str,
        *,
        api_key: str,
        base_url: str = "",
        prices: Prices | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self.name = name
        self.model = model
        self._prices = prices or {}
        access = Access(api_key, base_url or self.official_url, timeout_s * 2)
        self._vendor: Vendor[Client] = Vendor(self.title, lambda: self.open_client(access), timeout_s)

    @abstractmethod
    def open_client(self, access: Access) -> Client:
        """Make the SDK's client, in a thread; whatever the SDK imports late is better imported here."""

    async def close(self) -> None:
        """Give the connections back."""
        await self._vendor.close()

    def priced(self, usage: Usage, model: str = "", taken_usd: float | None = None) -> Usage:
        """What was used with what it cost.

        Args:
            usage: as the vendor counted it.
            model: the one of several that answered, where the vendor says so; without a price it costs what they do.
            taken_usd: what the vendor says that it took; else the operator's prices count.
        """
        if taken_usd is None:
            taken_usd = cost_usd(model if model in self._prices else self.name, usage, self._prices)
        return replace(usage, cost_usd=taken_usd)


def _kind(error: Exception) -> str:
    """The vendor's own word for an error, also for one in the middle of a stream; empty where it has none."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    said = inner if isinstance(inner, dict) else {}
    return str(getattr(error, "code", None) or said.get("code") or said.get("type") or "")


def _retry_after_s(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", {})
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            wait_s = float(headers[name]) / per_second
        except (KeyError, ValueError):
            continue
        if math.isfinite(wait_s):
            return max(wait_s, 0.0)
    return None
