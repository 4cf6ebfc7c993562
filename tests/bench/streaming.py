"""Written answers through a whole deployment with a scripted model server: the first sentence, our own time, a crowd.

They go the way that a chat's go: counted, remembered, kept, read by a clerk where there is doubt, written and stored.
The server runs in the same process, so what it takes itself counts against us.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Final

from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from core.conversation import Person, Place, Reply, Request
from core.ids import CreatorId
from tests.bench.asking import Town, questions_about, say
from tests.bench.table import Row, percentile
from tests.wire.fake_models import Answer as Scripted
from tests.wire.fake_models import Claim, ModelRequest
from tests.wire.fake_models_openai import FakeOpenAI

AT_ONCE: Final = 50
MODEL_TAKES_S: Final = 2.0
SENTENCES: Final = 4
OF_OTHERS: Final = ("embedding", "reading", "writing")
"""Parts of an answer that the embedder or a model takes."""
HERE: Final = Place("discord", "c1", "1", "School")
LAST: Final = """
    SELECT mode, timing_ms FROM chat_messages
     WHERE creator_id = $1 AND student_id = $2
     ORDER BY id DESC LIMIT 1
"""


@dataclass(slots=True)
class Asker:
    """Somebody who asks in a community, and reads along."""

    deployment: Deployment
    creator_id: CreatorId
    person: Person
    first_s: float = 0.0

    async def asks(self, question: str) -> float:
        """Ask, and return how long the whole of it took, in milliseconds."""
        self.first_s, began_s = 0.0, time.perf_counter()
        await self._says("ask", {"question": question})
        return 1000 * (time.perf_counter() - began_s)

    async def starts_afresh(self) -> None:
        """Let the next question lean on none before it, as most questions do."""
        await self._says("new", {})

    async def last(self) -> tuple[str, Mapping[str, float]]:
        """Who worded the last answer, and what took how long of it, in milliseconds."""
        student = await self.deployment.directory.student(self.person)
        async with self.deployment.database.creator(self.creator_id, student) as connection:
            row = await connection.fetchrow(LAST, self.creator_id, student)
        return (row["mode"], row["timing_ms"]) if row else ("", {})

    async def _says(self, command: str, arguments: Mapping[str, str]) -> None:
        async def seen(reply: Reply) -> None:
            self.first_s = self.first_s or time.perf_counter()

        await self.deployment.responder.respond(Request(HERE, self.person, command, arguments), seen)


async def measure_streaming(town: Town, creator_id: CreatorId, passages: int, questions: int) -> list[Row]:
    """Ask one after the other, and then fifty people at once; no question twice."""
    say("written answers")
    texts = questions_about(passages, questions + AT_ONCE + 1)
    async with FakeOpenAI() as server, _deployed(town, server) as deployment:
        server.answer_with(_quoted)
        await deployment.directory.add_community(creator_id, HERE)
        one = Asker(deployment, creator_id, Person("discord", "1", "a student"))
        await one.asks(texts[0])  # imports the SDK and reads the library
        single = await _one_by_one(one, server, texts[1 : questions + 1])
        server.takes_s = MODEL_TAKES_S
        crowd = [Asker(deployment, creator_id, Person("discord", str(n), "a student")) for n in range(2, AT_ONCE + 2)]
        return [*single, *await _at_once(crowd, texts[questions + 1 :])]


async def _one_by_one(one: Asker, server: FakeOpenAI, texts: Sequence[str]) -> list[Row]:
    server.takes_s = MODEL_TAKES_S / 10
    seen_ms: list[float] = []
    engine_ms: list[float] = []
    way_ms: list[float] = []
    for text in texts:
        await one.starts_afresh()
        server.sent.clear()
        whole_ms = await one.asks(text)
        said_s = next((at for at, written in server.sent if "]}" in written), 0.0)  # its first sentence is closed
        if not said_s:  # a kept answer to nearly the same question
            continue
        seen_ms.append(1000 * (one.first_s - said_s))
        _, took_ms = await one.last()
        of_others_ms = sum(took_ms.get(part, 0.0) for part in OF_OTHERS)
        engine_ms.append(took_ms["total"] - of_others_ms)
        way_ms.append(whole_ms - of_others_ms)
    seen = "first sentence seen, over the model's first"
    return [
        Row("written answers", f"{seen}, p50", percentile(seen_ms, 50), "ms", goal=150.0),
        Row("written answers", f"{seen}, p95", percentile(seen_ms, 95), "ms", goal=150.0),
        Row("written answers", "engine besides model and embedder, p50", percentile(engine_ms, 50), "ms", goal=25.0),
        Row(
            "written answers",
            "the whole way besides them, from a command to its reply, p50",
            percentile(way_ms, 50),
            "ms",
        ),
    ]


async def _at_once(crowd: Sequence[Asker], texts: Sequence[str]) -> list[Row]:
    began_s = time.perf_counter()
    await asyncio.gather(*(asker.asks(text) for asker, text in zip(crowd, texts, strict=True)))
    took_s = time.perf_counter() - began_s
    written = sum([(await asker.last())[0] == "written" for asker in crowd])
    what = f"{len(texts)} questions at once, the model taking {MODEL_TAKES_S:g} s"
    return [
        Row("written answers", f"{what}: the last answered", took_s, "s", goal=6.0),
        Row("written answers", f"{what}: answered", written, "", goal=len(texts), at_least=True),
    ]


@asynccontextmanager
async def _deployed(town: Town, server: FakeOpenAI) -> AsyncIterator[Deployment]:
    """The town's database as it is run for people, with the server's model to write and to read."""
    with TemporaryDirectory(prefix="chronos-bench-written-") as folder:
        settings = Settings.model_validate(
            {
                "storage": {"data_dir": folder},
                "openai": {"api_key": server.api_key, "base_url": server.base_url},
                "models": {"answer": ["openai:gpt-6-sol"]},
                "limits": {
                    "questions_per_minute": 0, "community_questions_per_minute": 0, "questions_per_day": 0,
                    "model_usd_per_day": 0, "model_usd_per_month": 0, "student_model_usd_per_day": 0,
                },
            }
        )  # fmt: skip
        async with open_on(settings, DatabaseAddress(town.url, town.url)) as deployment:
            yield deployment


def _quoted(request: ModelRequest) -> Scripted:
    """A sentence for each of the first pieces of evidence; a reader finds that they answer."""
    if request.schema and "sufficient" in request.schema.get("properties", {}):
        return {"answered": [], "missing": [], "sufficient": True, "labels": ["S1"]}
    return [Claim(entry.text, (entry.label,)) for entry in request.evidence[:SENTENCES]]
