"""Earning beside questions, in a chat: contributions, streaks, what the staff sets, and accounts to look at."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from adapters.postgres.acts import record_act
from adapters.postgres.database import Connection
from bot.app import Deployment
from bot.listening import note_for_ever
from bot.tasks import tasks_of
from core.conversation import Person, Reply, Request, reply_from_json
from core.ids import CreatorId, StudentId
from core.overheard import Deleted, Said
from core.rewards.acts import Act
from core.rewards.rules import QUIZ, RULES, WATCH
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker
from tests.waiting import within

SCHOOL = CreatorId(1)


def said(person: Speaker, message_id: str, text: str, at: datetime | None = None) -> Said:
    return Said(person.place, message_id, person.person, at or datetime.now(UTC), text)


async def noted(deployment: Deployment) -> None:
    """Have what was overheard written as the bot does when it stops."""
    noting = asyncio.create_task(note_for_ever(deployment.listening))
    await asyncio.sleep(0)
    noting.cancel()
    async with within(30, "what was overheard to be noted"):
        await asyncio.gather(noting, return_exceptions=True)
    assert deployment.listening.waiting == 0


async def judged(deployment: Deployment) -> None:
    await tasks_of(deployment, asyncio.Event()).award({"creator_id": SCHOOL})


async def student_of(deployment: Deployment, person: Speaker) -> StudentId:
    return await deployment.directory.student(person.person)


async def does(connection: Connection, student: StudentId, key: str, at: datetime, rule: str = WATCH) -> None:
    await record_act(connection, Act(SCHOOL, student, rule, f"{rule}:{student}:{key}", at))


async def told(deployment: Deployment) -> list[Reply]:
    found = await rows(deployment.address.url, "SELECT content::text AS content FROM outbox ORDER BY id")
    return [reply_from_json(json.loads(row["content"])) for row in found]


async def test_a_contribution_earns_its_deletion_takes_it_back_and_the_staff_can_switch_it_off(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    owner, student = speaker("1", manages=True), speaker("2")
    await owner.says("setup")
    assert "no words" in (await student.says("help")).text.plain
    deployment.listening.heard(said(student, "m1", "I put the lamp on the left side of the sphere"))
    deployment.listening.heard(said(owner, "m2", "Well done, and now try it with soft paper"))
    await noted(deployment)
    await judged(deployment)
    assert "🪙 5 CHRONOS" in (await student.says("balance")).text.plain
    assert "🪙 0 CHRONOS" in (await owner.says("balance")).text.plain

    deployment.listening.heard(Deleted(student.place, ("m1",)))
    await noted(deployment)
    assert "🪙 0 CHRONOS" in (await student.says("balance")).text.plain
    assert "5 taken back" in (await student.says("balance")).text.plain

    assert "Contributions earn: off" in (await owner.says("settings", contributions="off")).text.plain
    deployment.listening.heard(said(student, "m3", "Charcoal sticks better on toned paper", datetime.now(UTC)))
    await noted(deployment)
    assert len(await rows(deployment.address.url, "SELECT FROM learning_acts")) == 1
    assert "no words" not in (await student.says("help")).text.plain


async def test_a_streak_is_shown_with_what_is_missing_and_ends_where_the_student_says(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    owner, student = speaker("1", manages=True), speaker("2")
    await owner.says("setup")
    fresh = (await student.says("streak")).text.plain
    assert "0 days of learning in a row" in fresh
    assert "Nothing was learnt today yet" in fresh
    assert "7 more days for 25 CHRONOS" in fresh
    assert "midnight in UTC" in fresh

    student_id, now = await student_of(deployment, student), datetime.now(UTC)
    async with deployment.database.creator(SCHOOL) as connection:
        for back in (2, 1, 0):
            await does(connection, student_id, str(back), now - timedelta(days=back))
    await judged(deployment)
    shown = (await student.says("streak", timezone="europe/berlin")).text.plain
    assert "midnight in Europe/Berlin" in shown
    assert "3 days of learning in a row" in shown
    assert "🟩" in shown
    again = [(await student.says("streak", timezone=zone)).text.plain for zone in ("UTC", "Asia/Tokyo", "Mars")]
    assert "midnight in UTC" in again[0]
    assert "It can be changed again from" in again[1]
    assert "no time zone 'Mars'" in again[2]

    suggested = await deployment.responder.suggest(_typing(student), "timezone", "new y")
    assert [each.value for each in suggested][:1] == ["America/New_York"]


def _typing(person: Speaker) -> Request:
    return Request(person.place, person.person, "streak", {"timezone": "new y"})


async def test_the_staff_sets_what_a_rule_pays_and_everybody_in_the_staff_sees_who_did(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    owner, student = speaker("1", manages=True), speaker("2")
    await owner.says("setup")
    assert "quiz: 50 CHRONOS, up to 10 a day" in (await owner.says("rewards_admin")).text.plain
    changed = (await owner.says("rewards_admin", rule="quiz", amount="7", per_day="2")).text.plain
    assert "/rewards_admin rule:quiz amount:50 per_day:10 undoes it" in changed
    assert "quiz: 7 CHRONOS, up to 2 a day (default 50, 10 a day)" in changed
    assert "quiz: 7, 2 a day · person 1" in changed

    student_id, now = await student_of(deployment, student), datetime.now(UTC)
    async with deployment.database.creator(SCHOOL) as connection:
        for n in range(3):
            await does(connection, student_id, str(n), now, QUIZ)
    await judged(deployment)
    assert "🪙 14 CHRONOS" in (await student.says("balance")).text.plain

    reset = (await owner.says("rewards_admin", rule="quiz", amount="default", per_day="default")).text.plain
    assert "quiz: 50 CHRONOS, up to 10 a day," in reset
    for amount in ("-1", "1.5", "many", "1000000", "\N{FULLWIDTH DIGIT NINE}"):
        refused = await owner.says("rewards_admin", rule="quiz", amount=amount)
        assert "a whole number from 0 to 10,000" in refused.text.plain
    assert "once for every seven days" in (await owner.says("rewards_admin", rule="streak", per_day="2")).text.plain
    assert "rule is one of: watch" in (await owner.says("rewards_admin", rule="linked", amount="7")).text.plain
    assert "linked" not in (await owner.says("rewards_admin")).text.plain
    assert RULES.keys() == deployment.services.tariffs.defaults.rules.keys(), "what can be set is what is paid"
    assert "Say which rule" in (await owner.says("rewards_admin", amount="2")).text.plain
    assert "Only the staff" in (await student.says("rewards_admin", rule="quiz", amount="7")).text.plain

    await deployment.services.tariffs.limit(SCHOOL, 60, None)
    grant = await owner.says("grant", member=Person("discord", "2", "person 2"), amount=100.0, reason="much")
    assert "not enrolled" in grant.text.plain or "more than may still be issued" in grant.text.plain
    assert "at most 60 a day and 100,000 a month" in (await owner.says("rewards_admin")).text.plain


async def test_accounts_that_are_new_fast_or_twins_are_flagged_once_and_a_button_settles_it(
    speaker: SpeakerMaker, deployment: Deployment
) -> None:
    owner, now = speaker("1", manages=True), datetime.now(UTC)
    await owner.says("setup")
    await owner.says("settings", staff_news="here")
    young = str(int((now - timedelta(days=2) - datetime(2015, 1, 1, tzinfo=UTC)).total_seconds() * 1000) << 22)
    baby, racer, one, two, calm = (speaker(name) for name in (young, "11", "12", "13", "14"))
    ids = [await student_of(deployment, person) for person in (baby, racer, one, two, calm)]
    await owner.says("rewards_admin", rule="watch", amount="1", per_day="100")
    async with deployment.database.creator(SCHOOL) as connection:
        for n in range(25):
            await does(connection, ids[1], str(n), now - timedelta(minutes=2 * n))
        for n in range(10):
            at = now - timedelta(hours=3 * n + 1)
            await does(connection, ids[2], str(n), at)
            await does(connection, ids[3], str(n), at + timedelta(seconds=2))
            await does(connection, ids[4], str(n), at + timedelta(minutes=20))
        await does(connection, ids[0], "0", now)
    await judged(deployment)
    tasks = tasks_of(deployment, asyncio.Event())
    await tasks.tidy({})
    await tasks.tidy({})

    texts = [reply.text.plain for reply in await told(deployment)]
    assert len(texts) == 3
    assert f"person {young} earned here with an account that was less than 7 days old" in texts[0]
    assert "person 11 earned more than 20 times within an hour" in texts[1]
    assert "person 12 almost always does something within seconds of person 13" in texts[2]

    known = "INSERT INTO identities VALUES ('whop', 'w', $1, 'Surname'), ('telegram', 't', $1, 'Racer T')"
    await change(deployment.address.url, known, ids[1])
    listed = await owner.says("flags")
    assert len(listed.buttons) == 3
    assert "person 11 earned" in listed.text.plain
    settled = await owner.presses(listed, "2: it's fine")
    assert "person 11" not in (await owner.says("flags")).text.plain
    await owner.presses(settled, "Take that back")
    assert "person 11" in (await owner.says("flags")).text.plain
    assert "does not work" in (await owner.says("flag", payload="fine:x")).text.plain
    assert "no such flag" in (await owner.says("flag", payload="1:999:fine")).text.plain
    assert "another community" in (await owner.says("flag", payload="999:1:fine")).text.plain
    assert "Only the staff" in (await calm.says("flag", payload="1:1:fine")).text.plain
    assert "🪙 25 CHRONOS" in (await racer.says("balance")).text.plain
