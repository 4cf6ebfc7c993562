"""Whose webhooks this deployment takes, and what is done with them; a provider is a line in both."""

from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.services.whop import whop_verifier
from bot.commands.registry import Services
from bot.settings import Settings
from core.members.memberships import PLATFORM
from core.webhooks import Delivery, Handle, Verify


def verifiers_of(settings: Settings) -> Mapping[str, Verify]:
    """How each configured provider proves who it is, by its name in ``/hooks/<name>``."""
    whop = settings.whop.webhook_secret.get_secret_value() if settings.whop.api_key.get_secret_value() else ""
    return {PLATFORM: whop_verifier(whop)} if whop else {}


def handlers_of(services: Services) -> Mapping[str, Handle]:
    """What is done with what each provider tells us."""
    following = services.linking.following

    async def whop(delivery: Delivery) -> None:
        if following is not None:
            await following.hear(delivery, datetime.now(UTC))

    return {PLATFORM: whop}
