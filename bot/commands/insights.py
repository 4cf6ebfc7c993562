"""What was asked, and where people struggled, for a creator's staff: never who asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from bot.commands.registry import Context, Registry
from core.asking.insights import FEWEST, Counts, Insight, Moment, Span, Subject
from core.conversation import Audience, File, Kind, Parameter, Reply
from core.library.cards import clock
from core.rewards.showing import PICTURED_ON
from core.richtext import RichText, bold, code, counted, italic, joined, link

MOST_LEFT_OUT: Final = 0.8
"""Some questions have no words any more, such as those of people who erased theirs: that is not worth a line."""
FEW: Final = f"fewer than {FEWEST}"

commands = Registry()


@commands.command(
    "insights",
    "See what was asked and where people struggled, without names",
    Parameter("span", "The last week or the last month", Kind.CHOICE, choices=tuple(Span)),
    audience=Audience.STAFF,
    private=True,
)
async def insights(context: Context) -> Reply:
    """Show what was asked in the last week or month, with a picture of it."""
    services, creator = context.services, context.creator
    span = Span(context.text("span") or Span.WEEK)
    now = datetime.now(UTC)
    found = await services.insights.look(creator.id, span, now)
    lines = [RichText.of(bold(f"What was asked in the last {span.length.days} days")), *_counted(found)]
    if words := await services.insights.in_short(found, creator.id, services.clerk, now):
        lines += [RichText(), RichText.of(italic("In short, by a model: "), words)]
    lines += [*_subjects(found), *_hard(found), *_moments(context, found)]
    text = joined(lines)
    if context.place.platform not in PICTURED_ON or not found.subjects:
        return Reply(text)
    picture = await services.showing.artist.ranking(found.picture(creator.name))
    spoken = ", ".join(f"{subject.wording} {subject.times}" for subject in found.subjects)
    return Reply(text, files=(File("insights.png", picture, f"How often was asked: {spoken}"),))


def _counted(found: Insight) -> Iterator[RichText]:
    now, before = found.now, found.before
    yield RichText.of(
        f"Questions: {now.asked:,}{_change(now.asked, before.asked, found)} by {_people(now)}; "
        f"{now.answered:,} answered, {now.closest:,} shown the closest moments, {now.not_covered:,} not covered"
    )
    if before.asked:
        yield RichText.of(
            f"Before that: {before.answered:,} answered, {before.closest:,} shown the closest moments, "
            f"{before.not_covered:,} not covered, by {_people(before)}"
        )


def _people(counts: Counts) -> str:
    few = 0 < counts.people < FEWEST
    return f"{FEW} people" if few else counted(counts.people, "person", "people")


def _change(now: int, before: int, found: Insight) -> str:
    return f" ({now - before:+,} against the {found.span.length.days} days before)" if before else ""


def _subjects(found: Insight) -> Iterator[RichText]:
    yield from (RichText(), RichText.of(bold("What about")))
    yield from (_subject(at, subject) for at, subject in enumerate(found.subjects, 1))
    if not found.subjects:
        yield RichText.of(f"Nothing that {FEWEST} people or more asked about.")
    if len(found.subjects) + found.others and found.grouped < found.now.asked * MOST_LEFT_OUT:
        yield RichText.of(f"(of the newest {found.grouped:,} questions)")
    if found.others:
        also = counted(found.others, "other subject")
        yield RichText.of(f"… and {also} of {FEW} people each, which I do not show, so that nobody is known by it")


def _subject(number: int, subject: Subject) -> RichText:
    before = "" if subject.before is None else f"; {subject.before} in the week before" if subject.before else "; new"
    asked = f" ({counted(subject.people, 'person', 'people')}, {counted(subject.times, 'time')}{before})"
    return RichText.of(f"{number}. ", bold(f"“{subject.wording}”"), asked)


def _hard(found: Insight) -> Iterator[RichText]:
    if found.hard:
        yield from (RichText(), RichText.of(bold("Where people struggled")))
        for subject in found.hard:
            yield RichText.of(f"• “{subject.wording}”: {subject.struggled} of {subject.people} people")
        yield RichText.of("No answer, 👎, asked again in other words, or objected. ", code("/gaps"), " answers them.")


def _moments(context: Context, found: Insight) -> Iterator[RichText]:
    if found.moments:
        yield from (RichText(), RichText.of(bold("Cited most")))
        yield from (_moment(context, moment) for moment in found.moments)


def _moment(context: Context, moment: Moment) -> RichText:
    address = context.services.links.link(context.creator.id, moment.source_id, moment.start_s)
    where = "open" if moment.start_s is None else clock(moment.start_s)
    return RichText.of(f"• {moment.title} ", link(where, address), f" ({counted(moment.people, 'person', 'people')})")
