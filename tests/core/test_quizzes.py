"""Quizzes as they are shuffled and judged, and as files: any text is read, or refused with its line."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refused, UploadRefused
from core.ids import AttemptId, QuizId, SourceId
from core.rewards.quiz_files import read_clock, read_quiz, write_table, write_text
from core.rewards.quizzes import (
    LETTERS,
    Attempt,
    Moment,
    Question,
    Quiz,
    QuizSummary,
    State,
    Statistics,
    arrange,
    checked_question,
    chosen,
    passes,
    require_attempts_left,
)

SOURCE = SourceId(7)
SPHERE = """title: Shading a sphere
source: Shading a sphere

Where does the core shadow lie?
- beside the lamp
+ opposite the lamp
> It is turned away
> from the light.
@ 0:14

\\- is the darkest part of which of these?
+ the sphere
+ the core shadow
- the lamp
@ 1:02 Lesson 2
"""

text = st.text(min_size=1, max_size=40).map(lambda s: " ".join(s.split())).filter(bool)
moments = st.none() | st.builds(Moment, st.sampled_from([SOURCE, SourceId(8)]), st.integers(0, 20_000).map(float))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    options = draw(st.lists(text, min_size=2, max_size=6, unique_by=str.casefold))
    right = draw(st.sets(st.integers(0, len(options) - 1), min_size=1))
    try:
        return checked_question(draw(text), options, right, draw(st.just("") | text), draw(moments))
    except UploadRefused:  # nothing that can be seen
        return checked_question("Why?", ["this", "that"], right & {0, 1} or {0})


def quiz_of(*asked: Question) -> Quiz:
    return Quiz(QuizSummary(QuizId(1), "A title", State.OPEN, 1, len(asked), SOURCE), asked)


def attempt_at(quiz: Quiz, answers: dict[int, frozenset[int]], seed: int = 0) -> Attempt:
    arrangement = arrange(quiz.questions, Random(seed))  # noqa: S311 - no secret
    return Attempt(AttemptId(1), quiz.summary, quiz.questions, arrangement, dict(answers), 2)


def test_a_text_is_read_with_its_headers_explanations_and_moments() -> None:
    written = read_quiz("sphere.txt", SPHERE)

    assert (written.title, written.source) == ("Shading a sphere", "Shading a sphere")
    first, second = written.questions
    assert first.question.options == ("beside the lamp", "opposite the lamp")
    assert first.question.right == {1}
    assert first.question.explanation == "It is turned away from the light."
    assert (first.line, first.at_s, first.source) == (4, 14.0, "")
    assert second.question.text.startswith("- is the darkest")
    assert second.question.several
    assert (second.at_s, second.source) == (62.0, "Lesson 2")


def test_a_table_is_read_with_letters_numbers_and_other_separators() -> None:
    table = 'question;option1;option2;option3;right;moment\n"Two\nlines?";a;b;c;A, C;1:00\nWhy?;d;e;;2;\n'

    first, second = read_quiz("quiz.csv", table).questions
    assert (first.question.text, first.question.right, first.at_s) == ("Two lines?", frozenset({0, 2}), 60.0)
    assert (second.line, second.question.options, second.question.right) == (4, ("d", "e"), frozenset({1}))


def test_json_is_read_as_a_quiz_or_as_a_list_of_questions() -> None:
    asked = {"question": "Why?", "options": ["a", "b"], "right": [2], "moment": 12.5, "source": "#3"}

    whole = read_quiz("quiz.json", json.dumps({"title": "T", "questions": [asked]}))
    alone = read_quiz("", json.dumps([asked]))
    assert (whole.title, alone.title) == ("T", "")
    assert whole.questions == alone.questions
    (question,) = whole.questions
    assert (question.question.right, question.at_s, question.source) == (frozenset({1}), 12.5, "#3")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "Why?\n- one\n", "Line 1: A question has 2 to 6 options"),
        ("a.txt", "Why?\n- one\n- two\n", "Line 1: No option"),
        ("a.txt", "+ one\n", "Line 1: this stands before its question"),
        ("a.txt", "Why?\n+ one\n- two\n@ soon\n", "Line 4: 'soon' is no time"),
        ("a.txt", "Why?\n+ one\n- two\n\nHow?\n+ so\n- SO\n", "Line 5: Two options"),
        ("a.txt", "", "no question"),
        ("a.csv", "question,right\nWhy?,A\n", "Line 1: the first line of a table"),
        ("a.csv", "question,right,option1,option2,right\nWhy?,A,b,c,d\n", "Line 1: there are two columns"),
        ("a.csv", "question,right,option1,option2\nWhy?,A,b,c\nHow?,X,b,c\n", "Line 3: 'X' is no option"),
        ("a.csv", "question,right,option1,option2\nWhy?,C,b,c\n", "Line 2: There is no such option"),
        ("a.json", '{"questions": [\n{"question": "Why?",}]}', "Line 2: that is not JSON"),
        ("a.json", '{"title": "t",\n"questions": [\n\n{"question": "Why?"}]}', 'Line 4: "options"'),
        ("a.json", '[{"question": "W?", "options": ["a", "b"], "right": [0]}]', "Line 1: There is no such option"),
        ("a.json", '[\n{"question": "W?", "options": ["a", "b"], "right": [true]}]', 'Line 2: "right"'),
        ("a.json", "[" * 100_000, "JSON"),
        ("a.json", "7", "Line 1: JSON of a quiz"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(name: str, content: str, words: str) -> None:
    with pytest.raises(UploadRefused) as refusal:
        read_quiz(name, content)
    assert words in str(refusal.value)


@given(st.sampled_from(["q.txt", "q.csv", "q.json", ""]), st.text(alphabet='a?+->@\\:,;"\n\r {}[]1\0'))
def test_any_text_is_read_or_refused(name: str, content: str) -> None:
    with suppress(UploadRefused):
        assert read_quiz(name, content).questions


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: [x, {"options": x}]))
def test_any_json_is_read_or_refused(content: object) -> None:
    for given_ in (content, {"title": 1, "questions": content}):
        with pytest.raises(UploadRefused, match="Line"):
            read_quiz("q.json", json.dumps(given_, indent=1))


@given(st.lists(questions(), min_size=1, max_size=4))
def test_what_is_exported_is_read_back_as_it_was(asked: list[Question]) -> None:
    quiz = quiz_of(*asked)
    for name, content in (("q.txt", write_text(quiz)), ("q.csv", write_table(quiz))):
        written = read_quiz(name, content)
        for before, after in zip(asked, written.questions, strict=True):
            assert (after.question.text, after.question.options) == (before.text, before.options)
            assert (after.question.right, after.question.explanation) == (before.right, before.explanation)
            assert after.at_s == (before.moment.start_s if before.moment else None)


def test_a_table_holds_nothing_that_a_spreadsheet_would_calculate() -> None:
    quiz = quiz_of(checked_question("=1+1", ["=2", "'=3"], {0}))

    assert "'=1+1,'=2,''=3" in write_table(quiz)
    assert read_quiz("q.csv", write_table(quiz)).questions[0].question.options == ("=2", "'=3")


@given(st.lists(questions(), min_size=1, max_size=5), st.integers())
def test_an_arrangement_shows_every_question_and_option_once(asked: list[Question], seed: int) -> None:
    shown = arrange(asked, Random(seed))  # noqa: S311 - no secret

    assert sorted(each.question for each in shown) == list(range(len(asked)))
    assert all(sorted(s.options) == list(range(len(asked[s.question].options))) for s in shown)


@settings(max_examples=30)
@given(st.lists(questions(), min_size=1, max_size=6), st.integers(), st.data())
def test_an_answer_is_judged_by_what_was_shown(asked: list[Question], seed: int, data: st.DataObject) -> None:
    answers: dict[int, frozenset[int]] = {}
    wrong = 0
    while not (attempt := attempt_at(quiz_of(*asked), answers, seed)).complete:
        shown = attempt.arrangement[attempt.place]
        ticks = data.draw(st.integers(0, 70))
        try:
            answers[shown.question] = chosen(attempt, attempt.place, ticks)
        except Refused:
            ticks = sum(1 << bit for bit, n in enumerate(shown.options) if n in asked[shown.question].right)
            answers[shown.question] = chosen(attempt, attempt.place, ticks)
        meant = {option for bit, option in enumerate(attempt.options_at(attempt.place)) if ticks >> bit & 1}
        wrong += meant != {asked[shown.question].options[n] for n in asked[shown.question].right}
    assert attempt.right == len(asked) - wrong == len(asked) - len(attempt.missed)


def test_an_answer_to_another_question_and_options_that_are_none_are_refused() -> None:
    single = checked_question("Why?", ["a", "b"], {0})
    attempt = attempt_at(quiz_of(single, single), {0: frozenset({0})})

    wrong = ((0, 1, "already"), (2, 1, "work"), (1, 0, "at least"), (1, 3, "work"), (1, 4, "work"))
    for place, ticked, words in wrong:
        with pytest.raises(Refused, match=words):
            chosen(attempt, place, ticked)


def test_85_percent_pass_and_less_does_not() -> None:
    assert [passes(right, total) for right, total in ((17, 20), (16, 20), (6, 7), (5, 6), (0, 0))] == [
        True, False, True, False, False,
    ]  # fmt: skip


def test_the_fourth_attempt_of_a_day_is_refused_with_the_hours_until_the_next() -> None:
    late = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)

    require_attempts_left(2, late)
    with pytest.raises(Refused, match="in 2 hours"):
        require_attempts_left(3, late)


def test_the_hardest_question_is_the_one_that_is_missed_most_often_for_its_answers() -> None:
    assert Statistics(answered=(10, 2, 0), missed=(4, 1, 0)).hardest == 1
    assert Statistics(answered=(10, 2), missed=(0, 0)).hardest is None
    assert Statistics(finished=3, passed=2).pass_percent == 67


def test_times_are_read_as_people_write_them() -> None:
    assert [read_clock(at) for at in ("14", "0:14", "1:02:03", "7.5")] == [14, 14, 3723, 7.5]
    for wrong in ("", "1:2", "1:75", "x", "-3", "1e5"):
        with pytest.raises(UploadRefused):
            read_clock(wrong)
    assert len(LETTERS) == 6
