"""The vocabulary of a conversation: what people can say and what Chronos replies, for every platform at once.

A platform adapter turns what happened there into a :class:`Request`, hands it to the :class:`Responder` and renders
the :class:`Reply` natively. Commands are declared in ``bot/commands``; nothing here knows a platform.
"""

from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from core.richtext import RichText, Span, Style


class Audience(StrEnum):
    """Who may use a command: staff of a community that is set up, or who manages one, set up or not."""

    EVERYONE = "everyone"
    STAFF = "staff"
    MANAGERS = "managers"


class Kind(StrEnum):
    """What a parameter takes."""

    TEXT = "text"
    LINK = "link"
    NUMBER = "number"
    CHOICE = "choice"
    FILE = "file"
    ROLE = "role"
    MEMBER = "member"
    SOURCE = "source"
    ITEM = "item"


COMPLETED: Final = frozenset({Kind.SOURCE, Kind.ITEM})
"""What is completed while it is typed."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option of a command; ``description`` is at most 100 characters (Discord's limit).

    ``takes_rest``: where commands are typed, it takes the words without a name although it is not required.
    ``suggested``: it is completed while it is typed, as a source always is.
    """

    name: str
    description: str
    kind: Kind = Kind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    takes_rest: bool = False
    suggested: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; saved at once, since platforms' links to it expire.

    ``size_bytes`` is as announced, 0 where nothing was said. ``save`` streams the content to a file and raises
    UploadRefused, ProviderBusy or ProviderError; then there is no file.
    """

    name: str
    size_bytes: int
    save: Callable[[Path], Awaitable[None]] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said, in the platform's own ids.

    ``community`` is the Discord server or Telegram group; empty in a direct message. ``channel`` is where to write,
    ``thread`` a Telegram topic inside it. Where ``channel`` is empty, a message is for the person ``recipient``
    alone, and the platform knows the channel. ``parent`` is the channel that a Discord thread belongs to.
    """

    platform: str
    channel: str
    community: str = ""
    community_name: str = ""
    thread: str = ""
    recipient: str = ""
    parent: str = field(default="", compare=False)

    @property
    def direct(self) -> bool:
        """Whether this is a conversation with one person alone."""
        return not self.community

    @property
    def key(self) -> str:
        """One text that names this place among all."""
        return f"{self.platform}:{self.channel}:{self.thread}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Those of this place and of what it lies in, closest first: a thread is in a channel, a topic in a chat."""
        around = (self.channel, self.parent) if self.thread else (self.parent,)
        return (self.key, *(f"{self.platform}:{channel}:" for channel in around if channel))


@dataclass(frozen=True, slots=True)
class Person:
    """Who speaks or is meant: the platform's id, the name shown there, and what the platform lets them do here.

    ``username`` is the platform's unique name of the account, without @, or empty.
    """

    platform: str
    external_id: str
    name: str = ""
    manages: bool = False
    roles: frozenset[str] = frozenset()
    username: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A role that the platform itself identified; where it has none, what was typed stays text."""

    external_id: str


Value = str | float | Attachment | Person | Role
"""Of an argument. A member is a person where the platform says who is meant, else the name or id that was typed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing a person asked for: a command with its arguments, or a button with its payload.

    ``message_id`` is the platform's, where it was asked in a message that stands in the chat. ``about`` is that of
    the message whose button was pressed, or which a message replies to; else empty.
    """

    place: Place
    person: Person
    command: str
    arguments: Mapping[str, Value] = field(default_factory=dict)
    message_id: str = field(default="", compare=False)
    about: str = ""


class Tone(StrEnum):
    """The colour of a button."""

    NEUTRAL = "neutral"
    GOOD = "good"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """A button that runs an action, for as long as its message exists.

    ``action`` and ``payload`` together are the persistent id ``action:payload``, at most 64 bytes (Telegram's limit).
    """

    label: str
    action: str
    payload: str = ""
    tone: Tone = Tone.NEUTRAL

    def __post_init__(self) -> None:
        if len(self.custom_id.encode()) > MAX_BUTTON_ID_BYTES:
            raise ValueError(f"button id {self.custom_id!r} is longer than {MAX_BUTTON_ID_BYTES} bytes")

    @property
    def custom_id(self) -> str:
        """What the platform keeps and sends back."""
        return f"{self.action}:{self.payload}"


MAX_BUTTON_ID_BYTES = 64


@dataclass(frozen=True, slots=True)
class File:
    """A file to send along; the ending of its name tells what it is, a picture's ``description`` what it shows."""

    name: str
    content: bytes = field(repr=False)
    description: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether it is shown in its place rather than saved."""
        return self.name.endswith(".png")


@dataclass(frozen=True, slots=True)
class Reply:
    """What Chronos says.

    ``private`` replies are seen by the person alone (ephemeral on Discord; in the private chat on Telegram, when the
    person has opened one). ``replaces`` edits the message whose button was pressed instead of writing a new one.
    """

    text: RichText = field(default_factory=RichText)
    buttons: tuple[tuple[Button, ...], ...] = ()
    files: tuple[File, ...] = ()
    private: bool = False
    replaces: bool = False

    @property
    def bare(self) -> bool:
        """Whether it is words alone, such as a refusal, which others may see although it is private."""
        return not (self.buttons or self.files or any(span.link for span in self.text.spans))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A completion offered while an argument is typed."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Command:
    """Something people can say, on every platform; ``private``: the reply is for the person alone.

    ``direct_only``: it is of use in a private chat alone. ``unlisted``: it works, and no menu or list need show it.
    """

    name: str
    description: str
    audience: Audience = Audience.EVERYONE
    parameters: tuple[Parameter, ...] = ()
    private: bool = False
    direct_only: bool = False
    unlisted: bool = False

    def parameter(self, kind: Kind) -> Parameter | None:
        """The first parameter of a kind."""
        return next((parameter for parameter in self.parameters if parameter.kind is kind), None)

    def fits(self, *, direct: bool) -> bool:
        """Whether it can do something in a private chat, or else in a community."""
        return self.audience is not Audience.MANAGERS if direct else not self.direct_only


EVERY_AUDIENCE: Final = frozenset(Audience)
PLAIN_AUDIENCE: Final = frozenset({Audience.EVERYONE})


def listed(commands: Iterable[Command], audiences: Container[Audience], *, direct: bool) -> list[Command]:
    """What a menu or list shows to people of these audiences in a private chat, or else in a community."""
    return [c for c in commands if not c.unlisted and c.audience in audiences and c.fits(direct=direct)]


Show = Callable[[Reply], Awaitable[None]]
"""Takes a reply that still grows: all of it so far, without buttons and files. It returns at once."""


def unended(reply: Reply) -> Reply:
    """A growing reply with a sign that more is coming, for where nothing else shows it."""
    return replace(reply, text=RichText.of(reply.text, " \u2026"))


async def unshown(reply: Reply) -> None:
    """A growing reply that nobody sees."""


class Responder(Protocol):
    """What answers: the only thing a platform adapter calls. None of these methods raises."""

    @property
    def commands(self) -> Sequence[Command]:
        """All commands, in the order in which menus show them."""
        ...

    async def private(self, request: Request) -> bool:
        """Say, before the work starts, whether the reply will be for the person alone."""
        ...

    async def may(self, request: Request) -> bool:
        """Say whether the person may use this command here; for what could be meant in two ways."""
        ...

    async def respond(self, request: Request, show: Show = unshown) -> Reply:
        """Do what the person asked for; an error becomes a reply that says what to do.

        ``show`` is given what can be read before it is finished. Where :meth:`private` says so, only the person may
        see it; what is returned takes its place.
        """
        ...

    async def suggest(self, request: Request, parameter: str, typed: str) -> Sequence[Suggestion]:
        """Complete an argument, best first, at most 25."""
        ...

    async def joined(self, place: Place) -> Reply | None:
        """Greet a community that has just added the bot; None where it was greeted before."""
        ...


class Link(StrEnum):
    """How a platform's connection stands."""

    STARTING = "starting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"


@dataclass(frozen=True, slots=True)
class Liveness:
    """Whether a platform is connected, and in words why it is not."""

    link: Link = Link.STARTING
    reason: str = ""


CONNECTED = Liveness(Link.CONNECTED)


class Messenger(Protocol):
    """The way to write to a platform without being asked: what the outbox delivers through."""

    @property
    def platform(self) -> str:
        """The platform's name, as in :class:`Place`."""
        ...

    async def deliver(self, place: Place, reply: Reply, message_id: str) -> str:
        """Send a message, or edit the one with ``message_id`` (empty: a new one), and return its id.

        The id is the platform's own word for it, and names all parts of a text that was too long for one message.

        Raises:
            ProviderBusy: try again later.
            ProviderError: it cannot be delivered.
        """
        ...


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """A reply as plain data for the outbox (files are not kept)."""
    return {
        "text": [[span.text, span.style.value, span.link] for span in reply.text.spans],
        "buttons": [[[b.label, b.action, b.payload, b.tone.value] for b in row] for row in reply.buttons],
    }


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """The inverse of :func:`reply_to_json`."""
    return Reply(
        text=RichText(tuple(Span(text, Style(style), link) for text, style, link in data["text"])),
        buttons=tuple(
            tuple(Button(label, action, payload, Tone(tone)) for label, action, payload, tone in row)
            for row in data["buttons"]
        ),
    )
