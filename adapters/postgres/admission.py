"""Admitting items to the workers, fairly over all creators: a global table under the system role."""

from collections.abc import Sequence
from typing import Final

from adapters.postgres.database import Connection, Database, raw_connection, system_role
from adapters.postgres.jobs import put_wake_ups
from core.ids import CreatorId, ItemId
from core.library.admission import MOST_AT_ONCE, Admitted

LEASE_S: Final = 60.0
"""A holder that does not renew for so long has lost the item; one that dies loses it at once by its lock."""
ONE_DECISION_AT_A_TIME: Final = 0x41444D54  # any number that only admission locks

ADD: Final = """
    INSERT INTO admissions (creator_id, item_id, workflow_size) SELECT $1, unnest($2::bigint[]), $3
    ON CONFLICT (creator_id, item_id) DO UPDATE SET failures = 0, available_at = now()
"""
WITHDRAW: Final = "DELETE FROM admissions WHERE creator_id = $1 AND item_id = ANY($2::bigint[])"
PUT_OFF: Final = """
    UPDATE admissions SET worker = NULL, leased_until = '-infinity', failures = failures + $4::boolean::integer,
           available_at = now() + $3 * interval '1 second'
     WHERE creator_id = $1 AND item_id = $2
"""
DECIDE: Final = "SELECT pg_advisory_xact_lock($1)"
# A worker that is still named held the item until its lease ran out.
NEXT: Final = """
    WITH running AS (
        SELECT creator_id, count(*) AS n FROM admissions WHERE leased_until > now() GROUP BY creator_id
    ), chosen AS (
        SELECT a.creator_id, a.item_id
          FROM admissions a LEFT JOIN running r USING (creator_id) LEFT JOIN turns t USING (creator_id)
         WHERE a.leased_until <= now() AND a.available_at <= now() AND coalesce(r.n, 0) < $3
         ORDER BY coalesce(r.n, 0), t.taken_at NULLS FIRST, a.workflow_size, a.item_id
         LIMIT 1
    ), turn AS (
        INSERT INTO turns (creator_id, taken_at) SELECT creator_id, clock_timestamp() FROM chosen
        ON CONFLICT (creator_id) DO UPDATE SET taken_at = excluded.taken_at
    )
    UPDATE admissions a SET worker = $1::text::uuid, leased_until = now() + $2 * interval '1 second',
           failures = a.failures + (a.worker IS NOT NULL)::integer
      FROM chosen c WHERE a.creator_id = c.creator_id AND a.item_id = c.item_id
    RETURNING a.creator_id, a.item_id, a.failures
"""
RENEW: Final = """
    UPDATE admissions SET leased_until = now() + $4 * interval '1 second'
     WHERE creator_id = $1 AND item_id = $2 AND worker = $3::text::uuid
    RETURNING item_id
"""
RELEASE: Final = """
    UPDATE admissions SET worker = NULL, leased_until = '-infinity'
     WHERE creator_id = $1 AND item_id = $2 AND worker = $3::text::uuid
"""
MAY_BEGIN: Final = """
    SELECT FROM admissions a
     WHERE a.available_at <= now() AND a.leased_until <= now()
       AND $1 > (SELECT count(*) FROM admissions r WHERE r.creator_id = a.creator_id AND r.leased_until > now())
"""
ANY_MAY_BEGIN: Final = f"SELECT EXISTS ({MAY_BEGIN})"


class PostgresAdmission:
    """See :class:`core.library.admission.Admission`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, worker: str) -> Admitted | None:
        """Give the item whose turn it is to a worker; one decision at a time, so that counts are true."""
        async with self._database.system() as connection:
            await connection.execute(DECIDE, ONE_DECISION_AT_A_TIME)
            row = await connection.fetchrow(NEXT, worker, LEASE_S, MOST_AT_ONCE)
        if row is None:
            return None
        return Admitted(CreatorId(row["creator_id"]), ItemId(row["item_id"]), row["failures"])

    async def renew(self, worker: str, admitted: Admitted) -> bool:
        """Go on holding an item; False where it is done, removed, or in other hands."""
        async with self._database.system() as connection:
            held = await connection.fetchval(RENEW, admitted.creator_id, admitted.item_id, worker, LEASE_S)
        return held is not None

    async def release(self, worker: str, admitted: Admitted) -> None:
        """Give an item back at once, without counting a failure."""
        async with self._database.system() as connection:
            await connection.execute(RELEASE, admitted.creator_id, admitted.item_id, worker)

    async def wake(self) -> None:
        """Wake a worker where an item may begin now."""
        async with self._database.system() as connection:
            if await connection.fetchval(ANY_MAY_BEGIN, MOST_AT_ONCE):
                await put_wake_ups(raw_connection(connection), [None])


async def admit(
    connection: Connection, creator_id: CreatorId, items: Sequence[ItemId], workflow_size: int
) -> None:  # fmt: skip
    """Inside a creator's transaction, let items wait for their turn and wake a worker for each."""
    async with system_role(connection):
        await connection.execute(ADD, creator_id, items, workflow_size)
        await put_wake_ups(raw_connection(connection), [str(item_id) for item_id in items])


async def withdraw(connection: Connection, creator_id: CreatorId, *items: ItemId) -> None:
    """Inside a creator's transaction, take items out: done, given up or removed. Whoever holds one is not renewed."""
    async with system_role(connection):
        await connection.execute(WITHDRAW, creator_id, items)


async def give_back(
    connection: Connection, creator_id: CreatorId, item_id: ItemId, delay_s: float, *, failed: bool
) -> None:
    """Inside a creator's transaction, let the item wait for ``delay_s`` seconds; a failure counts."""
    async with system_role(connection):
        await connection.execute(PUT_OFF, creator_id, item_id, delay_s, failed)
        await put_wake_ups(raw_connection(connection), [None], delay_s=delay_s)
