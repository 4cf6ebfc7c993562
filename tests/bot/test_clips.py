"""The clip of an answer, through the one responder: a real film, heard, kept, cut and sent."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.app import Deployment
from bot.commands.clips import LABEL
from core.conversation import Reply
from core.library.clips import BUSY
from tests.adapters.filming import MP4, SOUND_RATE, Samples, brightness, film
from tests.bot.conftest import LECTURE, Speaker, attachment, ready

SPEECH = Path(__file__).parents[1] / "data" / "workshop.ogg"
QUESTION = "What protects the table from water?"


def speech() -> Samples:
    with av.open(str(SPEECH)) as container:
        resampler = av.AudioResampler("s16", "mono", SOUND_RATE)
        frames = [frame for heard in container.decode(audio=0) for frame in resampler.resample(heard)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.int16)


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a film that speaks, whose brightness tells the second."""
    content = film(tmp_path / "glue.mp4", MP4, speech()).read_bytes()

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type="video/mp4")

    app = web.Application()
    app.router.add_get("/glue.mp4", serve)
    async with TestServer(app) as server:
        yield str(server.make_url("/glue.mp4"))


@pytest.fixture
async def staff(deployment: Deployment, worker: None, link: str) -> Speaker:
    """Whoever set a community up and uploaded the film."""
    person = Speaker.of(deployment, "1", manages=True)
    await person.says("setup")
    await person.says("upload", link=link, title="Glueing boards")
    await ready(deployment, "school-100")
    return person


def labels(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


def payload(reply: Reply) -> str:
    return next(button.payload for row in reply.buttons for button in row if button.label == LABEL)


def seen_at_the_start(content: bytes) -> float:
    with av.open(io.BytesIO(content), "r") as clip:
        return float(next(clip.decode(video=0)).to_ndarray(format="gray")[:, 16:].mean())


async def test_the_cited_moment_is_sent_into_the_chat_as_a_clip(staff: Speaker) -> None:
    student = Speaker.of(staff.deployment, "2")
    answer = await student.says("ask", question=QUESTION)
    assert labels(answer) == ["👍", "👎", LABEL, "▶ Watch"]
    reply = await student.presses(answer, LABEL)
    (file,) = reply.files
    second = int(payload(answer).split(":")[2])
    assert 14 <= second <= 16
    assert file.name == f"Glueing-boards-{second}s.mp4"
    assert abs(seen_at_the_start(file.content) - brightness(second)) < 8
    assert len(file.content) < 10_000_000
    assert f"Glueing boards 0:{second} to 0:" in reply.text.plain
    assert not reply.private


async def test_a_person_gets_one_clip_at_a_time_and_others_are_not_kept_waiting(staff: Speaker) -> None:
    answer = await staff.says("ask", question=QUESTION)
    other = Speaker.of(staff.deployment, "3")
    pressed = await asyncio.gather(*(who.presses(answer, LABEL) for who in (staff, staff, other)))
    assert sorted(len(reply.files) for reply in pressed[:2]) == [0, 1]
    assert BUSY in [reply.text.plain for reply in pressed[:2]]
    assert len(pressed[2].files) == 1
    assert (await staff.presses(answer, LABEL)).files


async def test_who_may_not_ask_any_more_gets_no_clip_from_an_old_answer(staff: Speaker) -> None:
    student = Speaker.of(staff.deployment, "2")
    answer = await student.says("ask", question=QUESTION)
    await staff.says("settings", who_may_ask="enrolled")
    newcomer = Speaker.of(staff.deployment, "4")
    stranger = Speaker.of(staff.deployment, "9", community="200", manages=True)
    await stranger.says("setup")
    for person, words in ((newcomer, "for enrolled students"), (stranger, "another community")):
        reply = await person.presses(answer, LABEL)
        assert words in reply.text.plain
        assert not reply.files


async def test_private_answers_have_private_clips_and_a_removed_video_has_none(staff: Speaker) -> None:
    await staff.says("settings", answers="private")
    answer = await staff.says("ask", question=QUESTION)
    assert (await staff.presses(answer, LABEL)).private
    await staff.says("remove", source="Glueing boards")
    reply = await staff.presses(answer, LABEL)
    assert "removed" in reply.text.plain
    assert not reply.files


async def test_a_clip_of_what_is_for_members_is_theirs_alone(staff: Speaker) -> None:
    member, other = Speaker.of(staff.deployment, "2"), Speaker.of(staff.deployment, "3")
    answer = await other.says("ask", question=QUESTION)
    await staff.says("students", member=member.person, tier="gold")
    await staff.says("edit", source="Glueing boards", tier="gold")
    refused = await other.presses(answer, LABEL)
    assert "for members of gold" in refused.text.plain
    assert not refused.files
    clip = await member.presses(answer, LABEL)
    assert (len(clip.files), clip.private) == (1, True)


@pytest.mark.parametrize(
    "change", ["1:1:5", "1:1:5:31", "1:1:5:0", "1:1:-5:9", "x:1:5:9", "1:1:5:٩", f"1:{'9' * 30}:5:9"]
)
async def test_a_forged_button_does_nothing(deployment: Deployment, change: str) -> None:
    person = Speaker.of(deployment, "1", manages=True)
    await person.says("setup")
    assert "does not work any more" in (await person.says("clip", payload=change)).text.plain


async def test_a_time_that_the_recording_does_not_reach_is_said(staff: Speaker) -> None:
    creator, source, *_ = payload(await staff.says("ask", question=QUESTION)).split(":")
    late = await staff.says("clip", payload=f"{creator}:{source}:999999:30")
    assert "cannot cut that clip" in late.text.plain


async def test_a_moment_of_a_former_cut_is_not_cut_out_of_the_new_one(staff: Speaker) -> None:
    answer = await staff.says("ask", question=QUESTION)
    await staff.says("replace", source="Glueing", file=attachment("glue.ogg", SPEECH.read_bytes()))
    await ready(staff.deployment, "school-100")
    reply = await staff.presses(answer, LABEL)
    assert "new cut" in reply.text.plain
    assert not reply.files
    assert (await staff.presses(await staff.says("ask", question=QUESTION), LABEL)).files


async def test_captions_alone_have_no_clips(deployment: Deployment, worker: None) -> None:
    person = Speaker.of(deployment, "1", manages=True)
    await person.says("setup")
    await person.says("upload", file=attachment("sphere.vtt", LECTURE))
    await ready(deployment, "school-100")
    assert labels(await person.says("ask", question="Where does the core shadow lie?")) == ["👍", "👎"]
