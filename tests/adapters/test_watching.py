"""A student's own page over a real socket and database, with the clock in the test's hand."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from itsdangerous import TimestampSigner

from adapters.files.objects import open_local_files
from adapters.postgres.acts import PostgresActs
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.offers import PostgresOffers
from adapters.postgres.purchases import PostgresPurchases
from adapters.postgres.watching import PostgresWatching
from adapters.web.personal import PersonalPages
from adapters.web.server import build_web, serve
from adapters.web.signing import LinkExpired, PersonalWatchLinks, SignedWatchLinks
from adapters.web.watch import WatchPages
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.library.media import media_key
from core.library.store import NewSource
from core.library.transcript import Segment, Transcript
from core.rewards.ledger import Award, Budget
from core.rewards.rules import WATCH, Rewards, Rule
from core.rewards.shop import Item, ItemKind
from core.rewards.watch_checks import OPTIONS, Check
from core.rewards.watching import Heard, Session, Stretch, Viewer
from tests.adapters.school import add_ready, change, enrol_student, found_school, lecture, rows

KEY: Final = "a key of thirty-two characters ok"
NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
LENGTH_S: Final = 149.5
FILM: Final = media_key(CreatorId(1), "ab" * 32, "mp4")
RECORDED: Final = f"SET app.creator_id = 1; UPDATE sources SET media_key = '{FILM}'"  # noqa: S608 - our own words
BUDGET: Final = Budget(1000, 10_000)
REWARDS: Final = Rewards({WATCH: Rule(100, 10)}, BUDGET, 10)


@dataclass
class Cinema:
    """A served application, a creator's film, a student, and the time."""

    address: str
    browser: ClientSession
    url: str
    database: Database
    watching: PostgresWatching
    links: PersonalWatchLinks
    public_links: SignedWatchLinks
    viewer: Viewer
    now: datetime = NOON

    def path(self, viewer: Viewer | None = None) -> str:
        return self.links.link(viewer or self.viewer, None).removeprefix("https://chronos.example")

    async def get(self, path: str) -> tuple[int, str]:
        async with self.browser.get(self.address + path) as response:
            return response.status, await response.text()

    async def post(self, said: object, path: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
        async with self.browser.post(self.address + (path or self.path()), json=said, headers=headers) as response:
            return response.status, await response.json()

    async def begins(self, path: str = "") -> str:
        self.now += timedelta(seconds=2)
        status, answer = await self.post({"begin": True}, path)
        assert status == 200, answer
        return str(answer["ticket"])

    async def plays(
        self, ticket: str, start_s: float, end_s: float, after_s: float = 10.0, **more: object
    ) -> tuple[int, dict[str, Any]]:
        self.now += timedelta(seconds=after_s)
        return await self.post({"ticket": ticket, "played": [[start_s, end_s]], "rate": 1} | more)

    async def watches(self, ticket: str, upto_s: float, since_s: float = 0.0) -> tuple[str, dict[str, Any]]:
        """Watch on and return the next ticket with the last answer."""
        at_s = since_s
        answer: dict[str, Any] = {}
        while at_s < upto_s:
            status, answer = await self.plays(ticket, at_s, min(at_s + 10, upto_s))
            assert status == 200, answer
            ticket, at_s = answer["ticket"], at_s + 10
        return ticket, answer

    async def acts(self) -> list[tuple[str, dict[str, Any]]]:
        found = await rows(self.url, "SELECT key, evidence FROM learning_acts ORDER BY id")
        return [(row["key"], json.loads(row["evidence"])) for row in found]


@pytest.fixture
async def cinema(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Cinema]:
    school = await found_school(database, "drawing")
    await change(database_url, RECORDED)
    here = "https://chronos.example/"
    links, public_links = PersonalWatchLinks(KEY, here), SignedWatchLinks(KEY, here)
    watching, holdings = PostgresWatching(database), PostgresHoldings(database)
    files = open_local_files(tmp_path / "media")
    tmp_path.joinpath("film").write_bytes(b"moving pictures")
    await files.put(FILM, tmp_path / "film")
    found: list[Cinema] = []

    async def hundred(_creator_id: CreatorId) -> int:
        return 100

    pages = PersonalPages(links, public_links, holdings, files, watching, hundred, lambda: found[0].now)

    async def health() -> dict[str, object]:
        return {"status": "ok"}

    app = build_web(health=health, watch=WatchPages(public_links, holdings, files), personal=pages)
    viewer = Viewer(school.creator_id, await enrol_student(database, "1"), school.source_id)
    async with serve(app, "127.0.0.1", 0) as address, ClientSession() as browser:
        found.append(Cinema(address, browser, database_url, database, watching, links, public_links, viewer))
        yield found[0]


async def test_a_film_that_plays_through_is_paid_once_and_its_evidence_is_kept(cinema: Cinema) -> None:
    ticket = await cinema.begins()
    ticket, half = await cinema.watches(ticket, 70)
    assert half["words"] == "46 % watched; the rest earns 100 CHRONOS."
    assert half["covered"] == [[0, 70]]
    ticket, whole = await cinema.watches(ticket, LENGTH_S, 70)
    assert whole["done"]
    assert "can earn 100 CHRONOS" in whole["words"]
    await cinema.watches(await cinema.begins(), LENGTH_S)

    ((key, kept),) = await cinema.acts()
    assert key == f"watch:{cinema.viewer.student_id}:{cinema.viewer.source_id}"
    evidence = {"kind": "page", "source": cinema.viewer.source_id, "share": 1.0, "wall_s": LENGTH_S, "beats": 15}
    assert kept == evidence
    assert await PostgresActs(cinema.database).judge_next(cinema.viewer.creator_id, REWARDS)
    assert "You earned CHRONOS" in (await cinema.get(cinema.path() + "/progress"))[1]
    export = await PostgresConversations(cinema.database).export(cinema.viewer.student_id)
    assert export["watched"][0]["source_id"] == cinema.viewer.source_id


async def test_the_page_shows_how_far_one_is_and_gives_others_a_link_that_earns_nothing(cinema: Cinema) -> None:
    await cinema.watches(await cinema.begins(), 60)
    status, page = await cinema.get(cinema.path())
    assert status == 200
    assert "40 % watched; the rest earns 100 CHRONOS." in page
    assert 'src="/static/watching.js"' in page
    assert "#t=60" in page
    shared = page.split('data-link="', 1)[1].split('"', 1)[0].removeprefix("https://chronos.example")
    status, public = await cinema.get(shared)
    assert status == 200
    assert "watching.js" not in public
    assert "earning" not in public
    token = shared.removeprefix("/watch/")
    assert (await cinema.post({"begin": True}, f"/watch/own/{token}"))[0] == 404
    assert (await cinema.get(f"/watch/{cinema.path().removeprefix('/watch/own/')}"))[0] == 404
    assert (await cinema.get(cinema.path().replace("/watch/own/", "/media/own/"))) == (200, "moving pictures")


async def test_after_a_reload_it_goes_on_and_the_window_before_counts_no_more(cinema: Cinema) -> None:
    old, _ = await cinema.watches(await cinema.begins(), 50)
    cinema.now += timedelta(hours=3)
    new = await cinema.begins()
    status, answer = await cinema.plays(old, 50, 60)
    assert (status, answer["heard"]) == (409, "elsewhere")
    assert "another window" in answer["error"]
    _, answer = await cinema.watches(new, LENGTH_S, 50)
    assert answer["done"]


async def test_replayed_reordered_and_forged_heartbeats_change_nothing(cinema: Cinema, database: Database) -> None:
    first = await cinema.begins()
    classmate = Viewer(cinema.viewer.creator_id, await enrol_student(database, "2"), cinema.viewer.source_id)
    theirs = await cinema.begins(cinema.path(classmate))
    second, before = await cinema.watches(first, 10)
    for ticket, status in ((first, 409), (theirs, 400), (second[:-3] + "abc", 400), ("", 400), ("null", 400)):
        assert (await cinema.plays(ticket, 10, 20))[0] == status
    misshapen: list[object] = [
        [[-5, 5]],
        [[20, 10]],
        [[0, 1e308]],
        [["a", 1]],
        [[0]],
        [0],
        {},
        None,
        "x",
        [[0, True]],
    ]
    for played in misshapen:
        answered = await cinema.plays(second, 0, 0, played=played)
        assert answered[0] == 400, played
    for rate in (16, 2.01, 0, -1, "1", None, 10**400):
        assert (await cinema.plays(second, 10, 20, rate=rate))[0] == 400, rate
    assert "Only up to 2x" in (await cinema.plays(second, 10, 20, rate=16))[1]["error"]
    for raw in (
        b'{"ticket": "%s", "played": [[NaN, 5]]}' % second.encode(),
        b"[" * 4000,
        b"x" * 5000,
        b"[]",
        b"\xff",
    ):
        headers = {"Content-Type": "application/json"}
        async with cinema.browser.post(cinema.address + cinema.path(), data=raw, headers=headers) as response:
            assert response.status == 400
    async with cinema.browser.post(cinema.address + cinema.path(), data={"begin": "true"}) as response:
        assert response.status == 400
    assert (await cinema.post({"begin": True}, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403
    assert (await cinema.get(cinema.path() + "/progress"))[1].count('"covered": [[0.0, 10.0]]') == 1
    assert before["covered"] == [[0, 10]]


async def test_no_page_is_believed_more_than_can_have_played(cinema: Cinema) -> None:
    ticket = await cinema.begins()
    status, answer = await cinema.plays(ticket, 0, LENGTH_S)
    assert (status, answer["heard"]) == (422, "too_fast")
    cinema.now -= timedelta(seconds=6)
    status, answer = await cinema.plays(ticket, 0, 4, after_s=0)
    assert (status, answer["heard"]) == (429, "too_soon")
    status, answer = await cinema.plays(ticket, 0, 120, after_s=120)
    assert answer["covered"] == [[90, 120]]
    assert await cinema.acts() == []


async def test_two_films_at_once_share_the_time(cinema: Cinema, database: Database) -> None:
    other_id = await add_ready(database, cinema.viewer.creator_id, lecture("painting"))
    other = Viewer(cinema.viewer.creator_id, cinema.viewer.student_id, other_id)
    await change(cinema.url, RECORDED)
    beaten = [await cinema.watching.begin(each, NOON) for each in (cinema.viewer, other)]
    at = NOON
    for number in range(6):
        at += timedelta(seconds=10)
        played = [Stretch(10.0 * number, 10.0 * number + 10)]
        both = zip((cinema.viewer, other), beaten, strict=True)
        beaten = await asyncio.gather(*(cinema.watching.beat(each, last.session, played, at) for each, last in both))
    assert [each.heard for each in beaten] == [Heard.COUNTED] * 2
    assert sum(each.progress.wall_s for each in beaten) <= 60


async def test_who_may_not_watch_any_more_earns_nothing_and_is_told_why(cinema: Cinema) -> None:
    directory = PostgresDirectory(cinema.database)
    ticket, _ = await cinema.watches(await cinema.begins(), 140)
    await change(cinema.url, "SET app.creator_id = 1; UPDATE sources SET tier = 'gold'")
    assert "for members of gold" in (await cinema.plays(ticket, 140, 149))[1]["error"]
    await directory.set_enrolment(cinema.viewer.creator_id, cinema.viewer.student_id, "active", "gold")
    assert (await cinema.get(cinema.path()))[0] == 200
    await directory.set_enrolment(cinema.viewer.creator_id, cinema.viewer.student_id, "paused")
    status, answer = await cinema.plays(ticket, 140, 149)
    assert status == 403
    assert "is paused" in answer["error"]
    for path in (cinema.path(), cinema.path().replace("/watch/", "/media/"), cinema.path() + "/progress"):
        status, page = await cinema.get(path)
        assert status == 403
        assert "is paused" in page
    assert await cinema.acts() == []
    await directory.erase(cinema.viewer.student_id)
    assert (await cinema.post({"begin": True}))[0] == 403
    assert await rows(cinema.url, "SELECT FROM watched") == []


async def test_a_tier_that_was_bought_opens_its_recordings_and_an_ended_membership_says_how_to_return(
    cinema: Cinema,
) -> None:
    viewer, now = cinema.viewer, datetime.now(UTC)
    await change(cinema.url, "SET app.creator_id = 1; UPDATE sources SET tier = 'gold'")
    with pytest.raises(Refused, match="members of gold"):
        await cinema.watching.open(viewer, now)
    ledger, purchases = PostgresLedger(cinema.database), PostgresPurchases(cinema.database)
    await ledger.award(viewer.creator_id, viewer.student_id, Award("gift", "gift:1", 100, 9, now.date()), BUDGET)
    gold = Item(ItemKind.TIER, "Gold", 60, tier="gold", days=30)
    offer = await PostgresOffers(cinema.database).add(viewer.creator_id, gold)
    bought = await purchases.take(viewer.creator_id, viewer.student_id, offer.id, offer.version, "card", now)
    assert bought
    await purchases.fulfil(viewer.creator_id, bought, now)
    assert (await cinema.watching.open(viewer, now)).source_id == viewer.source_id
    assert await ledger.faults(viewer.creator_id) == []

    await PostgresDirectory(cinema.database).set_enrolment(viewer.creator_id, viewer.student_id, "ended")
    await change(cinema.url, "UPDATE enrolments SET source = 'whop', return_link = 'https://whop.example/1'")
    with pytest.raises(Refused, match=r"new one on Whop: https://whop\.example/1"):
        await cinema.watching.open(viewer, now)


async def test_staff_watch_without_earning_by_a_link_that_lives_a_day(
    cinema: Cinema, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = "UPDATE creators SET owner_id = $1"
    await change(cinema.url, owned, cinema.viewer.student_id)
    _, whole = await cinema.watches(await cinema.begins(), LENGTH_S)
    assert (whole["done"], whole["settled"], whole["words"]) == (True, True, "Watched to the end.")
    assert json.loads((await cinema.get(cinema.path() + "/progress"))[1])["settled"]
    assert await cinema.acts() == []

    staff = replace(cinema.viewer, staff=True)
    for viewer, opens in ((cinema.viewer, True), (staff, False)):
        with monkeypatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) - 25 * 3600)
            made = cinema.links.link(viewer, None).rpartition("/")[2]
        if opens:
            assert cinema.links.read(made) == viewer
        else:
            with pytest.raises(LinkExpired):
                cinema.links.read(made)
    assert cinema.links.read(cinema.links.link(staff, None).rpartition("/")[2]) == staff


async def test_a_link_ends_and_neither_another_key_nor_another_kind_opens_it(cinema: Cinema) -> None:
    expired = PersonalWatchLinks(KEY, "", lifetime_s=-1)
    with pytest.raises(Exception, match="expired"):
        expired.read(expired.link(cinema.viewer, None).removeprefix("/watch/own/"))
    foreign = PersonalWatchLinks("another key of as many characters", "")
    assert (await cinema.get(foreign.link(cinema.viewer, None)))[0] == 404
    assert (await cinema.post({"begin": True}, foreign.link(cinema.viewer, None)))[0] == 404
    assert cinema.links.session(cinema.viewer, foreign.ticket(cinema.viewer, Session("x", 1))) is None


async def _pass(cinema: Cinema, check: Check, choose: Callable[[int], int], at: datetime) -> Check:
    for number, question in enumerate(check.questions):
        check = await cinema.watching.answer(cinema.viewer, check.id, number, choose(question.right), at)
    return check


@pytest.fixture
async def elsewhere(cinema: Cinema) -> Cinema:
    """The same, for a film that only plays at its site, and in which no two sentences are alike."""
    said = tuple(
        Segment(12.0 * n, 12.0 * n + 5, f"Noun{n} word{n} then verb{n} the thing{n} over {n} place{n} with care{n}.")
        for n in range(12)
    )
    film = NewSource(Transcript(said, length_s=LENGTH_S), "Elsewhere", "https://videos.example/elsewhere")
    source_id = await add_ready(cinema.database, cinema.viewer.creator_id, film)
    cinema.viewer = Viewer(cinema.viewer.creator_id, cinema.viewer.student_id, source_id)
    return cinema


async def test_a_film_elsewhere_is_paid_after_questions_and_only_once_it_can_have_been_seen(
    elsewhere: Cinema,
) -> None:
    cinema, watching, viewer = elsewhere, elsewhere.watching, elsewhere.viewer
    chance = Random(3)  # noqa: S311 - a test's draw
    with pytest.raises(Refused, match="Watch button first"):
        await watching.check(viewer, NOON, chance)
    assert not (await watching.open(viewer, NOON)).plays_here
    with pytest.raises(Refused, match="open in about"):
        await watching.check(viewer, NOON + timedelta(seconds=LENGTH_S / 2 - 1), chance)
    at = NOON + timedelta(seconds=LENGTH_S)
    check = await watching.check(viewer, at, chance)
    assert (await watching.check(viewer, at, chance)).questions == check.questions
    for question, option in ((1, 0), (0, OPTIONS), (0, -1)):
        with pytest.raises(Refused):
            await watching.answer(viewer, check.id, question, option, at)
    passed = await _pass(cinema, check, lambda right: right, at)
    assert passed.passed
    with pytest.raises(Refused, match="answered already"):
        await watching.answer(viewer, check.id, 0, 0, at)
    ((_, kept),) = await cinema.acts()
    assert kept == {
        "kind": "check",
        "source": viewer.source_id,
        "check": check.id,
        "right": 3,
        "attempts": 1,
    }
    with pytest.raises(Refused, match="counts once"):
        await watching.check(viewer, at, chance)


async def test_staff_who_answer_earn_nothing(elsewhere: Cinema) -> None:
    elsewhere.viewer = replace(elsewhere.viewer, staff=True)
    await elsewhere.watching.open(elsewhere.viewer, NOON)
    later = NOON + timedelta(hours=1)
    check = await elsewhere.watching.check(elsewhere.viewer, later, Random(3))  # noqa: S311 - a test's draw
    assert (await _pass(elsewhere, check, lambda right: right, later)).passed
    assert (await elsewhere.watching.progress(elsewhere.viewer)).done_at == later
    assert await elsewhere.acts() == []


async def test_wrong_answers_leave_three_attempts_a_day_and_nobody_answers_for_another(
    elsewhere: Cinema, database: Database
) -> None:
    cinema, watching, viewer = elsewhere, elsewhere.watching, elsewhere.viewer
    chance, at = Random(3), NOON + timedelta(seconds=LENGTH_S)  # noqa: S311 - a test's draw
    await watching.open(viewer, NOON)
    classmate = Viewer(viewer.creator_id, await enrol_student(database, "2"), viewer.source_id)
    for left in (2, 1, 0):
        check = await watching.check(viewer, at, chance)
        with pytest.raises(Refused, match="does not work"):
            await watching.answer(classmate, check.id, 0, 0, at)
        failed = await _pass(cinema, check, lambda right: (right + 1) % OPTIONS, at)
        assert (failed.judged, failed.passed, failed.right, failed.attempts_left) == (True, False, 0, left)
    with pytest.raises(Refused, match="Try again in 24 hours"):
        await watching.check(viewer, at, chance)
    assert await cinema.acts() == []
    tomorrow = at + timedelta(hours=24, seconds=1)
    check = await watching.check(viewer, tomorrow, chance)
    assert (await _pass(cinema, check, lambda right: right, tomorrow)).passed
    assert len(await cinema.acts()) == 1


async def test_another_creators_link_to_this_film_opens_nothing(cinema: Cinema, database: Database) -> None:
    other = await found_school(database, "cooking")
    stolen = Viewer(other.creator_id, cinema.viewer.student_id, cinema.viewer.source_id)
    assert (await cinema.get(cinema.path(stolen)))[0] == 403
    assert (await cinema.post({"begin": True}, cinema.path(stolen)))[0] == 403
    nobody = Viewer(CreatorId(999), StudentId(999), cinema.viewer.source_id)
    assert (await cinema.post({"begin": True}, cinema.path(nobody)))[0] == 403
