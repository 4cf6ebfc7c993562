"""Words of questions and passages."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.stemming import SnowballStemmer
from core.asking.words import LONGEST_QUESTION, MOST_TERMS, STOP_WORDS, clean_question, term_ids, tokens

stem = SnowballStemmer()


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("<@123456789012345678> how do I **sand** the table?", "how do I sand the table?"),
        ("@chronos_bot what is glue", "what is glue"),
        ("see <#42> and <:party:99> about `glue`", "see and about glue"),
        ("what does https://example.org/watch?v=1 say about glue", "what does say about glue"),
        ("glue\u200b\u0007\u202e please", "glue please"),
        ("> quoted glue", "quoted glue"),
        ("is <b>glue</b> good", "is glue good"),
        ("\uff47\uff4c\uff55\uff45", "glue"),
    ],
)
def test_mentions_markup_links_and_control_characters_are_no_words(typed: str, text: str) -> None:
    assert clean_question(typed).text == text


@pytest.mark.parametrize(
    "typed", ["", "   ", "-" * 40, "\U0001f600\U0001f44d", "???", "<@1234>", "https://example.org"]
)
def test_a_message_without_words_is_empty(typed: str) -> None:
    cleaned = clean_question(typed)

    assert cleaned.empty
    assert cleaned.text == ""


def test_stop_words_are_not_searched_for_unless_nothing_else_is_there() -> None:
    assert clean_question("how do I use the glue").words == ("use", "glue")
    assert clean_question("who is it").words == ("who", "is", "it")


def test_many_words_are_cut_to_forty_different_ones() -> None:
    cleaned = clean_question(" ".join(f"word{at % 60}" for at in range(300)))

    assert len(cleaned.words) == len(set(cleaned.words)) == MOST_TERMS


def test_questions_in_other_scripts_keep_their_words() -> None:
    assert clean_question("\u041a\u0430\u043a \u043a\u043b\u0435\u0438\u0442\u044c?").words == (
        "\u043a\u0430\u043a",
        "\u043a\u043b\u0435\u0438\u0442\u044c",
    )
    assert tokens("\u65e5\u672c\u8a9e") == ["\u65e5\u672c", "\u672c\u8a9e"]


def test_c_plus_plus_and_percentages_are_still_legible() -> None:
    assert clean_question("is C++ 50% faster?").text == "is C++ 50% faster?"


def test_forms_of_a_word_share_a_term_and_other_words_do_not() -> None:
    same = term_ids(["sanding", "sanded", "sands"], stem)

    assert len(set(same.tolist())) == 1
    assert len(set(term_ids(["glue", "screw"], stem).tolist())) == 2


def test_a_term_has_the_same_number_on_every_machine() -> None:
    assert term_ids(["glue"], stem).tolist() == [-1444398458]


def test_stop_words_have_no_term_and_repetitions_are_kept() -> None:
    ids = term_ids(tokens("the glue and the glue"), stem)

    assert ids.dtype == np.int32
    assert len(ids) == 2


@given(st.text(max_size=3 * LONGEST_QUESTION))
def test_any_message_can_be_cleaned_and_cleaning_again_changes_no_word(typed: str) -> None:
    cleaned = clean_question(typed)

    assert len(cleaned.words) <= MOST_TERMS
    assert cleaned.empty == (cleaned.text == "")
    assert not re.search(r"[\x00-\x1f\x7f*`|]", cleaned.text)
    assert len(term_ids(cleaned.words, stem)) <= len(cleaned.words)


@given(st.lists(st.sampled_from(["glue", "screw", "the", "board", "how"]), max_size=120))
def test_only_content_words_are_searched(typed: list[str]) -> None:
    words = clean_question(" ".join(typed)).words

    assert set(words) == set(typed) - STOP_WORDS or not set(typed) - STOP_WORDS
