"""How fast sources become searchable, against the bare embedder on the same texts."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.shelf import PostgresShelf
from adapters.sources.sentences import split_sentences
from adapters.sources.timed_text import read_timed_text
from bot.app import DatabaseAddress, Deployment, open_on
from bot.ingesting import DONE, Upload, add_one, working
from bot.sample_library import SampleSource, sample_library
from bot.settings import Settings
from core.asking.embedding import Embedder
from core.ids import CreatorId, ItemId
from core.library.indexing import Indexer
from core.library.ingestion import process
from core.library.store import NewSource, Stage
from core.library.transcript import Transcript
from core.library.units import build_units, build_windows, window_text
from tests.bench.asking import Town
from tests.bench.captions import made_up_captions
from tests.bench.made_up import STEM
from tests.bench.table import Row
from tests.waiting import eventually

ROUNDS: Final = 2
LONGEST_S: Final = 900.0


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
        before_s = await _bare(town.embedder, texts)
        began = time.perf_counter()
        await process(creator.id, item_id, bench=shelf, indexer=indexer)
        ours_s += time.perf_counter() - began
        bare_s += (before_s + await _bare(town.embedder, texts)) / 2
    return [
        Row("ingestion", "passages with their sentences (embedder)", passages / ours_s, "/s", passages / bare_s,
            goal=0.8, at_least=True)
    ]  # fmt: skip


async def measure_captions(town: Town, folder: Path, minutes: int) -> list[Row]:
    """Upload captions to a running worker, in turns with the bare embedder on the same texts; the best of each.

    Args:
        town: where they become searchable.
        folder: for the deployment's data and the files.
        minutes: the length of each.
    """
    settings = Settings.model_validate({"storage": {"data_dir": folder}, "models": {"answer": [], "transcribe": ""}})
    bare_s, ours_s = [], []
    async with open_on(settings, DatabaseAddress(town.url, town.url)) as deployment:
        creator = await deployment.directory.add_creator("captioned", "Captioned", None)
        await deployment.embedders.usual.embed_passages(["Load the model."])
        for number in range(ROUNDS):
            content = made_up_captions(number, minutes)
            file = folder / f"{number}.vtt"
            file.write_bytes(content)
            (transcript,) = read_timed_text(file.name, content)
            bare_s.append(await _bare(deployment.embedders.usual, _texts(transcript)[0]))
            ours_s.append(await _uploaded(deployment, creator.id, file))
    what = f"{minutes} minutes of captions made searchable (embedder)"
    return [Row("ingestion", what, min(ours_s), "s", min(bare_s), goal=1.3)]


async def _uploaded(deployment: Deployment, creator_id: CreatorId, file: Path) -> float:
    """Seconds from handing a file in until a worker has made it searchable."""

    async def done() -> bool:
        return all(source.stage in DONE for source in await deployment.shelf.sources(creator_id))

    async with working(deployment):
        began = time.perf_counter()
        await add_one(deployment, creator_id, Upload(str(file), language="en"))
        await eventually(done, "the captions to be searchable", LONGEST_S)
        taken_s = time.perf_counter() - began
    (newest, *_) = await deployment.shelf.sources(creator_id)
    if newest.stage is not Stage.COMPLETED:
        raise RuntimeError(f"the captions ended as {newest.stage}: {newest.reason}")
    return taken_s


async def _bare(embedder: Embedder, texts: Sequence[str]) -> float:
    """Seconds that the embedder alone takes."""
    began = time.perf_counter()
    await embedder.embed_passages(texts)
    return time.perf_counter() - began


def _texts(transcript: Transcript) -> tuple[list[str], int]:
    """All that is embedded of a transcript, and how many windows are in it."""
    units = build_units(transcript, split_sentences)
    windows = build_windows(units)
    return [unit.text for unit in units] + [window_text(units, window) for window in windows], len(windows)


def _sources() -> Sequence[SampleSource]:
    return [source for creator in sample_library().creators for source in creator.sources]


async def _added(shelf: PostgresShelf, creator_id: CreatorId, new: NewSource) -> ItemId:
    (added,) = await shelf.add(creator_id, [new], None)
    return next(source.item_id for source in await shelf.sources(creator_id) if source.id == added.source_id)
