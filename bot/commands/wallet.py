"""CHRONOS in the chat: what a member has and how it came and went; what the staff gives and takes back."""

import secrets
from datetime import UTC, datetime
from typing import Final

from bot.commands.enrolment import enrolled_member
from bot.commands.registry import Context, Registry, said
from core.conversation import Audience, Button, Kind, Parameter, Reply, Tone
from core.errors import Refused
from core.ids import StudentId
from core.rewards.ledger import Award, AwardStatus, ReversalStatus, Transaction, Wallet
from core.rewards.rules import GRANT, MESSAGE, NAMES
from core.richtext import RichText, bold, joined, one_line

PAGE: Final = 10
LARGEST_GRANT: Final = 10_000
LONGEST_REASON: Final = 200
KINDS: Final = ("earn", "spend", "redeem", "hold", "release", "reverse")
_WORDS: Final = {
    "earn": "earned", "hold": "set aside", "release": "given back", "spend": "spent", "redeem": "redeemed",
    "reverse": "taken back", "adjust": "corrected",
}  # fmt: skip

commands = Registry()


@commands.command("balance", "See your CHRONOS", private=True)
async def balance(context: Context) -> Reply:
    """Show a member's wallet over all creators."""
    wallet = await context.services.ledger.wallet(context.standing.student_id)
    rule = context.services.rewards.rules.get(MESSAGE)
    lines = [RichText.of("🪙 ", bold(f"{wallet.balance:,} CHRONOS")), *_details(wallet)]
    if rule is not None and rule.amount:
        lines.append(
            RichText.of(
                f"A question that the videos answer earns {rule.amount}, up to {rule.most_a_day} a day, at least "
                f"{rule.seconds_apart:.0f} seconds apart."
            )
        )
    return Reply(joined(lines), ((Button("How it came and went", "transactions_page", "0:"),),))


def _details(wallet: Wallet) -> list[RichText]:
    facts = [
        ("earned", wallet.total_earned), ("spent", wallet.total_spent), ("redeemed", wallet.total_redeemed),
        ("set aside", wallet.held), ("taken back", wallet.total_reversed), ("owed", wallet.owed),
    ]  # fmt: skip
    shown = [f"{amount:,} {name}" for name, amount in facts if amount]
    return [RichText.of(" · ".join(shown))] if shown else []


@commands.command(
    "transactions",
    "See how your CHRONOS came and went",
    Parameter("kind", "Only these", Kind.CHOICE, choices=KINDS),
    private=True,
)
async def transactions(context: Context) -> Reply:
    """List a member's movements, newest first."""
    return await _page(context, context.text("kind"), 0)


@commands.action("transactions_page")
async def turn_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    page, _, kind = context.text("payload").partition(":")
    if not page.isdecimal() or len(page) > 6 or kind not in {"", *KINDS}:
        raise Refused("That button does not work any more.")
    reply = await _page(context, kind, int(page))
    return Reply(reply.text, reply.buttons, private=True, replaces=True)


async def _page(context: Context, kind: str, page: int) -> Reply:
    found, total = await context.services.ledger.transactions(
        context.standing.student_id, kind=kind, offset=page * PAGE, limit=PAGE
    )
    if not found:
        return said(
            "Nothing was " + (_WORDS[kind] if kind else "earned or spent") + " yet. /balance says how to earn."
        )
    several = len({move.creator_id for move in found}) > 1
    lines = [_line(move, named=several) for move in found]
    turns = [
        Button(label, "transactions_page", f"{number}:{kind}")
        for label, number, there in (("Newer", page - 1, page > 0), ("Older", page + 1, (page + 1) * PAGE < total))
        if there
    ]
    return Reply(
        joined([RichText.of(bold(f"Your CHRONOS, {total} movements")), *lines]), (tuple(turns),) if turns else ()
    )


def _line(move: Transaction, *, named: bool) -> RichText:
    done = "given back" if move.kind == "reverse" and move.change > 0 else _WORDS[move.kind]
    what = NAMES.get(move.reason, move.reason) + (f" for {move.note}" if move.note else "")
    where = f" · {move.creator_name}" if named else ""
    amount = f"{move.change:+,}" if move.change else f"{move.amount:,}"
    return RichText.of(f"{move.at:%d %b} · ", bold(amount), f" {done}: {what}{where}")


@commands.command(
    "grant",
    "Give a member CHRONOS",
    Parameter("member", "Who; on Telegram reply to a message of theirs", Kind.MEMBER, required=True),
    Parameter("amount", "How many", Kind.NUMBER, required=True),
    Parameter("reason", "What for; the member sees it", required=True, takes_rest=True),
    audience=Audience.STAFF,
    private=True,
)
async def grant(context: Context) -> Reply:
    """Give CHRONOS out of the creator's budget."""
    student, amount = await enrolled_member(context), _amount(context)
    reason = one_line(context.text("reason"))[:LONGEST_REASON]
    if student.id == context.standing.student_id:
        raise Refused("Nobody can give CHRONOS to themselves.")
    rewards = context.services.rewards
    key = f"{GRANT}:{secrets.token_hex(8)}"
    evidence = {"by": context.standing.student_id}
    award = Award(GRANT, key, amount, rewards.most_granted_a_day, datetime.now(UTC).date(), evidence, reason)
    status = await context.services.ledger.award(context.creator.id, student.id, award, rewards.budget)
    if status is not AwardStatus.AWARDED:
        raise Refused(_REFUSED[status])
    undo = Button("Take it back", "revoke", f"{student.id}:{key}", Tone.DANGER)
    return Reply(RichText.of(f"Gave {amount:,} CHRONOS to ", bold(student.name), f": {reason}"), ((undo,),))


_REFUSED: Final = {
    AwardStatus.CAPPED: "That member got as many gifts today as one can get a day. Tomorrow there can be more.",
    AwardStatus.OVER_BUDGET: "That is more than may still be issued today or this month. The operator sets how much.",
    AwardStatus.DUPLICATE: "That was given already.",
}


def _amount(context: Context) -> int:
    amount = context.number("amount")
    if amount is None or not amount.is_integer() or not 1 <= amount <= LARGEST_GRANT:
        raise Refused(f"Give a whole number of CHRONOS from 1 to {LARGEST_GRANT:,}.")
    return int(amount)


@commands.action("revoke", audience=Audience.STAFF)
async def revoke(context: Context) -> Reply:
    """Take a gift back."""
    student_id, _, key = context.text("payload").partition(":")
    if not student_id.isdecimal() or not key.startswith(f"{GRANT}:"):
        raise Refused("That button does not work any more.")
    metadata = {"by": context.standing.student_id}
    status = await context.services.ledger.reverse(
        context.creator.id, StudentId(int(student_id)), key, "taken back by the staff", metadata
    )
    if status is ReversalStatus.UNKNOWN:
        raise Refused("That was not given here.")
    return said("Taken back." if status is ReversalStatus.REVERSED else "That was taken back already.", private=True)
