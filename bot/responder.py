"""The one place where every request passes: who, where, allowed, run, and an error becomes words."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Histogram

from bot.commands.registry import Context, Entry, Registry, Services, said
from core.conversation import Command, Place, Reply, Request, Show, Suggestion, unshown
from core.errors import DatabaseFull, DiskFull, OperatorError, Refused, UserError
from core.members.directory import Standing, standing_of
from core.richtext import RichText, code

log = structlog.get_logger()

REQUESTS: Final = Counter("chronos_requests_total", "Commands and buttons", ["platform", "command", "outcome"])
SECONDS: Final = Histogram("chronos_request_seconds", "Time to a reply", ["platform", "command"])

AS_ANSWERS: Final = frozenset({"ask", "clip", "next_question", "full_answer"})
"""Seen by whom the creator lets see answers."""


class Greetings(Protocol):
    """Remembers which communities were greeted."""

    async def first(self, platform: str, community: str) -> bool:
        """Note that a community is greeted; False where it was noted before."""
        ...


@dataclass(frozen=True, slots=True)
class CommandResponder:
    """See :class:`core.conversation.Responder`."""

    registry: Registry
    services: Services
    greetings: Greetings

    @property
    def commands(self) -> Sequence[Command]:
        """All commands, in the order in which menus show them."""
        return [entry.command for entry in self.registry.commands.values()]

    async def private(self, request: Request) -> bool:
        """Say, before the work starts, whether the reply will be for the person alone."""
        entry = self._entry(request)
        if entry is None or entry.command.private:
            return True
        try:
            creator = (await self._standing(request)).creator
        except Exception as error:  # noqa: BLE001 - a platform asks this before it may show any words
            log.warning("the visibility of a reply is not known; it stays private", reason=type(error).__name__)
            return True
        return request.command in AS_ANSWERS and creator is not None and creator.answers == "private"

    async def may(self, request: Request) -> bool:
        """Say whether the person may use this command here; for what could be meant in two ways."""
        entry = self._entry(request)
        if entry is None:
            return False
        try:
            (await self._context(request)).require(entry.command)
        except UserError:
            return False
        except Exception as error:  # noqa: BLE001 - what is then asked or refused instead says what is wrong
            log.warning("what somebody may do is not known", reason=type(error).__name__)
            return False
        return True

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        """Do what the person asked for; an error becomes a reply that says what to do."""
        correlation_id = secrets.token_hex(4)
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(
            correlation_id=correlation_id, platform=request.place.platform, command=request.command
        ):
            reply, outcome = await self._respond(request, show, correlation_id)
            known = request.command if self._entry(request) else "unknown"
            REQUESTS.labels(request.place.platform, known, outcome).inc()
            SECONDS.labels(request.place.platform, known).observe(time.perf_counter() - began)
            return reply

    async def _respond(self, request: Request, show: Show, correlation_id: str) -> tuple[Reply, str]:
        try:
            return await self._run(request, show), "done"
        except UserError as error:
            return said(str(error), private=True), "refused"
        except (DatabaseFull, DiskFull) as error:
            log.error("request failed", reason=str(error))
            return _apology(correlation_id, "The disk here is full, so nothing new can be kept"), "failed"
        except OperatorError as error:
            log.error("request failed", reason=str(error), exc_info=error)
            return _apology(correlation_id, "Something that I depend on is not working"), "failed"
        except Exception as error:
            log.exception("request crashed", exc_info=error)
            return _apology(correlation_id, "Something went wrong on my side"), "crashed"

    async def _run(self, request: Request, show: Show) -> Reply:
        entry = self._entry(request)
        if entry is None:
            raise Refused(f"I do not know /{request.command[:40]}. /help shows what I can do here.")
        context = replace(await self._context(request), show=show)
        context.require(entry.command)
        _require(entry.command, request)
        reply = await entry.run(context)
        return replace(reply, private=reply.private or entry.command.private)

    async def suggest(self, request: Request, parameter: str, typed: str) -> Sequence[Suggestion]:
        """Complete an argument, best first, at most 25."""
        entry = self._entry(request)
        if entry is None or entry.suggest is None or parameter not in {p.name for p in entry.command.parameters}:
            return []
        try:
            context = await self._context(request)
            context.require(entry.command)
            return await entry.suggest(context, typed)
        except UserError:
            return []
        except Exception as error:  # noqa: BLE001 - a list of suggestions has no place for words
            log.warning("no suggestions", reason=type(error).__name__)
            return []

    async def joined(self, place: Place) -> Reply | None:
        """Greet a community that has just added the bot; None where it was greeted before."""
        try:
            if not await self.greetings.first(place.platform, place.community):
                return None
        except OperatorError as error:
            log.error("a new community is not greeted", community=place.community, reason=str(error))
            return None
        return Reply(
            RichText.of(
                "👋 I answer your community's questions from your own videos, with links to the very second.\n\n"
                "Next step for whoever manages this community: type ", code("/setup"), ".",
            )
        )  # fmt: skip

    def _entry(self, request: Request) -> Entry | None:
        return self.registry.commands.get(request.command) or self.registry.actions.get(request.command)

    async def _context(self, request: Request) -> Context:
        return Context(request, await self._standing(request), self.services, self.commands)

    async def _standing(self, request: Request) -> Standing:
        directory, person, place = self.services.directory, request.person, request.place
        student_id = await directory.student(person)
        if not place.direct:
            found = await directory.community(place)
            if found is None:
                return Standing(student_id)
            community, creator = found
            enrolment = await directory.enrolment(creator.id, student_id)
            return standing_of(person, student_id, creator, community, enrolment)
        choices = await directory.enrolled_with(student_id)
        preferred = await directory.preferred(person) if len(choices) > 1 else None
        chosen = next((c for c in choices if len(choices) == 1 or c.id == preferred), None)
        if not choices:  # then what they ask is refused with the reason, and how to return
            chosen = await directory.suspended_with(student_id)
        if chosen is None:
            return Standing(student_id, choices=tuple(choices))
        enrolment = await directory.enrolment(chosen.id, student_id)
        return replace(standing_of(person, student_id, chosen, None, enrolment), choices=tuple(choices))


def _require(command: Command, request: Request) -> None:
    for parameter in command.parameters:
        if parameter.required and not request.arguments.get(parameter.name):
            raise Refused(f"/{command.name} needs {parameter.name}: {parameter.description}")
        value = request.arguments.get(parameter.name)
        if value and parameter.choices and value not in parameter.choices:
            raise Refused(f"{parameter.name} is one of: {', '.join(parameter.choices)}.")


def _apology(correlation_id: str, what: str) -> Reply:
    return said(
        f"{what}. Please try again in a minute. If it stays, give the operator this number: {correlation_id}",
        private=True,
    )
