"""The bot as it runs in production: the console program as a process of its own, configured by its environment."""

import asyncio
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.waiting import eventually, within
from tests.wire.fake_discord import FakeDiscord
from tests.wire.fake_models_anthropic import FakeAnthropic
from tests.wire.fake_models_openai import FakeOpenAI
from tests.wire.fake_telegram import FakeTelegram

DISCORD_TOKEN: Final = "made-up.token.for-production"
STARTS_WITHIN_S: Final = 60.0
STOPS_WITHIN_S: Final = 30.0
DIES_WITHIN_S: Final = 30.0

LISTENS: Final = re.compile(r'"web": "([^"]+)"')

Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Program:
    """A running ``chronos`` and the files that it writes its output into."""

    process: Process
    output: Path
    errors: Path

    @property
    def said(self) -> str:
        """Everything that it wrote so far."""
        return self.output.read_text() + self.errors.read_text()

    async def address(self) -> str:
        """Where it serves its pages, once it does."""
        await eventually(lambda: LISTENS.search(self.said), "the program to listen", STARTS_WITHIN_S)
        return str(LISTENS.findall(self.said)[-1])

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.ended(DIES_WITHIN_S)

    async def stop(self) -> int:
        """Ask it to stop as a service manager does, and return its exit status.

        Raises:
            AssertionError: it still runs after half a minute.
        """
        self.process.send_signal(signal.SIGTERM)
        return await self.ended(STOPS_WITHIN_S)

    async def ended(self, timeout_s: float) -> int:
        """Wait for its exit status."""
        async with within(timeout_s, "the program to end"):
            return await self.process.wait()


@asynccontextmanager
async def started(folder: Path, environment: Environment, *arguments: str) -> AsyncIterator[Program]:
    """The program with nothing but ``environment`` to configure it; killed at the end if it still runs."""
    script = shutil.which("chronos", path=str(Path(sys.executable).parent))
    assert script, "the package is not installed beside this Python"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHRONOS_")}
    base = {"CHRONOS_STORAGE__DATA_DIR": str(folder / "data"), "CHRONOS_HTTP__PORT": "0"}
    paths = folder / "stdout.txt", folder / "stderr.txt"
    with paths[0].open("ab") as output, paths[1].open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            script, *arguments, stdin=DEVNULL, stdout=output, stderr=errors, cwd=folder,
            env=inherited | base | dict(environment),
        )  # fmt: skip
    program = Program(process, *paths)
    try:
        yield program
    finally:
        if process.returncode is None:
            await program.kill()


@asynccontextmanager
async def production(folder: Path, *environments: Environment) -> AsyncIterator[Program]:
    """``chronos run`` until the block ends; then it must stop in time, by itself, and without a stack trace.

    Raises:
        AssertionError: it ended early, with an error, or wrote a stack trace.
    """
    environment = {name: value for given in environments for name, value in given.items()}
    async with started(folder, environment, "run") as program:
        try:
            yield program
        except BaseException as error:
            error.add_note(f"the program said:\n{program.said[-6000:]}")
            raise
        if program.process.returncode is None:
            assert await program.stop() == 0, program.said
        assert "Traceback" not in program.said, program.said


def on_database(url: str) -> Environment:
    """Settings of a database."""
    return {"CHRONOS_DATABASE__URL": url}


def on_discord(fake: FakeDiscord) -> Environment:
    """Settings of Discord."""
    return {
        "CHRONOS_DISCORD__BOT_TOKEN": DISCORD_TOKEN,
        "CHRONOS_DISCORD__API_URL": fake.api_url,
        "CHRONOS_DISCORD__GATEWAY_URL": fake.gateway_url,
    }


def on_telegram(fake: FakeTelegram) -> Environment:
    """Settings of Telegram."""
    return {"CHRONOS_TELEGRAM__BOT_TOKEN": fake.bot_token, "CHRONOS_TELEGRAM__API_URL": fake.api_url}


def with_models(anthropic: FakeAnthropic, openai: FakeOpenAI, timeout_s: float) -> Environment:
    """Settings of two models, of which Anthropic's is asked first."""
    return {
        "CHRONOS_ANTHROPIC__API_KEY": anthropic.api_key,
        "CHRONOS_ANTHROPIC__BASE_URL": anthropic.base_url,
        "CHRONOS_OPENAI__API_KEY": openai.api_key,
        "CHRONOS_OPENAI__BASE_URL": openai.base_url,
        "CHRONOS_MODELS__ANSWER": '["anthropic:claude-sonnet-5-5", "openai:gpt-6-sol"]',
        "CHRONOS_MODELS__TIMEOUT_S": str(timeout_s),
    }


def lecture(sentences: Sequence[str], *, each_s: int = 7) -> bytes:
    """A WebVTT file in which every sentence is a cue; the n-th, from 0, starts at ``n * each_s`` seconds."""
    cues = [
        f"{_clock(number * each_s)} --> {_clock((number + 1) * each_s)}\n{sentence}\n"
        for number, sentence in enumerate(sentences)
    ]
    return "\n".join(["WEBVTT\n", *cues]).encode()


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000"
