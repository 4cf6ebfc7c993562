"""Where a person's payouts go: shown, set, changed with a delay, withdrawn, forgotten."""

import re
from datetime import UTC, datetime
from typing import Final

from bot.commands.registry import Context, Registry, dead_button, said
from core.conversation import Button, Parameter, Reply, Tone
from core.errors import Refused
from core.rewards.redemption import RAIL_NAMES, Rail, Target, usable, waiting
from core.richtext import RichText, bold, code, joined

LONGEST_MAIL: Final = 254
_MAIL: Final = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
KINDS: Final = (Rail.SOLANA, Rail.PAYPAL)

commands = Registry()


@commands.command(
    "wallet",
    "See and set where your payouts go",
    Parameter("solana", "Your Solana address, from your wallet's Receive page"),
    Parameter("paypal", "The mail address of your PayPal account"),
    private=True,
)
async def wallet(context: Context) -> Reply:
    """Show where payouts go, or ask whether what is given is right."""
    given = {kind: context.text(kind.value) for kind in KINDS if context.text(kind.value)}
    if len(given) > 1:
        raise Refused("One at a time, please: the address or the mail address.")
    for kind, text in given.items():
        return await _proposed(context, kind, _checked(context, kind, text))
    return await _shown(context)


async def _shown(context: Context) -> Reply:
    now, targets = datetime.now(UTC), await context.services.desk.targets.of(context.standing.student_id)
    lines = [RichText.of(bold("Where your payouts go"))]
    buttons = []
    for kind in KINDS:
        counts, later = usable(targets, kind, now), waiting(targets, kind, now)
        lines.append(RichText.of(f"{RAIL_NAMES[kind]}: ", code(counts.destination) if counts else "not set"))
        if later is not None:
            lines.append(RichText.of(f"  from {later.usable_from:%d %B %H:%M} UTC: ", code(later.destination)))
            buttons.append(Button(f"Keep the old {RAIL_NAMES[kind]}", "wallet_withdraw", kind.value))
        if counts is not None:
            buttons.append(Button(f"Forget {RAIL_NAMES[kind]}", "wallet_forget", kind.value, Tone.DANGER))
    lines.append(
        RichText.of("Set with ", code("/wallet solana:<address>"), " or ", code("/wallet paypal:<mail>"), ".")
    )
    return Reply(joined(lines), (tuple(buttons),) if buttons else ())


def _checked(context: Context, kind: Rail, text: str) -> str:
    if kind is Rail.SOLANA:
        return context.services.desk.checked_address(text)
    mail = text.casefold().removeprefix("mailto:")
    if len(mail) > LONGEST_MAIL or not _MAIL.fullmatch(mail):
        raise Refused("That is not a mail address. Give the one of your PayPal account, such as name@example.org.")
    return mail


async def _proposed(context: Context, kind: Rail, destination: str) -> Reply:
    desk, now, student_id = context.services.desk, datetime.now(UTC), context.standing.student_id
    before = usable(await desk.targets.of(student_id), kind, now)
    if before is not None and before.destination == destination and not waiting(
        await desk.targets.of(student_id), kind, now
    ):  # fmt: skip
        return said("That is where your payouts go already.")
    target = await desk.targets.propose(student_id, kind, destination, now)
    hours = desk.terms.change_delay.total_seconds() / 3600
    when = f" The old one counts for {hours:g} more hours, so that nobody can redirect them unseen." if before else ""
    return Reply(
        RichText.of(
            f"Your {RAIL_NAMES[kind]} payouts will go to ", code(destination),
            f". Compare it letter by letter: what is sent there cannot be called back.{when}",
        ),
        ((Button("Yes, that is mine", "wallet_confirm", str(target.id), Tone.GOOD),),),
    )  # fmt: skip


@commands.action("wallet_confirm")
async def confirm(context: Context) -> Reply:
    """Make what was shown count."""
    desk, now = context.services.desk, datetime.now(UTC)
    creator = context.standing.creator
    target = await desk.targets.confirm(
        None if creator is None else creator.id, context.standing.student_id, context.payload_number,
        desk.terms.change_delay, now,
    )  # fmt: skip
    return Reply(_confirmed(target, now), private=True, replaces=True)


def _confirmed(target: Target, now: datetime) -> RichText:
    if target.usable_from is not None and target.usable_from > now:
        when = f" from {target.usable_from:%d %B %H:%M} UTC"
    else:
        when = " from now on"
    return RichText.of(f"✅ Your {RAIL_NAMES[target.kind]} payouts go to ", code(target.destination), f"{when}.")


@commands.action("wallet_withdraw")
async def withdraw(context: Context) -> Reply:
    """Take a change back that does not count yet."""
    kind = _kind(context)
    if not await context.services.desk.targets.withdraw(context.standing.student_id, kind, datetime.now(UTC)):
        raise Refused("No change is waiting any more. /wallet shows what counts.")
    return said(
        f"The change was taken back: your {RAIL_NAMES[kind]} payouts go where they went before.", private=True
    )


@commands.action("wallet_forget")
async def ask_to_forget(context: Context) -> Reply:
    """Ask before it is forgotten where payouts of a kind go."""
    kind = _kind(context)
    hours = context.services.desk.terms.change_delay.total_seconds() / 3600
    return Reply(
        RichText.of(
            f"Forget where your {RAIL_NAMES[kind]} payouts go? They go nowhere then, and what you set within "
            f"{hours:g} hours counts that much later, so that nobody can redirect them unseen."
        ),
        ((Button("Yes, forget it", "wallet_forgotten", kind.value, Tone.DANGER),),),
        private=True,
    )


@commands.action("wallet_forgotten")
async def forget(context: Context) -> Reply:
    """Forget where payouts of a kind go."""
    kind, creator = _kind(context), context.standing.creator
    creator_id = None if creator is None else creator.id
    targets, now = context.services.desk.targets, datetime.now(UTC)
    if not await targets.forget(creator_id, context.standing.student_id, kind, now):
        raise Refused("Nothing was set any more.")
    words = f"Forgotten. Your {RAIL_NAMES[kind]} payouts go nowhere until you set it again."
    return Reply(RichText.of(words), private=True, replaces=True)


def _kind(context: Context) -> Rail:
    kind = next((kind for kind in KINDS if kind.value == context.text("payload")), None)
    if kind is None:
        raise dead_button()
    return kind
