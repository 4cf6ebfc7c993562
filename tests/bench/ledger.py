"""The ledger: awards a second against a bare reference, races again and again, and reading a million transfers."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from adapters.postgres.database import Database, open_database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.embedded import EmbeddedServer, embedded_server
from adapters.postgres.ledger import COUNT, IN_ORDER, TRANSACTIONS, WALLET, PostgresLedger
from adapters.postgres.migrations import migrate
from core.conversation import Person
from core.errors import Refused
from core.ids import CreatorId, StudentId
from core.rewards.ledger import Award, AwardStatus, Budget, HoldEnd
from tests.bench.asking import say
from tests.bench.table import Row, percentile

Done = TypeVar("Done")

CONNECTIONS: Final = 16
WALLETS: Final = 500
FEW_WALLETS: Final = 8
TODAY: Final = date(2026, 11, 21)
PLENTY: Final = Budget(10**12, 10**13)
MOST_A_DAY: Final = 10**9
WARM_UP: Final = 4
ANY: Final = (None, None, None)
"""Of every creator, since ever, until now."""
LOOKS: Final = 25
READERS: Final = 20
DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
REFERENCE_ACCOUNT: Final = """
    INSERT INTO chronos.account (tenant_id, kind, owner_ref, tracked, min_balance) VALUES (1, $1, $2, $3, $4)
    RETURNING id
"""
REFERENCE_EARN: Final = "SELECT chronos.earn(1, $1, 'message', $2, 5, 1000000000, $3, $4)"
ACCOUNTS: Final = """
    INSERT INTO accounts (creator_id, kind, student_id)
    SELECT c, 'issuance', NULL::bigint FROM unnest($1::bigint[]) AS c
    UNION ALL SELECT c, 'member', s FROM unnest($1::bigint[]) AS c, unnest($2::bigint[]) AS s
    RETURNING creator_id, id, kind, student_id
"""
SETTLED: Final = """
    UPDATE accounts a SET balance = e.amount, version = e.version, total_earned = e.amount
      FROM (SELECT creator_id, account_id, sum(amount) AS amount, max(version) AS version
              FROM entries GROUP BY 1, 2) e
     WHERE a.creator_id = e.creator_id AND a.id = e.account_id
"""
TABLES: Final = ("accounts", "transfers", "entries")
TRANSFER_COLUMNS: Final = (
    "creator_id", "id", "key", "request_hash", "kind", "reason", "student_id", "debit_id", "credit_id", "amount",
    "metadata", "created_at",
)  # fmt: skip
ENTRY_COLUMNS: Final = (
    "creator_id", "account_id", "version", "transfer_id", "student_id", "amount", "balance_after"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Books:
    """A creator's books with as many students as there are connections to serve."""

    database: Database
    ledger: PostgresLedger
    url: str
    creator_id: CreatorId
    students: Sequence[StudentId]


async def measure_ledger(folder: Path, reference: str, *, small: bool) -> list[Row]:
    """Measure awards, races and reading.

    Args:
        folder: for the server.
        reference: SQL that makes a ledger with a function ``chronos.earn`` to be compared with; empty: ours alone.
        small: few calls, to see that it works.
    """
    async with embedded_server(folder) as server:
        say("awards")
        rows = await _awards(server, reference, 0.5 if small else 6.0)
        say("races")
        rows += await _races(server, 2 if small else 200)
        say("a million transfers")
        return rows + await _reading(server, 2_000 if small else 1_000_000)


@asynccontextmanager
async def _books(server: EmbeddedServer, name: str, students: int) -> AsyncIterator[Books]:
    url = await server.create_database(name)
    await migrate(url)
    async with open_database(url, size=CONNECTIONS) as database:
        directory = PostgresDirectory(database)
        creator = await directory.add_creator("books", "Books", None)
        found = [
            await directory.student(Person("discord", str(number), f"Student {number}")) for number in range(students)
        ]
        yield Books(database, PostgresLedger(database), url, creator.id, found)


async def _awards(server: EmbeddedServer, reference: str, seconds: float) -> list[Row]:
    async with _books(server, "awards", WALLETS) as books:
        numbers = count()

        async def award(wallets: int) -> None:
            number = next(numbers)
            paid = Award("message", f"message:{number}", 5, MOST_A_DAY, TODAY)
            await books.ledger.award(books.creator_id, books.students[number % wallets], paid, PLENTY)

        await _per_second(lambda: award(WALLETS), seconds / WARM_UP)
        await _analyse(books.url)
        many = await _per_second(lambda: award(WALLETS), seconds)
        few = await _per_second(lambda: award(FEW_WALLETS), seconds)
        async with books.database.system() as connection:
            deadlocks = await connection.fetchval(DEADLOCKS)
    bare = await _reference_per_second(server, reference, seconds) if reference else None
    group = f"Ledger, {CONNECTIONS} connections"
    return [
        Row(
            group, f"awards over {WALLETS} wallets", many, "/s", bare=bare, goal=0.6 if bare else None, at_least=True
        ),
        Row(group, f"  over {FEW_WALLETS}, by those", few, "/s", bare=many, goal=0.5, at_least=True),
        Row(group, "deadlocks", deadlocks, "", goal=0),
    ]


async def _reference_per_second(server: EmbeddedServer, reference: str, seconds: float) -> float:
    url = await server.create_database("reference")
    async with asyncpg.create_pool(
        url, min_size=CONNECTIONS, max_size=CONNECTIONS, server_settings={"search_path": "chronos"}
    ) as pool:
        await pool.execute(reference)
        issuance = await pool.fetchval(REFERENCE_ACCOUNT, "issuance", "", False, None)
        wallets = [await pool.fetchval(REFERENCE_ACCOUNT, "member", str(n), True, 0) for n in range(WALLETS)]
        numbers = count()

        async def earn() -> None:
            number = next(numbers)
            owner = number % WALLETS
            await pool.fetchval(REFERENCE_EARN, str(owner), f"message:{number}", issuance, wallets[owner])

        await _per_second(earn, seconds / WARM_UP)
        await _analyse(url)
        return await _per_second(earn, seconds)


async def _analyse(url: str) -> None:
    """What a server does on its own within a minute: until then plans are made for empty tables."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _per_second(call: Callable[[], Awaitable[None]], seconds: float) -> float:
    """How often a second something is done by as many as there are connections."""
    done, ends = 0, time.perf_counter() + seconds

    async def again() -> None:
        nonlocal done
        while time.perf_counter() < ends:
            await call()
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(again() for _ in range(CONNECTIONS)))
    return done / (time.perf_counter() - began)


async def _races(server: EmbeddedServer, times: int) -> list[Row]:
    races = {
        "one event delivered 50 times: paid once": _delivered_often,
        "200 spends of 10 on 1,000: exactly 100": _spent_at_once,
        "redeeming against giving back: one of them": _ended_twice,
        "60 messages, 20 a day: exactly 20 paid": _capped,
    }
    group = f"Ledger, races {times} times"
    async with _books(server, "races", times) as books:
        rows = []
        for what, race in races.items():
            right = sum([await race(books, student_id) for student_id in books.students])
            rows.append(Row(group, what, right, "right", goal=times, at_least=True))
        faults = await books.ledger.faults(books.creator_id)
    return [*rows, Row(group, "faults in the books afterwards", len(faults), "", goal=0)]


async def _delivered_often(books: Books, student_id: StudentId) -> bool:
    award = Award("message", f"once:{student_id}", 1_000, 1_000, TODAY)
    said = await _at_once(books.ledger.award(books.creator_id, student_id, award, PLENTY) for _ in range(50))
    return said.count(AwardStatus.AWARDED) == 1 and said.count(AwardStatus.DUPLICATE) == 49


async def _spent_at_once(books: Books, student_id: StudentId) -> bool:
    async def buy(number: int) -> bool:
        key = f"buy:{student_id}:{number}"
        try:
            await books.ledger.hold(student_id, (books.creator_id,), key, "shop", 10)
        except Refused:
            return False
        await books.ledger.end_hold(student_id, key, HoldEnd.SPEND)
        return True

    bought = await _at_once(buy(number) for number in range(200))
    wallet = await books.ledger.wallet(student_id)
    return sum(bought) == 100 and (wallet.balance, wallet.held, wallet.total_spent) == (0, 0, 1_000)


async def _ended_twice(books: Books, student_id: StudentId) -> bool:
    key = f"redeem:{student_id}"
    award = Award("gift", f"for:{student_id}", 50, 1_000, TODAY)
    await books.ledger.award(books.creator_id, student_id, award, PLENTY)
    await books.ledger.hold(student_id, (books.creator_id,), key, "payout", 50)

    async def end(way: HoldEnd) -> bool:
        try:
            await books.ledger.end_hold(student_id, key, way)
        except Refused:
            return False
        return True

    redeemed, released = await _at_once(end(way) for way in (HoldEnd.REDEEM, HoldEnd.RELEASE))
    wallet = await books.ledger.wallet(student_id)
    return redeemed != released and (wallet.balance, wallet.total_redeemed) == ((0, 50) if redeemed else (50, 0))


async def _capped(books: Books, student_id: StudentId) -> bool:
    award = Award("chat", "", 5, 20, TODAY)
    said = await _at_once(
        books.ledger.award(books.creator_id, student_id, replace(award, key=f"chat:{student_id}:{number}"), PLENTY)
        for number in range(60)
    )
    return said.count(AwardStatus.AWARDED) == 20 and said.count(AwardStatus.CAPPED) == 40


async def _at_once(calls: Iterable[Awaitable[Done]]) -> list[Done]:
    return list(await asyncio.gather(*calls))


async def _reading(server: EmbeddedServer, transfers: int) -> list[Row]:
    async with _books(server, "million", READERS * 10) as books:
        await _load(books, transfers)
        reads = {
            "/balance": (WALLET, ()),
            "/transactions, first page": (TRANSACTIONS, ("", *ANY, 0, 10)),
            "  how many in all": (COUNT, ("", *ANY)),
            "/transactions of a kind, tenth page": (TRANSACTIONS, ("earn", *ANY, 90, 10)),
        }
        return [
            Row(f"Ledger, {transfers:,} transfers", what, await _database_ms(books, sql, extra), "ms", goal=5)
            for what, (sql, extra) in reads.items()
        ]


async def _load(books: Books, transfers: int) -> None:
    """Fill the books by COPY, past the triggers that would write entries and balances one by one."""
    connection = await asyncpg.connect(books.url)
    try:
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER")
        found = await connection.fetch(ACCOUNTS, [books.creator_id], list(books.students))
        wallets = {row["student_id"]: row["id"] for row in found}
        records = (transfer for transfer, _ in _moves(books, wallets, transfers))
        await connection.copy_records_to_table("transfers", columns=TRANSFER_COLUMNS, records=records)
        records = (entry for _, entry in _moves(books, wallets, transfers))
        await connection.copy_records_to_table("entries", columns=ENTRY_COLUMNS, records=records)
        await connection.execute(SETTLED)
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER")
        await connection.execute("VACUUM ANALYZE accounts, transfers, entries")
    finally:
        await connection.close()


def _moves(
    books: Books, wallets: Mapping[int | None, int], transfers: int
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Awards of 5 to one student after the other, each with what it entered."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(transfers):
        student_id, turn = books.students[number % len(books.students)], number // len(books.students) + 1
        at, account = began + timedelta(seconds=20 * number), wallets[student_id]
        transfer = (
            books.creator_id,
            number + 1,
            f"message:{number}",
            b"",
            "earn",
            "message",
            student_id,
            wallets[None],
            account,
            5,
            json.dumps({"day": at.date().isoformat()}),
            at,
        )
        yield transfer, (books.creator_id, account, turn, number + 1, student_id, 5, 5 * turn)


async def _database_ms(books: Books, sql: str, extra: tuple[object, ...]) -> float:
    """The middle of what the database takes for a statement; its plan goes to standard error."""
    took, plan = [], ""
    for look in range(LOOKS):
        student_id = books.students[look % READERS]
        async with books.database.student(student_id) as connection:
            await connection.execute(IN_ORDER)
            rows = await connection.fetch(f"EXPLAIN (ANALYZE) {sql}", student_id, *extra)
        lines = [str(row[0]) for row in rows]
        plan = "\n".join(lines)
        took.append(sum(float(line.split()[2]) for line in lines if line.startswith(("Planning T", "Execution T"))))
    sys.stderr.write(f"{plan}\n\n")
    return percentile(took, 50)
