"""What the staff does with study material: see it, make it again, edit, hide and delete it, review drafts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bot.commands.library import named_source, suggest_source
from bot.commands.material import where
from bot.commands.registry import Context, Registry, numbers_and_rest, numbers_of, said
from core.asking.markup import strip_markup
from core.conversation import Audience, Button, Kind, Parameter, Reply, Tone
from core.errors import Refused
from core.ids import PointId, SourceId
from core.rewards.quiz_files import read_options
from core.rewards.quizzes import (
    LETTERS,
    LONGEST_TITLE,
    Moment,
    Question,
    QuizContent,
    checked_question,
)
from core.richtext import RichText, bold, code, counted, italic, joined
from core.study.cards import counts_words, guide_card, written_words
from core.study.material import LONGEST_NOTE, LONGEST_PERSPECTIVE, LONGEST_TEXT, PointKind, checked_areas
from core.study.store import Guide, Point, Revised, Wanted
from core.tiers import Scope

SHOWN: Final = 15
PAGE: Final = 8
ORIGIN: Final = "study material"
GONE: Final = "That is gone, or was made again since. /study shows what there is."
KEPT: Final = "What you edited, hid, deleted or put into a quiz stays as it is."
NONE_LEFT: Final = "No draft waits any more."

commands = Registry()


@commands.command(
    "study",
    "See, make again and review study material: summaries, terms, takeaways, question drafts",
    Parameter("source", "A title, or its number from /videos", Kind.SOURCE, takes_rest=True),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_source,
)
async def study(context: Context) -> Reply:
    """How the material stands, of all sources or of one."""
    if context.text("source"):
        return guide_card(await _guide(context, (await named_source(context)).id))
    guides = await context.services.studies.guides(context.creator.id)
    if not guides:
        return said("There is nothing to study yet. Add a lesson with /upload; its material follows by itself.")
    lines = [_guide_line(guide) for guide in guides[:SHOWN]]
    more = [RichText.of(f"… and {len(guides) - SHOWN} more: /study source:<title>")] if guides[SHOWN:] else []
    waiting = sum(guide.waits for guide in guides)
    heading = f"Study material of {counted(len(guides), 'source')}" + (f", {waiting} being made" if waiting else "")
    drafts = next((guide for guide in guides if guide.drafts), None)
    label = f"Review {counted(drafts.drafts, 'question')}" if drafts else ""
    row = (Button(label, "study_draft", f"{drafts.source_id}:0", Tone.GOOD),) if drafts else ()
    return Reply(joined([RichText.of(bold(heading)), *lines, *more]), (row,) if row else ())


def _guide_line(guide: Guide) -> RichText:
    state = counts_words(guide) if guide.made else "being made" if guide.waits else "none yet"
    waits = f" · {guide.reason}" if guide.reason else ""
    return RichText.of(f"▸ #{guide.source_id} ", bold(guide.title), f" · {state}{waits}")


async def _guide(context: Context, source_id: SourceId) -> Guide:
    guide = await context.services.studies.guide(context.creator.id, source_id)
    if guide is None:
        raise Refused("There is no study material of that: it is not ready yet, or holds no lesson.")
    return guide


@commands.action("study_redo", audience=Audience.STAFF, private=False)
async def redo(context: Context) -> Reply:
    """Make it again; a card shows how far it is. Where that costs, ask first."""
    (number,), sure = numbers_and_rest(context, 1)
    guide = await _guide(context, SourceId(number))
    if not sure and not guide.waits and context.services.model_names:
        again = Button("Yes, make it again", "study_redo", f"{number}:yes", Tone.GOOD)
        words = f"The models read all of {guide.title} again, at the expense of your budget for them. {KEPT}"
        return Reply(RichText.of(words), ((again,),), private=True)
    studies, at = context.services.studies, datetime.now(UTC)
    redone = await studies.redo(context.creator.id, guide.source_id, context.place, at)
    if redone is None:
        raise Refused(f"The material of {guide.title} is being made already: /study source:{number} shows how far.")
    return said(f"Making the material of {guide.title} again: the card below shows how far it is. {KEPT}")


# Single points: to see, edit, hide, delete.


@commands.action("study_points", audience=Audience.STAFF)
async def points(context: Context) -> Reply:
    """A page of all points of a source, hidden ones included."""
    source_id, page = numbers_of(context, 2)
    scope = Scope.whole(context.creator.id)
    found = await context.services.studies.find(scope, Wanted(source_id=SourceId(source_id), hidden=True))
    if not found:
        raise Refused(GONE)
    first = min(page, (len(found) - 1) // PAGE) * PAGE
    shown = found[first : first + PAGE]
    lines = [_short(context, point) for point in shown]
    turns = [("◀ Before", page - 1)] if first else []
    turns += [("More ▶", page + 1)] if first + PAGE < len(found) else []
    rows = [
        tuple(Button(f"#{point.id}", "study_point", str(point.id)) for point in shown[at : at + 4]) for at in (0, 4)
    ]
    rows.append(tuple(Button(label, "study_points", f"{source_id}:{number}") for label, number in turns))
    heading = bold(f"{found[0].said.title}: {counted(len(found), 'point')}")
    return Reply(joined([RichText.of(heading), *lines]), tuple(row for row in rows if row), replaces=page > 0)


def _short(context: Context, point: Point) -> RichText:
    text = point.text if len(point.text) <= 100 else point.text[:99] + "…"
    marks = "".join((" · hidden" if point.hidden else "", " · edited" if point.edited else ""))
    at = where(context.creator.id, point, context.services.links)
    return RichText.of(f"▸ #{point.id} {_called(point)}: {text} ", at, marks)


def _called(point: Point) -> str:
    return "question" if point.kind is PointKind.QUIZ else point.kind.value


@commands.action("study_point", audience=Audience.STAFF)
async def show_point(context: Context) -> Reply:
    """One point with what can be done."""
    return _card(context, await _point(context, PointId(context.payload_number)))


async def _point(context: Context, point_id: PointId) -> Point:
    point = await context.services.studies.point(Scope.whole(context.creator.id), point_id)
    if point is None:
        raise Refused(GONE)
    return point


def _card(context: Context, point: Point, note: str = "") -> Reply:
    number = str(point.id)
    hide = Button("Show again", "study_show", number) if point.hidden else Button("Hide", "study_hide", number)
    row = [hide, Button("Delete", "study_delete", number, Tone.DANGER)]
    row += [Button("Undo", "study_undo", number)] if point.may_undo else []
    lead = RichText.of(f"{note}\n\n") if note else RichText()
    return Reply(lead + _whole(context, point), (tuple(row),), private=True)


def _whole(context: Context, point: Point) -> RichText:
    """All of a point, and how to change it."""
    at = where(context.creator.id, point, context.services.links)
    facts = [
        f"#{point.id}",
        _called(point),
        point.area,
        "hidden" if point.hidden else "",
        "in a quiz" if point.used else "",
    ]
    lines = [
        RichText.of(bold(point.text)),
        RichText.of(" · ".join(filter(None, facts)), f" · {point.said.title} ", at),
    ]
    lines += [RichText.of(f"   {_mark(point, n)} {option}") for n, option in enumerate(point.options)]
    lines += [RichText.of(f"{name}: {value}") for name, value in _texts(point) if value]
    made = "worded by the staff" if point.edited else written_words(point.writer)
    lines += [RichText.of(italic(made)), RichText.of("To change it: ", code(_example(point)))]
    return joined(lines)


def _mark(point: Point, option: int) -> str:
    return f"✓ {LETTERS[option]}." if option == point.right else f"· {LETTERS[option]}."


def _texts(point: Point) -> Sequence[tuple[str, str]]:
    quote = "" if point.quote == point.text else f"“{point.quote}”"
    notes = "Explanation" if point.kind is PointKind.QUIZ else "Notes"
    return (("Said", quote), ("Perspective", point.perspective), (notes, point.notes))


def _example(point: Point) -> str:
    rest = 'options:"wrong | +right | wrong"' if point.kind is PointKind.QUIZ else 'notes:"..."'
    return f'/study_edit point:{point.id} text:"..." {rest}'


@commands.command(
    "study_edit",
    "Change a point of the study material",
    Parameter("point", "Its number, from the Edit button of /study or from /takeaways", Kind.NUMBER, required=True),
    Parameter("text", "What it says: a title, a sentence, a term, a takeaway, a question"),
    Parameter("notes", "What it means, or why an answer is right; none for nothing"),
    Parameter("perspective", "From where it is said; none for nothing"),
    Parameter("area", "Its focus area; none for none"),
    Parameter("options", "Of a question, with | between; the right one begins with +"),
    audience=Audience.STAFF,
    private=True,
)
async def study_edit(context: Context) -> Reply:
    """Change what is given of a point; without anything, show it."""
    number = context.number("point")
    if number is None or not number.is_integer() or not 0 < number < 1 << 62:
        raise Refused("Give the number of a point, such as point:12. The Edit button of /study lists them.")
    point = await _point(context, PointId(int(number)))
    revised = await _revised(context, point)
    if revised.empty:
        return _card(context, point)
    changed = await context.services.studies.revise(context.creator.id, point.id, revised)
    if changed is None:
        raise Refused(GONE)
    return _card(context, changed, "Changed. It stays so when the material is made again.")


async def _revised(context: Context, point: Point) -> Revised:
    revised = Revised(
        _given(context, "text", LONGEST_TEXT), _given(context, "perspective", LONGEST_PERSPECTIVE),
        _given(context, "notes", LONGEST_NOTE), await _area(context),
    )  # fmt: skip
    if revised.text == "":
        raise Refused("It has to say something. To take it away, press Hide or Delete.")
    if not context.text("options"):
        return revised
    if point.kind is not PointKind.QUIZ:
        raise Refused(f"#{point.id} is no question, so it has no options.")
    options, right = read_options(context.text("options"))
    checked_question(revised.text or point.text, options, right)
    if len(right) != 1:
        raise Refused("A draft has one right option. More are possible once it is in a quiz: /quiz_admin.")
    return replace(revised, options=tuple(options), right=min(right))


def _given(context: Context, name: str, longest: int) -> str | None:
    """A text as it may be shown; None where nothing was said."""
    typed = context.text(name)
    if not typed:
        return None
    shown = "" if typed.casefold() == "none" else strip_markup(typed)
    if len(shown) > longest:
        raise Refused(f"{name} may have {longest} characters, and this has {len(shown)}.")
    return shown


async def _area(context: Context) -> str | None:
    typed = context.text("area").casefold()
    if not typed or typed == "none":
        return "" if typed else None
    names = [area.name for area in await context.services.studies.areas(context.creator.id)]
    found = next((name for name in names if name.casefold() == typed), None)
    if found is None:
        raise Refused(f"The focus areas are: {', '.join(names)}. /focus_areas names others.")
    return found


@commands.action("study_undo", audience=Audience.STAFF)
async def undo(context: Context) -> Reply:
    """Take the last change back, or that back again."""
    point = await context.services.studies.undo(context.creator.id, PointId(context.payload_number))
    if point is None:
        raise Refused(GONE)
    return replace(_card(context, point, "As it was before."), replaces=True)


@commands.action("study_hide", audience=Audience.STAFF)
async def hide(context: Context) -> Reply:
    """Show it to the staff alone."""
    return await _hidden(context, "Hidden: learners do not see it.", hidden=True)


@commands.action("study_show", audience=Audience.STAFF)
async def show_again(context: Context) -> Reply:
    """Show it to everybody again."""
    return await _hidden(context, "Learners see it again.", hidden=False)


async def _hidden(context: Context, note: str, *, hidden: bool) -> Reply:
    point = await context.services.studies.hide(context.creator.id, PointId(context.payload_number), hidden=hidden)
    if point is None:
        raise Refused(GONE)
    return replace(_card(context, point, note), replaces=True)


@commands.action("study_delete", audience=Audience.STAFF)
async def delete(context: Context) -> Reply:
    """Delete a point; a button brings it back, for a week."""
    removed = await _removed(context, PointId(context.payload_number))
    back = Button("Undo", "study_restore", str(removed.id))
    return Reply(RichText.of("Deleted ", bold(removed.text), ". It is not made again."), ((back,),), replaces=True)


async def _removed(context: Context, point_id: PointId) -> Point:
    removed = await context.services.studies.remove(context.creator.id, point_id, datetime.now(UTC))
    if removed is None:
        raise Refused(GONE)
    return removed


@commands.action("study_restore", audience=Audience.STAFF)
async def restore(context: Context) -> Reply:
    """Undo a deletion."""
    point = await context.services.studies.restore(context.creator.id, PointId(context.payload_number))
    if point is None:
        raise Refused("It is too late to undo that.")
    return replace(_card(context, point, "It is back."), replaces=True)


# Drafts of questions, one by one.


@commands.action("study_draft", audience=Audience.STAFF)
async def draft(context: Context) -> Reply:
    """The next draft of a source behind the one whose number is given."""
    source_id, after = numbers_of(context, 2)
    return await _next_draft(context, SourceId(source_id), after)


async def _next_draft(context: Context, source_id: SourceId, after: int, note: str = "") -> Reply:
    scope = Scope.whole(context.creator.id)
    found = await context.services.studies.find(scope, Wanted((PointKind.QUIZ,), source_id, hidden=True))
    drafts = sorted((point for point in found if not point.used), key=lambda point: point.id)
    lead = f"{note}\n\n" if note else ""
    point = next((point for point in drafts if point.id > after), drafts[0] if drafts else None)
    if point is None:
        return await _reviewed(context, source_id, lead)
    number = str(point.id)
    rows = (
        (Button("Publish", "study_publish", number, Tone.GOOD), Button("Edit", "study_point", number)),
        (
            Button("Throw away", "study_throw", number, Tone.DANGER),
            Button("Later", "study_draft", f"{source_id}:{number}"),
        ),
    )
    heading = f"{lead}Draft of a question, {counted(len(drafts), 'is', 'are')} left to review:\n\n"
    return Reply(RichText.of(heading, _whole(context, point)), rows, private=True, replaces=bool(after or note))


async def _reviewed(context: Context, source_id: SourceId, lead: str) -> Reply:
    guide = await _guide(context, source_id)
    if guide.quiz_id is None:
        return Reply(RichText.of(f"{lead}{NONE_LEFT}"), private=True, replaces=bool(lead))
    quiz = Button("See the quiz", "quiz_card", f"{context.creator.id}:{guide.quiz_id}", Tone.GOOD)
    words = f"{lead}{NONE_LEFT} Students see the quiz once you publish it."
    return Reply(RichText.of(words), ((quiz,),), private=True, replaces=bool(lead))


@commands.action("study_publish", audience=Audience.STAFF)
async def publish(context: Context) -> Reply:
    """Put a draft into the quiz of its source, which is made with the first."""
    point = await _point(context, PointId(context.payload_number))
    if point.kind is not PointKind.QUIZ:
        raise Refused(GONE)
    content = QuizContent(point.said.title[:LONGEST_TITLE], (_question(point),), point.said.source_id)
    put = await context.services.studies.put_in_quiz(context.creator.id, point.id, content, ORIGIN)
    if put is None:
        raise Refused("That stands in a quiz already, or is gone. /quiz_admin shows what there is.")
    note = f"It stands in quiz #{put[0]} now, with {counted(put[1], 'question')}."
    return await _next_draft(context, point.said.source_id, point.id, note)


def _question(point: Point) -> Question:
    said_at = point.said
    start_s = said_at.linked_s if said_at.timed else None
    moment = Moment(said_at.source_id, start_s)
    return checked_question(point.text, point.options, [point.right], point.notes, moment)


@commands.action("study_throw", audience=Audience.STAFF)
async def throw_away(context: Context) -> Reply:
    """Delete a draft, and show the next."""
    removed = await _removed(context, PointId(context.payload_number))
    reply = await _next_draft(context, removed.said.source_id, removed.id, "Thrown away.")
    back = Button("Undo", "study_restore", str(removed.id))
    return replace(reply, buttons=(*reply.buttons, (back,)))


@commands.command(
    "focus_areas",
    "See and name the focus areas by which takeaways are sorted",
    Parameter(
        "areas", "Names with | between, such as Light: lamps, shadows | Colour; usual for ours", takes_rest=True
    ),
    audience=Audience.STAFF,
    private=True,
)
async def focus_areas(context: Context) -> Reply:
    """Show the areas, or name others."""
    studies, creator_id = context.services.studies, context.creator.id
    before = await studies.areas(creator_id)
    typed = context.text("areas")
    as_typed = " | ".join(f"{area.name}: {area.about}" if area.about else area.name for area in before)
    if not typed:
        lines = [RichText.of("▸ ", bold(area.name), f": {area.about}" if area.about else "") for area in before]
        how = 'Name your own: /focus_areas areas:"Light: lamps, shadows | Colour | Mindset"'
        return Reply(joined([RichText.of(bold(f"Focus areas: {len(before)}")), *lines, RichText.of(f"\n{how}")]))
    areas = () if typed.casefold() == "usual" else checked_areas(typed.split("|"))
    await studies.set_areas(creator_id, areas, datetime.now(UTC))
    words = "Takeaways are sorted by them within a minute; those that you edited stay where they are. Before it was: "
    return Reply(RichText.of(words, code(f'/focus_areas areas:"{as_typed}"')))
