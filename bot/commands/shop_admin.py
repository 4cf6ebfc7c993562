"""The shop for the staff: what is sold, who bought it, and taking it back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from bot.commands.belonging import staff_with
from bot.commands.registry import Context, Registry, dead_button, numbers_and_rest, numbers_of, said
from bot.commands.shop import named_offer, offer_line, suggested
from core.conversation import Audience, Button, Kind, Parameter, Reply, Role, Suggestion, Tone
from core.errors import Refused
from core.ids import CreatorId, PurchaseId, ShopItemId
from core.rewards.shop import (
    Item,
    ItemKind,
    Offer,
    OfferState,
    Purchase,
    PurchaseState,
    checked,
    differences,
    moment,
    read_date,
    require_ahead,
)
from core.rewards.shop_notices import CANNOT, DONE
from core.richtext import RichText, bold, code, counted, joined
from core.tiers import tier_said

PAGE: Final = 8
SALES: Final = 5
MOST_PAGES: Final = 1_000_000
NONE: Final = "none"

commands = Registry()


async def suggest_item(context: Context, typed: str) -> Sequence[Suggestion]:
    """Complete what is sold or hidden by words of its name."""
    return await suggested(context, typed, everything=True)


@commands.command(
    "shop_admin",
    "Sell something for CHRONOS, change it, and see who bought it",
    Parameter(
        "item", "Which, to see or change it; without it and with a kind, something new", Kind.ITEM, takes_rest=True
    ),
    Parameter("kind", "What buying brings", Kind.CHOICE, choices=tuple(ItemKind)),
    Parameter("name", "How it is called; of a place, the session"),
    Parameter("price", "Its price in CHRONOS", Kind.NUMBER),
    Parameter("description", "What students read about it"),
    Parameter("role", "Of a role: which, on Discord", Kind.ROLE),
    Parameter("tier", "Of a tier: whose sources it opens"),
    Parameter("days", "Of a role, tier or questions: for how long", Kind.NUMBER),
    Parameter("questions", "Of questions: how many more a day", Kind.NUMBER),
    Parameter("starts", "Of a place: when, such as 2026-12-05 18:00 +01:00"),
    Parameter("stock", "How many can be sold, of a session its places; or none for any number"),
    Parameter("per_student", "How many each may buy; or none for any number"),
    Parameter("ends", "Until when it is sold, such as 2026-12-05 18:00; or none"),
    audience=Audience.STAFF,
    private=True,
    suggest=suggest_item,
)
async def shop_admin(context: Context) -> Reply:
    """List what is sold, add something, or show or change one."""
    given = _given(context)
    if not context.text("item"):
        return await _add(context, given) if given or context.text("kind") else await _list(context, 0)
    offer = await named_offer(context, everything=True)
    if context.text("kind") not in {"", offer.item.kind}:
        raise Refused(f"{offer.item.name} stays a {offer.item.kind}. Delete it and add another instead.")
    return await _change(context, offer, given) if given else _card(offer)


def _given(context: Context) -> dict[str, Any]:
    """The particulars that were given, as fields of an item."""
    given: dict[str, Any] = {}
    for name in ("name", "description"):
        if context.text(name):
            given[name] = "" if context.text(name).casefold() == NONE else context.text(name)
    for name in ("price", "days", "questions"):
        if (number := context.number(name)) is not None:
            given[name] = _whole(name, number)
    for name in ("stock", "per_student"):
        if text := context.text(name):
            given[name] = None if text.casefold() == NONE else _whole(name, _number(name, text))
    if tier := tier_said(context.text("tier")):
        given["tier"] = tier
    if context.text("starts"):
        given["starts_at"] = read_date(context.text("starts"))
    if ends := context.text("ends"):
        given["sale_ends_at"] = None if ends.casefold() == NONE else read_date(ends)
    return given | _role(context)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused(f"{name} is a whole number, or none.") from None


def _whole(name: str, number: float) -> int:
    if not number.is_integer() or abs(number) > 1e9:
        raise Refused(f"{name} is a whole number.")
    return int(number)


def _role(context: Context) -> dict[str, Any]:
    role, community = context.request.arguments.get("role"), context.standing.community
    if not role:
        return {}
    if not isinstance(role, Role) or not role.external_id.isdecimal() or community is None:
        raise Refused("Roles are Discord's: add it in the server that has the role.")
    if role.external_id == community.external_id:  # Discord's @everyone
        raise Refused("That role is everybody's. Please choose another.")
    return {"role": role.external_id, "community_id": community.id}


async def _add(context: Context, given: dict[str, Any]) -> Reply:
    kind = context.text("kind")
    if not kind or "name" not in given or "price" not in given:
        raise Refused(
            "Something new needs kind:, name: and price:. To change what is sold already, say item: too. For example "
            '/shop_admin kind:questions name:"50 more questions" price:40 questions:50 days:7'
        )
    item = checked(Item(ItemKind(kind), **given))
    require_ahead(item, datetime.now(UTC))
    if item.kind is ItemKind.QUESTIONS and not context.services.limits.person_per_day:
        raise Refused("Everybody may ask as much a day as they like here (limits.questions_per_day is 0).")
    offer, note = await context.services.offers.add(context.creator.id, item), await _note(context, item)
    card = _card(offer)
    return Reply(RichText.of("For sale from now on:\n", card.text, note), card.buttons)


async def _note(context: Context, item: Item) -> str:
    """What the staff has still to do for it to work."""
    if item.kind is ItemKind.ROLE:
        return _ROLE_NOTE
    sources = await context.services.shelf.sources(context.creator.id) if item.tier else []
    if item.tier and not any(source.tier == item.tier for source in sources):
        return f"\nNo source is for {item.tier} yet: /edit with tier:{item.tier} makes one so."
    return ""


_ROLE_NOTE: Final = (
    "\nFor me to give it: in Server Settings, Roles, allow my role Manage Roles and drag it above that one."
)


async def _change(context: Context, offer: Offer, given: dict[str, Any]) -> Reply:
    now, item = datetime.now(UTC), checked(replace(offer.item, **given))
    if given.keys() & {"starts_at", "sale_ends_at"}:
        require_ahead(item, now)
    if not (changed := differences(offer.item, item)):
        return _card(offer)
    after = await context.services.offers.change(context.creator.id, offer, item, now)
    card = _card(after)
    return Reply(RichText.of(f"Changed: {'; '.join(changed)}.\n", card.text), card.buttons)


async def _list(context: Context, page: int) -> Reply:
    offers = await context.services.offers.offers(context.creator.id, everything=True)
    shown = offers[page * PAGE : (page + 1) * PAGE]
    lines = [RichText.of(bold(f"What {context.creator.name} sells: "), f"{len(offers) or 'nothing yet'}")]
    lines += [offer_line(offer, *_marks(offer)) for offer in shown]
    lines.append(
        RichText.of("\nAdd: ", code("/shop_admin kind: name: price:"), " · change: ", code("/shop_admin item:"))
    )
    looks = [Button(offer.item.name[:40], "shop_item", str(offer.id)) for offer in shown]
    turns = [
        Button(label, "shop_list", str(number))
        for label, number, there in (
            ("Back", page - 1, page > 0),
            ("More", page + 1, (page + 1) * PAGE < len(offers)),
        )
        if there
    ]
    sold = (Button("Everything that was bought", "shop_sales", "0:0"),)
    rows = (tuple(looks[:4]), tuple(looks[4:]), (*turns, *sold))
    return Reply(joined(lines), tuple(row for row in rows if row))


def _marks(offer: Offer) -> list[str]:
    return [f"#{offer.id}", *([] if offer.state is OfferState.OPEN else [offer.state.value])]


@commands.action("shop_list", audience=Audience.STAFF)
async def turn_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    page = await _list(context, context.payload_number)
    return Reply(page.text, page.buttons, private=True, replaces=True)


@commands.action("shop_item", audience=Audience.STAFF)
async def one_item(context: Context) -> Reply:
    """Show one item with what can be done with it."""
    return _card(await _offer(context, context.payload_number))


async def _offer(context: Context, number: int) -> Offer:
    offer = await context.services.offers.offer(context.creator.id, ShopItemId(number))
    if offer is None:
        raise Refused("There is no such item here.")
    return offer


def _card(offer: Offer) -> Reply:
    number, place = offer.id, offer.item.kind is ItemKind.PLACE
    if offer.state is OfferState.DELETED:
        return Reply(
            RichText.of(offer_line(offer, *_marks(offer))),
            ((Button("Sell it again", "shop_state", f"{number}:{OfferState.OPEN}"),),), private=True,
        )  # fmt: skip
    hidden = offer.state is OfferState.HIDDEN
    toggle = Button(
        "Show" if hidden else "Hide", "shop_state", f"{number}:{OfferState.OPEN if hidden else OfferState.HIDDEN}"
    )
    end = (
        Button("Call it off", "shop_call_off", str(number), Tone.DANGER)
        if place
        else Button("Delete", "shop_state", f"{number}:{OfferState.DELETED}", Tone.DANGER)
    )
    people = Button("Participants" if place else "Who bought it", "shop_sales", f"{number}:0")
    return Reply(RichText.of(offer_line(offer, *_marks(offer))), ((toggle, people, end),), private=True)


@commands.action("shop_state", audience=Audience.STAFF)
async def set_state(context: Context) -> Reply:
    """Hide, show or delete an item; the button that stands there then undoes it."""
    (number,), state = numbers_and_rest(context, 1)
    if state not in set(OfferState):
        raise dead_button()
    offer = await context.services.offers.set_state(context.creator.id, ShopItemId(number), OfferState(state))
    if offer is None:
        raise Refused("There is no such item here.")
    card = _card(offer)
    return Reply(RichText.of(_STATES[offer.state], "\n", card.text), card.buttons, private=True, replaces=True)


_STATES: Final = {
    OfferState.OPEN: "For sale.",
    OfferState.HIDDEN: "Hidden: nobody can buy it. What was bought stays.",
    OfferState.DELETED: "Deleted. What was bought stays until it ends.",
}


@commands.action("shop_sales", audience=Audience.STAFF)
async def sales(context: Context) -> Reply:
    """Who bought one item, or everything; of a session, who has a place."""
    number, page = numbers_of(context, 2)
    return await _sales(context, ShopItemId(number), min(page, MOST_PAGES))


async def _sales(context: Context, offer_id: ShopItemId, page: int) -> Reply:
    name = (await _offer(context, offer_id)).item.name if offer_id else "Everything"
    found, total = await context.services.purchases.sales(
        context.creator.id, offer_id or None, platform=context.place.platform, offset=page * SALES, limit=SALES
    )
    lines = [RichText.of(bold(f"{name}: "), f"{total or 'nobody'} bought" if total or not page else "no more")]
    lines += [_sale_line(sale, named=not offer_id) for sale in found]
    turns = tuple(
        Button(label, "shop_sales", f"{offer_id}:{number}")
        for label, number, there in (("Newer", page - 1, page > 0), ("Older", page + 1, (page + 1) * SALES < total))
        if there
    )
    return Reply(
        joined(lines), tuple(row for row in (*_deciding(context.creator.id, found), turns) if row), private=True
    )


def _deciding(creator_id: CreatorId, sales: Sequence[Purchase]) -> tuple[tuple[Button, ...], tuple[Button, ...]]:
    """What the staff can still do about purchases: say that a perk is done, and take one back."""
    to_do = tuple(
        Button(f"Done #{sale.id}", DONE, f"{creator_id}:{sale.id}", Tone.GOOD)
        for sale in sales
        if sale.state is PurchaseState.HELD and sale.item.kind is ItemKind.CUSTOM
    )
    refunds = tuple(
        Button(f"Refund #{sale.id}", "shop_refund", str(sale.id))
        for sale in sales
        if sale.state in {PurchaseState.HELD, PurchaseState.FULFILLED}
    )
    return to_do, refunds


def _sale_line(sale: Purchase, *, named: bool) -> RichText:
    what = f" · {sale.item.name}" if named else ""
    until = f" until {moment(sale.until)}" if sale.until and sale.state is PurchaseState.FULFILLED else ""
    why = f": {sale.failure}" if sale.failure else ""
    return RichText.of(
        f"▸ #{sale.id} · {sale.bought_at:%d %b %Y} · ", bold(sale.student_name or "somebody"),
        f"{what} · {sale.item.price:,} CHRONOS · {_WORDS[sale.state]}{until}{why}",
    )  # fmt: skip


_WORDS: Final = {
    PurchaseState.HELD: "waits, CHRONOS set aside",
    PurchaseState.FULFILLED: "done",
    PurchaseState.FAILED: "failed, CHRONOS back",
    PurchaseState.REFUNDED: "refunded",
}


@commands.action("shop_refund", audience=Audience.STAFF)
async def ask_refund(context: Context) -> Reply:
    """Ask before a purchase is taken back: that cannot be undone."""
    purchase_id, platform = PurchaseId(context.payload_number), context.place.platform
    sale = await context.services.purchases.purchase(context.creator.id, purchase_id, platform)
    if sale is None:
        raise Refused("There is no such purchase here.")
    return Reply(
        RichText.of(
            "Give ", bold(sale.student_name or "the student"), f" {sale.item.price:,} CHRONOS back for ",
            bold(sale.item.name), "? What it brought ends. They are told.",
        ),
        ((Button("Give back", "shop_refund_yes", str(sale.id), Tone.DANGER), Button("No", "shop_no")),), private=True,
    )  # fmt: skip


@commands.action("shop_no", audience=Audience.STAFF)
async def leave_it(context: Context) -> Reply:
    """Change nothing."""
    return Reply(RichText.of("Nothing was changed."), private=True, replaces=True)


@commands.action("shop_refund_yes", audience=Audience.STAFF)
async def refund(context: Context) -> Reply:
    """Take a purchase back."""
    returned = await context.services.purchases.give_back(
        context.creator.id, PurchaseId(context.payload_number), datetime.now(UTC), by=context.standing.student_id,
        staff=True, platform=context.place.platform,
    )  # fmt: skip
    who = returned.student_name or "The student"
    text = f"{who} has {returned.item.price:,} CHRONOS back for {returned.item.name}."
    return Reply(RichText.of(text), private=True, replaces=True)


@commands.action("shop_call_off", audience=Audience.STAFF)
async def ask_call_off(context: Context) -> Reply:
    """Ask before a session is called off."""
    offer = await _offer(context, context.payload_number)
    lasting = await context.services.purchases.lasting(context.creator.id, offer.id, datetime.now(UTC))
    people = counted(len(lasting), "person gets", "people get")
    return Reply(
        RichText.of("Call off ", bold(offer.item.name), f"? {people} their CHRONOS back, and a message."),
        ((Button("Call it off", "shop_off_yes", str(offer.id), Tone.DANGER), Button("No", "shop_no")),), private=True,
    )  # fmt: skip


@commands.action("shop_off_yes", audience=Audience.STAFF)
async def call_off(context: Context) -> Reply:
    """Delete a session, and give everybody their CHRONOS back who has a place in it."""
    offer, creator_id, now = await _offer(context, context.payload_number), context.creator.id, datetime.now(UTC)
    await context.services.offers.set_state(creator_id, offer.id, OfferState.DELETED)
    purchases, by = context.services.purchases, context.standing.student_id
    lasting = await purchases.lasting(creator_id, offer.id, now)
    for purchase_id in lasting:
        await purchases.give_back(creator_id, purchase_id, now, by=by, staff=True)
    text = f"{offer.item.name} is called off. CHRONOS given back: {counted(len(lasting), 'time')}."
    return Reply(RichText.of(text), private=True, replaces=True)


@commands.action(DONE)
async def done(context: Context) -> Reply:
    """A perk was fulfilled by hand."""
    return await _decide(context, done=True)


@commands.action(CANNOT)
async def cannot(context: Context) -> Reply:
    """A perk cannot be fulfilled."""
    return await _decide(context, done=False)


async def _decide(context: Context, *, done: bool) -> Reply:
    creator_id, number = numbers_of(context, 2)
    purchase, new = await context.services.purchases.decide(
        await staff_with(context, creator_id),
        PurchaseId(number),
        datetime.now(UTC),
        done=done,
        platform=context.place.platform,
    )
    who, what = purchase.student_name or "The student", purchase.item.name
    if not new:
        return said(f"That was decided already: {what} for {who}, {_WORDS[purchase.state]}.", private=True)
    words = "was told that it is done" if done else f"was told, and has {purchase.item.price:,} CHRONOS back"
    return Reply(RichText.of(bold(what), f": {who} {words}."), replaces=True)
