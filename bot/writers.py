"""The models that write answers and fill forms, as ``models.answer`` and ``models.small`` name them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from bot.settings import Settings, key_of
from core.asking.forms import FormModel
from core.asking.writing import AnswerModel

Classes = tuple[Callable[..., AnswerModel], Callable[..., FormModel]]
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
    writers: dict[str, AnswerModel] = {
        name: _classes_of(name)[0](**_options(settings, name)) for name in (*answer, *small)
    }
    forms: dict[str, FormModel] = {name: _classes_of(name)[1](**_options(settings, name)) for name in small or answer}
    async with AsyncExitStack() as stack:
        for writer in writers.values():
            stack.push_async_callback(writer.close)
        for form in forms.values():
            stack.push_async_callback(form.close)
        yield Models([writers[name] for name in answer], [writers[name] for name in small], list(forms.values()))


def _options(settings: Settings, name: str) -> dict[str, Any]:
    """What a model is made with, whichever work it is for."""
    vendor, _, model = name.partition(":")
    secret, base_url = access_of(settings)[vendor]
    key = secret.get_secret_value() or KEYLESS
    if vendor != KEYLESS:
        key = key_of(
            secret, f"{vendor}.api_key", "models.answer" if name in settings.models.answer else "models.small"
        )
    prices = {name: price.model_dump(exclude_none=True) for name, price in settings.models.prices.items()}
    return {
        "name": name,
        "model": model,
        "api_key": key,
        "base_url": base_url,
        "prices": prices,
        "timeout_s": settings.models.timeout_s,
    }


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


def _classes_of(name: str) -> Classes:
    """What of a model's vendor writes answers, and what fills forms; what is not configured is not imported."""
    vendor = name.partition(":")[0]
    if vendor == "anthropic":
        from adapters.models import anthropic_answers, anthropic_forms

        return anthropic_answers.AnthropicAnswerModel, anthropic_forms.AnthropicFormModel
    if vendor == "openai":
        from adapters.models import openai_answers, openai_forms

        return openai_answers.OpenAIAnswerModel, openai_forms.OpenAIFormModel
    from adapters.models import chat_answers, chat_forms

    found: dict[str, Classes] = {
        "openrouter": (chat_answers.OpenRouterAnswerModel, chat_forms.OpenRouterFormModel),
        "xai": (chat_answers.XaiAnswerModel, chat_forms.XaiFormModel),
        "gemini": (chat_answers.GeminiAnswerModel, chat_forms.GeminiFormModel),
        "ollama": (chat_answers.OllamaAnswerModel, chat_forms.OllamaFormModel),
    }
    return found[vendor]
