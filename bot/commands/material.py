"""What learners get beside answers: chapters, summaries, key terms and takeaways, each with its second."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.commands.library import named_source, suggest_source
from bot.commands.registry import Context, Registry, numbers_and_rest, numbers_of, said
from bot.commands.voices import voice_here
from core.asking.citing import citation
from core.asking.words import STOP_WORDS, tokens
from core.conversation import Button, Kind, Parameter, Reply
from core.errors import Refused
from core.ids import CreatorId, SourceId
from core.library.store import Source, Stage
from core.library.watching import WatchLinks
from core.members.directory import refusal
from core.richtext import RichText, bold, counted, italic, joined, link, one_line
from core.study.cards import written_words
from core.study.material import TAKEAWAYS, PointKind
from core.study.store import Point, Wanted, WantedTerms
from core.tiers import Scope

SHORT, LONG = 5, 15
PAGE: Final = 8
TERMS_PAGE: Final = 12
MOST_PAGES: Final = 1_000_000
MOST_SOURCES: Final = 8
SHOWN_SEARCH_BYTES: Final = 24
NOT_YET: Final = "There is nothing of that kind here yet. It is made once a source is ready, within minutes."
NONE_OF_KIND: Final = {
    "chapters": "{} has no chapters: it is short, or about one thing throughout.",
    "summary": "No sentence of {} says enough by itself to stand in a summary. /ask searches all of them.",
    "terms": "No key term stands out in {}. /ask searches every sentence.",
    "takeaways": "Nothing in {} stands out as a takeaway. /ask searches every sentence.",
}
TYPES: Final = tuple(kind.value for kind in TAKEAWAYS)

commands = Registry()


async def scope_of(context: Context) -> Scope:
    """What this person may see here: of the sources that the assistant of this place answers from.

    Raises:
        Refused: they may not learn here now.
    """
    creator = context.creator
    if reason := refusal(context.standing):
        raise Refused(reason)
    voice = await voice_here(context)
    return Scope(creator.id, context.standing.tiers, voice.manner.sources)


async def _source(context: Context, scope: Scope) -> Source | None:
    """The source that is named; None where none is, and there are several.

    Raises:
        Refused: there is none such, or it is not open to this person.
    """
    if not context.text("source"):
        every = [
            source
            for source in await context.services.shelf.sources(scope.creator_id)
            if scope.opens(source.tier) and scope.among_sources(source.id)
        ]
        return every[0] if len(every) == 1 else None
    return _open(scope, await named_source(context))


def _open(scope: Scope, source: Source) -> Source:
    if not scope.opens(source.tier):
        raise Refused(f"{source.title} is for members of {source.tier}.")
    if not scope.among_sources(source.id):
        raise Refused(f"{source.title} is none of the sources that are answered from here.")
    if source.stage is not Stage.COMPLETED:
        raise Refused(f"{source.title} is not ready yet. /videos says what is.")
    return source


async def _numbered(context: Context, scope: Scope, source_id: int) -> Source:
    """The source of a button."""
    sources = await context.services.shelf.sources(scope.creator_id)
    source = next((source for source in sources if source.id == source_id), None)
    if source is None:
        raise Refused("That source is gone.")
    return _open(scope, source)


_SOURCE: Final = Parameter("source", "A title, or its number from /videos", Kind.SOURCE, takes_rest=True)


@commands.command(
    "chapters", "See the chapters of a recording, with links to where each begins", _SOURCE, private=True,
    suggest=suggest_source,
)  # fmt: skip
async def chapters(context: Context) -> Reply:
    """The chapters of one source."""
    scope = await scope_of(context)
    source = await _source(context, scope)
    if source is None:
        raise Refused("Say of which one: /chapters source:<title>. /videos lists what there is.")
    return await _chapters(context, scope, source)


@commands.action("chapters_of")
async def chapters_of(context: Context) -> Reply:
    """The button to them."""
    scope = await scope_of(context)
    return await _chapters(context, scope, await _numbered(context, scope, context.payload_number))


async def _chapters(context: Context, scope: Scope, source: Source) -> Reply:
    points = await context.services.studies.find(scope, Wanted((PointKind.CHAPTER,), source.id))
    if not points:
        return said(await _why(context, source, "chapters"))
    lines = [point_line(scope.creator_id, point, context.services.links) for point in points]
    return Reply(joined([_heading("Chapters", source.title), *lines, _mark(points)]), _ways(source.id, "chapters_of"))


async def _why(context: Context, source: Source | None, what: str) -> str:
    """Why there is nothing of a kind: it is being made, or was looked for in vain."""
    title = source.title if source else "this library"
    studies, creator_id = context.services.studies, context.creator.id
    guide = await studies.guide(creator_id, source.id) if source else None
    guides = ([guide] if guide else []) if source else await studies.guides(creator_id)
    if not guides:
        return f"{title} holds no lesson, so there is no study material of it." if source else NOT_YET
    if any(guide.waits or not guide.made for guide in guides):
        return f"The study material of {title} is still being made: look again a little later."
    if what == "takeaways" and not any(guide.writer for guide in guides):
        of = {guide.source_id for guide in guides}
        every = [source] if source else await context.services.shelf.sources(creator_id)
        if not {each.language for each in every if each.id in of} & {"", "en"}:
            return f"Without a model takeaways are picked from English alone, and {title} is in another language."
    return NONE_OF_KIND[what].format(title)


def _heading(what: str, title: str) -> RichText:
    return RichText.of(bold(f"{what}: {title}"))


def point_line(creator_id: CreatorId, point: Point, links: WatchLinks) -> RichText:
    """A point on a line, with a link to where it is said."""
    return RichText.of("▸ ", point.text, " ", where(creator_id, point, links))


def where(creator_id: CreatorId, point: Point, links: WatchLinks) -> RichText:
    """The moment of a point as a link."""
    cited = citation(creator_id, "", [point.said], links)
    return RichText.of("[", link(cited.locator.words, cited.url), "]")


def _mark(points: Sequence[Point]) -> RichText:
    """How they came about, in small: by which model, or by none."""
    writers = sorted({point.writer for point in points if not point.edited})
    words = "; ".join(written_words(writer) for writer in writers)
    return RichText.of("\n", italic(words[:1].upper() + words[1:] + ".")) if words else RichText()


_WAYS: Final = (
    ("Chapters", "chapters_of"), ("Summary", "summary_of"), ("Key terms", "terms_of"), ("Takeaways", "takeaways_of")
)  # fmt: skip


def _ways(source_id: SourceId, here: str) -> tuple[tuple[Button, ...], ...]:
    """Buttons to what else there is of a source."""
    payload = {"summary_of": f"{source_id}:0", "terms_of": f"{source_id}:0"}
    return (tuple(Button(label, to, payload.get(to, str(source_id))) for label, to in _WAYS if to != here),)


@commands.command(
    "summary",
    "Read what a lesson, the whole library, or all on a topic comes to",
    _SOURCE,
    Parameter("topic", "Words of a topic, over all sources"),
    Parameter("length", "How much to read", Kind.CHOICE, choices=("short", "long")),
    private=True,
    suggest=suggest_source,
)
async def summary(context: Context) -> Reply:
    """Sum up a source, a topic or everything."""
    scope, long = await scope_of(context), context.text("length") == "long"
    if topic := context.text("topic"):
        return await _on_topic(context, scope, topic, long=long)
    source = await _source(context, scope)
    if source is None:
        return await _whole(context, scope, long=long)
    return await _summary(context, scope, source, long=long)


@commands.action("summary_of")
async def summary_of(context: Context) -> Reply:
    """The same source, shorter or longer."""
    source_id, long = numbers_of(context, 2)
    scope = await scope_of(context)
    return replace(
        await _summary(context, scope, await _numbered(context, scope, source_id), long=bool(long)), replaces=True
    )


async def _summary(context: Context, scope: Scope, source: Source, *, long: bool) -> Reply:
    points = await context.services.studies.find(scope, Wanted((PointKind.SUMMARY,), source.id))
    if not points:
        raise Refused(await _why(context, source, "summary"))
    shown = _best(points, LONG if long else SHORT)
    lines = [point_line(scope.creator_id, point, context.services.links) for point in shown]
    other = (
        Button("Shorter", "summary_of", f"{source.id}:0")
        if long
        else Button("Longer", "summary_of", f"{source.id}:1")
    )
    first = ((other,),) if len(points) > SHORT else ()
    return Reply(
        joined([_heading("Summary", source.title), *lines, _mark(shown)]), (*first, *_ways(source.id, "summary_of"))
    )


def _best(points: Sequence[Point], most: int) -> list[Point]:
    """Those that matter most, in the order in which they are said."""
    best = {point.id for point in sorted(points, key=lambda point: -point.weight)[:most]}
    return [point for point in points if point.id in best]


async def _whole(context: Context, scope: Scope, *, long: bool) -> Reply:
    """What the newest sources come to, each in a sentence or three."""
    points = await context.services.studies.find(scope, Wanted((PointKind.SUMMARY,)))
    if not points:
        raise Refused(await _why(context, None, "summary"))
    by_source: dict[SourceId, list[Point]] = {}
    for point in points:
        by_source.setdefault(point.said.source_id, []).append(point)
    newest = list(by_source.values())[:MOST_SOURCES]
    shown = [_best(own, 3 if long else 1) for own in newest]
    blocks = [joined([RichText.of("\n", bold(own[0].said.title)), *_lines(context, scope, own)]) for own in shown]
    more = len(by_source) - len(newest)
    rest = [RichText.of(f"\n… and {counted(more, 'source')} more: /summary source:<title>")] if more else []
    heading = RichText.of(bold(f"{context.creator.name}: {counted(len(by_source), 'source')}"))
    return Reply(joined([heading, *blocks, *rest, _mark([point for own in shown for point in own])]))


def _lines(context: Context, scope: Scope, points: Sequence[Point]) -> list[RichText]:
    return [point_line(scope.creator_id, point, context.services.links) for point in points]


async def _on_topic(context: Context, scope: Scope, topic: str, *, long: bool) -> Reply:
    points = await context.services.studies.find(scope, Wanted((PointKind.SUMMARY, *TAKEAWAYS)))
    found = _about(context, topic, points)
    once = list({(point.said.source_id, point.said.position): point for point in reversed(found)}.values())[::-1]
    if not once:
        raise Refused(
            f"Nothing that is summed up here is about {one_line(topic)[:60]!r}. /ask searches every sentence."
        )
    shown = once[: LONG if long else SHORT]
    lines = [
        RichText.of(point_line(scope.creator_id, point, context.services.links), f" {point.said.title}")
        for point in shown
    ]
    return Reply(joined([_heading("What is said about", one_line(topic)[:60]), *lines, _mark(shown)]))


def _about(context: Context, words: str, points: Sequence[Point]) -> list[Point]:
    """Points that say all telling words, or in a title, best first; else those that say most of them."""
    wanted = _stems(context, words)
    if not wanted:
        return []
    own = {point.id: _stems(context, f"{point.text} {point.quote} {point.notes}") for point in points}
    titled = {point.id: own[point.id] | _stems(context, point.said.title) for point in points}
    scored = [(len(wanted & titled[point.id]), len(wanted & own[point.id]), point.weight, point) for point in points]
    most = max((score[0] for score in scored), default=0)
    best = [score for score in scored if score[0] == most and score[1] and most * 2 >= len(wanted)]
    return [score[-1] for score in sorted(best, key=lambda score: (-score[1], -score[2]))]


def _stems(context: Context, text: str) -> set[str]:
    return set(context.services.stem([word for word in tokens(text) if word not in STOP_WORDS]))


@commands.command(
    "terms",
    "See the key terms, with the moment at which each is explained",
    _SOURCE,
    Parameter("search", "Words of a term"),
    private=True,
    suggest=suggest_source,
)
async def terms(context: Context) -> Reply:
    """The terms of a source, or of the library."""
    scope = await scope_of(context)
    source = await _source(context, scope)
    return await _terms(context, scope, source, one_line(context.text("search")), 0)


@commands.action("terms_of")
async def terms_of(context: Context) -> Reply:
    """A page of the terms of a source; of the library where its number is 0."""
    (source_id, page), search = numbers_and_rest(context, 2)
    scope = await scope_of(context)
    source = await _numbered(context, scope, source_id) if source_id else None
    reply = await _terms(context, scope, source, search, page)
    return replace(reply, replaces=page > 0)


async def _terms(context: Context, scope: Scope, source: Source | None, search: str, page: int) -> Reply:
    number = source.id if source else None
    wanted = WantedTerms(number, search, min(page, MOST_PAGES) * TERMS_PAGE, TERMS_PAGE)
    shown, count = await context.services.studies.terms(scope, wanted)
    if not count:
        raise Refused(
            f"No key term here is called {search[:60]!r}." if search else await _why(context, source, "terms")
        )
    if not shown:  # of the pages that a button told of, some are gone
        return await _terms(context, scope, source, search, 0)
    lines = [_term_line(scope, point, context.services.links, named=source is None) for point in shown]
    more = _turns("terms_of", f"{number or 0}:{{page}}:{search}", page, -(-count // TERMS_PAGE), search)
    title = source.title if source else context.creator.name
    ways = _ways(source.id, "terms_of") if source else ()
    return Reply(joined([_heading("Key terms", title), *lines, _mark(shown)]), (*more, *ways))


def _term_line(scope: Scope, point: Point, links: WatchLinks, *, named: bool) -> RichText:
    meaning = f": {point.notes}" if point.notes else ""
    title = f" {point.said.title}" if named else ""
    return RichText.of("▸ ", bold(point.text), meaning, " ", where(scope.creator_id, point, links), title)


def _turns(action: str, payload: str, page: int, pages: int, search: str) -> tuple[tuple[Button, ...], ...]:
    """Buttons to the pages before and after; a search that is too long for them has to be made shorter."""
    if len(search.encode()) > SHOWN_SEARCH_BYTES:
        return ()
    turns = (("◀ Before", page - 1), ("More ▶", page + 1))
    row = tuple(
        Button(label, action, payload.replace("{page}", str(number)))
        for label, number in turns
        if 0 <= number < pages
    )
    return (row,) if row else ()


@commands.command(
    "takeaways",
    "Browse techniques, mindset, phrases and examples in the creator's own words",
    _SOURCE,
    Parameter("type", "Only this type", Kind.CHOICE, choices=TYPES),
    Parameter("area", "Only this focus area, or words of its name"),
    Parameter("search", "Words that it says"),
    private=True,
    suggest=suggest_source,
)
async def takeaways(context: Context) -> Reply:
    """Takeaways by type, area, source and words."""
    scope = await scope_of(context)
    source = await _source(context, scope)
    kind = PointKind(context.text("type")) if context.text("type") in TYPES else None
    area = await _area_named(context, context.text("area"))
    search = one_line(context.text("search"))
    return await _takeaways(context, scope, _Choice(source, kind, area, search), 0)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which takeaways are browsed; empty: all."""

    source: Source | None = None
    kind: PointKind | None = None
    area: str = ""
    search: str = ""

    @property
    def wanted(self) -> Wanted:
        """What is looked for in the database."""
        kinds = (self.kind,) if self.kind else TAKEAWAYS
        return Wanted(kinds, self.source.id if self.source else None, self.area)


async def _area_named(context: Context, typed: str) -> str:
    """The focus area that was typed; empty where none was.

    Raises:
        Refused: there is none such; names those that there are.
    """
    if not typed:
        return ""
    areas = [area.name for area in await context.services.studies.areas(context.creator.id)]
    found = [name for name in areas if typed.casefold() in name.casefold()]
    exact = [name for name in found if name.casefold() == typed.casefold()]
    if len(exact or found) != 1:
        raise Refused(f"The focus areas here are: {', '.join(areas)}.")
    return (exact or found)[0]


@commands.action("takeaways_of")
async def takeaways_of(context: Context) -> Reply:
    """The takeaways of a source."""
    scope = await scope_of(context)
    source = await _numbered(context, scope, context.payload_number)
    return await _takeaways(context, scope, _Choice(source), 0)


@commands.action("more_takeaways")
async def more_takeaways(context: Context) -> Reply:
    """Another page."""
    (page, source_id, kind, area), search = numbers_and_rest(context, 4)
    scope = await scope_of(context)
    source = await _numbered(context, scope, source_id) if source_id else None
    areas = [each.name for each in await context.services.studies.areas(scope.creator_id)]
    choice = _Choice(
        source, TAKEAWAYS[kind - 1] if 0 < kind <= len(TAKEAWAYS) else None,
        areas[area - 1] if 0 < area <= len(areas) else "", search,
    )  # fmt: skip
    return replace(await _takeaways(context, scope, choice, page), replaces=True)


async def _takeaways(context: Context, scope: Scope, choice: _Choice, page: int) -> Reply:
    found = await context.services.studies.find(scope, choice.wanted)
    if choice.search:
        found = _about(context, choice.search, found)
    if not found:
        narrowed = choice.kind or choice.area or choice.search
        why = "" if narrowed else await _why(context, choice.source, "takeaways")
        raise Refused(why or "Nothing fits. /takeaways shows all.")
    first = min(page, (len(found) - 1) // PAGE) * PAGE
    shown = found[first : first + PAGE]
    lines = [
        takeaway_line(scope.creator_id, point, context.services.links, staff=context.standing.staff)
        for point in shown
    ]
    title = choice.source.title if choice.source else context.creator.name
    what = " · ".join(
        filter(None, (f"{counted(len(found), 'takeaway')}", choice.kind and choice.kind.value, choice.area))
    )
    turns = await _more(context, choice, first // PAGE, -(-len(found) // PAGE))
    ways = _ways(choice.source.id, "takeaways_of") if choice.source else ()
    return Reply(joined([RichText.of(bold(f"{title}: {what}")), *lines, _mark(shown)]), (*turns, *ways))


def takeaway_line(creator_id: CreatorId, point: Point, links: WatchLinks, *, staff: bool) -> RichText:
    """A takeaway: its type and area, the creator's words, from where they are said, and notes."""
    facts = [point.kind.value, point.area, f"#{point.id}" if staff else ""]
    head = " · ".join(fact for fact in facts if fact)
    seen = f"\n   {point.perspective}" if point.perspective else ""
    notes = f"\n   {point.notes}" if point.notes else ""
    return RichText.of(f"▸ {head}\n   “{point.text}” ", where(creator_id, point, links), italic(seen), notes)


async def _more(context: Context, choice: _Choice, page: int, pages: int) -> tuple[tuple[Button, ...], ...]:
    areas = [area.name for area in await context.services.studies.areas(context.creator.id)]
    source = choice.source.id if choice.source else 0
    kind = TAKEAWAYS.index(choice.kind) + 1 if choice.kind else 0
    area = areas.index(choice.area) + 1 if choice.area in areas else 0
    return _turns("more_takeaways", f"{{page}}:{source}:{kind}:{area}:{choice.search}", page, pages, choice.search)
