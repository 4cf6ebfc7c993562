"""What we say ourselves is there in every language that a question can be told to be in."""

import re

import pytest

from core.asking import notices
from core.asking.notices import CLOSEST, LACKING, NOT_COVERED, PARTLY, filled, in_language
from core.asking.tongue import NAMES

TEXTS = [text for name, text in vars(notices).items() if name.isupper() and isinstance(text, str)]


@pytest.mark.parametrize("text", TEXTS)
def test_each_sentence_is_there_in_each_language_with_its_gaps_and_commands(text: str) -> None:
    said = {language: in_language(text, language) for language in NAMES}

    assert len(set(said.values())) == len(NAMES) == 15
    for translated in said.values():
        assert sorted(re.findall(r"\{\w+\}|/[a-z]+", translated)) == sorted(re.findall(r"\{\w+\}|/[a-z]+", text))


def test_a_language_that_is_not_there_gets_english() -> None:
    assert in_language(NOT_COVERED, "sv") == NOT_COVERED
    assert in_language("Something of another part.", "de") == "Something of another part."


def test_each_paragraph_is_put_into_the_language_by_itself() -> None:
    assert in_language(f"Eins.\n\n{CLOSEST}", "de") == f"Eins.\n\n{in_language(CLOSEST, 'de')}"


def test_what_fills_a_gap_is_text_and_nothing_more() -> None:
    assert filled(LACKING, "en", missing="{covered}") == "I found nothing on “{covered}”."
    assert (
        filled(PARTLY, "de", covered="A", missing="B")
        == "Das Material behandelt „A“. Zu „B“ habe ich nichts gefunden."
    )
