"""A worker's process that makes a long video searchable without any model, and prints how much memory that took.

The recogniser answers at once, with sentences as a talk has them, and so does the embedder: what is measured is
everything else. Linux only, where ``/proc`` tells of every child how much it had at most.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from adapters.postgres.media_claims import PostgresMediaClaims
from adapters.postgres.transcripts import PostgresRecognitions
from bot.app import DatabaseAddress, open_on
from bot.ingesting import Upload, add_one
from bot.reading import open_files, open_reader
from bot.settings import Settings
from core.asking.budgets import Period
from core.ids import CreatorId
from core.library.ingestion import process
from core.library.speech import Recognised
from core.library.store import Stage
from core.library.transcript import Segment, Word
from tests.adapters.school import INDEXER, shelf_of
from tests.bench.captions import made_up_words
from tests.bench.memory import peak_mb, status_mb

LOOK_EVERY_S: Final = 0.01
SENTENCE_WORDS: Final = 12
WORD_S: Final = 0.4


class Instantly:
    """Hears twelve words in five seconds, whatever the sound is."""

    name: Final = "instantly"
    longest_s: Final = 300.0
    largest_bytes: Final = 500_000_000

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        """See :class:`core.library.speech.Transcriber`."""
        starts_s = range(0, int(self.longest_s), 5)
        words = made_up_words(int(piece.stem), len(starts_s) * SENTENCE_WORDS)
        return Recognised(tuple(
            _sentence(start_s, words[number * SENTENCE_WORDS : (number + 1) * SENTENCE_WORDS])
            for number, start_s in enumerate(starts_s)
        ), "en")  # fmt: skip

    async def close(self) -> None:
        """It holds nothing."""


def _sentence(start_s: float, words: Sequence[str]) -> Segment:
    timed = tuple(Word(start_s + n * WORD_S, start_s + (n + 1) * WORD_S, word) for n, word in enumerate(words))
    return Segment(start_s, timed[-1].end_s, " ".join(words), words=timed)


class Children(threading.Thread):
    """Looks after this process's children: the most memory that any of them had, in megabytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until ``end`` is called."""
        while not self._ended.wait(LOOK_EVERY_S):
            for task in Path("/proc/self/task").iterdir():
                for child in (task / "children").read_text(encoding="ascii").split():
                    self.peak_mb = max(self.peak_mb, status_mb("VmHWM", child) or 0.0)

    def end(self) -> float:
        """Stop looking; the most that was seen."""
        self._ended.set()
        self.join()
        return self.peak_mb


async def nothing_spent(_: CreatorId, period: Period) -> float:
    """No money is spent here."""
    return 0.0


async def read_once(url: str, video: Path, folder: Path) -> None:
    """Upload a video and do a worker's whole work on it; print the peaks in megabytes."""
    settings = Settings.model_validate({"storage": {"data_dir": folder}, "models": {"answer": [], "transcribe": ""}})
    address, children = DatabaseAddress(url, url), Children()
    async with (
        open_on(settings, address) as deployment,
        open_reader(
            settings,
            open_files(settings, deployment.services.scratch),
            PostgresMediaClaims(deployment.database),
            deployment.services.scratch,
            partial(PostgresRecognitions, deployment.database),
            nothing_spent,
        ) as reader,
    ):
        shelf = shelf_of(deployment.database)
        creator = await deployment.directory.add_creator("filmed", "Filmed", None)
        opened_mb = peak_mb()
        children.start()
        await add_one(deployment, creator.id, Upload(str(video)))
        (source,) = await shelf.sources(creator.id)
        await process(
            creator.id, source.item_id, bench=shelf, indexer=INDEXER, reader=replace(reader, transcriber=Instantly())
        )
        (source,) = await shelf.sources(creator.id)
    if source.stage is not Stage.COMPLETED:
        raise RuntimeError(f"the video ended as {source.stage}: {source.reason}")
    sizes = {"opened_mb": opened_mb, "peak_mb": peak_mb(), "child_mb": children.end()}
    sys.stdout.write(json.dumps({**sizes, "hours": source.duration_s / 3600}))


if __name__ == "__main__":
    asyncio.run(read_once(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
