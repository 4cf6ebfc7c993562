"""What people type is taken for the thing that they most likely mean."""

from dataclasses import dataclass

import pytest

from bot.commands.titles import fitting


@dataclass(frozen=True)
class Thing:
    id: int
    title: str


SHELF = (Thing(1, "Drawing hands"), Thing(2, "DRAWING HANDS"), Thing(3, "Hands in gloves"), Thing(12, "3"))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("#1", [1]),
        ("12", [12]),
        ("Drawing hands", [1]),
        ("drawing HANDS", [1, 2]),
        (" gloves ", [3]),
        ("hands", [1, 2, 3]),
        ("3", [3]),
        ("feet", []),
        ("", []),
    ],
)
def test_a_number_a_whole_title_and_words_of_one_name_a_thing(typed: str, found: list[int]) -> None:
    assert [thing.id for thing in fitting(typed, SHELF)] == found
