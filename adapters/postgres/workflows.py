"""What was uploaded together, and the one card that shows how far it is."""

from typing import Final

import asyncpg

from adapters.postgres.announcements import announce
from adapters.postgres.database import Connection, system_role
from adapters.postgres.notices import tell_uploader
from adapters.postgres.outbox import post
from adapters.postgres.worklog import read_paces
from core.conversation import Place, reply_to_json
from core.ids import CreatorId, ItemId, SourceId, WorkflowId
from core.library.cards import MOST_FAILED_SHOWN, Batch, batch_card, card
from core.library.catalogue import require_pace
from core.library.estimates import BARS
from core.library.store import NewWorkflow, OriginKind, Revision, Source, SourceKind, Stage, UploadSettings
from core.library.transcript import Timing

SOURCE_COLUMNS: Final = """
    s.id, s.title, s.link, s.language, s.timing, s.duration_s, s.created_at, s.kind, s.origin_kind, s.topics,
    s.tier, s.vanished_at,
    (SELECT r.kind FROM revisions r WHERE r.creator_id = s.creator_id AND r.source_id = s.id) AS revision,
    i.id AS item_id, i.stage, i.progress, i.reason, i.workflow_id, i.last_error,
    extract(epoch FROM now() - i.stage_at)::float8 AS stage_s,
    (SELECT w.settings FROM workflows w WHERE w.creator_id = i.creator_id AND w.id = i.workflow_id) AS settings,
    extract(epoch FROM i.progress_at - i.stage_at)::float8 AS progress_s
"""
"""Of sources ``s`` and their items ``i``: what :func:`source_of_row` reads."""
ADD: Final = """
    INSERT INTO workflows (creator_id, title, settings, uploader_id) VALUES ($1, $2, $3, $4) RETURNING id
"""
LOCK_PACE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('uploads', $1))"
UPLOADS_LATELY: Final = """
    SELECT count(*) AS uploads,
           coalesce(extract(epoch FROM min(created_at) + interval '1 hour' - now()), 0)::float8 AS wait_s
      FROM workflows WHERE creator_id = $1 AND created_at > now() - interval '1 hour'
"""
DROP: Final = "DELETE FROM workflows WHERE creator_id = $1 AND id = $2"
TITLE: Final = "UPDATE workflows SET title = $3 WHERE creator_id = $1 AND id = $2 AND title = ''"
# Whoever moves a card counts after all others have: two items that end at once must not both miss the other.
HOLD: Final = "SELECT card_id, title FROM workflows WHERE creator_id = $1 AND id = $2 FOR NO KEY UPDATE"
END: Final = """
    UPDATE workflows SET finished_at = CASE WHEN NOT EXISTS (
               SELECT FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
                WHERE i.creator_id = $1 AND i.workflow_id = $2 AND i.stage NOT IN ('completed', 'failed')
                  AND s.removed_at IS NULL) THEN now() END
     WHERE creator_id = $1 AND id = $2
    RETURNING finished_at
"""
_SHARE: Final = "CASE i.stage {} ELSE 0 END".format(
    " ".join(
        f"WHEN '{stage.value}' THEN {first} + {last - first} * i.progress"
        for stage, (first, last) in BARS.items()
        if stage is not Stage.FAILED
    )
)
# What a listing held counts, not the listing itself; the first that failed come first. What has taken the place of
# another counts as removed, and is shown.
STATE: Final = f"""
    SELECT {SOURCE_COLUMNS}, count(*) OVER () AS total,
           count(*) FILTER (WHERE i.stage = 'completed') OVER () AS ready,
           count(*) FILTER (WHERE i.stage = 'failed') OVER () AS failures,
           coalesce(max(i.reason) FILTER (WHERE i.stage NOT IN ('completed', 'failed')) OVER (), '') AS waits,
           count(*) FILTER (WHERE i.stage NOT IN ('pending', 'paused', 'completed', 'failed')) OVER () AS moving,
           sum({_SHARE}) OVER () AS shares,
           coalesce(extract(epoch FROM now() - min(i.started_at) OVER ()), 0)::float8 AS elapsed_s,
           (SELECT coalesce(max(li.reason), '')
              FROM items li JOIN sources ls ON ls.creator_id = li.creator_id AND ls.id = li.source_id
             WHERE li.creator_id = $1 AND li.workflow_id = $2 AND ls.kind = 'listing' AND li.stage = 'completed'
               AND ls.removed_at IS NULL) AS left_out
      FROM items i JOIN sources s ON s.creator_id = i.creator_id AND s.id = i.source_id
     WHERE i.creator_id = $1 AND i.workflow_id = $2
       AND (s.removed_at IS NULL OR (i.stage = 'completed' AND EXISTS (
               SELECT FROM revisions r WHERE r.creator_id = $1 AND r.source_id = s.id)))
       AND NOT (s.kind = 'listing' AND i.stage = 'completed')
     ORDER BY i.stage = 'failed' DESC, i.position, i.id
     LIMIT {MOST_FAILED_SHOWN}
"""
SET_CARD: Final = "UPDATE workflows SET card_id = $3 WHERE creator_id = $1 AND id = $2"
# When it is tried stays as it is: it may be leased, or wait because the platform asked for it.
MOVE_CARD: Final = """
    UPDATE outbox SET content = $2, version = version + 1, updated_at = now() WHERE id = $1 AND content <> $2
"""


async def require_room_in_hour(connection: Connection, creator_id: CreatorId, most: int) -> None:
    """See that a creator may begin one workflow more; of several at once only as many pass as may.

    Raises:
        UploadRefused: says when they may go on.
    """
    await connection.execute(LOCK_PACE, creator_id)
    uploads, wait_s = await read_uploads_lately(connection, creator_id)
    require_pace(uploads, most, wait_s)


async def read_uploads_lately(connection: Connection, creator_id: CreatorId) -> tuple[int, float]:
    """How many uploads the last hour had, and seconds until the oldest of them no longer counts."""
    row = await connection.fetchrow(UPLOADS_LATELY, creator_id)
    return (row["uploads"], row["wait_s"]) if row else (0, 0.0)


async def add_workflow(connection: Connection, creator_id: CreatorId, new: NewWorkflow) -> WorkflowId:
    """Begin a workflow without items."""
    settings = {
        "window_words": new.settings.window_words,
        "overlap": new.settings.overlap,
        "tier": new.settings.tier,
    }
    return WorkflowId(await connection.fetchval(ADD, creator_id, new.title, settings, new.uploader))


async def drop_workflow(connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId) -> None:
    """Take a workflow back that turned out to hold nothing new."""
    await connection.execute(DROP, creator_id, workflow_id)


async def name_workflow(connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId, title: str) -> None:
    """Give a workflow a title where it has none."""
    await connection.execute(TITLE, creator_id, workflow_id, title)


async def add_card(connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId, place: Place) -> None:
    """Write a workflow's card, to be sent to a place."""
    batch = await _batch(connection, creator_id, workflow_id, title="")
    content = None if batch is None else await _content(connection, creator_id, batch)
    card_id = await post(connection, creator_id, place, content)
    await connection.execute(SET_CARD, creator_id, workflow_id, card_id)


async def move_card(
    connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId | None, *, ended: bool = False
) -> None:
    """Show on a workflow's card how far it is now; ``ended`` where an item of it just ended or began anew."""
    if workflow_id is None:
        return
    held = await connection.fetchrow(HOLD, creator_id, workflow_id)
    if held is None:
        return
    all_ended = ended and await connection.fetchval(END, creator_id, workflow_id) is not None
    if ended:
        await announce(connection, creator_id, workflow_id)
    if held["card_id"] is None:
        return
    batch = await _batch(connection, creator_id, workflow_id, held["title"])
    if batch is None:
        return
    content = await _content(connection, creator_id, batch)
    async with system_role(connection):
        await connection.execute(MOVE_CARD, held["card_id"], content)
    if all_ended and batch.failures:
        await tell_uploader(connection, creator_id, batch)


async def _content(connection: Connection, creator_id: CreatorId, batch: Batch) -> dict[str, object]:
    """What the card says."""
    if batch.only is None:
        return reply_to_json(batch_card(batch))
    return reply_to_json(card(batch.only, await read_paces(connection, creator_id)))


async def _batch(
    connection: Connection, creator_id: CreatorId, workflow_id: WorkflowId, title: str
) -> Batch | None:  # fmt: skip
    """How far a workflow is; None where all of it was removed, and the card stays as it was."""
    rows = await connection.fetch(STATE, creator_id, workflow_id)
    if not rows:
        return Batch(workflow_id, title, 0, 0, 0) if title else None
    first = rows[0]
    failed = [source_of_row(row) for row in rows if row["stage"] == Stage.FAILED]
    return Batch(
        workflow_id, title or "What you uploaded", first["total"], first["ready"], first["failures"], failed,
        first["waits"], first["moving"], first["shares"], first["elapsed_s"],
        source_of_row(first) if first["total"] == 1 else None, first["left_out"],
    )  # fmt: skip


def source_of_row(row: asyncpg.Record) -> Source:
    """Read a row that has ``SOURCE_COLUMNS``."""
    return Source(
        SourceId(row["id"]), ItemId(row["item_id"]), row["title"], row["link"], row["language"],
        Timing(row["timing"]), row["duration_s"], Stage(row["stage"]), row["progress"], row["reason"],
        row["created_at"], SourceKind(row["kind"]), OriginKind(row["origin_kind"]), WorkflowId(row["workflow_id"]),
        tuple(row["topics"]), row["tier"], row["stage_s"], row["last_error"],
        row["vanished_at"], UploadSettings(**row["settings"]),
        Revision(row["revision"]) if row["revision"] else None, row["progress_s"],
    )  # fmt: skip
