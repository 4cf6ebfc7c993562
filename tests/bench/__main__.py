"""Speed and memory against the bare parts, in one run on one machine: trust the ratios."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.asking import measure_asking, measure_candidates, open_town, say
from tests.bench.ingesting import measure_captions, measure_ingestion
from tests.bench.ledger import measure_ledger
from tests.bench.processes import measure_hearing, measure_long_video, measure_memory, measure_start_up
from tests.bench.queueing import measure_queue
from tests.bench.streaming import measure_streaming
from tests.bench.table import Row, print_table

SIZES: Final = (100, 1_000, 10_000, 30_000)
SMALL: Final = (100, 1_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="small libraries and few questions, to see that it works"
    )
    parser.add_argument(
        "--speech", type=Path, default=os.environ.get("SPEECH") or None, metavar="FOLDER",
        help="recordings, each with what is said in it beside it as .txt, whose word error is measured, too",
    )  # fmt: skip
    parser.add_argument(
        "--ledger", type=Path, default=os.environ.get("LEDGER") or None, metavar="FILE",
        help="a ledger in SQL with a function chronos.earn, against which awards are measured",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="chronos-bench-") as folder:
        ledger = arguments.ledger.read_text() if arguments.ledger else ""
        rows = asyncio.run(_all(Path(folder), arguments.speech, ledger, small=arguments.small))
        rows += measure_start_up(Path(folder) / "shell")
    if arguments.small:  # the goals are for full sizes
        rows = [replace(row, goal=None) for row in rows]
    if arguments.json:
        sys.stdout.write(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    else:
        print_table(rows, tty=sys.stdout.isatty())


async def _all(folder: Path, speech: Path | None, ledger: str, *, small: bool) -> list[Row]:
    rows = await _in_town(folder, SMALL if small else SIZES, small=small)
    say("two workers")
    rows += await measure_queue(folder / "queue", captions=20 if small else 300)
    rows += await measure_ledger(folder / "ledger", ledger, small=small)
    say("hearing")
    return rows + await measure_hearing(speech, small=small)


async def _in_town(folder: Path, sizes: Sequence[int], *, small: bool) -> list[Row]:
    async with open_town(folder / "town") as town:
        ingested = await measure_ingestion(town, most_sources=1 if small else 8)
        ingested += await measure_captions(town, folder, minutes=5 if small else 60)
        asked, creators = await measure_asking(town, sizes, questions=20 if small else 100)
        size = sizes[-2]
        candidates = await measure_candidates(town, creators, size, questions=10 if small else 40)
        written = await measure_streaming(town, creators, size, questions=10 if small else 40)
        say("memory")
        held = await measure_memory(town, creators, size)
        return [
            *asked,
            *candidates,
            *written,
            *ingested,
            *held,
            *await measure_long_video(town, folder, 0.1 if small else 2),
        ]


if __name__ == "__main__":
    main()
