"""CHRONOS in the chat: what a member has, and how it came and went."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from bot.commands.registry import Context, Registry, dead_button, page_and_rest, said
from core.conversation import Button, File, Kind, Parameter, Reply
from core.errors import Refused
from core.ids import CreatorId
from core.rewards.ledger import Only, Transaction, Wallet
from core.rewards.redemption import PAYOUT
from core.rewards.rules import MESSAGE, NAMES, STREAK, Rewards
from core.rewards.showing import PICTURED_ON, WalletCard
from core.rewards.standings import day_typed
from core.rewards.streaks import PAID_DAYS, Streak
from core.richtext import RichText, bold, counted, joined

PAGE: Final = 10
MOST_EXPORTED: Final = 20_000
NEAR: Final = 3
"""So many days from the end of a streak, it is what comes next."""
_WORDS: Final = {
    "earn": "earned", "hold": "set aside", "release": "given back", "spend": "spent", "redeem": "redeemed",
    "reverse": "taken back", "adjust": "corrected",
}  # fmt: skip
KINDS: Final = {word.replace(" ", "-"): kind for kind, word in _WORDS.items()}
"""What can be chosen, in one word each, and what the books call it."""

commands = Registry()


@commands.command("balance", "See your CHRONOS", private=True)
async def balance(context: Context) -> Reply:
    """Show a member's wallet over all creators, and what comes next with the one who is meant here."""
    wallet = await context.services.ledger.wallet(context.standing.student_id)
    rewards, streak = await context.tariff(), await _streak(context)
    lines = [RichText.of("🪙 ", bold(f"{wallet.balance:,} CHRONOS")), *_details(wallet)]
    if streak is not None and streak.days:
        lines.append(RichText.of(f"Streak: {counted(streak.days, 'day')}"))
    coming = await _coming(context, rewards, streak)
    lines += [RichText.of("Next: ", "; ".join(coming))] if coming else []
    rule = rewards.rules.get(MESSAGE)
    if rule is not None and rule.amount:
        lines.append(
            RichText.of(
                f"A question that the videos answer earns {rule.amount}, up to {rule.most_a_day} a day, at least "
                f"{rule.seconds_apart:.0f} seconds apart."
            )
        )
    buttons = ((Button("How it came and went", "transactions_page", "0:"),),)
    return Reply(joined(lines), buttons, await _card(context, wallet, streak, coming[0] if coming else ""))


async def _streak(context: Context) -> Streak | None:
    if context.standing.creator is None:
        return None
    return await context.services.streaks.of(context.creator.id, context.standing.student_id, datetime.now(UTC))


async def _coming(context: Context, rewards: Rewards, streak: Streak | None) -> list[str]:
    """What can be earned next with the creator who is meant here, the nearest first."""
    if streak is None:
        return []
    services, student_id = context.services, context.standing.student_id
    paid = await services.ledger.paid_on(context.creator.id, student_id, streak.today)
    return coming_awards(rewards, streak, paid)


def coming_awards(rewards: Rewards, streak: Streak, paid: Mapping[str, int]) -> list[str]:
    """What can be earned next, the nearest first; ``paid``: how often each rule paid today."""
    asked, row = rewards.rules.get(MESSAGE), rewards.rules.get(STREAK)
    coming = []
    if asked is not None and asked.amount and paid.get(MESSAGE, 0) < asked.most_a_day:
        coming.append(f"the next question that is answered: {asked.amount}")
    if row is not None and row.amount and streak.missing:
        words = f"{counted(streak.missing, 'day')} to the {PAID_DAYS}-day streak: {row.amount}"
        coming.insert(0 if streak.missing <= NEAR else len(coming), words)
    return coming


async def _card(context: Context, wallet: Wallet, streak: Streak | None, coming: str) -> tuple[File, ...]:
    if context.place.platform not in PICTURED_ON:
        return ()
    days, name = streak.days if streak is not None else 0, context.request.person.name
    next_award = f"{coming[:1].upper()}{coming[1:]}"
    picture = await context.services.showing.artist.wallet(WalletCard(name, wallet, days, next_award))
    described = f"A wallet: {wallet.balance:,} CHRONOS, {counted(days, 'day')} in a row. {next_award}"
    return (File("balance.png", picture, described),)


def _details(wallet: Wallet) -> list[RichText]:
    facts = [
        ("earned", wallet.total_earned), ("taken over", wallet.taken_over), ("spent", wallet.total_spent),
        ("redeemed", wallet.total_redeemed), ("set aside", wallet.held), ("given back", wallet.total_refunded),
        ("taken back", wallet.total_reversed), ("owed", wallet.owed),
    ]  # fmt: skip
    shown = [f"{amount:,} {name}" for name, amount in facts if amount]
    return [RichText.of(" · ".join(shown))] if shown else []


@commands.command(
    "transactions",
    "See how your CHRONOS came and went",
    Parameter("kind", "Only these", Kind.CHOICE, choices=tuple(KINDS)),
    Parameter("creator", "Only with this creator, by name"),
    Parameter("since", "From this day on, such as 2026-11-01 (UTC)"),
    Parameter("until", "Through this day (UTC)"),
    private=True,
)
async def transactions(context: Context) -> Reply:
    """List a member's movements, newest first."""
    since, until = context.text("since"), context.text("until")
    only = Only(
        KINDS.get(context.text("kind"), ""),
        await _creator_named(context, context.text("creator")),
        day_typed(since, "since") if since else None,
        day_typed(until, "until") if until else None,
    )
    return await _page(context, only, 0)


async def _creator_named(context: Context, name: str) -> CreatorId | None:
    if not name:
        return None
    known = await context.services.directory.enrolled_with(context.standing.student_id)
    wanted = name.casefold()
    found = [each for each in known if wanted in {each.name.casefold(), each.handle}] or [
        each for each in known if wanted in each.name.casefold()
    ]
    if len(found) != 1:
        names = ", ".join(each.name for each in found or known) or "none"
        raise Refused(f"{'Several' if found else 'None'} of your creators fit {name[:60]!r}. There are: {names}.")
    return found[0].id


@commands.action("transactions_page")
async def turn_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    page, filters = page_and_rest(context)
    reply = await _page(context, _read(filters), page)
    return replace(reply, private=True, replaces=True)


@commands.action("transactions_csv")
async def export(context: Context) -> Reply:
    """The list as a table for a spreadsheet."""
    found, total = await context.services.ledger.transactions(
        context.standing.student_id, _read(context.text("payload")), limit=MOST_EXPORTED
    )
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["at (UTC)", "creator", "kind", "reason", "amount", "change of balance", "note"])
    table.writerows(
        [
            f"{move.at:%Y-%m-%d %H:%M:%S}",
            _cell(move.creator_name),
            move.kind,
            _cell(move.reason),
            move.amount,
            move.change,
            _cell(move.note),
        ]
        for move in found
    )
    more = f" the newest {len(found):,} of" if total > len(found) else ""
    file = File("chronos-transactions.csv", text.getvalue().encode("utf-8-sig"))
    return Reply(
        RichText.of(f"Here {'is' if total == 1 else 'are'}{more} your {counted(total, 'movement')}."),
        files=(file,),
        private=True,
    )


def _cell(text: str) -> str:
    """Words that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _write(only: Only) -> str:
    """A choice of movements as a button carries it."""
    days = [f"{day:%y%m%d}" if day else "" for day in (only.since, only.until)]
    return f"{only.kind}:{only.creator_id or ''}:{':'.join(days)}".rstrip(":")


def _read(filters: str) -> Only:
    kind, creator, since, until = (*filters.split(":"), "", "", "", "")[:4]
    if kind not in {"", *_WORDS} or (creator and not (creator.isdecimal() and len(creator) < 19)):
        raise dead_button()
    return Only(kind, CreatorId(int(creator)) if creator else None, _day(since), _day(until))


def _day(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%y%m%d").replace(tzinfo=UTC).date() if digits else None
    except ValueError:
        raise dead_button() from None


async def _page(context: Context, only: Only, page: int) -> Reply:
    found, total = await context.services.ledger.transactions(
        context.standing.student_id, only, offset=page * PAGE, limit=PAGE
    )
    if not found:
        what = _WORDS[only.kind] if only.kind else "earned or spent"
        when = " then" if only.since or only.until else " yet"
        return said(f"Nothing was {what}{when}. /balance says how to earn.")
    several = len({move.creator_id for move in found}) > 1
    lines = [_line(move, named=several) for move in found]
    turns = [
        Button(label, "transactions_page", f"{number}:{_write(only)}")
        for label, number, there in (("Newer", page - 1, page > 0), ("Older", page + 1, (page + 1) * PAGE < total))
        if there
    ]
    file = Button("As a table", "transactions_csv", _write(only))
    return Reply(
        joined([RichText.of(bold(f"Your CHRONOS, {counted(total, 'movement')}")), *lines]), ((*turns, file),)
    )


def _line(move: Transaction, *, named: bool) -> RichText:
    done = "given back" if move.kind == "reverse" and move.change > 0 else _WORDS[move.kind]
    what = NAMES.get(move.reason, move.reason.removeprefix(PAYOUT)) + (f" for {move.note}" if move.note else "")
    where = f" · {move.creator_name}" if named else ""
    amount = f"{move.change:+,}" if move.change else f"{move.amount:,}"
    return RichText.of(f"{move.at:%d %b} · ", bold(amount), f" {done}: {what}{where}")
