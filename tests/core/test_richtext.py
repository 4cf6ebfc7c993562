"""Text with markup: joining keeps the styles, splitting keeps the words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.richtext import RichText, Span, Style, bold, code, counted, italic, joined, link, split


def size(text: RichText) -> int:
    return len(text.plain)


def escaped_size(text: RichText) -> int:
    """As a platform counts that writes ``&`` as ``&amp;``."""
    return len(text.plain.replace("&", "&amp;"))


def words(text: str) -> list[str]:
    return text.split()


WORDS = st.text(st.sampled_from("ab&.!?é😀"), min_size=1, max_size=8)
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", "\n\n\n", ". ", "\t"])
SPANS = st.builds(
    lambda pieces, style, address: Span("".join(pieces), style, address),
    st.lists(st.one_of(WORDS, GAPS), max_size=12),
    st.sampled_from(Style),
    st.sampled_from(["", "https://example.org/v?t=1"]),
)
TEXTS = st.lists(SPANS, max_size=6).map(lambda spans: RichText(tuple(spans)))


def test_parts_are_joined_in_order_and_empty_ones_dropped() -> None:
    text = RichText.of("a ", bold("b"), "", RichText.of(italic(" c"))) + code("d") + link(" e", "https://example.org")
    assert text.plain == "a b cd e"
    assert [span.style for span in text.spans] == [Style.PLAIN, Style.BOLD, Style.ITALIC, Style.CODE, Style.PLAIN]
    assert text.spans[-1].link == "https://example.org"


def test_rich_texts_are_joined_by_a_separator() -> None:
    assert joined([RichText.of("a"), RichText.of("b")], ", ").plain == "a, b"
    assert joined([]) == RichText()


def test_blank_text_is_false() -> None:
    assert not RichText.of(" \n")
    assert RichText.of("x")


def test_a_short_text_is_one_part() -> None:
    text = RichText.of("short")
    assert split(text, 10, size) == [text]
    assert split(RichText(), 10, size) == [RichText()]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One line.\n\nAnother here. And more.", ["One line.", "Another here.", "And more."]),
        ("First one. Second one.", ["First one.", "Second one."]),
        ("a bbbbbbbbbbbbb ccccc", ["a", "bbbbbbbbbbbbb", "ccccc"]),
        ("aaaa bbbb\n\n\n\ncccc dddd", ["aaaa bbbb", "cccc dddd"]),
    ],
)
def test_it_is_cut_at_the_best_break(text: str, parts: list[str]) -> None:
    assert [part.plain for part in split(RichText.of(text), 14, size)] == parts


def test_a_word_longer_than_the_limit_is_cut_and_keeps_its_link_on_both_sides() -> None:
    first, second = split(RichText.of(link("abcdef", "https://example.org")), 3, size)
    assert (first.plain, second.plain) == ("abc", "def")
    assert first.spans[0].link == second.spans[0].link == "https://example.org"


def test_styles_survive_a_cut() -> None:
    parts = split(RichText.of("plain ", bold("bold words here")), 11, size)
    assert [[(span.text, span.style) for span in part.spans] for part in parts] == [
        [("plain ", Style.PLAIN), ("bold", Style.BOLD)],
        [("words here", Style.BOLD)],
    ]


@given(TEXTS, st.integers(min_value=8, max_value=60))
def test_splitting_loses_no_word_and_every_part_fits(text: RichText, limit: int) -> None:
    parts = split(text, limit, escaped_size)
    assert all(escaped_size(part) <= limit for part in parts)
    assert "".join(words(" ".join(part.plain for part in parts))) == "".join(words(text.plain))


@given(TEXTS)
def test_no_word_that_fits_is_cut(text: RichText) -> None:
    limit = max([8, *map(len, words(text.plain))])
    assert [word for part in split(text, limit, size) for word in words(part.plain)] == words(text.plain)


@given(TEXTS, st.integers(min_value=8, max_value=60))
def test_every_character_keeps_its_style_and_link(text: RichText, limit: int) -> None:
    def marked(part: RichText) -> list[tuple[str, Style, str]]:
        return [(c, s.style, s.link) for s in part.spans for c in s.text if not re.match(r"\s", c)]

    assert [mark for part in split(text, limit, size) for mark in marked(part)] == marked(text)


def test_counts_agree_with_their_words() -> None:
    assert [counted(number, "day") for number in (0, 1, 2, 2000)] == ["0 days", "1 day", "2 days", "2,000 days"]
    assert [counted(number, "person asks", "people ask") for number in (1, 2)] == ["1 person asks", "2 people ask"]
