"""What the staff wrote down, on PostgreSQL under one creator's row-level security.

Locks are taken in the order of :mod:`adapters.postgres.reindexing`: the source first, the corpus last.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import LEARN, put_calibration, put_job
from adapters.postgres.names import names_of
from adapters.postgres.packed import scoped
from adapters.postgres.shelf import EMBEDDER, TOUCH_CORPUS, publish
from core.asking.given import Given, GivenText
from core.errors import UploadRefused
from core.ids import CreatorId, SourceId
from core.library.knowledge import (
    MOST_NOTES,
    MOST_PAIRS,
    Author,
    Change,
    Entry,
    EntryKind,
    Shown,
    Wording,
    fold,
    title_of,
)
from core.library.learning import Unlearnt
from core.library.store import IndexedSource
from core.tiers import Scope

_COLUMNS: Final = """
    k.source_id, k.kind, k.question, k.answer, k.wordings, k.tags, x.tier, k.version, k.learnt, k.former IS NOT NULL
    AS may_undo, k.author_id, k.created_at, k.changed_at
"""
_KEPT: Final = """
    knowledge_entries k JOIN sources x ON x.creator_id = k.creator_id AND x.id = k.source_id AND x.removed_at IS NULL
"""
_OPEN: Final = """
    (x.tier = '' OR $2::text[] IS NULL OR x.tier = ANY($2)) AND ($3::bigint[] IS NULL OR x.id = ANY($3))
"""
# What is open to who asks; not yet searched is no matter here.
GIVEN: Final = f"""
    SELECT k.source_id, k.kind, k.question, k.answer, k.changed_at, x.title, x.tier FROM {_KEPT}
     WHERE k.creator_id = $1 AND {_OPEN} AND (k.kind = 'note' OR $4 = ANY(k.folded))
     ORDER BY k.source_id
"""
WITHDRAWN: Final = """
    SELECT max(a.withdrawn_at) FROM asked a
     WHERE a.creator_id = $1 AND a.folded = $2 AND a.withdrawn_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM sources s WHERE s.creator_id = $1 AND s.removed_at IS NULL
                          AND s.kind NOT IN ('qa', 'note') AND s.announced_at > a.withdrawn_at)
"""
PAIR: Final = f"""
    SELECT k.source_id, k.kind, k.question, k.answer, k.changed_at, x.title, x.tier FROM {_KEPT}
     WHERE k.creator_id = $1 AND {_OPEN} AND k.source_id = $4 AND k.kind = 'qa'
"""
QUESTIONS: Final = f"""
    SELECT k.source_id, k.question FROM {_KEPT}
     WHERE k.creator_id = $1 AND {_OPEN} AND k.source_id = ANY($4) AND k.kind = 'qa'
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('knowledge', $1))"
COUNT: Final = f"SELECT count(*) FROM {_KEPT} WHERE k.creator_id = $1 AND k.kind = $2"
SAYS_THE_SAME: Final = f"""
    SELECT k.source_id, k.question FROM {_KEPT}
     WHERE k.creator_id = $1 AND k.kind = $2 AND k.folded && $3::text[] AND k.source_id <> $4
     ORDER BY k.source_id LIMIT 1
"""
WORDED: Final = f"SELECT k.source_id, k.kind, k.folded FROM {_KEPT} WHERE k.creator_id = $1 AND k.kind = ANY($2)"
ADD_SOURCE: Final = """
    INSERT INTO sources (creator_id, content_hash, kind, timing, title, language, locator_kind, tier)
    VALUES ($1, $2, $3, 'none', $4, '', 'heading', $5) RETURNING id
"""
ADD: Final = """
    INSERT INTO knowledge_entries (creator_id, source_id, kind, question, answer, wordings, folded, tags, author_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
HOLD_SOURCE: Final = "SELECT id FROM sources WHERE creator_id = $1 AND id = $2 FOR NO KEY UPDATE"
CHANGE_SOURCE: Final = "UPDATE sources SET content_hash = $3, title = $4, tier = $5 WHERE creator_id = $1 AND id = $2"
CHANGE: Final = """
    UPDATE knowledge_entries
       SET question = $3, answer = $4, wordings = $5, folded = $6, tags = $7, author_id = $8, former = $9,
           version = version + 1, changed_at = now()
     WHERE creator_id = $1 AND source_id = $2
"""
FORMER: Final = f"SELECT k.former FROM {_KEPT} WHERE k.creator_id = $1 AND k.source_id = $2"
ENTRY: Final = f"SELECT {_COLUMNS} FROM {_KEPT} WHERE k.creator_id = $1 AND k.source_id = $2"
ENTRIES: Final = f"""
    SELECT {_COLUMNS} FROM {_KEPT} WHERE k.creator_id = $1 AND k.source_id = ANY($2)
     ORDER BY array_position($2, k.source_id)
"""
REMOVE: Final = """
    UPDATE sources SET removed_at = now() WHERE creator_id = $1 AND id = $2 AND kind = $3 AND removed_at IS NULL
    RETURNING id
"""
REMOVED: Final = """
    SELECT k.kind, k.folded FROM knowledge_entries k JOIN sources x ON x.creator_id = $1 AND x.id = k.source_id
     WHERE k.creator_id = $1 AND k.source_id = $2 AND x.removed_at IS NOT NULL
"""
RESTORE: Final = "UPDATE sources SET removed_at = NULL WHERE creator_id = $1 AND id = $2"
FIND: Final = f"""
    SELECT {_COLUMNS}, count(*) OVER () AS total FROM {_KEPT}
     WHERE k.creator_id = $1 AND k.kind = $2 AND ($4 = '' OR $4 = ANY(k.tags))
       AND ($3 = '' OR k.source_id::text = ltrim($3, '#')
            OR strpos(lower(concat_ws(' ', k.question, k.answer, array_to_string(k.wordings, ' '))), $3) > 0)
     ORDER BY k.source_id::text = ltrim($3, '#') DESC, lower(k.question) = $3 DESC, k.source_id DESC
    OFFSET $5 LIMIT $6
"""
UNLEARNT: Final = f"""
    SELECT {_COLUMNS} FROM {_KEPT} WHERE k.creator_id = $1 AND k.learnt < k.version ORDER BY k.source_id LIMIT 1
"""
LEARNT: Final = """
    UPDATE knowledge_entries SET learnt = version
     WHERE creator_id = $1 AND source_id = $2 AND version = $3 AND learnt < version
    RETURNING source_id
"""


class PostgresKnowledge:
    """See :class:`core.library.knowledge.Knowledge` and :class:`core.library.learning.LearningBench`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, author: Author, new: Sequence[Wording], *, over: bool = False) -> list[Entry]:
        """Write entries, and have them learnt; with ``over``, one that is there already is changed instead."""
        async with self._database.creator(author.creator_id) as connection:
            return await write_entries(connection, author, new, over=over)

    async def change(self, author: Author, entry_id: SourceId, kind: EntryKind, change: Change) -> Entry | None:
        """Change an entry and keep what it said before; None where there is none of this kind."""
        async with self._database.creator(author.creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, author.creator_id)
            row = await connection.fetchrow(ENTRY, author.creator_id, entry_id)
            if row is None or row["kind"] != kind:
                return None
            before = _said(row)
            await _rewrite(connection, author, entry_id, before, change.applied(before))
            await _moved(connection, author.creator_id)
            return await _entry(connection, author.creator_id, entry_id)

    async def undo(self, author: Author, entry_id: SourceId) -> Entry | None:
        """Let an entry say again what it said before its last change; None where that is not known."""
        async with self._database.creator(author.creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, author.creator_id)
            former = await connection.fetchval(FORMER, author.creator_id, entry_id)
            row = await connection.fetchrow(ENTRY, author.creator_id, entry_id)
            if former is None or row is None:
                return None
            await _rewrite(connection, author, entry_id, _said(row), _from_json(former))
            await _moved(connection, author.creator_id)
            return await _entry(connection, author.creator_id, entry_id)

    async def remove(self, creator_id: CreatorId, entry_id: SourceId, kind: EntryKind) -> Entry | None:
        """Take an entry out of every answer at once; None where there is none of this kind."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(ENTRY, creator_id, entry_id)
            if row is None or await connection.fetchval(REMOVE, creator_id, entry_id, kind.value) is None:
                return None
            await _moved(connection, creator_id)
            await put_calibration(connection, creator_id)
            return (await _entries(connection, [row]))[0]

    async def restore(self, creator_id: CreatorId, entry_id: SourceId) -> Entry | None:
        """Undo a removal; None where it is too late, or another entry says the same."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, creator_id)
            row = await connection.fetchrow(REMOVED, creator_id, entry_id)
            if row is None or await connection.fetchrow(
                SAYS_THE_SAME, creator_id, row["kind"], row["folded"], entry_id
            ):
                return None
            await connection.execute(RESTORE, creator_id, entry_id)
            await _moved(connection, creator_id)
            return await _entry(connection, creator_id, entry_id)

    async def questions(self, scope: Scope, entries: Sequence[SourceId]) -> dict[SourceId, str]:
        """The questions of those of these sources that are pairs in scope."""
        async with self._database.creator(scope.creator_id) as connection:
            rows = await connection.fetch(QUESTIONS, *scoped(scope), list(entries))
        return {SourceId(row["source_id"]): row["question"] for row in rows}

    async def find(
        self, creator_id: CreatorId, kind: EntryKind, *, search: str = "", tag: str = "", offset: int = 0, limit: int
    ) -> Shown:
        """Entries newest first, with these words in their texts or their number, and with this tag."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(FIND, creator_id, kind.value, search.lower(), tag, offset, limit)
            return Shown(tuple(await _entries(connection, rows)), rows[0]["total"] if rows else 0)

    async def unlearnt(self, creator_id: CreatorId) -> Unlearnt | None:
        """The oldest entry that waits to be learnt."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(UNLEARNT, creator_id)
        return None if row is None else Unlearnt(SourceId(row["source_id"]), row["version"], _said(row))

    async def embedder_of(self, creator_id: CreatorId) -> str:
        """The id of the embedder that this library is searched with; empty where nothing is searched yet."""
        async with self._database.creator(creator_id) as connection:
            return await connection.fetchval(EMBEDDER, creator_id) or ""

    async def learn(self, creator_id: CreatorId, entry: Unlearnt, indexed: IndexedSource) -> None:
        """Make a version searchable, unless there is a newer one by now."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(HOLD_SOURCE, creator_id, entry.id)
            if await connection.fetchval(LEARNT, creator_id, entry.id, entry.version) is None:
                return
            await publish(connection, creator_id, entry.id, indexed)
            await put_calibration(connection, creator_id)

    async def another_turn(self, creator_id: CreatorId) -> None:
        """Have what is left learnt behind what others wait for."""
        async with self._database.creator(creator_id) as connection:
            await put_job(connection, LEARN, creator_id)


async def read_given(connection: Connection, scope: Scope, folded: str) -> Given:
    """Inside a creator's transaction, what was written for a question in just these words, and the notes."""
    rows = [_given(row) for row in await connection.fetch(GIVEN, *scoped(scope), folded)]
    withdrawn_at = await connection.fetchval(WITHDRAWN, scope.creator_id, folded)
    pair = next((text for text in rows if not text.topics), None)
    return Given(pair, tuple(text for text in rows if text.topics), withdrawn_at)


async def read_pair(connection: Connection, scope: Scope, source_id: SourceId) -> GivenText | None:
    """Inside a creator's transaction, a question with its answer; None where it is gone, or out of scope."""
    row = await connection.fetchrow(PAIR, *scoped(scope), source_id)
    return None if row is None else _given(row)


async def write_entries(
    connection: Connection, author: Author, new: Sequence[Wording], *, over: bool
) -> list[Entry]:  # fmt: skip
    """Inside a creator's transaction, write entries; with ``over``, one that is there already is changed instead.

    Raises:
        UploadRefused: one is there already, or these are too many.
    """
    creator_id = author.creator_id
    await connection.execute(ONE_AT_A_TIME, creator_id)
    kinds = list(dict.fromkeys(said.kind.value for said in new))
    owners = {
        (EntryKind(row["kind"]), folded): SourceId(row["source_id"])
        for row in await connection.fetch(WORDED, creator_id, kinds)
        for folded in row["folded"]
    }
    written: list[SourceId] = []
    for said in new:
        mine = owners.get((said.kind, said.folded[0])) if over else None
        taken = next((o for f in said.folded if (o := owners.get((said.kind, f), mine)) != mine), None)
        if taken is not None:
            _refuse_second(said, taken)
        entry_id = await _write(connection, author, said) if mine is None else mine
        if mine is not None:
            await _change_to(connection, author, mine, said)
        owners |= {(said.kind, folded): entry_id for folded in said.folded}
        written.append(entry_id)
    await _require_room(connection, creator_id, {said.kind for said in new})
    await _moved(connection, creator_id)
    rows = await connection.fetch(ENTRIES, creator_id, written)
    return await _entries(connection, rows)


async def _change_to(connection: Connection, author: Author, entry_id: SourceId, said: Wording) -> None:
    """Let an entry say something else, unless it does already."""
    row = await connection.fetchrow(ENTRY, author.creator_id, entry_id)
    if row is not None and _said(row) != said:
        await _rewrite(connection, author, entry_id, _said(row), said)


async def _require_room(connection: Connection, creator_id: CreatorId, kinds: set[EntryKind]) -> None:
    for kind in kinds:
        most = MOST_PAIRS if kind is EntryKind.PAIR else MOST_NOTES
        if await connection.fetchval(COUNT, creator_id, kind.value) > most:
            raise UploadRefused(f"There would be more than {most:,} of them. Remove some first.")


async def _refuse_same(connection: Connection, creator_id: CreatorId, said: Wording, but: int) -> None:
    same = await connection.fetchrow(SAYS_THE_SAME, creator_id, said.kind.value, list(said.folded), but)
    if same is not None:
        _refuse_second(said, SourceId(same["source_id"]))


def _refuse_second(said: Wording, other: SourceId) -> None:
    edit = "/qa_edit pair" if said.kind is EntryKind.PAIR else "/note_edit note"
    raise UploadRefused(f"That is there already: {said.question} is what #{other} says. To change it: {edit}:{other}")


async def _write(connection: Connection, author: Author, said: Wording) -> SourceId:
    title = title_of(said.kind, author.creator_name, datetime.now(UTC))
    entry_id = await connection.fetchval(
        ADD_SOURCE, author.creator_id, _digest(said), said.kind.value, title, said.tier
    )
    await connection.execute(
        ADD, author.creator_id, entry_id, said.kind.value, said.question, said.answer, said.wordings,
        said.folded, said.tags, author.student_id,
    )  # fmt: skip
    return SourceId(entry_id)


async def _rewrite(
    connection: Connection, author: Author, entry_id: SourceId, before: Wording, said: Wording
) -> None:  # fmt: skip
    await _refuse_same(connection, author.creator_id, said, entry_id)
    title = title_of(said.kind, author.creator_name, datetime.now(UTC))
    await connection.execute(CHANGE_SOURCE, author.creator_id, entry_id, _digest(said), title, said.tier)
    await connection.execute(
        CHANGE, author.creator_id, entry_id, said.question, said.answer, said.wordings, said.folded, said.tags,
        author.student_id, _to_json(before),
    )  # fmt: skip


async def _moved(connection: Connection, creator_id: CreatorId) -> None:
    """No answer that is kept shows the old any more, and what is new is learnt."""
    await connection.execute(TOUCH_CORPUS, creator_id)
    await put_job(connection, LEARN, creator_id)


def _digest(said: Wording) -> bytes:
    """By which the same entry is known again among all sources."""
    return hashlib.sha256(f"{said.kind.value}:{fold(said.question)}".encode()).digest()


async def _entry(connection: Connection, creator_id: CreatorId, entry_id: SourceId) -> Entry:
    rows = await connection.fetch(ENTRY, creator_id, entry_id)
    return (await _entries(connection, rows))[0]


async def _entries(connection: Connection, rows: Sequence[asyncpg.Record]) -> list[Entry]:
    names = await names_of(connection, [row["author_id"] for row in rows])
    return [
        Entry(
            SourceId(row["source_id"]), _said(row), row["version"], names.get(row["author_id"], ""),
            row["created_at"], row["changed_at"], row["learnt"] == row["version"], row["may_undo"],
        )
        for row in rows
    ]  # fmt: skip


def _said(row: asyncpg.Record) -> Wording:
    return Wording(
        EntryKind(row["kind"]), row["question"], row["answer"], tuple(row["tags"]), row["tier"],
        tuple(row["wordings"]),
    )  # fmt: skip


def _given(row: asyncpg.Record) -> GivenText:
    note = row["kind"] == EntryKind.NOTE
    topics = tuple(part.strip() for part in row["question"].split(",")) if note else ()
    return GivenText(
        SourceId(row["source_id"]), row["title"], row["question"], row["answer"], row["tier"], topics,
        row["changed_at"],
    )  # fmt: skip


def _to_json(said: Wording) -> dict[str, Any]:
    return {
        "kind": said.kind.value, "question": said.question, "answer": said.answer, "tags": list(said.tags),
        "tier": said.tier, "wordings": list(said.wordings),
    }  # fmt: skip


def _from_json(kept: dict[str, Any]) -> Wording:
    return Wording(
        EntryKind(kept["kind"]), kept["question"], kept["answer"], tuple(kept["tags"]), kept["tier"],
        tuple(kept["wordings"]),
    )  # fmt: skip
