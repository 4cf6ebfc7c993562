"""Reading a source's transcript, correcting it, and putting a new cut in the place of an old one."""

import re
from dataclasses import replace
from typing import Final

from bot.commands.library import named_source, suggest_source
from bot.commands.registry import Context, Registry, said
from bot.commands.uploads import check_pace, saved_file
from core.conversation import Attachment, Audience, Button, File, Kind, Parameter, Reply, Tone
from core.errors import Refused, UploadRefused
from core.ids import SourceId
from core.library.corrections import correction_of
from core.library.exports import FORMS
from core.library.intake import Said, links_in
from core.library.revising import title_of
from core.library.store import Added, NewSource, OriginKind, Revision, Source, SourceKind, Stage
from core.library.transcript import Timing
from core.library.uploads import check_size
from core.library.watching import WatchedSource
from core.richtext import RichText, bold

ENDINGS: Final = {"text": "txt"}
NOTHING_GIVEN: Final = (
    "Give me the new cut: attach the recording, document or captions, or add a link "
    "(/replace source:3 link:https://...)."
)

commands = Registry()


@commands.command(
    "transcript",
    "Get a source's transcript, or put a corrected one in its place",
    Parameter("source", "Its title, or its number from /videos", Kind.SOURCE, required=True),
    Parameter("form", "As which file", Kind.CHOICE, choices=tuple(FORMS)),
    Parameter("file", "The corrected transcript: .vtt or .srt, or text where there are no times", Kind.FILE),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_source,
)
async def transcript(context: Context) -> Reply:
    """Send what a source says as captions or as text, or take back a corrected one."""
    source = await named_source(context)
    watched = await context.services.transcripts.transcript(context.creator.id, source.id)
    if watched is None or not watched.sentences:
        raise Refused(f"{source.title} has no transcript yet. /status says how far it is.")
    file = context.file("file")
    return _sent(context, watched) if file is None else await _corrected(context, source, watched, file)


def _sent(context: Context, watched: WatchedSource) -> Reply:
    form = context.text("form") or ("vtt" if watched.timed else "text")
    if not watched.timed and form != "text":
        raise Refused(f"{watched.title} has no times, so it can only be had as text.")
    name = re.sub(r"[^\w-]+", "-", watched.title).strip("-")[:60] or "transcript"
    file = File(f"{name}.{ENDINGS.get(form, form)}", FORMS[form](watched).encode())
    return Reply(RichText.of("The transcript of ", bold(watched.title), ":"), files=(file,))


async def _corrected(context: Context, source: Source, watched: WatchedSource, file: Attachment) -> Reply:
    await check_pace(context)
    check_size(file.name, file.size_bytes, context.services.intake.limits.file_bytes)
    async with saved_file(context.services.scratch, file) as path:
        given = await context.services.intake.transcript(path, file.name)
    correction = correction_of(watched, given, source.language)
    kind = OriginKind.DOCUMENT if correction.transcript.timing is Timing.NONE else OriginKind.TIMED_TEXT
    new = NewSource(correction.transcript, title_of(source, Revision.CORRECTION), source.link, source.language)
    new = replace(new, origin=replace(new.origin, kind=kind))
    begun = await _begin(context, source, Revision.CORRECTION, new, held=bool(correction.doubt))
    if correction.doubt and not begun.known:
        use = Button("Use it anyway", "use_anyway", str(begun.source_id), Tone.DANGER)
        return Reply(RichText.of(f"⚠️ {correction.doubt} Nothing was changed."), ((use,),))
    return await _begun(context, source, begun, "the corrected transcript")


async def _begin(context: Context, source: Source, kind: Revision, new: NewSource, *, held: bool = False) -> Added:
    return await context.services.revisions.begin(
        context.creator.id, source.id, kind, new, uploader=context.standing.student_id,
        place=None if held else context.place,
    )  # fmt: skip


async def _begun(context: Context, source: Source, begun: Added, what: str) -> Reply:
    if begun.known and begun.source_id == source.id:
        raise Refused(f"{source.title} is made from that already. Nothing was changed.")
    if begun.known and not await context.services.shelf.retry(context.creator.id, begun.source_id):
        raise Refused(f"I have that already: {begun.title}. /remove it first, or wait until it is done.")
    words = f" as it is until {what} is ready; a card shows how far it is."
    return Reply(RichText.of("Got it. Answers use ", bold(source.title), words))


@commands.action("use_anyway", audience=Audience.STAFF)
async def use_anyway(context: Context) -> Reply:
    """Take a corrected transcript although it looked wrong."""
    source_id = SourceId(context.payload_number)
    if not await context.services.revisions.confirm(context.creator.id, source_id, context.place):
        raise Refused("That file is not here any more; please send it again.")
    return Reply(RichText.of("All right. A card shows how far it is."), replaces=True)


@commands.command(
    "replace",
    "Put a new cut in the place of an old one",
    Parameter("source", "The old one: its title, or its number from /videos", Kind.SOURCE, required=True),
    Parameter("file", "The new recording or document, or its captions (.vtt, .srt)", Kind.FILE),
    Parameter("link", "The new video or page; with captions: where their video is", Kind.LINK),
    audience=Audience.STAFF,
    suggest=suggest_source,
)
async def replace_source(context: Context) -> Reply:
    """Read a new recording or text, and let it take the place of a source that keeps its number and its links."""
    source = await named_source(context)
    if source.stage is not Stage.COMPLETED or source.kind is SourceKind.LISTING:
        raise Refused(f"{source.title} is nothing that is answered from. /remove it and /upload the new one.")
    file, link = context.file("file"), context.text("link")
    if file is None and not link:
        raise UploadRefused(NOTHING_GIVEN)
    await check_pace(context)
    new = await _new_cut(context, file, link)
    if len(new) != 1:
        raise UploadRefused("These are several sources, and only one can take the place of one. Give me one.")
    begun = await _begin(context, source, Revision.REPLACEMENT, _described(new[0], source))
    return await _begun(context, source, begun, "the new cut")


async def _new_cut(context: Context, file: Attachment | None, link: str) -> list[NewSource]:
    if file is None:
        return context.services.intake.links(link, Said())
    if len(links_in(link)) > 1:
        raise UploadRefused("Only one link can say where the video is.")
    async with saved_file(context.services.scratch, file) as path:
        return await context.services.intake.file(context.creator.id, path, file.name, Said(link))


def _described(new: NewSource, source: Source) -> NewSource:
    """Captions and documents stay where the old ones were; a recording is played from here unless it has a link."""
    former_link = "" if new.origin.kind is OriginKind.MEDIA else source.link
    return replace(
        new, title=title_of(source, Revision.REPLACEMENT), link=new.link or former_link,
        language=new.language or source.language,
    )  # fmt: skip


@commands.action("former", audience=Audience.STAFF)
async def former(context: Context) -> Reply:
    """Bring back what stood in a source's place before."""
    source = await context.services.revisions.undo(context.creator.id, SourceId(context.payload_number))
    if source is None:
        return said(
            "It is too late to undo that: something newer is there, or more than a week has passed.", private=True
        )
    return Reply(RichText.of("↩️ ", bold(source.title), " is answered from as it was before."), replaces=True)
