"""Moving a creator's library to another search model."""

from collections.abc import Sequence
from typing import Final

from bot.commands.registry import Context, Registry, said
from core.asking.embedding import Offer
from core.conversation import Audience, Button, Parameter, Reply, Suggestion, Tone
from core.errors import Refused
from core.richtext import RichText, bold

TOKENS_OF_A_WORD: Final = 4 / 3
UNDER_WAY: Final = (
    "This library is being moved already: its card shows how far it is, and /status, too. Cancel it first."
)

commands = Registry()


async def _suggest_embedder(context: Context, typed: str) -> Sequence[Suggestion]:
    names = [offer.name for offer in context.services.embedders.offers]
    return [Suggestion(name, name) for name in names if typed.casefold() in name]


@commands.command(
    "reindex",
    "Move this library to another search model",
    Parameter("embedder", "local, or what the operator set in models.embed, which is the default", takes_rest=True),
    audience=Audience.STAFF,
    suggest=_suggest_embedder,
)
async def reindex(context: Context) -> Reply:
    """Begin a move, after a question where its texts cost money."""
    offer = _offer(context, context.text("embedder"))
    await _check(context, offer)
    if not offer.paid:
        return await _begin(context, offer)
    words = await context.services.reindexings.words(context.creator.id)
    start = Button("Start", "reindex_start", offer.name, Tone.GOOD)
    return Reply(
        RichText.of(
            f"This sends about {_rounded(words):,} words ({_rounded(words * TOKENS_OF_A_WORD):,} tokens) to ",
            bold(offer.name), ", which costs the operator money. Questions are answered as before meanwhile.",
        ),
        ((start,),),
    )  # fmt: skip


@commands.action("reindex_start", audience=Audience.STAFF, private=False)
async def start(context: Context) -> Reply:
    """Begin the move that was asked about."""
    offer = _offer(context, context.text("payload"))
    await _check(context, offer)
    return await _begin(context, offer)


@commands.action("reindex_cancel", audience=Audience.STAFF)
async def cancel(context: Context) -> Reply:
    """Stop a move; the library stays as it is."""
    if not await context.services.reindexings.cancel(context.creator.id, context.payload_number):
        raise Refused("That move is over already.")
    return said("Cancelled. Questions are answered as before.", private=True)


def _offer(context: Context, name: str) -> Offer:
    """What is meant by a name; the operator's choice where none was given."""
    offers = context.services.embedders.offers
    wanted = name.casefold()
    found = next((offer for offer in offers if wanted in {"", offer.name.casefold(), offer.embedder_id}), None)
    if found is None:
        raise Refused(
            f"There is no search model {name!r} here. It is one of: {', '.join(offer.name for offer in offers)}. "
            "The operator adds another in models.embed."
        )
    return found


async def _check(context: Context, offer: Offer) -> None:
    """Refuse a move that leads nowhere, or beside another."""
    if await context.services.reindexings.under_way(context.creator.id):
        raise Refused(UNDER_WAY)
    present = await context.services.shelf.embedder_of(context.creator.id)
    if not present:
        raise Refused("There is nothing to move yet: nothing here can be asked about. Add something with /upload.")
    if present == offer.embedder_id:
        others = [each.name for each in context.services.embedders.offers if each.embedder_id != present]
        more = f" To move it: /reindex embedder:{others[0]}" if others else ""
        raise Refused(f"This library is searched with {offer.name} already.{more}")


async def _begin(context: Context, offer: Offer) -> Reply:
    creator_id = context.creator.id
    if not await context.services.reindexings.begin(creator_id, offer.embedder_id, offer.name, context.place):
        raise Refused(UNDER_WAY)
    return Reply(RichText.of("Moving to ", bold(offer.name), ": the card below shows how far it is."))


def _rounded(number: float) -> int:
    """A number that is no more exact than it is known: two digits."""
    return int(float(f"{number:.1e}"))
