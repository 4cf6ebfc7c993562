"""The models that write answers and fill forms, as ``models.answer`` and ``models.small`` name them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from bot.settings import Settings, key_of
from core.asking.forms import FormModel
from core.asking.writing import AnswerModel

KEYLESS = "ollama"
"""A server on one's own machine, which mostly asks for no key; the client insists on one."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a deployment, each list in the operator's order; ``forms`` are the small ones, else the large."""

    large: Sequence[AnswerModel]
    small: Sequence[AnswerModel]
    forms: Sequence[FormModel]


@asynccontextmanager
async def open_models(settings: Settings) -> AsyncIterator[Models]:
    """The models of ``models.answer`` and ``models.small``; one that is in both is made once.

    Raises:
        ConfigurationError: a model's key is missing.
    """
    answer, small = settings.models.answer or settings.models.small, settings.models.small
    writers: dict[str, AnswerModel] = {name: _model(settings, name, _writer) for name in (*answer, *small)}
    forms: dict[str, FormModel] = {name: _model(settings, name, _form_filler) for name in small or answer}
    async with AsyncExitStack() as stack:
        for writer in writers.values():
            stack.push_async_callback(writer.close)
        for form in forms.values():
            stack.push_async_callback(form.close)
        yield Models([writers[name] for name in answer], [writers[name] for name in small], list(forms.values()))


def _model(settings: Settings, name: str, maker: Callable[[str], Callable[..., Any]]) -> Any:  # noqa: ANN401 - of two kinds
    vendor, _, model = name.partition(":")
    secret, base_url = access_of(settings)[vendor]
    key = secret.get_secret_value() or KEYLESS
    if vendor != KEYLESS:
        key = key_of(
            secret, f"{vendor}.api_key", "models.answer" if name in settings.models.answer else "models.small"
        )
    prices = {name: price.model_dump(exclude_none=True) for name, price in settings.models.prices.items()}
    return maker(vendor)(
        name, model, api_key=key, base_url=base_url, prices=prices, timeout_s=settings.models.timeout_s
    )


def access_of(settings: Settings) -> Mapping[str, tuple[SecretStr, str]]:
    """Each vendor's key and address."""
    return {
        "anthropic": (settings.anthropic.api_key, settings.anthropic.base_url),
        "openai": (settings.openai.api_key, settings.openai.base_url),
        "openrouter": (settings.openrouter.api_key, settings.openrouter.base_url),
        "xai": (settings.xai.api_key, settings.xai.base_url),
        "gemini": (settings.gemini.api_key, settings.gemini.base_url),
        "ollama": (settings.ollama.api_key, settings.ollama.base_url),
    }


def _writer(vendor: str) -> Callable[..., Any]:
    """Imported when it is needed: nobody waits at the start for what is not configured."""
    if vendor == "anthropic":
        from adapters.models.anthropic_answers import AnthropicAnswerModel

        return AnthropicAnswerModel
    if vendor == "openai":
        from adapters.models.openai_answers import OpenAIAnswerModel

        return OpenAIAnswerModel
    from adapters.models import chat_answers

    return {
        "openrouter": chat_answers.OpenRouterAnswerModel,
        "xai": chat_answers.XaiAnswerModel,
        "gemini": chat_answers.GeminiAnswerModel,
        "ollama": chat_answers.OllamaAnswerModel,
    }[vendor]


def _form_filler(vendor: str) -> Callable[..., Any]:
    """As above, for forms."""
    if vendor == "anthropic":
        from adapters.models.anthropic_forms import AnthropicFormModel

        return AnthropicFormModel
    if vendor == "openai":
        from adapters.models.openai_forms import OpenAIFormModel

        return OpenAIFormModel
    from adapters.models import chat_forms

    return {
        "openrouter": chat_forms.OpenRouterFormModel,
        "xai": chat_forms.XaiFormModel,
        "gemini": chat_forms.GeminiFormModel,
        "ollama": chat_forms.OllamaFormModel,
    }[vendor]
