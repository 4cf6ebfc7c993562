"""Calls to a model vendor: a client that opens late, a deadline, one quick second try, errors translated once."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from core.asking.answer import Usage
from core.asking.prices import Prices, cost_usd
from core.asking.writing import Draft, DraftSentence, Task
from core.errors import ProviderBusy, ProviderError, ProviderUsedUp

QUICK_RETRY_S: Final = 2.0
"""A vendor that asks to wait longer than this is left alone, so that the next model can answer."""
PAUSE_S: Final = 0.5
BUSY_STATUS: Final = frozenset({408, 429, 502, 503, 504, 524, 529})


class Closeable(Protocol):
    """A vendor's client."""

    async def close(self) -> None:
        """Give its connections back."""
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

    async def call(self, request: Callable[[Client], Awaitable[Result]]) -> Result:
        """Await a request to the vendor, twice where it is busy for a moment, within one deadline.

        Raises:
            ProviderBusy: overloaded, rate limited, or no answer within the deadline.
            ProviderError: anything else, an answer that cannot be read included.
        """
        client = await self._opened()  # importing a vendor's SDK takes seconds that are not the vendor's
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._twice(client, request)
        except TimeoutError as error:
            raise ProviderBusy(f"{self._title} did not answer within {self._timeout_s:g} seconds") from error

    async def close(self) -> None:
        """Give the connections back; the next call would open new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _twice(self, client: Client, request: Callable[[Client], Awaitable[Result]]) -> Result:
        try:
            return await self._once(client, request)
        except ProviderBusy as busy:
            pause_s = PAUSE_S if busy.retry_after_s is None else busy.retry_after_s
            if pause_s > QUICK_RETRY_S:
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
        status = getattr(error, "status_code", None)
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if getattr(error, "code", None) == "insufficient_quota":
            return ProviderUsedUp(f"{self._title} has no credit left: {reason}")
        if status in BUSY_STATUS:
            return ProviderBusy(f"{self._title} is busy ({status}): {reason}", retry_after_s=_retry_after_s(error))
        if "Timeout" in type(error).__name__:
            return ProviderBusy(f"{self._title} did not answer in time: {reason}")
        where = f" ({status})" if status else ""
        return ProviderError(f"{self._title} failed{where}: {reason}")


@dataclass(frozen=True, slots=True)
class Access:
    """How a vendor is reached, as the SDKs' clients take it; ``timeout`` is in seconds.

    The SDK neither retries nor gives up before :class:`Vendor` does.
    """

    api_key: str
    base_url: str
    timeout: float
    max_retries: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What a vendor's model wrote, and what it used; not ``covered``: the evidence does not answer the question.

    ``model`` and ``cost_usd`` are set where the vendor says which of several models answered, and what it took.
    """

    sentences: tuple[DraftSentence, ...]
    usage: Usage
    covered: bool = True
    model: str = ""
    cost_usd: float | None = None


class VendorAnswerModel(ABC, Generic[Client]):
    """A vendor's answer model; each vendor says how its client opens and how a task is asked and read.

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

    @abstractmethod
    async def request(self, client: Client, task: Task) -> bytes:
        """Ask for an answer from the task's evidence and return the body; what the SDK raises is translated."""

    @abstractmethod
    def read(self, body: bytes, task: Task) -> Written:
        """Read the body of an answer.

        Raises:
            ProviderBusy: it says that the vendor is overloaded.
            ProviderError: the model refused, or the answer cannot be read.
        """

    async def write(self, task: Task) -> Draft:
        """Word an answer from the task's evidence.

        Raises:
            ProviderBusy: overloaded, rate limited or timed out.
            ProviderError: any other failure, a refusal or an answer that cannot be read included.
        """
        body = await self._vendor.call(lambda client: self.request(client, task))
        written = self.read(body, task)
        model = written.model or self.name
        taken_usd = written.cost_usd
        if taken_usd is None:
            taken_usd = cost_usd(model, written.usage, self._prices)
        usage = replace(written.usage, cost_usd=taken_usd)
        return Draft(written.covered, written.sentences, model=model, usage=usage)

    async def close(self) -> None:
        """Give the connections back."""
        await self._vendor.close()


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
