"""What is kept of a person: to read, to take along, to erase."""

import json
from typing import Final

from bot.commands.registry import Context, Registry, said
from core.conversation import Button, File, Reply, Tone
from core.richtext import RichText, bold

commands = Registry()


KEPT: Final = (
    "your questions with their answers",
    "your votes",
    "what /me shows: how you like answers, what you asked me to remember, your open questions, what we talked about",
    "your CHRONOS, what they were for and what you bought with them",
    "where your payouts go and what was paid",
    "when you learned what (of your words only how many, and a fingerprint)",
    "what played on your own pages, and your answers about what you watched",
    "your streaks and time zone",
    "your places in seasons and whether rankings show you",
    "your answers to quizzes",
    "the projects that you handed in",
    "what you put to the staff",
    "which models were called for your questions, for 400 days",
    "whether the staff was asked to look at your account and why",
    "the names and ids that the platforms gave me, and which accounts you linked",
    "what Whop says of your memberships there",
)
LAST_KEPT: Final = "with which creators you are enrolled, in which tier and by whom"
WHO_SEES: Final = (
    "Only you can read your conversations here; they are never shown to other students or used for other creators. "
    "Staff see your name, whether you are enrolled, your tier, what you handed in and what you bought from them; and "
    "without your name, for 30 days questions that at least three people asked alike, and those that got no good "
    "answer, these with a link where you asked in front of others; and what you put to them until you take it "
    "back. What they answer to it is for everybody. If you erase everything, your CHRONOS are lost, and the books "
    "that they stood in stay without you. If a creator had paused or ended your access, or you "
    "spent or redeemed CHRONOS of theirs, a mark stays: a code that does not show who you are. By it your access "
    "stays as it was, and their videos, quizzes and projects pay you no more."
)


@commands.command("privacy", "See what is kept of you; export or erase it", private=True)
async def privacy(context: Context) -> Reply:
    """Say what is kept and offer both."""
    return Reply(
        RichText.of(
            bold("What I keep of you: "),
            ", ".join(KEPT),
            f" and {LAST_KEPT}. {WHO_SEES}",
        ),
        ((Button("Export", "export"), Button("Erase everything", "erase", "ask", Tone.DANGER)),),
    )


@commands.action("export")
async def export(context: Context) -> Reply:
    """Everything that is kept, as a file for the person alone."""
    kept = await context.services.conversations.export(context.standing.student_id)
    content = json.dumps(kept, indent=2, ensure_ascii=False).encode()
    return Reply(
        RichText.of("Everything that is kept of you:"), files=(File("chronos-export.json", content),), private=True
    )


@commands.action("erase")
async def erase(context: Context) -> Reply:
    """Ask once more, then erase."""
    if context.text("payload") != "yes":
        sure = Button("Yes, erase everything", "erase", "yes", Tone.DANGER)
        return Reply(RichText.of(await _consequences(context)), ((sure,),), private=True)
    directory, student_id = context.services.directory, context.standing.student_id
    suspended = (await directory.ties(student_id)).suspended
    await directory.erase(student_id)
    if suspended:
        return said(f"Erased. Only the mark stays that you may not ask {', '.join(suspended)}.", private=True)
    return said("Erased. Nothing that shows who you are is kept any more.", private=True)


async def _consequences(context: Context) -> str:
    wallet = await context.services.ledger.wallet(context.standing.student_id)
    ties, contact = await context.services.directory.ties(context.standing.student_id), context.services.contact
    words = [f"Your {wallet.balance + wallet.held:,} CHRONOS are lost."] if wallet.balance + wallet.held else []
    if ties.owned:
        operator = f"the operator of this bot ({contact})" if contact else "the operator of this bot"
        words.append(
            f"You own {', '.join(ties.owned)}. The material and the communities stay, but without an owner, until "
            f"{operator} gives somebody a new owner's code."
        )
    if ties.suspended:
        words.append(f"Your access to {', '.join(ties.suspended)} stays as it is, by a mark without your name.")
    return " ".join([*words, "This cannot be undone. Really erase everything?"])
