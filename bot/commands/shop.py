"""The shop for everybody: what CHRONOS buy, buying it, and what one has of it."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bot.commands.belonging import require_member
from bot.commands.registry import Context, Registry, dead_button, numbers_and_rest, said
from bot.commands.titles import fitting
from core.conversation import Button, Kind, Parameter, Reply, Suggestion, Tone
from core.errors import Refused
from core.ids import PurchaseId, ShopItemId
from core.rewards.shop import (
    ItemKind,
    Offer,
    OfferState,
    Purchase,
    PurchaseState,
    moment,
    objection,
    terms,
    what_it_is,
)
from core.rewards.shop_notices import failure_words, fulfilled
from core.richtext import RichText, bold, joined

PAGE: Final = 5
OWN_SHOWN: Final = 50
LONGEST_LABEL: Final = 40

commands = Registry()


@commands.command("shop", "See what your CHRONOS buy here, and what you bought", private=True)
async def shop(context: Context) -> Reply:
    """Show what is for sale and what the person has."""
    return await _page(context, 0)


@commands.action("shop_page")
async def turn_page(context: Context) -> Reply:
    """Another page, in the place of the one before."""
    page = await _page(context, context.payload_number)
    return Reply(page.text, page.buttons, private=True, replaces=True)


async def _page(context: Context, page: int) -> Reply:
    now, student_id, creator = datetime.now(UTC), context.standing.student_id, context.creator
    wallet = await context.services.ledger.wallet(student_id)
    offers = await context.services.offers.offers(creator.id, everything=False)
    shown = offers[page * PAGE : (page + 1) * PAGE]
    own = [
        each for each in await context.services.purchases.bought(creator.id, student_id, OWN_SHOWN) if each.lasts(now)
    ]
    lines = [RichText.of("🛍️ ", bold(f"The shop of {creator.name}"), f" · you have {wallet.balance:,} CHRONOS")]
    lines += [offer_line(offer) for offer in shown] or [RichText.of(_nothing_here(context))]
    if own:
        lines += [RichText.of("\n", bold("You have")), *(_own_line(each) for each in own)]
    return Reply(joined(lines), _buttons(offers, page, own, now))


def _nothing_here(context: Context) -> str:
    add = " /shop_admin adds something." if context.standing.staff else ""
    return f"There is nothing to buy here yet.{add}"


def _buttons(
    offers: Sequence[Offer], page: int, own: Sequence[Purchase], now: datetime
) -> tuple[tuple[Button, ...], ...]:
    shown = offers[page * PAGE : (page + 1) * PAGE]
    buy = [
        Button(f"Buy {offer.item.name}"[:LONGEST_LABEL], "shop_look", str(offer.id))
        for offer in shown
        if not objection(offer, 0, now)
    ]
    back = [
        Button(f"Give back {each.item.name}"[:LONGEST_LABEL], "shop_return", str(each.id))
        for each in own
        if each.may_be_returned(now)
    ][:PAGE]
    turns = [
        Button(label, "shop_page", str(number))
        for label, number, there in (
            ("Back", page - 1, page > 0),
            ("More", page + 1, (page + 1) * PAGE < len(offers)),
        )
        if there
    ]
    return tuple(tuple(row) for row in (buy, back, turns) if row)


def offer_line(offer: Offer, *extra: str) -> RichText:
    """What is for sale, on a line, and its description on another."""
    item = offer.item
    facts = " · ".join(filter(None, (terms(item), *extra)))
    about = f"\n  {item.description}" if item.description else ""
    return RichText.of(
        "▸ ",
        bold(item.name),
        f" · {item.price:,} CHRONOS · ",
        what_it_is(item),
        f" · {facts}" if facts else "",
        about,
    )


def _own_line(purchase: Purchase) -> RichText:
    return RichText.of("▸ ", bold(purchase.item.name), ": ", _standing(purchase))


def _standing(purchase: Purchase) -> RichText:
    item = purchase.item
    if purchase.state is PurchaseState.HELD:
        wait = "waits for the staff" if item.kind is ItemKind.CUSTOM else "is on its way"
        return RichText.of(f"{wait}; your {item.price:,} CHRONOS are set aside")
    until = f", until {moment(purchase.until)}" if item.kind is not ItemKind.PLACE else ""
    return RichText.of(what_it_is(item), until)


async def suggest_offer(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete what is for sale by words of its name."""
    return await suggested(context, typed, everything=False)


async def suggested(context: Context, typed: str, *, everything: bool) -> Sequence[Suggestion]:
    """Items whose names hold what was typed."""
    offers = await context.services.offers.offers(context.creator.id, everything=everything)
    wanted = typed.casefold()
    return [
        Suggestion(f"{offer.item.name} · {offer.item.price:,} CHRONOS", str(offer.id))
        for offer in offers
        if wanted in offer.item.name.casefold()
    ][:25]


async def named_offer(context: Context, *, everything: bool) -> Offer:
    """What the argument ``item`` means: a number, a name, or words of one.

    Raises:
        Refused: nothing or several fit.
    """
    text = context.text("item")
    offers = await context.services.offers.offers(context.creator.id, everything=everything)
    found = fitting(text, offers)
    if len(found) != 1:
        names = ", ".join(offer.title for offer in (found or offers)[:10]) or "nothing yet"
        several = "Several fit" if found else f"There is no {text[:60]!r} here. For sale"
        raise Refused(f"{several}: {names}.")
    return found[0]


@commands.command(
    "buy",
    "Buy something in the shop; you see the price before you confirm",
    Parameter("item", "What, as /shop calls it", Kind.ITEM, required=True),
    private=True,
    suggest=suggest_offer,
)
async def buy(context: Context) -> Reply:
    """Show what it is and costs, to be confirmed."""
    return await _look(context, await named_offer(context, everything=False))


@commands.action("shop_look")
async def look(context: Context) -> Reply:
    """The same, from the list."""
    return await _look(context, await _offer(context, context.payload_number))


async def _offer(context: Context, number: int) -> Offer:
    offer = await context.services.offers.offer(context.creator.id, ShopItemId(number))
    if offer is None or offer.state is OfferState.DELETED:
        raise Refused("That is not for sale any more. /shop shows what is.")
    return offer


async def _look(context: Context, offer: Offer, note: str = "") -> Reply:
    """The card on which a purchase is confirmed, or why it cannot be made now."""
    await require_member(context)
    student_id, item = context.standing.student_id, offer.item
    times = await context.services.purchases.times_bought(context.creator.id, student_id, offer.id)
    if reason := objection(offer, times, datetime.now(UTC)):
        raise Refused(f"{note}{reason} Nothing was taken from you.")
    balance = (await context.services.ledger.wallet(student_id)).balance
    left = balance - item.price
    if left < 0:
        raise Refused(
            f"{note}{item.name} costs {item.price:,} CHRONOS; you have {balance:,}, so {-left:,} are missing. "
            "/balance says how to earn."
        )
    price = f"You have {balance:,} CHRONOS; {left:,} would be left."
    payload = f"{offer.id}:{offer.version}:{secrets.token_hex(6)}"
    buttons = (Button(f"Buy for {item.price:,}", "shop_buy", payload, Tone.GOOD), Button("Not now", "shop_not_now"))
    return Reply(RichText.of(note, offer_line(offer), f"\n{price}"), (buttons,), private=True)


@commands.action("shop_not_now")
async def not_now(context: Context) -> Reply:
    """Leave it."""
    return Reply(RichText.of("Nothing was bought."), private=True, replaces=True)


@commands.action("shop_buy")
async def confirm(context: Context) -> Reply:
    """Buy what the card showed, once for each card."""
    await require_member(context)
    number, version, nonce = _seen(context)
    creator_id, student_id, now = context.creator.id, context.standing.student_id, datetime.now(UTC)
    purchases = context.services.purchases
    taken = await purchases.take(creator_id, student_id, ShopItemId(number), version, nonce, now)
    if taken is None:
        return await _look(context, await _offer(context, number), "It is not as you saw it. ")
    purchase = await purchases.fulfil(creator_id, taken, now)
    balance = (await context.services.ledger.wallet(student_id)).balance
    left = f"\nYou have {balance:,} CHRONOS left."
    return Reply(RichText.of(_outcome(purchase), left), private=True, replaces=True)


def _seen(context: Context) -> tuple[int, int, str]:
    """Which item, at which version, on which card."""
    (number, version), nonce = numbers_and_rest(context, 2)
    if not nonce.isalnum() or version >= 10**9:
        raise dead_button()
    return number, version, nonce


def _outcome(purchase: Purchase) -> RichText:
    match purchase.state:
        case PurchaseState.FULFILLED:
            return fulfilled(purchase).text
        case PurchaseState.FAILED:
            return RichText.of("↩️ ", bold(purchase.item.name), ": ", failure_words(purchase))
        case PurchaseState.REFUNDED:
            return RichText.of("↩️ ", bold(purchase.item.name), " was given back.")
        case PurchaseState.HELD:
            asked = purchase.item.kind is ItemKind.CUSTOM
            wait = "the staff was asked, and" if asked else "it comes within seconds, and"
            return RichText.of(
                "⏳ ", bold(purchase.item.name), f": {wait} I write to you when it is there. Until then your "
                f"{purchase.item.price:,} CHRONOS are set aside, and /shop takes it back.",
            )  # fmt: skip


@commands.action("shop_return")
async def give_back(context: Context) -> Reply:
    """Give back what was not used."""
    purchase = await context.services.purchases.give_back(
        context.creator.id, PurchaseId(context.payload_number), datetime.now(UTC), by=context.standing.student_id,
        staff=False,
    )  # fmt: skip
    return said(
        f"You gave {purchase.item.name} back, and have your {purchase.item.price:,} CHRONOS again.", private=True
    )
