"""What a call used that broke off before its vendor said so."""

from adapters.models.estimates import estimated, size_bytes
from core.asking.answer import Usage


def test_a_token_is_four_letters_and_what_the_vendor_said_counts_more() -> None:
    assert estimated(400, 41) == Usage(100, 11)
    assert estimated(400, 41, Usage(90, 1, 30)) == Usage(90, 11, 30)
    assert estimated(400, 0, Usage(90, 7)) == Usage(90, 7)


def test_scripts_with_more_to_a_letter_count_for_more_and_broken_text_counts_too() -> None:
    assert size_bytes(["abcd", "\u91cd\u529b", "\ud800"]) == 4 + 6 + 1
