"""Adding to a creator's library from the chat, and seeing how far the work is."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bot.commands.library import named_source, suggest_source
from bot.commands.registry import Context, Registry, said
from core.conversation import Attachment, Audience, Button, Kind, Parameter, Reply
from core.errors import UploadRefused
from core.ids import SourceId, WorkflowId
from core.library.cards import card
from core.library.catalogue import require_pace
from core.library.intake import Said, links_in
from core.library.reindexing import reindex_card
from core.library.scratch import Scratch
from core.library.store import AS_USUAL, Added, NewSource, NewWorkflow, Source, Stage, UploadSettings
from core.library.uploads import checked_settings, cut_words, language_warning
from core.library.worklog import record_lines
from core.richtext import RichText, bold, joined

SHOWN: Final = 10
NOTHING_GIVEN: Final = (
    "Give me a link (/upload https://...) or attach a file: a video or recording, PDF, Word, PowerPoint, text or "
    "captions."
)

commands = Registry()


@commands.command(
    "upload",
    "Add videos, recordings, documents or captions: a file, or links",
    Parameter("file", "A video, recording, document, or captions (.vtt, .srt)", Kind.FILE),
    Parameter("link", "A video, playlist, podcast, page or file; with captions: where their video is", Kind.LINK),
    Parameter("title", "Its title as students see it", takes_rest=True),
    Parameter("language", "Its language as two letters, such as en"),
    Parameter("tier", "Which members may be answered from it, such as gold; else everybody"),
    Parameter("window", "Words of a passage, 40 to 180; usually 100", Kind.NUMBER),
    Parameter("overlap", "How much of a passage the next one repeats, 0 to 90 percent; usually 50", Kind.NUMBER),
    audience=Audience.STAFF,
)
async def upload(context: Context) -> Reply:
    """Check what is given and put it to work; its card shows how far it is."""
    file, links = context.file("file"), context.text("link")
    title = context.text("title")
    if links and links_in(title):  # several links typed one after another
        links, title = f"{links} {title}", ""
    if file is None and not links:
        raise UploadRefused(NOTHING_GIVEN)
    settings = checked_settings(context.number("window"), context.number("overlap"), context.text("tier"))
    await check_pace(context)
    words = Said(links if file is not None else "", title, context.text("language"))
    new = await _from_file(context, file, words) if file else context.services.intake.links(links, words)
    workflow = NewWorkflow(
        settings=settings, uploader=context.standing.student_id, most_an_hour=context.services.uploads_per_hour
    )
    creator_id = context.creator.id
    added = await context.services.shelf.add(creator_id, new, context.place, workflow)
    again = [
        entry for entry in added if entry.known and await context.services.shelf.retry(creator_id, entry.source_id)
    ]
    warning = language_warning((source.language for source in new), await context.languages_read())
    kept = _settings_words(settings, changed=not all(entry.known for entry in added))
    return Reply(RichText.of(_summary(added, again), kept, f"\n⚠️ {warning}" if warning else ""))


async def _from_file(context: Context, file: Attachment, words: Said) -> list[NewSource]:
    async with saved_file(context.services.scratch, file) as path:
        return await context.services.intake.file(context.creator.id, path, file.name, words)


@asynccontextmanager
async def saved_file(scratch: Scratch, file: Attachment) -> AsyncIterator[Path]:
    """The file on the disk for as long as it is looked at; its own name is never a path."""
    async with scratch.folder("upload") as folder:
        path = folder / "upload"
        await file.save(path)
        yield path


async def check_pace(context: Context) -> None:
    """See that this creator may upload one thing more within this hour, before anything is fetched for it.

    Raises:
        UploadRefused: says when they may go on.
    """
    uploads, wait_s = await context.services.catalogue.uploads_lately(context.creator.id)
    require_pace(uploads, context.services.uploads_per_hour, wait_s)


def _summary(added: Sequence[Added], again: Sequence[Added]) -> RichText:
    fresh = [source for source in added if not source.known]
    if again and not fresh:
        names = ", ".join(source.title for source in again[:3])
        return RichText.of("That failed before, so I am trying it again: ", bold(names), ".")
    if not fresh:
        names = ", ".join(source.title for source in added[:3])
        return RichText.of("I have that already: ", bold(names), ". Nothing was changed.")
    if len(fresh) == 1:
        return RichText.of("Got it. ", bold(fresh[0].title), ": the card below shows how far it is.")
    known = f" ({len(added) - len(fresh)} I had already)" if len(fresh) < len(added) else ""
    return RichText.of(f"Got {len(fresh)} sources{known}; the card below shows how far they are.")


def _settings_words(settings: UploadSettings, *, changed: bool) -> str:
    """What was said of cutting and tier, since a slip there is not seen later."""
    if settings == AS_USUAL:
        return ""
    if not changed:
        return " To change its tier, use /edit; to cut it anew, remove it first."
    tier = f"for {settings.tier} and staff" if settings.tier else ""
    return f"\nIt is {', '.join(filter(None, [tier, cut_words(settings)]))}."


@commands.command(
    "status",
    "See what is being worked on, and what failed",
    Parameter("source", "Its title, or its number from /videos", Kind.SOURCE),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_source,
)
async def status(context: Context) -> Reply:
    """List all work that is not done, or tell all of the work on one source."""
    if context.text("source"):
        return await _work_on(context, await named_source(context))
    sources, total = await context.services.shelf.undone(context.creator.id, SHOWN)
    moving = await context.services.reindexings.under_way(context.creator.id)
    if not sources and moving is None:
        return said("All work is done: everything in /videos can be asked about.")
    paces = await context.services.worklog.paces(context.creator.id)
    lines = [reindex_card(moving).text] if moving else []
    lines += [card(source, paces).text for source in sources]
    more = f"\n\n… and {total - len(sources)} more" if total > len(sources) else ""
    failed = [source for source in sources if source.stage is Stage.FAILED]
    return Reply(RichText.of(joined(lines, "\n\n"), more), tuple(_again(source) for source in failed[:5]))


async def _work_on(context: Context, source: Source) -> Reply:
    record = await context.services.worklog.record(context.creator.id, source.id)
    shown = card(source, await context.services.worklog.paces(context.creator.id))
    lines = record_lines(source, record) if record else []
    return Reply(RichText.of(shown.text, "".join(f"\n{line}" for line in lines)), shown.buttons)


def _again(source: Source) -> tuple[Button, ...]:
    return (Button(f"Try again: {source.title}"[:80], "retry", str(source.id)),)


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
