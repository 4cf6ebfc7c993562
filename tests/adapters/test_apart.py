"""A child process reads what may be hostile; whatever happens to it, the parent hears words."""

import errno
import os
import resource
import signal
import sys
import time
from collections.abc import Callable

import pytest

from adapters.sources.apart import LONGEST_LINE_BYTES, Limits, run_apart
from core.errors import BrokeOff, DiskFull, ProviderBusy, ProviderError, SourceGone, UploadRefused

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


def busy() -> None:
    raise ProviderBusy("the disk is full", retry_after_s=7.0)


def mentioning() -> int:
    for report in (41, 42):
        number = report
    return number


def long_winded(letters: int) -> str:
    return "x" * letters


def in_greek(letters: int) -> str:
    return "\u03bb" * letters


def garbled() -> None:
    os.write(1, b'{"result": \n')
    time.sleep(600)


def cut_short() -> None:
    os.write(1, b'{"result": 4')
    os._exit(3)


def complaining(megabytes: int) -> None:
    for _ in range(megabytes):
        sys.stderr.write("e" * 1_000_000)
    raise ValueError("the last word")


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
        ("garbled", UploadRefused, "damaged"),
        ("cut_short", ProviderError, "exit status 3"),
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


async def test_only_a_parameter_called_report_asks_for_one() -> None:
    assert await run_apart(f"{HERE}:mentioning", limits=Limits()) == 42


async def test_what_may_work_later_says_when() -> None:
    with pytest.raises(ProviderBusy, match="the disk is full") as raised:
        await run_apart(f"{HERE}:busy", limits=Limits())
    assert raised.value.retry_after_s == 7.0


async def test_more_than_can_be_taken_in_is_refused_and_no_failure() -> None:
    with pytest.raises(UploadRefused, match="Split it"):
        await run_apart(f"{HERE}:long_winded", LONGEST_LINE_BYTES, limits=Limits())


async def test_letters_of_all_scripts_take_no_more_than_their_bytes() -> None:
    letters = LONGEST_LINE_BYTES // 3
    assert len(await run_apart(f"{HERE}:in_greek", letters, limits=Limits())) == letters


async def test_a_child_that_complains_without_end_costs_no_memory_here() -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ProviderError, match="the last word"):
        await run_apart(f"{HERE}:complaining", 400, limits=Limits())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100_000
