"""One person on two platforms: a code from here, typed there, and a question before anything happens."""

import re

from bot.app import Deployment
from core.conversation import Person
from tests.adapters.school import rows
from tests.bot.conftest import SpeakerMaker


def code_in(text: str) -> str:
    found = re.search(r"code:(\w{4}-\w{4})", text)
    assert found, text
    return found[1]


async def test_two_accounts_become_one_after_a_question_and_can_be_parted_again(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    owner = speaker("1", manages=True)
    await owner.says("setup")
    joined = (await owner.presses(await owner.says("settings"), "Code for another community")).text.plain
    group = speaker("9", community="200", manages=True, platform="telegram")
    await group.says("setup", code=joined.split("code:")[1].split()[0])
    here, there = speaker("2"), speaker("72", community="200", platform="telegram")
    for who in (here, there):
        await who.says("ask", question="What is the 500 rule?")
    await owner.says("grant", member=here.person, amount=5.0, reason="drawing")
    await group.says("grant", member=there.person, amount=7.0, reason="writing")

    shown = (await here.says("link")).text.plain
    assert "Your accounts: Discord (person 2)" in shown
    assert "provider:whop" not in shown
    code = code_in(shown)
    question = await there.says("link", code=code.lower())
    assert "Discord (person 2), Telegram (person 72)" in question.text.plain
    assert "7 CHRONOS are moved" in question.text.plain
    assert question.private
    assert "7 CHRONOS" in (await there.says("balance")).text.plain, "nothing happened yet"
    done = await there.presses(question, "Yes, all of these are mine")
    assert "these accounts are one now. 7 CHRONOS came along" in done.text.plain
    (letter,) = await rows(
        deployment.address.url, "SELECT platform, content::text AS said FROM outbox ORDER BY id DESC LIMIT 1"
    )
    assert letter["platform"] == "discord"
    assert "and Telegram (person 72) are one person here now" in letter["said"]
    assert "unknown, used" in (await there.presses(question, "Yes, all of these are mine")).text.plain
    for who in (here, there):
        assert "12 CHRONOS" in (await who.says("balance")).text.plain
        assert "from an account that you linked" in (await who.says("transactions")).text.plain
    assert len(await rows(deployment.address.url, "SELECT FROM students")) == 3

    shown_there = await here.says("link")
    assert [button.label for row in shown_there.buttons for button in row] == ["Take out Telegram (person 72)"]
    sure = await here.presses(shown_there, "Take out Telegram (person 72)")
    assert "Taken out" in (await here.presses(sure, "Yes, take it out")).text.plain
    assert "🪙 0 CHRONOS" in (await there.says("balance")).text.plain
    again = await there.says("link", code=code_in((await here.says("link")).text.plain))
    assert "can be linked again from" in again.text.plain
    assert "operator has not set that up" in (await here.says("link", provider="whop")).text.plain
    assert "your own code" in (await here.says("link", code=code_in((await here.says("link")).text.plain))).text.plain


async def test_in_private_a_person_without_access_is_told_why(speaker: SpeakerMaker) -> None:
    owner, student = speaker("1", manages=True), Person("discord", "2", "person 2")
    await owner.says("setup")
    await owner.says("students", member=student, status="ended")
    alone = await speaker("2", community="").says("ask", question="What is the 500 rule?")
    assert "Your access to School 100 is ended" in alone.text.plain
    assert "write to its staff" in alone.text.plain
