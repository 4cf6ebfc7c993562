"""Asking, and what belongs to it: votes, a fresh start, one's own history."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import structlog

from bot.commands.answers import answer_reply, growing_reply, past_answer
from bot.commands.clips import clip_button
from bot.commands.escalating import ask_the_creator, reply_to_card
from bot.commands.gaps import offer_to_withdraw
from bot.commands.quizzes import quiz_button
from bot.commands.registry import Context, Registry, numbers_of, said
from bot.commands.voices import Heard, heard_in, note_voice, show_answer, signed, with_hint
from bot.commands.watching import watch_button
from core.asking.answer import Answer
from core.asking.budgets import Step
from core.asking.growing import Shown
from core.asking.limits import Admission, with_budget_notice
from core.asking.memory import Recollection
from core.asking.question import Explained, Question
from core.asking.sessions import Past, Speaker
from core.asking.words import STOP_WORDS, tokens
from core.conversation import Button, Parameter, Reply
from core.errors import DatabaseFull, Refused
from core.ids import CreatorId, MessageId, SourceId
from core.members.directory import refusal
from core.richtext import RichText, bold, joined
from core.tiers import Scope

T = TypeVar("T")

HISTORY_LENGTH: Final = 10
MOST_FOLLOWING: Final = 3
LONGEST_LABEL: Final = 80

log = structlog.get_logger()
commands = Registry()


@commands.command(
    "ask",
    "Ask a question; the answer links to the very second",
    Parameter("question", "What would you like to know?", required=True),
)
async def ask(context: Context) -> Reply:
    """Answer a question from the creator's material."""
    if drafted := await reply_to_card(context):
        return drafted
    if reason := refusal(context.standing):
        raise Refused(reason)
    admission = await _admitted(context)
    heard, recalled = await asyncio.gather(
        heard_in(context), context.services.memories.recall(context.speaker, alone=_is_alone(context))
    )
    question = _question(context, heard, recalled, admission)
    explained = await context.services.engine.explain(question, _shown_in(context))
    answer = with_hint(explained.answer, heard.voice, staff=context.standing.staff)
    kept = None
    if admission is not None:
        answer = with_budget_notice(answer, admission)
        kept = await asyncio.shield(_kept(context, heard, answer, admission))  # paid for, whoever leaves now
    return await _replied(context, heard, replace(explained, answer=answer), question.scope, kept)


def _question(
    context: Context, heard: Heard, recalled: Recollection, admission: Admission | None
) -> Question:  # fmt: skip
    return Question(
        context.creator.id, heard.text, heard.history, context.creator.language,
        step=admission.step if admission else Step.QUOTING, tiers=context.speaker.tiers, manner=heard.voice.manner,
        wishes=recalled.wishes, background=recalled.background, models=admission.models if admission else (),
        usage_id=admission.usage_id if admission else None,
    )  # fmt: skip


async def _replied(
    context: Context, heard: Heard, explained: Explained, scope: Scope, kept: MessageId | None
) -> Reply:
    """An answer as it is shown, with what can be pressed below it; it is recorded by then."""
    services, creator_id, answer = context.services, context.creator.id, explained.answer
    clip, watch, quiz, following = await asyncio.gather(
        _or_without("clip", clip_button(services.clips, creator_id, answer)),
        _or_without("watch", watch_button(services.watching, creator_id, answer)),
        _or_without("quiz", quiz_button(services.quizzes, creator_id, answer)),
        _or_without("next questions", _following(context, explained, scope)),
    )
    beside = [each for each in (clip, watch, ask_the_creator(answer, creator_id, kept)) if each]
    reply = signed(answer_reply(answer, creator_id, kept, beside), heard.voice)
    below = (show_answer(answer, heard.voice, creator_id, kept), quiz, *(following or ()))
    buttons = (*reply.buttons, *((each,) for each in below if each))
    return replace(reply, buttons=buttons, private=answer.members_only and not context.place.direct)


async def _or_without(what: str, found: Awaitable[T]) -> T | None:
    """Something below an answer; where it cannot be found, the answer, which is paid for, comes without it."""
    try:
        return await found
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is worth more
        log.warning("an answer goes without something below it", what=what, reason=str(error))
        return None


def _is_alone(context: Context) -> bool:
    """Whether nobody but the person will read the answer, whatever it cites."""
    tried = context.voice is not None and context.voice.trial
    return context.place.direct or context.creator.answers == "private" or tried


def _shown_in(context: Context) -> Shown:
    """Lets people read along, unless what they would see may turn out to be for fewer of them."""

    async def shown(answer: Answer) -> None:
        if context.place.direct or not answer.members_only:
            await context.show(growing_reply(answer))

    return shown


async def _following(context: Context, explained: Explained, scope: Scope) -> list[Button]:
    """Questions that the staff have answered, beside this one and about the same."""
    answer = explained.answer
    cited = {citation.source_id for citation in answer.citations}
    near = [source for hit in explained.hits if (source := hit.source_id) not in cited]
    if not near or not cited:
        return []
    questions = await context.services.knowledge.questions(scope, near)
    said = _content(context, f"{context.text('question')} {answer.text}")
    found = [(each, questions[each]) for each in dict.fromkeys(near) if each in questions]
    return [
        Button(f"💬 {text}"[:LONGEST_LABEL], "next_question", str(each))
        for each, text in found
        if not said.isdisjoint(_content(context, text))
    ][:MOST_FOLLOWING]


def _content(context: Context, text: str) -> set[str]:
    return set(context.services.stem([word for word in tokens(text) if word not in STOP_WORDS]))


async def _admitted(context: Context) -> Admission | None:
    """Count a question; None on a full disk, where it is quoted, since what a model costs could not be kept."""
    try:
        return await context.services.conversations.admit(context.speaker, context.services.limits)
    except DatabaseFull as full:
        log.warning("a question cannot be counted", reason=str(full))
        return None


async def _kept(context: Context, heard: Heard, answer: Answer, admission: Admission) -> MessageId | None:
    """Store an answer and enrol who asked for the first time; on a full disk an answer is given all the same."""
    services, creator, standing = context.services, context.creator, context.standing
    try:
        if creator.who_may_ask == "everyone" and not standing.enrolment and not context.place.direct:
            await services.directory.enrol(creator.id, standing.student_id)
        kept = await services.conversations.record(context.speaker, heard.text[:4000], answer, admission)
        await note_voice(context, kept, heard.voice)
        return kept
    except DatabaseFull as full:
        log.warning("an answer cannot be kept", reason=str(full))
        return None


@commands.action("vote")
async def vote(context: Context) -> Reply:
    """Keep a 👍 or 👎."""
    creator_id, message_id, helpful = numbers_of(context, 3)
    if context.standing.creator is None or context.standing.creator.id != creator_id:
        known = {choice.id for choice in context.standing.choices}
        if creator_id not in known:
            raise Refused("That answer belongs to another community.")
    speaker = Speaker(CreatorId(creator_id), context.standing.student_id, context.place.key)
    kept = await context.services.conversations.vote(speaker, MessageId(message_id), helpful=helpful == 1)
    if not kept:
        raise Refused("That answer is not kept any more, so there is nothing to vote on.")
    wrong = helpful == 0 and await offer_to_withdraw(context, speaker.creator_id, MessageId(message_id))
    return Reply(RichText.of("Thank you, noted."), ((wrong,),) if wrong else (), private=True)


@commands.command("new", "Start afresh: forget what we talked about here", private=True)
async def new(context: Context) -> Reply:
    """End the session, so that nothing of it is context any more."""
    ended = await context.services.conversations.forget(context.speaker)
    return said("Done. Your next question starts afresh." if ended else "There was nothing to forget; just ask.")


@commands.command("history", "See your own questions, their answers and sources", private=True)
async def history(context: Context) -> Reply:
    """Show a person their own questions here."""
    standing = context.standing
    creator_id = None if standing.creator is None or context.place.direct else standing.creator.id
    past = await context.services.conversations.history(standing.student_id, creator_id, HISTORY_LENGTH)
    if not past:
        return said("You have not asked anything yet.")
    several, hidden = len({entry.creator_id for entry in past}) > 1, await _not_open(context, past)
    lines = [
        past_answer(entry, context.services.links, named=several, hidden=entry.message_id in hidden) for entry in past
    ]
    again = ((Button("Forget this conversation", "forget"),),)
    return Reply(RichText.of(bold("Your last questions"), "\n\n", joined(lines, "\n\n")), again)


async def _not_open(context: Context, past: Sequence[Past]) -> set[MessageId]:
    """Those answers of before that cite what is not open to this person now."""
    cited = {entry.message_id: {SourceId(r["source_id"]) for r in entry.references} for entry in past}
    hidden: set[MessageId] = set()
    for creator_id in {entry.creator_id for entry in past}:
        scope, own = await context.scope_with(creator_id), [e for e in past if e.creator_id == creator_id]
        wanted = set().union(*(cited[entry.message_id] for entry in own))
        tiers = await context.services.catalogue.tiers(creator_id, wanted)
        closed = {source_id for source_id, tier in tiers.items() if not scope.opens(tier)}
        hidden |= {entry.message_id for entry in own if cited[entry.message_id] & closed}
    return hidden


@commands.action("forget")
async def forget(context: Context) -> Reply:
    """The button form of /new."""
    return await new(context)
