"""Opens, wires and closes everything. The only place where parts meet; it reads from top to bottom."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from adapters.postgres.acts import PostgresActs
from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.answer_cache import PostgresAnswerCache
from adapters.postgres.catalogue import PostgresCatalogue
from adapters.postgres.database import Database, open_database, raw_connection
from adapters.postgres.deployment import PostgresGreetings, clock_leadership, enqueue, link_key, open_queue
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.embedded import embedded_server
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.jobs import put_recheck
from adapters.postgres.knowledge import PostgresKnowledge
from adapters.postgres.media_claims import PostgresMediaClaims
from adapters.postgres.memory import PostgresSummedSessions
from adapters.postgres.migrations import migrate
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.overheard import PostgresNotebook
from adapters.postgres.reindexing import PostgresReindexings
from adapters.postgres.roles import PostgresRoles
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.spending import PostgresTill
from adapters.postgres.spoken import PostgresSpokenTexts
from adapters.postgres.study_work import PostgresStudyBench
from adapters.postgres.transcripts import PostgresRecognitions
from adapters.postgres.watchlist import PostgresWatchlist
from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from adapters.web.signing import PersonalWatchLinks, SignedWatchLinks
from bot.cache_watch import CountedLooks
from bot.closing import Closing
from bot.commands.everything import EVERYTHING
from bot.commands.registry import Services
from bot.deliveries import deliver_for_ever
from bot.embedders import open_embedders
from bot.items import ItemWork
from bot.memberships import open_linking
from bot.payouts import PayoutWork, open_payouts
from bot.presence import beat_for_ever
from bot.reading import open_files, open_reader
from bot.reindexing import ReindexWork
from bot.responder import CommandResponder
from bot.role_changes import apply_for_ever
from bot.schedule import keep_time
from bot.services import Kept, make_limits, make_services
from bot.settings import MEGABYTE, Settings
from bot.webhooks import handlers_of
from bot.worker import Tasks, register, work
from bot.writers import open_models
from core.asking.authors import Authors
from core.asking.cache import AnswerCache
from core.asking.clerk import ModelClerk
from core.asking.embedding import Embedders
from core.asking.engine import Engine
from core.asking.forms import Clerk
from core.asking.holdings import Snapshots
from core.asking.routing import Routing
from core.asking.summing import Summing
from core.conversation import Messenger
from core.errors import DatabaseError, DatabaseFull, ProviderError
from core.ids import CreatorId
from core.library.freshness import Recheck, Rereader
from core.library.indexing import Indexer
from core.library.keeping import Keeping
from core.library.learning import Learning
from core.library.reading import SourceReader
from core.library.respelling import Respelling
from core.library.scratch import Scratch
from core.members.roles import RoleKeeper
from core.rewards.awarding import Awarding
from core.rewards.listening import Listening
from core.study.studying import Studying
from core.webhooks import Webhooks

log = structlog.get_logger()

RESERVE_BYTES = 64 * MEGABYTE
"""Room for a few files of PostgreSQL's log; without one it stops altogether."""
WAIT_FOR_DATABASE_S = 2.0


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the database is, and how a dead embedded server comes back (None where the server is not ours)."""

    url: str
    admin_url: str
    revive: Callable[[], Awaitable[None]] | None = None
    scratch: "Callable[[str], Awaitable[str]] | None" = None
    drop: "Callable[[str], Awaitable[None]] | None" = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """The opened core: everything that answers, ingests or administrates is made of these."""

    settings: Settings
    address: DatabaseAddress
    database: Database
    directory: PostgresDirectory
    shelf: PostgresShelf
    holdings: PostgresHoldings
    outbox: PostgresOutbox
    greetings: PostgresGreetings
    embedders: Embedders
    reindexings: PostgresReindexings
    indexer: Indexer
    reader: SourceReader
    rereader: Rereader
    engine: Engine
    links: SignedWatchLinks
    keeping: Keeping
    payouts: PayoutWork
    services: Services
    responder: CommandResponder
    listening: Listening

    def require_room(self) -> None:
        """See that the embedded database's disk can take more, so that questions are kept when uploads have to wait.

        Raises:
            DatabaseFull: what is left is a reserve; another server's disk cannot be seen from here.
        """
        if self.address.revive is None:
            return
        free_bytes = shutil.disk_usage(self.settings.storage.data_dir).free
        if free_bytes < RESERVE_BYTES:
            raise DatabaseFull(
                f"{self.settings.storage.data_dir} has {free_bytes / MEGABYTE:.0f} MB left, and uploads wait for "
                f"{RESERVE_BYTES / MEGABYTE:.0f}: free some space."
            )

    @property
    def clerk(self) -> Clerk:
        """Who has forms filled by models, for jobs."""
        return self.services.clerk

    async def tidy(self, creator_id: CreatorId) -> None:
        """See :class:`bot.worker.Housekeeping`."""
        await self.shelf.tidy(creator_id)
        await self.reindexings.wake(creator_id)
        await self.services.quizzes.tidy(creator_id, datetime.now(UTC))
        await self.services.asked.purge(creator_id)
        await self.services.studies.wake(creator_id, datetime.now(UTC))
        await self.services.model_usage.purge(creator_id)
        await self.services.kept_answers.purge(creator_id, datetime.now(UTC))

    async def sweep(self, creator_id: CreatorId) -> None:
        """See :class:`bot.worker.Housekeeping`."""
        if swept := await self.keeping.sweep(creator_id):
            log.info("files that nothing refers to were deleted", files=swept)

    async def put_recheck(self, creator_id: CreatorId) -> None:
        """See :class:`bot.worker.Housekeeping`."""
        async with self.database.system() as connection:
            await put_recheck(raw_connection(connection), creator_id)

    async def tidy_deployment(self) -> None:
        """See :class:`bot.worker.Housekeeping`."""
        await self.services.scratch.sweep()
        await self.outbox.purge()
        await PostgresRoles(self.database).purge()
        await self.directory.forget_expired_codes()
        inbox = PostgresInbox(self.database)
        await inbox.wake()
        await inbox.purge()


@asynccontextmanager
async def open_address(settings: Settings) -> AsyncIterator[DatabaseAddress]:
    """The configured database, or the embedded server, started or joined.

    Raises:
        DatabaseError: the embedded server cannot be started.
    """
    url = settings.database.url.get_secret_value()
    admin_url = settings.database.admin_url.get_secret_value()
    if url or admin_url:
        yield DatabaseAddress(url or admin_url, admin_url or url)
        return
    async with embedded_server(settings.storage.data_dir) as server:
        yield DatabaseAddress(
            server.url, server.url, server.ensure_running, server.create_database, server.drop_database
        )


@asynccontextmanager
async def open_deployment(settings: Settings) -> AsyncIterator[Deployment]:
    """Open the database, brought up to date, and everything that stands on it.

    Raises:
        ConfigurationError: a model is named that cannot be used.
        DatabaseError: the database cannot be used.
    """
    async with open_address(settings) as address:
        await migrate(address.admin_url)
        async with open_on(settings, address) as deployment:
            yield deployment


@asynccontextmanager
async def open_on(
    settings: Settings, address: DatabaseAddress, given_reader: SourceReader | None = None
) -> AsyncIterator[Deployment]:
    """Everything that stands on a migrated database; sources are read by ``given_reader`` where there is one."""
    scratch = Scratch(settings.storage.data_dir / "scratch")
    files = open_files(settings, scratch)
    async with (
        open_database(address.url, revive=address.revive) as database,
        open_embedders(settings) as embedders,
        open_models(settings) as models,
        open_payouts(settings, database) as payouts,
        open_linking(settings, database) as linking,
        open_reader(
            settings,
            files,
            PostgresMediaClaims(database),
            scratch,
            partial(PostgresRecognitions, database),
            lambda creator_id, period: PostgresRecognitions(database, creator_id).spent_usd(period),
        ) as reader,
    ):
        stem = SnowballStemmer()
        holdings = PostgresHoldings(database)
        signing_key = await link_key(database)
        links = SignedWatchLinks(signing_key, settings.public_url)
        authors = Authors(ModelLog())
        till = PostgresTill(database, make_limits(settings))
        clerk = ModelClerk(models.forms, till, authors.watch, authors.breaker)
        engine = Engine(
            holdings=holdings,
            snapshots=Snapshots(
                holdings, settings.retrieval.memory * MEGABYTE, settings.retrieval.snapshot_max_units
            ),
            embedders=embedders, stem=stem, routing=Routing(models.large, models.small), authors=authors, links=links,
            clerk=clerk, contents=PostgresCatalogue(database),
            cache=AnswerCache(PostgresAnswerCache(database), holdings, stem, links, CountedLooks()),
        )  # fmt: skip
        kept = Kept(files, scratch, reader.keeping, holdings)
        personal_links = PersonalWatchLinks(signing_key, settings.public_url)
        services = make_services(settings, database, engine, embedders, kept, links, personal_links, linking, clerk)
        greetings = PostgresGreetings(database)
        yield Deployment(
            settings, address, database, PostgresDirectory(database), PostgresShelf(database), holdings,
            PostgresOutbox(database), greetings, embedders, PostgresReindexings(database),
            Indexer(embedders.usual, split_sentences, stem, embedders.of), given_reader or reader, reader, engine,
            links, reader.keeping, payouts, services, CommandResponder(EVERYTHING, services, greetings),
            Listening(PostgresNotebook(database, services.rewards)),
        )  # fmt: skip


class ModelLog:
    """Tells the operator which model failed and why."""

    def model_failed(self, model: str, error: ProviderError) -> None:
        """See :class:`core.asking.authors.ModelWatch`."""
        log.warning("a model failed; the next one answers", model=model, reason=str(error))


def tasks_of(deployment: Deployment, stop: asyncio.Event) -> Tasks:
    """What a worker of this deployment does."""
    items = ItemWork(
        deployment.shelf, deployment.indexer, deployment.reader, PostgresAdmission(deployment.database), stop,
        deployment.require_room,
    )  # fmt: skip
    links = Recheck(
        PostgresWatchlist(deployment.database), deployment.rereader, deployment.shelf, deployment.indexer
    )  # fmt: skip
    names = Respelling(
        deployment.services.glossaries, PostgresSpokenTexts(deployment.database), deployment.shelf,
        deployment.indexer,
    )  # fmt: skip
    reindexing = ReindexWork(deployment.reindexings, deployment.embedders, stop)
    awarding = Awarding(
        PostgresActs(deployment.database), deployment.services.ledger, deployment.services.rewards,
        deployment.services.streaks, deployment.services.flags,
    )  # fmt: skip
    webhooks = Webhooks(
        PostgresInbox(deployment.database), {**handlers_of(deployment.services), **deployment.payouts.handlers}
    )
    showing = deployment.services.showing
    closing = Closing(showing.standings, showing.seasons, showing.digests, deployment.services.insights)
    learning = Learning(PostgresKnowledge(deployment.database), deployment.indexer, split_sentences)
    studying = Studying(
        PostgresStudyBench(deployment.database), deployment.embedders, SnowballStemmer(), deployment.services.clerk,
        partial(datetime.now, UTC), written=bool(deployment.settings.models.answer),
    )  # fmt: skip
    return Tasks(
        items, deployment.engine, deployment.directory, deployment, links, names, reindexing, awarding,
        deployment.payouts, webhooks, closing, learning, studying, deployment.services.purchases,
        deployment.services.linking.following, deployment.services.tier_roles,
        Summing(PostgresSummedSessions(deployment.database), deployment.services.clerk), stop,
    )  # fmt: skip


async def run_worker(deployment: Deployment, stop: asyncio.Event) -> None:
    """Take jobs until ``stop`` is set; a database that is away is waited for, or brought back where it is ours."""
    tasks = tasks_of(deployment, stop)
    await deployment.services.scratch.sweep()
    while not stop.is_set():
        try:
            async with open_queue(deployment.address.url) as queue:
                register(queue, tasks)
                await work(queue, stop)
        except DatabaseError as error:
            log.warning("the worker waits for the database", reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WAIT_FOR_DATABASE_S)
            await _revived(deployment)


async def _revived(deployment: Deployment) -> None:
    if deployment.address.revive is None:
        return
    try:
        await deployment.address.revive()
    except DatabaseError as error:
        log.error("the embedded database cannot be started", reason=str(error))


async def run_clock(deployment: Deployment) -> None:
    """Tick until cancelled."""

    async def put(name: str, slot: datetime) -> None:
        await enqueue(deployment.database, name, slot)

    await keep_time(put, lambda: clock_leadership(deployment.address.url))


async def run_presence(deployment: Deployment, reachable: Callable[[], bool]) -> None:
    """Note while the bot can be asked, until cancelled."""
    await beat_for_ever(deployment.services.streaks, reachable)


async def run_deliveries(deployment: Deployment, messenger: Messenger) -> None:
    """Deliver a platform's outbox until cancelled."""
    await deliver_for_ever(deployment.outbox, messenger)


async def run_role_changes(deployment: Deployment, platform: str, keeper: RoleKeeper) -> None:
    """Give and take a platform's roles until cancelled."""
    await apply_for_ever(PostgresRoles(deployment.database), platform, keeper)
