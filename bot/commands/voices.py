"""Who answers a question, and how that shows in the answer."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from bot.commands.registry import Context
from core.asking.answer import Answer, Outcome
from core.asking.assistants import Voice
from core.asking.tutoring import asked_outright, keeps_back
from core.asking.writing import Turn
from core.conversation import Button, Reply
from core.ids import CreatorId, MessageId
from core.richtext import RichText, italic, joined
from core.typed_commands import quoted

SHOW_THE_ANSWER: Final = "Show me the answer"


@dataclass(frozen=True, slots=True)
class Heard:
    """A question as it is answered: its text, the turns before it, and by whom."""

    text: str
    history: tuple[Turn, ...]
    voice: Voice


async def voice_here(context: Context) -> Voice:
    """Who answers in this place, with those of its models that are configured."""
    services = context.services
    voice = context.voice or await services.assistants.speaking(context.creator.id, context.place)
    return voice.among(services.model_names)


async def heard_in(context: Context) -> Heard:
    """What is asked here, of whom, and after what."""
    text = context.text("question")
    voice, history = await asyncio.gather(
        voice_here(context), context.services.conversations.context(context.speaker)
    )
    if context.voice is not None and history and history[-1].question == text:
        return Heard(text, history[:-1], voice)  # asked once more, of another
    return _outright(Heard(text, history, voice))


def _outright(heard: Heard) -> Heard:
    """Of a tutor whoever wants to be told is told: what they ask beside that, or else what they asked before."""
    wanted = asked_outright(heard.text) if heard.voice.manner.tutor else None
    if wanted:
        return Heard(wanted, heard.history, heard.voice.outright())
    if wanted is None or not heard.history:
        return heard
    return Heard(heard.history[-1].question, heard.history[:-1], heard.voice.outright())


def with_hint(answer: Answer, voice: Voice, *, staff: bool) -> Answer:
    """The same answer; the staff hear why an assistant without any source has none."""
    if not (staff and voice.has_nothing and answer.outcome is Outcome.ABSTAINED):
        return answer
    name = voice.manner.name
    hint = f"{name} answers from sources of which none is there now. Choose others:"
    return replace(answer, notice=f"{hint} /assistant_edit assistant:{quoted(name)} sources:all")


def signed(reply: Reply, voice: Voice) -> Reply:
    """The same with who answered below it, where that is an assistant."""
    if not voice.manner.name:
        return reply
    return replace(reply, text=joined([reply.text, RichText.of(italic(f"\N{EM DASH} {voice.manner.name}"))], "\n\n"))


def show_answer(answer: Answer, voice: Voice, creator_id: CreatorId, message_id: MessageId | None) -> Button | None:
    """The button with which a tutor's answer is given in full; None where there is no more to give."""
    if voice.trial or message_id is None or not keeps_back(answer, voice.manner):
        return None
    return Button(SHOW_THE_ANSWER, "full_answer", f"{creator_id}:{message_id}")


async def note_voice(context: Context, message_id: MessageId, voice: Voice) -> None:
    """Keep which assistant made an answer; what the staff try out counts for none."""
    if voice.assistant_id is not None and not voice.trial:
        await context.services.assistants.note(context.creator.id, context.standing.student_id, message_id, voice)
