from dataclasses import dataclass, replace

from core.asking.answer import Answer, Citation, Confidence, Locator, Mode, Outcome, Sentence, Usage
from core.asking.cache import AnswerCache, AnswerKey
from core.ids import CreatorId, SourceId
from core.tiers import NO_TIERS, Scope

CITED = Citation(
    "1", SourceId(7), "Bread", "https://youtu.be/AbCdEfGhIjK?t=3", Locator("time", "0:03"), 3.0, 6.0, "Rest it."
)
WRITTEN = Answer(
    Outcome.ANSWERED, Mode.WRITTEN, Confidence.HIGH, (Sentence("Let it rest.", ("1",)),), (CITED,), model="one",
    usage=Usage(100, 10, 0, 0.02),
)  # fmt: skip


@dataclass
class Clock:
    """Says the time that a test wants."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def key(question: str = "how long?", *, creator: int = 1, version: int = 1) -> AnswerKey:
    return AnswerKey(Scope(CreatorId(creator), NO_TIERS), version, "en", question)


def test_a_kept_answer_costs_nothing_when_it_is_given_again() -> None:
    cache = AnswerCache()
    cache.keep(key(), WRITTEN)
    assert cache.find(key()) == replace(WRITTEN, usage=Usage())


def test_another_creator_version_or_question_finds_nothing() -> None:
    cache = AnswerCache()
    cache.keep(key(), WRITTEN)
    assert [cache.find(other) for other in (key(creator=2), key(version=2), key("how short?"))] == [None] * 3


def test_quotes_and_refusals_are_not_kept() -> None:
    cache = AnswerCache()
    for answer in (replace(WRITTEN, mode=Mode.QUOTED), Answer(Outcome.ABSTAINED, Mode.WRITTEN, Confidence.NONE)):
        cache.keep(key(), answer)
    assert cache.find(key()) is None


def test_answers_end_with_their_time_and_the_least_used_goes_first() -> None:
    clock = Clock()
    cache = AnswerCache(most=2, lifetime_s=60.0, now=clock)
    for question in ("a", "b"):
        cache.keep(key(question), WRITTEN)
    assert cache.find(key("a"))
    cache.keep(key("c"), WRITTEN)
    assert [bool(cache.find(key(question))) for question in "abc"] == [True, False, True]
    clock.now_s = 60.0
    assert cache.find(key("c")) is None
