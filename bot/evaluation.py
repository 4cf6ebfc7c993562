"""`chronos eval`: every question of a set through the engine, in a scratch database that is dropped afterwards."""

import asyncio
import hashlib
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, Final, TextIO

import asyncpg

from adapters.postgres.migrations import migrate
from adapters.sources.timed_text import read_timed_text
from bot.app import DatabaseAddress, Deployment, open_address, open_on
from bot.settings import Settings
from core.asking.answer import Outcome
from core.asking.holdings import Span, StoredSentence
from core.asking.question import Explained, Question
from core.asking.ranking import Hit
from core.asking.writing import Turn
from core.errors import DatabaseError, UploadRefused
from core.ids import CreatorId, SourceId
from core.library.ingestion import process
from core.library.store import NewSource
from core.library.transcript import Transcript
from core.tiers import ALL_TIERS, Scope

MOST_HITS: Final = 10


async def evaluate_files(
    settings: Settings, corpus: Path, questions: Path, predictions: Path, *, core_only: bool
) -> int:
    """Answer a set's questions and write a line each; return how many.

    Raises:
        UploadRefused: a file is not of the form that evaluation takes, which names the file and the line, or
            there is nothing to ask.
        OSError: a file cannot be read, or ``predictions`` not be written.
        DatabaseError: no scratch database can be made.
    """
    transcripts = await asyncio.to_thread(_transcripts, corpus)
    everything = await asyncio.to_thread(_questions, questions, {t.creator for t in transcripts})
    asked = [question for question in everything if not core_only or question.get("core", True)]
    if not asked:
        raise UploadRefused(f"{questions} holds no questions{' that --core asks' if everything else ''}.")
    _refuse_overwriting(predictions, corpus, questions)
    with _replacing(predictions) as out:  # before the work: it may not be writable
        async with scratch_deployment(settings) as deployment:
            library = await fill_library(deployment, transcripts)
            for question in asked:
                out.write(json.dumps(await predict(deployment, library, question)) + "\n")
    return len(asked)


def _refuse_overwriting(predictions: Path, *given: Path) -> None:
    if predictions.exists() and any(predictions.samefile(file) for file in given):
        raise UploadRefused(f"{predictions} is what is evaluated; write the predictions into another file.")


@contextmanager
def _replacing(file: Path) -> Iterator[TextIO]:
    """Write beside a file, which is replaced once the block is through; a pipe or device is written to as it is."""
    if file.exists() and not file.is_file():
        with file.open("w", encoding="utf-8") as out:
            yield out
        return
    target = file.resolve()
    partial = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    try:
        out = partial.open("x", encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
    try:
        with out:
            yield out
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _transcripts(path: Path) -> list[Transcript]:
    for where, document in _documents(path):
        for key in ("creator", "video_id"):
            _require(where, document, key, str | int)
    try:
        return read_timed_text(path.name, path.read_bytes())
    except UploadRefused as error:
        raise UploadRefused(f"{path}: {error}") from error


def _questions(path: Path, creators: Set[str]) -> list[dict[str, Any]]:
    questions: list[dict[str, Any]] = []
    for where, question in _documents(path):
        _require(where, question, "id", str | int)
        _require(where, question, "creator", str)
        if not isinstance(question.get("question"), str):  # an empty one is asked, and refused like any other
            raise UploadRefused(f'{where}: "question" is missing or not a text.')
        if question["creator"] not in creators:
            raise UploadRefused(f"{where}: it asks {question['creator']!r}, who is not in the corpus.")
        questions.append(question)
    return questions


def _require(where: str, document: Mapping[str, Any], key: str, kind: type | UnionType) -> None:
    value = document.get(key)
    if not isinstance(value, kind) or isinstance(value, bool) or not str(value).strip():
        raise UploadRefused(f'{where}: "{key}" is missing, empty or not a text.')


def _documents(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every line's object with the words that say where it stands."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UploadRefused(f"{path} is not text in UTF-8.") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _document(where, line)


def _document(where: str, line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except json.JSONDecodeError as error:
        raise UploadRefused(f"{where}: not valid JSON ({error.msg} at column {error.colno}).") from error
    except (ValueError, RecursionError) as error:
        raise UploadRefused(f"{where}: JSON with numbers too long or nested too deeply.") from error
    if not isinstance(document, dict):
        raise UploadRefused(f"{where}: not an object; each line holds one.")
    return document


class EvaluatedLibrary:
    """The tenants of a set, and which source stands for which video."""

    def __init__(self) -> None:
        self.creators: dict[str, CreatorId] = {}
        self.videos: dict[SourceId, str] = {}


@asynccontextmanager
async def scratch_deployment(settings: Settings) -> AsyncIterator[Deployment]:
    """Open a deployment on a database of its own, which is dropped afterwards."""
    name = f"chronos_eval_{os.getpid()}_{secrets.token_hex(3)}"
    async with open_address(settings) as address:
        url = await _create(address, name)
        try:
            await migrate(url)
            async with open_on(settings, DatabaseAddress(url, url, address.revive)) as deployment:
                yield deployment
        finally:
            await _drop(address, name)


async def _create(address: DatabaseAddress, name: str) -> str:
    if address.scratch is not None:
        return await address.scratch(name)
    await _administrate(address.admin_url, f'CREATE DATABASE "{name}"')
    base, _, options = address.admin_url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{options}" if options else "")


async def _drop(address: DatabaseAddress, name: str) -> None:
    if address.drop is not None:
        await address.drop(name)
    else:
        await _administrate(address.admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _administrate(url: str, statement: str) -> None:
    try:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise DatabaseError(
            f"A scratch database cannot be made: {error}. database.admin_url needs CREATEDB."
        ) from error


async def fill_library(deployment: Deployment, transcripts: Sequence[Transcript]) -> EvaluatedLibrary:
    """Make a corpus searchable, every creator a tenant."""
    library = EvaluatedLibrary()
    for transcript in transcripts:
        creator_id = await _creator(deployment, library, transcript.creator)
        await _add(deployment, library, creator_id, transcript)
    for creator_id in library.creators.values():
        await deployment.engine.recalibrate(creator_id)
    return library


async def _creator(deployment: Deployment, library: EvaluatedLibrary, name: str) -> CreatorId:
    if name not in library.creators:
        handle = (
            name if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name) else hashlib.sha256(name.encode()).hexdigest()[:32]
        )
        added = await deployment.directory.add_creator(handle, name[:100] or handle, None)
        library.creators[name] = added.id
    return library.creators[name]


async def _add(
    deployment: Deployment, library: EvaluatedLibrary, creator_id: CreatorId, transcript: Transcript
) -> None:
    title = (transcript.title or transcript.video_id or "Untitled")[:200]
    (added,) = await deployment.shelf.add(creator_id, [NewSource(transcript, title, language="en")], None)
    library.videos[added.source_id] = transcript.video_id
    for source in await deployment.shelf.sources(creator_id):
        if source.id == added.source_id:
            await process(creator_id, source.item_id, bench=deployment.shelf, indexer=deployment.indexer)


async def predict(
    deployment: Deployment, library: EvaluatedLibrary, question: Mapping[str, Any], history: tuple[Turn, ...] = ()
) -> dict[str, Any]:
    """Answer one question of a set.

    Args:
        deployment: holds the library.
        library: what was filled.
        question: a line of the set.
        history: earlier turns, for a question that leans on them.
    """
    creator_id = library.creators[question["creator"]]
    asked = Question(creator_id, question["question"], history, tiers=ALL_TIERS, fresh=True)
    explained = await deployment.engine.explain(asked)
    answer = explained.answer
    return {
        "id": question["id"],
        "hits": await _hits(deployment, library, creator_id, explained),
        "abstained": answer.outcome in {Outcome.ABSTAINED, Outcome.REFUSED},
        "gate": explained.gate,
        "outcome": answer.outcome.value,
        "text": answer.text,
        "ms": answer.timing_ms.get("total", 0.0),
    }


async def _hits(
    deployment: Deployment, library: EvaluatedLibrary, creator_id: CreatorId, explained: Explained
) -> list[dict[str, Any]]:
    hits = explained.hits[:MOST_HITS]
    spans = [Span(hit.source_id, hit.first_unit, hit.last_unit) for hit in hits]
    read = {(s.source_id, s.position): s for s in await deployment.holdings.sentences(Scope.whole(creator_id), spans)}
    return [_hit(hit, read, library.videos) for hit in hits]


def _hit(
    hit: Hit, read: Mapping[tuple[SourceId, int], StoredSentence], videos: Mapping[SourceId, str]
) -> dict[str, Any]:
    first, last = read[hit.source_id, hit.first_unit], read[hit.source_id, hit.last_unit]
    start_s = first.linked_s if first.timed and first.linked_s is not None else first.start_s
    return {"video_id": videos[hit.source_id], "start": start_s, "end": last.end_s, "score": hit.score}
