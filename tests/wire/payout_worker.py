"""A worker as a process of its own, with the settings it is given; the provider it talks to may kill it.

``python -m tests.wire.payout_worker URL SETTINGS``, the settings as JSON
"""

import asyncio
import sys

from bot.app import DatabaseAddress, open_on
from bot.settings import Settings
from bot.tasks import run_worker


async def main(url: str, settings: str) -> None:
    async with open_on(Settings.model_validate_json(settings), DatabaseAddress(url, url)) as deployment:
        await run_worker(deployment, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
