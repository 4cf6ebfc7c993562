"""Written answers with a scripted model server: when the first sentence is seen, the engine's own time, many at once.

The server runs in the same process, so what it takes itself counts against us.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.models.openai_answers import OpenAIAnswerModel
from adapters.postgres.holdings import PostgresHoldings
from core.asking.answer import Answer, Mode
from core.asking.authors import Authors
from core.asking.engine import Engine
from core.asking.holdings import Snapshots
from core.asking.question import Question
from core.asking.routing import Routing
from core.ids import CreatorId
from tests.bench.asking import NoLinks, Town, questions_about, say
from tests.bench.made_up import STEM
from tests.bench.table import Row, percentile
from tests.core.embedders import Rack
from tests.wire.fake_models import Answer as Scripted
from tests.wire.fake_models import Claim, ModelRequest
from tests.wire.fake_models_openai import FakeOpenAI

AT_ONCE: Final = 50
MODEL_TAKES_S: Final = 2.0
SENTENCES: Final = 4


@dataclass(slots=True)
class Look:
    """When an answer was first seen."""

    first_s: float = 0.0

    async def __call__(self, answer: Answer) -> None:
        """Note the time of the first look."""
        self.first_s = self.first_s or time.perf_counter()


async def measure_streaming(town: Town, creator_id: CreatorId, passages: int, questions: int) -> list[Row]:
    """Ask one after the other, and then fifty at once; no question twice."""
    say("written answers")
    texts = questions_about(passages, questions + AT_ONCE + 1)
    async with FakeOpenAI() as server:
        server.answer_with(_quoted)
        model = OpenAIAnswerModel("openai:gpt-6-sol", "gpt-6-sol", api_key="test-key", base_url=server.base_url)
        engine = _engine(town, model)
        await engine.answer(Question(creator_id, texts[0]))  # imports the SDK and reads the library
        single = await _one_by_one(engine, server, creator_id, texts[1 : questions + 1])
        server.takes_s = MODEL_TAKES_S
        crowd = await _at_once(engine, creator_id, texts[questions + 1 :])
        await model.close()
    return [*single, *crowd]


async def _one_by_one(engine: Engine, server: FakeOpenAI, creator_id: CreatorId, texts: Sequence[str]) -> list[Row]:
    server.takes_s = MODEL_TAKES_S / 10
    seen_ms: list[float] = []
    engine_ms: list[float] = []
    for text in texts:
        look = Look()
        answer = await engine.answer(Question(creator_id, text), look)
        said_s = next(at for at, written in server.sent if "]}" in written)  # its first sentence is closed
        seen_ms.append(1000 * (look.first_s - said_s))
        took = answer.timing_ms
        engine_ms.append(took["total"] - took["embedding"] - took["writing"])
    seen = "first sentence seen, over the model's first"
    return [
        Row("written answers", f"{seen}, p50", percentile(seen_ms, 50), "ms", goal=150.0),
        Row("written answers", f"{seen}, p95", percentile(seen_ms, 95), "ms", goal=150.0),
        Row("written answers", "all but model and embedder, p50", percentile(engine_ms, 50), "ms", goal=25.0),
    ]


async def _at_once(engine: Engine, creator_id: CreatorId, texts: Sequence[str]) -> list[Row]:
    began_s = time.perf_counter()
    answers = await asyncio.gather(*(engine.answer(Question(creator_id, text)) for text in texts))
    took_s = time.perf_counter() - began_s
    written = sum(answer.mode is Mode.WRITTEN and answer.finished for answer in answers)
    what = f"{len(texts)} questions at once, the model taking {MODEL_TAKES_S:g} s"
    return [
        Row("written answers", f"{what}: the last answered", took_s, "s", goal=6.0),
        Row("written answers", f"{what}: answered", written, "", goal=len(texts), at_least=True),
    ]


def _engine(town: Town, model: OpenAIAnswerModel) -> Engine:
    holdings, nowhere = PostgresHoldings(town.database), NoLinks()
    return Engine(
        holdings=holdings, snapshots=Snapshots(holdings, 10**9, 10**9),
        embedders=Rack({town.embedder.embedder_id: town.embedder}), stem=STEM,
        routing=Routing([model]), authors=Authors(nowhere), links=nowhere,
    )  # fmt: skip


def _quoted(request: ModelRequest) -> Scripted:
    """A sentence for each of the first pieces of evidence."""
    return [Claim(entry.text, (entry.label,)) for entry in request.evidence[:SENTENCES]]
