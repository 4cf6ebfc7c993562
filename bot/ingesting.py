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
from bot.app import Deployment, open_deployment
from bot.settings import Settings
from bot.tasks import run_worker
from core.errors import ProviderError, UploadRefused
from core.ids import CreatorId, SourceId
from core.library.cards import stage_words
from core.library.estimates import left_s, left_words, share_done
from core.library.intake import Said
from core.library.store import AS_USUAL, Added, NewWorkflow, Source, Stage, UploadSettings
from core.library.uploads import language_warning

LOOK_EVERY_S = 0.25
DONE = frozenset({Stage.COMPLETED, Stage.FAILED})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file or link to ingest, with what is said of it; empty where nothing is."""

    path: str
    link: str = ""
    title: str = ""
    language: str = ""
    settings: UploadSettings = AS_USUAL


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
                added += await add_one(deployment, creator.id, upload)
            except UploadRefused as refusal:
                refused.append(Ingested(upload.path, "refused", reason=str(refusal)))
            except OSError as error:
                refused.append(Ingested(upload.path, "refused", reason=f"It cannot be read: {error.strerror}."))
            except ProviderError as error:
                refused.append(Ingested(upload.path, "refused", reason=f"It cannot be kept: {error}."))
        async with working(deployment) as worker:
            sources = await _wait(deployment, creator.id, added, worker, quiet=quiet)
        read = deployment.embedders.languages(await deployment.shelf.embedder_of(creator.id))
    given = {entry.source_id for entry in added}
    listed = [Added(source.id, source.title, known=False) for source in sources.values() if source.id not in given]
    return refused + [_result(entry, sources, read) for entry in (*added, *listed)]


async def add_one(deployment: Deployment, creator_id: CreatorId, upload: Upload) -> list[Added]:
    """Check a file or link and put it to work.

    Raises:
        UploadRefused: it cannot be read, or is nothing that is taken.
    """
    intake, words = deployment.services.intake, Said(upload.link, upload.title, upload.language)
    if upload.path.startswith(("http://", "https://")):
        if upload.link:
            raise UploadRefused("--link says where the video of a file is; a link needs none.")
        new = intake.links(upload.path, words)
    else:
        file = Path(upload.path)
        name = file.name.encode("utf-8", "replace").decode()  # a name may hold bytes that are no letters
        new = await intake.file(creator_id, file, name, words)
    added = await deployment.shelf.add(creator_id, new, None, NewWorkflow(settings=upload.settings))
    for entry in added:
        if entry.known:  # what failed before is tried again, as by /upload
            await deployment.shelf.retry(creator_id, entry.source_id)
    return added


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
    added: Sequence[Added],
    worker: "asyncio.Task[None]",
    *,
    quiet: bool,
) -> dict[SourceId, Source]:
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (
        TextColumn("{task.description:.40}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[doing]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        bars: dict[SourceId, TaskID] = {}
        while True:
            sources = _together(await deployment.shelf.sources(creator_id), added)
            paces = await deployment.services.worklog.paces(creator_id)
            for source in sources.values():
                if source.id not in bars:
                    bars[source.id] = progress.add_task(source.title, total=1.0, doing="")
                doing = f"{stage_words(source)}{left_words(left_s(source, paces))}"
                done = share_done(source)
                progress.update(bars[source.id], description=source.title, completed=done, doing=doing)
            if all(source.stage in DONE for source in sources.values()):
                return sources
            if worker.done():  # it never ends by itself unless it failed
                worker.result()
            await asyncio.sleep(LOOK_EVERY_S)


def _together(sources: Sequence[Source], added: Sequence[Added]) -> dict[SourceId, Source]:
    """What was added, and what a playlist or feed among it turned out to hold."""
    given = {entry.source_id: entry.known for entry in added}
    workflows = {source.workflow_id for source in sources if given.get(source.id) is False}
    return {s.id: s for s in reversed(sources) if s.id in given or s.workflow_id in workflows}


def _result(added: Added, sources: Mapping[SourceId, Source], read: Set[str]) -> Ingested:
    source = sources.get(added.source_id)
    if source is None or source.stage is Stage.FAILED:
        reason = source.reason if source else "It was removed meanwhile."
        return Ingested(source.title if source else added.title, "failed", added.source_id, reason)
    warning = language_warning((source.language,), read)
    return Ingested(source.title, "known" if added.known else "ready", added.source_id, warning=warning)
