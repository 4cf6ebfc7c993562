"""How updates reach the bot: long polling or a webhook, never both."""

import asyncio
import copy
import re
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp

from tests.wire.fake_telegram_errors import BotApiError, bad_request

Update = dict[str, Any]

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
NOT_SENT_UNASKED: Final = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_WEBHOOK_ACTIVE: Final = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
_OTHER_POLL: Final = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
_LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])[:/]")


class UpdateFeed:
    """Updates in order, kept until the bot has confirmed them."""

    def __init__(self, changed: Callable[[], None], webhook_retry_s: float = 0.02) -> None:
        self.pending: list[Update] = []
        self.webhook_url = ""
        self.webhook_routes: dict[str, str] = {}
        self.last_webhook_error: str | None = None
        self.listening = asyncio.Event()
        self._secret: str | None = None
        self._allowed: list[str] = []
        self._next_id = 1000
        self._poll: asyncio.Event | None = None
        self._arrived = asyncio.Event()
        self._deliveries: asyncio.Task[None] | None = None
        self._changed = changed
        self._webhook_retry_s = webhook_retry_s

    def push(self, kind: str, payload: dict[str, Any]) -> int | None:
        """Queue an update; None when the bot did not ask for this kind."""
        wanted = kind in self._allowed if self._allowed else kind not in NOT_SENT_UNASKED
        if not wanted:
            return None
        self._next_id += 1
        self.pending.append({"update_id": self._next_id, kind: copy.deepcopy(payload)})
        self._arrived.set()
        return self._next_id

    def repeat(self, update: Update) -> None:
        """Deliver an update once more under its own id, as happens when a webhook's answer is lost."""
        self.pending.append(update)
        self._arrived.set()

    async def poll(self, offset: int, limit: int, timeout_s: float, allowed: list[str] | None) -> list[Update]:
        """Answer a getUpdates call.

        Raises:
            BotApiError: 409, a webhook is set or another poll takes over.
        """
        if self.webhook_url:
            raise BotApiError(409, _WEBHOOK_ACTIVE)
        if self._poll is not None:
            self._poll.set()
        superseded = self._poll = asyncio.Event()
        if allowed is not None:
            self._allowed = allowed
        self._confirm(offset)
        self.listening.set()
        try:
            await self._wait_for_update(superseded, timeout_s)
        finally:
            if self._poll is superseded:
                self._poll = None
        if superseded.is_set():
            raise BotApiError(409, _OTHER_POLL)
        return self.pending[:limit]

    def _confirm(self, offset: int) -> None:
        if offset > 0:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]
        elif offset < 0:
            self.pending = self.pending[offset:]
        self._changed()

    async def _wait_for_update(self, superseded: asyncio.Event, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.pending and not superseded.is_set():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return
            self._arrived.clear()
            waits = [asyncio.ensure_future(event.wait()) for event in (self._arrived, superseded)]
            try:
                await asyncio.wait(waits, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    async def set_webhook(self, url: str, secret: str | None, allowed: list[str] | None, drop: bool) -> None:
        """Switch to a webhook, or back to polling where ``url`` is empty.

        Raises:
            BotApiError: 400, the address is not HTTPS (plain HTTP is taken on loopback only) or the secret
                has characters that are not allowed.
        """
        if url and not url.startswith("https://") and not _LOOPBACK.match(url):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise bad_request("secret token contains unallowed characters")
        await self.stop()
        if self._poll is not None:
            self._poll.set()
        self.pending = [] if drop else self.pending
        self.webhook_url, self._secret, self.last_webhook_error = url, secret, None
        self._allowed = allowed if allowed is not None else self._allowed
        if url:
            self._deliveries = asyncio.create_task(self._deliver())
            self.listening.set()

    def webhook_info(self) -> dict[str, Any]:
        """Return the WebhookInfo of now."""
        info: dict[str, Any] = {
            "url": self.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.pending),
        }
        if self._allowed:
            info["allowed_updates"] = self._allowed
        if self.last_webhook_error:
            info |= {"last_error_date": int(time.time()), "last_error_message": self.last_webhook_error}
        return info

    async def stop(self) -> None:
        """End the deliveries of a webhook."""
        if self._deliveries is not None:
            self._deliveries.cancel()
            await asyncio.gather(self._deliveries, return_exceptions=True)
            self._deliveries = None

    async def _deliver(self) -> None:
        headers = {SECRET_HEADER: self._secret} if self._secret else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                while not self.pending:
                    self._arrived.clear()
                    await self._arrived.wait()
                if await self._delivered(session, self.pending[0]):
                    self.pending.pop(0)
                else:
                    await asyncio.sleep(self._webhook_retry_s)
                self._changed()

    async def _delivered(self, session: aiohttp.ClientSession, update: Update) -> bool:
        try:
            async with session.post(self._target(), json=update) as response:
                if response.ok:
                    return True
                self.last_webhook_error = f"Wrong response from the webhook: {response.status} {response.reason}"
        except aiohttp.ClientError as error:
            self.last_webhook_error = str(error) or "Connection failed"
        return False

    def _target(self) -> str:
        for public, local in self.webhook_routes.items():
            if self.webhook_url.startswith(public):
                return local + self.webhook_url.removeprefix(public)
        return self.webhook_url
