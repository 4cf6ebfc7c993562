"""Forms filled by Chat Completions, as OpenRouter, xAI, Gemini, Ollama and others understand it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Final

from adapters.models.vendor_calls import Access
from adapters.models.vendor_forms import REASONING_TOKENS, Said, VendorFormModel, material_of, rules_of
from core.asking.answer import Usage
from core.asking.forms import Form
from core.errors import ProviderBusy, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion

MODELS_SEPARATOR: Final = "|"
BUSY_CODES: Final = frozenset({"429", "502", "503", "524", "529", "rate_limit_exceeded", "server_error"})


class ChatFormModel(VendorFormModel["AsyncOpenAI"]):
    """Fills forms with a model behind Chat Completions."""

    extra: ClassVar[dict[str, object]] = {}

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**asdict(access))
        _ = client.chat.completions  # imported at first use: better in this thread than on the event loop
        return client

    async def ask(self, client: "AsyncOpenAI", form: Form) -> Said:
        """Ask for the form in a strict schema."""
        first, *others = self.model.split(MODELS_SEPARATOR)
        reply = await client.chat.completions.create(
            model=first,
            messages=[
                {"role": "system", "content": rules_of(form)},
                {"role": "user", "content": material_of(form)},
            ],
            max_tokens=form.most_tokens + REASONING_TOKENS,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "form", "strict": True, "schema": dict(form.schema)},
            },
            extra_body={**self.extra, **({"models": [first, *others]} if others else {})},
        )
        _raise_failure(reply, self.title)
        text = reply.choices[0].message.content or "" if reply.choices else ""
        chosen = f"{self.name.partition(':')[0]}:{reply.model}" if others and reply.model else ""
        return Said(text, _usage(reply.usage), chosen, _cost_usd(reply.usage), _problem(reply))


class OpenRouterFormModel(ChatFormModel):
    """OpenRouter; ``vendor/one|vendor/other`` is tried there in this order, by providers that keep nothing."""

    title = "OpenRouter"
    official_url = "https://openrouter.ai/api/v1"
    extra: ClassVar[dict[str, object]] = {
        "provider": {"data_collection": "deny", "require_parameters": True}, "usage": {"include": True},
    }  # fmt: skip


class XaiFormModel(ChatFormModel):
    """The models of xAI."""

    title = "xAI"
    official_url = "https://api.x.ai/v1"


class GeminiFormModel(ChatFormModel):
    """Google's models, by their address for clients of OpenAI's."""

    title = "Gemini"
    official_url = "https://generativelanguage.googleapis.com/v1beta/openai/"


class OllamaFormModel(ChatFormModel):
    """A server on one's own machine, or any other that has Chat Completions, by ``ollama.base_url``."""

    title = "Ollama"
    official_url = "http://127.0.0.1:11434/v1"


def _raise_failure(reply: "ChatCompletion", vendor: str) -> None:
    """Say what failed inside of a reply with a good status.

    Raises:
        ProviderBusy: it may work again later.
        ProviderError: any other failure.
    """
    failed: Any = (reply.model_extra or {}).get("error")
    if failed:
        failure = ProviderBusy if str(failed.get("code")) in BUSY_CODES else ProviderError
        raise failure(f"{vendor} failed on a form: {failed.get('message', '')}")


def _problem(reply: "ChatCompletion") -> str:
    """Why it is of no use: stopped early, or declined."""
    if not reply.choices or reply.choices[0].finish_reason not in {"stop", None}:
        reason = reply.choices[0].finish_reason if reply.choices else "nothing"
        return f"did not fill the form ({reason})"
    return "refused to fill the form" if reply.choices[0].message.refusal else ""


def _usage(usage: "CompletionUsage | None") -> Usage:
    if usage is None:
        return Usage()
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0, cached or 0)


def _cost_usd(usage: "CompletionUsage | None") -> float | None:
    """What the vendor says that it took; OpenRouter does."""
    cost = (usage.model_extra or {}).get("cost") if usage else None
    return None if cost is None else float(cost)
