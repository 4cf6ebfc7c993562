"""What a card says at every stage of the work, for one source and for several."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.conversation import Reply
from core.ids import ItemId, SourceId, WorkflowId
from core.library.cards import Batch, about, batch_card, card, failure_notice
from core.library.estimates import left_s, left_words
from core.library.failures import given_up_in, waits_after
from core.library.store import OriginKind, Source, Stage
from core.library.transcript import Timing
from core.richtext import member

WORKING = (
    Stage.DOWNLOADING, Stage.TRANSCRIBING, Stage.CHUNKING, Stage.EMBEDDING, Stage.VALIDATING,
)  # fmt: skip
INK = Source(
    SourceId(7), ItemId(9), "Ink", "", "en", Timing.HEARD, 3725.0, Stage.TRANSCRIBING, 0.25, "",
    datetime(2026, 11, 21, tzinfo=UTC), origin=OriginKind.LINK, topics=("shading", "paper"), stage_s=110.0,
    progress_s=100.0,
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


def test_the_end_of_the_whole_work_is_estimated_by_its_own_speed_and_the_usual_one_of_what_is_ahead() -> None:
    # A quarter took 100 s, 10 s ago; and about 31 s of the next are ahead: half a second for each of 62 minutes.
    assert left_s(INK) == pytest.approx(290 + 0.5 * 3725 / 60)
    assert card(INK).text.plain.endswith("listening to what is said · about 5 minutes left")
    slow = {Stage.EMBEDDING: 20.0}
    assert card(INK, slow).text.plain.endswith(" · about 25 minutes left"), "as it was measured with other sources"
    learning = replace(INK, stage=Stage.EMBEDDING, progress=0.5, stage_s=100.0)
    assert card(learning, slow).text.plain.endswith(" · about 2 minutes left"), "its own speed counts more"
    assert card(replace(INK, progress=0.9)).text.plain.endswith("less than a minute left")


def test_the_length_of_what_is_heard_is_guessed_from_the_speed_where_nobody_knows_it() -> None:
    unknown = left_s(replace(INK, duration_s=0.0))
    assert unknown is not None
    assert 290 < unknown < 330


def test_before_a_stage_has_a_speed_the_usual_one_is_taken_until_it_is_overdue() -> None:
    begun = replace(INK, progress=0.15, progress_s=2.0, stage_s=20.0)
    assert left_s(begun) == pytest.approx((10 + 0.5) * 3725 / 60 - 20)
    assert left_s(begun, {Stage.TRANSCRIBING: 2.0}) == pytest.approx((2 + 0.5) * 3725 / 60 - 20)
    assert left_s(replace(begun, stage_s=1000.0)) is None


def test_the_rest_counts_down_while_a_long_piece_is_heard() -> None:
    waits = [left_s(replace(INK, stage_s=seconds)) or 0.0 for seconds in (100.0, 200.0, 300.0, 900.0)]
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == pytest.approx(0.5 * 3725 / 60)


@pytest.mark.parametrize(
    "changed",
    [
        {"progress": 0.1, "duration_s": 0.0},
        {"stage": Stage.COMPLETED},
        {"reason": "The disk is full."},
        {"stage": Stage.PENDING, "progress": 0.0},
        {"stage": Stage.DOWNLOADING, "duration_s": 0.0},
    ],
)
def test_no_end_is_estimated_where_nobody_can_tell(changed: dict[str, Any]) -> None:
    unsure = replace(INK, **changed)
    assert left_s(unsure) is None
    assert " left" not in card(unsure).text.plain


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute left"),
        (60, "about a minute left"),
        (100, "about 2 minutes left"),
        (570, "about 10 minutes left"),
        (1740, "about 30 minutes left"),
        (3500, "about 1 hour left"),
        (5000, "about 1½ hours left"),
        (7400, "about 2 hours left"),
    ],
)
def test_the_rest_is_said_in_steps_that_do_not_jump(seconds: float, words: str) -> None:
    assert left_words(seconds) == f" · {words}"


def test_the_end_of_a_batch_goes_by_what_is_done_of_all_its_sources() -> None:
    busy = Batch(WorkflowId(3), "A course", 10, 1, 1, (INK,), moving=4, shares=2.0, elapsed_s=120.0)
    assert "▓▓▓▓░░░░░░░░ 1 of 10 ready, 1 failed · about 7 minutes left" in batch_card(busy).text.plain
    waits = replace(busy, moving=0, reason="It is busy.")
    assert batch_card(waits).text.plain.startswith("⏸️ A course")
    assert " left" not in batch_card(waits).text.plain
    assert batch_card(replace(busy, reason="It is busy.")).text.plain.startswith("⏳"), "the others go on"


def test_who_uploaded_is_told_once_what_failed_with_the_buttons_that_help() -> None:
    failed = replace(INK, stage=Stage.FAILED, reason="This video is private.")
    alone = failure_notice(Batch(WorkflowId(3), "", 1, 0, 1, [failed], only=failed), 1, member("77", "Ana"))
    assert alone.text.plain == "Ana: ❌ Ink could not be added. This video is private."
    assert alone.text.spans[0].link == "77"
    assert _buttons(alone) == ["retry:7", "discard:7"]
    several = failure_notice(Batch(WorkflowId(3), "A course", 12, 6, 6, [failed] * 5), 2, member("77", "Ana"))
    assert several.text.plain.startswith("Ana: 2 of 12 sources of A course could not be added.")
    assert _buttons(several) == ["retry_batch:3"]


def test_work_that_waits_can_be_removed() -> None:
    assert _buttons(card(replace(INK, stage=Stage.PAUSED, reason="The disk is full."))) == ["discard:7"]


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
