"""Short links, after it was seen where they lead."""

from dataclasses import replace
from typing import Final

from adapters.postgres.database import Connection
from core.errors import UploadRefused
from core.library.store import Work
from core.library.uploads import former_digests, link_digest

HERE_ALREADY: Final = """
    SELECT title FROM sources
     WHERE creator_id = $1 AND content_hash = ANY($2::bytea[]) AND id <> $3 AND removed_at IS NULL
     ORDER BY id LIMIT 1
"""
# A link that the uploader gave beside it stays.
FOLLOW: Final = """
    UPDATE sources
       SET content_hash = $3, link = CASE WHEN link IN ('', origin_link) THEN $4 ELSE link END, origin_link = $4
     WHERE creator_id = $1 AND id = $2
"""


async def follow(connection: Connection, work: Work, link: str) -> Work:
    """See :meth:`core.library.workbench.Workbench.follow`."""
    digest = link_digest(link)
    title = await connection.fetchval(HERE_ALREADY, work.creator_id, [digest, *former_digests(link)], work.source_id)
    if title is not None:
        raise UploadRefused(f"This link leads to what is here already: {title}")
    await connection.execute(FOLLOW, work.creator_id, work.source_id, digest, link)
    page = link if work.link in {"", work.origin.link} else work.link
    return replace(work, link=page, origin=replace(work.origin, link=link))
