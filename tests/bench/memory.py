"""A process that answers one question and prints how much memory it took, as one JSON document."""

import asyncio
import json
import re
import resource
import sys
from pathlib import Path

from bot.app import DatabaseAddress, open_on
from bot.settings import Settings
from core.asking.engine import Question
from core.ids import CreatorId


async def answer_once(url: str, creator_id: CreatorId) -> None:
    """Open a deployment on a database, ask one creator, and print the peaks on the way in megabytes."""
    async with open_on(Settings.model_validate({"models": {"answer": []}}), DatabaseAddress(url, url)) as deployment:
        sizes = {"opened_mb": _peak_mb()}
        await deployment.embedders.usual.embed_passages(["Load the model."])
        sizes["embedded_mb"] = _peak_mb()
        await deployment.engine.answer(Question(creator_id, "How do I begin?"))
        sys.stdout.write(json.dumps({**sizes, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory this program had; what getrusage says on Linux counts that of the parent before exec."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))[0]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    asyncio.run(answer_once(sys.argv[1], CreatorId(int(sys.argv[2]))))
