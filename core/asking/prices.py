"""What a model call costs by the operator's own price table."""

from collections.abc import Mapping
from typing import Final

from core.asking.answer import Usage

PER_MILLION: Final = 1_000_000

Prices = Mapping[str, Mapping[str, float]]
"""``{"anthropic:claude-...": {"input": ..., "output": ..., "cached": ...}}`` in dollars per million tokens."""


def cost_usd(model: str, usage: Usage, prices: Prices) -> float:
    """Return dollars for one call; 0.0 where the operator gave no price for the model.

    Args:
        model: the configured name, such as ``openai:gpt-6-sol``.
        usage: ``cached_tokens`` are a part of ``prompt_tokens`` and cost ``input`` where ``cached`` is not given.
        prices: dollars per million tokens.
    """
    price = prices.get(model, {})
    fresh = usage.prompt_tokens - usage.cached_tokens
    spent = (
        fresh * price.get("input", 0.0)
        + usage.cached_tokens * price.get("cached", price.get("input", 0.0))
        + usage.completion_tokens * price.get("output", 0.0)
    )
    return spent / PER_MILLION
