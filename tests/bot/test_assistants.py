"""Assistants as conversations: who answers where, with which prompt, and from what."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from core.asking.notices import LOOK_FIRST
from core.conversation import Attachment, Place, Reply, Request
from core.ids import CreatorId
from core.library.ingestion import process
from core.library.store import NewSource
from core.library.transcript import Segment, Transcript
from core.typed_commands import parse
from tests.adapters.school import rows
from tests.bot.conftest import Speaker, attachment
from tests.wire.fake_models import Answer, Claim, ModelRequest
from tests.wire.fake_models_openai import FakeOpenAI

MODEL = "openai:gpt-6-sol"
DRAWING = (
    "Begin with a light circle and decide where the lamp stands.",
    "The core shadow lies opposite the lamp and is the darkest part of the sphere.",
    "Fix the drawing with two thin layers of spray at a distance of 30 centimeters.",
)
POTTERY = (
    "A glaze for pottery is stirred for ten minutes before it is used.",
    "Fire the glazed bowl at 1240 degrees and let the kiln cool overnight.",
    "A glaze that runs was put on too thickly.",
)
SHADOW, GLAZE = "Where does the core shadow lie?", "How long is a glaze stirred?"


def _written(request: ModelRequest) -> Answer:
    best = next((entry for entry in request.evidence if "opposite the lamp" in entry.text), None)
    return Claim(f"As written: {best.text}", (best.label,)) if best else []


@pytest.fixture
async def keyless(database_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    settings = Settings.model_validate(
        {"storage": {"data_dir": str(tmp_path)}, "limits": {"questions_per_minute": 0}}
    )
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


async def founded(deployment: Deployment) -> CreatorId:
    """A creator with a lesson on drawing and one on pottery."""
    owner = Speaker.of(deployment, "owner", manages=True)
    await owner.says("setup")
    creator = await deployment.directory.creator("school-100")
    assert creator is not None
    for title, said in (("Spheres", DRAWING), ("Bowls", POTTERY)):
        lesson = Transcript(tuple(Segment(7.0 * n, 7.0 * n + 6, text) for n, text in enumerate(said)))
        await deployment.shelf.add(creator.id, [NewSource(lesson, title, language="en")], None)
    for source in await deployment.shelf.sources(creator.id):
        await process(creator.id, source.item_id, bench=deployment.shelf, indexer=deployment.indexer)
    await deployment.engine.recalibrate(creator.id)
    return creator.id


def labels_of(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


def inside(speaker: Speaker, channel: str, *, thread: str = "", parent: str = "") -> Speaker:
    """The same person in another channel, thread or topic."""
    return replace(speaker, place=replace(speaker.place, channel=channel, thread=thread, parent=parent))


async def test_an_assistant_answers_where_it_is_bound_from_its_sources_alone_and_steps_can_be_taken_back(
    keyless: Deployment,
) -> None:
    creator_id = await founded(keyless)
    staff, student = Speaker.of(keyless, "1", manages=True), Speaker.of(keyless, "2")
    assert "I answer everywhere as I am" in (await staff.says("assistants")).text.plain
    assert "Only the staff" in (await student.says("assistants")).text.plain
    assert "has letters" in (await staff.says("assistant_add", name="@everyone")).text.plain
    assert "No source is called 'Vases'" in (await staff.says("assistant_add", name="x", sources="Vases")).text.plain
    assert "set up no models" in (await staff.says("assistant_add", name="x", model="openai:z")).text.plain
    made = await staff.says("assistant_add", name="Ada", tone="warm", sources="bowls | topic:none such")
    assert "Answers from: Bowls | topic:none such (1 source now)" in made.text.plain
    assert "called ada already" in (await staff.says("assistant_add", name="ada")).text.plain

    before = await student.says("ask", question=SHADOW)
    assert "opposite the lamp" in before.text.plain
    assert "Ada" not in before.text.plain, "it is bound nowhere yet"
    bound = await staff.presses(made, "Answer here")
    assert bound.text.plain == "Ada answers in this channel from now on."
    refused = await student.says("ask", question=SHADOW)
    assert "opposite the lamp" not in refused.text.plain
    glazed = await student.says("ask", question=GLAZE)
    assert "stirred for ten minutes" in glazed.text.plain
    assert glazed.text.plain.endswith("\N{EM DASH} Ada")
    await staff.says("qa_add", question="When do we meet?", answer="On Mondays.")
    assert "Mondays" not in (await student.says("ask", question="When do we meet?")).text.plain

    thread = inside(student, "t1", parent=student.place.channel)
    assert "Ada" in (await thread.says("ask", question=GLAZE)).text.plain, "a thread is of its channel"
    assert "opposite the lamp" in (await inside(student, "c2").says("ask", question=SHADOW)).text.plain
    direct = Speaker.of(keyless, "2", community="")
    assert "opposite the lamp" in (await direct.says("ask", question=SHADOW)).text.plain
    assert "add where" in (await Speaker.of(keyless, "owner", community="").says("assistant_bind", assistant="Ada")
    ).text.plain  # fmt: skip

    edited = await staff.says("assistant_edit", assistant="ada", sources="videos | pairs", name="Ada L.")
    assert "2 sources now" not in edited.text.plain
    assert "(3 sources now)" in edited.text.plain
    assert "Mondays" in (await student.says("ask", question="When do we meet?")).text.plain
    assert "(1 source now)" in (await staff.presses(edited, "Undo")).text.plain
    (bowls,) = [each for each in await keyless.shelf.sources(creator_id) if each.title == "Bowls"]
    await keyless.shelf.remove(creator_id, bowls.id)
    assert "Ada answers from sources of which none is there" in (await staff.says("ask", question=GLAZE)).text.plain
    assert "⚠️ nothing to answer from" in (await staff.says("assistants")).text.plain
    assert "ten minutes" not in (await student.says("ask", question=GLAZE)).text.plain
    await keyless.shelf.restore(creator_id, bowls.id)


async def test_who_answers_where_can_be_changed_and_every_step_taken_back_by_this_creators_staff_alone(
    keyless: Deployment,
) -> None:
    await founded(keyless)
    staff, student = Speaker.of(keyless, "1", manages=True), Speaker.of(keyless, "2")
    direct = Speaker.of(keyless, "2", community="")
    await student.says("ask", question=SHADOW)
    await staff.says("assistant_add", name="Ada", sources="bowls")
    await staff.says("assistant_bind", assistant="Ada")
    await staff.says("assistant_add", name="Bo")
    taken = await staff.says("assistant_bind", assistant="Bo")
    assert "in place of Ada" in taken.text.plain
    assert "\N{EM DASH} Bo" in (await student.says("ask", question=SHADOW)).text.plain
    await staff.presses(taken, "Undo")
    assert "\N{EM DASH} Ada" in (await student.says("ask", question=GLAZE)).text.plain
    await staff.says("assistant_bind", assistant="Bo", where="everywhere else")
    assert "\N{EM DASH} Bo" in (await direct.says("ask", question=SHADOW)).text.plain

    removed = await staff.presses(await staff.says("assistant_remove", assistant="Ada"), "Remove")
    assert "\N{EM DASH} Bo" in (await student.says("ask", question=SHADOW)).text.plain
    assert "Answers in this channel" in (await staff.presses(removed, "Undo")).text.plain
    unbound = await staff.says("assistant_unbind")
    assert "as everywhere else in this channel" in unbound.text.plain
    await staff.presses(unbound, "Undo")
    assert "Ada · from 1 source · in this channel" in (await staff.says("assistants")).text.plain
    assert "No assistant is bound there" in (await inside(staff, "c3").says("assistant_unbind")).text.plain
    assert "assistant number" in (await staff.says("audit")).text.plain

    stranger = Speaker.of(keyless, "9", community="200", manages=True)
    await stranger.says("setup")
    assert "I answer everywhere as I am" in (await stranger.says("assistants")).text.plain
    assert "No assistant is called" in (await stranger.says("assistant_bind", assistant="Ada")).text.plain
    pressed = await stranger.says("voice_set", payload=f"1:{stranger.place.key}")
    assert "is gone" in pressed.text.plain
    suggested = await keyless.responder.suggest(
        Request(staff.place, staff.person, "assistant_bind"), "assistant", "ad"
    )
    assert [each.label for each in suggested] == ["Ada"]


async def test_a_prompt_is_tried_before_it_is_used_and_its_versions_are_compared_and_rated(
    keyless: Deployment,
) -> None:
    await founded(keyless)
    staff, student = Speaker.of(keyless, "1", manages=True), Speaker.of(keyless, "2")
    await staff.says("assistant_add", name="Ada", prompt="Be brief. Use first names.")
    await staff.says("assistant_bind", assistant="Ada")
    answer = await student.says("ask", question=SHADOW)
    await student.presses(answer, "👍")
    await student.presses(await Speaker.says(student, "ask", question=GLAZE), "👎")

    second = attachment("prompt.md", b"\xef\xbb\xbfBe brief.\r\nUse last names.\r\n")
    drafted = await staff.says("assistant_prompt", assistant="Ada", file=second)
    assert "Version 2 of Ada's prompt is kept, and not used yet" in drafted.text.plain
    assert "🔴 Use first names." in drafted.text.plain
    assert "🟢 Use last names." in drafted.text.plain
    tried = await staff.says("assistant_try", question=SHADOW, assistant="Ada", version=2)
    assert tried.private
    assert "opposite the lamp" in tried.text.plain
    assert "no such version" in (await staff.says("assistant_try", question=SHADOW, version=7)).text.plain

    used = await staff.presses(drafted, "Use this one")
    assert "version 2" in used.text.plain
    await student.says("ask", question=SHADOW)
    listed = await staff.says("assistant_prompt", text="Ada")
    assert "Version 2 by person 1" in listed.text.plain
    assert "in use · 1 answer in 30 days" in listed.text.plain
    assert "2 answers, 1 👍 1 👎 in 30 days" in listed.text.plain
    await staff.presses(used, "Undo")
    compared = await staff.presses(await staff.says("assistant_prompt", text="Ada"), "Compare 2 with 1")
    assert "🟢 Use last names." in compared.text.plain
    shown = await staff.presses(listed, "Show 2")
    assert shown.files[0].content == b"Be brief.\nUse last names."

    kept = await rows(keyless.address.url, "SELECT assistant_version FROM chat_messages ORDER BY id")
    assert [row["assistant_version"] for row in kept] == [1, 1, None, 2], "what is tried is no answer of it"
    assert (
        "plain text" in (await staff.says("assistant_prompt", assistant="Ada", file=attachment("a.pdf"))).text.plain
    )


async def test_a_typed_prompt_finds_its_assistant_by_the_name_before_it_or_says_how_to_write_it(
    keyless: Deployment,
) -> None:
    await founded(keyless)
    staff = Speaker.of(keyless, "1", manages=True)
    await staff.says("assistant_add", name="Ada Lovelace")

    async def types(words: str, file: Attachment | None = None) -> str:
        typed = parse(f"/assistant_prompt {words}", keyless.responder.commands, file)
        return (await staff.says("assistant_prompt", **typed.arguments)).text.plain

    assert "Version 1 of Ada" in await types("Ada", attachment("prompt.txt", b"Be brief."))
    assert "Version 2 of Ada" in await types("Ada text:Be kind: always.")
    assert "Version 3 of Ada" in await types('"Ada Lovelace" text: Be warm.')
    assert "Version 3 by person 1" in await types("Ada Lovelace")
    for whose in ("", "Be kind to everybody who asks and use their first names."):
        assert "Whose prompt is that? Write one: /assistant_prompt assistant:Ada" in await types(
            whose, attachment("prompt.txt", b"Be brief.")
        )


async def test_what_the_staff_is_told_to_type_works_as_it_stands_also_for_names_of_two_words(
    keyless: Deployment,
) -> None:
    await founded(keyless)
    staff = Speaker.of(keyless, "1", manages=True)
    made = await staff.says("assistant_add", name="Ada Lovelace", sources="topic:none such")
    hints = [made.text.plain, (await staff.says("assistant_prompt", assistant="Ada Lovelace")).text.plain]
    hints.append((await staff.says("assistant_prompt", assistant="Ada Lovelace", text="Be kind.")).text.plain)
    await staff.says("assistant_bind", assistant="Ada Lovelace")
    hints.append((await staff.says("ask", question=SHADOW)).text.plain)
    for hint in hints:
        assert 'assistant:"Ada Lovelace"' in hint


async def test_a_tutor_shows_where_to_look_and_tells_whoever_wants_to_be_told(keyless: Deployment) -> None:
    await founded(keyless)
    staff, student = Speaker.of(keyless, "1", manages=True), Speaker.of(keyless, "2")
    await staff.says("assistant_add", name="Ada", tutor="on")
    await staff.says("assistant_bind", assistant="Ada", where="everywhere else")
    led = await student.says("ask", question=SHADOW)
    assert LOOK_FIRST in led.text.plain
    assert "▸ Spheres · video [1] 0:" in led.text.plain
    assert "opposite the lamp" not in led.text.plain
    assert "Only who asked" in (await Speaker.of(keyless, "3").presses(led, "Show me the answer")).text.plain
    told = await student.presses(led, "Show me the answer")
    assert "opposite the lamp" in told.text.plain
    assert "Show me the answer" not in labels_of(told)
    assert LOOK_FIRST in (await student.says("ask", question=SHADOW)).text.plain
    assert "opposite the lamp" in (await student.says("ask", question="Just tell me!")).text.plain
    assert "stirred" in (await student.says("ask", question=f"please just tell me: {GLAZE}")).text.plain


async def test_a_model_is_told_the_manner_and_no_assistant_answers_for_another(
    database_url: str, tmp_path: Path
) -> None:
    async with FakeOpenAI() as server:
        server.answer_with(_written)
        settings = Settings.model_validate(
            {
                "storage": {"data_dir": str(tmp_path)},
                "openai": {"api_key": server.api_key, "base_url": server.base_url},
                "models": {"answer": [MODEL]},
                "limits": {"questions_per_minute": 0},
            }
        )
        async with open_on(settings, DatabaseAddress(database_url, database_url)) as deployment:
            await founded(deployment)
            staff, student = Speaker.of(deployment, "1", manages=True), Speaker.of(deployment, "2")
            elsewhere = inside(student, "c2")
            await staff.says("assistant_add", name="Ada", prompt="Be brief.", model=MODEL)
            await staff.says("assistant_bind", assistant="Ada")
            assert "As written" in (await student.says("ask", question=SHADOW)).text.plain
            asked = len(server.requests)
            again = await Speaker.of(deployment, "3").says("ask", question=SHADOW)
            assert "\N{EM DASH} Ada" in again.text.plain
            assert len(server.requests) == asked, "the same assistant said just that"
            await elsewhere.says("ask", question=SHADOW)
            assert len(server.requests) == asked + 1, "as I am is not as Ada is"
            used = await staff.says("assistant_prompt", assistant="Ada", text="Be kind.")
            await staff.presses(used, "Use this one")
            await Speaker.of(deployment, "5").says("ask", question=SHADOW)
            assert len(server.requests) == asked + 2, "another version answers anew"
            read = [json.dumps(request.body) for request in server.requests]
            assert ["Be brief." in read[asked - 1], "Ada" in read[asked], "Be kind." in read[-1]] == [
                True,
                False,
                True,
            ]


def test_a_place_lies_in_its_thread_topic_and_channel() -> None:
    assert Place("discord", "5", "1", parent="4").keys == ("discord:5:", "discord:4:")
    assert Place("telegram", "-1007", "-1007", thread="3").keys == ("telegram:-1007:3", "telegram:-1007:")
    assert Place("telegram", "-1007", "-1007").keys == ("telegram:-1007:",)
