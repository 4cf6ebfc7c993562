"""What the operator does in the shell: tenants, work, migrations, backups, one question."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.postgres.migrations import migrate
from bot.app import Deployment, open_address, open_deployment
from bot.settings import Settings
from core.asking.answer import Answer
from core.asking.limits import with_budget_notice
from core.asking.question import Question
from core.asking.usage import UsageReport
from core.errors import Refused
from core.ids import CreatorId, ItemId
from core.library.estimates import share_done
from core.library.reindexing import Reindexing
from core.library.store import Source
from core.library.worklog import WorkRecord, record_lines
from core.members.directory import Creator, Purpose
from core.rewards.economy import Economy
from core.tiers import ALL_TIERS


async def bring_up_to_date(settings: Settings) -> list[str]:
    """Apply what is missing and return the versions."""
    async with open_address(settings) as address:
        return await migrate(address.admin_url)


async def back_up(settings: Settings, file: Path) -> None:
    """Write everything into one file."""
    from adapters.postgres.backup import backup

    async with open_address(settings) as address:
        await migrate(address.admin_url)
        await backup(address.admin_url, file)


async def bring_back(settings: Settings, file: Path) -> None:
    """Fill an empty database from a file."""
    from adapters.postgres.backup import restore

    async with open_address(settings) as address:
        await restore(address.admin_url, file)


async def add_creator(settings: Settings, handle: str, name: str) -> dict[str, str]:
    """Make a creator, and a code with which its first community joins and its owner takes over."""
    async with open_deployment(settings) as deployment:
        added = await deployment.directory.add_creator(handle, name, None)
        return await _owner_code(deployment, added)


async def new_owner_code(settings: Settings, handle: str) -> dict[str, str]:
    """Another such code, for a creator without an owner.

    Raises:
        Refused: there is no such creator, or it has an owner.
    """
    async with open_deployment(settings) as deployment:
        found = await creator_called(deployment, handle)
        if found.owner_id is not None:
            raise Refused(
                f"{handle} has an owner already, who gets codes for further communities from /settings and gives "
                "the creator up by erasing themselves with /privacy."
            )
        return await _owner_code(deployment, found)


async def _owner_code(deployment: Deployment, creator: Creator) -> dict[str, str]:
    made = await deployment.directory.new_join_code(creator.id, Purpose.OWNERSHIP)
    return {"handle": creator.handle, "name": creator.name, "code": made.code, "until": made.expires_at.isoformat()}


async def creator_budget(
    settings: Settings, handle: str, per_day: int | None, per_month: int | None
) -> dict[str, Any]:
    """Set how much a creator may issue, where something is given, and return it as it is now.

    Raises:
        Refused: there is no such creator.
    """
    async with open_deployment(settings) as deployment:
        found, tariffs = await creator_called(deployment, handle), deployment.services.tariffs
        if per_day is not None or per_month is not None:
            await tariffs.limit(found.id, per_day, per_month)
        return {"handle": found.handle, **asdict((await tariffs.of(found.id)).budget)}


async def list_creators(settings: Settings) -> list[dict[str, Any]]:
    """All creators with the number of their sources."""
    async with open_deployment(settings) as deployment:
        return [
            {"handle": c.handle, "name": c.name, "sources": len(await deployment.shelf.sources(c.id))}
            for c in await deployment.directory.creators()
        ]


async def ask_once(settings: Settings, handle: str, question: str) -> Answer:
    """One question without a session; what it costs counts as the creator's, and their budget holds here too."""
    async with open_deployment(settings) as deployment:
        found, conversations = await creator_called(deployment, handle), deployment.services.conversations
        admission = await conversations.admit_operator(found.id, deployment.services.limits)
        asked = Question(
            found.id,
            question,
            language=found.language,
            step=admission.step,
            tiers=ALL_TIERS,
            models=admission.models,
            usage_id=admission.usage_id,
        )
        answer = with_budget_notice(await deployment.engine.answer(asked), admission)
        await conversations.settle(found.id, answer, admission)
    return answer


async def usage_of(settings: Settings, handle: str) -> tuple[str, UsageReport]:
    """A creator's name and use of models up to now."""
    async with open_deployment(settings) as deployment:
        found, services = await creator_called(deployment, handle), deployment.services
        return found.name, await services.model_usage.report(found.id, services.limits, datetime.now(UTC))


async def economy_of(settings: Settings, handle: str) -> tuple[str, Economy]:
    """A creator's name and economy up to now."""
    async with open_deployment(settings) as deployment:
        found, services = await creator_called(deployment, handle), deployment.services
        now = datetime.now(UTC)
        return found.name, await services.showing.economies.economy(
            found.id, (await services.tariffs.of(found.id)).budget, now
        )


@dataclass(frozen=True, slots=True)
class Job:
    """The work on one source of a creator, and what is kept of it."""

    creator: Creator
    source: Source
    record: WorkRecord

    @property
    def lines(self) -> list[str]:
        """For a person to read: what it is and how far, then the record."""
        source = self.source
        state = f"{source.item_id:>6}  {self.creator.handle:20} {source.stage.value:12} {share_done(source):4.0%}"
        reason = [source.reason] if source.reason else []
        told = [*reason, *record_lines(source, self.record, operator=True)]
        return [f"{state}  {source.title}", *(f"{'':8}{line}" for line in told)]

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        source = self.source
        kept = asdict(self.record) | {"seconds": dict(self.record.seconds)}
        return {
            "id": source.item_id, "creator": self.creator.handle, "stage": source.stage.value, "title": source.title,
            "progress": source.progress, "done": share_done(source), "reason": source.reason,
            "error": source.last_error, **kept,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Move:
    """A library on its way to another embedder; it has no number, since it goes on by itself."""

    creator: Creator
    moving: Reindexing

    @property
    def lines(self) -> list[str]:
        """For a person to read."""
        line = f"{'-':>6}  {self.creator.handle:20} {'reindexing':12} {self._done:4.0%}  {self._title}"
        return [line, *(f"{'':8}{words}" for words in (self.moving.reason, self.moving.error) if words)]

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return {
            "id": None, "creator": self.creator.handle, "stage": "reindexing", "title": self._title,
            "progress": self._done, "reason": self.moving.reason, "error": self.moving.error,
        }  # fmt: skip

    @property
    def _done(self) -> float:
        return self.moving.done / self.moving.total if self.moving.total else 0.0

    @property
    def _title(self) -> str:
        return f"{self.moving.done} of {self.moving.total} sources with {self.moving.name}"


async def list_work(settings: Settings, limit: int, *, finished: bool) -> tuple[list[Move | Job], int]:
    """The newest work, at most ``limit`` of all creators', and how much there is in all.

    Args:
        settings: where the deployment is.
        limit: the most that is listed.
        finished: also what is ready.
    """
    found: list[tuple[Creator, Source]] = []
    moves: list[Move] = []
    total = 0
    async with open_deployment(settings) as deployment:
        for creator in await deployment.directory.creators():
            sources, count = await _work_of(deployment, creator.id, limit, finished=finished)
            moving = await deployment.reindexings.under_way(creator.id)
            moves += [Move(creator, moving)] if moving else []
            found += [(creator, source) for source in sources]
            total += count
        newest = sorted(found, key=lambda entry: -entry[1].item_id)[:limit]
        records = [await deployment.services.worklog.record(creator.id, source.id) for creator, source in newest]
    work: list[Move | Job] = [*moves]
    work += [Job(*entry, record) for entry, record in zip(newest, records, strict=True) if record]
    return work[:limit], len(moves) + total


async def _work_of(
    deployment: Deployment, creator_id: CreatorId, limit: int, *, finished: bool
) -> tuple[list[Source], int]:
    if not finished:
        return await deployment.shelf.undone(creator_id, limit)
    sources = await deployment.shelf.sources(creator_id)
    return sources[:limit], len(sources)


async def retry_work(settings: Settings, item_id: int) -> None:
    """Put failed work back into the queue.

    Raises:
        Refused: there is no such work, or it did not fail.
    """
    async with open_deployment(settings) as deployment:
        for creator in await deployment.directory.creators():
            source_id = await deployment.shelf.source_of(creator.id, ItemId(item_id))
            if source_id is not None and await deployment.shelf.retry(creator.id, source_id):
                return
    raise Refused(f"There is no failed work with the number {item_id}; 'chronos jobs list' shows them.")


async def creator_called(deployment: Deployment, handle: str) -> Creator:
    """A creator by handle.

    Raises:
        Refused: there is none.
    """
    found = await deployment.directory.creator(handle)
    if found is None:
        known = ", ".join(creator.handle for creator in await deployment.directory.creators())
        raise Refused(
            f"There is no creator {handle!r}. Known: {known}. 'chronos creator add' makes one."
            if known
            else "There are no creators yet: 'chronos run' without a platform token brings the sample library, "
            "and 'chronos creator add' makes one of your own."
        )
    return found
