"""Scratch folders go when their context ends or their process dies, and never while somebody works in them."""

import asyncio
import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import DiskFull
from core.library import scratch
from core.library.scratch import Scratch

HOLDS_ONE = """
import asyncio, sys
from pathlib import Path
from core.library.scratch import Scratch

async def hold():
    async with Scratch(Path(sys.argv[1])).folder("reading") as folder:
        (folder / "sound").write_bytes(b"half a recording")
        print(folder, flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def start_holder(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", HOLDS_ONE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


async def test_a_folder_is_gone_when_its_work_is_done_or_fails(tmp_path: Path) -> None:
    root = tmp_path / "scratch"

    async def fail() -> None:
        async with Scratch(root).folder("clip") as folder:
            (folder / "clip.mp4").write_bytes(b"x")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await fail()
    assert names(root) == []


async def test_a_folder_that_is_worked_in_is_not_swept(tmp_path: Path) -> None:
    async with Scratch(tmp_path).folder("clip") as folder:
        assert await Scratch(tmp_path).sweep() == 0
        assert names(tmp_path) == [folder.name]


async def test_a_killed_processs_folder_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    try:
        assert holder.stdout is not None
        left = Path((await asyncio.to_thread(holder.stdout.readline)).strip())
        assert await Scratch(tmp_path).sweep() == 0
        assert names(left) == ["sound"]
    finally:
        holder.kill()
        holder.communicate()
    assert await Scratch(tmp_path).sweep() == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("moment", ["before it is locked", "while it is locked"])
async def test_a_folder_that_a_sweep_finds_before_its_lock_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A folder stands unlocked for a moment after it is made."""
    lock, locked = scratch._lock, list[Path]()

    def lock_late(folder: Path) -> int | None:
        locked.append(folder)
        if len(locked) > 1:
            return lock(folder)
        held = lock(folder) if moment == "while it is locked" else None
        shutil.rmtree(folder)
        return held or lock(folder)

    monkeypatch.setattr(scratch, "_lock", lock_late)
    async with Scratch(tmp_path).folder("reading") as folder:
        assert names(tmp_path) == [folder.name]
        assert len(locked) == 2
    assert names(tmp_path) == []


async def test_nothing_but_scratch_folders_is_swept(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_bytes(b"x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a-link").symlink_to(tmp_path / "elsewhere")
    assert await Scratch(tmp_path).sweep() == 0
    assert names(tmp_path) == ["a-file", "a-link", "elsewhere"]


async def test_a_disk_that_fills_up_inside_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="the disk is full"):
        async with Scratch(tmp_path).folder("reading"):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


async def test_what_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    await Scratch(tmp_path).require_room(0)
    with pytest.raises(DiskFull):
        await Scratch(tmp_path).require_room(shutil.disk_usage(tmp_path).total)
