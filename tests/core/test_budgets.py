"""The steps in which money runs out, whose budget counts, and the words of it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.asking.budgets import Budget, Period, Step, budgets_of, furthest, news_for_staff
from core.asking.limits import Limits, Load, step_of
from core.errors import QuotaReached
from core.ids import CreatorId
from core.library.quotas import SpeechBudget

NOW = datetime(2026, 12, 30, 20, 30, tzinfo=UTC)


def step_with(*budgets: Budget, stops: bool = False) -> tuple[Step, str]:
    step, notice = step_of(Load(NOW, (), (), budgets, stops=stops))
    return step, notice.words() if notice else ""


@pytest.mark.parametrize(
    ("spent", "reserved", "step"),
    [
        (0.0, 0.0, Step.LARGE), (0.69, 0.0, Step.LARGE), (0.7, 0.0, Step.SMALL), (0.5, 0.2, Step.SMALL),
        (0.99, 0.0, Step.SMALL), (1.0, 0.0, Step.QUOTING), (0.95, 0.05, Step.QUOTING), (7.0, 0.0, Step.QUOTING),
    ],
)  # fmt: skip
def test_from_seventy_percent_small_models_write_and_from_a_hundred_none(
    spent: float, reserved: float, step: Step
) -> None:
    assert Budget(Period.DAY, 1.0, spent, reserved).step(stops=False) is step
    stopped = Budget(Period.DAY, 1.0, spent, reserved).step(stops=True)
    assert stopped is (Step.STOPPED if spent >= 1.0 else step), "what is only set aside turns nobody away"


def test_the_budget_that_is_used_most_counts_and_of_equals_the_one_that_lasts_longest() -> None:
    own, day, month = (Budget(period, 1.0, 0.0) for period in (Period.OWN_DAY, Period.DAY, Period.MONTH))
    assert furthest([own, day, month], stops=False)[0] is Step.LARGE
    full = [Budget(budget.period, 1.0, 1.0) for budget in (own, day, month)]
    assert furthest(full, stops=False) == (Step.QUOTING, Period.MONTH)
    assert furthest([full[0], Budget(Period.DAY, 1.0, 0.8), month], stops=False) == (Step.QUOTING, Period.OWN_DAY)
    assert furthest([], stops=True)[0] is Step.LARGE


def test_a_limit_of_nothing_is_no_budget() -> None:
    money = Limits(0, 0, 1.0, 0, 0.0, 0.5).money
    used = {Period.DAY: (0.1, 0.0), Period.MONTH: (9.9, 0.0), Period.OWN_DAY: (0.2, 0.3)}
    assert budgets_of(money, used) == (Budget(Period.DAY, 1.0, 0.1), Budget(Period.OWN_DAY, 0.5, 0.2, 0.3))


def test_whoever_asks_reads_what_is_used_up_and_until_when() -> None:
    assert step_with(Budget(Period.DAY, 1.0, 0.8)) == (Step.SMALL, ""), "members read nothing of cost"
    assert step_with(Budget(Period.MONTH, 1.0, 1.0))[1] == (
        "This month's budget for written answers is used up. Until 01 January, midnight UTC, I quote the creator."
    )
    assert step_with(Budget(Period.OWN_DAY, 1.0, 1.0))[1] == (
        "Your own budget for written answers today is used up. Until midnight UTC, for another 3 hours and "
        "30 minutes, I quote the creator."
    )
    assert step_with(Budget(Period.DAY, 1.0, 1.0), stops=True) == (
        Step.STOPPED,
        "Today's budget for written answers is used up, and the staff decided that I stop then. You can go on asking "
        "at midnight UTC, in 3 hours and 30 minutes.",
    )
    assert "go on asking on 01 January, midnight UTC." in step_with(Budget(Period.MONTH, 1.0, 1.0), stops=True)[1]


def test_the_staff_reads_the_figures_the_change_and_until_when() -> None:
    assert news_for_staff(Step.SMALL, Budget(Period.DAY, 5.0, 3.6), NOW) == (
        "💶 3.60 of 5.00 USD of this day for models are spent, more than 70%: until 31 December, 00:00 UTC only the "
        "small models are asked, where there are any. /usage has the figures."
    )
    assert "which is all: until 01 January, 00:00 UTC answers quote you" in news_for_staff(
        Step.QUOTING, Budget(Period.MONTH, 50.0, 50.2), NOW
    )
    assert "no question is answered" in news_for_staff(Step.STOPPED, Budget(Period.DAY, 5.0, 5.0), NOW)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5)), timezone(timedelta(hours=-9))])
def test_days_and_months_are_those_of_utc_in_every_zone(zone: timezone) -> None:
    at = datetime(2027, 1, 31, 23, 0, tzinfo=UTC).astimezone(zone)
    assert Period.MONTH.begins(at).isoformat() == "2027-01-01"
    assert Period.MONTH.ends(at) == Period.DAY.ends(at) == datetime(2027, 2, 1, tzinfo=UTC)


async def test_listening_waits_for_the_month_where_that_is_used_up_and_for_midnight_where_the_day_is() -> None:
    spent = {Period.DAY: 1.0, Period.MONTH: 9.0}

    async def spent_usd(_: CreatorId, period: Period) -> float:
        return spent[period]

    budget = SpeechBudget(1.0, spent_usd, 10.0)
    with pytest.raises(QuotaReached, match="Today's budget for models is used up"):
        await budget.require(CreatorId(1))
    spent[Period.MONTH] = 10.0
    with pytest.raises(QuotaReached, match="This month's budget") as waits:
        await budget.require(CreatorId(1))
    assert 0 < waits.value.wait_s <= 31 * 86_400
    await SpeechBudget(0.0, spent_usd).require(CreatorId(1))
