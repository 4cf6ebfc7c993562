"""Whop over the wire: what proves a webhook, how lists are read, and whose account it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from adapters.services.whop import Whop, WhopApp, whop_verifier
from core.errors import ProviderBusy, ProviderError, Refused
from core.members.memberships import Membership
from core.webhooks import Unsigned
from tests.wire.fake_whop import ACCOUNT, API_KEY, CLIENT, CLIENT_SECRET, SECRET, FakeWhop, query_of

BODY = b'{"type":"membership.activated"}'
BACK = "https://chronos.example/whop/callback"


@pytest.fixture
async def fake() -> AsyncIterator[FakeWhop]:
    async with FakeWhop() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
async def whop(fake: FakeWhop, waits: list[float]) -> AsyncIterator[Whop]:
    async def wait(seconds: float) -> None:
        waits.append(seconds)

    app = WhopApp(CLIENT, CLIENT_SECRET)
    async with Whop(API_KEY, fake.base_url, account_id=ACCOUNT, app=app, sleep=wait) as client:
        yield client


async def test_a_webhook_is_proved_by_the_secrets_own_bytes_now_and_to_the_byte() -> None:
    verify = whop_verifier(SECRET)
    now, five = datetime.now(UTC), timedelta(minutes=5, seconds=2)
    delivery = await verify(BODY, FakeWhop.signed(BODY, delivery_id="msg_1"))
    assert (delivery.provider, delivery.delivery_id, delivery.body) == ("whop", "msg_1", BODY)
    good = FakeWhop.signed(BODY)
    for body, headers in (
        (BODY, FakeWhop.signed(BODY, key=b"ws_another")),
        (BODY, FakeWhop.signed(BODY, at=now - five)),
        (BODY, FakeWhop.signed(BODY, at=now + five)),
        (BODY + b" ", good),
        (b"\xff", good),
        (BODY, {**good, "webhook-id": "msg_other"}),
        (BODY, {**good, "webhook-timestamp": "nan"}),
        (BODY, {**good, "webhook-signature": "v1"}),
        (BODY, {**good, "webhook-signature": "v1,%%% v2,x"}),
        (BODY, {}),
    ):
        with pytest.raises(Unsigned):
            await verify(body, headers)


async def test_lists_are_read_to_their_end_in_both_shapes_and_a_busy_service_is_waited_for(
    whop: Whop, fake: FakeWhop, waits: list[float]
) -> None:
    for number in range(5):
        fake.sell(f"mem_{number}", "prod_gold", None if number == 3 else f"user_{number}")
    fake.sell("mem_9", "prod_gold", "user_9", account_id="biz_another")
    fake.busy = 2
    for fake.nested in (False, True):
        found = [each async for page in whop.memberships() for each in page]
        assert [each.id for each in found] == [f"mem_{number}" for number in range(5)]
        assert found[3].user_id == ""
        assert found[1] == Membership("mem_1", "active", "prod_gold", "user_1", fake.sold["mem_1"].updated_at)
    assert waits == [7.0, 7.0], "as long as it was asked to"
    assert [each.id async for page in whop.memberships(user_id="user_2") for each in page] == ["mem_2"]


async def test_what_whop_does_not_know_is_nothing_and_what_it_refuses_is_said(
    whop: Whop, fake: FakeWhop, waits: list[float]
) -> None:
    assert await whop.membership("mem_0") is None
    fake.busy = 100
    with pytest.raises(ProviderBusy):
        await whop.membership("mem_0")
    assert len(waits) == 4
    async with Whop("another key", fake.base_url) as stranger:
        with pytest.raises(ProviderError, match="401"):
            await stranger.membership("mem_0")
    async with Whop(API_KEY, "http://127.0.0.1:9/api/v1") as nobody:
        with pytest.raises(ProviderError, match="does not answer"):
            await nobody.membership("mem_0")


async def allowed(address: str) -> str:
    """Say yes at Whop, and return the code that comes back."""
    async with aiohttp.ClientSession() as session, session.get(address, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        return query_of(response.headers["Location"])["code"]


async def test_an_account_is_shown_once_for_its_own_visit_and_nothing_stays_open(whop: Whop, fake: FakeWhop) -> None:
    # The challenge of RFC 7636, appendix B.
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    address = whop.address(state="s", nonce="n", challenge=challenge, return_to=BACK)
    code = await allowed(address)
    account = await whop.account(code=code, verifier=verifier, return_to=BACK, nonce="n")
    assert (account.user_id, account.name) == ("user_ana", "ana")
    assert fake.refreshes == {}, "what could act for them is revoked"
    with pytest.raises(Refused, match="already or took too long"):
        await whop.account(code=code, verifier=verifier, return_to=BACK, nonce="n")
    with pytest.raises(Refused):
        await whop.account(code=await allowed(address), verifier="another", return_to=BACK, nonce="n")
    fake.forged_nonce = True
    with pytest.raises(Refused, match="another visit"):
        await whop.account(code=await allowed(address), verifier=verifier, return_to=BACK, nonce="n")
