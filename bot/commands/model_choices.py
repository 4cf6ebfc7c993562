"""The part of /settings about models: which are tried first, and what happens when the money is used up."""

from dataclasses import replace

from bot.commands.registry import Context
from core.asking.choices import QUOTE, STOP, ModelChoice, chosen_models
from core.conversation import Kind, Parameter
from core.richtext import RichText, bold

MODELS = Parameter("models", "Models to try first, with commas between; or default")
AFTER_BUDGET = Parameter(
    "after_budget",
    "What happens when the money for models is used up",
    Kind.CHOICE,
    choices=(QUOTE, STOP),
)


async def model_lines(context: Context) -> list[RichText]:
    """What is chosen, after the changes that were asked for."""
    choice, offered = await _chosen(context), context.services.model_names
    if not offered:
        return []
    models = ", ".join(choice.models) if choice.models else "in the operator's order"
    ended = "nothing is answered" if choice.stops else "I quote you"
    return [
        RichText.of(bold("Models: "), models, f" (there are {', '.join(offered)})"),
        RichText.of(bold("When the money for models is used up: "), ended),
    ]


async def _chosen(context: Context) -> ModelChoice:
    choices, creator_id = context.services.model_choices, context.creator.id
    before = await choices.of(creator_id)
    wanted = before
    if typed := context.text("models"):
        wanted = replace(wanted, models=chosen_models(typed, context.services.model_names))
    if after := context.text("after_budget"):
        wanted = replace(wanted, stops=after == STOP)
    if wanted != before:
        await choices.choose(creator_id, wanted)
    return wanted
