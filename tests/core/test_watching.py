"""What of a recording counts as watched: never more than can have played, in whatever order it is told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.library.watching import WatchedSentence
from core.rewards.acts import Verdict
from core.rewards.telling import progress_words
from core.rewards.watch_checks import OPTIONS, QUESTIONS, CheckQuestion, draw, usable
from core.rewards.watching import (
    FASTEST,
    MOST_APART_S,
    MOST_STRETCHES,
    SLACK_S,
    Progress,
    Stretch,
    grown,
    merged,
    missing,
    seconds_of,
)

LENGTH_S = 600.0
NOTHING = Progress(LENGTH_S)
SECONDS = st.floats(0, 700, allow_nan=False)
LASTING = st.floats(0.001, 700, allow_nan=False)
STRETCHES = st.lists(st.tuples(SECONDS, LASTING).map(lambda pair: Stretch(pair[0], pair[0] + pair[1])), max_size=12)
BEATS = st.lists(st.tuples(STRETCHES, st.floats(0, 40), st.floats(0, 1)), max_size=25)


def watched(*beats: tuple[float, float, float], length_s: float = LENGTH_S) -> Progress:
    """After heartbeats, each of what played from one second to another and how long after the one before it came."""
    progress = Progress(length_s)
    for start_s, end_s, since_s in beats:
        progress = grown(progress, [Stretch(start_s, end_s)], since_s=since_s, free_s=since_s) or progress
    return progress


@given(STRETCHES, st.randoms(use_true_random=False))
def test_stretches_are_the_same_seconds_in_every_order(stretches: list[Stretch], chance: Random) -> None:
    shuffled = list(stretches)
    chance.shuffle(shuffled)
    once = merged(stretches)
    assert once == merged(shuffled) == merged(once)
    assert all(before.end_s < after.start_s for before, after in pairwise(once))
    assert all(any(kept.start_s <= each.start_s and each.end_s <= kept.end_s for kept in once) for each in stretches)


@given(BEATS)
def test_whatever_a_page_says_no_more_is_covered_than_twice_its_time(
    beats: Sequence[tuple[list[Stretch], float, float]],
) -> None:
    progress, clock_s = NOTHING, 0.0
    for played, since_s, free in beats:
        clock_s += min(since_s * free, MOST_APART_S)
        after = grown(progress, played, since_s=since_s, free_s=since_s * free)
        assert (after is None) == (seconds_of(played) > FASTEST * since_s + SLACK_S)
        progress = after or progress
        covered_s = seconds_of(progress.covered)
        assert progress.wall_s <= clock_s + 1e-6
        assert covered_s <= FASTEST * progress.wall_s + 1e-6
        assert covered_s + seconds_of(missing(progress)) == pytest.approx(LENGTH_S)
        assert progress.covered == merged(progress.covered)
        assert all(0 <= each.start_s < each.end_s <= LENGTH_S for each in progress.covered)


def test_a_recording_that_plays_through_is_watched_at_95_percent() -> None:
    beats = [(10.0 * n, 10.0 * n + 10, 10.0) for n in range(57)]
    assert watched(*beats).complete
    assert not watched(*beats[:-1]).complete
    twice = [(20.0 * n, 20.0 * n + 20, 10.0) for n in range(30)]
    assert watched(*twice).complete
    assert not watched(*twice[:-1]).complete


def test_what_played_covers_but_too_little_time_passed_is_not_enough() -> None:
    almost = watched(*[(20.0 * n, 20.0 * n + 20, 10.0) for n in range(29)])
    assert almost.share >= 0.95
    assert almost.missing_wall_s == pytest.approx(10)
    assert "0:10 more of it play" in progress_words(almost, 100)
    again = grown(almost, [Stretch(0, 10)], since_s=10, free_s=10)
    assert again is not None
    assert again.complete


def test_of_a_heartbeat_that_comes_late_only_the_last_seconds_count() -> None:
    late = watched((0, 60, 60))
    assert late.wall_s == MOST_APART_S
    assert late.covered == (Stretch(30, 60),)


def test_two_pages_at_once_share_the_time() -> None:
    one = grown(NOTHING, [Stretch(0, 10)], since_s=10, free_s=4)
    assert one is not None
    assert one.wall_s == 4
    assert seconds_of(one.covered) == 8


def test_a_jump_is_no_way_to_the_end() -> None:
    assert grown(NOTHING, [Stretch(0, 570)], since_s=10, free_s=10) is None
    assert grown(NOTHING, [Stretch(0, 10), Stretch(590, 610)], since_s=10, free_s=10) is None


def test_snippets_are_kept_in_bounded_number_and_the_longest_stay() -> None:
    snippets = tuple(Stretch(2.0 * n, 2.0 * n + (1.0 if n % 2 else 0.5)) for n in range(MOST_STRETCHES + 40))
    progress = grown(
        replace(NOTHING, covered=snippets, wall_s=400), [Stretch(500, 510)], since_s=10, free_s=10
    )  # fmt: skip
    assert progress is not None
    assert len(progress.covered) == MOST_STRETCHES
    assert Stretch(500, 510) in progress.covered


def test_progress_is_told_with_what_is_left_to_earn() -> None:
    assert "Watched to the end, it earns 100 CHRONOS" in progress_words(NOTHING, 100)
    half = watched(*[(10.0 * n, 10.0 * n + 10, 10.0) for n in range(30)])
    assert progress_words(half, 100) == "50 % watched; the rest earns 100 CHRONOS."
    assert progress_words(half, 0) == "50 % watched."
    done = replace(half, done_at=datetime(2026, 11, 21, tzinfo=UTC))
    assert "It can earn 100 CHRONOS" in progress_words(done, 100)
    assert "You earned" in progress_words(replace(done, verdict=Verdict.AWARDED), 100)
    assert "earns nothing more" in progress_words(replace(done, verdict=Verdict.CAPPED), 100)


def sentence(number: int, text: str) -> WatchedSentence:
    return WatchedSentence(20.0 * number, 20.0 * number + 5, 0, text)


NOUNS = (
    ("charcoal", "paper", "easel"), ("shadow", "lamp", "sphere"), ("eraser", "highlight", "cloth"),
    ("spray", "distance", "layer"), ("pencil", "outline", "circle"), ("frame", "glass", "margin"),
    ("finger", "smudge", "edge"), ("window", "morning", "north"), ("table", "height", "shoulder"),
)  # fmt: skip
VERBS = ("rest", "turn", "hold", "press", "mark", "cut", "draw", "face", "set")
OWN = [
    sentence(n, f"{verb.title()} {one} {two} firmly before another {three} {verb}s along.")
    for n, (verb, (one, two, three)) in enumerate(zip(VERBS, NOUNS, strict=True))
]
ELSEWHERE = [
    f"Stir {what} slowly until {other} thickens and nobody smells smoke."
    for what, other in (("rice", "broth"), ("onion", "butter"), ("egg", "cream"), ("salt", "stock"))
] + [
    "Sharpen that knife daily against a wet stone.", "Taste soup twice, then season generously with pepper.",
    "Knead dough nine minutes until it feels silky.", "Open ovens late because crusts crack when cooled.",
    "Chill glasses early so lemonade stays cold longer.", "Slice carrots thin across their whole length.",
    "Peel ginger using spoons, never heavy blades.", "Wash spinach until no sand stays behind anywhere.",
]  # fmt: skip


def true_of(question: CheckQuestion) -> str:
    return question.options[question.right]


@given(st.integers(0, 10_000), st.booleans())
def test_questions_have_one_true_answer_each_from_all_over_the_recording(seed: int, alone: bool) -> None:
    asked = draw(OWN, [] if alone else ELSEWHERE, 180.0, Random(seed))  # noqa: S311 - a test's draw
    said = [each.text for each in OWN]
    assert len(asked) == QUESTIONS
    assert [said.index(true_of(question)) // 3 for question in asked] == [0, 1, 2]
    for question in asked:
        assert len(set(question.options)) == OPTIONS
        wrong = [option for option in question.options if option != true_of(question)]
        if "about" in question.words:
            at_s = OWN[said.index(true_of(question))].start_s
            assert f"{int(at_s) // 60}:{int(at_s) % 60:02}" in question.words
            assert all(abs(OWN[said.index(option)].start_s - at_s) >= 18 for option in wrong)
        else:
            assert set(wrong) <= set(ELSEWHERE)


def test_the_true_answer_stands_anywhere() -> None:
    draws = [draw(OWN, ELSEWHERE, 180.0, Random(seed)) for seed in range(40)]  # noqa: S311 - a test's draw
    assert {question.right for asked in draws for question in asked} == set(range(OPTIONS))


def test_what_is_said_here_too_is_no_wrong_answer() -> None:
    echo = [each.text.upper() for each in OWN] + ELSEWHERE[:2]
    with pytest.raises(Refused):
        draw([replace(each, estimated=True) for each in OWN], echo, 180.0, Random(1))  # noqa: S311 - a test's draw


def test_guessed_times_are_not_asked_for() -> None:
    guessed = [replace(each, estimated=True) for each in OWN]
    asked = draw(guessed, [*ELSEWHERE], 180.0, Random(1))  # noqa: S311 - a test's draw
    assert not any("about" in question.words for question in asked)


def test_a_recording_in_which_little_is_said_is_not_asked_about() -> None:
    assert not usable("Yes, of course, that is it.")
    assert not usable("And so it is what it was and that is that for you.")
    with pytest.raises(Refused, match="Too little"):
        draw(OWN[:2], ELSEWHERE, 180.0, Random(1))  # noqa: S311 - a test's draw
