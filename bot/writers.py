"""The models that write answers, as ``models.answer`` names them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from bot.settings import Settings, key_of
from core.asking.writing import AnswerModel

KEYLESS = "ollama"
"""A server on one's own machine, which mostly asks for no key; the client insists on one."""


@asynccontextmanager
async def open_models(settings: Settings) -> AsyncIterator[list[AnswerModel]]:
    """The answer models of ``models.answer``, in order.

    Raises:
        ConfigurationError: a model's key is missing.
    """
    models = [_model(settings, name) for name in settings.models.answer]
    try:
        yield models
    finally:
        for model in models:
            await model.close()


def _model(settings: Settings, name: str) -> AnswerModel:
    vendor, _, model = name.partition(":")
    secret, base_url = _access(settings)[vendor]
    key = secret.get_secret_value() or KEYLESS
    if vendor != KEYLESS:
        key = key_of(secret, f"{vendor}.api_key", "models.answer")
    prices = {name: price.model_dump(exclude_none=True) for name, price in settings.models.prices.items()}
    made: AnswerModel = _maker(vendor)(
        name, model, api_key=key, base_url=base_url, prices=prices, timeout_s=settings.models.timeout_s
    )
    return made


def _access(settings: Settings) -> Mapping[str, tuple[SecretStr, str]]:
    """Each vendor's key and address."""
    return {
        "anthropic": (settings.anthropic.api_key, settings.anthropic.base_url),
        "openai": (settings.openai.api_key, settings.openai.base_url),
        "openrouter": (settings.openrouter.api_key, settings.openrouter.base_url),
        "xai": (settings.xai.api_key, settings.xai.base_url),
        "gemini": (settings.gemini.api_key, settings.gemini.base_url),
        "ollama": (settings.ollama.api_key, settings.ollama.base_url),
    }


def _maker(vendor: str) -> Callable[..., Any]:
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
