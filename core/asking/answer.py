"""What an answer is: its outcome, its text by the sentence, and the moments that support it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.asking.notices import UNFINISHED, in_language
from core.ids import SourceId


class Outcome(StrEnum):
    """What became of a question."""

    ANSWERED = "answered"
    CLOSEST = "closest"
    ABSTAINED = "abstained"
    REFUSED = "refused"


class Mode(StrEnum):
    """Who worded the answer: a model, or the creator's own sentences."""

    WRITTEN = "written"
    QUOTED = "quoted"


class Confidence(StrEnum):
    """How sure it is that the material answers: high and medium answer, low shows the closest moments."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Locator:
    """Where in its source a citation stands: ``kind`` is time, page, slide or heading; ``value`` a page's number."""

    kind: str
    value: str

    @property
    def words(self) -> str:
        """As people read it: ``12:34``, ``page 4``, or the heading."""
        return f"{self.kind} {self.value}" if self.kind in {"page", "slide"} else self.value


@dataclass(frozen=True, slots=True)
class Citation:
    """A moment of a source that supports the answer; seconds from its start, None where the source has no times.

    ``kind`` is the source's :class:`core.library.store.SourceKind`. ``first`` and ``last`` are the positions of its
    sentences in the source, both inclusive; -1 where it stands for a source as a whole.
    """

    label: str
    source_id: SourceId
    title: str
    url: str
    locator: Locator
    start_s: float | None
    end_s: float | None
    quote: str
    kind: str = ""
    first: int = -1
    last: int = -1


class Origin(StrEnum):
    """Where a sentence of an answer comes from: a source, a note or an answer of the staff, or a list of sources."""

    SOURCE = "source"
    NOTE = "note"
    PAIR = "pair"
    ENTRY = "entry"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer with the labels of the citations that support it.

    What the staff wrote (``origin``) is there as a whole and as it was written, with lines and addresses.
    """

    text: str
    labels: tuple[str, ...] = ()
    origin: Origin = Origin.SOURCE


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model call used; ``cost_usd`` by the configured price table, 0.0 where no price is known."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model, failed ones included; ``failure`` is empty where it did what it was asked for.

    ``model`` is the one that really answered; ``first_word_ms`` is 0.0 where no word came.
    """

    model: str
    purpose: str
    usage: Usage
    first_word_ms: float
    took_ms: float
    failure: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer; ``notice`` is a sentence of ours to the asker, such as why there is no answer.

    ``members_only``: a source that it cites is not for everybody, so that nobody else may see it. ``places``, where
    a model wrote it: of each citation, the positions of its sentences in their source. ``finished``
    is False where every model broke off and this is how far they came. ``calls`` are those of models that it took.
    ``language`` is the one that whoever asked reads our own sentences in.
    """

    outcome: Outcome
    mode: Mode
    confidence: Confidence
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    notice: str = ""
    model: str = ""
    usage: Usage = field(default_factory=Usage)
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    members_only: bool = False
    finished: bool = True
    calls: tuple[ModelCall, ...] = ()
    places: tuple[tuple[int, ...], ...] = ()
    language: str = "en"

    @property
    def text(self) -> str:
        """The words of the answer, labels included, as plain text."""
        body = " ".join(s.text + "".join(f" [{label}]" for label in s.labels) for s in self.sentences)
        return "\n\n".join(part for part in (self.notice, body, self.broken_off) if part)

    @property
    def broken_off(self) -> str:
        """What stands below an answer that is not finished; empty below one that is."""
        return "" if self.finished else in_language(UNFINISHED, self.language)

    def noticed(self, notice: str) -> "Answer":
        """The same answer with one more sentence of ours, before those that it has."""
        return replace(self, notice="\n\n".join(part for part in (notice, self.notice) if part))

    @property
    def grounded(self) -> bool:
        """Answered to its end, or closest with at least medium confidence, with a citation (DESIGN 5)."""
        sure = self.outcome is Outcome.ANSWERED or (
            self.outcome is Outcome.CLOSEST and self.confidence in {Confidence.MEDIUM, Confidence.HIGH}
        )
        return sure and bool(self.citations) and self.finished

    def as_json(self) -> dict[str, Any]:
        """The document that ``chronos ask --json`` prints."""
        return {
            "outcome": self.outcome.value,
            "mode": self.mode.value,
            "confidence": self.confidence.value,
            "text": self.text,
            "citations": [asdict(citation) for citation in self.citations],
            "model": self.model,
            "usage": asdict(self.usage),
            "timing_ms": dict(self.timing_ms),
        }


def by_source(citations: Sequence[Citation]) -> list[list[Citation]]:
    """Citations in their order, those of one source together."""
    together: dict[SourceId, list[Citation]] = {}
    for citation in citations:
        together.setdefault(citation.source_id, []).append(citation)
    return list(together.values())
