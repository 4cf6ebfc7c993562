"""The creator's library in the chat: adding, listing and removing sources."""

import asyncio
from collections.abc import Sequence
from typing import Final

from bot.commands.registry import Context, Registry, said
from core.conversation import Audience, Button, Kind, Parameter, Reply, Suggestion
from core.errors import Refused, UploadRefused
from core.ids import SourceId, WorkflowId
from core.library.cards import clock
from core.library.store import Added, Source, Stage
from core.library.uploads import check_size, language_warning, new_sources
from core.richtext import RichText, bold, code, joined, link

SHOWN: Final = 20

commands = Registry()


@commands.command(
    "upload",
    "Add a transcript: .vtt, .srt, Whisper .json or .tsv, corpus.jsonl",
    Parameter("file", "The file with the timed text", Kind.FILE, required=True),
    Parameter("link", "Where the video is; answers then link to its seconds", Kind.LINK),
    Parameter("title", "Its title as students see it", takes_rest=True),
    Parameter("language", "Its language as two letters, such as en"),
    audience=Audience.STAFF,
)
async def upload(context: Context) -> Reply:
    """Check a file and put it to work; its card shows how far it is."""
    creator, file = context.creator, context.file("file")
    if file is None:
        raise UploadRefused("Please attach the file with the timed text: .vtt, .srt, .json, .tsv or .jsonl.")
    check_size(file.name, file.size_bytes, context.services.largest_file_bytes)
    content = await file.read()
    check_size(file.name, len(content), context.services.largest_file_bytes)
    transcripts = await asyncio.to_thread(context.services.read_timed_text, file.name, content)
    new = await asyncio.to_thread(
        new_sources, transcripts, file_name=file.name, link=context.text("link"), title=context.text("title"),
        language=context.text("language"), detect=context.services.detect_language,
    )  # fmt: skip
    added = await context.services.shelf.add(creator.id, new, context.place)
    warning = language_warning((source.language for source in new), context.services.embedder_languages)
    return Reply(RichText.of(_summary(added), f"\n⚠️ {warning}" if warning else ""))


def _summary(added: Sequence[Added]) -> RichText:
    fresh = [source for source in added if not source.known]
    if not fresh:
        names = ", ".join(source.title for source in added[:3])
        return RichText.of("I have that already: ", bold(names), ". Nothing was changed.")
    if len(fresh) == 1:
        return RichText.of("Got it. ", bold(fresh[0].title), " will be ready in a moment.")
    known = f" ({len(added) - len(fresh)} I had already)" if len(fresh) < len(added) else ""
    return RichText.of(f"Got {len(fresh)} sources{known}; each card says when it is ready.")


@commands.command("videos", "See what can be asked about", private=True)
async def videos(context: Context) -> Reply:
    """List the creator's sources, newest first."""
    sources = await context.services.shelf.sources(context.creator.id)
    if not sources:
        hint = " Add the first with /upload." if context.standing.staff else ""
        return said(f"There is nothing here yet.{hint}")
    lines = [_line(source, staff=context.standing.staff) for source in sources[:SHOWN]]
    more = f"\n… and {len(sources) - SHOWN} more" if len(sources) > SHOWN else ""
    return Reply(RichText.of(bold(f"{context.creator.name}: {len(sources)} sources"), "\n", joined(lines), more))


def _line(source: Source, *, staff: bool) -> RichText:
    title = link(source.title, source.link) if source.link else source.title
    length = f" · {clock(source.duration_s)}" if source.duration_s else ""
    number = f" · #{source.id}" if staff else ""
    return RichText.of("▸ ", title, length, _state(source), number)


def _state(source: Source) -> str:
    if source.stage is Stage.COMPLETED:
        return ""
    if source.stage is Stage.FAILED:
        return f" · failed: {source.reason}"
    return f" · waits: {source.reason}" if source.reason else f" · {source.stage.value}"


async def _suggest_source(context: Context, typed: str) -> Sequence[Suggestion]:
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
    suggest=_suggest_source,
)
async def remove(context: Context) -> Reply:
    """Remove a source; a button undoes it."""
    wanted = context.text("source").removeprefix("#")
    sources = await context.services.shelf.sources(context.creator.id)
    exact = [source for source in sources if wanted in {str(source.id), source.title}]
    found = exact or [source for source in sources if wanted and wanted.casefold() in source.title.casefold()]
    if not found:
        raise Refused(f"There is no source called {wanted!r}. /videos lists them with their numbers.")
    if len(found) > 1:
        names = "; ".join(f"#{source.id} {source.title}" for source in found[:5])
        raise Refused(f"Several sources fit: {names}. Please give the number.")
    return await _remove(context, found[0].id)


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


@commands.action("retry", audience=Audience.STAFF)
async def retry(context: Context) -> Reply:
    """Try a failed source again."""
    retried = await context.services.shelf.retry(context.creator.id, SourceId(context.payload_number))
    return said("Trying again." if retried else "There is nothing to try again.", private=True)


@commands.action("retry_batch", audience=Audience.STAFF)
async def retry_batch(context: Context) -> Reply:
    """Try again all that failed of what was uploaded together."""
    retried = await context.services.shelf.retry_workflow(context.creator.id, WorkflowId(context.payload_number))
    return said(f"Trying {retried} again." if retried else "There is nothing to try again.", private=True)


@commands.action("about")
async def ask_about(context: Context) -> Reply:
    """Say how to ask about a source that has just become ready."""
    sources = await context.services.shelf.sources(context.creator.id)
    source = next((source for source in sources if source.id == context.payload_number), None)
    if source is None:
        raise Refused("That source is gone already.")
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
