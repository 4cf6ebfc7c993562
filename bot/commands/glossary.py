"""The creator's names, as they are written and as machines mishear them."""

import asyncio
from typing import Final

from bot.commands.registry import Context, Registry, said
from bot.commands.uploads import saved_file
from core.conversation import Attachment, Audience, Button, File, Kind, Parameter, Reply, Tone
from core.errors import Refused, UploadRefused
from core.library.glossary import Glossary, Name, checked_name, read_names, write_names
from core.library.uploads import check_size
from core.richtext import RichText, bold, counted, joined

SHOWN: Final = 30
LARGEST_BYTES: Final = 200_000
EMPTY: Final = (
    "There is no name in the glossary yet. Add one that is hard to spell, with what captions make of it: "
    '/glossary add:Kubernetes instead_of:"cooper netties, kubernets". A file with a name on each line works, too.'
)

commands = Registry()


@commands.command(
    "glossary",
    "See and change how names are written in transcripts",
    Parameter("add", "A name as it is written", takes_rest=True),
    Parameter("instead_of", "How it is misspelt in transcripts, with commas between"),
    Parameter("remove", "A name to take out"),
    Parameter("file", "Names, one on each line; behind a comma how they are misspelt", Kind.FILE),
    audience=Audience.STAFF,
    private=True,
)
async def glossary(context: Context) -> Reply:
    """Change what is given, then show the names, and offer to spell them in what is there already."""
    await _remove(context)
    if names := await _given(context):
        await context.services.glossaries.add(context.creator.id, names)
    kept = await context.services.glossaries.glossary(context.creator.id)
    if not kept.names:
        return said(EMPTY)
    files = () if names else (File("glossary.csv", write_names(kept).encode()),)
    return Reply(_listed(kept), await _offer(context), files)


async def _remove(context: Context) -> None:
    unwanted = context.text("remove")
    if unwanted and not await context.services.glossaries.remove(context.creator.id, unwanted):
        raise Refused(f"There is no name {unwanted!r} in the glossary. /glossary lists them.")


async def _given(context: Context) -> list[Name]:
    file, wrong = context.file("file"), context.text("instead_of")
    if wrong and not context.text("add"):
        raise Refused('Say which name is meant: /glossary add:Kubernetes instead_of:"cooper netties"')
    names = await _names_in(context, file) if file else []
    return [*names, checked_name(context.text("add"), wrong.split(","))] if context.text("add") else names


async def _names_in(context: Context, file: Attachment) -> list[Name]:
    check_size(file.name, file.size_bytes, LARGEST_BYTES)
    async with saved_file(context.services.scratch, file) as path:
        check_size(file.name, path.stat().st_size, LARGEST_BYTES)
        content = await asyncio.to_thread(path.read_bytes)
    try:
        return read_names(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UploadRefused("That file is not text. Save it as CSV or plain text in UTF-8.") from error


def _listed(kept: Glossary) -> RichText:
    lines = [_line(name) for name in kept.names[:SHOWN]]
    more = f"\n… and {len(kept.names) - SHOWN} more" if len(kept.names) > SHOWN else ""
    count = counted(len(kept.names), "name")
    return RichText.of(bold(f"Glossary: {count}"), "\n", *joined(lines).spans, more)


def _line(name: Name) -> RichText:
    wrong = f" instead of {', '.join(name.instead_of)}" if name.instead_of else ""
    return RichText.of("▸ ", name.name, wrong)


async def _offer(context: Context) -> tuple[tuple[Button, ...], ...]:
    misspelt = len(await context.services.glossaries.misspelt(context.creator.id))
    if not misspelt:
        return ()
    where = "the source that contains" if misspelt == 1 else f"the {misspelt} sources that contain"
    return ((Button(f"Apply to {where} misspellings", "respell", tone=Tone.GOOD),),)


@commands.action("respell", audience=Audience.STAFF)
async def respell(context: Context) -> Reply:
    """Spell the names in what is searchable already."""
    await context.services.glossaries.respell(context.creator.id)
    return said(
        "I am spelling the names in the transcripts that are here, one after another; answers use each as soon as it "
        "is done.",
        private=True,
    )
