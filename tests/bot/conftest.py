"""A deployment as it runs in production, on a database of its own, and people who talk to it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot import worker as bot_worker
from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from bot.tasks import run_worker
from core.conversation import Attachment, Person, Place, Reply, Request, Value
from core.library.saving import save_pieces
from core.library.store import Stage
from tests.waiting import beside, eventually

LECTURE = b"""WEBVTT

00:00:01.000 --> 00:00:06.000
Welcome to this lesson about drawing a sphere with charcoal.

00:00:07.000 --> 00:00:13.000
Begin with a light circle and decide where the lamp stands.

00:00:14.000 --> 00:00:21.000
The core shadow lies opposite the lamp and is the darkest part of the sphere.

00:00:22.000 --> 00:00:29.000
Leave a thin reflected light between the core shadow and the edge.

00:00:30.000 --> 00:00:37.000
Fix the drawing with two thin layers of spray at a distance of 30 centimeters.
"""


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = Settings.model_validate(
        {"storage": {"data_dir": str(tmp_path)}, "downloads": {"allow_loopback": True}}
    )
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a job that was put off longer than it was put off."""
    monkeypatch.setattr(bot_worker, "LOOK_AGAIN", timedelta(seconds=0.1))


@pytest.fixture
async def worker(deployment: Deployment) -> AsyncIterator[None]:
    """A worker beside the test."""
    stop = asyncio.Event()
    async with beside(stop, run_worker(deployment, stop)):
        yield


@dataclass
class Speaker:
    """A person in a place, for tests that read like a conversation."""

    deployment: Deployment
    person: Person
    place: Place
    replies: list[Reply] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        deployment: Deployment,
        external_id: str,
        *,
        community: str = "100",
        manages: bool = False,
        platform: str = "discord",
    ) -> "Speaker":
        """A person in a community's channel or, without one, in a direct conversation."""
        person = Person(platform, external_id, f"person {external_id}", manages=manages)
        channel = f"c{community}" if community else f"dm{external_id}"
        return cls(
            deployment, person, Place(platform, channel, community, f"School {community}" if community else "")
        )

    async def says(self, command: str, /, **arguments: Value) -> Reply:
        return await self.sends(Request(self.place, self.person, command, arguments))

    async def sends(self, request: Request) -> Reply:
        reply = await self.deployment.responder.respond(request)
        self.replies.append(reply)
        return reply

    async def presses(self, reply: Reply, label: str) -> Reply:
        button = next(button for row in reply.buttons for button in row if button.label == label)
        return await self.says(button.action, payload=button.payload)


SpeakerMaker = Callable[..., Speaker]


@pytest.fixture
def speaker(deployment: Deployment) -> SpeakerMaker:
    """Makes people: ``speaker("1", community="100", manages=True)``."""
    return partial(Speaker.of, deployment)


def attachment(name: str = "sphere.vtt", content: bytes = LECTURE) -> Attachment:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield content

    async def save(path: Path) -> None:
        await save_pieces(pieces(), path, name=name, size_bytes=len(content), largest_bytes=len(content))

    return Attachment(name, len(content), save)


async def ready(deployment: Deployment, handle: str) -> None:
    """Wait until all work on a creator's sources is done."""
    creator = await deployment.directory.creator(handle)
    assert creator is not None

    async def done() -> bool:
        sources = await deployment.shelf.sources(creator.id)
        return all(source.stage in {Stage.COMPLETED, Stage.FAILED} for source in sources)

    await eventually(done, "the work to be done")
