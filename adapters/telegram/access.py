"""How Telegram is reached, and how it reaches us."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final, Literal

WEBHOOK_PATH: Final = "/telegram/webhook"


@dataclass(frozen=True, slots=True)
class Access:
    """The settings of one bot; ``api_url`` is the root of Telegram's server or of a local Bot API server."""

    bot_token: str = field(repr=False)
    api_url: str
    mode: Literal["polling", "webhook"]
    public_url: str
    webhook_secret: str = field(repr=False)
    largest_file_bytes: int

    @property
    def webhook_url(self) -> str:
        """Where Telegram posts updates."""
        return self.public_url.rstrip("/") + WEBHOOK_PATH

    @property
    def secret(self) -> str:
        """What Telegram sends with each update: as configured, or derived from the token."""
        derived = hmac.new(self.bot_token.encode(), b"telegram webhook", hashlib.sha256).hexdigest()
        return self.webhook_secret or derived

    def is_secret(self, given: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(given.encode(), self.secret.encode())
