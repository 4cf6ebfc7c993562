"""What the staff decides about earning: amounts and limits, and accounts to look at."""

from typing import Final

from bot.commands.belonging import staff_with
from bot.commands.registry import Context, Registry, dead_button, numbers_and_rest, said
from core.conversation import Audience, Button, Kind, Parameter, Reply
from core.errors import Refused
from core.rewards.flags import FLAG
from core.rewards.rules import NOTHING, RULES, STREAK, Rewards, Rule
from core.rewards.tariffs import MOST_PAID, MOST_TIMES, Change, ChangeMade
from core.richtext import RichText, bold, code, joined

DEFAULT: Final = "default"
CHANGES_SHOWN: Final = 5
FLAGS_SHOWN: Final = 8

commands = Registry()


@commands.command(
    "rewards_admin",
    "See and change what earns how many CHRONOS",
    Parameter("rule", "What is rewarded", Kind.CHOICE, choices=tuple(RULES)),
    Parameter("amount", "How many CHRONOS; 0 pays nothing, default resets it"),
    Parameter("per_day", "How often a day at most; default resets it"),
    audience=Audience.STAFF,
    private=True,
)
async def rewards_admin(context: Context) -> Reply:
    """Change what is given, then show everything."""
    rule, amount, per_day = context.text("rule"), context.text("amount"), context.text("per_day")
    if not rule and (amount or per_day):
        raise Refused("Say which rule: one of " + ", ".join(RULES) + ".")
    changed = await _changed(context, rule, amount, per_day) if amount or per_day else []
    tariffs = context.services.tariffs
    tariff, made = (
        await tariffs.of(context.creator.id),
        await tariffs.changes(context.creator.id, CHANGES_SHOWN, context.place.platform),
    )
    shown = [rule] if rule and not changed else tuple(RULES)
    lines = [*changed, *(_rule(name, tariff, tariffs.defaults) for name in shown), _budget(tariff)]
    if made:
        lines += [RichText.of(bold("Last changes")), *map(_change, made)]
    usage = "/rewards_admin rule:quiz amount:40 per_day:5"
    return Reply(joined([*lines, RichText.of("Change with ", code(usage), "; ", code("amount:default"), " resets.")]))


async def _changed(context: Context, rule: str, amount: str, per_day: str) -> list[RichText]:
    """Keep a change; a number that is not given stays as it is."""
    if rule == STREAK and per_day:
        raise Refused("A streak is paid once for every seven days in a row; only its amount can be changed.")
    tariffs, creator_id = context.services.tariffs, context.creator.id
    before, default = await tariffs.of(creator_id), tariffs.defaults.rules.get(rule, NOTHING)
    was = before.rules.get(rule, NOTHING)
    wanted = Rule(
        _number(amount, was.amount, default.amount, MOST_PAID, "amount"),
        _number(per_day, was.most_a_day, default.most_a_day, MOST_TIMES, "per_day"),
    )
    change = Change(
        rule, None if wanted.amount == default.amount else wanted.amount,
        None if wanted.most_a_day == default.most_a_day else wanted.most_a_day,
    )  # fmt: skip
    await tariffs.change(creator_id, change, context.standing.student_id)
    often = "" if rule == STREAK else f" per_day:{was.most_a_day}"
    undo = f"/rewards_admin rule:{rule} amount:{was.amount}{often}"
    return [RichText.of("✅ Changed, for what is done from now on and what waits. ", code(undo), " undoes it.")]


def _number(typed: str, now: int, default: int, most: int, name: str) -> int:
    if not typed:
        return now
    if typed.casefold() == DEFAULT:
        return default
    if not typed.isdecimal() or not typed.isascii() or int(typed[:10]) > most:
        raise Refused(f"{name} is a whole number from 0 to {most:,}, or default.")
    return int(typed)


def _rule(name: str, tariff: Rewards, defaults: Rewards) -> RichText:
    rule, default = tariff.rules.get(name, NOTHING), defaults.rules.get(name, NOTHING)
    often = "" if name == STREAK else f", up to {rule.most_a_day} a day"
    usual = "" if rule == default else f" (default {default.amount}, {default.most_a_day} a day)"
    pays = f"{rule.amount:,} CHRONOS{often}" if rule.amount else "pays nothing"
    return RichText.of(bold(name), f": {pays}{usual}, for {RULES[name]}")


def _budget(tariff: Rewards) -> RichText:
    budget = tariff.budget
    return RichText.of(
        f"All together at most {budget.per_day:,} a day and {budget.per_month:,} a month; the operator sets that."
    )


def _change(made: ChangeMade) -> RichText:
    change = made.change
    amount = DEFAULT if change.amount is None else f"{change.amount:,}"
    often = "" if change.rule == STREAK else f", {DEFAULT if change.most_a_day is None else change.most_a_day} a day"
    return RichText.of(f"{made.at:%d %b %H:%M} · {change.rule}: {amount}{often} · {made.by or 'somebody who left'}")


@commands.command(
    "flags", "See accounts that are very new, very fast or act together", audience=Audience.STAFF, private=True
)
async def flags(context: Context) -> Reply:
    """List what nobody has looked at yet, each with a button."""
    found = await context.services.flags.open(context.creator.id, FLAGS_SHOWN, context.place.platform)
    if not found:
        return said("There is nothing to look at. I tell the staff when there is.")
    lines = [RichText.of(f"{n}. ", flag.text, f" ({flag.at:%d %B})") for n, flag in enumerate(found, 1)]
    buttons = tuple(
        (Button(f"{n}: it's fine", flag.fine.action, flag.fine.payload, flag.fine.tone),)
        for n, flag in enumerate(found, 1)
    )
    return Reply(joined([*lines, RichText.of("Nothing follows from these by itself.")]), buttons)


@commands.action(FLAG)
async def settle_flag(context: Context) -> Reply:
    """Note that an account is fine, or take that back."""
    (creator_id, number), what = numbers_and_rest(context, 2)
    if what not in {"fine", "open"}:
        raise dead_button()
    fine = what == "fine"
    by = context.standing.student_id if fine else None
    if not await context.services.flags.clear(await staff_with(context, creator_id), number, by):
        raise Refused("There is no such flag any more.")
    again = Button("Take that back", FLAG, f"{creator_id}:{number}:open")
    if not fine:
        return said("It is listed in /flags again.", private=True)
    return Reply(RichText.of("Noted as fine: this will not be flagged again."), ((again,),), private=True)
