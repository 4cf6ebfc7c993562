"""What one may ask next: questions that the staff have answered and that are about the same."""

from dataclasses import replace
from typing import Final

from bot.commands.asking import ask
from bot.commands.registry import Context, Registry
from core.conversation import Reply
from core.errors import Refused
from core.ids import SourceId

commands = Registry()
GONE: Final = "That question is not answered here any more. Just ask."


@commands.action("next_question", private=False)
async def next_question(context: Context) -> Reply:
    """Ask the question that stands on the button."""
    entry_id = SourceId(context.payload_number)
    scope = await context.scope_with(context.creator.id)
    question = (await context.services.knowledge.questions(scope, [entry_id])).get(entry_id)
    if question is None:
        raise Refused(GONE)
    asked = replace(context.request, command="ask", arguments={"question": question}, about="")
    return await ask(replace(context, request=asked))
