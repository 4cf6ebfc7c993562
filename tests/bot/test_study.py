"""Study material as conversations: made by itself, read by learners, looked after by the staff."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.postgres.study_work import PostgresStudyBench
from bot.app import Deployment
from bot.sample_library import sample_library
from core.asking.forms import Form
from core.conversation import Reply, Request
from core.errors import FormFailed
from core.ids import CreatorId
from core.study.picked import PICKED
from core.study.studying import FAILED_NOW, NO_MODEL_NOW, Studying
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.core.lessons import STEM, ScriptedClerk
from tests.waiting import eventually

SCHOOL = "school-100"
ESPRESSO = "Dialing in your espresso"
CREMA = "Crema is the golden foam on top of an espresso."


def lecture(title: str = ESPRESSO) -> bytes:
    return next(s.content for creator in sample_library().creators for s in creator.sources if s.title == title)


async def studied(deployment: Deployment) -> None:
    """Wait until all study material is made."""
    url = deployment.address.url

    async def none_is_due() -> bool:
        return not await rows(url, "SELECT FROM study_guides WHERE due_at IS NOT NULL")

    await eventually(none_is_due, "the study material to be made")


@pytest.fixture
async def owner(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community, after uploading a lecture."""
    someone = speaker("1", manages=True)
    await someone.says("setup")
    await someone.says("upload", file=attachment("espresso.vtt", lecture()), title=ESPRESSO)
    await ready(deployment, SCHOOL)
    await studied(deployment)
    return someone


async def creator_id(deployment: Deployment) -> CreatorId:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    return creator.id


def links_of(reply: Reply) -> set[str]:
    return {span.link for span in reply.text.spans if span.link}


def labels_of(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


def number_in(reply: Reply) -> int:
    """The number of the first point that a reply names."""
    found = re.search(r"#(\d+)", reply.text.plain)
    assert found
    return int(found[1])


async def test_learners_read_what_is_open_to_them_with_links_to_its_second_for_as_long_as_its_source_is_there(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    short = await student.says("summary", source="espresso")
    assert short.private
    assert short.text.plain.count("▸") == 5
    assert PICKED in short.text.plain.lower()
    assert len(links_of(short)) == 5
    assert all(re.search(r"/watch/.+\?t=\d+#moment$", link) for link in links_of(short)), links_of(short)
    long = await student.presses(short, "Longer")
    assert long.replaces
    assert long.text.plain.count("▸") == 10
    assert "▸ Cup [0:01]" in (await student.presses(long, "Chapters")).text.plain
    terms = await student.presses(short, "Key terms")
    assert f"crema: {CREMA}" in terms.text.plain
    assert f"crema: {CREMA}" in (await student.says("terms", search="Crem")).text.plain
    assert "▸" in (await student.says("terms_of", payload=f"0:{10**18 - 1}:")).text.plain, "a page that is gone"
    browsed = await student.says("takeaways", type="technique")
    assert "▸ technique" in browsed.text.plain
    assert "▸ example" not in browsed.text.plain
    assert "The speaker says what to do" in browsed.text.plain
    assert "grind finer" in (await student.says("takeaways", search="sour")).text.plain
    nowhere = await student.says("takeaways", area="zebra")
    assert "The focus areas here are: Foundations, Techniques" in nowhere.text.plain

    assert "grind finer" in (await student.says("summary", topic="sour espresso")).text.plain
    assert "Nothing that is summed up" in (await student.says("summary", topic="risotto")).text.plain
    assert (await student.says("summary")).text.plain == short.text.plain, "there is one source alone"
    assert "_____" not in "".join(reply.text.plain for reply in student.replies), "drafts are the staff's"
    for action in ("study_point", "study_undo", "study_hide", "study_delete", "study_restore", "study_publish"):
        for payload in ("999999", "x", "1:2"):
            reply = await owner.sends(Request(owner.place, owner.person, action, {"payload": payload}))
            assert re.search("gone|does not work|too late", reply.text.plain), (action, payload, reply.text.plain)
    for action in ("summary_of", "terms_of", "more_takeaways", "chapters_of", "takeaways_of"):
        reply = await speaker("2").says(action, payload="0:9999:1:1:x" if action == "more_takeaways" else "9999")
        assert re.search("gone|does not work", reply.text.plain), (action, reply.text.plain)
    stranger = speaker("9", community="200", manages=True)
    await stranger.says("setup")
    for command in ("summary", "terms", "takeaways"):
        assert "nothing of that kind" in (await stranger.says(command)).text.plain
    assert "Only the staff" in (await student.says("study")).text.plain

    await owner.says("edit", source="espresso", tier="gold")
    assert "is for members of gold" in (await student.says("summary", source="espresso")).text.plain
    for reply in (
        await student.says("summary", topic="crema"),
        await student.says("terms"),
        await student.says("takeaways"),
    ):
        assert "espresso" not in reply.text.plain.lower()
    assert "golden foam" in (await owner.says("terms")).text.plain
    await owner.says("edit", source="espresso", tier="none")
    removed = await owner.says("remove", source="espresso")
    assert "golden foam" not in (await student.says("terms")).text.plain
    await owner.presses(removed, "Undo")
    assert "golden foam" in (await student.says("terms")).text.plain
    await change(deployment.address.url, "ALTER TABLE sources NO FORCE ROW LEVEL SECURITY")
    await change(deployment.address.url, "DELETE FROM sources")
    assert not await rows(deployment.address.url, "SELECT FROM study_points")


async def test_staff_edit_hide_delete_and_take_back_and_a_new_making_keeps_it(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    browsed = await owner.says("takeaways", search="sour")
    number = number_in(browsed)
    edited = await owner.says(
        "study_edit", point=float(number), notes="When it is [sour](https://evil.example) @everyone."
    )
    assert "Notes: When it is sour" in edited.text.plain
    assert "When it is sour" in (await student.says("takeaways", search="sour")).text.plain
    assert "When it is sour" not in (await owner.presses(edited, "Undo")).text.plain
    again = await owner.says("study_edit", point=float(number), notes="When it is sour.", area="mindset")
    assert "· Mindset ·" in again.text.plain

    term = next(p for p in await points(owner) if p["text"] == "crema")
    hidden = await owner.says("study_hide", payload=str(term["id"]))
    assert "golden foam" not in (await student.says("terms")).text.plain
    await owner.presses(hidden, "Show again")
    assert "golden foam" in (await student.says("terms")).text.plain
    deleted = await owner.says("study_delete", payload=str(term["id"]))
    assert "golden foam" not in (await student.says("terms")).text.plain
    assert "It is back" in (await owner.presses(deleted, "Undo")).text.plain
    await owner.says("study_delete", payload=str(term["id"]))

    card = await owner.says("study", source="espresso")
    made = await owner.presses(card, "Make again")
    assert "the card below" in made.text.plain
    await studied(deployment)
    assert "golden foam" not in (await student.says("terms")).text.plain, "what was deleted is not made again"
    assert "When it is sour." in (await student.says("takeaways", area="Mindset")).text.plain
    parcels = await deployment.outbox.claim("discord", 50)
    shown = [parcel.reply.text.plain for parcel in parcels]
    assert any("key terms" in text and "📚" in text for text in shown), "the card moved along"

    chapter = next(p for p in await points(owner) if p["kind"] == "chapter")
    await owner.says("study_edit", point=float(chapter["id"]), text="Before the first cup")
    assert "Before the first cup" in (await student.says("chapters")).text.plain
    page = await deployment.holdings.transcript(await creator_id(deployment), chapter["source_id"])
    assert page is not None
    assert page.chapters[0].title == "Before the first cup", "the page of the recording says so, too"
    assert "It has to say something" in (await owner.says("study_edit", point=float(number), text="none")).text.plain
    assert "Only the staff" in (await student.says("study_delete", payload="1")).text.plain

    assert "Focus areas: 9" in (await owner.says("focus_areas")).text.plain
    named = await owner.says(
        "focus_areas", areas="Grinding: grinder, grind size, burrs | Tasting: sour, bitter, taste"
    )
    assert '/focus_areas areas:"Foundations:' in named.text.plain
    await studied(deployment)
    found = {
        row["area"]
        for row in await points(owner)
        if row["kind"] in {"technique", "mindset", "example"} and not row["edited"]
    }
    assert found <= {"Grinding", "Tasting", ""}
    assert len(found) > 1
    assert "Focus areas: 2" in (await owner.says("focus_areas")).text.plain
    await owner.says("focus_areas", areas="usual")
    assert "Focus areas: 9" in (await owner.says("focus_areas")).text.plain


async def points(owner: Speaker) -> list[Any]:
    url = owner.deployment.address.url
    return await rows(url, "SELECT * FROM study_points ORDER BY source_id, first_segment, id")


async def test_drafts_are_reviewed_one_by_one_and_become_a_quiz(owner: Speaker, speaker: SpeakerMaker) -> None:
    listed = await owner.says("study")
    label = next(label for label in labels_of(listed) if label.startswith("Review"))
    first = await owner.presses(listed, label)
    assert "Draft of a question" in first.text.plain
    assert "_____" in first.text.plain
    opened = await owner.presses(first, "Edit")
    number = number_in(opened)
    options = "the foam | +the espresso | the cup"
    await owner.says("study_edit", point=float(number), text="What is small and strong?", options=options)
    assert (
        "has one right option" in (await owner.says("study_edit", point=float(number), options="+a | +b")).text.plain
    )
    second = await owner.presses(first, "Publish")
    assert "It stands in quiz #" in second.text.plain
    refused = await owner.presses(first, "Publish")
    assert "in a quiz already" in refused.text.plain
    last = await owner.presses(second, "Throw away")
    while "Publish" in labels_of(last):
        last = await owner.presses(last, "Publish")
    assert "No draft waits any more." in last.text.plain
    quiz = await owner.presses(last, "See the quiz")
    assert "What is small and strong?" in quiz.text.plain
    assert "✓ the espresso" in quiz.text.plain
    assert "from study material" in quiz.text.plain
    await owner.presses(quiz, "Publish")
    assert ESPRESSO in (await speaker("2").says("quiz")).text.plain
    assert not [label for label in labels_of(await owner.says("study")) if label.startswith("Review")]


async def test_other_words_make_other_material_and_keep_what_the_staff_changed_where_it_is_still_said(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    kept = next(p for p in await points(owner) if p["kind"] == "summary" and "sour" in p["text"])
    lost = next(p for p in await points(owner) if p["kind"] == "summary" and "longer drink" in p["text"])
    for point in (kept, lost):
        await owner.says("study_edit", point=float(point["id"]), notes="Mine.")
    words = lecture().replace(b"golden foam", b"brown foam").replace(b"If you want a longer drink", b"Some like tea")
    reply = await owner.says("transcript", source="espresso", file=attachment("espresso.vtt", words))
    if "Confirm" in " ".join(labels_of(reply)):
        await owner.presses(reply, labels_of(reply)[0])
    url = deployment.address.url
    done = "SELECT FROM study_points WHERE kind = 'term' AND quote LIKE '%brown foam%'"

    async def made() -> bool:
        return bool(await rows(url, done))

    await eventually(made, "the material of the new words")
    await studied(deployment)
    assert "golden foam" not in (await speaker("2").says("terms")).text.plain
    mine = [p["id"] for p in await points(owner) if p["edited"]]
    assert mine == [kept["id"]]
    assert "1 point of yours went" in (await owner.says("study", source="espresso")).text.plain


async def test_a_model_words_it_at_the_creators_expense_and_what_was_paid_is_never_paid_again(
    owner: Speaker, deployment: Deployment
) -> None:
    stop, at = asyncio.Event(), datetime.now(UTC)
    creator = await creator_id(deployment)
    budget = 1

    def fills(form: Form) -> Mapping[str, Any] | None:
        if len(clerk.forms) > budget:
            return None
        if "points" in str(form.schema):
            text = "Crema is the golden foam on an espresso."
            labels = [line.split(":")[0] for line in form.material.splitlines() if "golden foam" in line]
            return {"points": [{"text": text, "labels": labels}], "terms": [], "chapters": []}
        return {"takeaways": [], "questions": []}

    clerk = ScriptedClerk(fills)
    studying = Studying(
        PostgresStudyBench(deployment.database), deployment.embedders, STEM, clerk, lambda: at, written=True
    )
    await change(deployment.address.url, "DELETE FROM pgqueuer")
    await change(deployment.address.url, "ALTER TABLE study_guides NO FORCE ROW LEVEL SECURITY")
    await change(deployment.address.url, "UPDATE study_guides SET due_at = '-infinity'")
    await studying.take_turn(creator, stop)
    waits = await owner.says("study", source="espresso")
    assert NO_MODEL_NOW in waits.text.plain
    assert PICKED in waits.text.plain.lower(), "until then there is what was picked"
    assert len(clerk.forms) == 2
    await studying.take_turn(creator, stop)
    assert len(clerk.forms) == 2, "it is not due before an hour"

    budget = 100
    later = replace(studying, now=lambda: at + timedelta(hours=2))
    await later.take_turn(creator, stop)
    asked = [(form.rules, form.material) for form in clerk.forms]
    assert asked.count(asked[0]) == 1, "the first form was filled before"
    assert asked.count(asked[1]) == 2, "the second was refused then"
    summed = await owner.says("summary", source="espresso")
    assert "Crema is the golden foam on an espresso." in summed.text.plain
    assert "Worded by scripted:1" in summed.text.plain
    card = await owner.says("study", source="espresso")
    assert "Worded by scripted:1" in card.text.plain
    assert NO_MODEL_NOW not in card.text.plain
    assert "being made" not in card.text.plain
    assert "Make again" in labels_of(card)
    assert not await rows(deployment.address.url, "SELECT FROM study_forms")


async def test_a_form_that_no_model_can_fill_is_paid_for_twice_and_then_its_part_stays_as_it_was_picked(
    owner: Speaker, deployment: Deployment
) -> None:
    stop, at = asyncio.Event(), datetime.now(UTC)
    creator = await creator_id(deployment)

    def fails(form: Form) -> Mapping[str, Any] | None:
        if "points" in str(form.schema):
            raise FormFailed("declined")
        return {"takeaways": [], "questions": []}

    clerk = ScriptedClerk(fails)
    studying = Studying(
        PostgresStudyBench(deployment.database), deployment.embedders, STEM, clerk, lambda: at, written=True
    )
    before = (await owner.says("summary", source="espresso")).text.plain
    await change(deployment.address.url, "DELETE FROM pgqueuer")
    await change(deployment.address.url, "ALTER TABLE study_guides NO FORCE ROW LEVEL SECURITY")
    await change(deployment.address.url, "UPDATE study_guides SET due_at = '-infinity'")
    for _ in range(3):
        await studying.take_turn(creator, stop)
    assert len(clerk.forms) == 1
    assert FAILED_NOW in (await owner.says("study", source="espresso")).text.plain
    for _ in range(20):
        at += timedelta(hours=2)
        await studying.take_turn(creator, stop)
    outlines = [(form.rules, form.material) for form in clerk.forms if "points" in str(form.schema)]
    assert {outlines.count(each) for each in outlines} == {2}, "each is tried twice, and never again"
    card = await owner.says("study", source="espresso")
    assert "no model could fill" in card.text.plain
    assert "Make again" in labels_of(card)
    assert (await owner.says("summary", source="espresso")).text.plain == before, "what was picked stands"
    assert not await rows(deployment.address.url, "SELECT FROM study_guides WHERE due_at IS NOT NULL")


async def test_making_it_again_is_done_once_at_a_time_and_asks_first_where_models_are_paid_for_it(
    owner: Speaker, deployment: Deployment
) -> None:
    services = replace(deployment.services, model_names=("scripted:1",))
    responder = replace(deployment.responder, services=services)
    paying = replace(owner, deployment=replace(deployment, responder=responder))
    card = await paying.says("study", source="espresso")
    asked = await paying.presses(card, "Make again")
    assert "at the expense of your budget" in asked.text.plain
    assert not await rows(deployment.address.url, "SELECT FROM study_guides WHERE due_at IS NOT NULL")
    await paying.presses(asked, "Yes, make it again")
    await studied(deployment)
    await change(deployment.address.url, "ALTER TABLE study_guides NO FORCE ROW LEVEL SECURITY")
    await change(deployment.address.url, "UPDATE study_guides SET due_at = now() + interval '1 hour'")
    for speaker in (owner, paying):
        assert "is being made already" in (await speaker.presses(card, "Make again")).text.plain


async def test_why_there_is_nothing_is_said_as_it_is(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    url, student = deployment.address.url, speaker("2")
    clip = b"WEBVTT\n\n00:01.000 --> 00:05.000\nHello there, and so on.\n"
    await owner.says("upload", file=attachment("clip.vtt", clip), title="A clip")
    await ready(deployment, SCHOOL)
    await studied(deployment)

    async def told(command: str) -> str:
        return (await student.says(command, source="A clip")).text.plain

    assert "says enough by itself" in await told("summary")
    assert "has no chapters: it is short" in await told("chapters")
    assert "No key term stands out" in await told("terms")
    assert "stands out as a takeaway" in await told("takeaways")
    for table in ("sources", "study_guides"):
        await change(url, f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    await change(url, "UPDATE sources SET language = 'es' WHERE title = 'A clip'")
    assert "picked from English alone" in await told("takeaways")
    await change(url, "UPDATE study_guides SET due_at = now() + interval '1 hour', made = 0")
    for command in ("summary", "chapters", "terms", "takeaways"):
        assert "still being made" in await told(command)


async def test_where_an_assistant_answers_from_other_sources_there_is_no_material_of_the_rest(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    other = b"WEBVTT\n\n00:01.000 --> 00:05.000\nA sphere has one light side.\n"
    await owner.says("upload", file=attachment("sphere.vtt", other), title="A sphere")
    await ready(deployment, SCHOOL)
    await studied(deployment)
    student = speaker("2")
    assert "espresso" in (await student.says("terms")).text.plain.lower()
    await owner.says("assistant_add", name="Ada", sources="A sphere")
    await owner.says("assistant_bind", assistant="Ada")
    for reply in (
        await student.says("terms"),
        await student.says("takeaways"),
        await student.says("summary"),
        await student.says("summary", topic="sour espresso"),
    ):
        assert "grind" not in reply.text.plain
        assert not links_of(reply)
    narrow = await student.says("summary", source="espresso")
    assert "none of the sources that are answered from here" in narrow.text.plain
    await owner.says("assistant_unbind")
    assert links_of(await student.says("summary", source="espresso"))


async def test_a_creator_who_pays_for_no_study_material_has_it_picked_and_worded_once_they_do(
    owner: Speaker, deployment: Deployment
) -> None:
    creator, at, clerk = await creator_id(deployment), datetime.now(UTC), ScriptedClerk(lambda _: None)
    choices = deployment.services.model_choices

    async def paid_for(creator_id: CreatorId) -> bool:
        return (await choices.of(creator_id)).studies

    studying = Studying(
        PostgresStudyBench(deployment.database), deployment.embedders, STEM, clerk, lambda: at, written=True,
        paid_for=paid_for,
    )  # fmt: skip
    await owner.says("settings", study_models="off")
    await change(deployment.address.url, "ALTER TABLE study_guides NO FORCE ROW LEVEL SECURITY")
    await change(deployment.address.url, "UPDATE study_guides SET due_at = '-infinity'")
    await studying.take_turn(creator, asyncio.Event())
    assert clerk.forms == []
    assert NO_MODEL_NOW not in (await owner.says("study", source="espresso")).text.plain
    await studying.take_turn(creator, asyncio.Event())
    assert clerk.forms == []

    await owner.says("settings", study_models="on")
    await studying.take_turn(creator, asyncio.Event())
    assert clerk.forms
