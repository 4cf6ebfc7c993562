"""What one can do here: /help, and Telegram's first command."""

from collections.abc import Sequence
from typing import Final

from bot.commands.registry import Context, Registry
from core.conversation import Audience, Command, Reply, listed
from core.richtext import RichText, bold, code, joined

CONTRIBUTIONS_NOTED: Final = (
    " Where I can read what you write among yourselves, contributions earn CHRONOS, too. Of these I keep no words, "
    "only how many there were and a fingerprint."
)

commands = Registry()


@commands.command("help", "See what you can do here", private=True)
async def help_(context: Context) -> Reply:
    """Show the commands that this person may use here, those of the staff apart."""
    owned = context.standing.creator is not None and context.standing.creator.owner_id is not None
    audiences = context.audiences - {Audience.MANAGERS} if owned else context.audiences  # nothing is left to set up
    shown = listed(context.commands, audiences, direct=context.place.direct)
    everyone = [command for command in shown if command.audience is Audience.EVERYONE]
    staff = [command for command in shown if command.audience is not Audience.EVERYONE]
    parts = [_lines(everyone)] if not staff else [_lines(everyone, "Everyone"), _lines(staff, "Staff")]
    return Reply(joined([RichText.of(_greeting(context)), *parts], "\n\n"))


def _lines(commands: Sequence[Command], heading: str = "") -> RichText:
    lines = [RichText.of(code(f"/{command.name}"), f"  {command.description}") for command in commands]
    return joined([RichText.of(bold(heading)), *lines] if heading else lines)


@commands.command("start", "Say hello", private=True, unlisted=True)
async def start(context: Context) -> Reply:
    """Telegram's first command: the same as /help."""
    return await help_(context)


def _greeting(context: Context) -> str:
    standing = context.standing
    if standing.creator is not None:
        noted = CONTRIBUTIONS_NOTED if standing.creator.contributions and not context.place.direct else ""
        return f"Ask me anything about {standing.creator.name}'s videos; I answer with links to the second.{noted}"
    if standing.choices:
        return "You belong to several creators: /creator chooses whom you ask here."
    if context.place.direct:
        return "I answer questions from a creator's videos, in their server or group. Ask there once, then here too."
    return "I answer questions from your videos. Someone who manages this community types /setup to begin."
