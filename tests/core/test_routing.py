"""Which models are tried for which question, and in which order."""

from dataclasses import dataclass, replace

import pytest

from core.asking.answer import Confidence
from core.asking.budgets import Step
from core.asking.choices import chosen_models
from core.asking.ranking import Ranking, Start
from core.asking.routing import Asked, Routing, is_simple
from core.asking.wording import Found
from core.asking.writing import AnswerModel, Draft, Heard, Task, unheard
from core.errors import Refused
from core.ids import SourceId

SIMPLE = Asked("How do I clean the drill?")
ONE_PLACE = Found(
    Ranking((), (Start(SourceId(1), 3, 1.0), Start(SourceId(1), 9, 0.8)), 1.0, covered=1.0), Confidence.HIGH
)
MANY_PLACES = replace(
    ONE_PLACE, ranking=replace(ONE_PLACE.ranking, starts=(Start(SourceId(1), 3, 1.0), Start(SourceId(2), 9, 0.9)))
)


@dataclass(frozen=True)
class Named:
    """A model that is only chosen, never asked."""

    name: str

    async def write(self, task: Task, heard: Heard = unheard) -> Draft:
        raise NotImplementedError

    async def close(self) -> None:
        """Holds no connection."""


LARGE: list[AnswerModel] = [Named("a:large"), Named("b:large")]
SMALL: list[AnswerModel] = [Named("a:small"), Named("b:large")]
BOTH = Routing(LARGE, SMALL)


def order(routing: Routing, asked: Asked, found: Found) -> list[str]:
    return [model.name for model in routing.order(asked, found)]


def test_a_simple_question_goes_to_the_small_models_first_and_falls_back_on_the_large() -> None:
    assert order(BOTH, SIMPLE, ONE_PLACE) == ["a:small", "b:large", "a:large"]


def test_evidence_from_several_sources_goes_to_the_large_models_first() -> None:
    assert order(BOTH, SIMPLE, MANY_PLACES) == ["a:large", "b:large", "a:small"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (SIMPLE, replace(ONE_PLACE, confidence=Confidence.MEDIUM)),
        (SIMPLE, replace(ONE_PLACE, ranking=replace(ONE_PLACE.ranking, covered=0.7))),
        (SIMPLE, replace(ONE_PLACE, ranking=replace(ONE_PLACE.ranking, starts=()))),
        (replace(SIMPLE, follows=True), ONE_PLACE),
        (Asked("How do I clean the drill, and then the saw, and after that all the clamps of mine?"), ONE_PLACE),
    ],
)
def test_thin_evidence_follow_ups_and_long_questions_are_not_simple(asked: Asked, found: Found) -> None:
    assert is_simple(SIMPLE, ONE_PLACE)
    assert not is_simple(asked, found)


def test_when_money_runs_short_only_small_models_are_tried_and_without_any_the_large_ones() -> None:
    short = replace(SIMPLE, step=Step.SMALL)
    assert order(BOTH, short, MANY_PLACES) == ["a:small", "b:large"]
    assert order(Routing(LARGE), short, MANY_PLACES) == ["a:large", "b:large"]
    assert order(BOTH, replace(SIMPLE, step=Step.QUOTING), ONE_PLACE) == []


def test_what_the_creator_wants_comes_first_as_far_as_the_operator_has_it_and_money_allows() -> None:
    wanting = replace(SIMPLE, wanted=("c:unknown", "b:large", "a:large"))
    assert order(BOTH, wanting, ONE_PLACE) == ["b:large", "a:large", "a:small"]
    assert order(BOTH, replace(wanting, step=Step.SMALL), ONE_PLACE) == ["b:large", "a:small"]


def test_typed_names_are_held_against_those_that_the_operator_has() -> None:
    offered = ("anthropic:claude-sonnet-5-5", "openai:gpt-6-sol")
    assert chosen_models(" openai:gpt-6-sol ; anthropic:claude-sonnet-5-5 ", offered) == tuple(reversed(offered))
    assert chosen_models("Default", offered) == ()
    with pytest.raises(Refused, match=r"no model openai:gpt-6-soul here. Did you mean openai:gpt-6-sol\?"):
        chosen_models("openai:gpt-6-soul", offered)
    with pytest.raises(Refused, match="set up no models"):
        chosen_models("openai:gpt-6-sol", ())
