"""A worker as a process of its own, with a scripted reader, that may stop in one stage until it is killed or let go.

``python -m tests.wire.worker_process URL FOLDER [STAGE]``
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from adapters.postgres.shelf import PostgresShelf
from bot.app import DatabaseAddress, open_on
from bot.settings import Settings
from bot.tasks import run_worker
from core.ids import CreatorId, ItemId
from core.library.origins import Listing
from core.library.reading import ReadSource, Report
from core.library.store import Stage, Work
from core.library.transcript import Transcript
from tests.adapters.school import spoken


class StoppingShelf(PostgresShelf):
    """Says when the work reaches a stage, and goes no further until the file ``go`` is there."""

    stops_at = ""
    go = Path("go")

    async def advance(self, creator_id: CreatorId, item_id: ItemId, stage: Stage, progress: float) -> None:
        await super().advance(creator_id, item_id, stage, progress)
        if stage == self.stops_at:
            print("stopped", flush=True)  # noqa: T201 - the test reads it
            while not self.go.exists():
                await asyncio.sleep(0.05)
            print("goes on", flush=True)  # noqa: T201 - the test reads it


class Reader:
    """Reads every link as the same lecture, stage after stage."""

    async def read(self, work: Work, report: Report) -> ReadSource | Listing:
        print("read", flush=True)  # noqa: T201 - the test reads it
        await report(Stage.DOWNLOADING, 0.5)
        await report(Stage.TRANSCRIBING, 0.5)
        return ReadSource(Transcript(spoken("ink", 20), language="en"), "All about ink")


async def main(url: str, folder: str, stops_at: str) -> None:
    settings = Settings.model_validate({"storage": {"data_dir": folder}})
    async with open_on(settings, DatabaseAddress(url, url), Reader()) as deployment:
        shelf = StoppingShelf(deployment.database)
        shelf.stops_at, shelf.go = stops_at, Path(folder) / "go"
        await run_worker(replace(deployment, shelf=shelf), asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], "".join(sys.argv[3:])))
