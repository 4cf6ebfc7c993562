"""Forms at a creator's expense: small models in turn, every call recorded, nothing without money."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from core.asking.answer import ModelCall, Usage
from core.asking.authors import CANCELLED
from core.asking.breaker import FAILURES
from core.asking.clerk import ModelClerk
from core.asking.forms import Filled, Form, filled_or_none
from core.errors import Declined, FormFailed, ProviderBusy, ProviderError
from core.ids import CreatorId, UsageId

FORM = Form("Fill it.", "Material.", {"type": "object"})
CREATOR = CreatorId(1)


@dataclass
class ScriptedForms:
    """Fills every form with its own name, or fails; counts how often it was asked."""

    name: str
    failure: BaseException | None = None
    asked: int = 0
    takes: Callable[[], None] = lambda: None
    given_s: list[float | None] = field(default_factory=list)

    async def fill(self, form: Form) -> Filled:
        self.asked += 1
        self.given_s.append(form.within_s)
        self.takes()
        if self.failure:
            raise self.failure
        return Filled({"by": self.name}, f"{self.name}-really", Usage(100, 10, 40, 0.02))

    async def close(self) -> None:
        """Holds no connection."""


@dataclass
class FakeTill:
    """Money in memory; remembers what was settled."""

    open: bool = True
    settled: list[tuple[UsageId, Sequence[ModelCall]]] = field(default_factory=list)
    charged: list[tuple[UsageId, Sequence[ModelCall]]] = field(default_factory=list)

    async def draw(self, creator_id: CreatorId) -> UsageId | None:
        return UsageId(7) if self.open else None

    async def settle(self, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall]) -> None:
        self.settled.append((usage_id, list(calls)))

    async def charge(self, creator_id: CreatorId, usage_id: UsageId, calls: Sequence[ModelCall]) -> None:
        self.charged.append((usage_id, list(calls)))


@dataclass
class Heard:
    """Hears of failures."""

    failures: list[str] = field(default_factory=list)

    def model_failed(self, model: str, error: ProviderError) -> None:
        self.failures.append(model)


async def test_the_first_model_that_can_fills_it_and_what_failed_is_recorded_too() -> None:
    till, heard, refused = FakeTill(), Heard(), ProviderError("refused")
    refused.usage = Usage(100, 2, 0, 0.01)
    clerk = ModelClerk([ScriptedForms("one", refused), ScriptedForms("two")], till, heard)
    filled = await clerk.fill(CREATOR, FORM, "study")
    assert filled is not None
    assert (filled.values["by"], heard.failures) == ("two", ["one"])
    ((usage_id, (failed, worked)),) = till.settled
    assert (usage_id, failed.model, failed.failure, failed.usage) == (7, "one", "refused", refused.usage)
    assert (worked.model, worked.purpose, worked.failure) == ("two-really", "study", "")
    assert (worked.usage.cost_usd, worked.took_ms >= 0) == (0.02, True)


async def test_without_money_or_models_nobody_is_asked() -> None:
    model = ScriptedForms("one")
    assert await ModelClerk([model], FakeTill(open=False), Heard()).fill(CREATOR, FORM, "study") is None
    assert model.asked == 0
    till = FakeTill()
    assert await ModelClerk([], till, Heard()).fill(CREATOR, FORM, "study") is None
    assert till.settled == []


async def test_a_model_that_fails_again_and_again_is_left_alone_and_money_is_given_back() -> None:
    till, failing = FakeTill(), ScriptedForms("one", ProviderError("cut"))
    clerk = ModelClerk([failing], till, Heard())
    for _ in range(FAILURES + 2):
        assert await clerk.fill(CREATOR, FORM, "study") is None
    assert failing.asked == FAILURES
    assert till.settled[-1] == (7, [])


async def test_a_form_that_no_model_could_fill_is_told_from_one_that_nobody_was_there_for() -> None:
    declined, till, down = Declined("did not fill the form"), FakeTill(), ScriptedForms("two", ProviderError("cut"))
    clerk = ModelClerk([ScriptedForms("one", declined), down], till, Heard())
    with pytest.raises(FormFailed, match="did not fill the form") as failed:
        await clerk.fill(CREATOR, FORM, "study")
    assert failed.value.__cause__ is declined
    assert [call.failure for _, calls in till.settled for call in calls] == ["did not fill the form", "cut"]
    assert await filled_or_none(clerk, CREATOR, FORM, "study") is None
    assert await ModelClerk([down], till, Heard()).fill(CREATOR, FORM, "study") is None


async def test_a_form_that_is_paid_for_and_does_not_come_in_time_was_tried() -> None:
    late = ProviderBusy("did not answer within")
    late.usage = Usage(100, 0, 0, 0.01)
    with pytest.raises(FormFailed):
        await ModelClerk([ScriptedForms("one", late)], FakeTill(), Heard()).fill(CREATOR, FORM, "study")


async def test_models_share_the_time_that_somebody_waits_and_nobody_is_asked_when_it_is_over() -> None:
    clock = [100.0]

    def slow() -> None:
        clock[0] += 3.0

    late = ProviderBusy("did not answer within")
    late.usage = Usage(100)
    models = [ScriptedForms(name, late, takes=slow) for name in ("one", "two", "three")]
    clerk = ModelClerk(models, FakeTill(), Heard(), now=lambda: clock[0])
    with pytest.raises(FormFailed):
        await clerk.fill(CREATOR, replace(FORM, within_s=4.0), "sufficiency")
    assert [model.given_s for model in models] == [[4.0], [1.0], []]


async def test_who_is_too_slow_for_a_form_that_somebody_waits_for_still_fills_the_others() -> None:
    model = ScriptedForms("one", ProviderBusy("did not answer within"))
    clerk = ModelClerk([model], FakeTill(), Heard())
    quick = replace(FORM, within_s=4.0)
    for _ in range(FAILURES + 1):
        assert await filled_or_none(clerk, CREATOR, quick, "sufficiency") is None
    assert model.asked == FAILURES
    model.failure = None
    assert await clerk.fill(CREATOR, FORM, "study") is not None
    assert await clerk.fill(CREATOR, quick, "sufficiency") is None


async def test_what_was_set_aside_is_settled_also_where_the_work_is_given_up() -> None:
    till = FakeTill()
    with pytest.raises(RuntimeError):
        await ModelClerk([ScriptedForms("one", RuntimeError("stopped"))], till, Heard()).fill(CREATOR, FORM, "study")
    assert till.settled == [(7, [])]


async def test_a_form_for_a_question_is_charged_to_it_and_draws_nothing_of_its_own() -> None:
    till = FakeTill(open=False)
    clerk = ModelClerk([ScriptedForms("one")], till, Heard())
    assert await clerk.fill(CREATOR, FORM, "sufficiency", UsageId(9)) is not None
    ((usage_id, (call,)),) = till.charged
    assert (usage_id, call.purpose, call.usage.cost_usd, till.settled) == (9, "sufficiency", 0.02, [])


async def test_a_form_that_nobody_waits_for_any_more_is_recorded_as_cancelled() -> None:
    till = FakeTill()
    stopped = ScriptedForms("one", asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await ModelClerk([stopped], till, Heard()).fill(CREATOR, FORM, "translation", UsageId(9))
    assert [call.failure for call in till.charged[0][1]] == [CANCELLED]
