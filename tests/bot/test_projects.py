"""Projects in a chat: handed in, decided by the staff with buttons, told to the student, paid by a worker."""

import json
from typing import Any

import pytest

from bot.app import Deployment
from core.conversation import Reply, Value, reply_from_json
from tests.adapters.school import rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment
from tests.bot.test_rewards import balance_of, judged
from tests.waiting import eventually

TO = "SELECT place ->> 'recipient' AS recipient, content FROM outbox ORDER BY id"


@pytest.fixture
async def owner(speaker: SpeakerMaker) -> Speaker:
    """Whoever set the community up."""
    first = speaker("1", manages=True)
    await first.says("setup")
    return first


async def told(deployment: Deployment, recipient: str) -> list[Reply]:
    """What somebody was told privately, oldest first."""
    found: list[Any] = await rows(deployment.address.url, TO)
    return [reply_from_json(json.loads(row["content"])) for row in found if row["recipient"] == recipient]


def labels(reply: Reply) -> list[str]:
    return [button.label for row in reply.buttons for button in row]


async def test_a_project_is_handed_in_sent_back_handed_in_again_approved_and_paid_once(
    owner: Speaker, worker: None, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    alone = speaker("1", community="")
    await owner.says("project_admin", title="A sphere", description="Draw it with one lamp.")
    assert "A sphere: Draw it with one lamp." in (await student.says("submit")).text.plain
    assert "nothing to look at" in (await student.says("submit", project="a SPHERE")).text.plain
    handed = await student.says("submit", text="Here it is", file=attachment("sphere.png", b"picture"))
    assert "A sphere is handed in." in handed.text.plain

    (card,) = await told(deployment, "1")
    assert "A sphere by person 2 · #1" in card.text.plain
    assert labels(card) == ["Approve", "Send back", "Get the file"]
    assert (await alone.presses(card, "Get the file")).files[0].content == b"picture"
    why = await alone.presses(card, "Send back")
    returned = await alone.presses(why, "I cannot open it.")
    assert "sent back: I cannot open it." in returned.text.plain
    assert "changed meanwhile" in (await alone.presses(card, "Approve")).text.plain
    assert "I cannot open it." in (await told(deployment, "2"))[-1].text.plain
    assert "sent back: I cannot open it." in (await student.says("submit")).text.plain

    again = await student.says("submit", project="A sphere", link="https://pictures.example/1?a=b")
    assert "again" in again.text.plain
    assert "Handed in again" in (await told(deployment, "1"))[-1].text.plain
    shown = await owner.says("review")
    assert "1 waits" in shown.text.plain
    assert any(span.link == "https://pictures.example/1?a=b" for span in shown.text.spans)
    approved = await owner.presses(shown, "Approve")
    assert approved.replaces
    assert "✅ approved" in approved.text.plain
    assert "changed meanwhile" in (await owner.presses(shown, "Approve")).text.plain
    assert "It can earn 200 CHRONOS" in (await told(deployment, "2"))[-1].text.plain
    assert await judged(deployment) == ["awarded"]
    assert await balance_of(student) == "🪙 200 CHRONOS"
    assert "approved already" in (await student.says("submit", project="A sphere", text="more")).text.plain

    await owner.presses(approved, "Undo")
    assert await balance_of(student) == "🪙 0 CHRONOS"
    assert "taken back" in (await told(deployment, "2"))[-1].text.plain
    await owner.presses(await owner.says("review"), "Approve")
    assert await judged(deployment) == ["taken_back", "awarded"]
    assert await balance_of(student) == "🪙 200 CHRONOS"
    assert "Nothing waits" in (await owner.says("review")).text.plain


async def test_what_is_taken_back_before_it_was_paid_is_never_paid(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await student.says("submit", project="My own lamp", text="It shines")
    approved = await owner.presses(await owner.says("review"), "Approve")
    await owner.presses(approved, "Undo")

    assert await judged(deployment) == ["taken_back"]
    assert await balance_of(student) == "🪙 0 CHRONOS"


async def test_only_the_staff_decides_and_never_about_its_own(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student, second = speaker("2"), speaker("3", manages=True)
    await owner.says("submit", project="Mine", text="by the owner")
    mine = await owner.says("review", submission=1.0)

    assert "Nobody decides about their own" in (await owner.presses(mine, "Approve")).text.plain
    for action in ("approve", "return", "undo", "file"):
        assert "Only the staff" in (await student.says(f"project_{action}", payload="1:1:1")).text.plain
        for payload in ("", "x:y:z", "1:1", "1:99:1", "1:1:9" * 9):
            reply = await second.says(f"project_{action}", payload=payload)
            assert "wrong on my side" not in reply.text.plain
    assert "Only the staff" in (await student.says("review")).text.plain
    approved = await second.presses(mine, "Approve")
    assert "✅ approved" in approved.text.plain
    assert "no file" in (await second.says("project_file", payload="1:1:2")).text.plain
    await speaker("9", community="900", manages=True).says("setup")
    elsewhere = speaker("9", community="900", manages=True)
    assert "another community" in (await elsewhere.presses(approved, "Undo")).text.plain
    assert "such submission" in (await elsewhere.says("review", submission=1.0)).text.plain


async def test_what_cannot_be_handed_in_is_refused_with_what_would_work(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")

    async def answered(person: Speaker, command: str, **given: Value) -> str:
        return (await person.says(command, **given)).text.plain

    assert "Say what it is for" in await answered(student, "submit", text="Look")
    for link in (
        "javascript:alert(1)",
        "ftp://a.example",
        "https://",
        "https://me:pw@a.example",
        "http://[::1",
        "x y",
    ):
        assert "A link is a web address" in await answered(student, "submit", project="P", link=link)
    large = attachment("film.mp4", b"x" * 10_000_001)
    assert "at most 10 MB" in await answered(student, "submit", project="P", file=large)
    assert "is empty" in await answered(student, "submit", project="P", file=attachment("a.txt", b""))
    assert "at most 1500" in await answered(student, "submit", project="P", text="x" * 1501)
    assert "title" in await answered(student, "submit", project="x" * 101, text="Look")
    assert "handed in" in await answered(student, "submit", project="A", text="one")
    assert "in the place of" in await answered(student, "submit", project="a", text="two")
    assert len(await told(deployment, "1")) == 1
    for title in "BCDE":
        assert "handed in" in await answered(student, "submit", project=title, text="x")
    assert "5 projects of yours wait" in await answered(student, "submit", project="F", text="x")

    for number in (1.5, 0.0, 1e30):
        assert "such as submission:12" in await answered(owner, "review", submission=number)
    assert "which one" in await answered(owner, "review", reason="no")
    assert "needs" not in await answered(owner, "review", submission=1.0, reason="More shadow, please.")
    assert "More shadow, please." in (await told(deployment, "2"))[-1].text.plain
    await owner.says("project_admin", title="Lamp")
    assert "closed" in await answered(owner, "project_admin", title="lamp", status="closed", rename="Lamps")
    assert "Lamps is closed" in await answered(student, "submit", project="lamps", text="x")
    await owner.says("project_admin", title="Chair")
    assert "already" in await answered(owner, "project_admin", title="Chair", rename="lamps")


async def test_the_file_of_a_submission_stays_and_goes_with_its_student(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await student.says("submit", project="P", file=attachment("a.txt", b"words"))
    (row,) = await rows(deployment.address.url, "SELECT creator_id, file_key FROM submissions")
    needed = deployment.keeping.claims.needed

    assert row["file_key"] in await needed(row["creator_id"])
    exported = await student.presses(await student.says("privacy"), "Export")
    assert json.loads(exported.files[0].content)["projects"][0]["file_name"] == "a.txt"
    await student.says("erase", payload="yes")

    async def let_go() -> bool:
        return row["file_key"] not in await needed(row["creator_id"])

    await eventually(let_go, "the file to be needed no more")
    assert "no such submission" in (await owner.says("review", submission=1.0)).text.plain
