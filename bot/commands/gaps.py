"""What the material lacks: answers that the staff take back, and what people ask in vain."""

from typing import Final

from bot.commands.escalating import embedder_of
from bot.commands.registry import Context, Registry, said
from core.asking.escalations import Escalation, how_to_answer, people
from core.asking.gaps import LOOKED_AT, MOST_COMPARED, Gap, find_gaps
from core.asking.words import clean_question
from core.conversation import Audience, Button, Reply, Tone
from core.errors import Refused
from core.ids import CreatorId, MessageId
from core.richtext import RichText, Span, bold, counted, joined, link

SHOWN: Final = 8
ANSWERABLE: Final = 5
"""So many gaps have a button: a row of Discord's."""
MORE_WORDINGS: Final = 2
MOST_LINKS: Final = 5
NOT_KEPT: Final = "That question is not kept any more."

commands = Registry()


async def offer_to_withdraw(context: Context, creator_id: CreatorId, message_id: MessageId) -> Button | None:
    """The button that the staff get with a 👎; None for others, and where the question is not kept any more."""
    standing = context.standing
    if not (standing.staff and standing.creator is not None and standing.creator.id == creator_id):
        return None
    kept = await context.services.asked.note_shown(creator_id, message_id, context.place, context.request.about)
    return Button("It is wrong: take it back", "withdraw", str(message_id), Tone.DANGER) if kept else None


@commands.action("withdraw", audience=Audience.STAFF)
async def withdraw(context: Context) -> Reply:
    """Take an answer back, and ask the staff for the right one."""
    creator_id = context.creator.id
    question = await context.services.asked.withdraw(creator_id, MessageId(context.payload_number))
    if question is None:
        raise Refused("That answer was taken back already, or is not kept any more.")
    taken_up = await context.services.escalations.take_up(creator_id, question)
    words = RichText.of("Taken back; nobody gets that answer any more. What is right?\n\n", _to_answer(taken_up))
    return Reply(words, private=True, replaces=True)


def _to_answer(taken_up: Escalation) -> RichText:
    return RichText.of(f"“{taken_up.question}”\n\n", how_to_answer(taken_up, "its card in the staff's place"))


@commands.command(
    "gaps",
    "See what people ask and the material does not answer, or answers badly",
    audience=Audience.STAFF,
    private=True,
)
async def gaps(context: Context) -> Reply:
    """Group the questions of the last 30 days that got no good answer."""
    services, creator_id = context.services, context.creator.id
    asked = await services.asked.unanswered(creator_id, MOST_COMPARED)
    if not asked:
        return said(f"In the last {LOOKED_AT.days} days no question was left without a good answer.")
    embedder = await embedder_of(context, creator_id)
    vectors = await embedder.embed_passages([clean_question(each.question).text or "?" for each in asked])
    found = find_gaps(asked, vectors, services.stem)
    lines = [_line(at, gap) for at, gap in enumerate(found[:SHOWN], 1)]
    more = f"\n\n… and {len(found) - SHOWN} smaller ones" if len(found) > SHOWN else ""
    heading = bold(f"What the material did not answer well in the last {LOOKED_AT.days} days")
    how = "\n\nRecord a video about it, or answer it here once for all:"
    buttons = tuple(
        Button(f"Answer {at}", "gap_answer", str(gap.example.message_id))
        for at, gap in enumerate(found[:ANSWERABLE], 1)
    )
    return Reply(RichText.of(heading, "\n\n", joined(lines, "\n"), more, how), (buttons,))


def _line(number: int, gap: Gap) -> RichText:
    once = len(gap.questions) == 1
    times = "asked once" if once else f"asked {len(gap.questions)} times by {people(gap.people)}"
    advice = f"{counted(gap.people, 'student')} asked about " if gap.people > 1 else ""
    bad = f", {gap.rated_badly} of the answers rated badly" if gap.rated_badly else ""
    wordings = dict.fromkeys(" ".join(asked.question.split())[:150] for asked in gap.questions)
    first, *others = wordings
    also = "".join(f" · “{other}”" for other in others[:MORE_WORDINGS])
    film = ": record a video" if gap.people > 1 else ""
    return RichText.of(f"{number}. {advice}", bold(f"“{first}”"), also, film, f" ({times}{bad})", *_where(gap))


def _where(gap: Gap) -> list[str | Span]:
    """Links to where it was asked."""
    found = [link(f"[{at}]", address) for at, address in enumerate(gap.links[:MOST_LINKS], 1)]
    return [" where: ", *(part for each in found for part in (each, " "))] if found else []


@commands.action("gap_answer", audience=Audience.STAFF)
async def gap_answer(context: Context) -> Reply:
    """Take a question up, to answer it once for all."""
    creator_id = context.creator.id
    question = await context.services.asked.question(creator_id, MessageId(context.payload_number))
    if question is None:
        raise Refused(NOT_KEPT)
    return Reply(_to_answer(await context.services.escalations.take_up(creator_id, question)), private=True)
