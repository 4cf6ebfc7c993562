"""PostgreSQL killed under a running bot: nothing ends, nothing is lost, nothing is done twice."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from tests.wire.production import started

WORKS_AGAIN_WITHIN_S = 90.0


async def _shell(folder: Path, *arguments: str) -> list[dict[str, Any]] | None:
    """What a command prints as JSON; None where it failed."""
    async with started(folder, {}, *arguments, "--json") as program:
        if await program.ended(30):
            return None
        printed: list[dict[str, Any]] = json.loads(program.output.read_text())
        return printed


async def _until(folder: Path, work_done: bool, running: Path) -> list[dict[str, Any]]:
    """Ask for the work of the sample library until some is under way, or all is done."""
    for _ in range(int(WORKS_AGAIN_WITHIN_S)):
        probe = folder / f"probe{os.urandom(4).hex()}"
        probe.mkdir()
        (probe / "data").symlink_to(running / "data")
        work = await _shell(probe, "jobs", "list")
        if work is not None and (not work if work_done else bool(work)):
            return work
        await asyncio.sleep(1)
    raise AssertionError("the work did not get there in time")


async def test_postgresql_killed_during_ingestion_comes_back_and_all_work_is_finished_once(tmp_path: Path) -> None:
    running = tmp_path / "bot"
    running.mkdir()
    async with started(running, {}, "run") as bot:
        await _until(tmp_path, work_done=False, running=running)
        pid_file = running / "data" / "postgres" / "cluster" / "postmaster.pid"
        killed = int(pid_file.read_text().splitlines()[0])
        os.kill(killed, signal.SIGKILL)
        await _until(tmp_path, work_done=True, running=running)
        assert bot.process.returncode is None, bot.said
        assert int(pid_file.read_text().splitlines()[0]) != killed
        probe = tmp_path / "last"
        probe.mkdir()
        (probe / "data").symlink_to(running / "data")
        creators = await _shell(probe, "creator", "list") or []
        assert {creator["handle"]: creator["sources"] for creator in creators} == {"home-espresso": 4, "night-sky": 4}
        assert await bot.stop() == 0, bot.said
        assert re.search(r'"event": "stopped"', bot.said)
