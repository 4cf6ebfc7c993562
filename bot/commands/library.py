"""The creator's library in the chat: listing, changing, reading and removing sources."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.commands.registry import Context, Registry, page_and_rest, said
from bot.commands.titles import fitting
from bot.commands.watching import to_watch
from core.conversation import Audience, Button, Kind, Parameter, Reply, Suggestion
from core.errors import Refused
from core.ids import SourceId
from core.library.cards import clock
from core.library.catalogue import Edit
from core.library.links import canonical_link
from core.library.store import Source, SourceKind, Stage
from core.library.uploads import TITLE_LENGTH, checked_language, cut_words
from core.members.directory import Standing
from core.richtext import RichText, bold, code, joined, link, one_line
from core.tiers import Scope, tier_said

SHOWN: Final = 20
MOST_TOPICS: Final = 3
SEARCH_BYTES: Final = 32
"""The longest search that fits into a button, beside the group that a button may remember."""

commands = Registry()


@commands.command(
    "videos",
    "See what can be asked about",
    Parameter("search", "Words of a title or topic, or a kind: video, audio, document, web page"),
    private=True,
)
async def videos(context: Context) -> Reply:
    """List the creator's sources, newest first, in pages."""
    return await _page(context, context.text("search"), 0)


@commands.action("more_videos")
async def more_videos(context: Context) -> Reply:
    """Another page of the list."""
    page, search = page_and_rest(context)
    return replace(await _page(context, search, page), replaces=True)


async def _page(context: Context, search: str, page: int) -> Reply:
    staff = context.standing.staff
    every = [_as_seen(source, context) for source in await context.services.shelf.sources(context.creator.id)]
    sources = [source for source in every if _listed(source, staff=staff) and _fits(source, search)]
    if not sources:
        if search:
            return said(f"Nothing here is called or about {search!r}. /videos shows all.")
        return said("There is nothing here yet." + (" Add the first with /upload." if staff else ""))
    first = min(page, (len(sources) - 1) // SHOWN) * SHOWN
    lines = [_line(source, context.standing) for source in sources[first : first + SHOWN]]
    about = f" with {search!r}" if search else ""
    heading = bold(f"{context.creator.name}: {len(sources)} sources{about}")
    if len(sources) > SHOWN and len(search.encode()) > SEARCH_BYTES:  # cut, it would find something else
        lines.append(RichText.of(f"… and {len(sources) - SHOWN} more. A shorter search can be leafed through."))
        return Reply(RichText.of(heading, "\n", joined(lines)))
    buttons = _leafing(search, page=first // SHOWN, pages=-(-len(sources) // SHOWN))
    rows = [row for row in (buttons, await to_watch(context)) if row]
    return Reply(RichText.of(heading, "\n", joined(lines)), tuple(rows))


def _leafing(search: str, *, page: int, pages: int) -> tuple[Button, ...]:
    turns = (("◀ Newer", page - 1), ("Older ▶", page + 1))
    return tuple(Button(label, "more_videos", f"{number}:{search}") for label, number in turns if 0 <= number < pages)


def _listed(source: Source, *, staff: bool) -> bool:
    """Staff also see what is not ready, and lists that are looked at again; students what they can ask about."""
    return staff or (source.stage is Stage.COMPLETED and source.kind is not SourceKind.LISTING)


def _as_seen(source: Source, context: Context) -> Source:
    """A source that is for other members: there is no more of it to see than its title."""
    opens = Scope(context.creator.id, context.standing.tiers).opens(source.tier)
    return source if opens else replace(source, link="", topics=())


def _fits(source: Source, search: str) -> bool:
    wanted = search.casefold()
    named = (source.title, source.kind.value.replace("_", " "), source.language, source.tier, *source.topics)
    return not wanted or any(wanted in name.casefold() for name in named)


def _line(source: Source, standing: Standing) -> RichText:
    title = link(source.title, source.link) if source.link else source.title
    length = f" · {clock(source.duration_s)}" if source.duration_s else ""
    opens = standing.tiers is None or source.tier in standing.tiers
    tier = f" · {'' if opens else '🔒 '}for {source.tier}" if source.tier else ""
    cut = f" · {cut_words(source.settings)}" if standing.staff and cut_words(source.settings) else ""
    number = f" · #{source.id}" if standing.staff else ""
    topics = f" · {', '.join(source.topics[:MOST_TOPICS])}" if source.topics else ""
    return RichText.of("▸ ", title, length, topics, _state(source), tier, cut, number)


def _state(source: Source) -> str:
    if source.stage is Stage.COMPLETED:
        gone = source.vanished_at
        left_out = f" · {source.reason}" if source.reason else ""
        return f" · gone from its site since {gone:%d %B %Y}" if gone else left_out
    if source.stage is Stage.FAILED:
        return f" · failed: {source.reason}"
    return f" · waits: {source.reason}" if source.reason else f" · {source.stage.value}"


async def suggest_source(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete a source by words of its title."""
    wanted = typed.casefold()
    sources = await context.services.shelf.sources(context.creator.id)
    return [
        Suggestion(source.title[:100], str(source.id)) for source in sources if wanted in source.title.casefold()
    ][:25]


@commands.command(
    "remove",
    "Take a source out of all answers",
    Parameter("source", "Its title, or its number from /videos", Kind.SOURCE, required=True),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_source,
)
async def remove(context: Context) -> Reply:
    """Remove a source; a button undoes it."""
    return await _remove(context, (await named_source(context)).id)


async def named_source(context: Context) -> Source:
    """The one source that the parameter ``source`` names, by its number or by words of its title.

    Raises:
        Refused: none fits, or several do.
    """
    wanted = context.text("source")
    found = fitting(wanted, await context.services.shelf.sources(context.creator.id))
    if not found:
        raise Refused(f"There is no source called {wanted!r}. /videos lists them with their numbers.")
    if len(found) > 1:
        names = "; ".join(f"#{source.id} {source.title}" for source in found[:5])
        raise Refused(f"Several sources fit: {names}. Please give the number.")
    return found[0]


@commands.command(
    "edit",
    "Change a source's title, link, language or tier",
    Parameter("source", "Its title, or its number from /videos", Kind.SOURCE, required=True),
    Parameter("title", "Its new title"),
    Parameter("link", "Where it is; answers then link there", Kind.LINK),
    Parameter("language", "Its language as two letters, such as en"),
    Parameter("tier", "Which members may be answered from it, such as gold; none for everybody"),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_source,
)
async def edit(context: Context) -> Reply:
    """Change what is given of a source, and show what it is now."""
    source = await named_source(context)
    changes = Edit(
        title=one_line(context.text("title"))[:TITLE_LENGTH] or None,
        link=canonical_link(context.text("link")) if context.text("link") else None,
        language=checked_language(context.text("language")) or None,
        tier=tier_said(context.text("tier")),
    )
    if changes.empty:
        raise Refused("Say what to change: title, link, language or tier.")
    if not await context.services.catalogue.edit(context.creator.id, source.id, changes):
        raise Refused("That source is gone already.")
    changed = next(each for each in await context.services.shelf.sources(context.creator.id) if each.id == source.id)
    effect = "" if changes.tier is None else f"\n{await _effect(context, changed)}"
    return Reply(RichText.of("Changed. ", _line(changed, context.standing), effect))


async def _effect(context: Context, source: Source) -> str:
    """What a tier means from now on."""
    entries = " What it listed before stays as it is." if source.kind is SourceKind.LISTING else ""
    if not source.tier:
        return f"Everybody who may ask is answered from it now.{entries}"
    _, members = await context.services.directory.students(
        context.creator.id, platform=context.place.platform, status="active", tier=source.tier, limit=1
    )
    how = "" if members else f" /students gives somebody that tier: /students <member> tier:{source.tier}"
    return f"From now on only staff and members of {source.tier} ({members} now) are answered from it.{how}{entries}"


@commands.action("discard", audience=Audience.STAFF)
async def remove_by_button(context: Context) -> Reply:
    """The button on a card."""
    return await _remove(context, SourceId(context.payload_number))


async def _remove(context: Context, source_id: SourceId) -> Reply:
    source = await context.services.shelf.remove(context.creator.id, source_id)
    if source is None:
        raise Refused("That source is gone already.")
    undo = Button("Undo", "restore", str(source.id))
    return Reply(
        RichText.of("Removed ", bold(source.title), ": no answer uses it any more."), ((undo,),), private=True
    )


@commands.action("restore", audience=Audience.STAFF)
async def restore(context: Context) -> Reply:
    """Undo a removal."""
    source = await context.services.shelf.restore(context.creator.id, SourceId(context.payload_number))
    if source is None:
        raise Refused("It is too late to undo that; please upload it again.")
    return Reply(RichText.of(bold(source.title), " is back."), replaces=True)


@commands.action("about")
async def ask_about(context: Context) -> Reply:
    """Say how to ask about a source that has just become ready."""
    sources = await context.services.shelf.sources(context.creator.id)
    source = next((source for source in sources if source.id == context.payload_number), None)
    if source is None:
        raise Refused("That source is gone already.")
    if not Scope(context.creator.id, context.standing.tiers).opens(source.tier):
        raise Refused(f"{source.title} is for members of {source.tier}. /ask about everything else here.")
    return Reply(
        RichText.of(
            "Type ",
            code("/ask"),
            " and your question. I answer from ",
            bold(source.title),
            " and everything else here.",
        ),
        private=True,
    )
