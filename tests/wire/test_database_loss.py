"""PostgreSQL or everything killed in the middle of the work: nothing is lost, nothing is done twice."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession

from tests.waiting import eventually
from tests.wire.production import started

WORKS_AGAIN_WITHIN_S = 90.0


async def _queue(browser: ClientSession, said: str) -> dict[str, int]:
    """What ``/health`` says of the work; empty while the bot does not listen yet or its database is away."""
    listens = re.search(r'"web": "([^"]+)"', said)
    if listens is None:
        return {}
    try:
        async with browser.get(f"{listens[1]}/health") as response:
            queue: dict[str, int] | None = (await response.json())["queue"]
    except ClientError:
        return {}
    return queue or {}


async def _shell(folder: Path, data: Path, *arguments: str) -> list[dict[str, Any]]:
    """What a command prints as JSON."""
    async with started(folder, {"CHRONOS_STORAGE__DATA_DIR": str(data)}, *arguments, "--json") as program:
        assert await program.ended(30) == 0, program.said
        printed: list[dict[str, Any]] = json.loads(program.output.read_text())
        return printed


async def test_postgresql_killed_during_ingestion_comes_back_and_all_work_is_finished_once(tmp_path: Path) -> None:
    running, jobs, creators = (tmp_path / name for name in ("bot", "jobs", "creators"))
    for folder in (running, jobs, creators):
        folder.mkdir()
    pid_file = running / "data" / "postgres" / "cluster" / "postmaster.pid"
    killed: list[int] = []
    async with started(running, {}, "run") as bot, ClientSession() as browser:

        async def killed_at_work() -> bool:
            queue = await _queue(browser, bot.said)
            # A lecture is being read and others wait, which cannot be done before the next line.
            if queue.get("running", 0) and queue.get("waiting", 0) > 1:
                killed.append(int(pid_file.read_text().splitlines()[0]))
                os.kill(killed[0], signal.SIGKILL)
            return bool(killed)

        async def all_is_done() -> bool:
            queue = await _queue(browser, bot.said)
            return bool(queue) and not queue["running"] and not queue["waiting"]

        await eventually(killed_at_work, "the work to be under way", WORKS_AGAIN_WITHIN_S)
        await eventually(all_is_done, "the work to be done", WORKS_AGAIN_WITHIN_S)
        assert bot.process.returncode is None, bot.said
        assert int(pid_file.read_text().splitlines()[0]) != killed[0]
        assert await _shell(jobs, running / "data", "jobs", "list") == []
        listed = await _shell(creators, running / "data", "creator", "list")
        assert {entry["handle"]: entry["sources"] for entry in listed} == {"home-espresso": 4, "night-sky": 4}
        assert await bot.stop() == 0, bot.said
        assert re.search(r'"event": "stopped"', bot.said)


async def test_everything_killed_at_work_is_taken_up_by_the_next_run_and_finished_once(tmp_path: Path) -> None:
    running, listing = tmp_path / "bot", tmp_path / "jobs"
    for folder in (running, listing):
        folder.mkdir()
    pid_file = running / "data" / "postgres" / "cluster" / "postmaster.pid"
    async with started(running, {}, "run") as bot, ClientSession() as browser:

        async def at_work() -> bool:
            queue = await _queue(browser, bot.said)
            return bool(queue.get("running", 0)) and queue.get("waiting", 0) > 1

        await eventually(at_work, "the work to be under way", WORKS_AGAIN_WITHIN_S)
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
        await bot.kill()
    said_before = len(bot.said)
    async with started(running, {}, "run") as again, ClientSession() as browser:

        async def all_is_done() -> bool:
            queue = await _queue(browser, again.said[said_before:])
            return bool(queue) and not queue["running"] and not queue["waiting"]

        await eventually(all_is_done, "the next run to finish it", WORKS_AGAIN_WITHIN_S)
        jobs = await _shell(listing, running / "data", "jobs", "list", "--all")
        assert await again.stop() == 0, again.said
    assert [job["stage"] for job in jobs] == ["completed"] * 8
    assert {job["error"] for job in jobs} == {""}
    for job in jobs:
        assert job["created_at"] <= job["started_at"] <= job["finished_at"]
        assert min(job["minutes"], job["segments"], job["passages"], job["seconds"]["embedding"]) > 0
