"""Assistants on PostgreSQL, under one creator's row-level security; every change is noted for ``/audit``."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from adapters.postgres.audit import audited
from adapters.postgres.database import Connection, Database
from adapters.postgres.names import names_of
from adapters.postgres.outbox import place_to_json
from core.asking.assistants import (
    ELSEWHERE,
    MOST_ASSISTANTS,
    MOST_VERSIONS,
    OUR_OWN,
    Assistant,
    Editor,
    Profile,
    ProfileChange,
    PromptVersion,
    Rebound,
    Spot,
    Voice,
    choice_from_json,
    choice_to_json,
)
from core.asking.writing import Manner
from core.conversation import Place
from core.errors import Refused
from core.ids import AssistantId, CreatorId, MessageId, SourceId, StudentId

KEPT_REMOVED: Final = "7 days"

# Of an assistant ``a``: the sources that it may answer from now, null where it may answer from all.
_CHOSEN: Final = """
    CASE WHEN a.sources IS NOT NULL THEN ARRAY(
      SELECT s.id FROM sources s LEFT JOIN knowledge_entries k ON k.creator_id = s.creator_id AND k.source_id = s.id
       WHERE s.creator_id = $1 AND s.removed_at IS NULL
         AND (a.sources -> 'ids' @> to_jsonb(s.id)
              OR $2::jsonb -> s.kind <@ (a.sources -> 'kinds')
              OR a.sources -> 'topics' ?| ARRAY(SELECT lower(t) FROM unnest(s.topics) AS t)
              OR a.sources -> 'tags' ?| k.tags)
    ) END
"""
_KIND_NAMES: Final = {
    "video": "videos", "audio": "videos", "document": "documents", "web_page": "pages", "qa": "pairs", "note": "notes"
}  # fmt: skip
_VOICE: Final = f"""
    SELECT a.*, v.version, coalesce(v.text, '') AS prompt, {_CHOSEN} AS chosen
"""
SPEAKING: Final = f"""
    {_VOICE}
      FROM assistant_bindings b
      JOIN assistants a ON a.creator_id = $1 AND a.id = b.assistant_id AND a.removed_at IS NULL
      LEFT JOIN prompt_versions v ON v.creator_id = $1 AND v.assistant_id = a.id AND v.version = a.active
     WHERE b.creator_id = $1 AND b.place = ANY($3)
     ORDER BY array_position($3, b.place) LIMIT 1
"""
VOICE: Final = f"""
    {_VOICE}
      FROM assistants a
      LEFT JOIN prompt_versions v
             ON v.creator_id = $1 AND v.assistant_id = a.id AND v.version = coalesce($4, a.active)
     WHERE a.creator_id = $1 AND a.id = $3 AND a.removed_at IS NULL
"""
EVERY: Final = f"""
    SELECT a.*, cardinality({_CHOSEN}) AS answers_from,
           ARRAY(SELECT b.shown FROM assistant_bindings b
                  WHERE b.creator_id = $1 AND b.assistant_id = a.id AND b.place <> '' ORDER BY b.bound_at) AS places,
           EXISTS (SELECT FROM assistant_bindings b
                    WHERE b.creator_id = $1 AND b.assistant_id = a.id AND b.place = '') AS elsewhere
      FROM assistants a
     WHERE a.creator_id = $1 AND a.removed_at IS NULL AND ($3::bigint IS NULL OR a.id = $3)
     ORDER BY lower(a.name)
"""
VERSIONS: Final = """
    SELECT v.version, v.text, v.author_id, v.written_at, count(q.message_id) AS answers,
           coalesce(sum(q.helpful), 0) AS helpful, coalesce(sum(q.unhelpful), 0) AS unhelpful
      FROM prompt_versions v
      LEFT JOIN asked q ON q.creator_id = $1 AND q.assistant_id = v.assistant_id AND q.assistant_version = v.version
     WHERE v.creator_id = $1 AND v.assistant_id = $2
     GROUP BY v.creator_id, v.assistant_id, v.version ORDER BY v.version DESC
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('assistants', $1))"
COUNT: Final = "SELECT count(*) FROM assistants WHERE creator_id = $1 AND removed_at IS NULL"
TAKEN: Final = """
    SELECT EXISTS (SELECT FROM assistants
                    WHERE creator_id = $1 AND lower(name) = lower($2) AND id <> $3 AND removed_at IS NULL)
"""
ADD: Final = """
    INSERT INTO assistants (creator_id, name, tone, models, tutor, sources) VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING id
"""
HOLD: Final = """
    SELECT * FROM assistants WHERE creator_id = $1 AND id = $2 AND (removed_at IS NOT NULL) = $3 FOR NO KEY UPDATE
"""
CHANGE: Final = """
    UPDATE assistants
       SET name = $3, tone = $4, models = $5, tutor = $6, sources = $7, former = $8, revision = revision + 1
     WHERE creator_id = $1 AND id = $2
"""
NEXT_VERSION: Final = """
    UPDATE assistants SET newest = newest + 1 WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL
    RETURNING newest
"""
WRITE: Final = """
    INSERT INTO prompt_versions (creator_id, assistant_id, version, text, author_id) VALUES ($1, $2, $3, $4, $5)
"""
DROP_OLDEST: Final = """
    DELETE FROM prompt_versions v
     WHERE v.creator_id = $1 AND v.assistant_id = $2 AND v.version <= $3
       AND v.version <> (SELECT active FROM assistants WHERE creator_id = $1 AND id = $2)
"""
THERE: Final = """
    SELECT $3 = 0 OR EXISTS (SELECT FROM prompt_versions WHERE creator_id = $1 AND assistant_id = $2 AND version = $3)
"""
USE: Final = "UPDATE assistants SET active = $3, revision = revision + 1 WHERE creator_id = $1 AND id = $2"
BOUND: Final = """
    SELECT a.id FROM assistant_bindings b
      JOIN assistants a ON a.creator_id = $1 AND a.id = b.assistant_id AND a.removed_at IS NULL
     WHERE b.creator_id = $1 AND b.place = $2
"""
BIND: Final = """
    INSERT INTO assistant_bindings (creator_id, place, assistant_id, shown) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id, place) DO UPDATE
       SET assistant_id = $3, bound_at = now(),
           shown = CASE WHEN $4::jsonb ->> 'community' <> '' THEN $4 ELSE assistant_bindings.shown END
"""
UNBIND: Final = "DELETE FROM assistant_bindings WHERE creator_id = $1 AND place = $2"
REMOVED: Final = "UPDATE assistants SET removed_at = CASE WHEN $3 THEN now() END WHERE creator_id = $1 AND id = $2"
PURGE: Final = "DELETE FROM assistants WHERE creator_id = $1 AND removed_at < now() - $2::text::interval"
NOTE_MESSAGE: Final = """
    UPDATE chat_messages SET assistant_id = $4, assistant_version = $5
     WHERE creator_id = $1 AND student_id = $2 AND id = $3 RETURNING id
"""
NOTE_ASKED: Final = """
    UPDATE asked SET assistant_id = $3, assistant_version = $4 WHERE creator_id = $1 AND message_id = $2
"""


class PostgresAssistants:
    """See :class:`core.asking.assistants.Assistants`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def speaking(self, creator_id: CreatorId, place: Place) -> Voice:
        """Who answers in a place; in a private chat, who answers everywhere else."""
        places = [*(() if place.direct else place.keys), ELSEWHERE]
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(SPEAKING, creator_id, _KIND_NAMES, places)
        return OUR_OWN if row is None else _voice(row)

    async def voice(self, creator_id: CreatorId, assistant_id: AssistantId, version: int | None) -> Voice | None:
        """An assistant with any version of its prompt; None where there is none such."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(VOICE, creator_id, _KIND_NAMES, assistant_id, version)
        return None if row is None or (version and row["version"] is None) else _voice(row)

    async def every(self, creator_id: CreatorId) -> list[Assistant]:
        """Those that are not removed, by name."""
        async with self._database.creator(creator_id) as connection:
            return [_assistant(row) for row in await connection.fetch(EVERY, creator_id, _KIND_NAMES, None)]

    async def versions(self, creator_id: CreatorId, assistant_id: AssistantId) -> list[PromptVersion]:
        """The versions of a prompt with what their answers were thought of, newest first."""
        async with self._database.creator(creator_id) as connection:
            rows = await connection.fetch(VERSIONS, creator_id, assistant_id)
            names = await names_of(connection, [row["author_id"] for row in rows])
        return [
            PromptVersion(
                row["version"], row["text"], names.get(row["author_id"], ""), row["written_at"], row["answers"],
                row["helpful"], row["unhelpful"],
            )
            for row in rows
        ]  # fmt: skip

    async def add(self, by: Editor, said: Profile, prompt: str) -> Assistant:
        """Make an assistant, whose prompt is in use at once where it has one."""
        async with self._database.creator(by.creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, by.creator_id)
            await connection.execute(PURGE, by.creator_id, KEPT_REMOVED)
            await _require_room(connection, by.creator_id)
            await _require_name(connection, by.creator_id, said.name)
            found = await connection.fetchval(ADD, by.creator_id, *_columns(said))
            if prompt:
                version = await _write(connection, by, found, prompt)
                await connection.execute(USE, by.creator_id, found, version)
            await _noted(connection, by, found, "added")
            return await _one(connection, by.creator_id, found)

    async def change(self, by: Editor, assistant_id: AssistantId, change: ProfileChange) -> Assistant | None:
        """Change what is said of an assistant and keep what was said before."""
        async with self._database.creator(by.creator_id) as connection:
            row = await _held(connection, by, assistant_id)
            if row is None:
                return None
            said = _profile(row)
            return await _changed(connection, by, assistant_id, said, change.applied(said), "edited")

    async def undo(self, by: Editor, assistant_id: AssistantId) -> Assistant | None:
        """Say again of an assistant what was said before the last change."""
        async with self._database.creator(by.creator_id) as connection:
            row = await _held(connection, by, assistant_id)
            if row is None or row["former"] is None:
                return None
            return await _changed(connection, by, assistant_id, _profile(row), _profile(row["former"]), "undone")

    async def write(self, by: Editor, assistant_id: AssistantId, prompt: str) -> int | None:
        """Keep a new version of a prompt, not in use yet."""
        async with self._database.creator(by.creator_id) as connection:
            version = await _write(connection, by, assistant_id, prompt)
            if version is not None:
                await connection.execute(DROP_OLDEST, by.creator_id, assistant_id, version - MOST_VERSIONS)
                await _noted(connection, by, assistant_id, "prompt", version)
            return version

    async def use(self, by: Editor, assistant_id: AssistantId, version: int) -> int | None:
        """Put a version into use; the one before."""
        async with self._database.creator(by.creator_id) as connection:
            row = await _held(connection, by, assistant_id)
            if row is None or not await connection.fetchval(THERE, by.creator_id, assistant_id, version):
                return None
            if row["active"] != version:
                await connection.execute(USE, by.creator_id, assistant_id, version)
                await _noted(connection, by, assistant_id, "use", version)
            return int(row["active"])

    async def bind(self, by: Editor, assistant_id: AssistantId | None, spot: Spot) -> Rebound | None:
        """Let an assistant answer in a place, or nobody special; see the port."""
        async with self._database.creator(by.creator_id) as connection:
            await connection.execute(ONE_AT_A_TIME, by.creator_id)
            bound = await connection.fetchval(BOUND, by.creator_id, spot.key)
            before = None if bound is None else await _one(connection, by.creator_id, bound)
            if assistant_id is not None:
                return await _bound(connection, by, assistant_id, spot, before)
            await connection.execute(UNBIND, by.creator_id, spot.key)
            if before is None:
                return None
            await _noted(connection, by, before.id, "unbound")
            return Rebound(None, before)

    async def remove(self, by: Editor, assistant_id: AssistantId) -> Assistant | None:
        """Take an assistant away; where it was bound is kept for bringing it back."""
        async with self._database.creator(by.creator_id) as connection:
            if await _held(connection, by, assistant_id) is None:
                return None
            removed = await _one(connection, by.creator_id, assistant_id)
            await connection.execute(REMOVED, by.creator_id, assistant_id, True)
            await connection.execute(PURGE, by.creator_id, KEPT_REMOVED)
            await _noted(connection, by, assistant_id, "removed")
            return removed

    async def restore(self, by: Editor, assistant_id: AssistantId) -> Assistant | None:
        """Undo a removal, with the places to which nobody else was bound meanwhile."""
        async with self._database.creator(by.creator_id) as connection:
            row = await _held(connection, by, assistant_id, removed=True)
            if row is None or await connection.fetchval(TAKEN, by.creator_id, row["name"], assistant_id):
                return None
            await _require_room(connection, by.creator_id)
            await connection.execute(REMOVED, by.creator_id, assistant_id, False)
            await _noted(connection, by, assistant_id, "restored")
            return await _one(connection, by.creator_id, assistant_id)

    async def note(self, creator_id: CreatorId, student_id: StudentId, message_id: MessageId, voice: Voice) -> None:
        """Keep which assistant and version made an answer that is kept."""
        async with self._database.creator(creator_id, student_id) as connection:
            made_by = (voice.assistant_id, voice.version)
            if await connection.fetchval(NOTE_MESSAGE, creator_id, student_id, message_id, *made_by) is not None:
                await connection.execute(NOTE_ASKED, creator_id, message_id, *made_by)


async def _bound(
    connection: Connection, by: Editor, assistant_id: AssistantId, spot: Spot, before: Assistant | None
) -> Rebound | None:
    if await _held(connection, by, assistant_id) is None:
        return None
    shown = None if spot.place is None else place_to_json(spot.place)
    await connection.execute(BIND, by.creator_id, spot.key, assistant_id, shown)
    await _noted(connection, by, assistant_id, "bound")
    return Rebound(await _one(connection, by.creator_id, assistant_id), before)


async def _held(
    connection: Connection, by: Editor, assistant_id: AssistantId, *, removed: bool = False
) -> asyncpg.Record | None:
    """An assistant that nobody else changes meanwhile."""
    await connection.execute(ONE_AT_A_TIME, by.creator_id)
    return await connection.fetchrow(HOLD, by.creator_id, assistant_id, removed)


async def _one(connection: Connection, creator_id: CreatorId, assistant_id: int) -> Assistant:
    (row,) = await connection.fetch(EVERY, creator_id, _KIND_NAMES, assistant_id)
    return _assistant(row)


async def _require_room(connection: Connection, creator_id: CreatorId) -> None:
    if await connection.fetchval(COUNT, creator_id) >= MOST_ASSISTANTS:
        raise Refused(f"There are {MOST_ASSISTANTS} assistants already. Remove one first: /assistant_remove")


async def _require_name(connection: Connection, creator_id: CreatorId, name: str, but: int = 0) -> None:
    if await connection.fetchval(TAKEN, creator_id, name, but):
        raise Refused(f"There is an assistant called {name} already. To change it: /assistant_edit")


async def _changed(
    connection: Connection, by: Editor, assistant_id: AssistantId, before: Profile, said: Profile, did: str
) -> Assistant:
    await _require_name(connection, by.creator_id, said.name, assistant_id)
    await connection.execute(CHANGE, by.creator_id, assistant_id, *_columns(said), _to_json(before))
    await _noted(connection, by, assistant_id, did)
    return await _one(connection, by.creator_id, assistant_id)


async def _write(connection: Connection, by: Editor, assistant_id: AssistantId, prompt: str) -> int | None:
    version: int | None = await connection.fetchval(NEXT_VERSION, by.creator_id, assistant_id)
    if version is not None:
        await connection.execute(WRITE, by.creator_id, assistant_id, version, prompt, by.student_id)
    return version


async def _noted(connection: Connection, by: Editor, assistant_id: int, did: str, version: int = 0) -> None:
    details: dict[str, Any] = {"number": assistant_id, "was": did} | ({"version": version} if version else {})
    await audited(connection, by.creator_id, by.student_id, "assistant", None, details)


def _columns(said: Profile) -> Sequence[object]:
    return said.name, said.tone, list(said.models), said.tutor, choice_to_json(said.choice)


def _to_json(said: Profile) -> dict[str, Any]:
    return dict(zip(("name", "tone", "models", "tutor", "sources"), _columns(said), strict=True))


def _profile(kept: Any) -> Profile:  # noqa: ANN401 - a row, or what was kept of one
    return Profile(
        kept["name"], kept["tone"], tuple(kept["models"]), kept["tutor"], choice_from_json(kept["sources"])
    )


def _assistant(row: asyncpg.Record) -> Assistant:
    places = tuple(Place(**place) for place in row["places"])
    return Assistant(
        AssistantId(row["id"]), _profile(row), row["active"], row["newest"], places, row["elsewhere"],
        row["answers_from"], row["former"] is not None,
    )  # fmt: skip


def _voice(row: asyncpg.Record) -> Voice:
    said, version = _profile(row), row["version"] or 0
    chosen = None if row["chosen"] is None else frozenset(SourceId(found) for found in row["chosen"])
    key = f"{row['id']}:{version}:{row['revision']}"
    manner = Manner(key, said.name, said.tone, row["prompt"], said.models, chosen, said.tutor)
    return Voice(manner, AssistantId(row["id"]), version)
