"""A made-up creator with a library and students, stored through the real adapters on PostgreSQL."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import numpy as np

from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.transcripts import PostgresRecognitions
from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from core.asking.answer import Answer, Citation, Confidence, Locator, Mode, ModelCall, Outcome, Sentence, Usage
from core.asking.embedding import Vector
from core.asking.limits import Limits
from core.asking.sessions import Speaker
from core.conversation import Person, Place
from core.ids import CommunityId, CreatorId, ItemId, MessageId, SourceId, StudentId
from core.library.indexing import Indexer
from core.library.ingestion import process
from core.library.speech import Recognised
from core.library.store import NewSource, Source, Stage
from core.library.transcript import Segment, Timing, Transcript

STEM = SnowballStemmer()
CHANNEL = "10"
UNLIMITED = Limits(0, 0, 0.0)


class MadeUpEmbedder:
    """Turns a text into a fixed direction that only depends on the text."""

    embedder_id = "made-up:8"
    dimensions = 8
    languages: frozenset[str] = frozenset()

    async def embed_query(self, text: str) -> Vector:
        return _direction(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        return np.stack([_direction(text) for text in texts])


def _direction(text: str) -> Vector:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(MadeUpEmbedder.dimensions).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


INDEXER = Indexer(MadeUpEmbedder(), split_sentences, STEM)


def shelf_of(database: Database) -> PostgresShelf:
    return PostgresShelf(database)


def lecture(subject: str, *, cues: int = 30, timing: Timing = Timing.HEARD) -> NewSource:
    """A source of sentences of a dozen words, five seconds each."""
    return NewSource(
        Transcript(spoken(subject, cues), timing), f"All about {subject}", f"https://videos.example/{subject}"
    )


def spoken(subject: str, cues: int = 30) -> tuple[Segment, ...]:
    """What is said in a lecture."""
    return tuple(
        Segment(5.0 * n, 5.0 * n + 4.5, f"Step {n} of {subject} takes patience, a steady hand and some water.")
        for n in range(cues)
    )


def source_at(title: str, stage: Stage) -> Source:
    """A source on whose card a stage stands."""
    return Source(
        SourceId(1),
        ItemId(1),
        title,
        "",
        "en",
        Timing.HEARD,
        247.0,
        stage,
        0.0,
        "",
        datetime(2026, 11, 21, tzinfo=UTC),
    )


def answer(text: str = "Take your time.", *, outcome: Outcome = Outcome.ANSWERED, cost_usd: float = 0.0) -> Answer:
    """An answer with one sentence and one citation."""
    cited = Citation("1", SourceId(1), "A title", "https://videos.example/1?t=5", Locator("time", "0:05"), 5, 9, text)
    used = Usage(10, 5, 0, cost_usd)
    calls = (ModelCall("made-up", "answer", used, 1.0, 2.0, ""),) if cost_usd else ()
    return Answer(
        outcome, Mode.QUOTED, Confidence.HIGH, (Sentence(text, ("1",)),), (cited,),
        model="made-up", usage=used, timing_ms={"rank": 1.5}, calls=calls,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class School:
    """A creator with one community and one source that is ready."""

    creator_id: CreatorId
    community_id: CommunityId
    source_id: SourceId

    def speaker(self, student_id: StudentId) -> Speaker:
        return Speaker(self.creator_id, student_id, f"discord:{CHANNEL}:", self.community_id)


async def found_school(database: Database, handle: str) -> School:
    """Add a creator, their community and a source, ready to answer from."""
    directory = PostgresDirectory(database)
    creator = await directory.add_creator(handle, handle.title(), None)
    place = Place("discord", channel=CHANNEL, community=f"server of {handle}")
    await directory.add_community(creator.id, place)
    found = await directory.community(place)
    assert found is not None
    source_id = await add_ready(database, creator.id, lecture(handle))
    await PostgresRecognitions(database, creator.id).keep("0" * 64, Recognised(spoken(handle)))
    return School(creator.id, found[0].id, source_id)


async def enrol_student(database: Database, name: str) -> StudentId:
    return await PostgresDirectory(database).student(Person("discord", name, name))


async def add_ready(database: Database, creator_id: CreatorId, new: NewSource) -> SourceId:
    """Add a source and do the work on it."""
    shelf = shelf_of(database)
    added = (await shelf.add(creator_id, [new], None))[0]
    assert await process(
        creator_id, await item_of(database, creator_id, added.source_id), bench=shelf, indexer=INDEXER
    )
    return added.source_id


async def item_of(database: Database, creator_id: CreatorId, source_id: SourceId) -> ItemId:
    sources = await shelf_of(database).sources(creator_id)
    return next(source.item_id for source in sources if source.id == source_id)


async def record(
    conversations: PostgresConversations, speaker: Speaker, question: str, answered: Answer
) -> MessageId:
    """Ask and keep the answer, however often and dear."""
    admission = await conversations.admit(speaker, UNLIMITED)
    return await conversations.record(speaker, question, answered, admission)


async def converse(database: Database, school: School, student_id: StudentId, question: str) -> MessageId:
    """Ask, be answered and say that it helped."""
    conversations = PostgresConversations(database)
    message_id = await record(conversations, school.speaker(student_id), question, answer())
    assert await conversations.vote(school.speaker(student_id), message_id, helpful=True)
    return message_id


async def jobs(database: Database) -> list[asyncpg.Record]:
    """What waits or runs in the queue, oldest first."""
    async with database.system() as connection:
        return await connection.fetch(
            "SELECT id, entrypoint, convert_from(payload, 'UTF8') AS payload FROM pgqueuer ORDER BY id"
        )


async def rows(url: str, statement: str, *values: object) -> list[Any]:
    """Read past row-level security, as a backup does."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET ROLE chronos_backup")
        return await connection.fetch(statement, *values)
    finally:
        await connection.close()


async def change(url: str, statement: str, *values: object) -> None:
    """Change what is in no creator's scope, as the owner."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()
