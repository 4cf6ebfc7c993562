"""What other services tell us: refused without proof, kept once to the byte, and worked on until it is done."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import aiohttp
import pytest
from structlog.testing import capture_logs

from adapters.postgres.database import Database
from adapters.postgres.inbox import PostgresInbox
from adapters.web.hooks import InboundHooks
from adapters.web.server import build_web, serve
from core.errors import DatabaseError
from core.webhooks import Delivery, Kept, Unsigned, Webhooks
from tests.adapters.school import change, jobs, rows


async def signed(body: bytes, headers: Mapping[str, str]) -> Delivery:
    """A provider whose proof is a word."""
    if headers.get("x-proof") != "word":
        raise Unsigned("The signature is missing or wrong.")
    return Delivery("shop", headers["x-id"], body, {"x-id": headers["x-id"]})


@dataclass
class Sender:
    """The provider, at the address of our web server."""

    address: str
    session: aiohttp.ClientSession
    heard: list[str] = field(default_factory=list)

    async def sends(self, body: bytes, delivery_id: str = "d1", proof: str = "word", to: str = "shop") -> int:
        headers = {"X-Id": delivery_id, "X-Proof": proof}
        async with self.session.post(f"{self.address}/hooks/{to}", data=body, headers=headers) as response:
            self.heard.append(await response.text())
            return response.status


async def health() -> Mapping[str, object]:
    return {"status": "ok"}


@pytest.fixture
async def sender(database: Database) -> AsyncIterator[Sender]:
    app = build_web(health=health, hooks=InboundHooks(PostgresInbox(database), {"shop": signed}))
    async with serve(app, "127.0.0.1", 0) as address, aiohttp.ClientSession() as session:
        yield Sender(address, session)


async def test_a_delivery_is_kept_once_to_the_byte_and_nothing_without_proof(
    sender: Sender, database: Database, database_url: str
) -> None:
    odd = b'{"b" :1,\t"a":"\xc3\xa4"}\r\n'
    assert await sender.sends(odd, proof="") == 401
    assert await sender.sends(odd, to="nobody") == 404
    assert await sender.sends(b"x" * 300_000) == 413
    assert await rows(database_url, "SELECT FROM inbound_webhooks") == []

    assert [await sender.sends(odd) for _ in range(2)] == [200, 200]
    assert await sender.sends(b"something else") == 400
    (kept,) = await rows(database_url, "SELECT * FROM inbound_webhooks")
    assert (kept["provider"], kept["delivery_id"], kept["body"]) == ("shop", "d1", odd)
    assert kept["verified_at"]
    assert [job["entrypoint"] for job in await jobs(database)] == ["webhook"]


async def test_a_handler_that_fails_is_noted_and_had_again_until_it_is_done(
    database: Database, database_url: str
) -> None:
    inbox, seen = PostgresInbox(database), list[Delivery]()

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery)
        if len(seen) == 1:
            raise RuntimeError("the shop was closed")

    assert await inbox.keep(Delivery("shop", "d1", b"{}")) is Kept.NEW
    (kept,) = await rows(database_url, "SELECT id FROM inbound_webhooks")
    webhooks = Webhooks(inbox, {"shop": handle})
    with pytest.raises(RuntimeError):
        await webhooks.work_on(kept["id"])
    state = "SELECT attempts, failure, processed_at IS NOT NULL AS done FROM inbound_webhooks"
    assert [tuple(row) for row in await rows(database_url, state)] == [(1, "the shop was closed", False)]

    await change(
        database_url, "DELETE FROM pgqueuer; UPDATE inbound_webhooks SET received_at = now() - '1 h'::interval"
    )
    await inbox.wake()
    assert len(await jobs(database)) == 1, "what was left behind waits again"
    for _ in range(2):
        await webhooks.work_on(kept["id"])
    assert len(seen) == 2, "what is done is not done again"
    assert [tuple(row) for row in await rows(database_url, state)] == [(2, "", True)]

    await change(database_url, "UPDATE inbound_webhooks SET received_at = now() - interval '31 days'")
    await inbox.purge()
    assert await rows(database_url, "SELECT FROM inbound_webhooks") == []


async def test_what_fails_for_days_is_given_up_and_what_nobody_tried_is_never_forgotten(
    database: Database, database_url: str
) -> None:
    inbox = PostgresInbox(database)
    for name in ("hopeless", "untried"):
        await inbox.keep(Delivery("shop", name, b"{}"))
    await change(database_url, "UPDATE inbound_webhooks SET attempts = 5 WHERE delivery_id = 'hopeless'")
    await change(
        database_url, "DELETE FROM pgqueuer; UPDATE inbound_webhooks SET received_at = now() - '31 d'::interval"
    )
    await inbox.purge()
    assert len(await rows(database_url, "SELECT FROM inbound_webhooks")) == 2
    with capture_logs() as logs:
        await inbox.wake()
    assert [(each["event"], each["attempts"]) for each in logs] == [("a webhook was given up", 5)]
    await inbox.purge()
    assert [row[0] for row in await rows(database_url, "SELECT delivery_id FROM inbound_webhooks")] == ["untried"]
    assert len(await jobs(database)) == 1


async def test_while_the_database_is_away_the_sender_is_asked_to_come_again() -> None:
    class Away(PostgresInbox):
        def __init__(self) -> None: ...

        async def keep(self, delivery: Delivery) -> Kept:
            raise DatabaseError("The database does not answer.")

    app = build_web(health=health, hooks=InboundHooks(Away(), {"shop": signed}))
    async with serve(app, "127.0.0.1", 0) as address, aiohttp.ClientSession() as session:
        assert await Sender(address, session).sends(b"{}") == 503
