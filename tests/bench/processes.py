"""What whole processes take: from the shell to the first answer, and the memory of one that holds a library."""

import asyncio
import json
import os
import subprocess
import sys
import time
from math import ceil
from pathlib import Path
from typing import Any, Final

from bot.app import open_deployment
from bot.sample import add_sample_library
from bot.settings import Settings
from core.ids import CreatorId
from core.library.ingestion import process
from tests.bench.asking import Town
from tests.bench.recordings import TURN_S, write_talk
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
    sizes = await _printed("tests.bench.memory", town.url, str(creator_id))
    group = "memory"
    return [
        Row(group, f"peak with embedder and {passages:,} passages held", sizes["peak_mb"], "MB", goal=700),
        Row(group, "  after opening everything", sizes["opened_mb"], "MB"),
        Row(group, "  after a first text embedded", sizes["embedded_mb"], "MB"),
    ]


async def measure_long_video(town: Town, folder: Path, hours: float) -> list[Row]:
    """The peak of a worker that makes a long video searchable, without its models; told on Linux only."""
    if sys.platform != "linux":
        return []
    video = await asyncio.to_thread(write_talk, folder / "long.mp4", ceil(hours * 3600 / TURN_S))
    sizes = await _printed("tests.bench.reading_memory", town.url, str(video), str(folder / "data"))
    group = f"memory, video of {sizes['hours']:.1f} h"
    return [
        Row(group, "worker and its largest child, without models", sizes["peak_mb"] + sizes["child_mb"], "MB",
            goal=600),
        Row(group, "  the worker's peak", sizes["peak_mb"], "MB"),
        Row(group, "  the worker with everything opened", sizes["opened_mb"], "MB"),
        Row(group, "  the largest child", sizes["child_mb"], "MB"),
    ]  # fmt: skip


async def measure_hearing(speech: Path | None, *, small: bool) -> list[Row]:
    """The rows of :mod:`tests.bench.hearing`."""
    options = [*(["--small"] if small else []), *(["--speech", str(speech)] if speech else [])]
    return [Row(**row) for row in await _printed("tests.bench.hearing", *options)]


async def _printed(module: str, *arguments: str) -> Any:  # noqa: ANN401 - what JSON can say
    """Run a module and read what it prints.

    Raises:
        RuntimeError: it failed.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{module} failed")
    return json.loads(printed)
