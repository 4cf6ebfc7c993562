"""Questions with their answers, as the staff writes them down: adding, changing, listing, in and out as a table."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.commands.registry import Context, Registry, page_and_rest, said
from bot.commands.uploads import saved_file
from core.conversation import Attachment, Audience, Button, File, Kind, Parameter, Reply, Suggestion
from core.errors import Refused, UploadRefused
from core.ids import SourceId
from core.library.knowledge import (
    MOST_PAIRS,
    Author,
    Change,
    Entry,
    EntryKind,
    Shown,
    Wording,
    checked,
    checked_tags,
    read_pairs,
    write_pairs,
)
from core.library.uploads import check_size
from core.richtext import RichText, bold, joined, linked
from core.tiers import tier_said

PAGE: Final = 10
LARGEST_BYTES: Final = 2_000_000
SHOWN_CHARS: Final = 120
LONGEST_SEARCH: Final = 30
"""Bytes of a search that fit into a button."""
HOW_TO_ADD: Final = (
    'Give both: /qa_add question:"How long does a glaze dry?" answer:"A day." Or attach a table (CSV) with a line '
    "for each: question,answer,tags,tier,wordings"
)
NO_SUCH: Final = "There is no such entry any more. /qa and /notes list what there is."

commands = Registry()


def author_of(context: Context) -> Author:
    """Who writes, and for whom."""
    return Author(context.creator.id, context.creator.name, context.standing.student_id)


async def _suggest_pair(context: Context, typed: str) -> Sequence[Suggestion]:
    return await suggest_entry(context, EntryKind.PAIR, typed)


async def suggest_entry(context: Context, kind: EntryKind, typed: str) -> Sequence[Suggestion]:
    """Complete an entry by words of it."""
    found = await context.services.knowledge.find(context.creator.id, kind, search=typed, limit=25)
    return [Suggestion(entry.said.question[:100], str(entry.id)) for entry in found.entries]


@commands.command(
    "qa_add",
    "Write down the answer to a question, or many from a table",
    Parameter("question", "As people ask it"),
    Parameter("answer", "What they are told, in your words; links work", takes_rest=True),
    Parameter("tags", "Words to find it by, with commas between"),
    Parameter("tier", "Which members may get it, such as gold; else everybody"),
    Parameter("wordings", "Up to three other ways to ask it, with | between"),
    Parameter("file", "A table (CSV): question, answer, tags, tier, wordings", Kind.FILE),
    audience=Audience.STAFF,
    private=True,
)
async def qa_add(context: Context) -> Reply:
    """Keep a pair, or those of a table; what is there already under the same question, a table changes."""
    if file := context.file("file"):
        pairs = await context.services.knowledge.add(author_of(context), await _pairs_in(context, file), over=True)
        return said(
            f"Got {len(pairs)} questions with their answers. They are searched within seconds. /qa lists them."
        )
    if not (context.text("question") and context.text("answer")):
        raise Refused(HOW_TO_ADD)
    pair = checked(
        EntryKind.PAIR, context.text("question"), context.text("answer"), context.text("tags").split(","),
        context.text("tier"), context.text("wordings").split("|"),
    )  # fmt: skip
    entry = (await context.services.knowledge.add(author_of(context), [pair]))[0]
    remove = Button("Undo", "qa_drop", str(entry.id))
    return Reply(RichText.of("Kept. Whoever asks that gets:\n\n", entry_text(entry)), ((remove,),))


async def _pairs_in(context: Context, file: Attachment) -> list[Wording]:
    check_size(file.name, file.size_bytes, LARGEST_BYTES)
    async with saved_file(context.services.scratch, file) as path:
        check_size(file.name, path.stat().st_size, LARGEST_BYTES)
        content = await asyncio.to_thread(path.read_bytes)
    try:
        return await asyncio.to_thread(read_pairs, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UploadRefused("That file is not text. Save it as CSV in UTF-8.") from error


@commands.command(
    "qa",
    "See the questions that you have answered in writing, and get them as a table",
    Parameter("search", "Words of a question or answer, or its number", takes_rest=True),
    Parameter("tag", "Only those with this tag"),
    audience=Audience.STAFF,
    private=True,
)
async def qa(context: Context) -> Reply:
    """List pairs in pages; without a search all of them come along as a table."""
    search, tag = context.text("search"), context.text("tag").lower().lstrip("#")
    reply = await _page(context, search, tag, 0)
    return reply if search or tag else replace(reply, files=await _table(context))


async def _table(context: Context) -> tuple[File, ...]:
    shown = await context.services.knowledge.find(context.creator.id, EntryKind.PAIR, limit=MOST_PAIRS)
    table = write_pairs(entry.said for entry in reversed(shown.entries))
    return (File("questions-and-answers.csv", table.encode()),) if shown.entries else ()


@commands.action("qa_page", audience=Audience.STAFF)
async def qa_page(context: Context) -> Reply:
    """Another page of the list."""
    page, rest = page_and_rest(context)
    tag, _, search = rest.partition(":")
    return replace(await _page(context, search, tag, page), replaces=True)


async def _page(context: Context, search: str, tag: str, page: int) -> Reply:
    shown = await context.services.knowledge.find(
        context.creator.id, EntryKind.PAIR, search=search, tag=tag, offset=page * PAGE, limit=PAGE
    )
    if not shown.entries:
        return said(
            "Nothing here fits." if search or tag else f"No question is answered in writing yet. {HOW_TO_ADD}"
        )
    if shown.total == 1:
        return whole_entry(shown.entries[0])
    lines = [entry_line(entry) for entry in shown.entries]
    heading = bold(f"{shown.total} questions answered in writing")
    return Reply(RichText.of(heading, "\n", joined(lines)), _leafing(shown, search, tag, page))


def _leafing(shown: Shown, search: str, tag: str, page: int) -> tuple[tuple[Button, ...], ...]:
    """Buttons to other pages; a search that is too long for them has to be made shorter."""
    kept = f"{tag}:{search}"
    turns = [("◀ Newer", page - 1)] if page else []
    turns += [("Older ▶", page + 1)] if (page + 1) * PAGE < shown.total else []
    if not turns or len(kept.encode()) > LONGEST_SEARCH:
        return ()
    return (tuple(Button(label, "qa_page", f"{number}:{kept}") for label, number in turns),)


def entry_line(entry: Entry) -> RichText:
    """An entry on one line of a list."""
    answer = " ".join(entry.said.answer.split())
    short = answer if len(answer) <= SHOWN_CHARS else answer[: SHOWN_CHARS - 1] + "…"
    return RichText.of(f"▸ #{entry.id} ", bold(entry.said.question), f" {short}{_facts(entry)}")


def _facts(entry: Entry) -> str:
    tags = " ".join(f"#{tag}" for tag in entry.said.tags)
    tier = f"for {entry.said.tier}" if entry.said.tier else ""
    return "".join(f" · {fact}" for fact in (tags, tier) if fact)


def entry_text(entry: Entry) -> RichText:
    """An entry as a whole, with who wrote it and when."""
    said_so = entry.said
    others = f"\nalso: {' | '.join(said_so.wordings)}" if said_so.wordings else ""
    by = f"by {entry.author}, " if entry.author else ""
    version = f", version {entry.version}" if entry.version > 1 else ""
    learning = "" if entry.searched else " · in a few seconds also found in other words"
    written = f"#{entry.id} · {by}{entry.changed_at:%d %B %Y}{version}{_facts(entry)}{learning}"
    return RichText.of(bold(said_so.question), others, "\n", linked(said_so.answer), f"\n\n{written}")


def whole_entry(entry: Entry) -> Reply:
    """An entry with what can be done with it."""
    buttons = (Button("Remove", "qa_drop", str(entry.id)),)
    return Reply(entry_text(entry), (buttons,))


@commands.command(
    "qa_edit",
    "Change a question with its answer",
    Parameter("pair", "Its number from /qa, or words of its question", required=True),
    Parameter("question", "As people ask it"),
    Parameter("answer", "What they are told"),
    Parameter("tags", "With commas between; none for none"),
    Parameter("tier", "Which members may get it, such as gold; none for everybody"),
    Parameter("wordings", "Up to three other ways to ask it, with | between; none for none"),
    audience=Audience.STAFF,
    private=True,
    suggest=_suggest_pair,
)
async def qa_edit(context: Context) -> Reply:
    """Change what is given of a pair."""
    return await changed_entry(context, await named_entry(context, EntryKind.PAIR, "pair"), _change(context))


def _change(context: Context) -> Change:
    return Change(
        context.text("question") or None, context.text("answer") or None, given_tags(context),
        tier_said(context.text("tier")), _several(context.text("wordings"), "|"),
    )  # fmt: skip


def given_tags(context: Context) -> tuple[str, ...] | None:
    """Tags as they were typed; None where nothing was said."""
    tags = _several(context.text("tags"), ",")
    return None if tags is None else checked_tags(tags)


def _several(text: str, separator: str) -> tuple[str, ...] | None:
    if not text:
        return None
    return () if text.casefold() == "none" else tuple(text.split(separator))


async def changed_entry(context: Context, entry: Entry, change: Change) -> Reply:
    """Change an entry, show it, and offer to take the change back."""
    if change.empty:
        raise Refused("Say what to change, such as answer:... or tags:...")
    changed = await context.services.knowledge.change(author_of(context), entry.id, entry.said.kind, change)
    if changed is None:
        raise Refused(NO_SUCH)
    return Reply(RichText.of("Changed.\n\n", entry_text(changed)), ((Button("Undo", "qa_undo", str(entry.id)),),))


async def named_entry(context: Context, kind: EntryKind, parameter: str) -> Entry:
    """The one entry that a parameter names, by its number or by words of it.

    Raises:
        Refused: none fits, or several do.
    """
    wanted = context.text(parameter)
    number = wanted.removeprefix("#")
    shown = await context.services.knowledge.find(context.creator.id, kind, search=wanted, limit=6)
    exact = [e for e in shown.entries if str(e.id) == number or e.said.question.casefold() == wanted.casefold()]
    found = exact or list(shown.entries)
    if not found:
        lists = "/qa" if kind is EntryKind.PAIR else "/notes"
        raise Refused(f"Nothing here is called {wanted!r}. {lists} lists them with their numbers.")
    if len(found) > 1:
        names = "; ".join(f"#{entry.id} {entry.said.question}" for entry in found[:5])
        raise Refused(f"Several fit: {names}. Please give the number.")
    return found[0]


@commands.action("qa_undo", audience=Audience.STAFF)
async def qa_undo(context: Context) -> Reply:
    """Take the last change of an entry back, or that back again."""
    entry = await context.services.knowledge.undo(author_of(context), SourceId(context.payload_number))
    if entry is None:
        raise Refused(NO_SUCH)
    again = Button("Redo", "qa_undo", str(entry.id))
    return Reply(RichText.of("As it was before.\n\n", entry_text(entry)), ((again,),), replaces=True)


@commands.command(
    "qa_remove",
    "Take a question with its answer out of all answers",
    Parameter("pair", "Its number from /qa, or words of its question", required=True),
    audience=Audience.STAFF,
    private=True,
    suggest=_suggest_pair,
)
async def qa_remove(context: Context) -> Reply:
    """Remove a pair; a button undoes it, for a week."""
    return await removed_entry(context, (await named_entry(context, EntryKind.PAIR, "pair")).id, EntryKind.PAIR)


async def removed_entry(context: Context, entry_id: SourceId, kind: EntryKind) -> Reply:
    """Remove an entry and offer to bring it back."""
    entry = await context.services.knowledge.remove(context.creator.id, entry_id, kind)
    if entry is None:
        raise Refused(NO_SUCH)
    words = RichText.of("Removed ", bold(entry.said.question), ": no answer uses it any more.")
    return Reply(words, ((Button("Undo", "qa_restore", str(entry_id)),),), private=True)


@commands.action("qa_drop", audience=Audience.STAFF)
async def qa_drop(context: Context) -> Reply:
    """The button under a pair."""
    return await removed_entry(context, SourceId(context.payload_number), EntryKind.PAIR)


@commands.action("qa_restore", audience=Audience.STAFF)
async def qa_restore(context: Context) -> Reply:
    """Bring back a pair or a note that was removed."""
    entry = await context.services.knowledge.restore(context.creator.id, SourceId(context.payload_number))
    if entry is None:
        raise Refused("It is too late to undo that, or something else says the same now.")
    return Reply(RichText.of(bold(entry.said.question), " is back."), replaces=True)
