"""Which captions of a video stand for what was said."""

from core.library.origins import CaptionKind, CaptionTrack, order_of_captions


def track(kind: str, language: str) -> CaptionTrack:
    return CaptionTrack(f"https://example.org/{kind}/{language}", CaptionKind(kind), language)


def test_people_come_before_machines_and_the_creator_before_both() -> None:
    automatic, human, own = track("automatic", "en"), track("human", "en"), track("creator", "en")
    assert order_of_captions([automatic, human, own], "en") == (own, human, automatic)


def test_captions_in_another_language_are_left_out() -> None:
    german, english = track("human", "de"), track("automatic", "en")
    assert order_of_captions([german, english], "en") == (english,)
    assert order_of_captions([german], "en") == ()


def test_what_a_machine_translated_is_never_taken() -> None:
    assert order_of_captions([track("translated", "en")], "en") == ()


def test_the_same_region_comes_first_and_another_one_still_fits() -> None:
    brazil, portugal = track("human", "pt-BR"), track("human", "pt-PT")
    assert order_of_captions([portugal, brazil], "pt-br") == (brazil, portugal)


def test_three_letters_name_the_same_language_as_two() -> None:
    english = track("human", "eng")
    assert order_of_captions([english, track("human", "deu")], "en-GB") == (english,)


def test_an_automatic_track_tells_the_language_that_nobody_stated() -> None:
    german, english, heard = track("human", "de"), track("human", "en-GB"), track("automatic", "en")
    assert order_of_captions([german, english, heard], "") == (english, heard)


def test_human_captions_of_one_language_are_taken_when_nothing_else_is_known() -> None:
    human = track("human", "fr")
    assert order_of_captions([human], "") == (human,)
    assert order_of_captions([human, track("human", "de")], "") == ()


def test_an_automatic_track_without_a_language_is_in_the_spoken_one() -> None:
    heard = track("automatic", "")
    assert order_of_captions([heard], "de") == (heard,)
    assert order_of_captions([heard], "") == (heard,)
