"""What people are told of purchases without having asked: students of theirs, the staff of what it has to do."""

from typing import Final

from core.conversation import Button, Reply, Tone
from core.ids import CreatorId
from core.rewards.shop import ItemKind, Purchase, moment, what_it_is
from core.richtext import RichText, bold

DONE, CANNOT = "shop_done", "shop_cannot"
"""Actions of the staff's buttons."""


def to_be_done(creator_id: CreatorId, purchase: Purchase) -> Reply:
    """The staff's card of a perk that is theirs to do."""
    item = purchase.item
    about = f": {item.description}" if item.description else ""
    return Reply(
        RichText.of(
            "🛍️ ", bold(purchase.student_name or "A student"), " bought ", bold(item.name),
            f" for {item.price:,} CHRONOS{about}.\nThe CHRONOS are set aside until you say what became of it.",
        ),
        ((
            Button("Done", DONE, f"{creator_id}:{purchase.id}", Tone.GOOD),
            Button("Cannot: give the CHRONOS back", CANNOT, f"{creator_id}:{purchase.id}", Tone.DANGER),
        ),),
    )  # fmt: skip


def fulfilled(purchase: Purchase) -> Reply:
    """The student's purchase came about."""
    return Reply(RichText.of("✅ ", bold(purchase.item.name), ": ", _brought(purchase)))


def _brought(purchase: Purchase) -> RichText:
    if purchase.item.kind is ItemKind.CUSTOM:
        return RichText.of("the staff has done it.")
    lasts = purchase.until is not None and purchase.item.kind is not ItemKind.PLACE
    return RichText.of("you have ", what_it_is(purchase.item), f", until {moment(purchase.until)}." if lasts else ".")


def failed(purchase: Purchase) -> Reply:
    """The student's purchase did not come about."""
    return Reply(RichText.of("↩️ ", bold(purchase.item.name), ": ", failure_words(purchase)))


def failure_words(purchase: Purchase) -> str:
    """Why a purchase failed, and what became of the CHRONOS."""
    return f"{purchase.failure} Your {purchase.item.price:,} CHRONOS are back."


def lapsed(purchase: Purchase, days: int) -> Reply:
    """The staff left a student's purchase undone for too long."""
    words = f" of {purchase.student_name or 'a student'} waited {days} days for you; the CHRONOS were given back."
    return Reply(RichText.of("↩️ ", bold(purchase.item.name), words))


def refunded(purchase: Purchase) -> Reply:
    """The staff took the student's purchase back."""
    words = f": the staff gave you {purchase.item.price:,} CHRONOS back, and it has ended."
    return Reply(RichText.of("↩️ ", bold(purchase.item.name), words))


def reminder(purchase: Purchase) -> Reply:
    """An hour before a session."""
    return Reply(
        RichText.of("⏰ ", bold(purchase.item.name), f" begins at {moment(purchase.until)}. You have a place.")
    )


def ends_soon(purchase: Purchase) -> Reply:
    """A day before something ends."""
    return Reply(RichText.of("⏳ ", what_it_is(purchase.item), f" ends on {moment(purchase.until)}. ", _AGAIN))


def has_ended(purchase: Purchase) -> Reply:
    """Something ended."""
    return Reply(RichText.of("⌛ ", what_it_is(purchase.item), " has ended. ", _AGAIN))


def moved(purchase: Purchase) -> Reply:
    """A session is at another time."""
    words = (
        f" was moved to {moment(purchase.until)}. You still have your place; /shop takes it back if you cannot come."
    )
    return Reply(RichText.of("📅 ", bold(purchase.item.name), words))


_AGAIN: Final = "/shop shows whether it can be had again."
