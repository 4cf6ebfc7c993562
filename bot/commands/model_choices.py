"""The part of /settings about models: which are tried first, and what happens when the money is used up."""

from dataclasses import replace

from bot.commands.registry import Context
from core.asking.choices import OFF, ON, QUOTE, STOP, ModelChoice, chosen_models
from core.conversation import Kind, Parameter
from core.richtext import RichText, bold

MODELS = Parameter("models", "Models to try first, with commas between; or default")
AFTER_BUDGET = Parameter(
    "after_budget",
    "What happens when the money for models is used up",
    Kind.CHOICE,
    choices=(QUOTE, STOP),
)
STUDY_MODELS = Parameter(
    "study_models",
    "Whether models are paid to word study material; else it is picked from what is said",
    Kind.CHOICE,
    choices=(ON, OFF),
)


async def model_lines(context: Context) -> list[RichText]:
    """What is chosen, after the changes that were asked for."""
    choice, offered = await _chosen(context), context.services.model_names
    if not offered:
        return []
    models = ", ".join(choice.models) if choice.models else "in the operator's order"
    ended = "nothing is answered" if choice.stops else "I quote you"
    studied = "worded by models, below 70% of the budget" if choice.studies else "picked from the words"
    return [
        RichText.of(bold("Models: "), models, f" (there are {', '.join(offered)})"),
        RichText.of(bold("When the money for models is used up: "), ended),
        RichText.of(bold("Study material: "), studied),
    ]


async def _chosen(context: Context) -> ModelChoice:
    choices, creator_id = context.services.model_choices, context.creator.id
    before = await choices.of(creator_id)
    wanted = before
    if typed := context.text("models"):
        wanted = replace(wanted, models=chosen_models(typed, context.services.model_names))
    if after := context.text("after_budget"):
        wanted = replace(wanted, stops=after == STOP)
    if studied := context.text("study_models"):
        wanted = replace(wanted, studies=studied == ON)
    if wanted != before:
        await choices.choose(creator_id, wanted)
    return wanted
