"""How commands and button actions are declared, and what their functions are given."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.asking.assistants import Assistants, Voice
from core.asking.cache import KeptAnswers
from core.asking.choices import ModelChoices
from core.asking.embedding import Embedders
from core.asking.engine import Engine
from core.asking.escalations import Escalations
from core.asking.forms import Clerk
from core.asking.gaps import AskedQuestions
from core.asking.insights import Insights
from core.asking.limits import Limits
from core.asking.memory import Memories
from core.asking.sessions import Conversations, Speaker
from core.asking.usage import ModelUsage
from core.asking.words import Stemmer
from core.conversation import (
    PLAIN_AUDIENCE,
    Attachment,
    Audience,
    Command,
    Parameter,
    Person,
    Place,
    Reply,
    Request,
    Show,
    Suggestion,
    unshown,
)
from core.errors import Refused
from core.ids import CreatorId
from core.library.announcing import Announcements
from core.library.catalogue import Catalogue
from core.library.clips import Clips
from core.library.glossary import Glossaries
from core.library.intake import Intake
from core.library.knowledge import Knowledge
from core.library.reindexing import Reindexings
from core.library.revising import Revisions
from core.library.scratch import Scratch
from core.library.store import Shelf
from core.library.watching import RenewableLinks, Transcripts
from core.library.worklog import Worklog
from core.members.directory import Creator, Directory, Standing, standing_of
from core.members.linking import Linking
from core.members.tier_roles import TierRoles
from core.rewards.audit import Audit
from core.rewards.digest import Digests
from core.rewards.economy import Economies
from core.rewards.flags import Flags
from core.rewards.grants import Grants
from core.rewards.ledger import Ledger
from core.rewards.listening import message_key
from core.rewards.projects import HandedInFiles, Projects
from core.rewards.quizzes import Quizzes
from core.rewards.redemption import Desk
from core.rewards.rules import Rewards
from core.rewards.shop import Offers, Purchases
from core.rewards.showing import Artist
from core.rewards.standings import Seasons, Standings
from core.rewards.streaks import Streaks
from core.rewards.tariffs import Tariffs
from core.rewards.watching import PersonalLinks, Watching
from core.richtext import RichText
from core.study.store import Studies
from core.tiers import NO_TIERS, Scope

_NUMBER: Final = re.compile("[0-9]{1,18}")
_PAGES: Final = 1_000_000
_UNSTORABLE: Final = re.compile("[\\x00\\ud800-\\udfff]")
"""What no database text can hold: NUL and halves of characters."""


@dataclass(frozen=True, slots=True)
class Showing:
    """What of CHRONOS is shown, and what the staff gives, takes back and looks after."""

    artist: Artist
    standings: Standings
    seasons: Seasons
    economies: Economies
    digests: Digests
    grants: Grants
    audit: Audit


@dataclass(frozen=True, slots=True)
class Services:
    """Everything commands work with; made once, in ``bot/services.py``."""

    engine: Engine
    directory: Directory
    conversations: Conversations
    shelf: Shelf
    links: RenewableLinks
    intake: Intake
    limits: Limits
    embedders: Embedders
    reindexings: Reindexings
    catalogue: Catalogue
    transcripts: Transcripts
    worklog: Worklog
    clips: Clips
    revisions: Revisions
    glossaries: Glossaries
    announcements: Announcements
    knowledge: Knowledge
    escalations: Escalations
    asked: AskedQuestions
    clerk: Clerk
    memories: Memories
    insights: Insights
    assistants: Assistants
    kept_answers: KeptAnswers
    stem: Stemmer
    ledger: Ledger
    rewards: Rewards
    streaks: Streaks
    tariffs: Tariffs
    flags: Flags
    desk: Desk
    showing: Showing
    quizzes: Quizzes
    projects: Projects
    handed_in: HandedInFiles
    watching: Watching
    personal_links: PersonalLinks
    offers: Offers
    purchases: Purchases
    linking: Linking
    tier_roles: TierRoles
    studies: Studies
    model_choices: ModelChoices
    model_usage: ModelUsage
    model_names: tuple[str, ...]
    uploads_per_hour: int
    scratch: Scratch
    registration: str
    contact: str


@dataclass(frozen=True, slots=True)
class Context:
    """One request, with who made it and what they may do.

    ``voice`` is who answers a question, where that is somebody else than the place says.
    ``show`` takes a reply that still grows.
    """

    request: Request
    standing: Standing
    services: Services
    commands: Sequence[Command]
    show: Show = unshown
    voice: Voice | None = None

    @property
    def place(self) -> Place:
        """Where it was said."""
        return self.request.place

    @property
    def creator(self) -> Creator:
        """The creator whose material is meant.

        Raises:
            Refused: there is none here yet, or the person has to choose one first.
        """
        if self.standing.creator is not None:
            return self.standing.creator
        if self.standing.choices:
            raise Refused("You belong to several creators. Type /creator to choose whom to ask here.")
        if self.place.direct:
            raise Refused(
                "I do not know yet whose videos to search for you. Ask once in your creator's server or group, "
                "then you can ask me here too."
            )
        raise Refused("This community is not set up yet. Someone who manages it types /setup, and that is all.")

    async def languages_read(self) -> frozenset[str]:
        """What the search model of this library reads, as two-letter codes; empty where it reads all."""
        return self.services.embedders.languages(await self.services.shelf.embedder_of(self.creator.id))

    @property
    def audiences(self) -> frozenset[Audience]:
        """Whose commands this person may use here."""
        staff = {Audience.STAFF} if self.standing.staff else set()
        managers = {Audience.MANAGERS} if self.request.person.manages and not self.place.direct else set()
        return PLAIN_AUDIENCE | staff | managers

    def require(self, command: Command) -> None:
        """Let through only who may use a command here.

        Raises:
            Refused: says what to do first, or who may.
        """
        if command.audience in self.audiences:
            return
        if command.audience is Audience.STAFF:
            raise Refused(f"Only the staff of {self.creator.name} may do that.")
        if self.place.direct:
            raise Refused(f"Type /{command.name} in the server or group that it is for, not here.")
        raise Refused("Only someone who manages this community may do that.")

    @property
    def speaker(self) -> Speaker:
        """The scope of this person's session here."""
        community = self.standing.community
        return Speaker(
            self.creator.id, self.standing.student_id, self.place.key, None if community is None else community.id,
            self.standing.tiers, earns=not self.standing.staff,
            message=message_key(self.place, self.request.message_id) if self.request.message_id else "",
        )  # fmt: skip

    async def scope_with(self, creator_id: CreatorId) -> Scope:
        """What this person may be answered from by a creator, who need not be the one meant here.

        In a private chat a button or an old answer may belong to another creator of theirs.
        """
        standing = self.standing
        if standing.creator is not None and standing.creator.id == creator_id:
            return Scope(creator_id, standing.tiers)
        other = next((choice for choice in standing.choices if choice.id == creator_id), None)
        if other is None:
            return Scope(creator_id, NO_TIERS)
        enrolment = await self.services.directory.enrolment(creator_id, standing.student_id)
        return Scope(creator_id, standing_of(self.request.person, standing.student_id, other, None, enrolment).tiers)

    async def tariff(self) -> Rewards:
        """What is paid here: the creator's rules, or the defaults where none is meant."""
        tariffs, creator = self.services.tariffs, self.standing.creator
        return tariffs.defaults if creator is None else await tariffs.of(creator.id)

    def text(self, name: str) -> str:
        """A text argument, stripped; empty where it was not given."""
        value = self.request.arguments.get(name, "")
        return _UNSTORABLE.sub("", value).strip() if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """A number argument; None where it was not given."""
        value = self.request.arguments.get(name)
        return float(value) if isinstance(value, int | float) else None

    @property
    def payload_number(self) -> int:
        """The number that a button carries.

        Raises:
            Refused: the button is not one of ours.
        """
        return numbers_of(self, 1)[0]

    def person(self, name: str) -> Person | None:
        """A member argument, where the platform says who it is; else :meth:`text` has what was typed."""
        value = self.request.arguments.get(name)
        return value if isinstance(value, Person) else None

    def file(self, name: str) -> Attachment | None:
        """A file argument."""
        value = self.request.arguments.get(name)
        return value if isinstance(value, Attachment) else None


def dead_button() -> Refused:
    """What whoever presses a button hears that is not ours, or not any more."""
    return Refused("That button does not work any more.")


def numbers_and_rest(context: Context, count: int) -> tuple[list[int], str]:
    """The numbers with which a button's payload begins, with colons between, and what follows another colon.

    Raises:
        Refused: they are not so many, or no numbers.
    """
    parts = context.text("payload").split(":", count)
    if len(parts) < count or not all(map(_NUMBER.fullmatch, parts[:count])):
        raise dead_button()
    return [int(part) for part in parts[:count]], ":".join(parts[count:])


def numbers_of(context: Context, count: int) -> list[int]:
    """The numbers that a button carries, and nothing else.

    Raises:
        Refused: they are not so many, or no numbers.
    """
    numbers, rest = numbers_and_rest(context, count)
    if rest:
        raise dead_button()
    return numbers


def page_and_rest(context: Context) -> tuple[int, str]:
    """The page that a button turns to, and of what.

    Raises:
        Refused: there is no such page.
    """
    (page,), rest = numbers_and_rest(context, 1)
    if page >= _PAGES:
        raise dead_button()
    return page, rest


Run = Callable[[Context], Awaitable[Reply]]
Suggest = Callable[[Context, str], Awaitable[Sequence[Suggestion]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A declared command or action with its functions."""

    command: Command
    run: Run
    suggest: Suggest | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """The commands (typed or picked from a menu) and actions (buttons) of one subject."""

    commands: dict[str, Entry] = field(default_factory=dict)
    actions: dict[str, Entry] = field(default_factory=dict)

    def command(
        self, name: str, description: str, *parameters: Parameter, audience: Audience = Audience.EVERYONE,
        private: bool = False, direct_only: bool = False, unlisted: bool = False, suggest: Suggest | None = None,
    ) -> Callable[[Run], Run]:  # fmt: skip
        """Declare a command; the decorated function answers it."""
        command = Command(name, description, audience, parameters, private, direct_only, unlisted)

        def declare(run: Run) -> Run:
            self.commands[name] = Entry(command, run, suggest)
            return run

        return declare

    def action(
        self, name: str, *, audience: Audience = Audience.EVERYONE, private: bool = True
    ) -> Callable[[Run], Run]:
        """Declare what a button does; its payload is the text argument ``payload``."""

        def declare(run: Run) -> Run:
            self.actions[name] = Entry(Command(name, "", audience, private=private), run)
            return run

        return declare

    def including(self, *others: "Registry") -> "Registry":
        """All of several subjects, in order.

        Raises:
            ValueError: a name is declared twice; a button and a command may not share one either.
        """
        merged = Registry(dict(self.commands), dict(self.actions))
        for other in others:
            twice = (merged.commands.keys() & other.commands.keys()) | (merged.actions.keys() & other.actions.keys())
            merged.commands.update(other.commands)
            merged.actions.update(other.actions)
            twice |= merged.commands.keys() & merged.actions.keys()
            if twice:
                raise ValueError(f"declared twice: {', '.join(sorted(twice))}")
        return merged

    def staff_last(self) -> "Registry":
        """The same with the commands for everyone first, otherwise in the order that they had."""
        ordered = sorted(self.commands.items(), key=lambda item: item[1].command.audience is not Audience.EVERYONE)
        return Registry(dict(ordered), self.actions)


def said(*parts: object, private: bool = False) -> Reply:
    """A reply of plain text."""
    return Reply(RichText.of(*(str(part) for part in parts)), private=private)
