"""Speed and memory against the bare parts, in one run on one machine: trust the ratios."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.asking import measure_asking, measure_candidates, open_town
from tests.bench.ingesting import measure_ingestion
from tests.bench.processes import measure_memory, measure_start_up
from tests.bench.table import Row, print_table

SIZES: Final = (100, 1_000, 10_000, 30_000)
SMALL: Final = (100, 1_000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="small libraries and few questions, to see that it works"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="chronos-bench-") as folder:
        rows = asyncio.run(
            _in_town(Path(folder) / "town", SMALL if arguments.small else SIZES, small=arguments.small)
        )
        rows += measure_start_up(Path(folder) / "shell")
    if arguments.json:
        sys.stdout.write(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    else:
        print_table(rows, tty=sys.stdout.isatty())


async def _in_town(folder: Path, sizes: Sequence[int], *, small: bool) -> list[Row]:
    async with open_town(folder) as town:
        ingested = await measure_ingestion(town, most_sources=1 if small else 8)
        asked, creators = await measure_asking(town, sizes, questions=20 if small else 100)
        size = sizes[-2]
        candidates = await measure_candidates(town, creators, size, questions=10 if small else 40)
        return [*asked, *candidates, *ingested, *await measure_memory(town, creators, size)]


if __name__ == "__main__":
    main()
