"""What is stored of a source when it becomes searchable: topics, chapters, language, kinds of passages."""

import json

import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.sources.timed_text import read_timed_text
from bot.sample_library import sample_library
from core.asking.words import TermIds, term_ids
from core.ids import CreatorId
from core.library.store import NewSource
from core.library.transcript import Chapter, Segment, Timing, Transcript
from tests.adapters.school import STEM, add_ready, rows, shelf_of

GRINDING = sample_library().creators[0].sources[0]


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    return (await PostgresDirectory(database).add_creator("espresso", "Espresso", None)).id


def _recording() -> Transcript:
    return read_timed_text(GRINDING.file_name, GRINDING.content)[0]


async def _chapters(url: str) -> list[list[object]]:
    found = await rows(url, "SELECT chapters::text AS chapters FROM sources ORDER BY id")
    return [json.loads(row["chapters"]) for row in found]


async def test_a_recording_has_topics_chapters_and_kinds_of_passages_when_it_is_ready(
    database: Database, database_url: str, creator_id: CreatorId
) -> None:
    await add_ready(database, creator_id, NewSource(_recording(), "Grinding"))
    (source,) = await shelf_of(database).sources(creator_id)
    assert "grinder" in source.topics
    assert (await _chapters(database_url))[0][0] == [0.0, "Grinder"]
    kinds = await rows(database_url, "SELECT DISTINCT kind FROM passages")
    assert {"general", "definition"} <= {row["kind"] for row in kinds}


async def test_the_platforms_chapters_stay(database: Database, database_url: str, creator_id: CreatorId) -> None:
    given = Transcript(_recording().segments, chapters=(Chapter(0.0, "Hello"), Chapter(99.0, "The dose")))
    await add_ready(database, creator_id, NewSource(given, "Grinding"))
    assert await _chapters(database_url) == [[[0.0, "Hello"], [99.0, "The dose"]]]


async def test_what_has_no_times_has_no_chapters(
    database: Database, database_url: str, creator_id: CreatorId
) -> None:
    segments = tuple(Segment(n, n + 1, s.text) for n, s in enumerate(_recording().segments))
    await add_ready(database, creator_id, NewSource(Transcript(segments, Timing.NONE), "Notes"))
    assert await _chapters(database_url) == [[]]


async def test_what_the_whole_library_is_about_comes_later(database: Database, creator_id: CreatorId) -> None:
    def about(first: str) -> NewSource:
        text = "The {0} and the paper. On the paper is a {0}. Under the paper is a {0}. Of paper."
        sentences = text.format(first).split(". ")
        return NewSource(Transcript(tuple(Segment(5 * n, 5 * n + 4, s) for n, s in enumerate(sentences))), first)

    for name in ("brush", "pencil", "charcoal"):
        await add_ready(database, creator_id, about(name))
    charcoal, _, brush = await shelf_of(database).sources(creator_id)
    assert brush.topics == ("paper", "brush")
    assert charcoal.topics == ("charcoal", "paper")


async def test_another_creators_library_is_no_background(database: Database, creator_id: CreatorId) -> None:
    other = (await PostgresDirectory(database).add_creator("other", "Other", None)).id
    await add_ready(database, other, NewSource(_recording(), "Grinding"))
    background = await shelf_of(database).background(
        creator_id, (await shelf_of(database).sources(other))[0].id, _terms()
    )
    assert background.texts == 0


def _terms() -> TermIds:
    return term_ids(["grinder", "coffee"], STEM)
