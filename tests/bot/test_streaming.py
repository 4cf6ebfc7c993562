"""Written answers that are read while they grow, in a real deployment with a model on loopback."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from core.conversation import Person, Place, Reply, Request
from core.ids import CreatorId
from core.library.ingestion import process
from core.library.store import NewSource, NewWorkflow, UploadSettings
from core.library.transcript import Segment, Transcript
from tests.wire.fake_models import Answer, Claim, ModelRequest
from tests.wire.fake_models_openai import FakeOpenAI

SAID = (
    "Begin with a light circle and decide where the lamp stands.",
    "The core shadow lies opposite the lamp and is the darkest part of the sphere.",
    "Fix the drawing with two thin layers of spray at a distance of 30 centimeters.",
)
SHADOW = "Where does the core shadow lie, and how is the drawing fixed?"
"""Answered by the second and the third sentence."""


@dataclass
class Reader:
    """Somebody who reads along."""

    deployment: Deployment
    shown: list[Reply] = field(default_factory=list)

    async def asks(self, question: str = SHADOW, *, community: str = "100") -> Reply:
        place = Place("discord", f"c{community}", community, "School" if community else "")
        request = Request(place, Person("discord", "2", "a student"), "ask", {"question": question})
        return await self.deployment.responder.respond(request, self._see)

    async def _see(self, reply: Reply) -> None:
        self.shown.append(reply)


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        server.answer_with(_written)
        yield server


def _written(request: ModelRequest) -> Answer:
    told = [next(entry for entry in request.evidence if entry.text == text) for text in SAID[1:]]
    return [Claim("@everyone **" + entry.text + "**", (entry.label,)) for entry in told]


@pytest.fixture
async def reader(openai: FakeOpenAI, database_url: str, tmp_path: Path) -> AsyncIterator[Reader]:
    settings = Settings.model_validate(
        {
            "storage": {"data_dir": str(tmp_path)},
            "openai": {"api_key": openai.api_key, "base_url": openai.base_url},
            "models": {"answer": ["openai:gpt-6-sol"]},
            "limits": {"questions_per_minute": 0, "community_questions_per_minute": 0, "model_usd_per_day": 0},
        }
    )
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as deployment:
        await _school(deployment)
        yield Reader(deployment)


async def _school(deployment: Deployment, tier: str = "", community: str = "100") -> CreatorId:
    creator = await deployment.directory.add_creator(f"drawing-{community}", "Drawing", None)
    workflow = NewWorkflow(settings=UploadSettings(tier=tier))
    lesson = Transcript(tuple(Segment(7.0 * n, 7.0 * n + 6, text) for n, text in enumerate(SAID)))
    await deployment.shelf.add(creator.id, [NewSource(lesson, "Spheres", language="en")], None, workflow)
    (source,) = await deployment.shelf.sources(creator.id)
    await process(creator.id, source.item_id, bench=deployment.shelf, indexer=deployment.indexer)
    await deployment.engine.recalibrate(creator.id)
    await deployment.directory.add_community(creator.id, Place("discord", f"c{community}", community, "School"))
    return creator.id


async def test_a_reply_grows_without_markup_or_buttons_and_the_whole_one_begins_as_it_did(
    reader: Reader, openai: FakeOpenAI
) -> None:
    going_on = openai.pause_stream(after_text="Fix the drawing")
    going_on.set()
    whole = await reader.asks()

    first = reader.shown[0]
    assert first.text.plain == f"everyone {SAID[1]} [1]"
    assert (first.buttons, first.files, first.private) == ((), (), False)
    assert "/watch/" in next(span.link for span in first.text.spans if span.link)
    assert whole.text.plain.startswith(f"everyone {SAID[1]} [1] everyone {SAID[2]}")
    assert whole.buttons


async def test_what_is_for_members_is_shown_to_nobody_in_public_before_it_is_whole(
    reader: Reader, openai: FakeOpenAI
) -> None:
    deployment = reader.deployment
    creator_id = await _school(deployment, "gold", community="200")
    student = await deployment.directory.student(Person("discord", "2", "a student"))
    await deployment.directory.set_enrolment(creator_id, student, "active", "gold")

    whole = await reader.asks(community="200")
    assert SAID[1] in whole.text.plain
    assert whole.private
    assert reader.shown == []
    alone = await reader.asks("Where does the core shadow lie, and what fixes the drawing?", community="")
    assert SAID[1] in alone.text.plain
    assert reader.shown, "in a private chat nothing has to be hidden"


async def test_an_answer_that_breaks_off_is_kept_as_far_as_it_came_and_says_so(
    reader: Reader, openai: FakeOpenAI
) -> None:
    openai.cut_stream(after_text="Fix the drawing", times=None)
    whole = await reader.asks()
    assert SAID[1] in whole.text.plain
    assert "I could not finish this answer." in whole.text.plain
    assert "Spheres" in whole.text.plain
    assert len(openai.requests) == 1
