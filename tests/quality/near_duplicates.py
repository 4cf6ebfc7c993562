"""How the answer cache treats questions that are nearly the same: wordings of one question, and others that are not.

Every line of the set is a question, wordings that ask the same, and questions that ask something else: with another
number, unit, name or thing, denied, turned round, or asking when in place of why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from adapters.postgres.answer_cache import PostgresAnswerCache
from adapters.sources.stemming import SnowballStemmer
from bot.app import Deployment
from bot.evaluation import EvaluatedLibrary
from core.asking.answer import Mode
from core.asking.authors import Authors
from core.asking.budgets import Step
from core.asking.cache import AnswerCache, Looked
from core.asking.engine import Engine
from core.asking.holdings import Snapshots
from core.asking.question import Question
from core.asking.routing import Routing
from core.asking.words import tokens
from core.asking.writing import Draft, DraftSentence, Heard, Task, unheard
from core.errors import ProviderError
from core.ids import CreatorId
from tests.quality.sample import FOLDER, lines

NEAR_DUPLICATES: Final = FOLDER / "near_duplicates.jsonl"


class Scribe:
    """Copies the sentence that shares most words with the question, and signs with the question."""

    name = "scribe"

    async def write(self, task: Task, heard: Heard = unheard) -> Draft:
        asked = set(tokens(task.question))
        said = [sentence for source in task.evidence for sentence in source.sentences]
        best = max(said, key=lambda sentence: len(asked.intersection(tokens(sentence.text))))
        return Draft(True, (DraftSentence(best.text, (best.label,)),), model=task.question)

    async def close(self) -> None:
        """Holds no connection."""


class Looks:
    """Counts what became of each look."""

    def __init__(self) -> None:
        self.counted: Counter[Looked] = Counter()

    def looked(self, looked: Looked) -> None:
        self.counted[looked] += 1

    def model_failed(self, model: str, error: ProviderError) -> None:
        raise AssertionError(f"{model} failed") from error


@dataclass
class Served:
    """What was given from the cache: rightly, or the answer to another question, with both questions."""

    rightly: int = 0
    wrongly: list[tuple[str, str]] = field(default_factory=list)
    same: int = 0
    others: int = 0
    looks: Counter[Looked] = field(default_factory=Counter)

    @property
    def precision(self) -> float:
        return self.rightly / max(self.rightly + len(self.wrongly), 1)

    @property
    def hit_rate(self) -> float:
        """Of the wordings whose question has an answer that is kept."""
        return self.rightly / max(self.same, 1)


async def ask_near_duplicates(
    deployment: Deployment, library: EvaluatedLibrary, path: Path = NEAR_DUPLICATES
) -> Served:
    """Ask all questions so that their answers are kept, then all that is near to them from the cache alone."""
    looks = Looks()
    engine, served = _engine(deployment, looks), Served(looks=looks.counted)
    groups = [line for line in lines(path) if await _kept(engine, library, line)]
    looks.counted.clear()
    for group in groups:
        creator_id = library.creators[group["creator"]]
        served.same += len(group["same"])
        served.others += len(group["different"])
        for wording in group["same"]:
            await _ask(engine, creator_id, wording, group["asked"], served)
        for other in group["different"]:
            await _ask(engine, creator_id, other["question"], None, served)
    return served


async def _kept(engine: Engine, library: EvaluatedLibrary, line: Mapping[str, Any]) -> bool:
    answer = await engine.answer(Question(library.creators[line["creator"]], line["asked"]))
    return answer.mode is Mode.WRITTEN and bool(answer.citations)


async def _ask(engine: Engine, creator_id: CreatorId, question: str, meant: str | None, served: Served) -> None:
    answer = await engine.answer(Question(creator_id, question, step=Step.QUOTING))
    if answer.mode is not Mode.WRITTEN:
        return
    if answer.model == meant:
        served.rightly += 1
    else:
        served.wrongly.append((question, answer.model))


def _engine(deployment: Deployment, looks: Looks) -> Engine:
    """The engine as it runs, with a model, and a cache that starts as empty as the database."""
    holdings, stem, links = deployment.holdings, SnowballStemmer(), deployment.links
    return Engine(
        holdings=holdings, snapshots=Snapshots(holdings, 10**9, 10**6), embedders=deployment.embedders, stem=stem,
        routing=Routing([Scribe()]), authors=Authors(looks), links=links,
        cache=AnswerCache(PostgresAnswerCache(deployment.database), holdings, stem, links, looks),
    )  # fmt: skip


def pairs(path: Path = NEAR_DUPLICATES) -> Sequence[tuple[str, str, bool]]:
    """Every question with every other of its line, and whether they ask the same."""
    return [
        pair
        for line in lines(path)
        for pair in (
            *((line["asked"], wording, True) for wording in line["same"]),
            *((line["asked"], other["question"], False) for other in line["different"]),
        )
    ]
