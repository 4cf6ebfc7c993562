"""Runs what reads foreign files in a process of its own, with limits, so that a bad file can only end that process.

A function that runs apart takes and returns what JSON can say, and is named as ``module:function``. The parent reads
JSON lines and nothing else from the child: whatever a file does to it, the parent hears words, or that it ended.

The child's environment holds no secrets. It is no prison all the same: it runs as the same user and in the same
network, so code that a file smuggles in could read what that user may read, and send it away.
"""

import asyncio
import importlib
import inspect
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

from core.errors import FULL, BrokeOff, DiskFull, ProviderBusy, ProviderError, SourceGone, UploadRefused

MEGABYTE: Final = 1_000_000
LONGEST_LINE_BYTES: Final = 64 * MEGABYTE
KEPT_COMPLAINTS_BYTES: Final = 65_536
DAMAGED: Final = "The file is damaged or needs more memory to read than I may use."
KEPT_IN_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "TEMP", "SSL_CERT_FILE")

Json: TypeAlias = Any
"""What JSON can say; whoever calls checks the shape."""
Report = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: seconds on the clock, bytes of memory, bytes of any one file that it writes."""

    wall_s: float = 120.0
    memory_bytes: int = 1_000 * MEGABYTE
    file_bytes: int = 4_000 * MEGABYTE


async def run_apart(function: str, *args: Json, limits: Limits, report: Report | None = None) -> Json:
    """Run ``function`` (``module:name``) in a process of its own and return its result.

    Args:
        function: called in the child as ``name(*args)``; where it takes a keyword ``report``, it may call it with
            shares in [0, 1].
        args: what it is called with.
        limits: what it may use.
        report: hears the shares in this process.

    Raises:
        UploadRefused: the function raised it, or needed more memory than it may use.
        BrokeOff: it took too long, or its process was killed.
        DiskFull: the function raised it, or a disk was full.
        ProviderBusy: the function raised it.
        ProviderError: the function raised it, or failed in a way that is no fault of the file.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.sources.apart", function,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=_environment(), limit=LONGEST_LINE_BYTES, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(limits.wall_s):
            return await _talk(
                child, {"args": args, "memory": limits.memory_bytes, "file": limits.file_bytes}, report
            )
    except TimeoutError:
        raise BrokeOff(f"Reading it took longer than {limits.wall_s:.0f} seconds, so I stopped.") from None
    finally:
        await _end(child)


async def run_on(function: str, content: bytes, *args: Json, limits: Limits) -> Json:
    """Run ``function`` apart with the path of a file that holds ``content``, then ``args``.

    Raises:
        UploadRefused: as ``run_apart``.
        ProviderBusy: as ``run_apart``.
        ProviderError: as ``run_apart``.
    """
    with TemporaryDirectory(prefix="chronos-") as folder:
        path = Path(folder) / "content"
        await asyncio.to_thread(path.write_bytes, content)
        return await run_apart(function, str(path), *args, limits=limits)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_IN_ENVIRONMENT if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


async def _talk(child: asyncio.subprocess.Process, task: dict[str, Any], report: Report | None) -> Json:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise ProviderError("a child process has no pipes")
    complaints = asyncio.create_task(_end_of(child.stderr))
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(json.dumps(task).encode() + b"\n")
        await child.stdin.drain()
    child.stdin.close()
    while said := await _next_words(child.stdout):
        if "share" not in said:
            return _outcome(said)
        if report is not None:
            await report(min(max(float(said["share"]), 0.0), 1.0))
    raise _died(await child.wait(), (await complaints).decode(errors="replace"))


async def _next_words(stdout: asyncio.StreamReader) -> dict[str, Any]:
    """What the child says next; nothing once it has ended, also in the middle of a line."""
    try:
        line = await stdout.readline()
    except ValueError:  # a line that does not fit into the reader
        raise UploadRefused("There is more in this file than I can take in at once. Split it.") from None
    try:
        said = json.loads(line) if line.endswith(b"\n") else {}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise UploadRefused(DAMAGED)
    return said


async def _end_of(stderr: asyncio.StreamReader) -> bytes:
    """Read all and keep what came last, so that a child that never stops complaining costs no memory here."""
    kept = b""
    while piece := await stderr.read(KEPT_COMPLAINTS_BYTES):
        kept = (kept + piece)[-KEPT_COMPLAINTS_BYTES:]
    return kept


def _outcome(said: dict[str, Any]) -> Json:
    if "gone" in said:
        raise SourceGone(str(said["gone"]))
    if "refused" in said:
        raise UploadRefused(str(said["refused"]))
    if "full" in said:
        raise DiskFull(str(said["full"]))
    if "busy" in said:
        raise ProviderBusy(str(said["busy"]), retry_after_s=said["retry_after_s"])
    if "failed" in said:
        raise ProviderError(str(said["failed"]))
    return said["result"]


def _died(status: int, complaints: str) -> Exception:
    if "MemoryError" not in complaints and -status == signal.SIGKILL:  # as systems do that run out of memory
        return BrokeOff("The file is damaged or needs more memory to read than there is.")
    if "MemoryError" in complaints or -status in {signal.SIGABRT, signal.SIGSEGV}:
        return UploadRefused(DAMAGED)
    last = complaints.strip().splitlines()[-1:] or [f"exit status {status}"]
    return ProviderError(f"reading a file failed: {last[0][:300]}")


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                child.kill()
            else:
                os.killpg(child.pid, signal.SIGKILL)
    await child.wait()


def _main(function: str) -> None:
    """Read the task from standard input, do it, and say the outcome on standard output."""
    task = json.loads(sys.stdin.readline())
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not pass for our words
    _limit(task["memory"], task["file"])

    def say(**words: Json) -> None:
        # Surrogates that stand alone have no bytes in UTF-8.
        out.buffer.write(json.dumps(words, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        out.flush()

    module, _, name = function.partition(":")
    run = getattr(importlib.import_module(module), name)
    options = {"report": lambda share: say(share=share)} if "report" in inspect.signature(run).parameters else {}
    try:
        say(result=run(*task["args"], **options))
    except SourceGone as gone:
        say(gone=str(gone))
    except UploadRefused as refusal:
        say(refused=str(refusal))
    except DiskFull as full:
        say(full=str(full))
    except ProviderBusy as busy:
        say(busy=str(busy), retry_after_s=busy.retry_after_s)
    except ProviderError as error:
        say(failed=str(error))
    except OSError as error:
        if error.errno not in FULL:
            raise
        say(full=f"The disk is full: {error.filename or 'free some space'}.")
    except MemoryError:
        say(refused="The file needs more memory to read than I may use.")


def _limit(memory_bytes: int, file_bytes: int) -> None:
    if sys.platform == "win32":  # there the time limit alone holds
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _main(sys.argv[1])
