"""Redeeming CHRONOS: what can be had, the card to confirm, one's redemptions, and what the staff decides."""

import secrets
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from bot.commands.belonging import staff_with
from bot.commands.registry import Context, Registry, dead_button, numbers_of, said
from core.conversation import Audience, Button, Kind, Parameter, Reply, Tone
from core.errors import Refused
from core.ids import CreatorId
from core.rewards.redemption import (
    NOT_SENT,
    NOTHING_HERE,
    RAIL_NAMES,
    Asked,
    Rail,
    Redemption,
    State,
    money,
    usable,
)
from core.richtext import RichText, bold, code, joined

TO_OWN_ACCOUNT: Final = (Rail.PAYPAL, Rail.SOLANA)
MOST_TO_DECIDE: Final = 5
_STATES: Final = {
    State.APPROVAL: "waits for the staff",
    State.READY: "is about to be sent",
    State.SENDING: "is being sent",
    State.SENT: "is on its way",
    State.SETTLED: "paid",
    State.RELEASED: "given back",
    State.RETURNED: "came back",
}

commands = Registry()


@commands.command(
    "redeem",
    "Redeem your CHRONOS, or see what became of it",
    Parameter("how", "As what", Kind.CHOICE, choices=tuple(rail.value for rail in Rail)),
    Parameter("amount", "How many CHRONOS", Kind.NUMBER),
    private=True,
)
async def redeem(context: Context) -> Reply:
    """Show a card with exactly what will be sent where; without arguments what was redeemed."""
    how = context.text("how")
    if not how and context.number("amount") is None:
        return await _overview(context)
    terms, now = context.services.desk.terms, datetime.now(UTC)
    await context.services.desk.redemptions.require(context.creator.id, context.standing.student_id, terms, now)
    if not how:
        raise Refused(f"As what? /redeem how:{terms.rails[0].value} amount:{terms.minimum}")
    rail = _open_rail(context, how)
    chronos = terms.checked_amount(context.number("amount"))
    destination = await _destination(context, rail)
    cents = terms.cents(chronos)
    payload = f"{rail.value}:{chronos}:{cents}:{secrets.token_hex(8)}:{_mark(destination)}"
    return Reply(
        RichText.of(_offer(rail, chronos, money(cents, terms.currency), destination), _slow(context, chronos)),
        ((Button("Redeem", "redeem_send", payload, Tone.GOOD), Button("Not now", "redeem_not_now")),),
    )


def _open_rail(context: Context, how: str) -> Rail:
    rails = context.services.desk.terms.rails
    rail = next((rail for rail in rails if rail.value == how), None)
    if rail is None:
        raise Refused(f"That way is not open here. Open: {', '.join(rail.value for rail in rails)}.")
    return rail


async def _destination(context: Context, rail: Rail) -> str:
    """Where it goes; empty where the student needs no account for it."""
    if rail not in TO_OWN_ACCOUNT:
        return ""
    targets = await context.services.desk.targets.of(context.standing.student_id)
    target = usable(targets, rail, datetime.now(UTC))
    if target is None:
        what = "mail address>" if rail is Rail.PAYPAL else "address>"
        raise Refused(f"Say first where it goes: /wallet {rail.value}:<your {what}")
    return target.destination


def _offer(rail: Rail, chronos: int, worth: str, destination: str) -> RichText:
    sent = {
        Rail.PAYPAL: f"{worth} go to the PayPal account ",
        Rail.SOLANA: f"{chronos:,} CHRONOS tokens go to the Solana address ",
        Rail.GIFTCARD: f"you get a gift card of {worth}; its link comes here, privately",
        Rail.CREDIT: f"you get {worth} of credit with this platform",
    }[rail]
    where = code(destination) if destination else ""
    return RichText.of(bold(f"Redeem {chronos:,} CHRONOS"), f": {sent}", where, ".")


def _slow(context: Context, chronos: int) -> str:
    above = context.services.desk.terms.approval_above
    return f" More than {above:,} at once waits until the staff has approved it." if chronos > above else ""


def _mark(destination: str) -> str:
    """By which a button knows that the destination is still the one that was shown."""
    return blake2b(destination.encode(), digest_size=4).hexdigest()


@commands.action("redeem_not_now")
async def not_now(context: Context) -> Reply:
    """Leave everything as it is."""
    return Reply(RichText.of("Nothing was redeemed."), private=True, replaces=True)


@commands.action("redeem_send")
async def send(context: Context) -> Reply:
    """Redeem exactly what the card showed, once."""
    desk, student_id = context.services.desk, context.standing.student_id
    how, chronos, cents, nonce, mark = _parts(context)
    rail = _open_rail(context, how)
    destination = await _destination(context, rail)
    amount = desk.terms.checked_amount(float(chronos))
    if _mark(destination) != mark or desk.terms.cents(amount) != int(cents):
        raise Refused("What this card says has changed meanwhile; nothing was redeemed. /redeem shows a new one.")
    asked = Asked(f"{student_id}-{nonce}", rail, amount, int(cents), destination)
    redemption = await desk.redemptions.ask(context.creator.id, student_id, asked, desk.terms, datetime.now(UTC))
    waits = redemption.state is State.APPROVAL
    next_ = "It is set aside and waits for the staff." if waits else "It is set aside and on its way."
    return Reply(
        RichText.of(f"{next_} I tell you how it ends; /redeem shows it."), _cancelling([redemption]), private=True,
        replaces=True,
    )  # fmt: skip


def _parts(context: Context) -> list[str]:
    parts = context.text("payload").split(":")
    if len(parts) != 5 or not (parts[1].isdecimal() and parts[2].isdecimal() and len(parts[1]) + len(parts[2]) < 20):
        raise dead_button()
    if len(parts[3]) != 16 or set(parts[3]) - set("0123456789abcdef"):
        raise dead_button()
    return parts


async def _overview(context: Context) -> Reply:
    desk, student_id = context.services.desk, context.standing.student_id
    redemptions, credit = await desk.redemptions.own(student_id), await desk.redemptions.credit(student_id)
    lines = [RichText.of(bold("Your redemptions"))] if redemptions else []
    lines += [_line(redemption) for redemption in redemptions]
    if credit:
        sums = ", ".join(money(cents, currency) for currency, cents in credit.items())
        lines.append(RichText.of(f"Platform credit so far: {sums}. The operator sets it off."))
    lines.append(RichText.of(_how_to(context)))
    return Reply(joined(lines), _cancelling(redemptions))


def _how_to(context: Context) -> str:
    terms = context.services.desk.terms
    if not terms.rails or not terms.funded:
        return NOTHING_HERE
    ways = ", ".join(rail.value for rail in terms.rails)
    return (
        f"/redeem how:{terms.rails[0].value} amount:{terms.minimum} redeems; the ways are {ways}. From "
        f"{terms.minimum:,} to {terms.largest:,} CHRONOS at once, {terms.per_day} a day; 100 CHRONOS are worth "
        f"{money(terms.cents_per_100, terms.currency)}."
    )


def _line(redemption: Redemption) -> RichText:
    why = f" ({redemption.reason.rstrip('.')})" if redemption.reason else ""
    receipt = f" · {redemption.receipt}" if redemption.receipt else ""
    what = f"{redemption.chronos:,} as {RAIL_NAMES[redemption.rail]}, {redemption.worth}"
    return RichText.of(f"{redemption.asked_at:%d %b} · {what}: ", bold(_STATES[redemption.state]), f"{why}{receipt}")


def _cancelling(redemptions: list[Redemption]) -> tuple[tuple[Button, ...], ...]:
    """Buttons for what was not sent yet."""
    return tuple(
        (Button(f"Cancel {r.chronos:,}", "redeem_cancel", f"{r.creator_id}:{r.id}", Tone.DANGER),)
        for r in [r for r in redemptions if r.state in NOT_SENT][:5]
    )


@commands.action("redeem_cancel")
async def cancel(context: Context) -> Reply:
    """Give back what was not sent yet."""
    creator_id, number = numbers_of(context, 2)
    done = await context.services.desk.redemptions.cancel(
        CreatorId(creator_id), context.standing.student_id, number, datetime.now(UTC)
    )
    if not done:
        raise Refused("It is too late: that was sent or ended already. /redeem shows how it stands.")
    return said("Cancelled; your CHRONOS are back.", private=True)


@commands.command("payouts", "See which redemptions wait for you", audience=Audience.STAFF, private=True)
async def payouts(context: Context) -> Reply:
    """List what waits for the staff, oldest first, with buttons for the first ones."""
    undecided = await context.services.desk.redemptions.undecided(context.creator.id)
    if not undecided:
        return said("No redemption waits for you. What was approved is sent by itself.")
    lines = [RichText.of(bold("Redemptions that wait for you"))]
    lines += [RichText.of(await _asker(context, redemption), *_asks(redemption)) for redemption in undecided]
    return Reply(joined(lines), tuple(_deciding(redemption) for redemption in undecided[:MOST_TO_DECIDE]))


async def _asker(context: Context, redemption: Redemption) -> str:
    if redemption.student_id is None:
        return "somebody who was erased"
    directory, platform = context.services.directory, context.place.platform
    student = await directory.student_here(context.creator.id, redemption.student_id, platform)
    return student.name if student is not None and student.name else "a student"


def _asks(redemption: Redemption) -> tuple[str, ...]:
    what = f": {redemption.chronos:,} CHRONOS, {redemption.worth} by {RAIL_NAMES[redemption.rail]}"
    return (what, f", asked {redemption.asked_at:%d %B}")


def _deciding(redemption: Redemption) -> tuple[Button, ...]:
    return (
        Button(
            f"Approve {redemption.chronos:,}", "payout_approve", f"{redemption.creator_id}:{redemption.id}", Tone.GOOD
        ),
        Button("Refuse", "payout_refuse", f"{redemption.creator_id}:{redemption.id}", Tone.DANGER),
    )


@commands.action("payout_approve")
async def approve(context: Context) -> Reply:
    """Have a redemption sent."""
    return await _decided(context, approved=True)


@commands.action("payout_refuse")
async def refuse(context: Context) -> Reply:
    """Give a redemption back."""
    return await _decided(context, approved=False)


async def _decided(context: Context, *, approved: bool) -> Reply:
    creator_id, number = numbers_of(context, 2)
    redemption = await context.services.desk.redemptions.decide(
        await staff_with(context, creator_id),
        number,
        context.standing.student_id,
        approved=approved,
        now=datetime.now(UTC),
    )
    verb = "✅ Approved" if approved else "Refused and given back"
    by = context.request.person.name or "the staff"
    return Reply(
        RichText.of(f"{verb}: {redemption.chronos:,} CHRONOS as {RAIL_NAMES[redemption.rail]}, by {by}."),
        replaces=True,
    )
