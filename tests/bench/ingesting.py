"""How fast sources become searchable, against the bare embedder on the same texts."""

import time
from collections.abc import Sequence

from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.shelf import PostgresShelf
from adapters.sources.sentences import split_sentences
from adapters.sources.timed_text import read_timed_text
from bot.sample_library import SampleSource, sample_library
from core.ids import CreatorId, ItemId
from core.library.indexing import Indexer
from core.library.ingestion import process
from core.library.store import NewSource
from core.library.transcript import Transcript
from core.library.units import build_units, build_windows, window_text
from tests.bench.asking import Town
from tests.bench.made_up import STEM
from tests.bench.table import Row


async def measure_ingestion(town: Town, most_sources: int) -> list[Row]:
    """Take sample lectures in, by the whole way, and by the bare embedder before and after."""
    indexer = Indexer(town.embedder, split_sentences, STEM)
    shelf = PostgresShelf(town.database)
    creator = await PostgresDirectory(town.database).add_creator("lecturer", "Lecturer", None)
    passages, bare_s, ours_s = 0, 0.0, 0.0
    for source in _sources()[:most_sources]:
        (transcript,) = read_timed_text(source.file_name, source.content)
        texts, windows = _texts(transcript)
        passages += windows
        item_id = await _added(shelf, creator.id, NewSource(transcript, source.title, language="en"))
        before_s = await _bare(town, texts)
        began = time.perf_counter()
        await process(creator.id, item_id, bench=shelf, indexer=indexer)
        ours_s += time.perf_counter() - began
        bare_s += (before_s + await _bare(town, texts)) / 2
    return [
        Row("ingestion", "passages with their sentences (embedder)", passages / ours_s, "/s", passages / bare_s,
            goal=0.8, at_least=True)
    ]  # fmt: skip


async def _bare(town: Town, texts: Sequence[str]) -> float:
    began = time.perf_counter()
    await town.embedder.embed_passages(texts)
    return time.perf_counter() - began


def _sources() -> Sequence[SampleSource]:
    return [source for creator in sample_library().creators for source in creator.sources]


def _texts(transcript: Transcript) -> tuple[list[str], int]:
    units = build_units(transcript, split_sentences)
    windows = build_windows(units)
    return [unit.text for unit in units] + [window_text(units, window) for window in windows], len(windows)


async def _added(shelf: PostgresShelf, creator_id: CreatorId, new: NewSource) -> ItemId:
    (added,) = await shelf.add(creator_id, [new], None)
    return next(source.item_id for source in await shelf.sources(creator_id) if source.id == added.source_id)
