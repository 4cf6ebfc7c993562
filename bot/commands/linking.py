"""One person with several accounts: what is linked, joining by a code, and the account at Whop."""

from datetime import UTC, datetime

from bot.commands.registry import Context, Registry, said
from core.conversation import Button, Kind, Parameter, Person, Reply, Tone
from core.errors import Refused
from core.ids import CreatorId
from core.members.linking import UNLINK_WITHIN, Account, Joining, Visit
from core.members.memberships import PLATFORM
from core.richtext import RichText, bold, code, joined, link

commands = Registry()


@commands.command(
    "link",
    "Link your accounts: Discord, Telegram and Whop become one",
    Parameter("code", "The code that /link showed you on the other platform", takes_rest=True),
    Parameter("provider", "Where you pay for a membership", Kind.CHOICE, choices=(PLATFORM,)),
    private=True,
)
async def link_accounts(context: Context) -> Reply:
    """Show what is linked with a code for another platform, or use a code, or go to Whop."""
    if context.text("code"):
        return await _confirmation(context, context.text("code"))
    if context.text("provider"):
        return await _way_to_whop(context)
    return await _linked(context)


async def _linked(context: Context) -> Reply:
    accounts, standing = context.services.linking.accounts, context.standing
    own, at = await accounts.accounts(standing.student_id), datetime.now(UTC)
    made = await accounts.new_code(standing.student_id, context.request.person, _creator_id(context), at)
    lines = [
        RichText.of(bold("Your accounts: "), ", ".join(account.shown for account in own)),
        RichText.of(
            "To add one, type there within ten minutes: ", code(f"/link code:{made.code}"),
            "\nIt works once. Give it to nobody: whoever types it becomes you here.",
        ),
    ]  # fmt: skip
    unlinked = not any(account.platform == PLATFORM for account in own)
    if unlinked and context.services.linking.proof is not None:
        lines.append(RichText.of("Your Whop account: ", code(f"/link provider:{PLATFORM}")))
    buttons = tuple(
        (Button(f"Take out {account.shown}"[:80], "unlink", f"ask:{account.tag}", Tone.DANGER),)
        for account in own
        if _removable(context, account, at)
    )
    return Reply(joined(lines), buttons)


def _removable(context: Context, account: Account, at: datetime) -> bool:
    """Whether an account may be taken out here and now; never the one that is speaking."""
    person = context.request.person
    if _speaks(person, account):
        return False
    return account.linked_at is not None and (account.platform == PLATFORM or at - account.linked_at <= UNLINK_WITHIN)


async def _confirmation(context: Context, typed: str) -> Reply:
    joining = await context.services.linking.accounts.look(typed, context.standing.student_id, datetime.now(UTC))
    named = ", ".join(account.shown for account in joining.accounts)
    return Reply(
        RichText.of(
            bold("Become one: "), named, "\nQuestions and answers, enrolments and CHRONOS are then shared",
            f" ({joining.chronos:,} CHRONOS are moved)" if joining.chronos else "", ". Of two enrolments with the "
            "same creator the better one stays. Within a week an account can be taken out again, but without what it "
            "brought.\nOnly go on if all of these are yours: whoever gave you this code can then spend your CHRONOS "
            "and read your questions.",
        ),
        ((Button("Yes, all of these are mine", "join_accounts", _plain(typed), Tone.DANGER),),),
    )  # fmt: skip


def _plain(typed: str) -> str:
    return "".join(letter for letter in typed.upper() if letter.isascii() and letter.isalnum())[:16]


@commands.action("join_accounts")
async def join_accounts(context: Context) -> Reply:
    """Join both accounts into one student."""
    linking, student_id = context.services.linking, context.standing.student_id
    joining = await linking.accounts.join(context.text("payload"), student_id, datetime.now(UTC))
    await _tell_the_others(context, joining)
    moved = f" {joining.chronos:,} CHRONOS came along." if joining.chronos else ""
    return said(f"🔗 Done: these accounts are one now.{moved} /balance and /history show everything.", private=True)


async def _tell_the_others(context: Context, joining: Joining) -> None:
    """Let the other accounts know, so that nobody is joined with somebody else unnoticed."""
    person = context.request.person
    here = next(account for account in joining.accounts if _speaks(person, account))
    notice = RichText.of(
        f"🔗 This account and {here.shown} are one person here now. If that was not you, ", code("/link"),
        " takes the other one out again for a week.",
    )  # fmt: skip
    for account in joining.accounts:
        if not _speaks(person, account):
            visit = Visit(joining.kept, account, _creator_id(context))
            await context.services.linking.accounts.tell(visit, Reply(notice))


def _speaks(person: Person, account: Account) -> bool:
    return (account.platform, account.external_id) == (person.platform, person.external_id)


async def _way_to_whop(context: Context) -> Reply:
    linking, standing = context.services.linking, context.standing
    if linking.proof is None:
        raise Refused("Whop accounts cannot be linked here: the operator has not set that up.")
    secret = await linking.accounts.new_visit(
        standing.student_id, context.request.person, _creator_id(context), datetime.now(UTC)
    )
    return Reply(
        RichText.of(
            link("Link your Whop account", linking.way_to_seller(secret)),
            "\nThe link is for you alone and works once, for a quarter of an hour. I get to know your account there "
            "and its memberships here, nothing else.",
        )
    )


@commands.action("unlink")
async def unlink(context: Context) -> Reply:
    """Ask once more, then take an account out."""
    sure, _, tag = context.text("payload").partition(":")
    if sure != "yes":
        button = Button("Yes, take it out", "unlink", f"yes:{tag}", Tone.DANGER)
        words = "It then is a person of its own here again, without questions and CHRONOS. A Whop account takes what "
        return Reply(RichText.of(words, "it pays for along. It can be linked again after 30 days; Whop at any time."),
                     ((button,),), private=True)  # fmt: skip
    accounts = context.services.linking.accounts
    account = await accounts.unlink(context.standing.student_id, tag, datetime.now(UTC))
    return said(f"Taken out: {account.shown}. /link shows what is linked.", private=True)


def _creator_id(context: Context) -> CreatorId | None:
    return None if context.standing.creator is None else context.standing.creator.id
