"""Putting jobs into the queue inside a transaction that they belong to."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.queries import Queries

from adapters.postgres.database import Connection, raw_connection, system_role
from core.ids import CreatorId, StudentId

INGEST: Final = "ingest"
"""The queue's entrypoint that wakes a worker for the item whose turn it is, whichever that is."""
RECHECK: Final = "recheck"
"""The queue's entrypoint for looking at a creator's links again."""
RESPELL: Final = "respell"
"""The queue's entrypoint for spelling the names in a creator's recordings."""
REINDEX: Final = "reindex"
"""The queue's entrypoint for a turn of moving a creator's library to another embedder."""
AWARD: Final = "award"
"""The queue's entrypoint for judging what a creator's students did."""
REDEEM: Final = "redeem"
"""The queue's entrypoint for moving a creator's redemptions on."""
WEBHOOK: Final = "webhook"
"""The queue's entrypoint for working on what another service told us."""
FOLLOW: Final = "follow"
"""The queue's entrypoint for having a student's enrolments follow their memberships."""
SHOP: Final = "shop"
"""The queue's entrypoint for what is due in a creator's shop."""
TIER_ROLES: Final = "tier_roles"
"""The queue's entrypoint for having the roles of a creator's students follow their tiers."""
LEARN: Final = "learn"
"""The queue's entrypoint for making searchable what a creator's staff wrote down."""
SUM_UP: Final = "sum_up"
"""The queue's entrypoint for summing up a long session."""
STUDY: Final = "study"
"""The queue's entrypoint for making the study material of a creator's sources."""
CALIBRATE: Final = "calibrate"
"""The queue's entrypoint for finding a creator's cut-off anew."""


async def put_recheck(connection: "asyncpg.Connection[asyncpg.Record]", creator_id: CreatorId) -> None:
    """Have a creator's links looked at again, unless that waits already; ``connection`` has the system role."""
    await _queries(connection).enqueue(
        RECHECK, json.dumps({"creator_id": creator_id}).encode(), dedupe_key=f"{RECHECK}:{creator_id}",
        on_conflict="skip",
    )  # fmt: skip


async def put_job(connection: Connection, entrypoint: str, creator_id: CreatorId) -> None:
    """Have work done for a creator after this transaction: a job each, as one that runs may have looked already."""
    async with system_role(connection):
        await _queries(raw_connection(connection)).enqueue(
            entrypoint, json.dumps({"creator_id": creator_id}).encode()
        )


async def put_redemptions(connection: Connection, creator_id: CreatorId, *, delay_s: float = 0.0) -> None:
    """Have a creator's redemptions moved on after this transaction, or so much later."""
    async with system_role(connection):
        await _queries(raw_connection(connection)).enqueue(
            REDEEM, json.dumps({"creator_id": creator_id}).encode(), execute_after=timedelta(seconds=delay_s)
        )


async def put_webhooks(connection: "asyncpg.Connection[asyncpg.Record]", webhook_ids: Sequence[int]) -> None:
    """Have deliveries worked on, unless that waits already; ``connection`` has the system role."""
    count = len(webhook_ids)
    if count:
        await _queries(connection).enqueue(
            [WEBHOOK] * count, [json.dumps({"webhook_id": each}).encode() for each in webhook_ids], [0] * count,
            dedupe_key=[f"{WEBHOOK}:{each}" for each in webhook_ids], on_conflict="skip",
        )  # fmt: skip


async def put_shop_work(connection: Connection, creator_id: CreatorId, delay_s: float) -> None:
    """Have what is due in a creator's shop done, so long after this transaction."""
    async with system_role(connection):
        await _queries(raw_connection(connection)).enqueue(
            SHOP, json.dumps({"creator_id": creator_id}).encode(), execute_after=timedelta(seconds=max(delay_s, 0.0))
        )


async def put_following(connection: "asyncpg.Connection[asyncpg.Record]", student_id: int) -> None:
    """Have a student's enrolments follow their memberships; ``connection`` has the system role."""
    await _queries(connection).enqueue(FOLLOW, json.dumps({"student_id": student_id}).encode())


async def put_calibration(connection: Connection, creator_id: CreatorId) -> None:
    """Have the cut-off found anew after this transaction, unless that waits already."""
    async with system_role(connection):
        await _queries(raw_connection(connection)).enqueue(
            CALIBRATE, json.dumps({"creator_id": creator_id}).encode(), dedupe_key=f"{CALIBRATE}:{creator_id}:None",
            on_conflict="skip",
        )  # fmt: skip


async def put_summing(connection: Connection, creator_id: CreatorId, student_id: StudentId, session_id: int) -> None:
    """Have a session summed up after this transaction, unless that waits already."""
    payload = {"creator_id": creator_id, "student_id": student_id, "session_id": session_id}
    async with system_role(connection):
        await _queries(raw_connection(connection)).enqueue(
            SUM_UP, json.dumps(payload).encode(), dedupe_key=f"{SUM_UP}:{session_id}", on_conflict="skip"
        )


async def put_reindexing(
    connection: Connection, creator_id: CreatorId, run: int, turn: int, *, delay_s: float = 0.0
) -> None:
    """Have a turn of a move done after this transaction, behind those that others wait for."""
    async with system_role(connection):
        await _queries(raw_connection(connection)).enqueue(
            REINDEX, json.dumps({"creator_id": creator_id, "run": run, "turn": turn}).encode(),
            execute_after=timedelta(seconds=delay_s), dedupe_key=f"{REINDEX}:{run}:{turn}", on_conflict="skip",
        )  # fmt: skip


async def put_wake_ups(
    connection: "asyncpg.Connection[asyncpg.Record]", keys: Sequence[str | None], *, delay_s: float = 0.0
) -> None:
    """Wake workers as often as there are keys; a key that waits in the queue already wakes nobody a second time.

    ``connection`` has the system role.
    """
    count = len(keys)
    await _queries(connection).enqueue(
        [INGEST] * count, [b"{}"] * count, [0] * count, [timedelta(seconds=delay_s)] * count,
        [key and f"{INGEST}:{key}" for key in keys], on_conflict="skip",
    )  # fmt: skip


def _queries(connection: "asyncpg.Connection[asyncpg.Record]") -> Queries:
    return Queries(AsyncpgDriver(connection))
