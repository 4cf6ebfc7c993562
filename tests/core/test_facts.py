"""Whether a question wants a fact or a stretch."""

import pytest

from core.asking.facts import wants_a_fact


@pytest.mark.parametrize(
    "question",
    [
        "Who invented the dovetail jig?",
        "when was the second workshop opened",
        "In which year did the school move?",
        "How many clamps does a table top need?",
        "What is the angle of the bevel?",
        "The mill was built by whom?",
    ],
)
def test_who_when_where_what_and_how_many_ask_for_a_fact(question: str) -> None:
    assert wants_a_fact(question)


@pytest.mark.parametrize(
    "question",
    [
        "How do I sharpen a chisel?",
        "how to choose what to plane first",
        "Why does varnish crack?",
        "Summarise what was said about glue.",
        "Explain which glue holds",
        "sharpening",
        "Wie schärfe ich einen Stechbeitel?",
        "",
    ],
)
def test_what_is_shown_or_explained_or_only_named_is_no_fact(question: str) -> None:
    assert not wants_a_fact(question)
