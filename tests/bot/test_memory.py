"""What is remembered of a person, as conversations: theirs to see, to change and to forget, and nobody else's."""

import json
from dataclasses import dataclass, field, replace

import pytest

from adapters.postgres import memory
from bot.app import Deployment
from core.asking.growing import Shown
from core.asking.question import Explained, Question
from core.asking.sessions import Speaker as Asker
from core.asking.writing import Background
from core.conversation import Reply
from core.ids import CreatorId
from tests.adapters.school import rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.waiting import eventually

SCHOOL = "school-100"
GUITAR = "I paint with my left hand"
SPHERE = "Where does the core shadow of a sphere lie?"


@dataclass
class Watched:
    """The engine as it is, remembering what it was asked."""

    deployment: Deployment
    questions: list[Question] = field(default_factory=list)

    async def explain(self, question: Question, shown: Shown | None = None) -> Explained:
        self.questions.append(question)
        return await self.deployment.engine.explain(question, shown)


@pytest.fixture
async def taught(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community, after uploading a lecture."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says("upload", file=attachment(), title="Shading a sphere")
    await ready(deployment, SCHOOL)
    return owner


def labels_of(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


async def summaries(deployment: Deployment) -> list[str]:
    return [row["text"] for row in await rows(deployment.address.url, "SELECT text FROM session_summaries")]


async def exported(student: Speaker) -> dict[str, list[dict[str, object]]]:
    (file,) = (await student.says("export")).files
    found: dict[str, list[dict[str, object]]] = json.loads(file.content)
    return found


async def test_a_long_conversation_is_summed_up_and_ends_with_it(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SUMMED_FROM", 4)  # fewer than may be asked in a minute
    student = speaker("2")
    for number in range(5):
        await student.says("ask", question=f"How thick is spray layer number {number}?")

    async def summed_up() -> bool:
        return bool(await summaries(deployment))

    await eventually(summed_up, "the conversation to be summed up")
    (text,) = await summaries(deployment)
    assert text.startswith("Asked about thick spray layer number")
    shown = (await student.says("me")).text.plain
    assert text in shown
    assert "without a model" in shown
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    asked = await _speaker_of(deployment, student, creator.id)
    recalled = await deployment.services.memories.recall(asked, alone=False)
    assert recalled.background == Background(text)
    elsewhere = await deployment.services.memories.recall(replace(asked, place="discord:other:"), alone=True)
    assert not elsewhere.background
    assert (await exported(student))["earlier_talk"][0]["text"] == text

    await student.says("new")
    assert not await summaries(deployment)
    assert not (await deployment.services.memories.recall(asked, alone=True)).background


async def _speaker_of(deployment: Deployment, student: Speaker, creator_id: CreatorId) -> Asker:
    student_id = await deployment.directory.student(student.person)
    return Asker(creator_id, student_id, student.place.key)


async def test_a_person_sees_changes_and_forgets_what_is_remembered_and_nobody_else_does(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, other = speaker("2"), speaker("3")
    first = await student.says("me", remember=f"{GUITAR}, https://evil.example", level="beginner")
    assert first.private
    assert f"• {GUITAR}," in first.text.plain
    assert "evil" not in first.text.plain
    assert "Level: beginner" in first.text.plain
    assert GUITAR not in (await other.says("me")).text.plain
    assert GUITAR not in (await taught.says("me")).text.plain
    stranger = speaker("9", community="200", manages=True)
    await stranger.says("setup")
    elsewhere = speaker("2", community="200")
    over_there = (await elsewhere.says("me")).text.plain
    assert GUITAR not in over_there, "what is remembered stays with its creator"
    assert "Level: beginner" in over_there, "wishes are the person's"

    await student.says("ask", question="How do I bake sourdough bread?")
    listed = await student.says("me")
    assert "• How do I bake sourdough bread?" in listed.text.plain
    again = await student.presses(listed, "Ask again …")
    assert "does not cover" in (await student.presses(again, "How do I bake sourdough bread?")).text.plain
    foreign = await other.presses(await student.presses(listed, "Forget something …"), "Forget 1")
    assert "not remembered any more" in foreign.text.plain, "a button reaches only who presses it"
    left = await student.presses(await student.presses(listed, "Forget something …"), "Forget 1")
    assert GUITAR not in left.text.plain
    assert "sourdough" in left.text.plain
    sure = await student.presses(left, "Forget all of it")
    assert "Really?" in sure.text.plain
    await student.presses(sure, "Yes, forget all of it")
    kept = await exported(student)
    assert kept["remembered"] == []
    assert kept["preferences"] == [{"language": "", "level": "beginner", "length": "", "voice": ""}]

    for number in range(10):
        await student.says("me", remember=f"fact {number}")
    assert "10 things" in (await student.says("me", remember="one more")).text.plain
    await student.says("erase", payload="yes")
    for table in ("remembered", "preferences", "memory_choices", "session_summaries"):
        assert not await rows(deployment.address.url, f"SELECT FROM {table}"), table


async def test_memory_is_off_where_the_creator_says_so_and_the_person_has_the_last_word(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    student = speaker("2")
    assert "Memory: off" in (await taught.says("settings", memory="off")).text.plain
    refused = await student.says("me", remember=GUITAR)
    assert "Memory is off" in refused.text.plain
    await student.says("ask", question="How do I bake sourdough bread?")
    shown = await student.says("me")
    assert "sourdough" not in shown.text.plain
    assert "memory is off, as is usual here" in shown.text.plain
    await student.presses(shown, "Turn memory on")
    assert GUITAR in (await student.says("me", remember=GUITAR)).text.plain
    await taught.says("settings", memory="on")
    off = await student.says("me", memory="off")
    assert "is not used" in off.text.plain
    assert "Forget all of it" in labels_of(off)


async def test_wishes_and_memories_reach_the_engine_as_data_and_length_holds_without_a_model(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    watched = Watched(deployment)
    services = replace(deployment.services, engine=watched)  # type: ignore[arg-type]
    student = speaker("2")
    student.deployment = replace(deployment, responder=replace(deployment.responder, services=services))
    usual = await student.says("ask", question=SPHERE)
    chosen = await student.presses(await student.says("me", language="ES", voice="formal"), "Length: short")
    assert "Length: short" in chosen.text.plain
    assert chosen.replaces
    await student.says("me", remember=GUITAR)
    short = await student.says("ask", question=SPHERE)
    last = watched.questions[-1]
    assert (last.wishes.language, last.wishes.length, last.wishes.voice) == ("es", "short", "formal")
    assert not last.background, "others read along"
    assert GUITAR not in short.text.plain
    assert len(short.text.plain) < len(usual.text.plain)
    await student.says("me", length="detailed", language="usual")
    detailed = await student.says("ask", question=SPHERE)
    assert len(detailed.text.plain) > len(short.text.plain)
    assert not watched.questions[-1].wishes.language
    assert "two letters" in (await student.says("me", language="Spanish")).text.plain
    assert "level is one of" in (await student.says("me", level="wizard")).text.plain
    assert not watched.questions[0].background, "nothing was remembered then"


async def test_what_somebody_said_about_themselves_goes_only_into_answers_that_are_for_them_alone(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    watched = Watched(deployment)
    services = replace(deployment.services, engine=watched)  # type: ignore[arg-type]
    student, alone, staff = speaker("2"), speaker("2", community=""), speaker("1", manages=True)
    for each in (student, alone, staff):
        each.deployment = replace(deployment, responder=replace(deployment.responder, services=services))
        await each.says("me", remember=GUITAR)
        await each.says("ask", question=SPHERE)
    await taught.says("assistant_add", name="Ada")
    await staff.says("assistant_try", question=SPHERE, assistant="Ada")
    await taught.says("settings", answers="private")
    await student.says("ask", question=SPHERE)
    in_public, directly, in_public_too, tried, for_one = (question.background.facts for question in watched.questions)
    assert in_public == in_public_too == ()
    assert directly == tried == for_one == (GUITAR,)


async def test_a_vote_says_what_was_hard_and_a_better_one_takes_that_back(
    taught: Speaker, speaker: SpeakerMaker
) -> None:
    student = speaker("2")
    answer = await student.says("ask", question=SPHERE)
    await student.presses(answer, "👎")
    assert f"• {SPHERE}" in (await student.says("me")).text.plain
    await student.presses(answer, "👍")
    assert SPHERE not in (await student.says("me")).text.plain
