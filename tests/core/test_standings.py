"""Spans, covers and what an economy adds up to; what can be taken back."""

import random
from datetime import date, timedelta
from typing import Final

import pytest

from core.errors import Refused
from core.rewards.economy import SPENT, Movement, last_weeks, rule_totals, sum_of
from core.rewards.grants import Gift, revocation
from core.rewards.standings import EARLIEST, Cover, Days, Span, cover, day_typed, days_of, season_plan, week_start

TODAY: Final = date(2026, 11, 21)
ONE_DAY: Final = timedelta(days=1)


def days_in(parts: Cover) -> list[date]:
    """Every day that a cover counts, as often as it counts it."""
    stretches = (parts.months, parts.before, parts.after, parts.books)
    return sorted(first + ONE_DAY * n for first, end in stretches for n in range((end - first).days))


def test_a_cover_counts_every_day_once_and_whole_months_only_where_they_are_added_up() -> None:
    dice = random.Random(7)  # noqa: S311 - no secret
    for _ in range(500):
        first = TODAY - ONE_DAY * dice.randrange(200)
        end = first + ONE_DAY * dice.randrange(1, 220)
        added_up = TODAY - ONE_DAY * dice.randrange(-1, 100)
        parts = cover(Days(first, end), TODAY, added_up)
        until = min(end, TODAY + ONE_DAY)
        assert days_in(parts) == [first + ONE_DAY * n for n in range((until - first).days)]
        begin, stop = parts.months
        assert begin == stop or (begin.day == stop.day == 1 and stop <= added_up)
        begin, stop = parts.books
        assert begin in {stop, max(first, added_up)}


def test_where_nothing_is_added_up_the_books_say_all() -> None:
    assert cover(Days(), TODAY, EARLIEST).books == (EARLIEST, TODAY + ONE_DAY)


def test_a_week_starts_on_monday() -> None:
    assert week_start(TODAY) == date(2026, 11, 16)
    assert days_of(Span.WEEK, date(2026, 11, 16)) == Days(date(2026, 11, 16))
    assert days_of(Span.MONTH, TODAY) == Days(date(2026, 11, 1))


def test_a_season_has_a_name_and_a_last_day_within_a_year() -> None:
    assert season_plan(" Winter\n2026 ", "2026-12-31", TODAY) == ("Winter 2026", date(2026, 12, 31))
    for name, ends in (("", "2026-12-31"), ("x" * 61, "2026-12-31"), ("x", "31.12."), ("x", "2026-11-20"), ("x", "")):
        with pytest.raises(Refused):
            season_plan(name, ends, TODAY)
    with pytest.raises(Refused, match="since is a day such as"):
        day_typed("yesterday", "since")


def test_the_newest_gifts_are_taken_back_first_and_the_rest_is_given_again() -> None:
    gifts = [Gift("c", 30), Gift("b", 50), Gift("a", 10)]
    assert revocation(gifts, 30).keys == ("c",)
    assert (revocation(gifts, 40).keys, revocation(gifts, 40).given_again) == (("c", "b"), 40)
    assert revocation(gifts, 90).given_again == 0
    with pytest.raises(Refused, match="at most 90"):
        revocation(gifts, 91)
    with pytest.raises(Refused, match="nothing to take back"):
        revocation([], 1)


def test_an_economy_is_net_of_what_was_taken_and_given_back() -> None:
    monday = date(2026, 11, 16)
    moved = [
        Movement(monday, "issued", "message", 4, 20), Movement(monday, "taken", "message", 1, 5),
        Movement(monday - ONE_DAY, "issued", "watch", 1, 100), Movement(monday, "spent", "", 2, 30),
        Movement(monday, "refunded", "", 1, 10), Movement(monday - timedelta(weeks=9), "issued", "quiz", 1, 50),
    ]  # fmt: skip
    assert sum_of(moved, SPENT) == 20
    assert [(total.rule, total.amount, total.times) for total in rule_totals(moved)] == [
        ("watch", 100, 1),
        ("quiz", 50, 1),
        ("message", 15, 3),
    ]
    weeks = last_weeks(moved, TODAY)
    assert [(week.issued, week.used) for week in weeks] == [(0, 0)] * 6 + [(100, 0), (15, 20)]
    assert weeks[-1].starts_on == monday
