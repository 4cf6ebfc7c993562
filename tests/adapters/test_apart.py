"""A child process reads what may be hostile; whatever happens to it, the parent hears words."""

import errno
import os
import signal
import time
from collections.abc import Callable

import pytest

from adapters.sources.apart import Limits, run_apart
from core.errors import BrokeOff, DiskFull, ProviderError, SourceGone, UploadRefused

HERE = "tests.adapters.test_apart"


def doubled(number: int) -> int:
    print("a library that prints")  # noqa: T201 - this is what is tested
    return 2 * number


def counted(*, report: Callable[[float], None]) -> str:
    for share in (0.25, 0.5):
        report(share)
    return "done"


def secrets_seen() -> list[str]:
    return [name for name in os.environ if name.startswith("CHRONOS_")]


def refusing() -> None:
    raise UploadRefused("It is encrypted.")


def missing() -> None:
    raise SourceGone("It was removed.")


def failing() -> None:
    raise ProviderError("the site is away")


def crashing() -> None:
    raise ValueError("a bug")


def dying() -> None:
    os.abort()


def eating() -> int:
    return len(b"x" * 3_000_000_000)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def filling() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "sound.wav")


def sleeping() -> None:
    time.sleep(600)


async def test_a_result_comes_back_whatever_the_library_prints() -> None:
    assert await run_apart(f"{HERE}:doubled", 21, limits=Limits()) == 42


async def test_progress_is_heard_while_it_runs() -> None:
    heard: list[float] = []

    async def hear(share: float) -> None:
        heard.append(share)

    assert await run_apart(f"{HERE}:counted", limits=Limits(), report=hear) == "done"
    assert heard == [0.25, 0.5]


async def test_the_child_sees_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_DISCORD__BOT_TOKEN", "a-token")
    assert await run_apart(f"{HERE}:secrets_seen", limits=Limits()) == []


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        ("refusing", UploadRefused, "It is encrypted"),
        ("missing", SourceGone, "It was removed"),
        ("failing", ProviderError, "the site is away"),
        ("crashing", ProviderError, "a bug"),
        ("dying", UploadRefused, "damaged"),
        ("eating", UploadRefused, "memory"),
        ("killed", BrokeOff, "memory"),
        ("filling", DiskFull, "sound.wav"),
    ],
)
async def test_an_end_without_a_result_is_said_in_words(function: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        await run_apart(f"{HERE}:{function}", limits=Limits(memory_bytes=1_500_000_000))


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(BrokeOff, match="longer than 1 seconds"):
        await run_apart(f"{HERE}:sleeping", limits=Limits(wall_s=1.0))
