"""Telegram's limits, kept without asking Telegram."""

from dataclasses import dataclass

import pytest

from adapters.telegram.pacing import MOST_CHATS, Pace


@dataclass
class Clock:
    now_s: float = 1000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(lambda: clock.now_s)


def _write(pace: Pace, clock: Clock, chat: str, share: float = 1.0) -> float:
    """Write once, as early as allowed; returns when."""
    clock.now_s += pace.wait_s(chat, share)
    assert pace.wait_s(chat, share) == 0
    pace.note(chat)
    return clock.now_s


def test_a_chat_takes_a_short_burst_and_then_a_message_a_second(pace: Pace, clock: Clock) -> None:
    times = [_write(pace, clock, "7") - 1000 for _ in range(11)]
    assert times == [0] * 5 + [5] * 5 + [10]


def test_a_group_never_takes_more_than_twenty_in_any_minute(pace: Pace, clock: Clock) -> None:
    times = [_write(pace, clock, "-7") for _ in range(70)]
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[20:], strict=False))
    assert times[-1] - times[0] <= 240


def test_all_chats_together_take_thirty_a_second(pace: Pace, clock: Clock) -> None:
    times = [_write(pace, clock, str(n)) for n in range(90)]
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[30:], strict=False))
    assert times[-1] - times[0] == 2


def test_what_may_wait_leaves_room_for_answers(pace: Pace, clock: Clock) -> None:
    for _ in range(15):
        _write(pace, clock, "-7", share=0.75)
    assert pace.wait_s("-7", share=0.75) > 40
    clock.now_s += 5
    assert pace.wait_s("-7") == 0
    assert pace.wait_s("-8", share=0.75) == 0


def test_chats_that_fell_silent_are_forgotten(pace: Pace, clock: Clock) -> None:
    for n in range(MOST_CHATS):
        clock.now_s += 1
        pace.note(str(n))
    pace.note("one more")
    assert len(pace._chats) < 100
    assert pace.wait_s("one more") == 0


def test_what_was_refused_is_not_counted_so_that_what_takes_its_place_may_go(pace: Pace, clock: Clock) -> None:
    for _ in range(4):
        _write(pace, clock, "7")
    pace.note("7")
    assert pace.wait_s("7") > 0
    pace.take_back("7")
    assert pace.wait_s("7") == 0
    pace.take_back("never written to")
