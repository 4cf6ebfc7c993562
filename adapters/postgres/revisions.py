"""Revisions on PostgreSQL, under one creator's row-level security."""

import hashlib
from dataclasses import replace
from typing import Final

from adapters.postgres.admission import admit
from adapters.postgres.database import Connection, Database
from adapters.postgres.jobs import put_calibration
from adapters.postgres.revised import give_back
from adapters.postgres.shelf import SOURCE, TOUCH_CORPUS, add_sources
from adapters.postgres.study_work import renew_study
from adapters.postgres.transcripts import transcript_digest
from adapters.postgres.workflows import add_card, add_workflow, drop_workflow, source_of_row
from core.conversation import Place
from core.ids import CreatorId, ItemId, SourceId, StudentId, WorkflowId
from core.library.store import Added, NewSource, NewWorkflow, Revision, Source, UploadSettings

SETTINGS: Final = """
    SELECT w.settings FROM items i JOIN workflows w ON w.creator_id = i.creator_id AND w.id = i.workflow_id
     WHERE i.creator_id = $1 AND i.source_id = $2
"""
ADD: Final = "INSERT INTO revisions (creator_id, revises, source_id, kind) VALUES ($1, $2, $3, $4)"
CORRECTED: Final = "UPDATE sources SET corrected_at = now() WHERE creator_id = $1 AND id = $2"
PUT_ASIDE: Final = "UPDATE sources SET removed_at = now() WHERE creator_id = $1 AND id = $2"
BRING_BACK: Final = """
    UPDATE sources s SET removed_at = NULL
      FROM items i
     WHERE s.creator_id = $1 AND s.id = $2 AND s.removed_at IS NOT NULL AND s.status = 'pending'
       AND i.creator_id = $1 AND i.source_id = s.id
       AND EXISTS (SELECT FROM revisions r WHERE r.creator_id = $1 AND r.source_id = s.id)
       AND NOT EXISTS (SELECT FROM sources o WHERE o.creator_id = $1 AND o.content_hash = s.content_hash
                          AND o.removed_at IS NULL)
    RETURNING i.id, i.workflow_id
"""


class PostgresRevisions:
    """See :class:`core.library.revising.Revisions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, creator_id: CreatorId, revised: SourceId, kind: Revision, new: NewSource, *,
        uploader: StudentId, place: Place | None,
    ) -> Added:  # fmt: skip
        """Write a revision with its work and a card; without a place it waits to be confirmed."""
        if kind is Revision.CORRECTION:
            new = replace(new, digest=_digest(revised, new))
        async with self._database.creator(creator_id) as connection:
            settings = UploadSettings(**await connection.fetchval(SETTINGS, creator_id, revised))
            workflow = NewWorkflow(settings=settings, uploader=uploader)
            workflow_id = await add_workflow(connection, creator_id, workflow)
            added, items = await add_sources(connection, creator_id, workflow_id, [new], settings.tier)
            if not items:
                await drop_workflow(connection, creator_id, workflow_id)
                return added[0]
            source_id = added[0].source_id
            await connection.execute(ADD, creator_id, revised, source_id, kind.value)
            if kind is Revision.CORRECTION:
                await connection.execute(CORRECTED, creator_id, source_id)
            if place is None:
                await connection.execute(PUT_ASIDE, creator_id, source_id)
            else:
                await _begin_work(connection, creator_id, items[0], workflow_id, place)
        return added[0]

    async def confirm(self, creator_id: CreatorId, source_id: SourceId, place: Place) -> bool:
        """Begin the work on what waits; False where nothing does."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(BRING_BACK, creator_id, source_id)
            if row is not None:
                await _begin_work(connection, creator_id, ItemId(row["id"]), WorkflowId(row["workflow_id"]), place)
        return row is not None

    async def undo(self, creator_id: CreatorId, source_id: SourceId) -> Source | None:
        """Give back the place that a revision took; None where it is too late."""
        async with self._database.creator(creator_id) as connection:
            revised = await give_back(connection, creator_id, source_id)
            if revised is None:
                return None
            await renew_study(connection, creator_id, revised)
            await connection.execute(TOUCH_CORPUS, creator_id)
            await put_calibration(connection, creator_id)
            row = await connection.fetchrow(SOURCE, creator_id, revised)
        return None if row is None else source_of_row(row)


async def _begin_work(
    connection: Connection, creator_id: CreatorId, item_id: ItemId, workflow_id: WorkflowId, place: Place
) -> None:
    await admit(connection, creator_id, [item_id], 1)
    await add_card(connection, creator_id, workflow_id, place)


def _digest(revised: SourceId, new: NewSource) -> bytes:
    """A correction is known again as one of its source alone: the same words may have been uploaded, too."""
    if new.transcript is None:
        raise ValueError("a correction is a transcript")
    return hashlib.sha256(b"%d:" % revised + transcript_digest(new.transcript)).digest()
