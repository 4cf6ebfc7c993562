"""Redeeming: earned, confirmed, approved, sent by a worker, and never paid twice or lost."""

import asyncio
import inspect
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from solders.keypair import Keypair

from adapters.postgres.ledger import PostgresLedger
from bot.app import DatabaseAddress, Deployment, open_on, tasks_of
from bot.main import cli
from bot.settings import Settings
from core.conversation import Reply
from core.ids import CreatorId, StudentId
from core.rewards.ledger import Award, Budget
from core.rewards.paying import PayoutBook, Paying
from core.rewards.redemption import Payout, Rail
from tests.adapters.school import change, rows
from tests.bot.conftest import Speaker
from tests.wire import fake_payouts
from tests.wire.fake_payouts import FakePayPal, FakeTremendous, Trap, serving
from tests.wire.fake_solana import Chain, FakeSolana
from tests.wire.fake_solana import serving as serving_chain

SCHOOL = "school-100"
MAIL = "learner@example.org"


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
def chain() -> Iterator[Chain]:
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
    settings = settings_for(tmp_path, paypal.url, tremendous.url, node)
    async with open_on(settings, DatabaseAddress(database_url, database_url)) as opened:
        yield opened


def settings_for(folder: Path, paypal_url: str, tremendous_url: str, node: FakeSolana) -> Settings:
    """Every way is open, and the school is funded."""
    return Settings.model_validate({
        "storage": {"data_dir": str(folder)},
        "redemption": {"rails": ["paypal", "giftcard", "credit", "solana"], "funded": [SCHOOL],
                       "approval_above": 1000, "per_day": 1000},
        "solana": {"keypair": str(node.chain.treasury), "mint": str(node.chain.mint), "base_url": node.url},
        "paypal": {"client_id": fake_payouts.CLIENT_ID, "client_secret": fake_payouts.CLIENT_SECRET,
                   "base_url": paypal_url, "webhook_secret": fake_payouts.WEBHOOK_ID},
        "tremendous": {"api_key": fake_payouts.API_KEY, "campaign_id": fake_payouts.CAMPAIGN,
                       "base_url": tremendous_url, "webhook_secret": fake_payouts.WEBHOOK_SECRET},
    })  # fmt: skip


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


@pytest.mark.parametrize("trap", [Trap.DROPPED_BEFORE, Trap.DROPPED_AFTER, Trap.FAILS_BEFORE, Trap.FAILS_AFTER])
async def test_a_call_without_an_answer_stays_held_and_is_paid_once(
    trap: Trap, school: School, paypal: FakePayPal, tremendous: FakeTremendous
) -> None:
    await school.mail_set()
    for provider in (paypal, tremendous):
        provider.traps.append(trap)
    for how in ("paypal", "giftcard"):
        await school.redeems(how)
    await school.works()
    assert await school.wallet() == (49_000, 1000, 0)
    assert await school.states() == ["sending", "sending"]
    refused = await school.student.says("redeem_cancel", payload=f"{school.id}:1")
    assert "too late" in refused.text.plain
    for _ in range(3):
        await school.works(timedelta(minutes=10))
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

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
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
        credits = await rows(url, "SELECT FROM platform_credits")
        paid = {"paypal": len(paypal.paid), "giftcard": len(tremendous.paid), "credit": len(credits)}
        assert (node.chain.held_by(person) / 501 if how == "solana" else paid[how]) == done
        if fuse.left >= 0:
            break
    assert moment > 6, "there are at least so many moments"
