"""Whose webhooks this deployment takes, and what is done with them; a provider is a line in both."""

from collections.abc import Mapping

from bot.commands.registry import Services
from bot.settings import Settings
from core.webhooks import Handle, Verify


def verifiers_of(settings: Settings) -> Mapping[str, Verify]:
    """How each configured provider proves who it is, by its name in ``/hooks/<name>``."""
    return {}


def handlers_of(services: Services) -> Mapping[str, Handle]:
    """What is done with what each provider tells us."""
    return {}
