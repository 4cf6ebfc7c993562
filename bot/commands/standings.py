"""Who earned most: rankings over a week, a month, a season or all time, and the seasons themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.commands.registry import Context, Registry, dead_button, numbers_and_rest, said
from core.conversation import Audience, Button, File, Kind, Parameter, Reply, Tone
from core.errors import Refused
from core.rewards.showing import PICTURED_ON, RankingPicture, RankLine
from core.rewards.standings import (
    SHOWN,
    Ranking,
    Season,
    SeasonId,
    Span,
    days_of,
    place_line,
    season_plan,
)
from core.richtext import RichText, bold, code, joined

SHOW, HIDE = "show", "hide"
LABELS: Final = {Span.WEEK: "Week", Span.MONTH: "Month", Span.SEASON: "Season", Span.ALL: "All time"}

commands = Registry()


@dataclass(frozen=True, slots=True)
class _Shown:
    """A ranking with what it spans in words."""

    span: Span
    words: str
    ranking: Ranking


@commands.command(
    "leaderboard",
    "See who earned the most CHRONOS here",
    Parameter("span", "Over what; the week where you do not say", Kind.CHOICE, choices=tuple(Span)),
    Parameter("me", "Hide yourself from what others see, or show yourself again", Kind.CHOICE, choices=(SHOW, HIDE)),
)
async def leaderboard(context: Context) -> Reply:
    """Show a ranking, with one's own place; or choose whether to be in it."""
    if context.text("me"):
        return await _choose(context, hidden=context.text("me") == HIDE)
    return await _reply(context, Span(context.text("span") or Span.WEEK))


async def _choose(context: Context, *, hidden: bool) -> Reply:
    await context.services.showing.standings.hide(context.creator.id, context.standing.student_id, hidden=hidden)
    name = context.creator.name
    if hidden:
        words = f"You are hidden in the rankings of {name} from now on. "
        return Reply(RichText.of(words, code("/leaderboard me:show"), " undoes it."), ((_MINE,),), private=True)
    return said(f"You are shown in the rankings of {name} again.", private=True)


_MINE: Final = Button("Where am I?", "my_rank")


@commands.action("rank_span", private=False)
async def other_span(context: Context) -> Reply:
    """The same ranking over another span, in the place of the one before."""
    wanted = context.text("payload")
    if wanted not in set(Span):
        raise dead_button()
    reply = await _reply(context, Span(wanted))
    return Reply(reply.text, reply.buttons, reply.files, replaces=True)


@commands.action("my_rank")
async def my_rank(context: Context) -> Reply:
    """One's own places, for oneself alone, also where one is hidden."""
    lines = []
    for span in Span:
        shown = await _ranking(context, span, seen_by_others=False)
        own = shown.ranking.own if shown is not None else None
        if shown is not None and own is not None:
            words = f": place {own.rank:,} of {shown.ranking.people:,}, with {own.earned:,}"
            lines.append(RichText.of(bold(f"{shown.words[:1].upper()}{shown.words[1:]}"), words))
    if not lines:
        return said(f"You have earned no CHRONOS with {context.creator.name} yet. /balance says how.", private=True)
    hidden = await context.services.showing.standings.hidden(context.creator.id, context.standing.student_id)
    seen = [RichText.of("Others do not see you in rankings here.")] if hidden else []
    return Reply(joined([*lines, *seen]), private=True)


async def _reply(context: Context, span: Span) -> Reply:
    shown = await _ranking(context, span, seen_by_others=not context.place.direct)
    if shown is None:
        raise Refused("There is no season yet. The staff starts one with /season.")
    ranking, name = shown.ranking, context.creator.name
    own = ranking.own
    lines = [place_line(place, own=own is not None and place == own) for place in ranking.places]
    if own is not None and own not in ranking.places:
        lines += [RichText.of("…"), place_line(own, own=True)]
    heading = RichText.of("🏆 ", bold(f"{name}, {shown.words}"))
    if not lines:
        lines = [RichText.of("Nobody has earned CHRONOS yet. /balance says how.")]
    elif ranking.people > len(ranking.places):
        lines.append(RichText.of(f"{ranking.people:,} people in all"))
    spans = tuple(Button(label, "rank_span", other.value) for other, label in LABELS.items() if other is not span)
    return Reply(joined([heading, *lines]), (spans, (_MINE,)), await _picture(context, shown))


async def _ranking(context: Context, span: Span, *, seen_by_others: bool) -> _Shown | None:
    """A ranking as others or the asker alone may see it; None for a season where there never was one."""
    showing, creator, now = context.services.showing, context.creator, datetime.now(UTC)
    asker = context.standing.student_id
    found = None if seen_by_others and await showing.standings.hidden(creator.id, asker) else asker
    platform = context.place.platform
    if span is not Span.SEASON:
        words = {Span.WEEK: "this week", Span.MONTH: f"{now:%B}", Span.ALL: "all time"}[span]
        days = days_of(span, now.date())
        return _Shown(
            span, words, await showing.standings.ranking(creator.id, days, now, platform=platform, asker=found)
        )
    running = await showing.seasons.running(creator.id)
    if running is not None:
        ranking = await showing.standings.ranking(creator.id, running.days, now, platform=platform, asker=found)
        return _Shown(span, f"{running.name}, until {running.last_day:%d %B}", ranking)
    for past in await showing.seasons.past(creator.id, 1):
        ranking = await showing.seasons.final(creator.id, past.id, platform=platform, asker=found)
        return _Shown(span, f"{past.name}, which ended on {past.last_day:%d %B}", ranking)
    return None


async def _picture(context: Context, shown: _Shown) -> tuple[File, ...]:
    if context.place.platform not in PICTURED_ON:
        return ()
    ranking, own = shown.ranking, shown.ranking.own
    places = [*ranking.places, *([own] if own is not None and own not in ranking.places else [])]
    lines = tuple(RankLine(place.rank, place.name, place.earned, place == own) for place in places)
    picture = await context.services.showing.artist.ranking(RankingPicture(context.creator.name, shown.words, lines))
    first = ", ".join(f"{place.rank}. {place.name} {place.earned:,}" for place in ranking.places[:SHOWN])
    return (File("leaderboard.png", picture, f"The leaderboard, {shown.words}. {first}"),)


@commands.command(
    "season",
    "See the season; start, rename or end one",
    Parameter("name", "What it is called", takes_rest=True),
    Parameter("ends", "Its last day, such as 2026-12-31 (UTC)"),
    audience=Audience.STAFF,
    private=True,
)
async def season(context: Context) -> Reply:
    """Start or change a season, then show it."""
    seasons, creator, by = context.services.showing.seasons, context.creator, context.standing.student_id
    name, ends, today = context.text("name"), context.text("ends"), datetime.now(UTC).date()
    running = await seasons.running(creator.id)
    if running is None and (name or ends):
        planned, last_day = season_plan(name, ends, today)
        running = await seasons.begin(creator.id, by, planned, today, last_day)
    elif running is not None and (name or ends):
        planned, last_day = season_plan(name or running.name, ends or running.last_day.isoformat(), today)
        await seasons.change(creator.id, by, running.id, planned, last_day)
        running = await seasons.running(creator.id)
    return _season_shown(running, await seasons.past(creator.id))


def _season_shown(running: Season | None, past: list[Season]) -> Reply:
    lines: list[RichText] = []
    buttons: tuple[tuple[Button, ...], ...] = ()
    if running is None:
        lines.append(RichText.of("No season runs. Start one: ", code("/season ends:2026-12-31 Winter")))
    else:
        heading = f": {running.first_day:%d %B} to {running.last_day:%d %B %Y}, UTC, both days included."
        lines.append(RichText.of(bold(running.name), heading))
        lines.append(RichText.of("When it ends, who won is told where new lessons are announced, or else to you."))
        buttons = ((Button("End it now", "end_season", str(running.id), Tone.DANGER),),)
    lines += [RichText.of(f"Before: {one.name}, until {one.last_day:%d %B %Y}") for one in past]
    return Reply(joined(lines), buttons)


@commands.action("end_season", audience=Audience.STAFF)
async def end_season(context: Context) -> Reply:
    """Ask once more, then end the season."""
    (number,), sure = numbers_and_rest(context, 1)
    if sure != "yes":
        yes = Button("Yes, end it", "end_season", f"{number}:yes", Tone.DANGER)
        words = "What everybody earned until now is then final, and who won is announced. This cannot be undone."
        return Reply(RichText.of(words), ((yes,),), private=True)
    ended = await context.services.showing.seasons.end(
        context.creator.id, context.standing.student_id, SeasonId(number), datetime.now(UTC)
    )
    return said("The season is over." if ended else "That season had ended already.", private=True)
