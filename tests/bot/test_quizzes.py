"""Quizzes in a chat: made by the staff, taken by students with buttons, judged here, paid by a worker."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.app import Deployment
from bot.tasks import tasks_of
from core.conversation import Reply, Value
from core.ids import CreatorId, QuizId
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.bot.test_rewards import balance_of, judged

SCHOOL = "school-100"
SPHERE = b"""title: Shading a sphere
source: Shading a sphere

Where does the core shadow lie?
- beside the lamp
+ opposite the lamp
> The side that is turned away is the darkest.
@ 0:14

Which of these are thin?
+ the reflected light
+ the layers of spray
- the core shadow
@ 0:22

How far away is the spray?
+ 30 centimeters
- one meter
"""
RIGHT = {
    "Where does the core shadow lie?": ["opposite the lamp"],
    "Which of these are thin?": ["the layers of spray", "the reflected light"],
    "How far away is the spray?": ["30 centimeters"],
}


@pytest.fixture
async def taught(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a community, after uploading a lecture."""
    owner = speaker("1", manages=True)
    await owner.says("setup")
    await owner.says("upload", file=attachment(), title="Shading a sphere")
    await ready(deployment, SCHOOL)
    return owner


@pytest.fixture
async def published(taught: Speaker) -> Reply:
    """The staff's card of a quiz that is open."""
    made = await taught.says("quiz_admin", file=attachment("sphere.txt", SPHERE))
    return await taught.presses(made, "Publish")


def labels(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


def letters(card: Reply) -> dict[str, str]:
    """The options of a question as shown, with their letters."""
    return {option: letter for letter, option in re.findall(r"^([A-F])\. (.+)$", card.text.plain, re.MULTILINE)}


def asked_in(card: Reply) -> str:
    return next(question for question in RIGHT if question in card.text.plain)


async def answered(person: Speaker, card: Reply, *, right: bool = True) -> Reply:
    """Answer the question of a card by its buttons."""
    options, wanted = letters(card), RIGHT[asked_in(card)]
    chosen = wanted if right else [option for option in options if option not in wanted][:1]
    if "Done" not in labels(card):
        return await person.presses(card, options[chosen[0]])
    for option in chosen:
        card = await person.presses(card, f"☐ {options[option]}")
        if not card.buttons:
            return card
    return await person.presses(card, "Done")


async def taken(person: Speaker, card: Reply, right: Callable[[str], bool] = lambda _: True) -> Reply:
    """Answer until there is a result."""
    while "🏁" not in card.text.plain:
        card = await answered(person, card, right=right(asked_in(card)))
        assert card.replaces
    return card


async def test_a_quiz_is_offered_under_an_answer_taken_with_buttons_and_paid_once(
    taught: Speaker, published: Reply, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    said = await student.says("ask", question="Where does the core shadow lie on the sphere?")
    first = await student.presses(said, "📝 Quiz")
    assert first.private
    assert not first.replaces
    assert "1 of 3" in first.text.plain

    second = await answered(student, first)
    assert "2 of 3" in second.text.plain
    assert "already" in (await answered(student, first)).text.plain
    resumed = await student.says("quiz", quiz="sphere")
    assert resumed.text == second.text

    result = await taken(student, resumed)
    assert "3 of 3 right (100 %). ✅ Passed. It can earn 50 CHRONOS" in result.text.plain
    assert "2 attempts left today" in result.text.plain
    assert "over" in (await answered(student, second)).text.plain
    assert await judged(deployment) == ["awarded", "awarded"]
    assert await balance_of(student) == "🪙 55 CHRONOS"
    assert "+50 earned: a quiz passed" in (await student.says("transactions")).text.plain

    again = await taken(student, await student.presses(result, "Try again"))
    assert "earns nothing more" in again.text.plain
    assert await judged(deployment) == ["awarded", "awarded"]
    assert "✅ passed" in (await student.says("quiz")).text.plain


async def test_a_failed_attempt_says_what_to_watch_and_keeps_the_answers_until_none_is_left(
    taught: Speaker, published: Reply, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    missed = "Where does the core shadow lie?"
    card = await student.says("quiz", quiz="Shading a sphere")
    for left in (2, 1, 0):
        card = await taken(student, card, lambda question: question != missed)
        assert "2 of 3 right (66 %). Not passed yet: it takes 85 %." in card.text.plain
        watch = next(span for span in card.text.spans if span.text == "Shading a sphere 0:14")
        assert "/watch/" in watch.link
        assert "?t=14" in watch.link
        assert f"{left} attempt" in card.text.plain
        assert ("opposite the lamp" in card.text.plain) == (left == 0)
        if left:
            card = await student.presses(card, "Try again")
    assert "turned away is the darkest" in card.text.plain
    assert labels(card) == ["All answers"]
    every = await student.presses(card, "All answers")
    assert "❌ You chose: beside the lamp. Right: opposite the lamp" in every.text.plain
    assert "✅ Right: the reflected light; the layers of spray" in every.text.plain

    refused = await student.says("quiz", quiz="Shading a sphere")
    assert "3 times today" in refused.text.plain
    assert "no attempts left" in (await student.says("quiz")).text.plain
    assert await judged(deployment) == []
    yesterday = "UPDATE quiz_attempts SET started_at = started_at - interval '1 day'"
    await change(deployment.address.url, f"SET app.creator_id = 1; {yesterday}")
    assert "1 of 3" in (await student.says("quiz", quiz="Shading a sphere")).text.plain
    assert "go on with question 1" in (await student.says("quiz")).text.plain
    goes = (await taught.says("quiz_admin", quiz="sphere")).text.plain
    assert "Attempts: 4, by 1 student; 3 finished, 0 % of these passed. Hardest: question 1, missed 3 of 3" in goes


async def test_what_is_forged_or_another_students_is_refused_in_words(
    taught: Speaker, published: Reply, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, other = speaker("2"), speaker("3")
    await speaker("9", community="900", manages=True).says("setup")
    card = await student.says("quiz", quiz="sphere")
    button = card.buttons[0][0]

    assert "somebody else's" in (await other.says(button.action, payload=button.payload)).text.plain
    assert "once you pass" in (await student.says("quiz_answers", payload="1:1")).text.plain
    for payload in (
        "",
        "x",
        "1:1:0",
        "1:1:0:64",
        "1:1:0:-1",
        "1:1:0:63",
        "1:999:0:1",
        "1:1:7:1",
        "1:1:0:0",
        "9" * 60,
    ):
        for action in ("quiz_answer", "quiz_tick", "quiz_begin", "quiz_list", "quiz_answers"):
            refused = await student.says(action, payload=payload)
            assert "wrong on my side" not in refused.text.plain
    assert "1 of 3" in (await student.says("quiz", quiz="sphere")).text.plain
    elsewhere = speaker("2", community="900")
    assert "another community" in (await elsewhere.says(button.action, payload=button.payload)).text.plain
    for action in ("quiz_card", "quiz_preview", "quiz_publish", "quiz_close", "quiz_export", "quiz_delete"):
        assert "Only the staff" in (await student.says(action, payload="1:1")).text.plain
    assert "Only the staff" in (await student.says("quiz_admin")).text.plain
    stored = "SELECT answers FROM quiz_attempts"
    assert [row["answers"] for row in await rows(deployment.address.url, stored)] == ["{}"]


async def test_presses_at_once_begin_one_attempt_and_count_an_answer_once(
    taught: Speaker, published: Reply, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    creator_id, student_id = await only_creator(deployment), await deployment.directory.student(student.person)
    quizzes, now = deployment.services.quizzes, datetime.now(UTC)
    begun = await asyncio.gather(*(quizzes.begin(creator_id, student_id, QuizId(1), now) for _ in range(30)))
    assert len({attempt.id for attempt in begun}) == 1
    card = await student.says("quiz", quiz="sphere")
    while "Done" in labels(card):
        card = await answered(student, card)
    pressed = await asyncio.gather(*(answered(student, card, right=False) for _ in range(5)))
    assert sum(reply.replaces for reply in pressed) == 1
    assert len(await rows(deployment.address.url, "SELECT FROM quiz_attempts")) == 1


async def test_the_staff_makes_previews_changes_exports_and_deletes_a_quiz(
    taught: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    made = await taught.says(
        "quiz_admin", title="Spray", source="Shading a sphere", question="How far away is the spray?",
        options="one meter | +30 centimeters", explanation="As it is said.", moment="0:30",
    )  # fmt: skip
    assert "draft" in made.text.plain
    assert "✓ 30 centimeters" in made.text.plain
    assert "no quiz here yet" in (await student.says("quiz")).text.plain
    assert "no quiz called" in (await student.says("quiz", quiz="Spray")).text.plain

    preview = await taken(taught, await taught.presses(made, "Preview"), lambda _: False)
    assert "Right: 30 centimeters" in preview.text.plain
    assert "counts nowhere" in preview.text.plain
    opened = await taught.presses(made, "Publish")
    assert "Nobody has tried it yet" in opened.text.plain
    begun = await student.says("quiz", quiz="Spray")
    changed = await taught.says("quiz_admin", quiz="Spray", number=1.0, question="How far is the spray away?")
    assert "version 2" in changed.text.plain
    assert "new version" in changed.text.plain
    later = await student.says("quiz", quiz="Spray")
    assert "How far is the spray away?" in later.text.plain
    assert "over" in (await answered(student, begun)).text.plain

    files = {file.name: file.content for file in (await taught.presses(changed, "Export")).files}
    for name, content in files.items():
        again = await taught.says("quiz_admin", file=attachment(name, content), title=name)
        assert again.text.plain.count("How far is the spray away?") == 1
        assert "▸ Shading a sphere 0:30" in again.text.plain
    assert sorted(files) == ["Spray.csv", "Spray.txt"]
    same = await taught.says("quiz_admin", quiz="#1", file=attachment("Spray.txt", files["Spray.txt"]))
    assert "version 2" in same.text.plain

    closed = await taught.presses(changed, "Close")
    assert "closed meanwhile" in (await student.presses(later, "A")).text.plain
    gone = await taught.presses(closed, "Delete")
    assert "not there any more" in (await student.presses(later, "A")).text.plain
    assert "It is back" in (await taught.presses(gone, "Undo")).text.plain
    await taught.presses(closed, "Delete")
    await deployment.services.quizzes.tidy((await only_creator(deployment)), datetime.now(UTC) + timedelta(days=8))
    assert "too late" in (await taught.presses(gone, "Undo")).text.plain


async def only_creator(deployment: Deployment) -> CreatorId:
    creator = await deployment.directory.creator(SCHOOL)
    assert creator is not None
    return creator.id


async def test_what_the_staff_gets_wrong_is_said_with_its_line(taught: Speaker) -> None:
    async def told(**given: Value) -> str:
        return (await taught.says("quiz_admin", **given)).text.plain

    assert "Line 3: No option" in await told(file=attachment("a.txt", b"title: A\n\nWhy?\n- a\n- b\n"))
    assert "Line 2: that is not text" in await told(file=attachment("a.txt", b"Why?\n\xff\n"))
    late = b"source: sphere\nWhy?\n+ a\n- b\n@ 59:00\n"
    assert "Line 2: Shading a sphere is shorter than that" in await told(file=attachment("a.txt", late))
    unknown = b"Why?\n+ a\n- b\n@ 0:05 Lesson 9\n"
    assert "Line 1: There is no source called 'Lesson 9'" in await told(file=attachment("a.txt", unknown))
    assert "needs a source" in await told(file=attachment("a.txt", b"Why?\n+ a\n- b\n@ 0:05\n"))
    assert "There is no quiz yet" in await told()
    assert "has a title" in await told(question="Why?", options="+a|b")
    assert "needs both" in await told(title="T", question="Why?")
    long = "\n\n".join(f"{'Why? ' * 60}{n}\n+ a\n- b" for n in range(8)).encode()
    made = await taught.says("quiz_admin", title="Long", file=attachment("a.txt", long))
    assert len(made.text.plain) < 2000
    assert "… and 4 more: /quiz_admin quiz:1 number:5" in made.text.plain
    assert "\n8. Why?" in await told(quiz="Long", number=5.0)
    empty = await taught.says("quiz_admin", title="Empty")
    assert labels(empty) == ["Export", "Delete"]
    assert "There is no question 4" in await told(quiz="Empty", remove=4.0)


async def test_a_quiz_of_a_tier_is_for_its_members_and_nobody_takes_one_while_paused(
    taught: Speaker, published: Reply, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    card = await student.says("quiz", quiz="sphere")
    await taught.says("edit", source="sphere", tier="gold")

    assert "for members of gold" in (await student.says("quiz", quiz="sphere")).text.plain
    assert "for members of gold" in (await answered(student, card)).text.plain
    listed = await student.says("quiz")
    assert "🔒 for gold" in listed.text.plain
    assert labels(listed) == []
    student_id = await deployment.directory.student(student.person)
    creator_id = await only_creator(deployment)
    await deployment.directory.set_enrolment(creator_id, student_id, "active", "gold")
    assert await answered(student, card) != card
    await deployment.directory.set_enrolment(creator_id, student_id, "paused")
    assert "paused" in (await student.says("quiz")).text.plain
    assert "paused" in (await answered(student, card)).text.plain
    await tasks_of(deployment, asyncio.Event()).tidy({})


async def test_in_a_private_chat_a_quiz_goes_on_although_another_creator_was_chosen(
    taught: Speaker, published: Reply, speaker: SpeakerMaker
) -> None:
    await speaker("9", community="900", manages=True).says("setup")
    student, alone = speaker("2"), speaker("2", community="")
    card = await student.says("quiz", quiz="sphere")
    await speaker("2", community="900").says("quiz")

    assert "several creators" in (await alone.says("quiz")).text.plain
    assert "🏁" in (await taken(alone, card)).text.plain
