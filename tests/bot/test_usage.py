"""Models in a conversation: which one answers, what the staff chooses and sees, and what members never see."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.administration import usage_of
from bot.app import DatabaseAddress, Deployment, open_on
from bot.commands.usage import described
from bot.settings import Settings
from core.asking.forms import Form
from core.library.ingestion import process
from core.library.store import NewSource
from core.library.transcript import Segment, Transcript
from tests.adapters.school import rows
from tests.bot.conftest import Speaker
from tests.wire.fake_models import Answer, Claim, ModelRequest
from tests.wire.fake_models_openai import FakeOpenAI

LARGE, SMALL = "openai:gpt-6-sol", "openai:gpt-6-luna"
SHADOW = "Where does the core shadow lie?"
SCHEMA = {
    "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False,
}  # fmt: skip


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        server.answer_with(_written)
        yield server


def _written(request: ModelRequest) -> Answer:
    if request.schema == SCHEMA:
        return {"n": 4}
    best = next(entry for entry in request.evidence if "opposite the lamp" in entry.text)
    return Claim(f"As written: {best.text}", (best.label,))


@pytest.fixture
def settings(openai: FakeOpenAI, database_url: str, tmp_path: Path) -> Settings:
    """A large and a small model, the large one fifty times as dear; thirty cents a day and ten dollars a month."""
    prices = {LARGE: {"input": 500.0, "output": 500.0}, SMALL: {"input": 10.0, "output": 10.0}}
    return Settings.model_validate(
        {
            "database": {"url": database_url},
            "storage": {"data_dir": str(tmp_path)},
            "openai": {"api_key": openai.api_key, "base_url": openai.base_url},
            "models": {"answer": [LARGE], "small": [SMALL], "prices": prices},
            "limits": {"model_usd_per_day": 0.3, "model_usd_per_month": 10.0},
        }
    )


@pytest.fixture
async def deployment(settings: Settings, database_url: str) -> AsyncIterator[Deployment]:
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


@pytest.fixture
async def owner(deployment: Deployment) -> Speaker:
    """The owner of a creator with one lesson."""
    owner = Speaker.of(deployment, "1", manages=True)
    await owner.says("setup")
    creator = await deployment.directory.creator("school-100")
    assert creator is not None
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
    return owner


async def models_asked(url: str) -> list[str]:
    return [row["model"] for row in await rows(url, "SELECT model FROM model_calls ORDER BY id")]


async def test_the_staff_chooses_models_and_sees_what_they_did_until_the_money_ends(
    owner: Speaker, deployment: Deployment, settings: Settings, database_url: str
) -> None:
    student = Speaker.of(deployment, "2")
    assert "As written" in (await student.says("ask", question=SHADOW)).text.plain
    assert await models_asked(database_url) == [SMALL], "a simple, well-covered question"
    again = await Speaker.of(deployment, "3").says("ask", question=SHADOW)
    assert "As written" in again.text.plain, "kept: nobody is called"
    (creator,) = await deployment.directory.creators()
    filled = await deployment.clerk.fill(creator.id, Form("Count.", "Four.", SCHEMA), "study")
    assert filled is not None
    assert filled.values == {"n": 4}

    unknown = await owner.says("settings", models="openai:gpt-6-soll")
    assert f"Did you mean {LARGE}?" in unknown.text.plain
    shown = await owner.says("settings", models=LARGE, after_budget="stop", study_models="off")
    assert "Study material: picked from the words" in shown.text.plain
    assert f"Models: {LARGE} (there are {LARGE}, {SMALL})" in shown.text.plain
    assert "When the money for models is used up: nothing is answered" in shown.text.plain

    usage = await owner.says("usage")
    text = usage.text.plain
    assert "Today: 2 questions (1 written by a model, 1 given again from what was written before)" in text
    assert "In force now: all models" in text
    assert f"{SMALL}: 2 calls, " in text
    assert "What for: answer 1 (" in text
    assert "study 1 (" in text
    assert (usage.private, usage.files[0].content[:4], usage.files[0].is_picture) == (True, b"\x89PNG", True)

    await ends_the_money(owner, student, database_url)
    name, report = await usage_of(settings, "school-100")
    assert described(name, report).plain == (await owner.says("usage")).text.plain

    refused = await student.says("usage")
    assert "Only the staff" in refused.text.plain
    everything = "".join(reply.text.plain for reply in student.replies)
    assert "USD" not in everything
    assert "gpt-6" not in everything


async def ends_the_money(owner: Speaker, student: Speaker, database_url: str) -> None:
    """Ask until the budget of the day is used up: by the creator's choice that is a stop first, and quoting then."""
    await student.says("ask", question=f"{SHADOW} Please say it once more.")
    assert (await models_asked(database_url))[-1] == LARGE, "the creator's choice comes first"
    stopped = await student.says("ask", question=f"{SHADOW} And again?")
    assert "the staff decided that I stop then. You can go on asking at midnight UTC" in stopped.text.plain
    await owner.says("settings", models="default", after_budget="quote")
    quoted = await student.says("ask", question=f"{SHADOW} And again?")
    assert quoted.text.plain.startswith("Today's budget for written answers is used up. Until midnight UTC")
    assert (
        "In force now: quoting and what was written before, by the budget of this day"
        in (await owner.says("usage")).text.plain
    )
    told = await rows(database_url, "SELECT content->>'text' AS text FROM outbox")
    assert sum("which is all" in row["text"] for row in told) == 2, "once as a stop, once as quoting"
