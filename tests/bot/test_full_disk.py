"""A disk that fills up under the embedded database: work waits and says why, answers go on, nothing is lost."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from adapters.models.local_embedder import LocalEmbedder, Vector
from bot.app import RESERVE_BYTES, Deployment, open_deployment
from bot.ingesting import working
from bot.settings import Settings
from core.ids import CreatorId
from core.library.store import Source
from tests.bot.conftest import Speaker, attachment, ready
from tests.waiting import eventually, within

DISK_MB: Final = 256
SCHOOL: Final = "school-100"
CUBES: Final = "WEBVTT\n\n" + "\n".join(
    f"00:{at // 6:02}:{at % 6 * 10:02}.000 --> 00:{at // 6:02}:{at % 6 * 10 + 9:02}.000\n"
    f"Exercise {at} draws a cube with {at + 2} lines of graphite on grey paper.\n"
    for at in range(300)
)
pytestmark = pytest.mark.timeout(300)  # what is waited for may take longer than a test usually may


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system of its own that can be filled up and freed again."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self, *, but_bytes: int = 0) -> None:
        """Take all the space except ``but_bytes``."""
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free - but_bytes)

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or _root("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder):
        pytest.skip("only root on Linux may mount a small file system")
    yield Disk(folder)
    assert _root("umount", folder) == 0


def _root(*command: str | Path) -> int:
    """Run a program that only root may; its exit status."""
    return subprocess.run(command, check=False, capture_output=True).returncode  # noqa: S603 - words of ours


@dataclass(frozen=True, slots=True)
class Gate:
    """Stands in the middle of the work on the cubes."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passing(self, texts: Sequence[str]) -> None:
        if "draws a cube" in " ".join(texts):
            self.reached.set()
            await self.opened.wait()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Holds the embedding of the cubes after its first part until the test opens it."""
    made, embed = Gate(), LocalEmbedder.embed_passages

    async def embed_and_pass(embedder: LocalEmbedder, texts: Sequence[str]) -> Vector:
        vectors = await embed(embedder, texts)
        await made.passing(texts)
        return vectors

    monkeypatch.setattr(LocalEmbedder, "embed_passages", embed_and_pass)
    yield made
    made.opened.set()


@pytest.fixture
async def small(disk: Disk) -> AsyncIterator[Deployment]:
    """A deployment whose database is on that disk, with a worker at work."""
    settings = Settings.model_validate({"storage": {"data_dir": str(disk.folder / "data")}})
    async with open_deployment(settings) as deployment, working(deployment):
        yield deployment


@pytest.fixture
async def owner(small: Deployment) -> Speaker:
    """An owner who has taught the bot one lecture."""
    made = Speaker.of(small, "1", manages=True)
    await made.says("setup")
    await made.says("upload", file=attachment(), title="Shading a sphere")
    await ready(small, SCHOOL)
    return made


async def test_a_disk_that_fills_up_in_the_middle_of_the_work_pauses_it_and_questions_are_answered(
    disk: Disk, small: Deployment, owner: Speaker, gate: Gate
) -> None:
    await owner.says("upload", file=attachment("cubes.vtt", CUBES.encode()), title="Cubes")
    async with within(30, "the middle of the work"):
        await gate.reached.wait()
    disk.fill()
    gate.opened.set()
    await eventually(lambda: _shows(small, "⏸️ Cubes waits. The disk here is full."), "the card to say why", 60)
    await _an_answer_is_given(owner)
    refused = await owner.says("upload", file=attachment("more.vtt", CUBES.replace("cube", "cone").encode()))
    assert "The disk here is full" in refused.text.plain
    disk.free()
    await _finished_once(small, owner)


async def test_on_a_nearly_full_disk_uploads_wait_and_everything_else_is_kept(
    disk: Disk, small: Deployment, owner: Speaker
) -> None:
    disk.fill(but_bytes=RESERVE_BYTES // 2)
    await owner.says("upload", file=attachment("cubes.vtt", CUBES.encode()), title="Cubes")
    await eventually(lambda: _shows(small, "⏸️ Cubes waits. The disk here is full."), "the card to say why")
    assert "waits: The disk here is full" in (await owner.says("videos")).text.plain
    assert await _an_answer_is_given(owner), "it can be voted on, so it was kept"
    disk.free()
    await _finished_once(small, owner)


async def _an_answer_is_given(owner: Speaker) -> bool:
    """Ask about the lecture that is searchable; whether the answer has buttons."""
    reply = await owner.says("ask", question="Where does the core shadow lie?")
    assert "opposite the lamp" in reply.text.plain
    return bool(reply.buttons)


async def _finished_once(small: Deployment, owner: Speaker) -> None:
    await eventually(lambda: _shows(small, "Cubes (49:59) is ready"), "the work to be done", 90)
    assert [source.reason for source in await _sources(small)] == ["", ""]
    await owner.says("new")
    assert "143 lines" in (await owner.says("ask", question="What does exercise 141 draw?")).text.plain
    async with small.database.creator(CreatorId(1)) as connection:
        assert await connection.fetchval("SELECT count(*) FROM segments WHERE source_id = 2") == 300


async def _sources(small: Deployment) -> list[Source]:
    return await small.shelf.sources(CreatorId(1))


async def _shows(small: Deployment, words: str) -> bool:
    """Whether a card says so."""
    async with small.database.system() as connection:
        cards = await connection.fetch("SELECT content FROM outbox ORDER BY id")
    return any(words in "".join(text for text, *_ in card["content"]["text"]) for card in cards)
