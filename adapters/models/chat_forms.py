"""Forms filled by Chat Completions, as OpenRouter, xAI, Gemini, Ollama and others understand it."""

from typing import TYPE_CHECKING, Any

from adapters.models.chat_calls import ChatModel, Gemini, Ollama, OpenRouter, Xai, strictly, taken_usd, usage_of
from adapters.models.vendor_failures import failure_of
from adapters.models.vendor_forms import REASONING_TOKENS, Said, VendorFormModel, material_of, rules_of
from core.asking.forms import Form

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion


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
        failed: Any = (reply.model_extra or {}).get("error")
        if failed:  # inside of a good status
            raise failure_of(self.title, str(failed.get("code") or ""), str(failed.get("message", "")))
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


def _problem(reply: "ChatCompletion") -> str:
    """Why it is of no use: stopped early, or declined."""
    if not reply.choices or reply.choices[0].finish_reason not in {"stop", None}:
        reason = reply.choices[0].finish_reason if reply.choices else "nothing"
        return f"did not fill the form ({reason})"
    return "refused to fill the form" if reply.choices[0].message.refusal else ""
