"""Replies as Telegram's text and entities: within the limits, nothing lost, offsets in UTF-16 units."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telegram.rendering import LONGEST_TEXT, MOST_ENTITIES, Rendered, keyboard, rendered, utf16_length
from core.conversation import Button
from core.richtext import RichText, Span, Style, bold, code, link

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.just("👩‍🚀 <b>&amp;</b> [x](y) *z* ")
SPANS = st.builds(Span, TEXTS, st.sampled_from(list(Style)), st.sampled_from(["", "https://example.org/?t=1"]))


def covered(message: Rendered) -> list[tuple[str, str]]:
    units = message.text.encode("utf-16-le")
    return [
        (str(e.type), units[2 * e.offset : 2 * (e.offset + e.length)].decode("utf-16-le")) for e in message.entities
    ]


def test_entities_are_counted_in_utf16_units() -> None:
    [message] = rendered(RichText.of("🚀🚀 see ", bold("bold"), " ", link("12:34", "https://example.org/?t=754")))
    assert message.text == "🚀🚀 see bold 12:34"
    assert covered(message) == [("bold", "bold"), ("text_link", "12:34")]


def test_markup_from_outside_stays_text() -> None:
    hostile = "<b>x</b> & </a> [a](https://evil.example) *b* `c` \\"
    [message] = rendered(RichText.of(hostile))
    assert (message.text, message.entities) == (hostile, ())


def test_a_link_wins_over_code_and_joins_bold() -> None:
    spans = RichText((Span("a", Style.CODE, "https://example.org"), Span("b", Style.BOLD, "https://example.org")))
    [message] = rendered(spans)
    assert covered(message) == [("text_link", "a"), ("text_link", "b"), ("bold", "b")]


def test_half_of_a_surrogate_pair_does_not_stop_a_message() -> None:
    [message] = rendered(RichText.of("broken \ud83d caption"))
    assert message.text.encode()


def test_more_links_than_a_message_keeps_are_spread_over_several() -> None:
    text = RichText.of(*(part for n in range(250) for part in (link(str(n), f"https://example.org/?t={n}"), " ")))
    messages = rendered(text)
    assert len(messages) == 3
    assert all(len(message.entities) <= MOST_ENTITIES for message in messages)
    assert [entity.url for message in messages for entity in message.entities] == [
        f"https://example.org/?t={n}" for n in range(250)
    ]


def test_text_without_words_makes_no_message() -> None:
    assert rendered(RichText.of(" \n ", code(""))) == []
    assert keyboard(((),)) is None


def test_buttons_carry_their_persistent_id() -> None:
    markup = keyboard(((Button("👍", "vote", "1:2:1"), Button("👎", "vote", "1:2:0")),))
    assert markup is not None
    assert [button.callback_data for row in markup.inline_keyboard for button in row] == ["vote:1:2:1", "vote:1:2:0"]


@settings(max_examples=60, deadline=None)
@given(st.lists(SPANS, max_size=12), st.integers(1, 60))
def test_every_message_fits_and_no_word_is_lost(spans: list[Span], times: int) -> None:
    text = RichText(tuple(spans * times))
    messages = rendered(text)
    assert all(utf16_length(message.text) <= LONGEST_TEXT for message in messages)
    assert all(len(message.entities) <= MOST_ENTITIES for message in messages)
    assert "".join("".join(m.text for m in messages).split()) == "".join(text.plain.split())
    for message in messages:
        for entity in message.entities:
            assert entity.offset + entity.length <= utf16_length(message.text)
