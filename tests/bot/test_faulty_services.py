"""Services that fail on the way: what was uploaded ends ready once, or failed with a true reason."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.postgres.transcripts import PostgresRecognitions
from bot import items
from bot.app import DatabaseAddress, Deployment, open_on
from bot.ingesting import working
from bot.settings import Settings
from core.ids import CreatorId
from core.library.speech import Recognised
from core.library.store import Source, Stage
from tests.adapters.school import rows
from tests.bot.conftest import LECTURE, Speaker, attachment
from tests.waiting import eventually
from tests.wire.cut_downloads import send_file
from tests.wire.fake_models_openai import FakeOpenAI
from tests.wire.fake_speech import FakeOpenAISpeech, Heard

SPEECH: Final = (Path(__file__).parents[1] / "data" / "workshop.ogg").read_bytes()
HEARD: Final = Heard("Sand both edges before you press the clamp.", 1.0, 4.0)
NO_MONEY: Final = {"limits": {"model_usd_per_day": 0.01}}
Break = Callable[[FakeOpenAI], None]


def _every_fault(server: FakeOpenAI) -> None:
    """429 twice (each attempt asks twice), 500, half an answer, and nothing that can be read."""
    server.overload(times=4)
    server.fail(times=1)
    server.cut_stream(times=1)
    server.garbage_body(times=1)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(items, "CREDIT_LOOK_S", 0.05)


@pytest.fixture
async def openai() -> AsyncIterator[FakeOpenAISpeech]:
    async with FakeOpenAISpeech() as server:
        server.hear(HEARD)
        yield server


@pytest.fixture
async def deployment(
    request: pytest.FixtureRequest, openai: FakeOpenAISpeech, database_url: str, tmp_path: Path
) -> AsyncIterator[Deployment]:
    """With the models of the test's parameter at the fake, and a worker beside."""
    settings = Settings.model_validate(
        {
            "storage": {"data_dir": str(tmp_path)},
            "downloads": {"allow_loopback": True},
            "openai": {"api_key": openai.api_key, "base_url": openai.base_url},
            "models": {"transcribe_usd_per_hour": 0.36, **getattr(request, "param", {})},
            **NO_MONEY,
        }
    )
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened, working(opened):
        await Speaker.of(opened, "1", manages=True).says("setup")
        yield opened


async def the_source(deployment: Deployment) -> Source:
    """The only source, once its work is over."""

    async def over() -> bool:
        sources = await deployment.shelf.sources(CreatorId(1))
        return all(source.stage in {Stage.COMPLETED, Stage.FAILED} for source in sources)

    await eventually(over, "the work to be over", 90)
    (source,) = await deployment.shelf.sources(CreatorId(1))
    return source


SPEAKING = {"transcribe": "openai:whisper-1"}
EMBEDDING = {"embed": "openai:text-embedding-3-small"}


@pytest.mark.parametrize("deployment", [SPEAKING, EMBEDDING], indirect=True, ids=["speech", "vectors"])
async def test_429_500_half_an_answer_and_nonsense_are_lived_through(
    deployment: Deployment, openai: FakeOpenAISpeech, database_url: str
) -> None:
    _every_fault(openai)
    file = (
        attachment("talk.ogg", SPEECH) if deployment.settings.models.transcribe.startswith("openai") else attachment()
    )
    await Speaker.of(deployment, "1", manages=True).says("upload", file=file)
    source = await the_source(deployment)
    assert (source.stage, source.reason) == (Stage.COMPLETED, "")
    (item,) = await rows(database_url, "SELECT attempts FROM items")
    assert item["attempts"] == items.MOST_ATTEMPTS
    stored = await rows(database_url, "SELECT position FROM segments")
    assert len(stored) == len(await rows(database_url, "SELECT DISTINCT position FROM segments"))


@pytest.mark.parametrize("deployment", [SPEAKING, EMBEDDING], indirect=True, ids=["speech", "vectors"])
async def test_a_service_that_never_works_ends_it_with_what_is_to_blame(
    deployment: Deployment, openai: FakeOpenAISpeech
) -> None:
    openai.fail(times=None)
    speaks = deployment.settings.models.transcribe.startswith("openai")
    owner = Speaker.of(deployment, "1", manages=True)
    await owner.says("upload", file=attachment("talk.ogg", SPEECH) if speaks else attachment())
    source = await the_source(deployment)
    assert source.stage is Stage.FAILED
    assert ("The speech recognition" if speaks else "The search model") in source.reason
    shown = (await owner.says("status", source=f"#{source.id}")).text.plain
    assert source.reason in shown
    assert f"{items.MOST_ATTEMPTS} attempts" in shown


@pytest.mark.parametrize("deployment", [SPEAKING], indirect=True)
async def test_recognition_waits_when_the_money_of_the_day_is_used_up_and_its_own_counts(
    deployment: Deployment, database_url: str
) -> None:
    kept = PostgresRecognitions(deployment.database, CreatorId(1))
    for _ in range(2):
        await kept.keep("0" * 64, Recognised((), "en", cost_usd=0.02))
    assert await kept.spent_usd() == pytest.approx(0.02), "what was kept before costs nothing again"
    owner = Speaker.of(deployment, "1", manages=True)
    await owner.says("upload", file=attachment("talk.ogg", SPEECH))

    async def waits() -> bool:
        return "Today's budget for models is used up." in (await owner.says("status")).text.plain

    await eventually(waits, "the work to be paused")
    (item,) = await rows(
        database_url,
        "SELECT i.stage, a.failures,"
        "       extract(epoch FROM a.available_at - date_trunc('day', now(), 'UTC'))::int AS at_s"
        "  FROM items i JOIN admissions a ON a.item_id = i.id",
    )
    assert (item["stage"], item["failures"]) == ("paused", 0)
    assert item["at_s"] == pytest.approx(24 * 3600, abs=5), "it goes on at midnight"


async def test_a_download_that_is_cut_half_way_becomes_the_whole_source(
    deployment: Deployment, database_url: str
) -> None:
    cuts = [len(LECTURE) // 2] * 5

    async def serve(request: web.Request) -> web.StreamResponse:
        return await send_file(request, LECTURE, cuts.pop() if cuts else None)

    app = web.Application()
    app.router.add_get("/lecture.vtt", serve)
    async with TestServer(app) as site:
        owner = Speaker.of(deployment, "1", manages=True)
        await owner.says("upload", link=str(site.make_url("/lecture.vtt")))
        assert (await the_source(deployment)).stage is Stage.COMPLETED
    assert not cuts
    said = [row["text"] for row in await rows(database_url, "SELECT text FROM segments ORDER BY position")]
    assert (said[0], said[-1]) == (
        "Welcome to this lesson about drawing a sphere with charcoal.",
        "Fix the drawing with two thin layers of spray at a distance of 30 centimeters.",
    )
