"""OpenAI's Responses API: its client, and how it counts."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from adapters.models.vendor_calls import Access, VendorModel
from core.asking.answer import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.responses import Response


class OpenAIModel(VendorModel["AsyncOpenAI"]):
    """A model of OpenAI's."""

    title = "OpenAI"
    official_url = "https://api.openai.com/v1"

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**asdict(access))
        _ = client.responses  # imported at first use: better in this thread than on the event loop
        return client


def usage_of(response: "Response") -> Usage:
    """What a response says that it used."""
    if response.usage is None:
        return Usage()
    details = response.usage.input_tokens_details
    return Usage(
        response.usage.input_tokens, response.usage.output_tokens, (details.cached_tokens if details else 0) or 0
    )


def unfinished(response: "Response") -> str:
    """Why a response is not whole; empty where it is."""
    if response.status == "completed":
        return ""
    reason = response.incomplete_details.reason if response.incomplete_details else None
    return str(reason or response.status)
