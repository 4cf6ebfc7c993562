"""`chronos ingest`: the same path as an upload command, with a progress bar in the shell."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from bot.administration import creator_called
from bot.app import Deployment, open_deployment, run_worker
from bot.settings import Settings
from core.errors import UploadRefused
from core.ids import CreatorId, SourceId
from core.library.store import Added, NewSource, Source, Stage
from core.library.uploads import check_size, language_warning, new_sources

LOOK_EVERY_S = 0.25
DONE = frozenset({Stage.COMPLETED, Stage.FAILED})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to ingest, with what is said of it; empty where nothing is."""

    path: str
    link: str = ""
    title: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a file or of one of its videos."""

    title: str
    status: str
    source_id: int | None = None
    reason: str = ""
    warning: str = ""

    @property
    def failed(self) -> bool:
        """Whether it cannot be answered from."""
        return self.status in {"failed", "refused"}

    @property
    def line(self) -> str:
        """For a person to read."""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.status:9} {self.title}{reason}" + (f"\n{'!':9} {self.warning}" if self.warning else "")

    def as_json(self) -> Mapping[str, Any]:
        """For a program to read."""
        return asdict(self)


async def ingest_files(
    settings: Settings, handle: str, uploads: Sequence[Upload], *, quiet: bool
) -> list[Ingested]:  # fmt: skip
    """Add files and wait until each is searchable or failed; one that is refused does not stop the others."""
    async with open_deployment(settings) as deployment:
        creator = await creator_called(deployment, handle)
        refused: list[Ingested] = []
        added: list[Added] = []
        for upload in uploads:
            try:
                added += await add_file(deployment, creator.id, upload)
            except UploadRefused as refusal:
                refused.append(Ingested(upload.path, "refused", reason=str(refusal)))
        async with working(deployment) as worker:
            wanted = [entry.source_id for entry in added]
            sources = await _wait(deployment, creator.id, wanted, worker, quiet=quiet)
    return refused + [_result(entry, sources, deployment.embedder.languages) for entry in added]


async def add_file(deployment: Deployment, creator_id: CreatorId, upload: Upload) -> list[Added]:
    """Read a file with timed text and write its sources with their jobs.

    Raises:
        UploadRefused: it cannot be read or is no timed text.
    """
    new = await asyncio.to_thread(_new_sources, deployment, upload)
    return await deployment.shelf.add(creator_id, new, None)


def _new_sources(deployment: Deployment, upload: Upload) -> list[NewSource]:
    name, services = Path(upload.path).name, deployment.services
    transcripts = services.read_timed_text(name, _content(upload.path, services.largest_file_bytes))
    return new_sources(
        transcripts, file_name=name, link=upload.link, title=upload.title, language=upload.language,
        detect=services.detect_language,
    )  # fmt: skip


def _content(path: str, largest_bytes: int) -> bytes:
    if path.startswith(("http://", "https://")):
        raise UploadRefused("Links alone cannot be read yet: download the captions and give the file, with --link.")
    try:
        check_size(Path(path).name, Path(path).stat().st_size, largest_bytes)
        return Path(path).read_bytes()
    except OSError as error:
        raise UploadRefused(f"{path} cannot be read: {error.strerror}.") from error


@asynccontextmanager
async def working(deployment: Deployment) -> AsyncIterator["asyncio.Task[None]"]:
    """A worker of our own while the block lasts, so that nothing else needs to run."""
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(deployment, stop))
    try:
        yield worker
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await worker


async def _wait(
    deployment: Deployment,
    creator_id: CreatorId,
    wanted: Sequence[SourceId],
    worker: "asyncio.Task[None]",
    *,
    quiet: bool,
) -> dict[SourceId, Source]:
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (TextColumn("{task.description:.40}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[SourceId, TaskID] = {}
        while True:
            sources = {s.id: s for s in await deployment.shelf.sources(creator_id) if s.id in wanted}
            for source in sources.values():
                if source.id not in bars:
                    bars[source.id] = progress.add_task(source.title, total=1.0)
                progress.update(bars[source.id], completed=_share(source))
            if all(source.stage in DONE for source in sources.values()):
                return sources
            if worker.done():  # it never ends by itself unless it failed
                worker.result()
            await asyncio.sleep(LOOK_EVERY_S)


def _share(source: Source) -> float:
    return 1.0 if source.stage in DONE else source.progress


def _result(added: Added, sources: Mapping[SourceId, Source], read: Set[str]) -> Ingested:
    source = sources.get(added.source_id)
    if source is None or source.stage is Stage.FAILED:
        reason = source.reason if source else "It was removed meanwhile."
        return Ingested(added.title, "failed", added.source_id, reason)
    warning = language_warning((source.language,), read)
    return Ingested(added.title, "known" if added.known else "ready", added.source_id, warning=warning)
