"""Assistants: how a creator is spoken for in a channel, and what is answered from there.

A creator has any number of them, each with a name, a tone, a prompt in versions of which one is in use, models, and
the sources that it answers from. Each is bound to places; one may be bound to everywhere else.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from core.asking.writing import Manner
from core.conversation import Place
from core.errors import Refused
from core.ids import AssistantId, CreatorId, MessageId, SourceId, StudentId
from core.library.knowledge import LONGEST_TAG
from core.library.store import SourceKind
from core.richtext import INVISIBLE, one_line

LONGEST_NAME: Final = 40
LONGEST_TONE: Final = 200
LONGEST_PROMPT: Final = 8_000
MOST_ASSISTANTS: Final = 25
MOST_VERSIONS: Final = 50
"""Of a prompt; beyond that the oldest that is not in use is dropped."""
MOST_CHOSEN: Final = 100
ELSEWHERE: Final = ""
"""The key of every place to which no other assistant is bound."""

KINDS: Final[Mapping[str, tuple[SourceKind, ...]]] = {
    "videos": (SourceKind.VIDEO, SourceKind.AUDIO),
    "documents": (SourceKind.DOCUMENT,),
    "pages": (SourceKind.WEB_PAGE,),
    "pairs": (SourceKind.QA,),
    "notes": (SourceKind.NOTE,),
}
"""What people call the kinds of sources."""

_WHERE: Final = ("titles", "kinds", "topics", "tags")
_NOT_IN_NAMES: Final = re.compile(r"[@#<>:/\\|`*_~\[\]{}()]|\bwww\.", re.IGNORECASE)
_LETTER: Final = re.compile(r"[^\W\d_]")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Choice:
    """The sources that an assistant answers from: each that is named, or of one of the kinds, topics or tags.

    ``topics`` and ``tags`` are in small letters. What is removed leaves, what is new of a kind or topic joins.
    """

    ids: tuple[SourceId, ...] = ()
    kinds: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def stored_kinds(self) -> list[str]:
        """The kinds as sources have them."""
        return [kind.value for name in self.kinds for kind in KINDS[name]]


@dataclass(frozen=True, slots=True)
class Profile:
    """What the staff say of an assistant, checked; ``choice`` None: all sources; no ``models``: as is usual."""

    name: str
    tone: str = ""
    models: tuple[str, ...] = ()
    tutor: bool = False
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is to change of an assistant; None leaves it. ``all_sources`` lifts a choice."""

    name: str | None = None
    tone: str | None = None
    models: tuple[str, ...] | None = None
    tutor: bool | None = None
    choice: Choice | None = None
    all_sources: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is to change."""
        return self == ProfileChange()

    def applied(self, said: Profile) -> Profile:
        """What is said of the assistant then."""
        return Profile(
            said.name if self.name is None else self.name,
            said.tone if self.tone is None else self.tone,
            said.models if self.models is None else self.models,
            said.tutor if self.tutor is None else self.tutor,
            None if self.all_sources else self.choice or said.choice,
        )


@dataclass(frozen=True, slots=True)
class Assistant:
    """An assistant as it is kept; ``version`` of its prompt is in use (0: none), ``newest`` is the last one written.

    ``places`` are those that it is bound to, ``elsewhere``: also all to which none is. ``answers_from`` is how many
    sources it has now, None where it has all.
    """

    id: AssistantId
    said: Profile
    version: int
    newest: int
    places: tuple[Place, ...] = ()
    elsewhere: bool = False
    answers_from: int | None = None
    may_undo: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.said.name


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """A version of a prompt, by whom and when; what its answers of the last 30 days were thought of."""

    version: int
    text: str
    author: str
    written_at: datetime
    answers: int = 0
    helpful: int = 0
    unhelpful: int = 0


@dataclass(frozen=True, slots=True)
class Voice:
    """Who answers one question: which assistant with which version of its prompt; None: Chronos as it is.

    ``trial``: the staff try it out, so that it does not count as an answer of it.
    """

    manner: Manner
    assistant_id: AssistantId | None = None
    version: int = 0
    trial: bool = False

    @property
    def has_nothing(self) -> bool:
        """Whether none of the sources that it answers from is there."""
        return self.manner.sources is not None and not self.manner.sources

    def outright(self) -> "Voice":
        """The same, telling the answer in place of leading to it."""
        return replace(self, manner=replace(self.manner, key=f"{self.manner.key}:outright", tutor=False))

    def among(self, models: Iterable[str]) -> "Voice":
        """The same with those of its models alone that are there."""
        known = frozenset(models)
        return replace(self, manner=replace(self.manner, models=tuple(m for m in self.manner.models if m in known)))


OUR_OWN: Final = Voice(Manner())


@dataclass(frozen=True, slots=True)
class Editor:
    """Who of the staff changes something, and of which creator's."""

    creator_id: CreatorId
    student_id: StudentId | None


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an assistant is bound: the key of a place, or :data:`ELSEWHERE`; ``place`` as far as it is known."""

    key: str
    place: Place | None = None

    @classmethod
    def of(cls, place: Place) -> "Spot":
        """A channel, thread or topic."""
        return cls(place.key, place)

    @classmethod
    def kept(cls, key: str) -> "Spot":
        """The same again, from a button.

        Raises:
            Refused: it is no key of a place.
        """
        parts = key.split(":")
        if key and (len(parts) != 3 or not all(parts[:2])):
            raise Refused("That button does not work any more.")
        return cls(key, Place(parts[0], parts[1], thread=parts[2]) if key else None)


EVERYWHERE_ELSE: Final = Spot(ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Rebound:
    """Who answers in a place from now on, and who did before; None: nobody special."""

    now: Assistant | None
    before: Assistant | None


class Assistants(Protocol):
    """The assistants of creators. No method can reach across creators; each change is noted with who made it."""

    async def speaking(self, creator_id: CreatorId, place: Place) -> Voice:
        """Who answers in a place: who is bound to it, else to what it lies in, else to everywhere else."""
        ...

    async def voice(self, creator_id: CreatorId, assistant_id: AssistantId, version: int | None) -> Voice | None:
        """An assistant with any version of its prompt (None: the one in use); None where there is none such."""
        ...

    async def every(self, creator_id: CreatorId) -> list[Assistant]:
        """Those that are not removed, by name."""
        ...

    async def versions(self, creator_id: CreatorId, assistant_id: AssistantId) -> list[PromptVersion]:
        """The versions of a prompt, newest first."""
        ...

    async def add(self, by: Editor, said: Profile, prompt: str) -> Assistant:
        """Make an assistant; a prompt that is not empty is its first version, and in use.

        Raises:
            Refused: there are too many, or one of that name.
        """
        ...

    async def change(self, by: Editor, assistant_id: AssistantId, change: ProfileChange) -> Assistant | None:
        """Change what is said of an assistant and keep what was said before; None where there is none.

        Raises:
            Refused: there is another one of that name.
        """
        ...

    async def undo(self, by: Editor, assistant_id: AssistantId) -> Assistant | None:
        """Say again of an assistant what was said before the last change; None where that is not known."""
        ...

    async def write(self, by: Editor, assistant_id: AssistantId, prompt: str) -> int | None:
        """Keep a new version of a prompt, not in use yet; its number, or None where there is no such assistant."""
        ...

    async def use(self, by: Editor, assistant_id: AssistantId, version: int) -> int | None:
        """Put a version (0: none) into use; the one before, or None where there is no such version."""
        ...

    async def bind(self, by: Editor, assistant_id: AssistantId | None, spot: Spot) -> Rebound | None:
        """Let an assistant (None: nobody special) answer in a place, or everywhere else.

        Returns:
            Who answers there now, and who did; None where there is no such assistant, or nobody to unbind.
        """
        ...

    async def remove(self, by: Editor, assistant_id: AssistantId) -> Assistant | None:
        """Take an assistant away, with where it was bound; None where there is none."""
        ...

    async def restore(self, by: Editor, assistant_id: AssistantId) -> Assistant | None:
        """Undo a removal; None where it is too late, or another one has that name.

        Where somebody else was bound meanwhile, that one stays.
        """
        ...

    async def note(self, creator_id: CreatorId, student_id: StudentId, message_id: MessageId, voice: Voice) -> None:
        """Keep which assistant and version made an answer that is kept."""
        ...


def checked_name(text: str) -> str:
    """A name as it is shown below answers.

    Raises:
        Refused: it is empty, too long, or could be taken for something else than a name.
    """
    name = one_line(text)
    if not _LETTER.search(name) or _NOT_IN_NAMES.search(name):
        raise Refused("A name has letters, and no marks that mean something in a chat, such as @ # : / or brackets.")
    if len(name) > LONGEST_NAME:
        raise Refused(f"That name has {len(name)} characters; at most {LONGEST_NAME} are shown.")
    return name


def checked_tone(text: str) -> str:
    """A tone as it is kept.

    Raises:
        Refused: it is too long.
    """
    tone = one_line(text)
    if len(tone) > LONGEST_TONE:
        raise Refused(
            f"A tone is a few words, at most {LONGEST_TONE} characters, such as: warm, brief, first names. All else "
            "belongs into the prompt."
        )
    return tone


def checked_prompt(text: str) -> str:
    """A prompt as it is kept, with its lines.

    Raises:
        Refused: it is empty or too long.
    """
    lines = INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    prompt = _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()
    if not prompt:
        raise Refused("There is nothing in that prompt.")
    if len(prompt) > LONGEST_PROMPT:
        raise Refused(f"That prompt has {len(prompt):,} characters; at most {LONGEST_PROMPT:,} are read.")
    return prompt


def read_choice(text: str, named: Callable[[str], SourceId]) -> Choice:
    """The sources of a text such as ``Lesson 1 | documents | topic:glazes | tag:care``.

    Args:
        text: as it was typed.
        named: finds the one source that a title or number means, or raises Refused.

    Raises:
        Refused: it says nothing, or too much, or a part names nothing or several things.
    """
    parts = [part for each in text.split("|") if (part := one_line(each))]
    if not parts:
        raise Refused("Say which sources, with | between: titles, videos, documents, topic:..., tag:..., or all.")
    if len(parts) > MOST_CHOSEN:
        raise Refused(f"At most {MOST_CHOSEN} parts are kept. A kind, topic or tag covers many sources at once.")
    read = [_part(part) for part in parts]
    of = {where: tuple(dict.fromkeys(value for at, value in read if at == where)) for where in _WHERE}
    ids = dict.fromkeys(named(value) for value in of["titles"])
    return Choice(tuple(ids), of["kinds"], of["topics"], of["tags"])


def _part(part: str) -> tuple[str, str]:
    """Where a part of a choice belongs, and what it says there."""
    key, colon, value = (each.strip() for each in part.partition(":"))
    if colon and key.casefold() in {"topic", "tag"} and 0 < len(value) <= LONGEST_TAG:
        return f"{key.casefold()}s", value.lstrip("#").casefold()
    return ("kinds", part.casefold()) if part.casefold() in KINDS else ("titles", part)


def choice_words(choice: Choice | None, titles: Mapping[SourceId, str]) -> str:
    """A choice as people read it."""
    if choice is None:
        return "all sources"
    named = [titles.get(source_id, f"#{source_id} (removed)") for source_id in choice.ids]
    about = [*(f"topic:{topic}" for topic in choice.topics), *(f"tag:{tag}" for tag in choice.tags)]
    return " | ".join([*named, *choice.kinds, *about])


def choice_to_json(choice: Choice | None) -> dict[str, list[Any]] | None:
    """A choice as plain data."""
    if choice is None:
        return None
    return {
        "ids": list(choice.ids), "kinds": list(choice.kinds), "topics": list(choice.topics), "tags": list(choice.tags)
    }  # fmt: skip


def choice_from_json(data: Mapping[str, Sequence[Any]] | None) -> Choice | None:
    """The inverse of :func:`choice_to_json`; a kind that is not known any more is left out."""
    if data is None:
        return None
    kinds = tuple(kind for kind in data["kinds"] if kind in KINDS)
    return Choice(tuple(SourceId(at) for at in data["ids"]), kinds, tuple(data["topics"]), tuple(data["tags"]))
