"""Rows of buttons, as many as Discord shows under a message."""

import pytest
from structlog.testing import capture_logs

from adapters.discord.outgoing import button_rows
from core.conversation import Button


def shown(*rows: int) -> list[list[str]]:
    """What stands in each row, of buttons numbered through rows of so many."""
    numbers = iter(range(1, 100))
    buttons = [[Button(str(next(numbers)), "press") for _ in range(row)] for row in rows]
    return [[each["label"] for each in row["components"]] for row in button_rows(buttons)]


@pytest.mark.parametrize(
    ("rows", "lengths"),
    [
        ((), []),
        ((1, 2, 1), [1, 2, 1]),
        ((1, 1, 1, 1, 1), [1, 1, 1, 1, 1]),
        ((7,), [5, 2]),
        ((1,) * 8, [5, 3]),
        ((*(1,) * 8, 2), [5, 3, 2]),
        ((2,) * 8, [5, 5, 5, 1]),
        ((1,) * 25, [5, 5, 5, 5, 5]),
    ],
)
def test_rows_keep_their_shape_while_they_fit_and_no_button_is_dropped(
    rows: tuple[int, ...], lengths: list[int]
) -> None:
    found = shown(*rows)
    assert [len(row) for row in found] == lengths
    assert [int(label) for row in found for label in row] == list(range(1, sum(rows) + 1))


def test_what_is_beyond_twenty_five_is_said_in_the_log() -> None:
    with capture_logs() as logs:
        assert sum(map(len, shown(*(1,) * 27))) == 25
    assert logs[0]["labels"] == ["26", "27"]
