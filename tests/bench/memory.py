"""A process that answers one question and prints how much memory it took, as one JSON document."""

import asyncio
import json
import re
import resource
import sys
from pathlib import Path

from bot.app import DatabaseAddress, open_on
from bot.settings import Settings
from core.asking.question import Question
from core.ids import CreatorId


async def answer_once(url: str, creator_id: CreatorId) -> None:
    """Open a deployment on a database, ask one creator, and print the peaks on the way in megabytes."""
    async with open_on(Settings.model_validate({"models": {"answer": []}}), DatabaseAddress(url, url)) as deployment:
        sizes = {"opened_mb": peak_mb()}
        await deployment.embedders.usual.embed_passages(["Load the model."])
        sizes["embedded_mb"] = peak_mb()
        await deployment.engine.answer(Question(creator_id, "How do I begin?"))
        sys.stdout.write(json.dumps({**sizes, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """The most memory this program had; what getrusage says on Linux counts that of the parent before exec."""
    if (linux := status_mb("VmHWM")) is not None:
        return linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def resident_mb() -> float:
    """The memory this program has now; where only the peak can be told, that."""
    return status_mb("VmRSS") or peak_mb()


def status_mb(name: str, process: str = "self") -> float | None:
    """What Linux tells of a process; None elsewhere, and where the process has ended."""
    try:
        status = Path("/proc", process, "status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else None


if __name__ == "__main__":
    asyncio.run(answer_once(sys.argv[1], CreatorId(int(sys.argv[2]))))
