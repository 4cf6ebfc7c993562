"""Who must wait, for how long, and in which words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.asking.answer import Answer, Citation, Confidence, Locator, Mode, Origin, Outcome, Sentence
from core.asking.budgets import Budget, Period, Step, budgets_of
from core.asking.limits import Admission, Limits, Load, UsedUp, in_words, over_limit, step_of, with_budget_notice
from core.asking.notices import CLOSEST, in_language
from core.ids import SourceId, UsageId

NOW = datetime(2026, 5, 4, 20, 30, tzinfo=UTC)
DAY_IS_SPENT = UsedUp(Period.DAY, NOW)
LIMITS = Limits(3, 5, 1.0)
USED_UP = (
    "Today's budget for written answers is used up. Until midnight UTC, for another 3 hours and 30 minutes, "
    "I quote the creator."
)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=s) for s in seconds]


@pytest.mark.parametrize(
    ("person", "community", "words"),
    [
        ([], [], ""),
        ([50, 40], [50, 40, 30, 20], ""),
        ([37, 20, 10], [], "That is 3 questions within a minute. You can go on asking in 23 seconds."),
        ([59.5, 20, 10], [], "That is 3 questions within a minute. You can go on asking in 1 second."),
        ([0, 0, 0], [], "That is 3 questions within a minute. You can go on asking in 1 minute."),
        ([50, 40, 30, 20, 10], [], "That is 3 questions within a minute. You can go on asking in 30 seconds."),
        ([], [48, 9, 9, 9, 9], "This community asks faster than I may answer. You can go on asking in 12 seconds."),
        ([55, 9, 9], [20] * 5, "This community asks faster than I may answer. You can go on asking in 40 seconds."),
    ],
)
def test_the_words_name_the_limit_that_lasts_longest_and_its_real_time(
    person: list[float], community: list[float], words: str
) -> None:
    assert over_limit(Load(NOW, ago(*person), ago(*community)), LIMITS) == words


def test_a_full_day_says_until_when_what_was_bought_and_that_there_is_more() -> None:
    daily = replace(LIMITS, person_per_day=20)
    assert over_limit(Load(NOW, [], [], asked_today=19), daily) == ""
    assert over_limit(Load(NOW, [], [], asked_today=20), daily) == (
        "That is 20 questions today. You can go on asking at midnight UTC, in 3 hours and 30 minutes."
    )
    assert over_limit(Load(NOW, [], [], asked_today=29, bought=10), daily) == ""
    full = over_limit(Load(NOW, [], [], asked_today=30, bought=10, sells_more=True), daily)
    assert full.startswith("That is 30 questions today, with the 10 more that you bought. You can go on")
    assert full.endswith("The shop sells more questions a day: /shop.")
    assert over_limit(Load(NOW, [], [], asked_today=10_000), LIMITS) == ""


def test_zero_is_no_limit() -> None:
    load = Load(NOW, ago(*[1] * 99), ago(*[1] * 99), budgets_of(Limits(0, 0, 0.0).money, {}))
    assert over_limit(load, Limits(0, 0, 0.0)) == ""
    assert step_of(load) == (Step.LARGE, None)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5)), timezone(timedelta(hours=-9))])
def test_money_that_is_used_up_lasts_until_midnight_utc_in_every_zone(zone: timezone) -> None:
    assert step_of(Load(NOW.astimezone(zone), (), (), [Budget(Period.DAY, 1.0, 0.99)])) == (Step.SMALL, None)
    step, notice = step_of(Load(NOW.astimezone(zone), (), (), [Budget(Period.DAY, 1.0, 1.0)]))
    assert notice is not None
    assert (step, notice.words()) == (Step.QUOTING, USED_UP)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"), (23, "23 seconds"), (59.2, "1 minute"), (60, "1 minute"), (61, "2 minutes"),
        (3600, "1 hour"), (3601, "1 hour and 1 minute"), (12_600, "3 hours and 30 minutes"), (86_400, "24 hours"),
    ],
)  # fmt: skip
def test_a_duration_is_rounded_up(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def quoted(outcome: Outcome, notice: str) -> Answer:
    cited = Citation(
        "1", SourceId(1), "Title", "https://videos.example/1", Locator("time", "0:05"), 5.0, 9.0, "Words."
    )
    shown = () if outcome is Outcome.ABSTAINED else (cited,)
    return Answer(outcome, Mode.QUOTED, Confidence.LOW, citations=shown, notice=notice)


def test_quotes_instead_of_a_written_answer_say_why_and_keep_their_own_notice() -> None:
    used_up = Admission(UsageId(1), Step.QUOTING, DAY_IS_SPENT)
    assert with_budget_notice(quoted(Outcome.ANSWERED, ""), used_up).notice == USED_UP
    assert with_budget_notice(quoted(Outcome.CLOSEST, CLOSEST), used_up).notice == f"{USED_UP}\n\n{CLOSEST}"


@pytest.mark.parametrize(
    ("period", "says"),
    [
        (Period.DAY, "Bis Mitternacht UTC, noch 3 h 30 min,"),
        (Period.OWN_DAY, "Dein eigenes Budget"),
        (Period.MONTH, "Bis 2026-06-01, Mitternacht UTC"),
    ],
)
def test_it_is_said_in_the_language_of_the_answer_as_what_stands_below_it(period: Period, says: str) -> None:
    admission = Admission(UsageId(1), Step.QUOTING, UsedUp(period, NOW))
    asked = replace(quoted(Outcome.CLOSEST, in_language(CLOSEST, "de")), language="de")
    notice = with_budget_notice(asked, admission).notice
    assert says in notice
    assert notice.endswith(f"\n\n{in_language(CLOSEST, 'de')}")


def test_an_answer_that_money_would_not_have_changed_says_nothing_of_it() -> None:
    declined = quoted(Outcome.ABSTAINED, "The material does not say.")
    assert with_budget_notice(declined, Admission(UsageId(1), Step.QUOTING, DAY_IS_SPENT)) == declined
    answered = quoted(Outcome.ANSWERED, "")
    assert with_budget_notice(answered, Admission(UsageId(1))) == answered
    kept = replace(answered, mode=Mode.WRITTEN)
    by_staff = replace(answered, sentences=(Sentence("Write to us.", ("1",), Origin.PAIR),))
    for free in (kept, by_staff):
        assert with_budget_notice(free, Admission(UsageId(1), Step.QUOTING, DAY_IS_SPENT)) == free
