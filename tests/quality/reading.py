"""How altered questions end, without a model and with a reader who looks at the evidence before it is answered from.

The reader is scripted: it knows what answers a question and finds it in what it is given, or does not. So the figures
say what the engine makes of a perfect reader, not how good a model reads.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.sources.stemming import SnowballStemmer
from bot.app import Deployment
from bot.evaluation import EvaluatedLibrary
from core.asking.answer import Outcome
from core.asking.authors import Authors
from core.asking.engine import Engine
from core.asking.forms import Filled, Form
from core.asking.holdings import Snapshots
from core.asking.question import Question
from core.asking.routing import Routing
from core.errors import ProviderError
from core.ids import CreatorId, UsageId
from core.tiers import ALL_TIERS

MEGABYTE: Final = 2**20
Line = Mapping[str, Any]


@dataclass
class ExactReader:
    """Finds evidence sufficient where one of the texts stands in it that answer the question; counts its readings."""

    texts: Sequence[str] = ()
    readings: int = 0
    purposes: Counter[str] = field(default_factory=Counter)

    async def fill(
        self, creator_id: CreatorId, form: Form, purpose: str, question: UsageId | None = None
    ) -> Filled | None:
        """Look for the texts in the lines of the form."""
        self.readings += 1
        self.purposes[purpose] += 1
        labels = [
            line.partition(":")[0]
            for line in form.material.splitlines()
            if line.startswith("S") and any(text and text in _plain(line) for text in self.texts)
        ]
        values = {
            "answered": ["it"] if labels else [],
            "missing": [],
            "sufficient": bool(labels),
            "labels": labels[:3],
        }
        return Filled(values, "scripted")


class _Silent:
    def model_failed(self, model: str, error: ProviderError) -> None:
        """No model is asked."""


@dataclass(frozen=True)
class Tally:
    """How the questions of one kind ended: shares of all of them, in [0, 1]."""

    questions: int
    answered: float
    closest: float
    nothing: float
    read: float


async def tally(
    deployment: Deployment,
    library: EvaluatedLibrary,
    asked: Iterable[Line],
    answers: Callable[[Line], Sequence[str]],
    *,
    with_reader: bool,
) -> Tally:
    """Ask questions, with a reader or without.

    Args:
        deployment: holds the library.
        library: what was filled.
        asked: lines of a set.
        answers: the texts any of which answers a question; none where nothing does.
        with_reader: whether somebody reads.
    """
    reader = ExactReader()
    engine = _engine(deployment, reader if with_reader else None)
    outcomes: Counter[Outcome] = Counter()
    for line in asked:
        reader.texts = [_plain(text) for text in answers(line)]
        question = Question(library.creators[line["creator"]], line["question"], tiers=ALL_TIERS)
        outcomes[(await engine.answer(question)).outcome] += 1
    total = max(outcomes.total(), 1)
    answered, closest = outcomes[Outcome.ANSWERED], outcomes[Outcome.CLOSEST]
    rest = outcomes.total() - answered - closest
    return Tally(outcomes.total(), answered / total, closest / total, rest / total, reader.readings / total)


def _engine(deployment: Deployment, reader: ExactReader | None) -> Engine:
    holdings = deployment.holdings
    return Engine(
        holdings=holdings, snapshots=Snapshots(holdings, 64 * MEGABYTE, 100_000), embedders=deployment.embedders,
        stem=SnowballStemmer(), routing=Routing(), authors=Authors(_Silent()), links=deployment.links, clerk=reader,
    )  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace('"', "'").split())


def answers_of(segments: Mapping[str, Sequence[Line]]) -> Callable[[Line], Sequence[str]]:
    """How to find what answers a line: the answers that it names, else the sentences of its golden times.

    Args:
        segments: of each video, with ``start``, ``end`` and ``text``.
    """

    def answers(line: Line) -> Sequence[str]:
        if not line.get("answerable", True):
            return ()
        return line.get("answer") or [
            segment["text"]
            for segment in segments.get(line["video_id"], ())
            if any(segment["start"] < end and segment["end"] > start for start, end in line["gold"])
        ]

    return answers
