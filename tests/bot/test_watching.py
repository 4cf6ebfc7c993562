"""Watching in a chat: a button under an answer, one's own list, and questions where a recording plays elsewhere."""

import json
from typing import Final

import pytest

from adapters.web.signing import PersonalWatchLinks
from bot.app import Deployment
from core.conversation import Parameter, Reply, Request
from core.ids import CreatorId
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.bot.test_rewards import SCHOOL, balance_of, judged

QUESTION: Final = "Where does the core shadow lie on the sphere?"
COOKING: Final = b"""WEBVTT

00:00:01.000 --> 00:00:06.000
Warm the broth in a second pot before any rice is fried.

00:00:12.000 --> 00:00:18.000
Stir slowly and add a ladle of hot broth again and again.

00:00:24.000 --> 00:00:30.000
Butter and old cheese come last, away from the flame.

00:00:36.000 --> 00:00:42.000
Serve at once on plates that were heated in an oven.

00:00:48.000 --> 00:00:54.000
Leftover risotto becomes little balls that are fried the next day.

00:01:00.000 --> 00:01:06.000
Choose round grains, which give their starch to the liquid.
"""
LETTERS: Final = "ABCD"


@pytest.fixture
async def taught(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community with two lectures that play at a site, and one of which only the words are here."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says("upload", file=attachment(), link="https://videos.example/sphere", title="Shading a sphere")
    await owner.says("upload", file=attachment("c.vtt", COOKING), link="https://videos.example/rice", title="Risotto")
    await ready(deployment, SCHOOL)
    return owner


def labels(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


async def later(deployment: Deployment, seconds: int) -> None:
    """Let time pass since what is watched was opened."""
    earlier = f"UPDATE watched SET opened_at = opened_at - interval '{seconds} seconds'"  # noqa: S608 - a number
    await change(deployment.address.url, f"SET app.creator_id = 1; SET app.student_id = 2; {earlier}")


async def right(deployment: Deployment) -> list[str]:
    """The letters of the right answers to the newest questions."""
    (newest,) = await rows(deployment.address.url, "SELECT questions FROM watch_checks ORDER BY id DESC LIMIT 1")
    return [LETTERS[question["right"]] for question in json.loads(newest["questions"])]


async def test_whoever_only_watches_is_enrolled(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    button = next(each for row in (await taught.says("watch")).buttons for each in row)
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    listing, opening = speaker("2"), speaker("3")
    await listing.says("watch")
    await opening.says(button.action, payload=button.payload)
    for person in (listing, opening):
        student = await deployment.directory.student(person.person)
        assert (await deployment.directory.enrolment(creator.id, student)).status == "active"


async def test_what_plays_elsewhere_is_opened_asked_about_and_paid_once(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    answer = await student.says("ask", question=QUESTION)
    opened = await student.presses(answer, "▶ Watch")
    assert opened.private
    assert "https://videos.example/sphere" in [span.link for span in opened.text.spans]
    assert "three questions" in opened.text.plain
    assert "cannot have watched it yet" in (await student.presses(opened, "I have watched it")).text.plain
    await later(deployment, 60)

    asked = await student.presses(opened, "I have watched it")
    assert labels(asked) == ["A", "B", "C", "D"]
    assert "Shading a sphere · question 1 of 3" in asked.text.plain
    for letter in await right(deployment):
        wrong_order = asked.buttons[0][0].payload
        before, asked = asked, await student.presses(asked, letter)
        assert asked.replaces
        assert "answered already" in (await student.presses(before, letter)).text.plain
    assert "All 3 right: Shading a sphere counts as watched. It can earn 100 CHRONOS" in asked.text.plain
    assert (await speaker("3").says("watch_answer", payload=wrong_order)).text.plain.startswith("That button")
    assert await judged(deployment) == ["awarded", "awarded"]
    assert await balance_of(student) == "🪙 105 CHRONOS"
    assert "watched to the end" in (await student.says("transactions")).text.plain

    again = await student.says("watch", source="sphere")
    assert labels(again) == []
    assert "You earned CHRONOS for it" in again.text.plain
    assert "counts once" in (await student.presses(opened, "I have watched it")).text.plain


async def test_wrong_answers_may_be_tried_three_times_a_day(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await student.says("ask", question=QUESTION)
    asked = await student.presses(await student.says("watch", source="Risotto"), "I have watched it")
    assert "open in about" in asked.text.plain
    await later(deployment, 60)
    opened = await student.says("watch", source="Risotto")
    asked = await student.presses(opened, "I have watched it")
    for words in ("2 more times", "once more", "Tomorrow"):
        for letter in await right(deployment):
            asked = await student.presses(asked, LETTERS[(LETTERS.index(letter) + 1) % 4])
        assert "0 of 3 right" in asked.text.plain
        assert words in asked.text.plain
        asked = await student.presses(asked, "Try again") if "Try again" in labels(asked) else asked
    assert "Try again in 24 hours" in (await student.presses(opened, "I have watched it")).text.plain
    assert await judged(deployment) == ["awarded"]


async def test_a_recording_that_is_kept_is_opened_by_a_link_of_ones_own(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, links = speaker("2"), deployment.services.personal_links
    assert isinstance(links, PersonalWatchLinks)
    film = f"creators/1/{'ab' * 32}.mp4"
    kept = f"SET app.creator_id = 1; UPDATE sources SET media_key = '{film}' WHERE title = 'Risotto'"  # noqa: S608 - ours
    await change(deployment.address.url, kept)
    await student.says("ask", question=QUESTION)

    listed = await student.presses(await student.says("videos"), "▶ Watch")
    assert "0 of 2 watched to the end" in listed.text.plain
    assert "Next" in listed.text.plain
    opened = await student.presses(listed, "▶ Risotto")
    (address,) = [span.link for span in opened.text.spans if span.link]
    viewer = links.read(address.rsplit("/", 1)[1])
    assert (viewer.creator_id, viewer.student_id, viewer.staff) == (1, 2, False)
    assert "it earns 100 CHRONOS" in opened.text.plain
    assert "plays here" in (await student.says("watch_check", payload=f"1:{viewer.source_id}")).text.plain

    halfway = "SET app.creator_id = 1; SET app.student_id = 2; UPDATE watched SET covered = '{0,33}', wall_s = 33"
    await change(deployment.address.url, halfway)
    assert "50 % watched; the rest earns" in (await student.says("watch", source="risotto")).text.plain
    listed = await student.says("watch")
    assert "Continue watching\n▸ Risotto · 1:06\n   ▓▓▓▓▓▓░░░░░░ 50%" in listed.text.plain
    assert labels(listed) == ["▶ Risotto", "▶ Shading a sphere"]
    entry = deployment.responder.registry.commands["watch"]
    parameter: Parameter = entry.command.parameters[0]
    offered = await deployment.responder.suggest(Request(student.place, student.person, "watch"), parameter.name, "")
    assert [suggestion.label for suggestion in offered] == ["Risotto · ▓▓▓▓▓▓░░░░░░ 50%", "Shading a sphere · 0:37"]


async def test_who_may_not_watch_is_told_why_and_forged_buttons_do_nothing(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, stranger = speaker("2"), speaker("9", community="200", manages=True)
    answer = await student.says("ask", question=QUESTION)
    await stranger.says("setup")
    assert "another community" in (await stranger.presses(answer, "▶ Watch")).text.plain
    await taught.says("edit", source="Shading a sphere", tier="gold")
    for refused in (await student.presses(answer, "▶ Watch"), await student.says("watch", source="Shading")):
        assert "for members of gold" in refused.text.plain
    assert "Shading" not in (await student.says("watch")).text.plain
    assert "plays elsewhere" in (await taught.says("watch", source="Shading")).text.plain
    await taught.says("students", member=student.person, status="paused")
    for refused in (
        await student.presses(answer, "▶ Watch"),
        await student.says("watch"),
        await student.says("watch_list"),
    ):
        assert "is paused" in refused.text.plain
    assert "no recording called 'nothing'" in (await taught.says("watch", source="nothing")).text.plain
    assert "Several recordings" in (await taught.says("watch", source="s")).text.plain
    for action in ("watch_open", "watch_check", "watch_answer"):
        for payload in ("", "1", "1:x", "1:1:1:9:99", "-1:1", f"1:{'9' * 30}", "1:٣"):
            assert "does not work any more" in (await taught.says(action, payload=payload)).text.plain, payload
    assert "not here any more" in (await taught.says("watch_open", payload="1:999999")).text.plain
    assert "does not work any more" in (await taught.says("watch_answer", payload="1:2:999:0:0")).text.plain


async def test_of_words_alone_there_is_nothing_to_watch(
    speaker: SpeakerMaker, worker: None, deployment: Deployment
) -> None:
    owner = speaker("1", manages=True)
    await owner.says("setup")
    assert "no recording here to watch yet" in (await owner.says("watch")).text.plain
    await owner.says("upload", file=attachment(), title="Shading a sphere")
    await ready(deployment, SCHOOL)
    assert "▶ Watch" not in labels(await owner.says("ask", question=QUESTION)) + labels(await owner.says("videos"))
    source_id = (await deployment.shelf.sources(CreatorId(1)))[0].id
    assert "only its words" in (await owner.says("watch_open", payload=f"1:{source_id}")).text.plain
