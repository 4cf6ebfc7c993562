"""Anthropic's Messages API: its client, and how it counts."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from adapters.models.vendor_calls import Access, VendorModel
from core.asking.answer import Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import Usage as SpentTokens

FINISHED: Final = frozenset({"end_turn", "stop_sequence"})
"""Why a model stops that has said all that it meant to."""


class AnthropicModel(VendorModel["AsyncAnthropic"]):
    """A Claude model."""

    title = "Anthropic"
    official_url = "https://api.anthropic.com"

    def open_client(self, access: Access) -> "AsyncAnthropic":
        """Make the SDK's client."""
        from anthropic import AsyncAnthropic

        client = AsyncAnthropic(**asdict(access))
        _ = client.messages  # imported at first use: better in this thread than on the event loop
        return client


def usage_of(usage: "SpentTokens") -> Usage:
    """Count what was read from a cache as part of the prompt; the vendor counts it beside the prompt."""
    cached = usage.cache_read_input_tokens or 0
    prompt = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
    return Usage(prompt_tokens=prompt, completion_tokens=usage.output_tokens, cached_tokens=cached)
