"""Redeeming: earned, confirmed, approved, sent by a worker, and never paid twice or lost."""

import asyncio
import inspect
import itertools
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from click.testing import CliRunner
from solders.keypair import Keypair

from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.ledger import PostgresLedger
from adapters.web.hooks import InboundHooks
from adapters.web.server import build_web, serve
from bot.app import DatabaseAddress, Deployment, open_on
from bot.checks import _payouts
from bot.main import cli
from bot.settings import Settings
from bot.tasks import tasks_of
from core.conversation import Reply
from core.errors import ConfigurationError, Refused
from core.ids import CreatorId, StudentId
from core.rewards.ledger import Award, Budget, Fault
from core.rewards.paying import Paying, PayoutBook
from core.rewards.redemption import Asked, Payout, Rail
from core.webhooks import Delivery, Webhooks
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker
from tests.waiting import within
from tests.wire import fake_payouts
from tests.wire.fake_payouts import FakePayPal, FakeTremendous, Trap, serving
from tests.wire.fake_solana import Chain, FakeSolana
from tests.wire.fake_solana import serving as serving_chain

SCHOOL = "school-100"
MAIL = "learner@example.org"
COUNTED = "SET app.creator_id = 1; UPDATE earn_counts SET times = {} WHERE rule = 'project'"


@pytest.fixture
async def paypal() -> AsyncIterator[FakePayPal]:
    provider = FakePayPal()
    async with serving(provider):
        yield provider


@pytest.fixture
async def tremendous() -> AsyncIterator[FakeTremendous]:
    provider = FakeTremendous()
    async with serving(provider):
        yield provider


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture
async def node(chain: Chain) -> AsyncIterator[FakeSolana]:
    fake = FakeSolana(chain)
    async with serving_chain(fake) as fake.url:
        yield fake


@pytest.fixture
async def deployment(
    database_url: str, tmp_path: Path, paypal: FakePayPal, tremendous: FakeTremendous, node: FakeSolana
) -> AsyncIterator[Deployment]:
    settings = Settings.model_validate(settings_for(tmp_path, paypal.url, tremendous.url, node))
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


def settings_for(folder: Path, paypal_url: str, tremendous_url: str, node: FakeSolana) -> dict[str, Any]:
    """Every way is open, and the school is funded."""
    return {
        "storage": {"data_dir": str(folder)},
        "redemption": {"rails": ["paypal", "giftcard", "credit", "solana"], "funded": [SCHOOL],
                       "approval_above": 1000, "per_day": 1000},
        "solana": {"keypair": str(node.chain.treasury), "mint": str(node.chain.mint), "base_url": node.url},
        "paypal": {"client_id": fake_payouts.CLIENT_ID, "client_secret": fake_payouts.CLIENT_SECRET,
                   "base_url": paypal_url, "webhook_secret": fake_payouts.WEBHOOK_ID},
        "tremendous": {"api_key": fake_payouts.API_KEY, "campaign_id": fake_payouts.CAMPAIGN,
                       "base_url": tremendous_url, "webhook_secret": fake_payouts.WEBHOOK_SECRET},
    }  # fmt: skip


class School:
    """A community whose payouts are funded, with an old student of 50,000 CHRONOS."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.owner = Speaker.of(deployment, "1", manages=True)
        self.student = Speaker.of(deployment, "2")
        self.id = CreatorId(0)
        self.student_id = StudentId(0)
        self.now = datetime.now(UTC)

    async def open(self) -> None:
        await self.owner.says("setup")
        creator = await self.deployment.directory.creator(SCHOOL)
        assert creator is not None
        self.id = creator.id
        self.student_id = await self.join(self.student, 50_000)

    async def join(self, speaker: Speaker, chronos: int) -> StudentId:
        """Enrol somebody as the staff does, a month ago, with CHRONOS."""
        student_id = await self.deployment.directory.student(speaker.person)
        await self.deployment.directory.set_enrolment(self.id, student_id, "active", "gold")
        url = self.deployment.address.url
        await change(url, "UPDATE students SET created_at = now() - interval '30 days' WHERE id = $1", student_id)
        award = Award("project", f"project:{student_id}", chronos, 1, self.now.date())
        await PostgresLedger(self.deployment.database).award(self.id, student_id, award, Budget(10**6, 10**6))
        return student_id

    async def mail_set(self) -> None:
        shown = await self.student.says("wallet", paypal=MAIL)
        await self.student.presses(shown, "Yes, that is mine")

    async def redeems(self, how: str = "paypal", amount: float = 500) -> Reply:
        """The student asks and confirms."""
        return await self.student.presses(await self.student.says("redeem", how=how, amount=amount), "Redeem")

    async def works(self, after: timedelta = timedelta()) -> None:
        """A worker moves on what is due so much later."""
        self.now += after
        now = max(self.now, datetime.now(UTC)) + timedelta(seconds=1)
        await self.deployment.payouts.paying.all_due(self.id, now, asyncio.Event())

    async def states(self) -> list[str]:
        found = await rows(self.deployment.address.url, "SELECT state FROM redemptions ORDER BY id")
        return [row["state"] for row in found]

    async def told(self) -> list[str]:
        """What was written to people without being asked."""
        found = await rows(self.deployment.address.url, "SELECT content FROM outbox ORDER BY id")
        return ["".join(span[0] for span in json.loads(row["content"])["text"]) for row in found]

    async def wallet(self) -> tuple[int, int, int]:
        """Balance, held and redeemed, once the books were seen to be right."""
        assert await self.deployment.services.ledger.faults(self.id) == []
        assert await self.deployment.payouts.freezes.faults(self.id) == []
        wallet = await self.deployment.services.ledger.wallet(self.student_id)
        return wallet.balance, wallet.held, wallet.total_redeemed


@pytest.fixture
async def school(deployment: Deployment) -> School:
    opened = School(deployment)
    await opened.open()
    return opened


async def test_a_payout_is_confirmed_held_sent_and_settled(school: School, paypal: FakePayPal) -> None:
    assert "Say first where it goes" in (await school.student.says("redeem", how="paypal", amount=500)).text.plain
    await school.mail_set()
    card = await school.student.says("redeem", how="paypal", amount=500)
    assert f"5.00 USD go to the PayPal account {MAIL}" in card.text.plain
    assert "on its way" in (await school.student.presses(card, "Redeem")).text.plain
    await school.student.presses(card, "Redeem")
    assert await school.wallet() == (49_500, 500, 0)
    await school.works()
    assert await school.states() == ["sent"]
    await school.works(timedelta(minutes=1))
    assert await school.wallet() == (49_500, 0, 500)
    ((receiver, value, _),) = paypal.paid
    assert (receiver, value) == (MAIL, "5.00")
    assert f"Paid: 5.00 USD by PayPal to {MAIL}" in (await school.told())[-1]
    assert "paid" in (await school.student.says("redeem")).text.plain
    assert " redeemed: PayPal" in (await school.student.says("transactions", kind="redeemed")).text.plain


@pytest.mark.parametrize("trap", [Trap.DROPPED_BEFORE, Trap.DROPPED_AFTER, Trap.FAILS_BEFORE, Trap.FAILS_AFTER])
async def test_a_call_without_an_answer_stays_held_and_is_paid_once(
    trap: Trap, school: School, paypal: FakePayPal, tremendous: FakeTremendous
) -> None:
    await school.mail_set()
    # A refusal of the second call says nothing of the first, which may have paid.
    paypal.traps.extend([trap, Trap.WRONG_RECEIVER, Trap.NO_FUNDS])
    tremendous.traps.append(trap)
    for how in ("paypal", "giftcard"):
        await school.redeems(how)
    await school.works()
    assert await school.wallet() == (49_000, 1000, 0)
    assert await school.states() == ["sending", "sending"]
    refused = await school.student.says("redeem_cancel", payload=f"{school.id}:1")
    assert "too late" in refused.text.plain
    for _ in range(5):
        await school.works(timedelta(minutes=30))
    assert await school.wallet() == (49_000, 0, 1000)
    assert len(paypal.paid) == len(tremendous.paid) == 1
    assert "gift card" in "".join(await school.told())


class Killed(BaseException):
    """This process is gone."""


class Fragile:
    """Kills this process before or after one of the calls to what it stands for."""

    def __init__(self, inner: object, fuse: "Fuse") -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> object:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: object, **named: object) -> object:
            self._fuse.burn()
            result = await found(*arguments, **named)
            self._fuse.burn()
            return result

        return call


class Fuse:
    """So many moments until the kill."""

    def __init__(self, moments: int) -> None:
        self.left = moments

    def burn(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise Killed


@dataclass
class Killer:
    """A worker process that a provider kills, as a power cut would, when the moment has come."""

    process: Process
    moment: str

    def on_call(self, call: str) -> None:
        if call == self.moment:
            self.kill()

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()


@pytest.mark.parametrize(
    ("how", "moment"),
    [
        ("paypal", "POST /v1/oauth2/token"),
        ("paypal", "paid"),
        ("giftcard", "paid"),
        ("solana", "getLatestBlockhash"),
        ("solana", "paid"),
    ],
)
async def test_a_worker_that_is_killed_by_the_system_while_it_pays_loses_and_doubles_nothing(
    how: str, moment: str, school: School, paypal: FakePayPal, tremendous: FakeTremendous, node: FakeSolana,
    tmp_path: Path,
) -> None:  # fmt: skip
    await school.mail_set()
    person = Keypair().pubkey()
    await school.student.presses(await school.student.says("wallet", solana=str(person)), "Yes, that is mine")
    await school.redeems(how)
    settings = json.dumps(settings_for(tmp_path, paypal.url, tremendous.url, node))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.wire.payout_worker", school.deployment.address.url, settings,
        stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    killer = Killer(process, moment)
    for provider in (paypal, tremendous, node):
        provider.on_call = killer.on_call
    if moment == "paid":
        paypal.after_paying = tremendous.after_paying = node.after_sending = killer.kill
    async with within(60.0, "the worker to be killed while it pays"):
        assert await process.wait() == -signal.SIGKILL
    assert await school.states() == ["sending"]
    assert await school.wallet() == (49_500, 500, 0)
    paid = (len(paypal.paid), len(tremendous.paid), node.chain.held_by(person) // 500)
    assert sum(paid) == (1 if moment == "paid" else 0)
    for _ in range(3):
        await school.works(timedelta(minutes=10))
    assert await school.wallet() == (49_500, 0, 500)
    assert len(paypal.paid) + len(tremendous.paid) + node.chain.held_by(person) // 500 == 1


def fragile(paying: Paying, fuse: Fuse) -> Paying:
    payouts = {rail: cast("Payout", Fragile(payout, fuse)) for rail, payout in paying.payouts.items()}
    return Paying(cast("PayoutBook", Fragile(paying.book, fuse)), payouts)


@pytest.mark.parametrize("how", ["paypal", "giftcard", "credit", "solana"])
async def test_killed_at_any_moment_money_and_chronos_agree_afterwards(
    how: str, school: School, paypal: FakePayPal, tremendous: FakeTremendous, node: FakeSolana
) -> None:
    await school.mail_set()
    paying, url = school.deployment.payouts.paying, school.deployment.address.url
    person = Keypair().pubkey()
    await school.student.presses(await school.student.says("wallet", solana=str(person)), "Yes, that is mine")
    for moment in itertools.count():
        await school.redeems(how, 501)
        fuse = Fuse(moment)
        for _ in range(6):
            school.now += timedelta(minutes=3)
            try:
                await fragile(paying, fuse).all_due(school.id, school.now, asyncio.Event())
            except Killed:
                assert fuse.left == -1
        done = moment + 1
        assert await school.wallet() == (50_000 - 501 * done, 0, 501 * done)
        credited = await rows(url, "SELECT FROM platform_credits")
        paid = {"paypal": len(paypal.paid), "giftcard": len(tremendous.paid), "credit": len(credited)}
        assert (node.chain.held_by(person) / 501 if how == "solana" else paid[how]) == done
        if fuse.left >= 0:
            break
    assert moment > 6, "there are at least so many moments"


async def test_nothing_can_be_redeemed_before_the_operator_funds_it(database_url: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({"storage": {"data_dir": str(tmp_path)}})
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as deployment:
        school = School(deployment)
        await school.open()
        for arguments in ({}, {"how": "paypal", "amount": 500.0}):
            assert (
                "Nothing can be redeemed here yet"
                in (await school.student.says("redeem", **cast("dict[str, Any]", arguments))).text.plain
            )


async def test_who_may_redeem_how_much_and_how_often(school: School) -> None:
    url, student = school.deployment.address.url, school.student
    await school.mail_set()
    for amount, why in (
        (-5, "whole number"), (0, "whole number"), (1e12, "whole number"), (500.5, "whole number"),
        (499, "500 to 10,000"), (float("inf"), "whole number"), (float("nan"), "whole number"),
    ):  # fmt: skip
        assert why in (await student.says("redeem", how="paypal", amount=amount)).text.plain
    assert "how is one of" in (await student.says("redeem", how="gold", amount=500)).text.plain
    newcomer = Speaker.of(school.deployment, "3")
    assert "verified membership" in (await newcomer.says("redeem", how="credit", amount=500)).text.plain
    newcomer_id = await school.join(newcomer, 600)
    await change(url, "UPDATE students SET created_at = now() WHERE id = $1", newcomer_id)
    assert "is new" in (await newcomer.says("redeem", how="credit", amount=500)).text.plain
    await change(url, "UPDATE students SET created_at = now() - interval '8 days' WHERE id = $1", newcomer_id)
    assert (
        "on its way"
        in (await newcomer.presses(await newcomer.says("redeem", how="credit", amount=600), "Redeem")).text.plain
    )
    card = await newcomer.says("redeem", how="credit", amount=500)
    assert "do not have that many" in (await newcomer.presses(card, "Redeem")).text.plain
    assert "too late" in (await student.says("redeem_cancel", payload=f"{school.id}:1")).text.plain
    cancelled = await newcomer.presses(await newcomer.says("redeem"), "Cancel 600")
    assert "your CHRONOS are back" in cancelled.text.plain
    for forged in ("", "x", "1", "paypal:500", "paypal:500:1:0123456789abcdef:00000000", "credit:-5:5:0:0",
                   "credit:500:500:'; DROP TABLE--:00000000"):  # fmt: skip
        for action in ("redeem_send", "redeem_cancel", "payout_approve", "wallet_confirm", "wallet_forget"):
            reply = (await student.says(action, payload=forged)).text.plain
            assert "wrong" not in reply, (action, forged, reply)
    assert await school.states() == ["released"]
    limited = replace(school.deployment.services.desk.terms, per_day=1)
    redemptions = school.deployment.services.desk.redemptions
    await school.redeems("credit")
    with pytest.raises(Refused, match="1 redemptions a day"):
        await redemptions.require(school.id, school.student_id, limited, datetime.now(UTC))


async def test_only_funded_issuers_are_drawn_the_own_one_first_and_any_frozen_one_stops_it(school: School) -> None:
    funded, unfunded = [await school.deployment.directory.add_creator(h, h.title(), None) for h in ("math", "chess")]
    award, budget = Award("project", "project:other", 3000, 1, school.now.date()), Budget(10**6, 10**6)
    for creator in (funded, unfunded):
        await school.deployment.services.ledger.award(creator.id, school.student_id, award, budget)
    await school.deployment.services.ledger.hold(school.student_id, [school.id], "put away", "test", 49_400)
    desk, now = school.deployment.services.desk, datetime.now(UTC)
    terms = replace(desk.terms, funded=frozenset({SCHOOL, "math"}), approval_above=10_000)
    ask = partial(desk.redemptions.ask, school.id, school.student_id, terms=terms, now=now)
    with pytest.raises(Refused, match="can be redeemed"):
        await ask(Asked("k-0", Rail.CREDIT, 1000, 1000))
    await school.deployment.directory.set_enrolment(funded.id, school.student_id, "active")
    with pytest.raises(Refused, match="can be redeemed"):
        await ask(Asked("k-1", Rail.CREDIT, 3601, 3601))
    drawn = await ask(Asked("k-2", Rail.CREDIT, 1000, 1000))
    assert drawn.issuers == (school.id, funded.id)
    held = await rows(
        school.deployment.address.url, "SELECT amount FROM transfers WHERE key LIKE '%k-2:hold' ORDER BY id"
    )
    assert [row["amount"] for row in held] == [600, 400]
    freezes = school.deployment.payouts.freezes
    await freezes.freeze(funded.id, [Fault("a difference", "1")], now)
    await school.works()
    assert await school.states() == ["ready"]
    with pytest.raises(Refused, match="can be redeemed"):
        await ask(Asked("k-3", Rail.CREDIT, 500, 500))
    await freezes.thaw(funded.id, now)
    await school.works(timedelta(hours=2))
    assert await school.states() == ["settled"]
    for creator_id in (school.id, funded.id, unfunded.id):
        assert await school.deployment.services.ledger.faults(creator_id) == []


async def test_a_large_sum_is_decided_by_the_staff_of_those_whose_chronos_they_are(school: School) -> None:
    directory, desk, now = school.deployment.directory, school.deployment.services.desk, datetime.now(UTC)
    other = await directory.add_creator("math", "Math", None)
    ask = partial(desk.redemptions.ask, other.id, school.student_id, terms=desk.terms, now=now)
    with pytest.raises(Refused, match="verified membership: one that"):
        await ask(Asked("k-1", Rail.CREDIT, 500, 500))
    await directory.set_enrolment(other.id, school.student_id, "active")
    with pytest.raises(Refused, match="in a community of School 100"):
        await ask(Asked("k-2", Rail.CREDIT, 1001, 1001))
    await directory.set_enrolment(school.id, school.student_id, "paused")
    with pytest.raises(Refused, match="payouts are funded: School 100"):
        await ask(Asked("k-3", Rail.CREDIT, 500, 500))
    assert await school.wallet() == (50_000, 0, 0)


async def test_whose_membership_ends_before_it_is_sent_gets_the_chronos_back(school: School) -> None:
    await school.redeems("credit")
    await school.deployment.directory.set_enrolment(school.id, school.student_id, "paused")
    await school.works()
    assert await school.states() == ["released"]
    assert "membership has ended or is paused. Your CHRONOS are back" in (await school.told())[-1]
    assert await school.wallet() == (50_000, 0, 0)


async def test_what_the_staff_leaves_undecided_goes_back_after_two_weeks(school: School) -> None:
    redemptions = school.deployment.payouts.redemptions
    await school.redeems("credit", amount=1001)
    await redemptions.lapse(school.id, school.now + timedelta(days=13))
    assert await school.states() == ["approval"]
    await redemptions.lapse(school.id, school.now + timedelta(days=14, minutes=1))
    assert await school.states() == ["released"]
    assert [words in told for words, told in zip(("1,001 CHRONOS are back", "waited 14 days for you"),
            (await school.told())[-2:], strict=True)] == [True, True]  # fmt: skip
    assert await school.wallet() == (50_000, 0, 0)


async def test_whoever_is_erased_leaves_nothing_to_decide(school: School) -> None:
    await school.redeems("credit", amount=1001)
    await school.deployment.directory.erase(school.student_id)
    assert await school.states() == ["released"]
    assert await school.wallet() == (0, 0, 0)
    url = school.deployment.address.url
    await change(url, "SET app.creator_id = 1; UPDATE redemptions SET state = 'approval'")
    await school.deployment.services.desk.redemptions.decide(
        school.id, 1, await school.deployment.directory.student(school.owner.person), approved=True, now=school.now
    )
    assert await school.states() == ["ready"], "somebody can still decide on what is nobody's"


async def test_a_redemption_of_others_chronos_is_checked_in_their_books(school: School) -> None:
    deployment, now = school.deployment, datetime.now(UTC)
    asked_with = await deployment.directory.add_creator("math", "Math", None)
    await deployment.directory.set_enrolment(asked_with.id, school.student_id, "active")
    desk = deployment.services.desk
    drawn = await desk.redemptions.ask(
        asked_with.id, school.student_id, Asked("k-1", Rail.CREDIT, 500, 500), desk.terms, now
    )
    assert drawn.issuers == (school.id,)
    freezes = deployment.payouts.freezes
    assert await freezes.faults(asked_with.id) == []
    await change(deployment.address.url, "SET app.creator_id = 2; UPDATE redemptions SET state = 'settled'")
    assert [fault.about for fault in await freezes.faults(asked_with.id)] == ["k-1"]


async def test_a_large_sum_waits_for_staff_and_nobody_decides_on_their_own(
    school: School, paypal: FakePayPal
) -> None:
    await school.mail_set()
    for _ in range(2):
        assert "waits for the staff" in (await school.redeems(amount=1001)).text.plain
    await school.works()
    assert await school.states() == ["approval", "approval"]
    assert "person 2 asks to redeem 1,001 CHRONOS: 10.01 USD" in (await school.told())[-1]
    assert "Only the staff" in (await school.student.says("payout_approve", payload=f"{school.id}:1")).text.plain
    student_as_staff = Speaker.of(school.deployment, "2", manages=True)
    assert "their own" in (await student_as_staff.says("payout_approve", payload=f"{school.id}:1")).text.plain
    stranger = Speaker.of(school.deployment, "9", community="200", manages=True)
    await stranger.says("setup")
    assert "another community" in (await stranger.says("payout_approve", payload=f"{school.id}:1")).text.plain
    listed = await school.owner.says("payouts")
    assert "person 2: 1,001 CHRONOS, 10.01 USD by PayPal" in listed.text.plain
    assert "Approved" in (await school.owner.presses(listed, "Approve 1,001")).text.plain
    assert "Refused" in (await school.owner.says("payout_refuse", payload=f"{school.id}:2")).text.plain
    assert "already" in (await school.owner.says("payout_approve", payload=f"{school.id}:2")).text.plain
    for _ in range(2):
        await school.works(timedelta(minutes=5))
    assert await school.states() == ["settled", "released"]
    assert await school.wallet() == (48_999, 0, 1001)
    assert "The staff refused" in "".join(await school.told())
    assert "No redemption waits" in (await school.owner.says("payouts")).text.plain


async def test_what_a_provider_declines_goes_back_and_what_it_cannot_do_now_waits(
    school: School, paypal: FakePayPal, tremendous: FakeTremendous
) -> None:
    await school.mail_set()
    paypal.traps.extend([Trap.WRONG_RECEIVER, Trap.NO_FUNDS, Trap.UNKNOWN_TO_THEM, Trap.BUSY])
    tremendous.traps.extend([Trap.NO_FUNDS, Trap.WRONG_RECEIVER])
    await school.redeems()
    await school.works()
    assert await school.states() == ["released"]
    assert "PayPal does not accept it (receiver is not an email)" in "".join(await school.told())
    await school.redeems()
    await school.works()
    assert await school.states() == ["released", "ready"]
    assert "waits: PayPal does not take our payouts at the moment (insufficient funds)" in (await school.told())[-1]
    await school.redeems("giftcard")
    tremendous.status = "PENDING INTERNAL PAYMENT APPROVAL"
    for _ in range(4):
        await school.works(timedelta(hours=2))
    assert await school.states() == ["released", "settled", "released"]
    await school.redeems("giftcard")
    for _ in range(2):
        await school.works(timedelta(hours=2))
    assert (await school.states())[-1] == "sent"
    (order,) = tremendous.orders.values()
    order["status"] = "EXECUTED"
    await school.works(timedelta(hours=2))
    assert await school.wallet() == (49_000, 0, 1000)
    assert "https://gifts.example/REWARD1/again" in (await school.student.says("redeem")).text.plain


async def test_a_payout_that_is_not_claimed_or_comes_back_gives_the_chronos_back(
    school: School, paypal: FakePayPal, tremendous: FakeTremendous
) -> None:
    await school.mail_set()
    paypal.item_status = "UNCLAIMED"
    await school.redeems()
    await school.redeems("giftcard")
    for _ in range(2):
        await school.works(timedelta(minutes=5))
    assert "claim it" in "".join(await school.told())
    paypal.item_status = "SUCCESS"
    await school.redeems()
    for _ in range(2):
        await school.works(timedelta(minutes=30))
    assert await school.states() == ["sent", "settled", "settled"]
    assert await school.wallet() == (48_500, 500, 1000)
    paypal.batches["BATCH1"]["status"] = "RETURNED"
    paypal.batches["BATCH2"]["status"] = "REVERSED"
    (order,) = tremendous.orders.values()
    order["status"] = "CANCELED"
    await school.works(timedelta(days=2))
    assert await school.states() == ["released", "returned", "returned"]
    assert await school.wallet() == (50_000, 0, 1000)
    assert "came back" in "".join(await school.told())
    await school.works(timedelta(days=2))
    assert await school.wallet() == (50_000, 0, 1000)


async def test_a_key_that_paypal_forgot_is_never_sent_again_and_the_operator_decides(
    school: School, paypal: FakePayPal, tmp_path: Path
) -> None:
    await school.mail_set()
    paypal.traps.append(Trap.DROPPED_AFTER)
    await school.redeems()
    await school.works()
    paypal.forgets = True
    await school.works(timedelta(days=31))
    assert await school.states() == ["sending"]
    assert await school.wallet() == (49_500, 500, 0)
    assert len(paypal.paid) == 1
    assert "the operator has to look" in (await school.told())[-1]
    for _ in range(5):
        await school.works(timedelta(hours=2))
    assert len(paypal.paid) == 1
    chronos = shell_for(school.deployment.address.url, tmp_path)
    ((_, _, key),) = paypal.paid
    assert f"chronos ledger decide {key} --paid" in (await chronos("check"))[1]
    assert (await chronos("decide", "nobody", "--paid"))[0] == 1
    assert await chronos("decide", key, "--paid") == (0, f"{key} is settled.\n")
    assert (await chronos("decide", key, "--not-paid"))[0] == 1
    assert await school.wallet() == (49_500, 0, 500)


async def test_of_cancelling_and_sending_at_once_exactly_one_wins(school: School) -> None:
    paying, desk = school.deployment.payouts.paying, school.deployment.services.desk
    for number in range(1, 9):
        await school.redeems("credit")
        now = datetime.now(UTC) + timedelta(seconds=1)
        await asyncio.gather(
            desk.redemptions.cancel(school.id, school.student_id, number, now),
            paying.all_due(school.id, now, asyncio.Event()),
        )
    states = await school.states()
    assert set(states) <= {"settled", "released"}
    paid = 500 * states.count("settled")
    assert await school.wallet() == (50_000 - paid, 0, paid)
    assert len(await rows(school.deployment.address.url, "SELECT FROM platform_credits")) == states.count("settled")


def shell_for(url: str, folder: Path) -> Callable[..., Awaitable[tuple[int, str]]]:
    """``chronos ledger ...`` on a test's database: its exit status and what it printed."""
    config = folder / "config.toml"
    config.write_text(f'[database]\nurl = "{url}"\n[storage]\ndata_dir = "{folder}"\n', encoding="utf-8")

    async def chronos(*words: str) -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, cli, ["--config", str(config), "ledger", *words])
        return done.exit_code, done.output

    return chronos


async def test_a_difference_in_the_books_stops_payouts_until_the_operator_has_looked(
    school: School, paypal: FakePayPal, tmp_path: Path
) -> None:
    url = school.deployment.address.url
    await school.mail_set()
    await school.redeems()
    await change(url, COUNTED.format(7))
    await tasks_of(school.deployment, asyncio.Event()).reconcile({})
    assert "The nightly check found a difference" in (await school.told())[-1]
    await school.works()
    assert await school.states() == ["ready"]
    assert paypal.calls == []
    assert "payouts are paused while the books are checked" in (await school.student.says("redeem")).text.plain
    assert (
        "paused while the books are checked"
        in (await school.student.says("redeem", how="credit", amount=500)).text.plain
    )
    chronos = shell_for(url, tmp_path)
    given = {"database": {"url": url}, "storage": {"data_dir": str(tmp_path)}}
    open_ = {"rails": ["credit"], "funded": [SCHOOL, "nobody"]}
    words = [f.words for f in await _payouts(Settings.model_validate(given | {"redemption": open_}))]
    assert "no creator's handle" in words[1]
    assert "1 creators payouts are paused" in words[2]
    lacking = Settings.model_validate(given | {"redemption": {"rails": ["solana"], "funded": [SCHOOL]}})
    with pytest.raises(ConfigurationError, match=r"solana\.keypair and solana\.mint"):
        await _payouts(lacking)
    code, said = await chronos("check", "--creator", SCHOOL)
    assert (code, "counted" in said, "payouts are paused" in said) == (1, True, True)
    await change(url, COUNTED.format(1))
    assert (await chronos("thaw", SCHOOL))[0] == 0
    assert (await chronos("thaw", SCHOOL))[0] == 1
    assert await chronos("check") == (0, f"{SCHOOL}: in order\n")
    for _ in range(2):
        await school.works(timedelta(minutes=5))
    assert await school.wallet() == (49_500, 0, 500)
    await change(url, "SET app.creator_id = 1; UPDATE redemptions SET state = 'released'")
    await tasks_of(school.deployment, asyncio.Event()).reconcile({})
    assert "does not stand as its books say" in (await school.told())[-1]


async def test_where_payouts_go_is_one_persons_and_a_change_waits_and_is_told(school: School) -> None:
    student, other = school.student, Speaker.of(school.deployment, "3")
    assert "not a mail address" in (await student.says("wallet", paypal="not a mail")).text.plain
    assert "not a Solana address" in (await student.says("wallet", solana="0x12")).text.plain
    assert "One at a time" in (await student.says("wallet", solana="x", paypal="y")).text.plain
    await school.mail_set()
    assert "another student" in (await other.says("wallet", paypal=MAIL.upper())).text.plain
    assert "already" in (await student.says("wallet", paypal=MAIL)).text.plain
    shown = await student.says("wallet", paypal="new@example.org")
    assert "24 more hours" in shown.text.plain
    assert (
        "replaced or withdrawn"
        in (await other.says("wallet_confirm", payload=shown.buttons[0][0].payload)).text.plain
    )
    card = await student.says("redeem", how="paypal", amount=500)
    for _ in range(2):
        assert "from" in (await student.presses(shown, "Yes, that is mine")).text.plain
    assert "was changed to new@example.org" in (await school.told())[-1]
    assert len(await school.told()) == 1
    assert MAIL in (await student.says("redeem", how="paypal", amount=500)).text.plain
    late = "UPDATE payout_targets SET usable_from = now() WHERE destination = 'new@example.org'"
    await change(school.deployment.address.url, late)
    assert "has changed meanwhile" in (await student.presses(card, "Redeem")).text.plain
    assert "new@example.org" in (await student.says("wallet")).text.plain
    await student.presses(await student.says("wallet", paypal="third@example.org"), "Yes, that is mine")
    assert "taken back" in (await student.presses(await student.says("wallet"), "Keep the old PayPal")).text.plain
    asked = await student.presses(await student.says("wallet"), "Forget PayPal")
    assert "Forgotten" in (await student.presses(asked, "Yes, forget it")).text.plain
    assert "was forgotten" in (await school.told())[-1]
    assert "PayPal: not set" in (await student.says("wallet")).text.plain
    shown = await other.says("wallet", paypal=MAIL)
    await school.mail_set()
    assert "another student" in (await other.presses(shown, "Yes, that is mine")).text.plain


async def test_forgetting_where_payouts_go_is_no_way_around_the_delay(school: School) -> None:
    student = school.student
    await school.mail_set()
    asked = await student.presses(await student.says("wallet"), "Forget PayPal")
    await student.presses(asked, "Yes, forget it")
    for mail in ("thief@example.org", "again@example.org"):
        shown = await student.says("wallet", paypal=mail)
        assert " from " in (await student.presses(shown, "Yes, that is mine")).text.plain
        assert "PayPal: not set" in (await student.says("wallet")).text.plain
    long_ago = "UPDATE payout_targets SET forgotten_at = forgotten_at - interval '25 hours'"
    await change(school.deployment.address.url, long_ago)
    shown = await student.says("wallet", paypal="mine@example.org")
    assert "from now on" in (await student.presses(shown, "Yes, that is mine")).text.plain


async def test_whoever_erases_everything_leaves_books_that_are_right_and_no_address(
    school: School, paypal: FakePayPal
) -> None:
    await school.mail_set()
    paypal.traps.append(Trap.DROPPED_AFTER)
    await school.redeems()
    await school.works()
    await school.redeems()
    exported = (await school.student.says("export")).files[0].content.decode()
    assert MAIL in exported
    await school.student.presses(await school.student.says("erase", payload="ask"), "Yes, erase everything")
    for _ in range(3):
        await school.works(timedelta(minutes=10))
    assert await school.states() == ["settled", "released"]
    assert await school.wallet() == (0, 0, 0)
    url = school.deployment.address.url
    kept = await rows(url, "SELECT r::text AS t FROM redemptions r UNION ALL SELECT t::text FROM payout_targets t")
    assert len(kept) == 2
    assert MAIL not in "".join(row["t"] for row in kept)


async def test_a_webhook_is_known_by_its_signature_and_only_makes_us_look(
    school: School, paypal: FakePayPal, tremendous: FakeTremendous
) -> None:
    await school.mail_set()
    tremendous.status = "OPEN"
    for how in ("paypal", "giftcard"):
        await school.redeems(how)
    await school.works()
    assert await school.states() == ["sent", "sent"]
    (order,) = tremendous.orders.values()
    order["status"] = "EXECUTED"
    payouts, inbox = school.deployment.payouts, PostgresInbox(school.deployment.database)
    app = build_web(health=_healthy, hooks=InboundHooks(inbox, payouts.verifiers))
    told = paypal.webhook("PAYMENT.PAYOUTS-ITEM.SUCCEEDED", {"payout_batch_id": "BATCH1"})
    gift = tremendous.webhook("ORDERS.EXECUTED", "orders", "ORDER1")
    async with serve(app, "127.0.0.1", 0) as address, aiohttp.ClientSession() as session:

        async def sent(name: str, headers: dict[str, str], body: bytes) -> int:
            async with session.post(f"{address}/hooks/{name}", data=body, headers=headers) as response:
                return response.status

        for name, (headers, body) in (("paypal", told), ("tremendous", gift)):
            assert await sent(name, headers, body[:-1] + b" }") == (200 if name == "paypal" else 401)
            assert await sent(name, {}, body) == 401
            assert await sent(name, headers, b"no event") == 401
            assert await sent(name, headers, body.replace(b"1", b"2")) == 401
        assert await sent("tremendous", *gift) == 200
    work = Webhooks(inbox, payouts.handlers)
    for row in await rows(school.deployment.address.url, "SELECT id FROM inbound_webhooks"):
        await work.work_on(row["id"])
    await school.works()
    assert await school.states() == ["settled", "settled"]
    for odd in (b"[]", b'{"resource": {"payout_batch_id": ["x"], "batch_header": 3}}', b'{"payload": 5}'):
        for name, handle in payouts.handlers.items():
            await handle(Delivery(name, "odd", odd))


async def _healthy() -> dict[str, object]:
    return {"status": "ok"}
