"""What two creators say of the same, each with a word of its own: nothing made of one has the other's word in it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import structlog

from adapters.postgres import memory
from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from bot.tasks import run_worker, tasks_of
from core.conversation import Person, Place, Reply, Request
from core.ids import CreatorId
from core.library.store import NewSource
from core.library.transcript import Segment, Transcript
from tests.adapters.school import rows
from tests.safety.cases import KEY
from tests.waiting import beside, eventually
from tests.wire.fake_models_openai import FakeOpenAI

CANARIES: Final = {"drawing": "vermilion7f3a", "cooking": "saffron9b2c"}
SAME: Final = "What is the secret of a good finish?"
MORE: Final = (
    "How many thin layers does a good finish take?",
    "Which distance does the second layer need?",
    "What dries a good finish overnight?",
    "Why is the first layer thin?",
    "When is the finish done?",
)
MADE: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("summary", {}),
    ("summary", {"topic": "good finish"}),
    ("terms", {}),
    ("takeaways", {}),
    ("videos", {}),
    ("history", {}),
    ("me", {}),
    ("export", {}),
)


@dataclass
class Community:
    """A creator's community, with all that was ever read in it."""

    deployment: Deployment
    name: str
    id: CreatorId
    read: list[str] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return Place("discord", f"c-{self.name}", f"g-{self.name}", self.name)

    async def says(self, person: str, command: str, /, **arguments: str) -> Reply:
        async def look(growing: Reply) -> None:
            self._keep(growing)

        by = Person("discord", f"{self.name}-{person}", f"person {person}", manages=person == "staff")
        reply = await self.deployment.responder.respond(Request(self.place, by, command, arguments), look)
        self._keep(reply)
        return reply

    def _keep(self, reply: Reply) -> None:
        links = [span.link for span in reply.text.spans]
        buttons = [f"{button.label} {button.payload}" for row in reply.buttons for button in row]
        files = [file.description + file.content.decode("utf-8", "replace") for file in reply.files]
        self.read.append("\n".join([reply.text.plain, *links, *buttons, *files]))


@pytest.fixture
async def model() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(KEY) as server:
        yield server


@pytest.fixture
async def deployment(model: FakeOpenAI, database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = Settings.model_validate(
        {
            "storage": {"data_dir": str(tmp_path)},
            "openai": {"api_key": KEY, "base_url": model.base_url},
            "models": {"answer": ["openai:gpt-6-sol"], "small": ["openai:gpt-6-luna"]},
            "limits": {"questions_per_minute": 0, "community_questions_per_minute": 0, "questions_per_day": 0},
        }
    )
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


@pytest.fixture
async def communities(deployment: Deployment) -> AsyncIterator[list[Community]]:
    """Both creators say the same sentences, but for one word."""
    stop = asyncio.Event()
    async with beside(stop, run_worker(deployment, stop)):
        found = [await _founded(deployment, name, canary) for name, canary in CANARIES.items()]
        for community in found:

            async def studied(of: Community = community) -> bool:
                guides = await deployment.services.studies.guides(of.id)
                return bool(guides) and not any(guide.waits for guide in guides)

            await eventually(studied, "the study material")
        yield found


async def _founded(deployment: Deployment, name: str, canary: str) -> Community:
    creator = await deployment.directory.add_creator(name, name, None)
    community = Community(deployment, name, creator.id)
    await deployment.directory.add_community(creator.id, community.place)
    said = (
        f"The secret of a good finish is {canary}, and hardly anybody knows it.",
        f"A good finish takes two thin layers, since {canary} dries slowly.",
        f"The second layer of {canary} needs a distance of 30 centimeters.",
        "The first layer is thin so that the finish is done overnight.",
    )
    lesson = Transcript(tuple(Segment(7.0 * n, 7.0 * n + 6, text) for n, text in enumerate(said)))
    await deployment.shelf.add(
        creator.id, [NewSource(lesson, f"On {canary}", f"https://v.test/{canary}", "en")], None
    )
    await community.says("staff", "settings", staff_news="here")
    return community


async def test_nothing_that_is_made_of_one_creators_material_has_a_word_of_the_others(
    communities: list[Community], model: FakeOpenAI, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUMMED_FROM", 4)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logged:
        for _ in range(2):  # the second time there are kept answers
            for community in communities:
                for person in ("1", "2", "3"):
                    await community.says(person, "ask", question=SAME)
        for community in communities:
            await _made(community)
    told = caplog.text + json.dumps(logged, default=str)
    sent = [json.dumps(request.body) for request in model.requests]
    for community in communities:
        own, other = CANARIES[community.name], next(c for n, c in CANARIES.items() if n != community.name)
        assert any(own in text for text in community.read), "nothing is tested otherwise"
        assert [text for text in community.read if other in text] == []
        assert [body for body in sent if own in body], "the model has read it"
        assert [body for body in sent if own in body and other in body] == []
        assert own not in told
    assert KEY not in told


async def _made(community: Community) -> None:
    """Have a long session summed up, insights and a digest made, and all else shown that is made of a library."""
    deployment, url = community.deployment, community.deployment.address.url
    for question in MORE:
        await community.says("1", "ask", question=question)

    async def summed_up() -> bool:
        return bool(await rows(url, "SELECT FROM session_summaries WHERE creator_id = $1", community.id))

    await eventually(summed_up, "the long session to be summed up")
    for command, arguments in MADE:
        await community.says("1", command, **arguments)
    insights = await community.says("staff", "insights")
    assert SAME in insights.text.plain
    in_a_week = datetime.now(UTC) + timedelta(days=7)
    await tasks_of(deployment, asyncio.Event()).closing.week(community.id, in_a_week)
    posted = await rows(url, "SELECT content::text AS text FROM outbox WHERE creator_id = $1", community.id)
    assert any("Asked most" in row["text"] for row in posted)
    community.read.extend(row["text"] for row in posted)
