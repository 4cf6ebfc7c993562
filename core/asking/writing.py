"""What a language model is asked to do: word an answer from labelled sentences, and say which ones it used."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.asking.answer import Usage
from core.asking.holdings import Span
from core.ids import SourceId


@dataclass(frozen=True, slots=True)
class EvidenceSentence:
    """A stored sentence that may be cited; ``label`` ("S1", "S2", ...) is valid within one question only."""

    label: str
    source_id: SourceId
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """The sentences of one source that go to the model, in their order in the source."""

    title: str
    sentences: tuple[EvidenceSentence, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the same session with the answer it got; ``cited`` are the units that it rests on."""

    question: str
    answer: str
    cited: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a creator wants to be spoken for: the assistant of the place where it is asked; empty: our default.

    ``key`` names the assistant with the version of its prompt, for the keys of caches. ``instructions`` are the
    creator's words: they shape the answer and never outrank our rules. ``models`` are configured names to use in
    place of the operator's order. ``sources``: only these are searched; None: all. ``tutor``: it leads to the answer
    with a question in place of giving it away.
    """

    key: str = ""
    name: str = ""
    tone: str = ""
    instructions: str = ""
    models: tuple[str, ...] = ()
    sources: frozenset[SourceId] | None = None
    tutor: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the person who asks likes answers, as they said themselves; empty: as usual."""

    language: str = ""
    level: str = ""
    length: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Background:
    """What is remembered of who asks: like ``history`` it is no evidence; false where there is nothing.

    ``summary`` is of the earlier conversation. ``facts`` are what they said about themselves, which is theirs alone:
    no answer repeats it.
    """

    summary: str = ""
    facts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it for a model; empty where there is nothing."""
        about = "; ".join(f"“{fact}”" for fact in self.facts)
        parts = (
            f"Earlier in this conversation: {self.summary}" if self.summary else "",
            f"Who asks said about themselves: {about}" if about else "",
        )
        return "\n".join(part for part in parts if part)

    def __bool__(self) -> bool:
        """Whether anything is remembered."""
        return bool(self.summary or self.facts)


@dataclass(frozen=True, slots=True)
class Task:
    """Everything a model may know: nothing in it is an instruction except what Chronos itself says.

    ``background`` is what is remembered of who asks: like ``history``, it is no evidence.
    ``objection`` is what the person said against an earlier answer to this question.
    """

    question: str
    evidence: tuple[EvidenceSource, ...]
    history: tuple[Turn, ...] = ()
    language: str = "en"
    manner: Manner = field(default_factory=Manner)
    wishes: Wishes = field(default_factory=Wishes)
    background: Background = field(default_factory=Background)
    objection: str = ""


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence as the model wrote it, with the labels it claims; neither is trusted yet."""

    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A model's unchecked answer; ``covered`` is False where it found that the evidence does not answer.

    ``first_word_ms`` passed from asking to its first word, 0.0 where that is not known.
    """

    covered: bool
    sentences: tuple[DraftSentence, ...]
    model: str
    usage: Usage = field(default_factory=Usage)
    first_word_ms: float = 0.0


Heard = Callable[[DraftSentence], Awaitable[None]]
"""Takes each sentence of a draft as soon as the model has closed it."""


async def unheard(sentence: DraftSentence) -> None:
    """Nobody listens while a model writes."""


class AnswerModel(Protocol):
    """A language model that words answers."""

    @property
    def name(self) -> str:
        """The configured name, such as ``anthropic:claude-sonnet-5-5``."""
        ...

    async def write(self, task: Task, heard: Heard = unheard) -> Draft:
        """Word an answer from the task's evidence; ``heard`` is awaited for each sentence as it is complete.

        What was heard is how the draft begins, unless the draft says in the end that it does not cover the question.

        Raises:
            ProviderBusy: overloaded, rate limited, or silent for too long.
            TooLong: the task is more than the model reads.
            Declined: it refused, did not finish within its limit, or wrote what cannot be read.
            ProviderError: any other failure, a break included.
        """
        ...

    async def close(self) -> None:
        """Give its connections back."""
        ...
