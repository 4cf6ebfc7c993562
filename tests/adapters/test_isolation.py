"""No creator and no student ever reaches another's rows, whatever the statement: held against the catalog."""

# ruff: noqa: S608 - the names of tables come from the catalog
import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest

from adapters.postgres.database import Connection, Database, prepare_connection, system_role
from adapters.postgres.reindexing import PostgresReindexings
from core.conversation import Place
from core.ids import StudentId
from tests.adapters.school import School, converse, enrol_student, found_school, rows

LEDGER: Final = {
    "season_standings",
    "unranked",
    "accounts",
    "transfers",
    "entries",
    "token_wallets",
    "token_transactions",
    "learning_acts",
    "transfer_notes",
    "streaks",
    "learning_days",
    "flags",
    "redemptions",
    "platform_credits",
    "quiz_attempts",
    "submissions",
    "wanted_roles",
    "purchases",
    "escalation_askers",
    "model_calls",
}
"""What a person reads over all creators, and a creator's application over all students: to add up, check, decide."""
COUNTED_OVER_STUDENTS: Final = {"usage", "earn_counts", "earnings"} | LEDGER
"""Tables with a student whose rows the creator's application may read: no words but those meant for the staff."""

RELATIONS: Final = """
    SELECT c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS bound, c.relforcerowsecurity AS forced,
           has_any_column_privilege('chronos_app', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
             OR has_table_privilege('chronos_app', c.oid, 'DELETE, TRUNCATE') AS app,
           has_any_column_privilege('chronos_system', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
             OR has_table_privilege('chronos_system', c.oid, 'DELETE, TRUNCATE') AS system,
           coalesce('security_invoker=true' = ANY (c.reloptions), false) AS invoker,
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) AS columns
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
     ORDER BY c.relname
"""
FOREIGN_KEYS: Final = """
    SELECT k.conrelid::regclass::text AS referring, k.confrelid::regclass::text AS referred,
           ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, at)
                   JOIN pg_attribute ON attrelid = k.conrelid AND attnum = n ORDER BY at) AS columns,
           ARRAY(SELECT attname::text FROM unnest(k.confkey) WITH ORDINALITY u (n, at)
                   JOIN pg_attribute ON attrelid = k.confrelid AND attnum = n ORDER BY at) AS targets
      FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
"""
PLACE: Final = Place("discord", channel="10", community="100")
LISTED: Final = "INSERT INTO listed (creator_id, listing_id, content_hash) VALUES ($1, $2, '\\x01')"
CLAIMED: Final = "INSERT INTO media_claims (creator_id, media_key) VALUES ($1, 'creators/1/x')"
REVISED: Final = "INSERT INTO revisions (creator_id, revises, source_id, kind) VALUES ($1, $2, $2, 'correction')"
NAMED: Final = "INSERT INTO glossary_names (creator_id, name) VALUES ($1, 'Kubernetes')"
ANNOUNCED: Final = """
    INSERT INTO announcements (creator_id, community_id, subject, place) VALUES ($1, $2, 'staff', '{}')
"""
WATCHED: Final = """
    INSERT INTO watched (creator_id, student_id, source_id, opened_at, beat_at) VALUES ($1, $2, $3, now(), now())
"""
CHECKED: Final = """
    INSERT INTO watch_checks (creator_id, student_id, source_id, made_at, questions) VALUES ($1, $2, $3, now(), '[]')
"""
ROLE: Final = """
    INSERT INTO wanted_roles (creator_id, community_id, student_id, role, source) VALUES ($1, $2, $3, '5', 'shop:1')
"""
SOLD: Final = """
    INSERT INTO shop_items (creator_id, kind, name, price) VALUES ($1, 'custom', 'Feedback', 5) RETURNING id
"""
BOUGHT: Final = """
    INSERT INTO purchases (creator_id, key, item_id, student_id, kind, name, price, role, tier, bought_at)
    VALUES ($1, 'purchase ' || $2::bigint, $3, $2, 'custom', 'Feedback', 5, '', '', now())
"""
AWARD: Final = """
    SELECT award($1, $2, 'question', 'question:' || $2::bigint, 5, 20, current_date, current_date, 1000, 10000, '{}')
"""
QUIZZED: Final = """
    WITH quiz AS (INSERT INTO quizzes (creator_id, title, source_id, origin) VALUES ($1, 'Water', $2, 'staff')
                  RETURNING id)
    INSERT INTO quiz_versions (creator_id, quiz_id, version, questions) SELECT $1, id, 1, '[]' FROM quiz
"""
TRIED: Final = """
    INSERT INTO quiz_attempts (creator_id, student_id, quiz_id, version, arrangement, started_at)
    SELECT $1, $2, quiz_id, version, '[]', now() FROM quiz_versions
"""
SET: Final = "INSERT INTO projects (creator_id, title) VALUES ($1, 'A wash')"
HANDED_IN: Final = """
    INSERT INTO submissions (creator_id, student_id, project_id, title, submitted_at)
    SELECT $1, $2, id, title, now() FROM projects
"""
NOTED: Final = "INSERT INTO transfer_notes VALUES ($1, 'question:' || $2::bigint, $2, 'well done')"
STREAK: Final = "INSERT INTO streaks (creator_id, student_id, settled_on) VALUES ($1, $2, current_date)"
FLAGGED: Final = "INSERT INTO flags (creator_id, student_id, reason) VALUES ($1, $2, 'fast')"
CHANGED: Final = "INSERT INTO reward_changes (creator_id, rule, amount) VALUES ($1, 'quiz', 10)"
LIMITED: Final = "INSERT INTO issuance_limits (creator_id, per_day) VALUES ($1, 100)"
LEARNT: Final = "INSERT INTO learning_days VALUES ($1, $2, current_date, 'learnt')"
REDEEMED: Final = """
    INSERT INTO redemptions
           (creator_id, key, student_id, rail, chronos, cents, currency, issuers, state, asked_at, due_at)
    VALUES ($1, $1::bigint || '-' || $2::bigint, $2, 'credit', 5, 5, 'USD', ARRAY[$1::bigint], 'settled', now(),
            now())
"""
CREDITED: Final = "INSERT INTO platform_credits VALUES ($1, 'credit ' || $2::bigint, $2, 5, 'USD', now())"
EARNED: Final = "INSERT INTO earnings VALUES ($1, 'day', current_date, $2, 5)"
UNRANKED: Final = "INSERT INTO unranked VALUES ($1, $2)"
SEASON: Final = """
    INSERT INTO seasons (creator_id, name, first_day, last_day) VALUES ($1, 'Winter', current_date, current_date)
"""
PLACED: Final = "INSERT INTO season_standings SELECT $1, id, $2, 5 FROM seasons WHERE creator_id = $1"
MOVED: Final = "INSERT INTO movements VALUES ($1, current_date, 'issued', 'message', 1, 5)"
DIGEST: Final = "INSERT INTO digests (creator_id) VALUES ($1)"
AUDITED: Final = "INSERT INTO audit (creator_id, action) VALUES ($1, 'grant')"
WROTE: Final = """
    INSERT INTO knowledge_entries (creator_id, source_id, kind, question, answer, folded)
    VALUES ($1, $2, 'qa', 'How?', 'So.', '{how}')
"""
SPOKE: Final = "INSERT INTO assistants (creator_id, name) VALUES ($1, 'Ada') RETURNING id"
PROMPTED: Final = "INSERT INTO prompt_versions (creator_id, assistant_id, version, text) VALUES ($1, $2, 1, 'Brief')"
BOUND: Final = "INSERT INTO assistant_bindings (creator_id, place, assistant_id) VALUES ($1, '', $2)"
ESCALATED: Final = "INSERT INTO escalations (creator_id, entry_id) VALUES ($1, $2) RETURNING id"
PUT: Final = """
    INSERT INTO escalation_askers (creator_id, escalation_id, student_id, question, embedder, embedding)
    VALUES ($1, $2, $3, 'Why?', 'made-up:2', '[1,0]')
"""
SUMMED: Final = """
    INSERT INTO session_summaries (creator_id, session_id, student_id, text, lexical, upto)
    SELECT $1, id, $2, 'Asked about water.', true, 1 FROM chat_sessions WHERE creator_id = $1 AND student_id = $2
"""
REMEMBERED: Final = (
    "INSERT INTO remembered (creator_id, student_id, kind, text) VALUES ($1, $2, 'fact', 'left-handed')"
)
CHOSE: Final = "INSERT INTO memory_choices VALUES ($1, $2, true)"
DEFAULT: Final = "INSERT INTO memory_defaults VALUES ($1, true)"
POINTED: Final = """
    INSERT INTO study_points (creator_id, source_id, kind, first_segment, last_segment, quote, text, fingerprint)
    VALUES ($1, $2, 'summary', 0, 0, 'Water runs.', 'Water runs.', '\\x01')
"""
FILLED: Final = "INSERT INTO study_forms VALUES ($1, $2, '\\x01', '{}', 'made-up')"
SORTED: Final = "INSERT INTO study_areas VALUES ($1, 0, 'Water')"
CALLED: Final = """
    WITH used AS (INSERT INTO usage (creator_id, student_id) VALUES ($1, $2) RETURNING id)
    INSERT INTO model_calls (creator_id, usage_id, student_id, purpose, model, prompt_tokens, completion_tokens,
                             cached_tokens, cost_usd, first_word_ms, took_ms)
    SELECT $1, id, $2, 'answer', 'openai:one', 9, 9, 0, 0, 0, 0 FROM used
"""
TOLD: Final = (
    "INSERT INTO budget_news (creator_id, period, starts_on, step) VALUES ($1, 'day', current_date, 'small')"
)
PREFERRED: Final = "INSERT INTO model_choices (creator_id) VALUES ($1)"
ANSWER_KEPT: Final = """
    INSERT INTO answer_cache (creator_id, setting, question_key, question, corpus_version, answer, cites, kept_at,
                              used_at, embedding)
    VALUES ($1, sha256('a'), sha256('b'), 'How?', 1, '{}', '{1}', now(), now(), '[1,0]')
"""
LOOKED: Final = "INSERT INTO answer_cache_counts VALUES ($1, current_date, 'miss')"
COPY: Final = """
    INSERT INTO {table} OVERRIDING SYSTEM VALUE
    SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(r) || $1)).* FROM {table} r LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class World:
    """Two creators with the same two students, and what the catalog says of the tables."""

    url: str
    database: Database
    own: School
    other: School
    student: StudentId
    classmate: StudentId
    relations: list[Any]

    @property
    def owned(self) -> list[str]:
        """The tables that the application may touch inside a creator's scope."""
        return [relation["name"] for relation in self.relations if relation["app"]]

    @property
    def tables(self) -> list[str]:
        """Those of them that hold rows themselves."""
        return [relation["name"] for relation in self.relations if relation["app"] and relation["kind"] in {"r", "p"}]

    @property
    def personal(self) -> list[str]:
        """Those of them whose rows are one student's alone."""
        return [
            relation["name"]
            for relation in self.relations
            if relation["app"]
            and "student_id" in relation["columns"]
            and relation["name"] not in COUNTED_OVER_STUDENTS
        ]

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[Connection]:
        """The scope of the own creator and the student."""
        async with self.database.creator(self.own.creator_id, self.student) as connection:
            yield connection

    async def refused(self, statement: str, *values: object, where: type[asyncpg.PostgresError]) -> None:
        """Hold that a statement in the own scope fails for the expected reason."""
        with pytest.raises(where):
            async with self.scope() as connection:
                await connection.execute(statement, *values)

    async def everything(self, *schools: School) -> dict[str, list[str]]:
        """All rows of these creators in all their tables, as text; of both by default."""
        creators = [school.creator_id for school in schools or (self.own, self.other)]
        statement = "SELECT r::text AS t FROM {table} r WHERE creator_id = ANY ($1) ORDER BY 1"
        return {
            table: [row["t"] for row in await rows(self.url, statement.format(table=table), creators)]
            for table in self.owned
        }


OWNED: Final = (
    NOTED,
    REDEEMED,
    CREDITED,
    STREAK,
    LEARNT,
    FLAGGED,
    EARNED,
    UNRANKED,
    PLACED,
    TRIED,
    HANDED_IN,
    SUMMED,
    REMEMBERED,
    CHOSE,
    CALLED,
)
"""A row of each, with a creator and a student."""


@pytest.fixture
async def world(database: Database, database_url: str) -> World:
    own, other = await found_school(database, "drawing"), await found_school(database, "cooking")
    student, classmate = await enrol_student(database, "1"), await enrol_student(database, "2")
    for school in (own, other):
        async with database.creator(school.creator_id) as connection:
            for statement in (SEASON, MOVED, DIGEST, AUDITED, SET, DEFAULT):
                await connection.execute(statement, school.creator_id)
            await connection.execute(QUIZZED, school.creator_id, school.source_id)
            item_id = await connection.fetchval(SOLD, school.creator_id)
        for person in (student, classmate):
            await converse(database, school, person, f"What does {person} ask {school.creator_id}?")
            async with database.creator(school.creator_id, person) as connection:
                await connection.execute(AWARD, school.creator_id, person)
                for owned in OWNED:
                    await connection.execute(owned, school.creator_id, person)
                for seen in (WATCHED, CHECKED):
                    await connection.execute(seen, school.creator_id, person, school.source_id)
                await connection.execute(ROLE, school.creator_id, school.community_id, person)
                await connection.execute(BOUGHT, school.creator_id, person, item_id)
        async with database.creator(school.creator_id) as connection:
            await connection.execute(LISTED, school.creator_id, school.source_id)
            for statement in (POINTED, FILLED):
                await connection.execute(statement, school.creator_id, school.source_id)
            for statement in (CLAIMED, CHANGED, LIMITED, SORTED, TOLD, PREFERRED, ANSWER_KEPT, LOOKED):
                await connection.execute(statement, school.creator_id)
            await connection.execute(WROTE, school.creator_id, school.source_id)
            assistant_id = await connection.fetchval(SPOKE, school.creator_id)
            for statement in (PROMPTED, BOUND):
                await connection.execute(statement, school.creator_id, assistant_id)
            escalation_id = await connection.fetchval(ESCALATED, school.creator_id, school.source_id)
            for person in (student, classmate):
                await connection.execute(PUT, school.creator_id, escalation_id, person)
            await connection.execute(REVISED, school.creator_id, school.source_id)
            await connection.execute(NAMED, school.creator_id)
            await connection.execute(ANNOUNCED, school.creator_id, school.community_id)
        assert await PostgresReindexings(database).begin(school.creator_id, "another:8", "another", PLACE)
    return World(database_url, database, own, other, student, classmate, await rows(database_url, RELATIONS))


def test_every_relation_is_the_applications_under_forced_policies_or_the_systems_alone(world: World) -> None:
    for relation in world.relations:
        assert not (relation["app"] and relation["system"]), relation["name"]
        if relation["app"] and relation["kind"] in {"r", "p"}:
            assert relation["bound"], relation["name"]
            assert relation["forced"], relation["name"]
            assert "creator_id" in relation["columns"], relation["name"]
        elif relation["app"]:
            assert relation["kind"] == "v", relation["name"]
            assert relation["invoker"], relation["name"]
    assert {"sources", "segments", "workflows", "transcripts", "chat_messages", "votes", "usage"} <= set(world.owned)
    assert {"chat_sessions", "chat_messages", "votes"} <= set(world.personal)
    assert {"session_summaries", "remembered", "memory_choices"} <= set(world.personal)


async def test_a_query_without_conditions_sees_the_own_creator_alone_in_every_table(world: World) -> None:
    async with world.scope() as connection:
        for table in world.owned:
            seen = {row["creator_id"] for row in await connection.fetch(f"SELECT creator_id FROM {table}")}
            assert seen == {world.own.creator_id}, f"{table}: a new table needs rows in this test's world, too"


async def test_without_a_creator_and_a_student_there_is_nothing_in_any_table(world: World) -> None:
    connection = await asyncpg.connect(world.url)
    try:
        for undo in ("", "SET app.creator_id = ''; SET app.student_id = ''"):
            await connection.execute(f"SET ROLE chronos_app; {undo}")
            for table in world.owned:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    finally:
        await connection.close()


async def test_a_row_can_neither_be_written_for_nor_moved_to_another_creator(world: World) -> None:
    before = await world.everything()
    stranger = {"creator_id": world.other.creator_id}
    for table in world.tables:
        denied = asyncpg.InsufficientPrivilegeError
        await world.refused(
            COPY.format(table=table), stranger, where=asyncpg.PostgresError if table in LEDGER else denied
        )
        await world.refused(f"UPDATE {table} SET creator_id = $1", world.other.creator_id, where=denied)
    assert await world.everything() == before


async def test_changing_and_deleting_another_creators_rows_touches_nothing(world: World) -> None:
    before = await world.everything()
    for table in world.tables:
        for statement in (f"UPDATE {table} SET creator_id = creator_id", f"DELETE FROM {table}"):
            assert await _touched(world, f"{statement} WHERE creator_id = $1", world.other.creator_id) == 0, table
    assert await world.everything() == before


async def test_deleting_everything_leaves_the_other_creators_rows(world: World) -> None:
    before = await world.everything(world.other)
    assert all(before.values())
    deleted = [await _touched(world, f"DELETE FROM {table}") for table in world.tables]
    assert any(deleted)
    assert await world.everything(world.other) == before


async def _touched(world: World, statement: str, *values: object) -> int:
    """Count the rows that a statement changes in the own scope; where it is not permitted at all, none."""
    try:
        async with world.scope() as connection:
            return int((await connection.execute(statement, *values)).split()[-1])
    except asyncpg.InsufficientPrivilegeError:
        return 0


async def test_no_foreign_key_reaches_another_creators_rows(world: World) -> None:
    tried = []
    for key in await rows(world.url, FOREIGN_KEYS):
        if key["referring"] not in world.owned or key["referred"] in {"creators", "students"}:
            continue
        target = await rows(
            world.url,
            f"SELECT to_jsonb(r) AS row FROM {key['referred']} r WHERE creator_id = $1",
            world.other.creator_id,
        )
        stolen = _stolen(key, target[0]["row"], world)
        # Rows of the ledger cannot be copied at all; test_ledger.py holds its keys with the owner's rights.
        why = asyncpg.PostgresError if key["referring"] in LEDGER else asyncpg.ForeignKeyViolationError
        await world.refused(COPY.format(table=key["referring"]), stolen, where=why)
        tried.append((key["referring"], key["referred"]))
    assert {
        ("items", "sources"),
        ("items", "workflows"),
        ("segment_embeddings", "segments"),
        ("passage_embeddings", "passages"),
        ("chat_messages", "chat_sessions"),
        ("votes", "chat_messages"),
        ("usage", "communities"),
    } <= set(tried)


def _stolen(key: asyncpg.Record, row: str, world: World) -> dict[str, Any]:
    """A row of the own creator that points to the other's; with an id of its own, so that nothing else is wrong."""
    target = json.loads(row)
    pairs = zip(key["columns"], key["targets"], strict=True)
    pointers = {column: target[field] for column, field in pairs if column not in {"creator_id", "student_id"}}
    columns = next(relation["columns"] for relation in world.relations if relation["name"] == key["referring"])
    own = {"id": 1_000_000, "question_key": f"\\x{'5' * 64}"}
    if key["referring"] == "assistant_bindings":
        own["place"] = "elsewhere"
    return {column: value for column, value in own.items() if column in columns} | pointers


async def test_a_classmates_rows_are_neither_seen_nor_written(world: World) -> None:
    before = await world.everything()
    for table in world.personal:
        async with world.scope() as connection:
            seen = {row["student_id"] for row in await connection.fetch(f"SELECT student_id FROM {table}")}
        assert seen == {world.student}, table
        denied = asyncpg.InsufficientPrivilegeError
        await world.refused(COPY.format(table=table), {"student_id": world.classmate}, where=denied)
        await world.refused(f"UPDATE {table} SET student_id = $1", world.classmate, where=denied)
        for statement in (f"UPDATE {table} SET creator_id = creator_id", f"DELETE FROM {table}"):
            assert await _touched(world, f"{statement} WHERE student_id = $1", world.classmate) == 0, table
    assert await world.everything() == before


async def test_a_creators_application_without_a_student_reads_no_conversation(world: World) -> None:
    async with world.database.creator(world.own.creator_id) as connection:
        for table in world.personal:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_person_reads_what_is_kept_of_them_over_all_creators_and_nothing_else(world: World) -> None:
    async with world.database.student(world.student) as connection:
        for table in world.owned:
            found = await connection.fetch(f"SELECT * FROM {table}")
            if table in world.personal or table in LEDGER:
                assert {row["student_id"] for row in found} == {world.student}, table
                assert {row["creator_id"] for row in found} == {world.own.creator_id, world.other.creator_id}, table
            else:
                assert found == [], table


async def test_a_person_without_a_creator_writes_nothing(world: World) -> None:
    before = await world.everything()
    for table in world.personal:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with world.database.student(world.student) as connection:
                await connection.execute(COPY.format(table=table), {"creator_id": world.own.creator_id})
        async with world.database.student(world.student) as connection:
            assert await connection.execute(f"UPDATE {table} SET creator_id = creator_id") == "UPDATE 0"
            assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"
    assert await world.everything() == before


async def test_the_system_reads_no_table_of_creators_and_the_application_no_global_one(world: World) -> None:
    for relation in world.relations:
        scope = world.database.system() if relation["app"] else world.scope()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with scope as connection:
                await connection.fetch(f"SELECT 1 FROM {relation['name']}")
    hidden = {relation["name"] for relation in world.relations if not relation["app"]}
    assert {
        "students",
        "identities",
        "pgqueuer",
        "outbox",
        "deployment",
        "join_codes",
        "former_enrolments",
        "former_earners",
        "enrolment_changes",
        "inbound_webhooks",
        "whop_memberships",
        "link_requests",
        "tier_roles",
        "admissions",
        "turns",
    } <= hidden


async def test_our_roles_have_no_right_that_policies_do_not_hold(world: World) -> None:
    ours = await rows(world.url, "SELECT * FROM pg_roles WHERE rolname LIKE 'chronos\\_%' AND NOT rolcanlogin")
    assert {role["rolname"] for role in ours} == {"chronos_app", "chronos_system", "chronos_backup"}
    for role in ours:
        powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication")
        assert not any(role[power] for power in powers), role["rolname"]
        owned = "SELECT 1 FROM pg_class WHERE relowner = $1 UNION ALL SELECT 1 FROM pg_auth_members WHERE member = $1"
        assert await rows(world.url, owned, role["oid"]) == []
    elevated = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    assert await rows(world.url, elevated) == []


async def test_nothing_of_a_scope_outlives_its_transaction_on_the_same_connection(world: World) -> None:
    async with _unreset(world.url, size=1) as database:
        for scope in (
            database.creator(world.own.creator_id, world.student),
            database.creator(world.own.creator_id, frozen=True),
            database.student(world.student),
            database.system(),
        ):
            async with scope as connection:
                assert await connection.fetchval("SELECT current_user") in {"chronos_app", "chronos_system"}
            assert await _left_behind(database) == ("none", "", "")


async def test_nothing_of_a_scope_outlives_a_transaction_that_failed(world: World) -> None:
    async with _unreset(world.url, size=1) as database:
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with database.creator(world.own.creator_id, world.student) as connection:
                await connection.execute("SELECT 1 / 0")
        assert await _left_behind(database) == ("none", "", "")
        with pytest.raises(RuntimeError):
            async with database.creator(world.own.creator_id) as connection, system_role(connection):
                raise RuntimeError
        assert await _left_behind(database) == ("none", "", "")


@asynccontextmanager
async def _unreset(url: str, *, size: int) -> AsyncIterator[Database]:
    """The database over connections that nobody resets between two uses, so that only transactions end a scope."""

    async def leave_as_it_is(connection: object) -> None: ...

    async with asyncpg.create_pool(
        url, min_size=size, max_size=size, init=prepare_connection, reset=leave_as_it_is
    ) as pool:
        yield Database(pool, None)


async def _left_behind(database: Database) -> tuple[str, str, str]:
    async with database._pool.acquire() as connection:
        row = await connection.fetchrow("""
            SELECT current_setting('role'), coalesce(current_setting('app.creator_id', true), ''),
                   coalesce(current_setting('app.student_id', true), '')
        """)
    assert row is not None
    return tuple(row)


async def test_two_hundred_interleaved_transactions_on_two_connections_never_mix(world: World) -> None:
    async with _unreset(world.url, size=2) as database:
        await asyncio.gather(*(_visit(world, database, random.Random(n)) for n in range(200)))  # noqa: S311 - no secret
        assert await _left_behind(database) == ("none", "", "")


async def _visit(world: World, database: Database, dice: random.Random) -> None:
    school, student = dice.choice((world.own, world.other)), dice.choice((world.student, world.classmate))
    try:
        async with database.creator(school.creator_id, student, frozen=dice.random() < 0.3) as connection:
            await asyncio.sleep(0)
            found = await connection.fetch("SELECT creator_id, student_id FROM chat_messages")
            assert [tuple(row) for row in found] == [(school.creator_id, student)]
            if dice.random() < 0.3:
                async with system_role(connection):
                    await connection.fetch("SELECT 1 FROM outbox")
            await asyncio.sleep(0)
            assert await connection.fetchval("SELECT DISTINCT creator_id FROM segments") == school.creator_id
            if dice.random() < 0.2:
                await connection.execute("SELECT 1 / 0")
    except asyncpg.DivisionByZeroError:
        pass
