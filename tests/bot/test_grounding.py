"""Questions about the library, objections and questions in other languages, as conversations on a real database."""

from bot.app import Deployment
from core.asking.notices import (
    AGAIN_OTHERS,
    AGAIN_SAME,
    NEW_HERE,
    NOT_COVERED_HERE,
    NOTHING_NEW,
    SPEAK_OF_IT,
    in_language,
)
from core.conversation import Reply
from tests.adapters.school import change
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.bot.test_tiers import OPEN, SHADOW, SOAK

SCHOOL = "school-100"
GUIDE = (
    b"# Soaking\n\nPaper is soaked in cold water. Soak heavy paper for twenty minutes and light paper for three.\n"
)


def links_of(reply: Reply) -> list[str]:
    return [span.link for span in reply.text.spans if span.link]


async def _school(speaker: SpeakerMaker, deployment: Deployment) -> tuple[Speaker, Speaker]:
    """The owner of a school with a lesson, a document and a lesson for gold; and a member who is not gold."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says(
        "upload", file=attachment("paper.vtt", OPEN), title="Stretching paper", link="https://youtu.be/bbbbbbbbbbb"
    )
    await owner.says("upload", file=attachment("guide.md", GUIDE), title="Guide to soaking")
    await owner.says("upload", file=attachment(), title="Shading a sphere", tier="gold")
    await ready(deployment, SCHOOL)
    return owner, speaker("2")


async def test_the_library_answers_for_itself_and_no_further_than_it_is_open(
    speaker: SpeakerMaker, worker: None, deployment: Deployment
) -> None:
    owner, student = await _school(speaker, deployment)

    which = (await student.says("ask", question="Which video covers soaking paper?")).text.plain
    assert which.startswith(f"{SPEAK_OF_IT}\n\n▸ Stretching paper · video · 20")
    assert "Guide to soaking" not in which
    document = (await student.says("ask", question="Which document is about soaking paper?")).text.plain
    assert "▸ Guide to soaking · document · 20" in document
    new = await student.says("ask", question="What's new this week?")
    assert new.text.plain.startswith(NEW_HERE)
    assert [line.split(" · ")[0] for line in new.text.plain.splitlines()[2:]] == [
        "▸ Guide to soaking",
        "▸ Stretching paper",
    ]
    assert "https://www.youtube.com/watch?v=bbbbbbbbbbb&t=1" in links_of(new)
    everything = await owner.says("ask", question="list all lessons")
    assert "Shading a sphere" in everything.text.plain
    assert everything.private
    assert "Shading" not in (await student.says("ask", question="Which video covers shadows on a sphere?")).text.plain

    older = "SET app.creator_id = 1; UPDATE sources SET created_at = created_at - interval '8 days'"
    await change(deployment.address.url, older)
    assert (await student.says("ask", question="What's new this week?")).text.plain == NOTHING_NEW
    assert "Stretching" in (await student.says("ask", question="What's new this month?")).text.plain
    how = (await student.says("ask", question=SOAK)).text.plain
    assert "▸ Stretching paper · video [" in how or "▸ Guide to soaking · document [" in how


async def test_an_objection_is_looked_for_again_and_answered_with_what_is_said(
    speaker: SpeakerMaker, worker: None, deployment: Deployment
) -> None:
    _, student = await _school(speaker, deployment)
    first = await student.says("ask", question=SOAK)
    again = await student.says("ask", question="No, you're wrong!")
    third = await student.says("ask", question="are you sure?")

    assert again.text.plain.startswith((AGAIN_OTHERS, AGAIN_SAME))
    assert third.text.plain.startswith(AGAIN_SAME)
    for reply in (again, third):
        assert "sorry" not in reply.text.plain.casefold()
        assert "you are right" not in reply.text.plain.casefold()
        assert links_of(reply)
    assert links_of(first)
    assert (await speaker("3").says("ask", question="No, you're wrong!")).text.plain == NOT_COVERED_HERE


async def test_what_is_declined_is_declined_in_the_language_of_the_question(
    speaker: SpeakerMaker, worker: None, deployment: Deployment
) -> None:
    _, student = await _school(speaker, deployment)
    declined = (await student.says("ask", question="Wer hat die Wahl in Peru gewonnen und warum?")).text.plain

    assert in_language(NOT_COVERED_HERE, "de") in declined
    assert declined.startswith("Das Material ist in einer anderen Sprache als deine Frage")
    assert "(English)" in declined
    assert (await student.says("ask", question=SHADOW)).text.plain.startswith("The material that is open to you here")
