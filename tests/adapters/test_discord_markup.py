import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markup import LIMIT, address, escape, messages, render, size
from core.richtext import RichText, Span, Style, bold, code, italic, link, role

INVISIBLE = "\u200b"


def shown(markdown: str) -> str:
    """What a person reads of escaped text."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", markdown).replace(INVISIBLE, "")


@pytest.mark.parametrize(
    "hostile",
    [
        "**bold** __under__ ~~strike~~ ||spoiler|| `code` ```block```",
        "[click](http://evil.test)",
        "](http://evil.test)",
        "https://evil.test/x and http://evil.test",
        "<@1> <@&2> <#3> <t:0:R> </ask:4> <:smile:5> <https://evil.test>",
        "discord.gg/abc and discord.com/invite/abc and DiscordApp.com/invite/abc",
        "# title\n## title\n-# small\n> quote\n>>> quote\n- item\n+ item\n* item\n1. item",
        "\\*not escaped by itself\\",
    ],
)
def test_outside_text_shows_literally(hostile: str) -> None:
    escaped = escape(hostile)
    assert shown(escaped) == hostile
    bare = re.sub(r"\\[^0-9A-Za-z\s]", "x", escaped)
    assert not re.search(r"[*_~|`\[\]<\\]|://|discord(app)?\.", bare, re.IGNORECASE)
    assert not re.search(r"^\s*([#>+-]|\d+\.)", bare, re.MULTILINE)


def test_everyone_is_not_even_highlighted() -> None:
    escaped = escape("@everyone and @here, me@here.test")
    assert "@everyone" not in escaped
    assert "@here" not in escaped
    assert shown(escaped) == "@everyone and @here, me@here.test"


def test_each_style_has_its_marks() -> None:
    text = RichText.of("a ", bold("b "), italic("c"), code("d_e"), link("12:34", "https://v.test/1?t=754"))
    assert render(text) == "a **b** *c*`d_e`[12:34](<https://v.test/1?t=754>)"


def test_a_role_is_shown_by_its_name_and_only_an_id_becomes_one() -> None:
    assert render(RichText.of(role("123"))) == "<@&123>"
    assert render(RichText.of(role("1> <@&2"))) == "1> \\<@&2"


def test_marks_that_touch_are_kept_apart() -> None:
    assert render(RichText.of(bold("a"), italic("b"))) == f"**a**{INVISIBLE}*b*"


def test_code_cannot_be_ended_from_inside() -> None:
    assert render(RichText.of(code("a`b"))).count("`") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", r"[\[1\]](<https://v.test>)"),
        ("a ](http://evil.test)", r"[a )(http\://evil.test)](<https://v.test>)"),
        ("a [b", "[a (b](<https://v.test>)"),
        ("]a[", "[)a(](<https://v.test>)"),
    ],
)
def test_nothing_breaks_out_of_a_links_text(text: str, expected: str) -> None:
    assert render(RichText.of(link(text, "https://v.test"))) == expected


def test_nothing_breaks_out_of_a_links_address() -> None:
    url = address("https://v.test/a(b)>[c]<d> e\"'f`g\\h?t=1&u=%20#i")
    assert url == "https://v.test/a%28b%29%3E%5Bc%5D%3Cd%3E%20e%22%27f%60g%5Ch?t=1&u=%20#i"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "discord://x", "", "//evil.test"])
def test_only_web_addresses_become_links(url: str) -> None:
    assert render(RichText.of(link("here", url))) == "here"


def test_size_counts_what_is_sent_and_never_less_than_discord() -> None:
    assert size(RichText.of("a*")) == 3
    assert size(RichText.of("👍")) == 2


@given(
    st.lists(st.tuples(st.text(max_size=300), st.sampled_from(Style), st.sampled_from(["", "https://v.test/(x)"])))
)
def test_messages_stay_within_the_limit_and_lose_no_word(parts: list[tuple[str, Style, str]]) -> None:
    text = RichText(tuple(Span(*part) for part in parts))
    sent = messages(text)
    assert all(len(message) <= LIMIT for message in sent)
    letters = [character for character in text.plain if character.isalnum()]
    addresses = re.compile(r"\]\(<https://v\.test/%28x%29>\)")
    assert [
        character for message in sent for character in addresses.sub("", message) if character.isalnum()
    ] == letters
