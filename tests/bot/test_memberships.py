"""Memberships in conversation: bought at Whop, linked in the chat, and followed through all that becomes of them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from adapters.postgres.deployment import link_key
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.roles import PostgresRoles
from adapters.web.connect import ConnectPages
from adapters.web.hooks import InboundHooks
from adapters.web.server import build_web, serve
from bot.app import DatabaseAddress, Deployment, open_on
from bot.settings import Settings
from bot.tasks import tasks_of
from bot.webhooks import verifiers_of
from core.asking.notices import NOT_COVERED_HERE
from core.conversation import Reply, Role
from core.ids import CreatorId
from core.members.memberships import Following, Membership
from core.members.roles import Obstacle, RoleChange
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker, SpeakerMaker, attachment, ready
from tests.waiting import eventually
from tests.wire.fake_whop import ACCOUNT, API_KEY, CLIENT, CLIENT_SECRET, SECRET, FakeWhop, query_of

SCHOOL = "school-100"
SHADOW = "Where does the core shadow lie?"
OURS = "https://chronos.example"
SHOP = "https://whop.example/drawing"


@pytest.fixture
async def whop() -> AsyncIterator[FakeWhop]:
    async with FakeWhop() as server:
        yield server


@pytest.fixture
async def deployment(database_url: str, tmp_path: Path, whop: FakeWhop) -> AsyncIterator[Deployment]:
    gold = {"product": "prod_gold", "creator": SCHOOL, "tier": "Gold", "link": SHOP}
    settings = Settings.model_validate(
        {
            "storage": {"data_dir": str(tmp_path)},
            "downloads": {"allow_loopback": True},
            "http": {"public_url": OURS},
            "whop": {
                "api_key": API_KEY, "base_url": whop.base_url, "webhook_secret": SECRET, "account_id": ACCOUNT,
                "client_id": CLIENT, "client_secret": CLIENT_SECRET,
                "products": [gold, {"product": "prod_plain", "creator": SCHOOL}],
            },
        }
    )  # fmt: skip
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies, goes where it is sent, and finds us under our public address."""

    session: aiohttp.ClientSession
    address: str
    cookies: dict[str, str]

    async def opens(self, address: str) -> tuple[int, str]:
        """Open a page, going on as long as it is sent on; what is shown at last."""
        while True:
            found = self.address + address.removeprefix(OURS) if address.startswith(OURS) else address
            async with self.session.get(found, allow_redirects=False, cookies=self.cookies) as response:
                self.cookies |= {name: morsel.value for name, morsel in response.cookies.items()}
                if response.status != 302:
                    return response.status, await response.text()
                address = response.headers["Location"]

    async def posts(self, body: bytes, headers: Mapping[str, str]) -> int:
        async with self.session.post(f"{self.address}/hooks/whop", data=body, headers=headers) as response:
            return response.status


async def health() -> Mapping[str, object]:
    return {"status": "ok"}


@pytest.fixture
async def browser(deployment: Deployment) -> AsyncIterator[Browser]:
    linking = deployment.services.linking
    assert linking.proof is not None
    app = build_web(
        health=health,
        hooks=InboundHooks(PostgresInbox(deployment.database), verifiers_of(deployment.settings)),
        connect=ConnectPages(linking, linking.proof, await link_key(deployment.database)),
    )
    jar = aiohttp.DummyCookieJar()
    async with serve(app, "127.0.0.1", 0) as address, aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Browser(session, address, {})


@pytest.fixture
async def owner(speaker: SpeakerMaker, worker: None, deployment: Deployment) -> Speaker:
    """The owner of a school with a lesson for gold."""
    person = speaker("1", manages=True)
    await person.says("setup")
    await person.says("upload", file=attachment(), title="Shading a sphere", tier="gold")
    await ready(deployment, SCHOOL)
    return person


def link_in(reply: Reply) -> str:
    return next(span.link for span in reply.text.spans if span.link)


async def links(person: Speaker, browser: Browser) -> tuple[int, str]:
    """Link the account at Whop in which the browser is signed in."""
    address = link_in(await person.says("link", provider="whop"))
    await browser.opens(address)
    return await browser.opens(f"{address}&yes=1")


async def enrolled(deployment: Deployment, number: int = 2) -> tuple[str, str, str]:
    """How the first student after the owner is enrolled."""
    statement = """
        SELECT status, tier, source FROM enrolments e JOIN identities i USING (student_id)
         WHERE i.platform = 'discord' AND i.external_id = $1
    """
    found = await rows(deployment.address.url, statement, str(number))
    return tuple(found[0]) if found else ("", "", "")


async def comes(deployment: Deployment, *expected: str, number: int = 2) -> None:
    async def so() -> bool:
        return await enrolled(deployment, number) == expected

    await eventually(so, f"an enrolment that is {expected}", 10)


async def told(deployment: Deployment) -> list[str]:
    """What was written to people, oldest first."""
    found = await rows(deployment.address.url, "SELECT content FROM outbox ORDER BY id")
    return ["".join(span[0] for span in row["content"]["text"]) for row in _loaded(found)]


def _loaded(found: list[dict[str, str]]) -> list[dict[str, dict[str, list[list[str]]]]]:
    import json

    return [{"content": json.loads(row["content"])} for row in found]


async def test_a_membership_opens_its_tier_and_closes_it_at_once_whatever_order_the_news_come_in(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    student = speaker("2")
    assert (await student.says("ask", question=SHADOW)).text.plain == NOT_COVERED_HERE
    await comes(deployment, "active", "", "asked")
    whop.sell("mem_1", "prod_gold", "user_ana")
    assert await browser.posts(*whop.event("membership.activated", "mem_1")) == 200
    status, page = await links(student, browser)
    assert (status, "Your Whop account (ana) is linked" in page) == (200, True), page
    await comes(deployment, "active", "gold", "whop")
    assert any("You are enrolled with School 100 in gold" in text for text in await told(deployment))
    assert any("Your Whop account (ana) is linked now" in text for text in await told(deployment))
    for _ in range(2):  # the second comes from the cache
        assert "opposite the lamp" in (await student.says("ask", question=SHADOW)).text.plain

    activated = whop.event("membership.activated", "mem_1")
    whop.change("mem_1", "canceled")
    deactivated = whop.event("membership.deactivated", "mem_1")
    for body, headers in (deactivated, activated, deactivated):  # out of order, and one twice
        assert await browser.posts(body, headers) == 200
    await comes(deployment, "ended", "", "whop")
    refused = (await student.says("ask", question=SHADOW)).text.plain
    assert "has ended with your membership" in refused
    assert SHOP in refused
    assert SHOP in (await speaker("2", community="").says("ask", question=SHADOW)).text.plain
    shown = (await owner.says("students", member=student.person)).text.plain
    assert "ended since" in shown
    assert "active in gold, from Whop" in shown
    assert len(await rows(deployment.address.url, "SELECT FROM inbound_webhooks")) == 3

    whop.change("mem_1", "active")
    await tasks_of(deployment, asyncio.Event()).memberships({})  # the news of it was lost
    assert await enrolled(deployment) == ("active", "gold", "whop")


async def test_what_is_sold_no_more_or_unknown_to_whop_ends_and_returns_when_it_is_seen_again(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    student, tasks = speaker("2"), tasks_of(deployment, asyncio.Event())
    await links(student, browser)
    sold = whop.sell("mem_1", "prod_gold", "user_ana")
    await tasks.memberships({})
    assert await enrolled(deployment) == ("active", "gold", "whop")
    for vanish in ("unknown", "another product"):
        if vanish == "unknown":
            del whop.sold["mem_1"]
        else:
            sold.product_id = "prod_forgotten"
        await tasks.memberships({})
        assert await enrolled(deployment) == ("ended", "", "whop"), vanish
        whop.sold["mem_1"], sold.product_id = sold, "prod_gold"
        await tasks.memberships({})
        assert await enrolled(deployment) == ("active", "gold", "whop"), vanish


async def test_a_failed_payment_leaves_some_days_and_then_pauses_until_it_is_paid(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    student, following = speaker("2"), deployment.services.linking.following
    assert isinstance(following, Following)
    whop.sell("mem_1", "prod_gold", "user_ana")
    await links(student, browser)
    whop.change("mem_1", "past_due")
    failed = whop.sold["mem_1"].updated_at
    await following.reconcile(failed + timedelta(days=1))
    assert await enrolled(deployment) == ("active", "gold", "whop")
    assert "payment failed, stays until" in (await owner.says("students")).text.plain
    await following.end_grace(failed + timedelta(days=2, hours=23))
    assert await enrolled(deployment) == ("active", "gold", "whop")
    for _ in range(2):
        await following.end_grace(failed + timedelta(days=3))
    assert await enrolled(deployment) == ("paused", "gold", "whop")
    assert "a payment did not go through" in (await student.says("ask", question=SHADOW)).text.plain
    assert [text.split(",")[0] for text in await told(deployment)][-2:] == [
        "Your last payment for School 100 did not go through. You stay enrolled until 24 November",
        "Your access to School 100 is paused",
    ]
    whop.change("mem_1", "active")
    await following.reconcile(failed + timedelta(days=9))
    late = Membership("mem_1", "canceled", "prod_gold", "user_ana", failed - timedelta(hours=1))
    assert await following.store.apply(late, following.products["prod_gold"], at=failed + timedelta(days=9)) == []
    assert await enrolled(deployment) == ("active", "gold", "whop")


async def test_what_the_staff_gave_is_theirs_until_they_hand_it_to_whop(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    student = speaker("2")
    await owner.says("students", member=student.person, status="paused")
    whop.sell("mem_1", "prod_gold", "user_ana")
    await links(student, browser)
    assert await enrolled(deployment) == ("paused", "", "staff")
    assert "write to its staff" in (await student.says("ask", question=SHADOW)).text.plain
    shown = await owner.says("students", member=student.person)
    assert "by the staff (person 1)" in shown.text.plain
    assert "Done" in (await owner.presses(shown, "Follow what they pay on Whop")).text.plain
    await comes(deployment, "active", "gold", "whop")
    stranger = speaker("3")
    await owner.says("students", member=stranger.person, status="active")
    shown = await owner.says("students", member=stranger.person)
    assert "nothing to follow" in (await owner.presses(shown, "Follow what they pay on Whop")).text.plain


async def test_who_is_not_known_yet_is_kept_and_found_by_the_discord_account_that_whop_names(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    whop.sell("mem_1", "prod_gold")
    whop.nested = True
    assert await browser.posts(*whop.event("membership.went_valid", "mem_1", legacy=True, discord_id="2")) == 200
    whop.change("mem_1", "active", user_id="user_ana")  # claimed
    await tasks_of(deployment, asyncio.Event()).memberships({})
    kept = "SELECT user_id FROM whop_memberships WHERE discord_id = '2'"

    async def is_kept() -> bool:
        return [row["user_id"] for row in await rows(deployment.address.url, kept)] == ["user_ana"]

    await eventually(is_kept, "the membership to be kept", 10)
    student = speaker("2")
    await student.says("help")
    await comes(deployment, "active", "gold", "whop")
    # Nobody takes an account that is linked by naming it with another Discord account.
    assert await browser.posts(*whop.event("membership.went_valid", "mem_1", legacy=True, discord_id="1")) == 200
    whop.sell("mem_2", "prod_plain", "user_ben")
    assert await browser.posts(*whop.event("membership.went_valid", "mem_2", legacy=True, discord_id="2")) == 200

    async def all_done() -> bool:
        waiting = "SELECT FROM inbound_webhooks WHERE processed_at IS NULL"
        return await rows(deployment.address.url, waiting) == []

    await eventually(all_done, "the webhooks to be worked on", 10)
    linked = await rows(deployment.address.url, "SELECT external_id FROM identities WHERE platform = 'whop'")
    assert [row["external_id"] for row in linked] == ["user_ana"]
    assert await enrolled(deployment) == ("active", "gold", "whop")
    assert await enrolled(deployment, 1) == ("", "", "")


async def test_an_account_at_whop_is_linked_by_its_owner_alone_in_their_own_browser(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    thief, victim = speaker("2"), browser
    address = link_in(await thief.says("link", provider="whop"))
    status, page = await victim.opens(f"{address}&yes=1")
    assert "about to be linked with Discord (person 2)" in page, "told before anything happens"
    assert whop.grants == {}
    stranger = Browser(browser.session, browser.address, {})
    status, page = await stranger.opens(f"{OURS}/whop/callback?state={query_of(address)['state']}&code=x")
    assert (status, "same browser" in page) == (403, True)
    status, page = await victim.opens(f"{OURS}/whop/callback?state={query_of(address)['state']}&error=access_denied")
    assert (status, "access_denied" in page) == (403, True)
    assert (await victim.opens(f"{address}&yes=1"))[0] == 200
    assert (await victim.opens(f"{address}&yes=1"))[0] == 410, "a link works once"
    assert (await victim.opens(f"{OURS}/whop/connect?state=nothing"))[0] == 410
    status, page = await links(speaker("3"), Browser(browser.session, browser.address, {}))
    assert (status, "linked with another account here" in page) == (409, True)
    late = link_in(await thief.says("link", provider="whop"))
    await change(deployment.address.url, "UPDATE link_requests SET expires_at = now()")
    assert (await victim.opens(late))[0] == 410

    shown = await thief.says("link")
    assert "Discord (person 2), Whop (ana)" in shown.text.plain
    sure = await thief.presses(shown, "Take out Whop (ana)")
    assert "Taken out: Whop (ana)" in (await thief.presses(sure, "Yes, take it out")).text.plain
    assert "not linked any more" in (await thief.presses(sure, "Yes, take it out")).text.plain


async def test_roles_follow_the_tier(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment, whop: FakeWhop, browser: Browser
) -> None:
    student = speaker("2")
    await links(student, browser)
    shown = await owner.says("tier_role", role=Role("500"), tier="gold")
    assert "gold: " in shown.text.plain
    await owner.says("tier_role", role=Role("600"))
    assert "Only who manages" not in shown.text.plain
    assert "everybody's already" in (await owner.says("tier_role", role=Role("100"))).text.plain
    assert "Only the staff" in (await student.says("tier_role", role=Role("500"), tier="gold")).text.plain

    async def roles_are(*expected: str) -> None:
        async def so() -> bool:
            wanted = await rows(deployment.address.url, "SELECT role FROM role_changes WHERE wanted ORDER BY role")
            return [row["role"] for row in wanted] == list(expected)

        await eventually(so, f"the roles {expected}", 10)

    whop.sell("mem_1", "prod_gold", "user_ana")
    await browser.posts(*whop.event("membership.activated", "mem_1"))
    await roles_are("500", "600")
    await owner.says("students", member=student.person, tier="none")
    await roles_are("600")
    await owner.says("students", member=student.person, status="ended")
    await roles_are()
    await owner.says("students", member=student.person, status="active", tier="gold")
    await roles_are("500", "600")
    await owner.presses(await owner.says("tier_role"), "No role for gold")
    await roles_are("600")


async def test_a_role_that_failed_is_asked_again_and_one_that_is_had_is_never_forgotten(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await owner.says("tier_role", role=Role("600"))
    await owner.says("students", member=student.person, status="active")
    changes = PostgresRoles(deployment.database)
    claimed: list[RoleChange] = []

    async def asked() -> bool:
        claimed.extend(await changes.claim("discord", 5))
        return bool(claimed)

    await eventually(asked, "the role is asked for", 10)
    told_before = len(await told(deployment))
    for _ in range(2):  # told once, however often it is tried
        await changes.give_up(claimed.pop(), Obstacle.NOT_A_MEMBER)
        await deployment.services.tier_roles.follow_all(CreatorId(1))
        claimed.extend(await changes.claim("discord", 5))
    assert len(await told(deployment)) == told_before + 1
    await changes.applied(claimed.pop())
    await deployment.services.tier_roles.follow_all(CreatorId(1))
    assert await changes.claim("discord", 5) == [], "what is given is not asked again"

    await change(deployment.address.url, "UPDATE role_changes SET updated_at = now() - interval '99 days'")
    await changes.purge()
    await deployment.directory.erase(await deployment.directory.student(student.person))
    (to_take,) = await changes.claim("discord", 5)
    assert (to_take.wanted, to_take.accounts) == (False, ("2",))


async def test_who_was_paused_earns_nothing_meanwhile(
    owner: Speaker, speaker: SpeakerMaker, deployment: Deployment
) -> None:
    student = speaker("2")
    await owner.says("students", member=student.person, tier="gold")
    await student.says("ask", question=SHADOW)
    url = deployment.address.url

    async def judged() -> bool:
        return all(row["verdict"] for row in await rows(url, "SELECT verdict FROM learning_acts"))

    await eventually(judged, "the question to be judged", 10)
    await owner.says("students", member=student.person, status="paused")
    again = """
        SET app.creator_id = 1; UPDATE learning_acts SET verdict = NULL, key = 'question:again',
          done_at = done_at + interval '1 hour' WHERE creator_id = current_creator()
    """
    await change(url, again)
    await tasks_of(deployment, asyncio.Event()).reconcile({})
    assert [row["verdict"] for row in await rows(url, "SELECT verdict FROM learning_acts")] == ["inactive"]
    assert "🪙 5 CHRONOS" in (await student.says("balance")).text.plain
