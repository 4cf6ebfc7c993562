"""Making one student of two, in a transaction: their rows, enrolments and CHRONOS go to the older one.

Which tables hold something of a student is read from the catalog, so that a table that comes later is moved as well.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from adapters.postgres.database import Connection
from adapters.postgres.merging import merge_rows
from core.errors import Refused
from core.ids import CreatorId, StudentId

APART: Final = (
    "accounts", "transfers", "entries", "transfer_notes", "earn_counts", "identities", "enrolments", "link_requests",
    "link_attempts", "same_person",
)  # fmt: skip
"""Tables with a student that are moved in a way of their own, or stay: books are never rewritten."""

HELD: Final = """
    SELECT c.fields, c.role, k.conrelid::regclass::text AS name, a.attname AS field
      FROM pg_constraint k
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
      CROSS JOIN LATERAL (
        SELECT ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = k.conrelid AND attnum > 0) AS fields,
               CASE WHEN has_column_privilege('chronos_app', k.conrelid, a.attnum, 'UPDATE') THEN 'app'
                    WHEN has_column_privilege('chronos_system', k.conrelid, a.attnum, 'UPDATE') THEN 'system'
                    ELSE '' END AS role) c
     WHERE k.contype = 'f' AND k.confrelid = 'students'::regclass AND k.connamespace = 'public'::regnamespace
       AND NOT k.conrelid::regclass::text = ANY($1)
     ORDER BY 3, 4
"""
UNIQUE: Final = """
    SELECT coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') AS predicate,
           ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) AS n
                  WHERE pg_get_indexdef(i.indexrelid, n, true) <> quote_ident($2)) AS others
      FROM pg_index i
     WHERE i.indrelid = $1::text::regclass AND i.indisunique
       AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = i.indrelid AND attname = $2
                      AND attnum = ANY(i.indkey::smallint[]))
"""
SCOPE: Final = """
    SELECT set_config('role', $1, true), set_config('app.creator_id', $2, true),
           set_config('app.student_id', $3, true), set_config('app.joining', $4, true)
"""
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))"
THERE: Final = "SELECT count(*) FROM students WHERE id = ANY($1)"
BOOKS: Final = """
    SELECT creator_id, id, kind, balance, status FROM accounts WHERE student_id = $1 ORDER BY creator_id
"""
MOVE_OUT: Final = """
    SELECT transfer_once($1, $2, 'adjust', 'linked', $3, $4, account_of($1, 'issuance', NULL), $5, NULL, NULL, '{}')
"""
MOVE_IN: Final = """
    SELECT transfer_once($1, $2, 'adjust', 'linked', $3, account_of($1, 'issuance', NULL),
                         account_of($1, 'member', $3), $4, NULL, NULL, $5)
"""
ENROLLED_WITH: Final = "SELECT creator_id FROM enrolments WHERE student_id = $1"
OWNED: Final = "SELECT id AS creator_id FROM creators WHERE owner_id = $1"
# A student whom the staff paused or ended does not return by way of another account.
MERGE_ENROLMENTS: Final = """
    WITH both_of AS (
        SELECT *, row_number() OVER (
            PARTITION BY creator_id ORDER BY source = 'staff' AND status <> 'active' DESC,
                     CASE status WHEN 'active' THEN 0 WHEN 'paused' THEN 1 ELSE 2 END, tier = '', source <> 'staff',
                     student_id = $1 DESC) AS rank
          FROM enrolments WHERE student_id IN ($1, $2)
    ), best AS (SELECT * FROM both_of WHERE rank = 1 AND student_id = $2)
    INSERT INTO enrolments AS e (creator_id, student_id, status, tier, source, invited_tier, grace_until, return_link,
                                 created_at, since)
    SELECT creator_id, $1, status, tier, source, invited_tier, grace_until, return_link, created_at, since FROM best
    ON CONFLICT (creator_id, student_id) DO UPDATE
       SET status = excluded.status, tier = excluded.tier, source = excluded.source, since = excluded.since,
           invited_tier = coalesce(excluded.invited_tier, e.invited_tier), grace_until = excluded.grace_until,
           return_link = excluded.return_link
"""
END_SESSIONS: Final = """
    UPDATE chat_sessions SET ended_at = now() WHERE creator_id = $1 AND student_id = $2 AND ended_at IS NULL
"""
MOVE_IDENTITIES: Final = "UPDATE identities SET student_id = $1, linked_at = $3 WHERE student_id = $2"
SAME_PERSON: Final = """
    INSERT INTO same_person (student_id, other_id)
    SELECT $1::bigint, $2::bigint UNION SELECT $1, other_id FROM same_person WHERE student_id = $2 AND other_id <> $1
    ON CONFLICT DO NOTHING
"""
END_STUDENT: Final = "DELETE FROM students WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that refers to a student, and which role may point it to another; empty: none."""

    table: str
    name: str
    role: str
    owned: bool
    personal: bool


async def columns(connection: Connection) -> Sequence[Column]:
    """All columns that refer to students, but for those that are moved in a way of their own."""
    return [
        Column(row["name"], row["field"], row["role"], "creator_id" in row["fields"], row["field"] == "student_id")
        for row in await connection.fetch(HELD, list(APART))
    ]


async def require_joinable(connection: Connection, gone: StudentId) -> int:
    """Return the CHRONOS that would move; ``connection`` is anybody's inside a transaction, and the system's after.

    Raises:
        Refused: something is set aside, owed or frozen.
    """
    books = await _books(connection, gone)
    if any(row["status"] == "frozen" for row in books):
        raise Refused(
            "A wallet of yours is frozen until the staff has looked at it; then the accounts can be linked."
        )
    if any(row["kind"] == "held" and row["balance"] for row in books):
        raise Refused(
            "CHRONOS of that account are set aside for something under way. Link the accounts once it is done."
        )
    if any(row["kind"] == "owed" and row["balance"] for row in books):
        raise Refused("That account owes CHRONOS. Learn with it until they are paid back, then link the accounts.")
    return sum(row["balance"] for row in books if row["kind"] == "member")


async def join_students(connection: Connection, kept: StudentId, gone: StudentId, at: object) -> None:
    """Move everything from one student to another, and end the one; ``connection`` is the system's.

    Raises:
        Refused: see :func:`require_joinable`.
    """
    for student_id in sorted((kept, gone)):
        await connection.execute(LOCK, "wallet", student_id)
        await connection.execute(LOCK, "enrolments", student_id)
    if await connection.fetchval(THERE, [kept, gone]) != 2:
        raise Refused("One of these accounts was linked or erased just now. /link shows what is linked.")
    found, lately = await columns(connection), {}
    for creator_id in await _creators(connection, gone, found):
        async with scoped(connection, creator_id, gone, None):
            await connection.execute(LOCK, "awards", creator_id)
            await connection.execute(END_SESSIONS, creator_id, gone)
        async with scoped(connection, creator_id, kept, gone):
            lately[creator_id] = await merge_rows(connection, kept, gone, creator_id)
            await _move_rows(connection, [c for c in found if c.role == "app"], kept, gone, creator_id)
    await require_joinable(connection, gone)
    await _move_chronos(connection, kept, gone, lately)
    await connection.execute(MERGE_ENROLMENTS, kept, gone)
    for column in found:
        if column.role == "system":
            await _move_rows(connection, [column], kept, gone)
    await connection.execute(MOVE_IDENTITIES, kept, gone, at)
    await connection.execute(SAME_PERSON, kept, gone)
    await connection.execute(END_STUDENT, gone)


async def _move_rows(
    connection: Connection, found: Sequence[Column], kept: StudentId, gone: StudentId,
    creator_id: CreatorId | None = None,
) -> None:  # fmt: skip
    """Point rows of several tables to the other student, in one statement: they refer to each other by the student.

    A row whose like the other has already (a vote on the same answer) stays, and ends with its student.
    """
    moves = []
    for column in found:
        alike = [
            _has_alike(column, row["predicate"], row["others"])
            for row in await connection.fetch(UNIQUE, column.table, column.name)
        ]
        where = f"{column.name} = $2" + (" AND creator_id = $3" if creator_id is not None else "")
        fits = "".join(f" AND NOT {condition}" for condition in alike)
        moves.append(f"UPDATE {column.table} AS t SET {column.name} = $1 WHERE {where}{fits}")
    named = ", ".join(f"moved_{number} AS ({move} RETURNING 1)" for number, move in enumerate(moves))
    if moves:
        await connection.execute(f"WITH {named} SELECT $1::bigint", kept, gone, *([creator_id] if creator_id else []))


def _has_alike(column: Column, predicate: str, others: Sequence[str]) -> str:
    """Whether a row of the other student has what must be unique: columns, or expressions of them, as text."""
    values = ", ".join(f"({each})::text" for each in others)
    there = f"SELECT ARRAY[{values}]::text[] FROM {column.table} WHERE ({predicate}) AND {column.name} = $1"
    return f"(coalesce(({predicate}), false) AND ARRAY[{values}]::text[] IN ({there}))"


async def _move_chronos(
    connection: Connection, kept: StudentId, gone: StudentId, lately: Mapping[CreatorId, int]
) -> None:
    """Give the wallet on, in each creator's books: out to where CHRONOS come from, and in from there."""
    for row in await _books(connection, gone):
        if row["kind"] != "member" or not row["balance"]:
            continue
        creator_id, key = CreatorId(row["creator_id"]), f"link:{gone}:{kept}:{row['creator_id']}"
        earned = {"earned": lately.get(creator_id, 0)}
        async with scoped(connection, creator_id, kept, gone):
            await connection.execute(MOVE_OUT, creator_id, f"{key}:out", gone, row["id"], row["balance"])
            await connection.execute(MOVE_IN, creator_id, f"{key}:in", kept, row["balance"], earned)


async def _books(connection: Connection, student_id: StudentId) -> Sequence[asyncpg.Record]:
    async with scoped(connection, None, student_id, None):
        return await connection.fetch(BOOKS, student_id)


async def _creators(connection: Connection, gone: StudentId, found: Sequence[Column]) -> list[CreatorId]:
    """With whom a student has anything, in order."""
    rows = [*await connection.fetch(ENROLLED_WITH, gone), *await connection.fetch(OWNED, gone)]
    async with scoped(connection, None, gone, None):
        rows += await connection.fetch(BOOKS, gone)
        for column in found:
            if column.role == "app" and column.personal:
                rows += await connection.fetch(
                    f"SELECT DISTINCT creator_id FROM {column.table} WHERE student_id = $1", gone
                )
    return sorted({CreatorId(row["creator_id"]) for row in rows})


@asynccontextmanager
async def scoped(
    connection: Connection, creator_id: CreatorId | None, student_id: StudentId, joining: StudentId | None
) -> AsyncIterator[None]:
    """A creator's or a student's scope inside the system's transaction."""
    await connection.execute(SCOPE, "chronos_app", str(creator_id or ""), str(student_id), str(joining or ""))
    yield
    await connection.execute(SCOPE, "chronos_system", "", "", "")
