"""Model money through the shell and the chat: a priced model on loopback, PostgreSQL, the real embedder."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.administration import ask_once
from bot.app import DatabaseAddress, open_on
from bot.settings import Settings
from core.asking.answer import Mode, Outcome, Usage
from core.asking.notices import BUSY
from core.conversation import Person, Place, Request
from core.library.ingestion import process
from core.library.store import NewSource
from core.library.transcript import Segment, Transcript
from tests.adapters.school import rows
from tests.wire.fake_models import Answer, Claim, ModelRequest
from tests.wire.fake_models_openai import FakeOpenAI

MODEL = "openai:gpt-6-sol"
SHADOW = "Where does the core shadow lie?"
USED_UP = "Today's budget for written answers is used up. Until midnight UTC, for another "


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        server.answer_with(_written)
        yield server


def _written(request: ModelRequest) -> Answer:
    best = next(entry for entry in request.evidence if "opposite the lamp" in entry.text)
    return Claim(f"As written: {best.text}", (best.label,))


@pytest.fixture
async def settings(openai: FakeOpenAI, database_url: str, tmp_path: Path) -> Settings:
    """Settings under which one answer uses up the budget of a day, and a creator with a lesson."""
    configured = Settings.model_validate(
        {
            "database": {"url": database_url},
            "storage": {"data_dir": str(tmp_path)},
            "openai": {"api_key": openai.api_key, "base_url": openai.base_url},
            "models": {"answer": [MODEL], "prices": {MODEL: {"input": 1000.0, "output": 1000.0}}},
            "limits": {"questions_per_minute": 1, "community_questions_per_minute": 1, "model_usd_per_day": 0.01},
        }
    )
    async with open_on(configured, DatabaseAddress(database_url, database_url)) as deployment:
        creator = await deployment.directory.add_creator("drawing", "Drawing", None)
        said = (
            "Begin with a light circle and decide where the lamp stands.",
            "The core shadow lies opposite the lamp and is the darkest part of the sphere.",
            "Fix the drawing with two thin layers of spray at a distance of 30 centimeters.",
        )
        lesson = Transcript(tuple(Segment(7.0 * n, 7.0 * n + 6, text) for n, text in enumerate(said)))
        await deployment.shelf.add(creator.id, [NewSource(lesson, "Spheres", language="en")], None)
        (source,) = await deployment.shelf.sources(creator.id)
        await process(creator.id, source.item_id, bench=deployment.shelf, indexer=deployment.indexer)
        await deployment.engine.recalibrate(creator.id)
        await deployment.directory.add_community(creator.id, Place("discord", "c1", "100", "School"))
    return configured


async def test_the_shells_question_is_counted_and_then_answered_from_before_or_quoted_as_in_a_chat(
    settings: Settings, openai: FakeOpenAI, database_url: str
) -> None:
    first = await ask_once(settings, "drawing", SHADOW)
    assert (first.mode, first.notice) == (Mode.WRITTEN, "")
    for words in (SHADOW, "Hi! Can you tell me where the core shadow lies, please?"):  # each in a process of its own
        again = await ask_once(settings, "drawing", words)
        assert (again.text, again.mode, again.model, again.usage) == (first.text, Mode.WRITTEN, MODEL, Usage())
        assert [replace(c, url="") for c in again.citations] == [replace(c, url="") for c in first.citations]
    second = await ask_once(settings, "drawing", f"{SHADOW} 7")
    assert (second.outcome, second.mode) == (Outcome.CLOSEST, Mode.QUOTED)
    assert second.text.startswith(USED_UP)
    declined = await ask_once(settings, "drawing", "Which football club won the league in 1998?")
    assert (declined.outcome, USED_UP in declined.text) == (Outcome.ABSTAINED, False)
    assert len(openai.requests) == 1
    kept = await rows(database_url, "SELECT student_id, model, cost_usd, reserved_usd FROM usage ORDER BY id")
    assert [(row["student_id"], row["model"], row["reserved_usd"]) for row in kept] == [
        (None, MODEL, 0), (None, MODEL, 0), (None, MODEL, 0), (None, "", 0), (None, "", 0),
    ]  # fmt: skip
    assert float(kept[0]["cost_usd"]) == pytest.approx(first.usage.cost_usd, abs=1e-6)
    assert first.usage.cost_usd > settings.limits.model_usd_per_day


async def test_of_twenty_people_at_once_one_is_written_to_and_nineteen_are_quoted_with_the_reason(
    settings: Settings, openai: FakeOpenAI, database_url: str
) -> None:
    many = settings.model_copy(
        update={"limits": settings.limits.model_copy(update={"community_questions_per_minute": 0})}
    )
    async with open_on(many, DatabaseAddress(database_url, database_url)) as deployment:
        place = Place("discord", "c1", "100", "School")
        replies = await asyncio.gather(
            *(
                deployment.responder.respond(
                    # Each in other words, so that none is answered from what the first one paid for.
                    Request(place, Person("discord", f"{n}", f"person {n}"), "ask", {"question": f"{SHADOW} {n}"})
                )
                for n in range(20)
            )
        )
    said = [reply.text.plain for reply in replies]
    assert sum("As written" in text for text in said) == 1
    quoted = [text for text in said if text.startswith((BUSY, USED_UP)) and "opposite the lamp" in text]
    assert len(quoted) == 19
    assert any(text.startswith(BUSY) for text in quoted), "nothing was spent yet"
    called = await rows(database_url, "SELECT purpose, usage_id, student_id, message_id FROM model_calls ORDER BY id")
    assert [row["purpose"] for row in called] == ["sufficiency", "answer"], "one question is read, and answered"
    assert len({(row["usage_id"], row["student_id"], row["message_id"]) for row in called}) == 1
    assert None not in called[0]
    assert len(await rows(database_url, "SELECT 1 FROM chat_messages")) == 20
