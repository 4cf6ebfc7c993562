"""Watching recordings to the end: a personal link, how far one is, and questions where it plays elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import SystemRandom
from typing import Final

from bot.commands.belonging import require_member
from bot.commands.clips import creator_asked
from bot.commands.registry import Context, Registry, dead_button, said
from bot.commands.titles import fitting
from core.asking.answer import Answer
from core.conversation import Button, Kind, Parameter, Reply, Suggestion
from core.errors import Refused
from core.ids import CheckId, CreatorId, SourceId
from core.library.cards import bar, clock
from core.rewards.rules import PAID_LATER, WATCH, amount_for
from core.rewards.telling import progress_words
from core.rewards.watch_checks import ATTEMPTS_A_DAY, Check
from core.rewards.watching import Viewer, Watchable, Watching
from core.richtext import RichText, bold, italic, joined, link
from core.tiers import Scope

LABEL: Final = "▶ Watch"
MOST_BEGUN, MOST_NEXT = 5, 3
LETTERS: Final = "ABCD"
SHORT_TITLE: Final = 60
_OPENED: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18})(?::([0-9]{1,6}))?")
_ANSWERED: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}):([0-9]):([0-9])")

commands = Registry()


async def watch_button(watching: Watching, creator_id: CreatorId, answer: Answer) -> Button | None:
    """The button under an answer, for the first cited recording that can be watched."""
    found = await watching.first_watchable(creator_id, [cited.source_id for cited in answer.citations])
    if found is None:
        return None
    cited = next(each for each in answer.citations if each.source_id == found)
    second = f":{int(cited.start_s)}" if cited.start_s is not None else ""
    return Button(LABEL, "watch_open", f"{creator_id}:{found}{second}")


async def to_watch(context: Context) -> tuple[Button, ...]:
    """The way from a list of sources to those that can be watched; nothing where there are none."""
    found = await _open_shelf(context)
    return (Button(LABEL, "watch_list"),) if found else ()


async def suggest_recording(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete a recording by words of its title, those that were begun first."""
    found = [each for each in await _open_shelf(context) if typed.casefold() in each.title.casefold()]
    found.sort(key=lambda each: (each.progress.done_at is not None, not each.opened))
    return [Suggestion(f"{each.title[:80]} · {_far(each)}"[:100], str(each.source_id)) for each in found[:25]]


@commands.command(
    "watch",
    "Watch a recording to the end and earn CHRONOS; without one, see what you began",
    Parameter("source", "Its title", Kind.SOURCE, takes_rest=True),
    private=True,
    suggest=suggest_recording,
)
async def watch(context: Context) -> Reply:
    """Open a recording, or list how far one is with all of them."""
    await require_member(context)
    wanted = context.text("source")
    if not wanted:
        return await _list(context)
    return await _open(context, context.creator.id, (await _named(context, wanted)).source_id, None)


@commands.action("watch_list")
async def watch_list(context: Context) -> Reply:
    """The button form of /watch."""
    await require_member(context)
    return await _list(context)


@commands.action("watch_open")
async def watch_open(context: Context) -> Reply:
    """Give the person who pressed a way of their own to a recording."""
    found = _OPENED.fullmatch(context.text("payload"))
    if found is None:
        raise dead_button()
    creator = creator_asked(context, CreatorId(int(found[1])))
    if creator == context.standing.creator:
        await require_member(context)
    return await _open(context, creator.id, SourceId(int(found[2])), float(found[3]) if found[3] else None)


@commands.action("watch_check")
async def watch_check(context: Context) -> Reply:
    """Ask about a recording that plays elsewhere."""
    found = _OPENED.fullmatch(context.text("payload"))
    if found is None:
        raise dead_button()
    viewer = await _viewer(context, CreatorId(int(found[1])), SourceId(int(found[2])))
    # Whoever can foresee the draw has no need to watch.
    check = await context.services.watching.check(viewer, datetime.now(UTC), SystemRandom())
    return _question(viewer, check)


@commands.action("watch_answer")
async def watch_answer(context: Context) -> Reply:
    """Take an answer, and ask the next question or say how it went."""
    found = _ANSWERED.fullmatch(context.text("payload"))
    if found is None:
        raise dead_button()
    creator_id, source_id, check_id, question, option = (int(part) for part in found.groups())
    viewer = await _viewer(context, CreatorId(creator_id), SourceId(source_id))
    check = await context.services.watching.answer(
        viewer, CheckId(check_id), question, option, datetime.now(UTC)
    )  # fmt: skip
    if not check.judged:
        return replace(_question(viewer, check), replaces=True)
    reply = _result(viewer, check, 0 if viewer.staff else await _amount(context, viewer.creator_id))
    return replace(reply, replaces=True)


async def _viewer(context: Context, creator_id: CreatorId, source_id: SourceId) -> Viewer:
    creator = creator_asked(context, creator_id)
    staff = (await context.scope_with(creator.id)).tiers is None
    return Viewer(creator.id, context.standing.student_id, source_id, staff)


async def _open(context: Context, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> Reply:
    viewer = await _viewer(context, creator_id, source_id)
    found = await context.services.watching.open(viewer, datetime.now(UTC))
    title = RichText.of(LABEL[:2], bold(found.title), f" · {clock(found.progress.duration_s)}")
    if found.plays_here:
        address = context.services.personal_links.link(viewer, start_s)
        amount = 0 if viewer.staff else await _amount(context, creator_id)
        return Reply(joined([title, _here(found, address, amount, staff=viewer.staff)]), private=True)
    done = found.progress.done_at is not None
    buttons = () if done else ((Button("I have watched it", "watch_check", f"{creator_id}:{source_id}"),),)
    amount = 0 if viewer.staff else await _amount(context, creator_id)
    return Reply(joined([title, _there(found, amount)]), buttons, private=True)


def _here(found: Watchable, address: str, amount: int, *, staff: bool) -> RichText:
    shown = f"{bar(found.progress.share)} " if found.progress.covered else ""
    lasts = "day" if staff else "week"
    return RichText.of(
        link("Open it on your own page", address),
        f"\n{shown}{progress_words(found.progress, amount)}\n",
        italic(f"This link is yours alone, for a {lasts}. To show it to others, copy the link on the page."),
    )


def _there(found: Watchable, amount: int) -> RichText:
    way = link("Open it where it is", found.link)
    if found.progress.done_at is not None:
        return RichText.of(way, f"\n{progress_words(found.progress, amount)}")
    for_it = f" for {amount:,} CHRONOS" if amount else ""
    half = clock(found.progress.duration_s / 2)
    return RichText.of(
        way,
        f"\nIt plays elsewhere, so I cannot see you watch. Press the button afterwards and answer three questions "
        f"about it{for_it}: from {half} after you first opened it, at most {ATTEMPTS_A_DAY} times a day.",
    )


async def _amount(context: Context, creator_id: CreatorId) -> int:
    return amount_for(await context.services.tariffs.of(creator_id), WATCH)


def _question(viewer: Viewer, check: Check) -> Reply:
    number = len(check.answers)
    asked = check.questions[number]
    lines = [
        RichText.of(bold(f"{check.title} · question {number + 1} of {len(check.questions)}")),
        RichText.of(asked.words),
    ]
    lines += [RichText.of(bold(letter), f"  {text}") for letter, text in zip(LETTERS, asked.options, strict=True)]
    prefix = f"{viewer.creator_id}:{viewer.source_id}:{check.id}:{number}"
    buttons = tuple(Button(letter, "watch_answer", f"{prefix}:{option}") for option, letter in enumerate(LETTERS))
    return Reply(joined(lines, "\n\n"), (buttons,), private=True)


def _result(viewer: Viewer, check: Check, amount: int) -> Reply:
    if check.passed:
        earned = f" It can earn {amount:,} CHRONOS. {PAID_LATER}" if amount else ""
        return said(f"All {len(check.questions)} right: {check.title} counts as watched.{earned}", private=True)
    words = f"{check.right} of {len(check.questions)} right. All of them have to be."
    if not check.attempts_left:
        return said(f"{words} Tomorrow you may try again, with other questions.", private=True)
    again = Button("Try again", "watch_check", f"{viewer.creator_id}:{viewer.source_id}")
    tries = "once more" if check.attempts_left == 1 else f"{check.attempts_left} more times"
    return Reply(RichText.of(f"{words} You may try {tries} today, with other questions."), ((again,),), private=True)


async def _open_shelf(context: Context) -> list[Watchable]:
    """What of the creator's recordings is open to this person."""
    shelf = await context.services.watching.shelf(context.creator.id, context.standing.student_id)
    scope = Scope(context.creator.id, context.standing.tiers)
    return [each for each in shelf if scope.opens(each.tier)]


async def _named(context: Context, wanted: str) -> Watchable:
    """The one recording that is meant, by its number or words of its title."""
    shelf = await context.services.watching.shelf(context.creator.id, context.standing.student_id)
    found = fitting(wanted, shelf)
    if not found:
        raise Refused(f"There is no recording called {wanted!r} to watch. /watch alone shows what there is.")
    if len(found) > 1:
        names = "; ".join(each.title for each in found[:5])
        raise Refused(f"Several recordings fit: {names}. Please give more of the title.")
    return found[0]


async def _list(context: Context) -> Reply:
    """What was begun, and what comes next."""
    shelf = await _open_shelf(context)
    if not shelf:
        return said("There is no recording here to watch yet. /videos shows what can be asked about.")
    done = [each for each in shelf if each.progress.done_at is not None]
    begun = [each for each in reversed(shelf) if each.opened and each.progress.done_at is None]
    fresh = [each for each in shelf if not each.opened]
    lines = [RichText.of(bold(f"{context.creator.name}: {len(done)} of {len(shelf)} watched to the end"))]
    if begun:
        lines += [RichText.of(bold("\nContinue watching")), *map(_line, begun[:MOST_BEGUN])]
    if len(begun) > MOST_BEGUN:
        lines.append(RichText.of(f"… and {len(begun) - MOST_BEGUN} more: /watch and a title opens them."))
    if fresh:
        lines += [RichText.of(bold("\nNext")), *map(_line, fresh[:MOST_NEXT])]
    if not begun and not fresh:
        lines.append(RichText.of("You have seen it all."))
    offered = [*begun[:MOST_BEGUN], *fresh[:MOST_NEXT]]
    buttons = tuple((_button(context.creator.id, each),) for each in offered[:5])
    return Reply(joined(lines), buttons, private=True)


def _line(found: Watchable) -> RichText:
    title = RichText.of("▸ ", found.title, f" · {clock(found.progress.duration_s)}")
    return title if not found.opened else RichText.of(title, f"\n   {_far(found)}")


def _far(found: Watchable) -> str:
    """How far somebody is, as a bar where our page has seen it."""
    if found.progress.done_at is not None:
        return "watched"
    if not found.opened:
        return clock(found.progress.duration_s)
    return f"{bar(found.progress.share)} {found.progress.share:.0%}" if found.plays_here else "questions left"


def _button(creator_id: CreatorId, found: Watchable) -> Button:
    title = found.title if len(found.title) <= SHORT_TITLE else f"{found.title[: SHORT_TITLE - 1]}…"
    return Button(f"{LABEL[:2]}{title}", "watch_open", f"{creator_id}:{found.source_id}")
