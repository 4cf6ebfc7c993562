"""What learning earns: asked in a chat, judged by a worker, read in the wallet."""

import asyncio

import pytest

from bot.app import Deployment
from bot.tasks import tasks_of
from core.conversation import Person, Request
from core.overheard import Deleted
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.waiting import eventually

SCHOOL = "school-100"


@pytest.fixture
async def taught(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community, after uploading a lecture."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says("upload", file=attachment(), title="Shading a sphere")
    await ready(deployment, SCHOOL)
    return owner


async def balance_of(person: Speaker) -> str:
    return (await person.says("balance")).text.plain.splitlines()[0]


async def judged(deployment: Deployment) -> list[str]:
    """The verdicts on what was done, once none is missing."""
    url, select = deployment.address.url, "SELECT verdict FROM learning_acts ORDER BY id"

    async def none_waits() -> bool:
        return all(row["verdict"] for row in await rows(url, select))

    await eventually(none_waits, "every act to be judged")
    return [row["verdict"] for row in await rows(url, select)]


async def test_a_question_that_the_material_answers_earns_and_nothing_else_does(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await student.says("ask", question="Where does the core shadow lie on the sphere?")
    await student.says("ask", question="Which football club won the league in 1998?")
    await student.says("ask", question="At which distance do I spray the drawing?")

    assert await judged(deployment) == ["awarded", "too_soon"]
    assert await balance_of(student) == "🪙 5 CHRONOS"
    assert "+5 earned: a question that was answered" in (await student.says("transactions")).text.plain
    assert await balance_of(taught) == "🪙 0 CHRONOS"


async def test_a_question_whose_message_is_deleted_loses_what_it_earned(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    question = {"question": "Where does the core shadow lie on the sphere?"}
    await student.sends(Request(student.place, student.person, "ask", question, "77"))
    await judged(deployment)
    assert await balance_of(student) == "🪙 5 CHRONOS"
    deployment.listening.heard(Deleted(student.place, ("77",)))
    await deployment.listening.write()

    assert await judged(deployment) == ["taken_back"]
    assert await balance_of(student) == "🪙 0 CHRONOS"

    await taught.says("ask", question="At which distance do I spray the drawing?")
    assert await judged(deployment) == ["taken_back"]  # the creator's own staff earns nothing by asking


async def test_the_same_again_in_other_words_earns_nothing(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await student.says("ask", question="Where does the core shadow lie on the sphere?")
    await judged(deployment)
    later = "UPDATE learning_acts SET done_at = done_at - interval '2 minutes' WHERE creator_id = current_creator()"
    await change(deployment.address.url, f"SET app.creator_id = 1; {later}")
    await student.says("ask", question="where does the CORE shadow lie on a sphere")

    assert await judged(deployment) == ["awarded", "repeated"]


async def test_the_staff_gives_and_takes_back_and_nobody_gives_to_oneself(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    student = speaker("2")
    await student.says("ask", question="Where does the core shadow lie?")
    member = Person("discord", "2", "person 2")

    given = await taught.says("grant", member=member, amount=50.0, reason="the best drawing of the week")
    assert "Gave 50 CHRONOS to person 2" in given.text.plain
    assert "50" in await balance_of(student) or "55" in await balance_of(student)
    assert "given by the staff for the best drawing of the week" in (await student.says("transactions")).text.plain
    assert "Taken back." in (await taught.presses(given, "Take it back")).text.plain
    assert "already" in (await taught.presses(given, "Take it back")).text.plain
    assert "50 taken back" in (await student.says("balance")).text.plain

    for amount in (-5.0, 0.5, 1.5, 1e9):
        refused = await taught.says("grant", member=member, amount=amount, reason="no")
        assert "whole number" in refused.text.plain
    oneself = await taught.says("grant", member=Person("discord", "1", "person 1"), amount=5.0, reason="me")
    assert "not enrolled" in oneself.text.plain or "themselves" in oneself.text.plain
    assert "Only the staff" in (await student.says("grant", member=member, amount=5.0, reason="me")).text.plain


async def test_an_empty_wallet_says_how_to_fill_it(taught: Speaker, speaker: SpeakerMaker) -> None:
    stranger = speaker("3")

    assert "earns 5, up to 20 a day" in (await stranger.says("balance")).text.plain
    assert "yet" in (await stranger.says("transactions")).text.plain


async def test_what_was_judged_long_ago_is_forgotten_and_what_it_earned_stays(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await student.says("ask", question="Where does the core shadow lie on the sphere?")
    await judged(deployment)
    url = deployment.address.url
    long_ago = "UPDATE learning_acts SET done_at = done_at - interval '91 days' WHERE creator_id = current_creator()"
    await change(url, f"SET app.creator_id = 1; {long_ago}")

    await tasks_of(deployment, asyncio.Event()).tidy({})

    assert await rows(url, "SELECT FROM learning_acts") == []
    assert await balance_of(student) == "🪙 5 CHRONOS"
