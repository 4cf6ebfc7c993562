"""What is kept of a person: to read, to take along, to erase."""

import json

from bot.commands.registry import Context, Registry, said
from core.conversation import Button, File, Reply, Tone
from core.richtext import RichText, bold

commands = Registry()


@commands.command("privacy", "See what is kept of you; export or erase it", private=True)
async def privacy(context: Context) -> Reply:
    """Say what is kept and offer both."""
    return Reply(
        RichText.of(
            bold("What I keep of you: "),
            "your questions with their answers, your votes, the name and id that this platform gave me, and with "
            "which creators you are enrolled. Only you can read your questions here; they are never shown to other "
            "students or used for other creators.",
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
        return Reply(RichText.of("This cannot be undone. Really erase everything?"), ((sure,),), private=True)
    await context.services.directory.erase(context.standing.student_id)
    return said("Erased. Nothing is kept of you any more.", private=True)
