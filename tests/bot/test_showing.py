"""What is shown of CHRONOS: the card, the ranking, seasons, gifts, the economy and the weekly digest."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from adapters.postgres.conversations import PostgresConversations
from bot.app import Deployment
from bot.closing import Closing
from bot.tasks import tasks_of
from core.asking import sessions
from core.conversation import Person, Reply, reply_from_json
from core.ids import CreatorId, StudentId
from core.rewards.ledger import Award, AwardStatus, Budget
from core.rewards.rules import MESSAGE
from core.rewards.standings import Days
from tests.adapters.school import answer, change, record, rows
from tests.bot.conftest import Speaker, SpeakerMaker

PLENTY: Final = Budget(1_000_000, 10_000_000)
PNG: Final = b"\x89PNG\r\n\x1a\n"
TODAY: Final = datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class Class:
    """A community with an owner and students who earned something."""

    deployment: Deployment
    owner: Speaker
    students: list[Speaker]
    creator_id: CreatorId

    async def id_of(self, student: Speaker) -> StudentId:
        return await self.deployment.directory.student(student.person)

    async def give(self, student: Speaker, amount: int, key: str) -> None:
        award = Award("quiz", f"quiz:{key}", amount, 100, TODAY)
        ledger = self.deployment.services.ledger
        paid = await ledger.award(self.creator_id, await self.id_of(student), award, PLENTY)
        assert paid is AwardStatus.AWARDED

    async def told(self, recipient: str = "") -> list[str]:
        """What was written privately to somebody, or else to channels, oldest first."""
        found = await rows(self.deployment.address.url, "SELECT place, content FROM outbox ORDER BY id")
        kept: list[dict[str, Any]] = [dict(row) for row in found]
        return [
            reply_from_json(_data(row["content"])).text.plain
            for row in kept
            if _data(row["place"])["recipient"] == recipient
        ]

    async def moved_back(self, days: int) -> None:
        """Let everything that was earned have been earned days ago."""
        await change(
            self.deployment.address.url,
            f"""
            ALTER TABLE transfers DISABLE TRIGGER append_only;
            SET app.creator_id = {self.creator_id};
            UPDATE transfers SET created_at = created_at - interval '{days} days';
            UPDATE usage SET used_at = used_at - interval '{days} days';
            ALTER TABLE transfers ENABLE TRIGGER append_only;
            """,  # noqa: S608 - numbers of our own
        )

    @property
    def closing(self) -> Closing:
        return tasks_of(self.deployment, asyncio.Event()).closing


def _data(value: Any) -> dict[str, Any]:  # noqa: ANN401 any JSON
    return dict(json.loads(value)) if isinstance(value, str) else dict(value)


@pytest.fixture
async def school(deployment: Deployment, speaker: SpeakerMaker) -> Class:
    owner, students = speaker("1", manages=True), [speaker(number) for number in ("2", "3", "4")]
    await owner.says("setup")
    creator = await deployment.directory.creator("school-100")
    assert creator is not None
    for student in students:
        await deployment.directory.enrol(creator.id, await deployment.directory.student(student.person))
    return Class(deployment, owner, students, creator.id)


def lines(reply: Reply) -> list[str]:
    return reply.text.plain.splitlines()


async def test_a_wallet_is_a_card_with_all_its_words_beside_it(school: Class, speaker: SpeakerMaker) -> None:
    anna = school.students[0]
    await school.give(anna, 50, "1")
    card = await anna.says("balance")

    assert lines(card)[:2] == ["🪙 50 CHRONOS", "50 earned"]
    assert "Next: the next question that is answered: 5; 7 days to the 7-day streak: 25" in card.text.plain
    (picture,) = card.files
    assert picture.name == "balance.png"
    assert picture.content.startswith(PNG)
    assert "50 CHRONOS" in picture.description
    for number in range(20):
        award = Award(MESSAGE, f"question:{number}", 5, 20, TODAY)
        student = await school.id_of(anna)
        await school.deployment.services.ledger.award(school.creator_id, student, award, PLENTY)
    assert "Next: 7 days to the 7-day streak: 25" in (await anna.says("balance")).text.plain
    assert (await speaker("2", platform="terminal", community="").says("balance")).files == ()


async def test_movements_are_chosen_by_kind_creator_and_day_and_taken_along_as_a_table(school: Class) -> None:
    anna = school.students[0]
    for number in range(12):
        await school.give(anna, 10 + number, str(number))
    await school.owner.says("grant", member=anna.person, amount=7.0, reason="=1+1")

    listed = await anna.says("transactions", creator="school", since=str(TODAY - timedelta(days=1)))
    assert "13 movements" in listed.text.plain
    older = await anna.presses(listed, "Older")
    assert older.replaces
    assert len(lines(older)) == 4
    table = await anna.presses(older, "As a table")
    text = table.files[0].content.decode("utf-8-sig")
    assert table.private
    assert len(text.splitlines()) == 14
    assert ",7,7,'=1+1" in text.splitlines()[1]

    assert "Nothing was earned or spent then" in (await anna.says("transactions", until="2020-01-01")).text.plain
    assert "Nothing was spent" in (await anna.says("transactions", kind="spent")).text.plain
    assert "since is a day such as" in (await anna.says("transactions", since="tomorrow")).text.plain
    assert "None of your creators" in (await anna.says("transactions", creator="nobody")).text.plain
    corrected = (await anna.says("transactions", kind="corrected")).text.plain
    assert "Nothing was corrected yet" in corrected
    assert "kind is one of: earned, set-aside," in (await anna.says("transactions", kind="adjust")).text.plain
    assert "does not work" in (await anna.says("transactions_page", payload="1000000:")).text.plain
    for payload in ("x", "0:nothing", "0::x", "0:::999999", "0::1:261399"):
        assert "does not work" in (await anna.says("transactions_page", payload=payload)).text.plain


async def test_a_ranking_counts_what_was_earned_shares_places_and_hides_who_wants_it(school: Class) -> None:
    anna, ben, cleo = school.students
    await school.give(anna, 30, "a")
    await school.give(ben, 30, "b")
    await school.give(cleo, 20, "c")

    shown = await cleo.says("leaderboard")
    assert not shown.private
    assert lines(shown) == [
        "🏆 School 100, this week",
        "🥇 person 2 · 30",
        "🥇 person 3 · 30",
        "🥉 person 4 · 20",
    ]
    assert shown.files[0].content.startswith(PNG)
    assert "person 2" in shown.files[0].description
    month = await anna.presses(shown, "Month")
    assert month.replaces
    assert f"{TODAY:%B}" in lines(month)[0]
    assert "no season yet" in (await anna.presses(shown, "Season")).text.plain

    hidden = await cleo.says("leaderboard", me="hide")
    assert hidden.private
    for asker in (anna, cleo):
        assert "person 4" not in (await asker.says("leaderboard", span="all")).text.plain
    own = await cleo.presses(hidden, "Where am I?")
    assert own.private
    assert "This week: place 3 of 3, with 20" in lines(own)
    assert "Others do not see you" in own.text.plain
    await cleo.says("leaderboard", me="show")
    assert "person 4" in (await anna.says("leaderboard")).text.plain
    assert "earned no CHRONOS" in (await school.owner.says("my_rank")).text.plain


async def test_who_is_known_on_another_platform_alone_has_no_name_in_a_ranking(
    school: Class, speaker: SpeakerMaker
) -> None:
    stranger = speaker("7", platform="telegram", community="")
    await school.give(stranger, 30, "t")
    assert lines(await school.students[0].says("leaderboard"))[1] == "🥇 a member · 30"


async def test_a_ranking_is_the_same_before_and_after_the_days_are_added_up(school: Class) -> None:
    anna, ben, _ = school.students
    standings, now = school.deployment.services.showing.standings, datetime.now(UTC)

    async def seen() -> list[list[tuple[int, int]]]:
        spans = (Days(), Days(TODAY - timedelta(days=50)), Days(TODAY - timedelta(days=90), TODAY))
        found = [
            await standings.ranking(school.creator_id, days, now, platform="discord", asker=None) for days in spans
        ]
        return [[(place.rank, place.earned) for place in ranking.places] for ranking in found]

    for number, back in enumerate((40, 30, 1)):
        await school.give(anna, 10 + number, f"a{number}")
        await school.give(ben, 20 + number, f"b{number}")
        await school.moved_back(back)
    await school.give(anna, 1000, "today")
    await school.owner.says("grant", member=ben.person, amount=9.0, reason="a mistake")
    await school.owner.says("revoke", member=ben.person, amount=9.0, reason="it was a mistake")
    before = await seen()
    assert before[0] == [(1, 1033), (2, 63)]

    for _ in range(2):
        await school.closing.day(school.creator_id, now)
        assert await seen() == before
    kept = await rows(school.deployment.address.url, "SELECT per, earned FROM earnings")
    assert {row["per"] for row in kept} == {"day", "month"}
    economy = await school.owner.says("economy")
    assert "Issued: 1,096 · spent: 0" in economy.text.plain


async def test_a_season_ends_by_itself_is_told_and_stays_as_it_was(school: Class) -> None:
    anna, ben, _ = school.students
    await school.owner.says("settings", announce="here")
    started = await school.owner.says("season", name="Winter", ends=str(TODAY))
    assert f"{TODAY:%d %B} to {TODAY:%d %B %Y}" in started.text.plain
    changed = await school.owner.says("season", ends=str(TODAY + timedelta(days=3)))
    assert f"to {TODAY + timedelta(days=3):%d %B %Y}" in changed.text.plain
    assert "last day is today or later" in (await school.owner.says("season", ends="2020-01-01")).text.plain
    assert "Only the staff" in (await anna.says("season", name="Mine", ends=str(TODAY))).text.plain
    await school.give(anna, 30, "a")
    await school.give(ben, 20, "b")
    assert "Winter, until" in lines(await anna.says("leaderboard", span="season"))[0]

    last = datetime(TODAY.year, TODAY.month, TODAY.day, 23, 59, tzinfo=UTC) + timedelta(days=3)
    seasons = school.deployment.services.showing.seasons
    assert not await seasons.end_due(school.creator_id, last)
    await school.closing.day(school.creator_id, last + timedelta(days=4))
    await school.closing.day(school.creator_id, last + timedelta(days=4))
    (told,) = await school.told()
    assert told.splitlines()[:3] == [
        "🏁 Winter is over at School 100.",
        "🥇 person 2 · 30",
        "🥈 person 3 · 20",
    ]
    await school.give(ben, 100, "late")
    final = await ben.says("leaderboard", span="season")
    assert "Winter, which ended on" in lines(final)[0]
    assert lines(final)[1:] == ["🥇 person 2 · 30", "🥈 person 3 · 20"]
    assert "Before: Winter" in (await school.owner.says("season")).text.plain


async def test_the_staff_ends_a_season_after_being_asked_once_more(school: Class) -> None:
    shown = await school.owner.says("season", name="Short", ends=str(TODAY + timedelta(days=30)))
    asked = await school.owner.presses(shown, "End it now")
    assert "cannot be undone" in asked.text.plain
    assert "season is over" in (await school.owner.presses(asked, "Yes, end it")).text.plain
    assert "ended already" in (await school.owner.presses(asked, "Yes, end it")).text.plain
    assert any("Nobody earned CHRONOS in it" in told for told in await school.told("1"))


async def test_gifts_are_told_taken_back_within_limits_and_kept_in_the_audit(school: Class) -> None:
    anna, owner = school.students[0], school.owner
    for amount in (50.0, 30.0):
        await owner.says("grant", member=anna.person, amount=amount, reason="a fine drawing")
    taken = await owner.says("revoke", member=anna.person, amount=60.0, reason="not her own")
    assert "Took 60 CHRONOS back from person 2: not her own" in taken.text.plain
    assert lines(await anna.says("balance"))[0] == "🪙 20 CHRONOS"
    assert "taken back by the staff for not her own" in (await anna.says("transactions")).text.plain
    told = await school.told("2")
    assert "🎁 50 CHRONOS from the staff of School 100: a fine drawing" in told[0]
    assert "60 CHRONOS of what the staff of School 100 gave you were taken back: not her own" in told[-1]

    too_much = await owner.says("revoke", member=anna.person, amount=21.0, reason="all")
    assert "at most 20 can be taken back" in too_much.text.plain
    assert "Only the staff" in (await anna.says("revoke", member=anna.person, amount=1.0, reason="x")).text.plain
    assert (
        "not enrolled"
        in (await owner.says("revoke", member=Person("discord", "99", "nobody"), amount=1.0, reason="x")).text.plain
    )

    kept = await owner.says("audit")
    assert "3 in all" in lines(kept)[0]
    assert "person 1: revoke 60 · person 2: not her own" in lines(kept)[1]
    assert "person 1: grant 50 · person 2: a fine drawing" in lines(kept)[3]
    assert "Nothing of that kind" in (await owner.says("audit", action="season")).text.plain
    assert "Only the staff" in (await anna.says("audit")).text.plain
    assert await school.deployment.services.ledger.faults(school.creator_id) == []


async def test_what_was_spent_of_a_gift_is_owed_and_nothing_is_left_beside_a_debt(school: Class) -> None:
    anna, ledger = school.students[0], school.deployment.services.ledger
    await school.owner.says("grant", member=anna.person, amount=50.0, reason="early")
    student = await school.id_of(anna)
    await ledger.hold(student, [school.creator_id], "purchase:1", "shop", 40)
    await school.owner.says("revoke", member=anna.person, amount=30.0, reason="too much")

    wallet = await ledger.wallet(student)
    assert (wallet.balance, wallet.owed, wallet.held) == (0, 20, 40)
    assert await ledger.faults(school.creator_id) == []


async def test_the_economy_says_what_was_issued_for_what_and_what_is_left(school: Class) -> None:
    await school.give(school.students[0], 50, "a")
    await school.give(school.students[1], 50, "b")
    shown = await school.owner.says("economy")

    assert shown.private
    assert shown.files[0].content.startswith(PNG)
    assert "Issued: 100 · spent: 0 · redeemed: 0" in shown.text.plain
    assert "May still be issued: 9,900 today, 99,900 this month" in shown.text.plain
    assert "100 for a quiz passed, 2 times" in shown.text.plain
    assert "Only the staff" in (await school.students[0].says("economy")).text.plain


async def test_each_monday_the_staff_hears_of_the_week_once_unless_it_does_not_want_to(school: Class) -> None:
    anna = school.students[0]
    await school.owner.says("settings", staff_news="here")
    conversations = PostgresConversations(school.deployment.database)
    context = await school.deployment.directory.community(anna.place)
    assert context is not None
    asker = sessions.Speaker(school.creator_id, await school.id_of(anna), anna.place.key, context[0].id)
    await record(conversations, asker, "Where does the core shadow lie?", answer())
    await school.give(anna, 30, "a")
    await school.moved_back(7)
    now = datetime.now(UTC)
    await school.closing.week(school.creator_id, now)
    await school.closing.week(school.creator_id, now + timedelta(minutes=5))
    (told,) = await school.told()
    assert "Questions: 1; 1 answered, 0 shown the closest moments, 0 not covered" in told
    assert "CHRONOS issued: 30" in told
    assert "🥇 person 2 · 30" in told

    off = await school.owner.says("settings", digest="off")
    assert "Digest on Mondays: off" in off.text.plain
    await school.give(anna, 30, "b")
    await school.closing.week(school.creator_id, now + timedelta(days=7))
    assert len(await school.told()) == 1
