"""What a card says at every stage of the work, for one source and for several."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.conversation import Reply
from core.ids import ItemId, SourceId, WorkflowId
from core.library.cards import Batch, about, batch_card, card
from core.library.failures import given_up_in, waits_after
from core.library.store import OriginKind, Source, Stage
from core.library.transcript import Timing

WORKING = (
    Stage.DOWNLOADING, Stage.TRANSCRIBING, Stage.CHUNKING, Stage.EMBEDDING, Stage.VALIDATING,
)  # fmt: skip
INK = Source(
    SourceId(7), ItemId(9), "Ink", "", "en", Timing.HEARD, 3725.0, Stage.TRANSCRIBING, 0.25, "",
    datetime(2026, 11, 21, tzinfo=UTC), origin=OriginKind.LINK, topics=("shading", "paper"), stage_s=100.0,
)  # fmt: skip


def _buttons(reply: Reply) -> list[str]:
    return [button.custom_id for row in reply.buttons for button in row]


def test_the_bar_never_goes_back_from_one_stage_to_the_next() -> None:
    for origin in (OriginKind.LINK, OriginKind.TIMED_TEXT):
        shares = [
            card(replace(INK, origin=origin, stage=stage, progress=progress)).text.plain.count("▓")
            for stage in WORKING
            for progress in (0.0, 0.5, 1.0)
        ]
        assert shares == sorted(shares)
        assert shares[-1] == 12


def test_every_stage_has_words_of_its_own() -> None:
    said = {card(replace(INK, stage=stage, stage_s=0.0)).text.plain.partition(" · ")[2] for stage in WORKING}
    assert len(said) == len(WORKING)
    assert "" not in said


def test_the_end_is_estimated_from_how_far_the_stage_came_and_not_too_early() -> None:
    assert card(INK).text.plain.endswith("listening to what is said · about 5 minutes left")
    assert card(replace(INK, progress=0.9)).text.plain.endswith("about a minute left")
    for early in (replace(INK, stage_s=2.0), replace(INK, progress=0.0)):
        assert "left" not in card(early).text.plain


def test_a_ready_source_says_its_length_language_and_topics_and_can_be_asked_about() -> None:
    ready = card(replace(INK, stage=Stage.COMPLETED))
    assert ready.text.plain == "✅ Ink (1:02:05) is ready: ask about it.\nLanguage: en · Topics: shading, paper"
    assert _buttons(ready) == ["about:7"]


def test_a_failed_source_says_why_and_can_be_tried_again_or_removed() -> None:
    failed = card(replace(INK, stage=Stage.FAILED, reason="This video is private."))
    assert failed.text.plain == "❌ Ink could not be added. This video is private."
    assert _buttons(failed) == ["retry:7", "discard:7"]


def test_several_sources_are_counted_and_at_most_five_failures_are_named() -> None:
    failed = [replace(INK, title=f"Part {n}", stage=Stage.FAILED, reason="It is private.") for n in range(6)]
    busy = batch_card(Batch(WorkflowId(3), "A course", 12, 2, 6, failed))
    assert "⏳ A course\n▓▓▓▓▓▓▓▓░░░░ 2 of 12 ready, 6 failed" in busy.text.plain
    assert busy.text.plain.count("It is private.") == 5
    assert busy.text.plain.endswith("… and 1 more")
    assert _buttons(busy) == ["retry_batch:3"]
    done = batch_card(Batch(WorkflowId(3), "A course", 7, 7, 0))
    assert (done.text.plain, done.buttons) == ("✅ A course\n7 of 7 ready. Ask about them.", ())
    assert batch_card(Batch(WorkflowId(3), "A course", 2, 0, 2, failed[:2])).text.plain.startswith("❌ A course")
    assert "nothing that I do not have" in batch_card(Batch(WorkflowId(3), "A course", 0, 0, 0)).text.plain


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "10 seconds"), (44, "40 seconds"), (100, "2 minutes"), (3000, "50 minutes"), (7300, "2 hours")],
)
def test_lengths_are_said_no_more_exactly_than_they_are_known(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_every_failure_has_words_that_say_what_to_do() -> None:
    for stage in Stage:
        assert "Try again later" in given_up_in(stage)
        assert waits_after(stage, 300.0).endswith("I try again by myself in about 5 minutes.")
