"""Chat Completions, as OpenRouter, xAI, Gemini, Ollama and others understand them: clients, options, counting."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, ClassVar, Final

from adapters.models.vendor_calls import Access, VendorModel
from core.asking.answer import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage
    from openai.types.shared_params import ResponseFormatJSONSchema

MODELS_SEPARATOR: Final = "|"


class ChatModel(VendorModel["AsyncOpenAI"]):
    """A model behind Chat Completions; its name may be a list of which the vendor takes the first that works."""

    extra: ClassVar[Mapping[str, object]] = {}

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**asdict(access))
        _ = client.chat.completions  # imported at first use: better in this thread than on the event loop
        return client

    @property
    def models(self) -> list[str]:
        """The models to try at the vendor, in this order."""
        return self.model.split(MODELS_SEPARATOR)

    @property
    def extra_body(self) -> dict[str, object]:
        """What this vendor takes besides what all of them take."""
        return {**self.extra, **({"models": self.models} if len(self.models) > 1 else {})}

    def chosen(self, model: str | None) -> str:
        """The configured name of the one that answered; empty where there was nothing to choose."""
        return f"{self.name.partition(':')[0]}:{model}" if model and len(self.models) > 1 else ""


class OpenRouter(ChatModel):
    """OpenRouter; ``vendor/one|vendor/other`` is tried there in this order, by providers that keep nothing."""

    title = "OpenRouter"
    official_url = "https://openrouter.ai/api/v1"
    extra: ClassVar[Mapping[str, object]] = {
        "provider": {"data_collection": "deny", "require_parameters": True}, "usage": {"include": True},
    }  # fmt: skip


class Xai(ChatModel):
    """The models of xAI."""

    title = "xAI"
    official_url = "https://api.x.ai/v1"


class Gemini(ChatModel):
    """Google's models, by their address for clients of OpenAI's."""

    title = "Gemini"
    official_url = "https://generativelanguage.googleapis.com/v1beta/openai/"


class Ollama(ChatModel):
    """A server on one's own machine, or any other that has Chat Completions, by ``ollama.base_url``."""

    title = "Ollama"
    official_url = "http://127.0.0.1:11434/v1"


def strictly(name: str, schema: Mapping[str, object]) -> "ResponseFormatJSONSchema":
    """Hold a model to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": dict(schema)}}


def usage_of(usage: "CompletionUsage | None") -> Usage:
    """What a reply says that it used."""
    if usage is None:
        return Usage()
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0, cached or 0)


def taken_usd(usage: "CompletionUsage | None") -> float | None:
    """What the vendor says that it took; OpenRouter does."""
    cost = (usage.model_extra or {}).get("cost") if usage else None
    return None if cost is None else float(cost)
