"""Telegram as a platform: the part that the application holds.

The vendor's library is imported when the platform runs, so that a deployment without Telegram starts without it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

from adapters.telegram.access import WEBHOOK_PATH, Access
from core.conversation import Liveness, Place, Reply, Responder
from core.errors import ProviderBusy
from core.outbox import NOWHERE, Leftovers
from core.overheard import Forgetful, Listener

if TYPE_CHECKING:
    from adapters.telegram.connection import Connection

OFFICIAL_API: Final = "https://api.telegram.org"
SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
LARGEST_FILE_BYTES: Final = 2_000_000_000

Moved = Callable[[str, str, str], Awaitable[None]]


async def _note_nothing(platform: str, old_id: str, new_id: str) -> None:
    """What happens to a group with a new id where nobody wants to know."""


class TelegramPlatform:
    """A bot on Telegram. ``moved(platform, old_id, new_id)`` learns that a group became a supergroup.

    ``listener`` takes what is overheard in groups, as far as Telegram shows it, and ``leftovers`` replies that
    it does not take now.

    Implements :class:`core.conversation.Messenger`.
    """

    platform: Final = "telegram"
    path: Final = WEBHOOK_PATH

    def __init__(
        self,
        responder: Responder,
        *,
        bot_token: str,
        api_url: str = OFFICIAL_API,
        mode: Literal["polling", "webhook"] = "polling",
        public_url: str = "",
        webhook_secret: str = "",
        largest_file_bytes: int = LARGEST_FILE_BYTES,
        moved: Moved = _note_nothing,
        listener: Listener | None = None,
        leftovers: Leftovers = NOWHERE,
    ) -> None:
        self._listener = listener or Forgetful()
        self._leftovers = leftovers
        self._responder = responder
        self._moved = moved
        self._access = Access(bot_token, api_url, mode, public_url, webhook_secret, largest_file_bytes)
        self._connection: Connection | None = None

    def liveness(self) -> Liveness:
        """Whether Telegram is connected at this moment."""
        return self._connection.liveness if self._connection else Liveness()

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, waiting while Telegram cannot be reached, and answer until ``stop``; then end within 5 s.

        Raises:
            ConfigurationError: Telegram rejects the token or the webhook.
        """
        from adapters.telegram.connection import Connection

        connection = self._connection = Connection(
            self._access, self._responder, self._moved, self._listener, self._leftovers
        )
        serving = asyncio.create_task(connection.serve())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connection = None
            stopping.cancel()
            serving.cancel()
            await asyncio.wait({serving, stopping})
            await connection.close()
        if not serving.cancelled():
            serving.result()

    async def deliver(self, place: Place, reply: Reply, message_id: str) -> str:
        """Send a message, or edit the one with ``message_id`` (empty: a new one), and return its id.

        Raises:
            ProviderBusy: Telegram is not reached at the moment, or asks to slow down.
            ProviderError: Telegram refuses it, for example since the person has blocked the bot.
        """
        if self._connection is None:
            raise ProviderBusy("Telegram is not connected yet", retry_after_s=2)
        return await self._connection.deliver(place, reply, message_id)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take an update that Telegram posted to :attr:`path`.

        Returns:
            The HTTP status to answer: 200 taken (or seen before), 401 not from Telegram, 400 not an update,
            503 not connected, so that Telegram posts it again.
        """
        given = next((value for name, value in headers.items() if name.lower() == SECRET_HEADER), "")
        if not self._access.is_secret(given):
            return 401
        if self._connection is None:
            return 503
        try:
            update = json.loads(body)
        except ValueError:
            return 400
        return await self._connection.receive(update)
