"""Notes: rules of the staff that stand above every answer on their topic."""

from collections.abc import Sequence
from typing import Final

from bot.commands.knowledge import (
    author_of,
    changed_entry,
    entry_line,
    entry_text,
    given_tags,
    named_entry,
    removed_entry,
    suggest_entry,
)
from bot.commands.registry import Context, Registry, said
from core.conversation import Audience, Button, Parameter, Reply, Suggestion
from core.ids import SourceId
from core.library.knowledge import Change, EntryKind, checked
from core.richtext import RichText, bold, joined
from core.tiers import tier_said

SHOWN: Final = 30
NONE_YET: Final = (
    'There is no note yet. A note stands above every answer on its topic: /note_add topic:"refund, money back" '
    'text:"For a refund please fill in https://example.com/refund"'
)

commands = Registry()


async def _suggest_note(context: Context, typed: str) -> Sequence[Suggestion]:
    return await suggest_entry(context, EntryKind.NOTE, typed)


@commands.command(
    "note_add",
    "Add a note that stands above every answer on its topic",
    Parameter("topic", "Words that a question says, such as refund; several topics with commas", required=True),
    Parameter("text", "What everybody who asks about it is told; links work", required=True),
    Parameter("tier", "Which members it is for, such as gold; else everybody"),
    audience=Audience.STAFF,
    private=True,
)
async def note_add(context: Context) -> Reply:
    """Keep a note."""
    note = checked(EntryKind.NOTE, context.text("topic"), context.text("text"), tier=context.text("tier"))
    entry = (await context.services.knowledge.add(author_of(context), [note]))[0]
    words = RichText.of("Kept. Whoever asks about this is told:\n\n", entry_text(entry))
    return Reply(words, ((Button("Undo", "note_drop", str(entry.id)),),))


@commands.command(
    "notes",
    "See the notes that stand above answers",
    Parameter("search", "Words of a note, or its number", takes_rest=True),
    audience=Audience.STAFF,
    private=True,
)
async def notes(context: Context) -> Reply:
    """List notes; one alone is shown as a whole."""
    shown = await context.services.knowledge.find(
        context.creator.id, EntryKind.NOTE, search=context.text("search"), limit=SHOWN
    )
    if not shown.entries:
        return said("Nothing here fits." if context.text("search") else NONE_YET)
    if shown.total == 1:
        remove = Button("Remove", "note_drop", str(shown.entries[0].id))
        return Reply(entry_text(shown.entries[0]), ((remove,),))
    more = f"\n… and {shown.total - SHOWN} more" if shown.total > SHOWN else ""
    lines = joined([entry_line(entry) for entry in shown.entries])
    return Reply(RichText.of(bold(f"{shown.total} notes"), "\n", lines, more))


@commands.command(
    "note_edit",
    "Change a note",
    Parameter("note", "Its number from /notes, or words of it", required=True),
    Parameter("topic", "Words that a question says"),
    Parameter("text", "What everybody who asks about it is told"),
    Parameter("tags", "With commas between; none for none"),
    Parameter("tier", "Which members it is for, such as gold; none for everybody"),
    audience=Audience.STAFF,
    private=True,
    suggest=_suggest_note,
)
async def note_edit(context: Context) -> Reply:
    """Change what is given of a note."""
    change = Change(
        context.text("topic") or None, context.text("text") or None, given_tags(context),
        tier_said(context.text("tier")),
    )  # fmt: skip
    return await changed_entry(context, await named_entry(context, EntryKind.NOTE, "note"), change)


@commands.command(
    "note_remove",
    "Take a note away",
    Parameter("note", "Its number from /notes, or words of it", required=True),
    audience=Audience.STAFF,
    private=True,
    suggest=_suggest_note,
)
async def note_remove(context: Context) -> Reply:
    """Remove a note; a button undoes it, for a week."""
    return await removed_entry(context, (await named_entry(context, EntryKind.NOTE, "note")).id, EntryKind.NOTE)


@commands.action("note_drop", audience=Audience.STAFF)
async def note_drop(context: Context) -> Reply:
    """The button under a note."""
    return await removed_entry(context, SourceId(context.payload_number), EntryKind.NOTE)
