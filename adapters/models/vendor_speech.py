"""Speech recognised by a vendor: what OpenAI and ElevenLabs have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic

from adapters.models.spoken_languages import iso_639_1
from adapters.models.vendor_calls import Access, Client, Vendor
from core.library.speech import Recognised
from core.library.transcript import Segment


@dataclass(frozen=True, slots=True)
class Heard:
    """What a vendor heard in a piece of ``length_s`` seconds; ``language`` as the vendor calls it."""

    segments: tuple[Segment, ...]
    language: str
    length_s: float


class VendorTranscriber(ABC, Generic[Client]):
    """A vendor's recogniser; each vendor says how its client opens and how a piece is asked about.

    A subclass sets ``title``, ``prefix`` (how ``models.transcribe`` calls the vendor), ``official_url``
    and ``patience_s`` (how long it may take over a piece).
    """

    title: ClassVar[str]
    prefix: ClassVar[str]
    official_url: ClassVar[str]
    patience_s: ClassVar[float]

    def __init__(
        self, model: str, *, api_key: str, base_url: str = "", usd_per_hour: float = 0.0, timeout_s: float = 0.0
    ) -> None:
        """Take a model by its vendor's name.

        Args:
            model: as the vendor calls it.
            api_key: the key to it.
            base_url: of a proxy or a compatible server; empty for the vendor's own.
            usd_per_hour: the operator's price for an hour of sound.
            timeout_s: a deadline for a piece; 0 for the vendor's usual one.

        Raises:
            ConfigurationError: nothing could be cited with it.
        """
        self.check(model)
        self.name = f"{self.prefix}:{model}"
        self.model = model
        self._usd_per_hour = usd_per_hour
        patience_s = timeout_s or self.patience_s
        access = Access(api_key, base_url or self.official_url, patience_s * 2)
        self._vendor: Vendor[Client] = Vendor(self.title, lambda: self.open_client(access), patience_s)

    @staticmethod
    @abstractmethod
    def check(model: str) -> None:
        """See that a model takes recordings and says when words are spoken.

        Raises:
            ConfigurationError: it does not; says which one does.
        """

    @abstractmethod
    def open_client(self, access: Access) -> Client:
        """Make the vendor's client, in a thread; whatever it imports late is better imported here."""

    @abstractmethod
    async def request(self, client: Client, piece: Path, language: str, names: Sequence[str]) -> Heard:
        """Ask for the words of a piece; what the client raises is translated.

        Raises:
            ProviderError: the answer cannot be read, or has no times.
        """

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        """Return what is said in a file of sound.

        Raises:
            ProviderBusy: overloaded, rate limited or no answer within the deadline.
            ProviderError: any other failure, an answer that cannot be read included.
        """
        heard = await self._vendor.call(lambda client: self.request(client, piece, language, names))
        cost_usd = heard.length_s / 3600 * self._usd_per_hour
        return Recognised(heard.segments, iso_639_1(heard.language) or language, cost_usd)

    async def close(self) -> None:
        """Give the connections back."""
        await self._vendor.close()
