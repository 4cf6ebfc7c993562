"""Forms filled by Chat Completions, as OpenRouter, xAI, Gemini, Ollama and others understand it."""

from typing import TYPE_CHECKING, Any, Final

from adapters.models.chat_calls import ChatModel, Gemini, Ollama, OpenRouter, Xai, strictly, taken_usd, usage_of
from adapters.models.vendor_forms import REASONING_TOKENS, Said, VendorFormModel, material_of, rules_of
from core.asking.forms import Form
from core.errors import ProviderBusy, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion

BUSY_CODES: Final = frozenset({"429", "502", "503", "524", "529", "rate_limit_exceeded", "server_error"})


class ChatFormModel(ChatModel, VendorFormModel["AsyncOpenAI"]):
    """Fills forms with a model behind Chat Completions."""

    async def ask(self, client: "AsyncOpenAI", form: Form) -> Said:
        """Ask for the form in a strict schema."""
        reply = await client.chat.completions.create(
            model=self.models[0],
            messages=[
                {"role": "system", "content": rules_of(form)},
                {"role": "user", "content": material_of(form)},
            ],
            max_tokens=form.most_tokens + REASONING_TOKENS,
            response_format=strictly("form", form.schema),
            extra_body=self.extra_body,
        )
        _raise_failure(reply, self.title)
        text = reply.choices[0].message.content or "" if reply.choices else ""
        return Said(text, usage_of(reply.usage), self.chosen(reply.model), taken_usd(reply.usage), _problem(reply))


class OpenRouterFormModel(OpenRouter, ChatFormModel):
    """Forms by OpenRouter."""


class XaiFormModel(Xai, ChatFormModel):
    """Forms by xAI."""


class GeminiFormModel(Gemini, ChatFormModel):
    """Forms by Gemini."""


class OllamaFormModel(Ollama, ChatFormModel):
    """Forms by Ollama, or any other server of this kind."""


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
