from dataclasses import replace

from core.asking.citing import Evidence, quotes
from core.asking.holdings import StoredSentence
from core.asking.ranking import Start
from core.ids import SourceId
from core.library.transcript import LocatorKind

TWENTY_WORDS = " ".join(["word"] * 20)


def said(position: int, source: int = 7, paragraph: int = 0) -> StoredSentence:
    start_s = 10.0 * position
    return StoredSentence(
        SourceId(source), position, start_s, start_s + 10, start_s, paragraph, f"{position}: {TWENTY_WORDS}",
        "Bread", "https://youtu.be/AbCdEfGhIjK", 600.0, timed=True,
    )  # fmt: skip


def positions(*starts: int, paragraphs: dict[int, int] | None = None) -> list[list[int]]:
    """What is quoted for starts in this order, over forty sentences; a quote runs on for three of them."""
    evidence = Evidence.of([said(n, paragraph=(paragraphs or {}).get(n, 0)) for n in range(40)])
    found = quotes([Start(SourceId(7), unit, 1.0) for unit in starts], evidence)
    return [[sentence.position for sentence in quote] for quote in found]


def test_moments_apart_are_quoted_apart_best_first() -> None:
    assert positions(20, 3, 30) == [[20, 21, 22], [3, 4, 5], [30, 31, 32]]


def test_what_follows_a_better_moment_right_away_makes_it_longer() -> None:
    assert positions(20, 23) == [[20, 21, 22, 23, 24, 25]]


def test_what_only_leads_up_to_a_better_moment_is_left_out() -> None:
    assert positions(20, 17, 3) == [[20, 21, 22], [3, 4, 5]]


def test_no_sentence_is_quoted_twice() -> None:
    assert positions(20, 21) == [[20, 21, 22, 23]]


def test_another_paragraph_is_another_moment() -> None:
    assert positions(20, 23, paragraphs=dict.fromkeys(range(23, 40), 1)) == [[20, 21, 22], [23, 24, 25]]


def test_a_heading_is_named_and_not_quoted() -> None:
    heading, text = (
        replace(said(n), text=words, timed=False, locator="Baking", locator_kind=LocatorKind.HEADING)
        for n, words in enumerate(("Baking", "Bake it at 240 degrees."))
    )
    found = quotes([Start(SourceId(7), 0, 1.0)], Evidence.of([heading, text]))
    assert [[sentence.text for sentence in quote] for quote in found] == [["Bake it at 240 degrees."]]
