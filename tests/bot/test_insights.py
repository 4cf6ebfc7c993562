"""What the staff learns of what was asked, as a conversation: groups, never names, and nobody else's."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.app import Deployment
from bot.tasks import tasks_of
from core.conversation import Place, Reply, Request
from tests.adapters.school import rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready

SPHERE = "Where does the core shadow of a sphere lie?"
BREAD = "How do I bake sourdough bread?"


@pytest.fixture
async def taught(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community, after uploading a lecture."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says("settings", staff_news="here")
    await owner.says("upload", file=attachment(), title="Shading a sphere")
    await ready(deployment, "school-100")
    return owner


def links_of(reply: Reply) -> list[str]:
    return [span.link for span in reply.text.spans if span.link]


async def test_the_staff_sees_what_several_asked_and_where_they_struggled_and_nobody_by_name(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    assert "Nothing that 3 people or more asked about." in (await taught.says("insights")).text.plain
    for number in range(2, 5):
        student = speaker(str(number))
        await student.says("ask", question=SPHERE)
        await student.says("ask", question=BREAD)
    await speaker("2").says("ask", question="What does the reflected light do?")
    shown = await taught.says("insights")
    text = shown.text.plain
    assert shown.private
    assert "Questions: 7 by 3 people" in text
    assert f"“{SPHERE}” (3 people, 3 times; new)" in text
    assert f"• “{BREAD}”: 3 of 3 people" in text
    assert "Shading a sphere 0:14 (3 people)" in text
    assert "1 other subject of fewer than 3 people" in text
    assert "reflected" not in text
    assert "person 2" not in text
    assert len(shown.files) == 1
    assert SPHERE in shown.files[0].description
    assert "30 days" in (await taught.says("insights", span="month")).text.plain
    assert "Only the staff" in (await speaker("2").says("insights")).text.plain
    stranger = speaker("9", community="200", manages=True)
    await stranger.says("setup")
    assert SPHERE not in (await stranger.says("insights")).text.plain


async def test_the_weekly_digest_names_what_was_asked_most(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    for number in range(2, 5):
        await speaker(str(number)).says("ask", question=SPHERE)
    creator = await deployment.directory.creator("school-100")
    assert creator is not None
    closing = tasks_of(deployment, asyncio.Event()).closing
    in_a_week = datetime.now(UTC) + timedelta(days=7)
    for _ in range(2):
        await closing.week(creator.id, in_a_week)
    url = deployment.address.url
    (digest,) = await rows(url, "SELECT content::text AS text FROM outbox WHERE content::text LIKE '%Asked most%'")
    assert SPHERE in digest["text"]
    assert "Questions: 3 by 3 people" in digest["text"]


async def test_gaps_say_where_it_was_asked_but_for_private_chats(taught: Speaker, speaker: SpeakerMaker) -> None:
    for number in (2, 3):
        student = speaker(str(number))
        student.place = Place("discord", "555", "100", "School 100")
        asked = Request(student.place, student.person, "ask", {"question": BREAD}, message_id=f"77{number}")
        await student.sends(asked)
    alone = speaker("2", community="")
    await alone.says("ask", question=BREAD)
    shown = await taught.says("gaps")
    assert "2 students asked about “How do I bake sourdough bread?”: record a video" in shown.text.plain
    assert "asked 3 times by 2 people" in shown.text.plain
    assert links_of(shown) == [
        "https://discord.com/channels/100/555/773",
        "https://discord.com/channels/100/555/772",
    ]
