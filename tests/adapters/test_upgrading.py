"""A library of an earlier version comes along, with the work that was under way in it."""

from importlib import resources

from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.database import Database
from adapters.postgres.holdings import PostgresHoldings
from core.ids import CreatorId, ItemId, SourceId
from core.library.admission import Admitted
from core.library.ingestion import process
from core.library.store import Stage
from core.tiers import Scope
from tests.adapters.school import INDEXER, add_ready, change, found_school, lecture, rows, shelf_of

UPLOADS = "20261121000010_uploads.sql"
WORKER = "00000000-0000-4000-8000-000000000001"
OLD_ITEM = """
    ALTER TABLE sources NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
    INSERT INTO sources (creator_id, timing, title, content_hash) VALUES (1, 'heard', 'Old', '\\x01');
    INSERT INTO items (creator_id, source_id, stage, transcript, card_id)
      SELECT 1, id, 'embedding', '{"timing": "heard", "segments": [[0, 5, "Ink dries on paper.", "A"]]}', 77
        FROM sources WHERE title = 'Old';
    ALTER TABLE sources FORCE ROW LEVEL SECURITY;
    ALTER TABLE items FORCE ROW LEVEL SECURITY;
"""


def _step() -> tuple[str, str]:
    text = resources.files("migrations").joinpath(UPLOADS).read_text()
    up, _, down = text.partition("-- migrate:down")
    return up, down


async def test_work_of_an_earlier_version_goes_on_after_the_upgrade(database: Database, database_url: str) -> None:
    school = await found_school(database, "drawing")
    up, down = _step()
    for statements in (down, OLD_ITEM, up):
        await change(database_url, statements)
    (workflow,) = await rows(database_url, "SELECT id, card_id FROM workflows WHERE card_id IS NOT NULL")
    shelf = shelf_of(database)
    new, old = await shelf.sources(CreatorId(1))
    assert (new.title, new.workflow_id, new.stage, workflow["card_id"]) == (
        "Old",
        workflow["id"],
        Stage.EMBEDDING,
        77,
    )
    assert (old.id, old.stage) == (school.source_id, Stage.COMPLETED)
    assert await PostgresAdmission(database).next(WORKER) == Admitted(CreatorId(1), ItemId(new.item_id))
    assert await process(CreatorId(1), new.item_id, bench=shelf, indexer=INDEXER)
    await add_ready(database, CreatorId(1), lecture("chalk"))
    loaded = await PostgresHoldings(database).load(Scope.whole(CreatorId(1)))
    assert loaded.source_ids[:2] == (old.id, SourceId(new.id))
    assert len(loaded.source_ids) == 3
