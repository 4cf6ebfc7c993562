"""A responder that says what a test tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from core.conversation import (
    Attachment,
    Audience,
    Button,
    Command,
    File,
    Kind,
    Parameter,
    Place,
    Reply,
    Request,
    Show,
    Suggestion,
    unshown,
)
from core.errors import UploadRefused
from core.richtext import RichText, bold, code, italic, link
from tests.saved import content_or_refusal

ASK: Final = Command("ask", "Ask a question", parameters=(Parameter("question", "Your question", required=True),))
UPLOAD: Final = Command(
    "upload",
    "Add a source",
    parameters=(
        Parameter("file", "A caption file", Kind.FILE),
        Parameter("title", "Its title", takes_rest=True),
        Parameter("language", "Its language", Kind.CHOICE, choices=("en", "de")),
    ),
)
REMOVE: Final = Command(
    "remove", "Remove a source", parameters=(Parameter("source", "Which", Kind.SOURCE, required=True),)
)
PRIVACY: Final = Command("privacy", "What is kept of you", private=True)
SETUP: Final = Command("setup", "Make this community ready", Audience.MANAGERS)
CREATOR: Final = Command("creator", "Choose whom to ask", direct_only=True)
START: Final = Command("start", "Say hello", unlisted=True)
COMMANDS: Final = (ASK, UPLOAD, REMOVE, PRIVACY, SETUP, CREATOR, START)

ANSWER: Final = Reply(
    RichText.of(
        italic("In the creator's own words:"),
        "\n\n“The gradient points uphill.” ",
        link("[1]", "https://video.example/watch?v=abc&t=75"),
        "\n\n▸ ",
        bold("Limits & <slopes>"),
        " [1] ",
        link("1:15", "https://video.example/watch?v=abc&t=75"),
        " ",
        code("/ask"),
    ),
    buttons=((Button("👍", "vote", "1:2:1"), Button("👎", "vote", "1:2:0")),),
)
GROWN: Final = (
    RichText.of("A slope is a direction. ", link("[1]", "https://video.example/watch?v=abc&t=75")),
    RichText.of("It points uphill. ", link("[1]", "https://video.example/watch?v=abc&t=75")),
    RichText.of("[1] ", link("1:15", "https://video.example/watch?v=abc&t=75")),
)
EXPORT: Final = File("my data.json", b'{"questions": []}')


@dataclass
class ScriptedResponder:
    """Answers "slowly" only when released, "evil" with terminal sequences and markup, and everything else alike."""

    asked: list[Request] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0
    sent: bytes | UploadRefused | None = None

    @property
    def commands(self) -> Sequence[Command]:
        return COMMANDS

    async def private(self, request: Request) -> bool:
        return request.command == PRIVACY.name

    async def may(self, request: Request) -> bool:
        return True

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        self.asked.append(request)
        question = str(request.arguments.get("question", ""))
        if isinstance(file := request.arguments.get("file"), Attachment):
            self.sent = await content_or_refusal(file)
        if "slowly" in question or request.arguments.get("title") == "slowly":
            await self._wait()
        if "sentence by sentence" in question:
            return await self._grow(show)
        if "picture" in question:
            return Reply(RichText.of("40 CHRONOS"), files=(File("card.png", b"\x89PNG", "A wallet with 40 CHRONOS"),))
        if "evil" in question:
            return Reply(
                RichText.of("</script>\x1b]0;taken over\x07<img src=x>\x1b[2J\x9b31m ", link("x\x1b[1m", EVIL_LINK))
            )
        return {
            "ask": ANSWER,
            "privacy": Reply(RichText.of("Everything that is kept of you."), files=(EXPORT,)),
            "vote": Reply(RichText.of("Thank you, noted."), private=True),
        }.get(request.command, Reply(RichText.of(f"{request.command}: {sorted(request.arguments)}")))

    async def _grow(self, show: Show) -> Reply:
        """Show two sentences, each when a test has let it."""
        await show(Reply(GROWN[0]))
        await self._wait()
        await show(Reply(GROWN[0] + " " + GROWN[1]))
        self.released.clear()
        await self._wait()
        return replace(ANSWER, text=RichText.of(GROWN[0], " ", GROWN[1], "\n\n▸ Limits ", GROWN[2]))

    async def _wait(self) -> None:
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def suggest(self, request: Request, parameter: str, typed: str) -> Sequence[Suggestion]:
        if request.command != "remove":
            return []
        titles = ("Limits", "Lesson two")
        return [Suggestion(title, title) for title in titles if title.lower().startswith(typed.lower())]

    async def joined(self, place: Place) -> Reply:
        return Reply(RichText.of(f"Hello {place.community_name}"))


EVIL_LINK: Final = "javascript:alert(1)\x1b]8;;\x07"
