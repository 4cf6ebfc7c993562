"""What whole processes take: from the shell to the first answer, and the memory of one that holds a library."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from bot.app import open_deployment
from bot.sample import add_sample_library
from bot.settings import Settings
from core.ids import CreatorId
from core.library.ingestion import process
from tests.bench.asking import Town
from tests.bench.table import Row, percentile

CHRONOS: Final = str(Path(sys.executable).with_name("chronos"))
RUNS: Final = 3
QUESTION: Final = "How hot should the milk get?"
ASK: Final = ("ask", "--creator", "home-espresso", QUESTION, "--json")


def measure_start_up(folder: Path) -> list[Row]:
    """Run `chronos ask` on a small library whose server has to start first, and its parts."""
    asyncio.run(_prepare(folder))
    answers = [_timed(CHRONOS, *ASK, folder=folder) for _ in range(RUNS)]
    nothing = percentile([_timed("-c", "pass", folder=folder)[0] for _ in range(RUNS)], 50)
    imports = percentile([_timed("-c", "import bot.administration", folder=folder)[0] for _ in range(RUNS)], 50)
    helped = percentile([_timed(CHRONOS, "--help", folder=folder)[0] for _ in range(RUNS)], 50)
    answered = percentile([json.loads(out)["timing_ms"]["total"] / 1000 for _, out in answers], 50)
    whole = percentile([taken_s for taken_s, _ in answers], 50)
    group = "start-up"
    return [
        Row(group, "`chronos ask`, from the shell to the answer (python)", whole, "s", nothing),
        Row(group, "  imports", imports - nothing, "s"),
        Row(group, "  model, library and answer", answered, "s"),
        Row(group, "  database started, opened and stopped", whole - imports - answered, "s"),
        Row(group, "`chronos --help` (python)", helped, "s", nothing),
    ]


async def _prepare(folder: Path) -> None:
    async with open_deployment(_settings(folder)) as deployment:
        await add_sample_library(deployment)
        for creator in await deployment.directory.creators():
            for source in await deployment.shelf.sources(creator.id):
                await process(creator.id, source.item_id, bench=deployment.shelf, indexer=deployment.indexer)
            await deployment.engine.recalibrate(creator.id)


def _settings(folder: Path) -> Settings:
    return Settings.model_validate({"storage": {"data_dir": folder}, "models": {"answer": []}})


def _timed(*arguments: str, folder: Path) -> tuple[float, str]:
    environment = {**os.environ, "CHRONOS_STORAGE__DATA_DIR": str(folder)}
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *arguments], check=True, capture_output=True, text=True, env=environment
    )
    return time.perf_counter() - began, done.stdout


async def measure_memory(town: Town, creator_id: CreatorId, passages: int) -> list[Row]:
    """The peak of a process that is wired as in production, has answered, and holds the library."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.memory", town.url, str(creator_id), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    sizes = json.loads(printed)
    group = "memory"
    return [
        Row(group, f"peak with embedder and {passages:,} passages held", sizes["peak_mb"], "MB", goal=700),
        Row(group, "  after opening everything", sizes["opened_mb"], "MB"),
        Row(group, "  after a first text embedded", sizes["embedded_mb"], "MB"),
    ]
