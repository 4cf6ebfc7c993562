"""A terminal conversation with the scripted responder, run as a program of its own by the tests."""

import asyncio
from pathlib import Path

from adapters.terminal.chat import TerminalMessenger, run_terminal
from adapters.terminal.screen import Screen
from core.conversation import Attachment, Button, Person, Place, Reply, Request, Show, unshown
from core.richtext import RichText, bold
from tests.adapters.scripted_responder import ScriptedResponder
from tests.saved import content_of

PLACE = Place("terminal", "local")


class Talkative(ScriptedResponder):
    """Also sends a message nobody asked for, and tells what it was asked."""

    def __init__(self, messenger: TerminalMessenger) -> None:
        super().__init__()
        self._messenger = messenger

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        if request.arguments.get("question") == "status":
            self._later = asyncio.create_task(self._status_cards())
        if request.arguments.get("question") == "sentence by sentence":
            letting = asyncio.create_task(self._let_all())
            reply = await super().respond(request, show)
            letting.cancel()
            return reply
        if request.command == "upload":
            file = request.arguments["file"]
            assert isinstance(file, Attachment)
            size_bytes = len(await content_of(file))
            return Reply(RichText.of(f"{file.name} holds {size_bytes} bytes, {request.arguments['title']}"))
        if request.command in {"vote", "retry"}:
            return Reply(RichText.of(f"pressed {request.command} {request.arguments['payload']}"))
        return await super().respond(request, show)

    async def _let_all(self) -> None:
        """Let whatever waits go on, again and again."""
        while True:
            self.released.set()
            await asyncio.sleep(0)

    async def _status_cards(self) -> None:
        number = await self._messenger.deliver(PLACE, Reply(RichText.of(bold("Limits"), "\nwaiting its turn")), "")
        await self._messenger.deliver(PLACE, Reply(RichText.of(bold("Limits"), "\nlearning")), number)
        failed = Reply(RichText.of("Limits failed"), ((Button("Try again", "retry", "5"),),))
        await self._messenger.deliver(PLACE, failed, number)


async def main() -> None:
    screen = Screen()
    responder = Talkative(TerminalMessenger(screen, every_s=0))
    person = Person("terminal", "local", manages=True)
    banner = RichText.of("Welcome to ", bold("Chronos"))
    await run_terminal(responder, PLACE, person, banner=banner, history=Path("kept/history"), screen=screen)
    screen.say(RichText.of(f"bye, {responder.cancelled} cancelled"))


if __name__ == "__main__":
    asyncio.run(main())
