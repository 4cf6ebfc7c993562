"""The learning loop: what the material does not answer goes to the staff, and their answer to everybody."""

import re
from typing import Final

from bot.commands.knowledge import author_of, entry_text
from bot.commands.registry import Context, Registry, numbers_of, said
from core.asking.answer import Answer, Outcome
from core.asking.embedding import Embedder
from core.asking.escalations import Asking, Escalation, Put, Status, how_to_answer, people, staff_card
from core.asking.sessions import Speaker
from core.asking.words import clean_question
from core.conversation import Audience, Button, Parameter, Reply, Suggestion
from core.errors import Refused
from core.ids import CreatorId, EscalationId, MessageId
from core.library.knowledge import LONGEST_ANSWER
from core.members.directory import refusal
from core.richtext import RichText, bold, code, joined

SHOWN: Final = 10
GONE: Final = "That question does not wait for an answer any more."
_NUMBERED: Final = re.compile(r"#?([0-9]{1,18})\s+(.+)", re.DOTALL)

commands = Registry()


def ask_the_creator(answer: Answer, creator_id: CreatorId, message_id: MessageId | None) -> Button | None:
    """The button under what is no answer; None where there is one, or the question is not kept."""
    if message_id is None or answer.outcome not in {Outcome.ABSTAINED, Outcome.CLOSEST}:
        return None
    return Button("🙋 Ask the creator", "escalate", f"{creator_id}:{message_id}")


@commands.action("escalate")
async def escalate(context: Context) -> Reply:
    """Put one's own question to the staff."""
    creator_id, message_id = numbers_of(context, 2)
    speaker = _speaker(context, CreatorId(creator_id))
    question = await context.services.escalations.own_question(speaker, MessageId(message_id))
    if question is None:
        raise Refused("Only who asked can pass a question on. Ask it yourself, then you can.")
    embedder = await embedder_of(context, speaker.creator_id)
    vector = await embedder.embed_query(clean_question(question).text)
    put = await context.services.escalations.put(speaker, Asking(question, embedder.embedder_id, vector))
    take_back = Button("Take it back", "esc_take_back", f"{creator_id}:{put.escalation.id}")
    return Reply(RichText.of(_put_words(put)), ((take_back,),), private=True)


def _put_words(put: Put) -> str:
    if put.again:
        return "That question of yours waits for an answer already. You are told as soon as there is one."
    others = put.escalation.waiting - 1
    joined_by = f" {people(others)} asked the same." if others else ""
    when = "as soon as there is an answer" if put.reached else "once somebody of the staff has looked"
    return f"Passed on to the staff, without your name.{joined_by} I tell you {when}."


def _speaker(context: Context, creator_id: CreatorId) -> Speaker:
    """Who presses, towards the creator whom the button names, whom they may still ask.

    Raises:
        Refused: it belongs to another community, or they may not ask any more.
    """
    standing = context.standing
    own = standing.creator is not None and standing.creator.id == creator_id
    if own and (reason := refusal(standing)):
        raise Refused(reason)
    if not own and creator_id not in {choice.id for choice in standing.choices}:
        raise Refused("That answer belongs to another community.")
    return Speaker(creator_id, standing.student_id, context.place.key)


async def embedder_of(context: Context, creator_id: CreatorId) -> Embedder:
    """What turns questions to a creator into vectors."""
    embedder_id = await context.services.shelf.embedder_of(creator_id)
    embedders = context.services.embedders
    return embedders.of(embedder_id) if embedder_id else embedders.usual


@commands.action("esc_take_back")
async def take_back(context: Context) -> Reply:
    """Take one's own question back."""
    creator_id, escalation_id = numbers_of(context, 2)
    speaker = _speaker(context, CreatorId(creator_id))
    if not await context.services.escalations.take_back(speaker, EscalationId(escalation_id)):
        raise Refused(GONE)
    return Reply(RichText.of("Taken back. You are not told about it any more."), private=True, replaces=True)


async def _suggest_question(context: Context, typed: str) -> list[Suggestion]:
    waiting = await context.services.escalations.waiting(context.creator.id, 25)
    wanted = typed.casefold()
    return [
        Suggestion(f"{each.id}: {each.question}"[:100], str(each.id))
        for each in waiting
        if wanted in each.question.casefold() or typed == str(each.id)
    ]


@commands.command(
    "answer",
    "Answer a question that the material did not",
    Parameter("question", "Its number, from its card"),
    Parameter("text", "Your answer; links work", takes_rest=True),
    audience=Audience.STAFF,
    private=True,
    suggest=_suggest_question,
)
async def answer(context: Context) -> Reply:
    """Draft an answer, or list what waits for one."""
    number, text = context.text("question").removeprefix("#"), context.text("text")
    if not number and (typed := _NUMBERED.fullmatch(text)):
        number, text = typed[1], typed[2]
    if not number and not text:
        return await _waiting(context)
    if not (number.isdecimal() and len(number) <= 18 and text):
        raise Refused("Give the number of the question and your answer: /answer question:12 text:...")
    return await _drafted(context, EscalationId(int(number)), text)


async def _waiting(context: Context) -> Reply:
    waiting = await context.services.escalations.waiting(context.creator.id, SHOWN)
    if not waiting:
        return said("No question waits for an answer. /gaps shows what people ask and the material does not say.")
    lines = [RichText.of(f"▸ {each.id}: “{each.question}”", _state(each)) for each in waiting]
    how = RichText.of("\n\nAnswer one with ", code(f"/answer question:{waiting[0].id} text:"), " and your answer.")
    return Reply(RichText.of(bold("Waiting for an answer"), "\n", joined(lines), how))


def _state(escalation: Escalation) -> str:
    asked = f" · {people(escalation.waiting)}" if escalation.waiting else ""
    return asked + (" · has a draft" if escalation.draft else "")


async def _drafted(context: Context, escalation_id: EscalationId, text: str) -> Reply:
    if len(text) > LONGEST_ANSWER:
        raise Refused(f"That are {len(text):,} characters; an answer has at most {LONGEST_ANSWER:,}.")
    drafted = await context.services.escalations.draft(
        context.creator.id, escalation_id, text, context.standing.student_id
    )
    if drafted is None:
        raise Refused(f"{GONE} /answer lists those that do.")
    return staff_card(drafted)


async def reply_to_card(context: Context) -> Reply | None:
    """What becomes of a message of the staff that replies to the card of a question; None for any other message."""
    standing, about = context.standing, context.request.about
    if not (about and standing.staff and standing.creator is not None):
        return None
    found = await context.services.escalations.answered_card(
        standing.creator.id, context.place, context.request.person, about
    )
    return None if found is None else await _drafted(context, found, context.text("question"))


@commands.action("esc_answer", audience=Audience.STAFF)
async def how(context: Context) -> Reply:
    """Say how to answer, or to change a draft."""
    number = EscalationId(context.payload_number)
    return Reply(how_to_answer(Escalation(number, (), 0), "the card"), private=True)


@commands.action("esc_approve", audience=Audience.STAFF)
async def approve(context: Context) -> Reply:
    """Make a draft everybody's answer."""
    published = await context.services.escalations.publish(author_of(context), EscalationId(context.payload_number))
    if published is None:
        raise Refused(f"{GONE} /qa lists what is answered.")
    told = f" {people(published.told)} who asked will read it." if published.told else ""
    undo = Button("Undo", "qa_drop", str(published.entry.id))
    words = RichText.of(f"✅ Everybody who asks this is answered from now on.{told}\n\n", entry_text(published.entry))
    return Reply(words, ((undo,),), replaces=True)


@commands.action("esc_discard", audience=Audience.STAFF)
async def discard(context: Context) -> Reply:
    """Throw a draft away; the question goes on waiting."""
    left = await context.services.escalations.draft(
        context.creator.id, EscalationId(context.payload_number), "", context.standing.student_id
    )
    if left is None:
        raise Refused(GONE)
    return _replacing(left)


@commands.action("esc_dismiss", audience=Audience.STAFF)
async def dismiss(context: Context) -> Reply:
    """Leave a question unanswered."""
    return await _set(context, Status.DISMISSED)


@commands.action("esc_reopen", audience=Audience.STAFF)
async def reopen(context: Context) -> Reply:
    """Undo a dismissal."""
    return await _set(context, Status.OPEN)


async def _set(context: Context, status: Status) -> Reply:
    escalation_id = EscalationId(context.payload_number)
    changed = await context.services.escalations.set_status(context.creator.id, escalation_id, status)
    if changed is None:
        raise Refused(GONE)
    return _replacing(changed)


def _replacing(escalation: Escalation) -> Reply:
    card = staff_card(escalation)
    return Reply(card.text, card.buttons, replaces=True)
