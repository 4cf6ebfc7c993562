"""What is kept of uploads, from the chat to the disk and off it again, with a worker beside."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.postgres.deployment import enqueue
from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from bot.tasks import run_worker
from core.errors import UploadRefused
from core.ids import CreatorId, ItemId, SourceId
from core.library.intake import Said
from core.library.source_reader import PortReader
from core.library.store import Stage, Work
from tests.adapters.paper import pdf_of
from tests.bot.conftest import Speaker, attachment, ready
from tests.waiting import eventually

SCHOOL = "school-100"
SPEECH = (Path(__file__).parents[1] / "data" / "workshop.ogg").read_bytes()
VARNISH = pdf_of(("Varnish waits for six months after the last layer of oil paint.",))


@pytest.fixture
async def tight(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment with room for one small document, and a worker."""
    settings = Settings.model_validate(
        {
            "storage": {"data_dir": str(tmp_path)},
            "downloads": {"allow_loopback": True},
            "limits": {"max_storage_gb": (len(VARNISH) + 100) / 1e9},
        }
    )
    stop = asyncio.Event()
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        running = asyncio.create_task(run_worker(opened, stop))
        yield opened
        stop.set()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
async def staff(tight: Deployment) -> Speaker:
    person = Speaker.of(tight, "1", manages=True)
    await person.says("setup")
    return person


async def creator_of(deployment: Deployment) -> CreatorId:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    return creator.id


async def test_over_the_limit_an_upload_is_refused_with_what_is_left(staff: Speaker) -> None:
    await staff.says("upload", file=attachment("varnish.pdf", VARNISH))
    reply = await staff.says("upload", file=attachment("more.txt", b"A word about brushes. " * 20))
    assert "Your files here take" in reply.text.plain
    assert "/remove" in reply.text.plain
    again = await staff.says("upload", file=attachment("varnish.pdf", VARNISH))
    assert "have that already" in again.text.plain


async def test_a_recording_behind_a_link_is_read_but_not_kept_where_there_is_no_room(staff: Speaker) -> None:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=SPEECH, content_type="audio/ogg")

    app = web.Application()
    app.router.add_get("/speech.ogg", serve)
    deployment = staff.deployment
    async with TestServer(app) as server:
        link = str(server.make_url("/speech.ogg"))
        await staff.says("upload", link=link)
        await ready(deployment, SCHOOL)
        creator_id = await creator_of(deployment)
        (source,) = await deployment.shelf.sources(creator_id)
    assert (source.stage, source.reason) == (Stage.COMPLETED, "")
    assert await deployment.keeping.files.kept(creator_id) == []
    answer = await staff.says("ask", question="How long do I wait for the glue to dry?")
    assert any(span.link.startswith(link) for span in answer.text.spans)
    assert [button.label for row in answer.buttons for button in row] == ["👍", "👎", "▶ Watch"]


async def test_a_recording_behind_a_link_that_is_too_long_is_not_kept(staff: Speaker) -> None:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=SPEECH, content_type="audio/ogg")

    app = web.Application()
    app.router.add_get("/speech.ogg", serve)
    roomy = staff.deployment
    assert isinstance(roomy.reader, PortReader)
    keeping = replace(roomy.keeping, most_gb=0)
    reader = replace(roomy.reader, keeping=keeping, limits=replace(roomy.reader.limits, longest_s=5.0))
    creator_id = await creator_of(roomy)
    async with TestServer(app) as server:
        (new,) = roomy.services.intake.links(str(server.make_url("/speech.ogg")), Said())
        with pytest.raises(UploadRefused, match="hours long"):
            await reader.read(Work(creator_id, ItemId(1), SourceId(1), "", "", None, 1, new.origin), heard)
    assert await keeping.files.kept(creator_id) == []


async def heard(_stage: Stage, _share: float) -> None:
    """Nobody looks."""


async def test_the_daily_tick_deletes_what_nothing_refers_to(staff: Speaker, tmp_path: Path) -> None:
    await staff.says("upload", file=attachment("varnish.pdf", VARNISH))
    await ready(staff.deployment, SCHOOL)
    creator_id = await creator_of(staff.deployment)
    (needed,) = await staff.deployment.keeping.files.kept(creator_id)
    left = tmp_path / "media" / "creators" / str(creator_id) / f"{'a' * 64}.mp4"
    left.write_bytes(b"of a source that was purged")
    for file in (left, tmp_path / "media" / needed.key):
        os.utime(file, (0, 0))
    await enqueue(staff.deployment.database, "sweep", datetime(2026, 11, 21, tzinfo=UTC))

    async def gone() -> bool:
        return not await asyncio.to_thread(left.exists)

    await eventually(gone, "the file to be deleted")
    assert [file.key for file in await staff.deployment.keeping.files.kept(creator_id)] == [needed.key]
