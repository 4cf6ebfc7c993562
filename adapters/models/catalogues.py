"""What a vendor's key may use: the vendor's own list of models, with when each ends where the vendor says so.

Anthropic has a ``lifecycle`` and ``retires_at``, OpenAI a ``shutdown_date``, OpenRouter an ``expiration_date``. The
lists of xAI, Gemini, Ollama and other servers say nothing about an end.
"""

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from adapters.models.vendor_calls import Access, Vendor
from core.asking.offers import OfferedModel
from core.errors import ProviderError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import ModelInfo
    from openai import AsyncOpenAI
    from openai.types import Model

ANTHROPIC: Final = "anthropic"
VENDORS: Final = {
    ANTHROPIC: ("Anthropic", "https://api.anthropic.com"),
    "openai": ("OpenAI", "https://api.openai.com/v1"),
    "openrouter": ("OpenRouter", "https://openrouter.ai/api/v1"),
    "xai": ("xAI", "https://api.x.ai/v1"),
    "gemini": ("Gemini", "https://generativelanguage.googleapis.com/v1beta/openai/"),
    "ollama": ("Ollama", "http://127.0.0.1:11434/v1"),
}
"""What each vendor is called, and its official address."""
SAY_WHEN: Final = frozenset({ANTHROPIC, "openai", "openrouter"})
"""Vendors whose list says when a model ends."""
MOST: Final = 1_000
_PREFIX: Final = "models/"
"""Gemini's names begin so in its list, and not where they are used."""


async def offered_by(vendor: str, api_key: str, base_url: str, *, timeout_s: float) -> list[OfferedModel]:
    """The models that a key may use, by name; an empty ``base_url`` is the official address.

    Raises:
        ProviderBusy: the vendor did not answer in time.
        ProviderError: the key is refused, or the server has no such list.
    """
    title, official_url = VENDORS[vendor]
    access = Access(api_key, base_url or official_url, timeout_s)
    found = await (_anthropic(title, access) if vendor == ANTHROPIC else _openai(title, access))
    if not found:
        raise ProviderError(f"{title} lists no models for this key")
    return sorted(found, key=lambda model: model.name)


async def _anthropic(title: str, access: Access) -> list[OfferedModel]:
    def opened() -> "AsyncAnthropic":
        from anthropic import AsyncAnthropic

        return AsyncAnthropic(**asdict(access))

    async def listed(client: "AsyncAnthropic") -> list[OfferedModel]:
        return [_of_anthropic(model) async for model in client.models.list(limit=MOST)]

    vendor = Vendor(title, opened, access.timeout)
    try:
        return await vendor.call(listed)
    finally:
        await vendor.close()


async def _openai(title: str, access: Access) -> list[OfferedModel]:
    def opened() -> "AsyncOpenAI":
        from openai import AsyncOpenAI

        return AsyncOpenAI(**asdict(access))

    async def listed(client: "AsyncOpenAI") -> list[OfferedModel]:
        return [_of_openai(model) async for model in client.models.list()]

    vendor = Vendor(title, opened, access.timeout)
    try:
        return await vendor.call(listed)
    finally:
        await vendor.close()


def _of_anthropic(model: "ModelInfo") -> OfferedModel:
    ends = model.retires_at.date() if model.retires_at else None
    return OfferedModel(model.id, ends, deprecated=model.lifecycle != "active")


def _of_openai(model: "Model") -> OfferedModel:
    """As OpenAI itself, OpenRouter and servers of this kind list a model."""
    ends: Any = model.shutdown_date or (model.model_extra or {}).get("expiration_date")
    return OfferedModel(model.id.removeprefix(_PREFIX), date.fromisoformat(str(ends)[:10]) if ends else None)
