"""A model that fails again and again is left alone for a while, and tried again with one question."""

from core.asking.breaker import FAILURES, FIRST_REST_S, LONGEST_REST_S, USED_UP_REST_S, Breaker
from core.errors import Declined, ProviderBusy, ProviderError, ProviderUsedUp, TooLong


class Clock:
    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


def failing(times: int) -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(times):
        breaker.failed("one", ProviderError("cut"))
    return breaker, clock


def test_a_few_failures_are_forgiven_and_a_success_forgets_them() -> None:
    breaker, _ = failing(FAILURES - 1)
    assert breaker.allows("one")
    breaker.succeeded("one")
    breaker.failed("one", ProviderError("cut"))
    assert breaker.allows("one")


def test_many_in_a_row_rest_it_and_then_one_question_tries_it() -> None:
    breaker, clock = failing(FAILURES)
    assert not breaker.allows("one")
    assert breaker.allows("two")
    clock.at_s += FIRST_REST_S
    assert breaker.allows("one")
    assert not breaker.allows("one")
    breaker.succeeded("one")
    assert breaker.allows("one")


def test_each_rest_is_longer_up_to_a_limit() -> None:
    for failures in range(FAILURES, FAILURES + 20):
        breaker, clock = failing(failures)
        clock.at_s += min(FIRST_REST_S * 2 ** (failures - FAILURES), LONGEST_REST_S) - 1
        assert not breaker.allows("one")
        clock.at_s += 1
        assert breaker.allows("one")


def test_who_asks_for_a_wait_or_has_no_credit_is_left_alone_at_once() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed("busy", ProviderBusy("slow down", retry_after_s=60.0))
    breaker.failed("empty", ProviderUsedUp("no credit"))
    clock.at_s += 59
    assert not breaker.allows("busy")
    clock.at_s += 1
    assert breaker.allows("busy")
    assert not breaker.allows("empty")
    clock.at_s = 100.0 + USED_UP_REST_S
    assert breaker.allows("empty")


def test_what_lies_in_one_question_takes_the_model_from_nobody() -> None:
    breaker, _ = failing(FAILURES - 1)
    for error in (Declined("refused"), TooLong("more than it reads")):
        for _ in range(FAILURES):
            breaker.failed("one", error)
    assert breaker.allows("one")
    breaker.failed("one", ProviderError("cut"))
    assert not breaker.allows("one"), "nor is it a sign that all is well"


def test_nobody_waits_for_days_because_a_vendor_says_so() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed("one", ProviderBusy("later", retry_after_s=10**6))
    clock.at_s += LONGEST_REST_S
    assert breaker.allows("one")
