"""The arithmetic of streaks: days where the student is, missed ones that break nothing, and paydays."""

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from core.errors import Refused
from core.rewards.days import BEAT, ONE_DAY, Uptime, Zone, zone_names
from core.rewards.streaks import DayKind, Run, checked_zone, settle_through, streak_now

START: Final = date(2026, 11, 1)


def day(n: int) -> date:
    return START + ONE_DAY * (n - 1)


def days(*numbers: int) -> list[date]:
    return [day(n) for n in numbers]


def never(_: date) -> bool:
    return False


def settled(learnt: Iterable[date], last: int, *, freezes: int = 0, forgiven: Iterable[date] = ()) -> tuple[Run, str]:
    """The run after day ``last``, and a letter for each day that was settled; g: forgiven."""
    run, done = settle_through(Run(day(0), freezes=freezes), day(last), learnt, set(forgiven).__contains__)
    letters = {DayKind.LEARNT: "l", DayKind.FROZEN: "f", DayKind.FORGIVEN: "g", DayKind.MISSED: "m"}
    return run, "".join(letters[each.kind] for each in done)


def beats(begins: datetime, hours: float) -> list[datetime]:
    return [begins + BEAT * n for n in range(int(hours * 4))]


def test_every_seven_days_in_a_row_are_complete_once_and_named_by_their_first() -> None:
    run, done = settle_through(Run(day(0)), day(22), days(*range(1, 16), *range(17, 24)), never)

    assert [each.completed for each in done if each.completed] == days(1, 8)
    assert (run.days, run.best, run.began) == (6, 15, day(17))
    assert settle_through(run, day(23), days(23), never)[1][0].completed == day(17)


def test_settling_again_or_in_pieces_changes_nothing() -> None:
    learnt = days(1, 2, 4, 5, 6, 7, 8, 9, 10)
    whole, _ = settle_through(Run(day(0)), day(10), learnt, never)

    run = Run(day(0))
    for last in (3, 3, 7, 2, 10):
        run, _ = settle_through(run, day(last), learnt, never)
    assert run == whole


def test_a_missed_day_ends_a_streak_and_a_freeze_saves_it_once() -> None:
    assert settled(days(1, 2, 4), 4) == (Run(day(4), 1, 2, day(4)), "llml")
    assert settled(days(1, 2, 4), 4, freezes=1) == (Run(day(4), 3, 3, day(1)), "llfl")
    assert settled(days(1, 2, 4), 6, freezes=1)[1] == "llflm"


def test_a_freeze_is_not_used_where_no_streak_runs_or_the_day_is_forgiven() -> None:
    assert settled(days(3), 3, freezes=1)[0].freezes == 1
    assert settled(days(1, 3), 3, freezes=1, forgiven=days(2)) == (Run(day(3), 2, 2, day(1), 1), "lgl")


def test_passed_over_days_do_not_count_themselves() -> None:
    run, done = settle_through(Run(day(0)), day(9), days(1, 2, 3, 6, 7, 8, 9), set(days(4, 5)).__contains__)

    assert run.days == 7
    assert [each.completed for each in done if each.completed] == [day(1)]


def test_long_pauses_are_skipped_without_a_look_at_each_day() -> None:
    run, done = settle_through(Run(day(-3000)), day(5), days(4, 5), never)

    assert (run.days, len(done)) == (2, 2)


def test_days_follow_the_students_clock_when_it_is_put_forward_and_back() -> None:
    berlin = Zone("Europe/Berlin")
    short, long = berlin.span(date(2026, 3, 29)), berlin.span(date(2026, 10, 25))

    assert short[1] - short[0] == timedelta(hours=23)
    assert long[1] - long[0] == timedelta(hours=25)
    assert berlin.day_of(datetime(2026, 3, 28, 23, 30, tzinfo=UTC)) == date(2026, 3, 29)
    assert berlin.day_of(datetime(2026, 3, 29, 22, 30, tzinfo=UTC)) == date(2026, 3, 30)
    assert berlin.day_of(datetime(2026, 10, 25, 22, 59, tzinfo=UTC)) == date(2026, 10, 25)
    assert berlin.day_of(datetime(2026, 10, 25, 23, 1, tzinfo=UTC)) == date(2026, 10, 26)


@pytest.mark.parametrize("name", ["America/Santiago", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "UTC"])
def test_days_follow_each_other_without_a_gap_or_an_overlap_also_where_midnight_moves(name: str) -> None:
    zone = Zone(name)
    spans = [zone.span(date(2026, 1, 1) + ONE_DAY * n) for n in range(365)]

    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    for n, (begins, ends) in enumerate(spans):
        assert zone.day_of(begins) == zone.day_of(ends - timedelta(seconds=1)) == date(2026, 1, 1) + ONE_DAY * n


def test_a_day_that_never_was_where_the_student_is_is_forgiven() -> None:
    apia = Zone("Pacific/Apia")  # went from the 29th to the 31st
    missing = date(2011, 12, 30)

    assert Uptime([]).fails(*apia.span(missing))


def test_a_day_is_forgiven_when_the_bot_was_away_for_a_good_part_of_it() -> None:
    midnight = datetime(2026, 11, 3, tzinfo=UTC)
    span = (midnight, midnight + ONE_DAY)

    assert not Uptime(beats(midnight, 24)).fails(*span)
    assert not Uptime(beats(midnight, 18.25)).fails(*span)
    assert Uptime(beats(midnight, 18)).fails(*span)
    assert Uptime(beats(midnight - ONE_DAY, 24) + beats(midnight + ONE_DAY, 24)).fails(*span)


def test_a_change_of_the_zone_breaks_nothing_and_its_earlier_days_stay() -> None:
    changed = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
    east = Zone("Pacific/Kiritimati", "Pacific/Pago_Pago", changed)  # from late on the 20th to early on the 22nd
    west = Zone("Pacific/Pago_Pago", "Pacific/Kiritimati", changed)

    assert east.day_of(changed - timedelta(minutes=1)) == date(2026, 11, 20)
    assert east.day_of(changed) == date(2026, 11, 22)
    assert [n for n in range(18, 25) if east.cut_short(date(2026, 11, n))] == [20, 21]
    assert not any(west.cut_short(date(2026, 11, n)) for n in range(18, 25))


def test_the_first_zone_may_be_corrected_and_then_it_stays_for_thirty_days() -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    first = checked_zone(Zone(), "europe/berlin", zone_names(), noon)
    corrected = checked_zone(first, "America/New York", zone_names(), noon)

    assert (first.name, corrected.name, corrected.before) == ("Europe/Berlin", "America/New_York", "Europe/Berlin")
    assert checked_zone(corrected, "America/New_York", zone_names(), noon) == corrected
    with pytest.raises(Refused, match="from 21 December 2026"):
        checked_zone(corrected, "Asia/Tokyo", zone_names(), noon + timedelta(days=29))
    assert checked_zone(corrected, "Asia/Tokyo", zone_names(), noon + timedelta(days=30)).name == "Asia/Tokyo"
    with pytest.raises(Refused, match="no time zone 'Mars'"):
        checked_zone(Zone(), "Mars", zone_names(), noon)


def test_a_streak_is_shown_as_it_will_be_settled() -> None:
    learnt = dict.fromkeys(days(1, 2, 3), DayKind.LEARNT)
    early = streak_now(Run(day(0)), day(4), Zone(), learnt, never)
    late = streak_now(Run(day(0)), day(5), Zone(), learnt, never)
    today = streak_now(Run(day(0)), day(4), Zone(), {**learnt, day(4): DayKind.LEARNT}, never)

    assert (early.days, early.missing, early.payday, early.learnt_today) == (3, 4, day(7), False)
    assert (today.days, today.missing, today.payday, today.learnt_today) == (4, 3, day(7), True)
    assert (late.days, late.best, late.missing, late.payday) == (0, 3, 7, day(11))
    assert [kind for _, kind in early.recent[-4:]] == [DayKind.LEARNT] * 3 + [None]


def test_on_the_seventh_day_nothing_is_missing_and_the_payday_is_today() -> None:
    learnt = dict.fromkeys(days(*range(1, 8)), DayKind.LEARNT)
    streak = streak_now(Run(day(0)), day(7), Zone(), learnt, never)

    assert (streak.days, streak.missing, streak.payday) == (7, 0, day(7))
