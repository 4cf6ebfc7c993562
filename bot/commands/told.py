"""An answer in full, for those whom a tutor led to it."""

from dataclasses import replace

from bot.commands.asking import ask
from bot.commands.registry import Context, Registry, numbers_of
from bot.commands.voices import voice_here
from core.asking.sessions import Speaker
from core.conversation import Reply
from core.errors import Refused
from core.ids import CreatorId, MessageId

commands = Registry()


@commands.action("full_answer", private=False)
async def full_answer(context: Context) -> Reply:
    """Answer one's own question again, in full; it counts as a question."""
    creator_id, message_id = numbers_of(context, 2)
    if context.creator.id != creator_id:
        raise Refused("That answer belongs to another community.")
    speaker = Speaker(CreatorId(creator_id), context.standing.student_id, context.place.key)
    question = await context.services.escalations.own_question(speaker, MessageId(message_id))
    if question is None:
        raise Refused("Only who asked can have the answer shown. Ask it yourself, then you can, too.")
    voice = (await voice_here(context)).outright()
    asked = replace(context.request, command="ask", arguments={"question": question}, about="")
    return await ask(replace(context, request=asked, voice=voice))
