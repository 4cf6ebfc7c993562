"""What the staff gives and takes back, and what it did, to be read again."""

import secrets
from datetime import UTC, datetime
from typing import Final

from bot.commands.enrolment import enrolled_member
from bot.commands.registry import Context, Registry, dead_button, numbers_and_rest, page_and_rest, said
from core.conversation import Audience, Button, Kind, Parameter, Reply, Tone
from core.errors import Refused
from core.ids import StudentId
from core.rewards.audit import Deed
from core.rewards.grants import gift_told
from core.rewards.ledger import Award, AwardStatus
from core.rewards.rules import GRANT
from core.richtext import RichText, bold, joined, one_line

PAGE: Final = 10
LARGEST_GRANT: Final = 10_000
LONGEST_REASON: Final = 200
_REFUSED: Final = {
    AwardStatus.CAPPED: "That member got as many gifts today as one can get a day. Tomorrow there can be more.",
    AwardStatus.OVER_BUDGET: "That is more than may still be issued today or this month. The operator sets how much.",
    AwardStatus.DUPLICATE: "That was given already.",
}

commands = Registry()


def _parameters(member: str, amount: str, reason: str) -> tuple[Parameter, ...]:
    """Whom, how many and what for; each in the words of a command."""
    return (
        Parameter("member", f"{member}; on Telegram reply to a message of theirs", Kind.MEMBER, required=True),
        Parameter("amount", amount, Kind.NUMBER, required=True),
        Parameter("reason", f"{reason}; the member sees it", required=True, takes_rest=True),
    )


@commands.command(
    "grant",
    "Give a member CHRONOS",
    *_parameters("Who", "How many", "What for"),
    audience=Audience.STAFF,
    private=True,
)
async def grant(context: Context) -> Reply:
    """Give CHRONOS out of the creator's budget."""
    student, amount, reason = await enrolled_member(context), _amount(context), _reason(context)
    if student.id == context.standing.student_id:
        raise Refused("Nobody can give CHRONOS to themselves.")
    rewards, creator = await context.tariff(), context.creator
    key = f"{GRANT}:{secrets.token_hex(8)}"
    evidence = {"by": context.standing.student_id}
    award = Award(GRANT, key, amount, rewards.most_granted_a_day, datetime.now(UTC).date(), evidence, reason)
    told = gift_told(creator.name, amount, reason)
    grants, by = context.services.showing.grants, context.standing.student_id
    status = await grants.give(creator.id, by, student.id, award, rewards.budget, told)
    if status is not AwardStatus.AWARDED:
        raise Refused(_REFUSED[status])
    undo = Button("Take it back", "take_back", f"{student.id}:{key}", Tone.DANGER)
    return Reply(RichText.of(f"Gave {amount:,} CHRONOS to ", bold(student.name), f": {reason}"), ((undo,),))


def _amount(context: Context) -> int:
    amount = context.number("amount")
    if amount is None or not amount.is_integer() or not 1 <= amount <= LARGEST_GRANT:
        raise Refused(f"Give a whole number of CHRONOS from 1 to {LARGEST_GRANT:,}.")
    return int(amount)


def _reason(context: Context) -> str:
    reason = one_line(context.text("reason"))[:LONGEST_REASON]
    if not reason:
        raise Refused("Say what for: the member reads it.")
    return reason


@commands.action("take_back", audience=Audience.STAFF)
async def take_back(context: Context) -> Reply:
    """Take a gift back that was just given."""
    (student_id,), key = numbers_and_rest(context, 1)
    if not key.startswith(f"{GRANT}:"):
        raise dead_button()
    creator, by = context.creator, context.standing.student_id
    amount = await context.services.showing.grants.take_back(
        creator.id, by, StudentId(student_id), key, "given by mistake", creator.name
    )
    return said("Taken back." if amount else "That was taken back already.", private=True)


@commands.command(
    "revoke",
    "Take back CHRONOS that the staff gave a member",
    *_parameters("From whom", "How many, of what was given in the last 30 days", "Why"),
    audience=Audience.STAFF,
    private=True,
)
async def revoke(context: Context) -> Reply:
    """Take CHRONOS back that the staff gave; what is gone from the wallet is owed."""
    student, amount, reason = await enrolled_member(context), _amount(context), _reason(context)
    creator, by = context.creator, context.standing.student_id
    await context.services.showing.grants.revoke(creator.id, by, student.id, amount, reason, creator.name)
    after = ". The member is told. What was spent already is owed, and paid from what they earn next."
    return Reply(RichText.of(f"Took {amount:,} CHRONOS back from ", bold(student.name), f": {reason}", after))


@commands.command(
    "audit",
    "See what the staff did: gifts, what was taken back, seasons",
    Parameter("action", "Only these, such as grant"),
    audience=Audience.STAFF,
    private=True,
)
async def audit(context: Context) -> Reply:
    """List what the staff did, newest first."""
    return await _audit_page(context, one_line(context.text("action")).lower()[:30], 0)


@commands.action("audit_page", audience=Audience.STAFF)
async def turn_audit_page(context: Context) -> Reply:
    """Another page of the list, in the place of the one before."""
    page, action = page_and_rest(context)
    reply = await _audit_page(context, action, page)
    return Reply(reply.text, reply.buttons, private=True, replaces=True)


async def _audit_page(context: Context, action: str, page: int) -> Reply:
    deeds, total = await context.services.showing.audit.deeds(
        context.creator.id, platform=context.place.platform, action=action, offset=page * PAGE, limit=PAGE
    )
    if not deeds:
        return said(
            "Nothing of that kind was done." if action else "The staff has done nothing that is kept here yet."
        )
    turns = [
        Button(label, "audit_page", f"{number}:{action}")
        for label, number, there in (("Newer", page - 1, page > 0), ("Older", page + 1, (page + 1) * PAGE < total))
        if there
    ]
    heading = RichText.of(bold(f"What the staff did, {total:,} in all (times are UTC)"))
    return Reply(joined([heading, *map(_deed_line, deeds)]), (tuple(turns),) if turns else ())


def _deed_line(deed: Deed) -> RichText:
    amount = deed.details.get("amount")
    known = ("key", "amount")
    others = ", ".join(f"{name} {value}" for name, value in sorted(deed.details.items()) if name not in known)
    parts = [
        f" {amount:,}" if isinstance(amount, int) else "",
        f" {others}" if others else "",
        f" · {deed.about}" if deed.about else "",
        f": {deed.note}" if deed.note else "",
    ]
    by = deed.by or "somebody who left"
    return RichText.of(f"{deed.at:%d %b %H:%M} · {by}: ", bold(deed.action), "".join(parts))
