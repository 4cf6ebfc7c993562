"""How a revision takes the place of another source, and gives it back. Always inside a creator's transaction.

The two rows change places: the revised source keeps its id, title and whatever points to it, and gets what the
revision brought; the revision's row becomes the former version, removed like any removed source.
"""

from typing import Final

from adapters.postgres.database import Connection
from adapters.postgres.indexed import copy_index
from core.errors import UploadRefused
from core.ids import CreatorId, SourceId
from core.library.store import Revision

REVISION: Final = "SELECT revises, kind FROM revisions WHERE creator_id = $1 AND source_id = $2"
HOLD: Final = """
    SELECT id FROM sources WHERE creator_id = $1 AND id = $2 AND removed_at IS NULL AND status = 'ready'
       FOR NO KEY UPDATE
"""
DROP_EARLIER: Final = """
    DELETE FROM sources s USING revisions r
     WHERE r.creator_id = $1 AND r.revises = $2 AND r.source_id <> $3
       AND s.creator_id = $1 AND s.id = r.source_id AND s.status = 'ready'
"""
RETIRE: Final = "UPDATE sources SET removed_at = now(), status = 'ready' WHERE creator_id = $1 AND id = $2"
_SWAP: Final = """
    UPDATE sources s
       SET ({columns}) = (SELECT {columns} FROM sources o
                           WHERE o.creator_id = $1 AND o.id = CASE s.id WHEN $2 THEN $3 ELSE $2 END)
     WHERE s.creator_id = $1 AND s.id IN ($2, $3)
"""
SWAP: Final = {
    Revision.CORRECTION: _SWAP.format(columns="topics, corrected_at"),
    Revision.REPLACEMENT: _SWAP.format(
        columns="kind, timing, link, language, external_id, content_hash, duration_s, origin_kind, origin_link, "
        "origin_key, origin_name, origin_captions, locator_kind, chapters, topics, size_bytes, media_key, etag, "
        "last_modified, checked_at, vanished_at, corrected_at"
    ),
}
# Not where its vectors are of an embedder that the library has left, or where what it was made from is here again.
FORMER: Final = """
    SELECT r.revises, r.kind FROM revisions r JOIN sources s ON s.creator_id = r.creator_id AND s.id = r.source_id
     WHERE r.creator_id = $1 AND r.source_id = $2 AND s.status = 'ready'
       AND EXISTS (SELECT FROM segment_embeddings e JOIN corpora c ON c.creator_id = $1 AND c.embedder = e.embedder
                    WHERE e.creator_id = $1 AND e.source_id = $2)
       AND NOT EXISTS (SELECT FROM sources o WHERE o.creator_id = $1 AND o.content_hash = s.content_hash
                          AND o.removed_at IS NULL AND o.id <> r.revises)
"""
DROP: Final = "DELETE FROM sources WHERE creator_id = $1 AND id = $2"


async def take_place(connection: Connection, creator_id: CreatorId, source_id: SourceId) -> SourceId:
    """Let a source that is done take the place of what it revises; the source as which it is searched.

    Raises:
        UploadRefused: what it revises was removed.
    """
    revision = await connection.fetchrow(REVISION, creator_id, source_id)
    if revision is None:
        return source_id
    revised = SourceId(revision["revises"])
    if await connection.fetchval(HOLD, creator_id, revised) is None:
        raise UploadRefused("What it was meant for was removed meanwhile.")
    await connection.execute(DROP_EARLIER, creator_id, revised, source_id)
    await copy_index(connection, creator_id, revised, source_id)
    await connection.execute(RETIRE, creator_id, source_id)
    await connection.execute(SWAP[Revision(revision["kind"])], creator_id, revised, source_id)
    return revised


async def give_back(connection: Connection, creator_id: CreatorId, source_id: SourceId) -> SourceId | None:
    """Undo what a revision did; the source that is as before, None where that is too late."""
    former = await connection.fetchrow(FORMER, creator_id, source_id)
    if former is None or await connection.fetchval(HOLD, creator_id, former["revises"]) is None:
        return None
    revised = SourceId(former["revises"])
    await connection.execute(SWAP[Revision(former["kind"])], creator_id, revised, source_id)
    await copy_index(connection, creator_id, source_id, revised)
    await connection.execute(DROP, creator_id, source_id)
    return revised
