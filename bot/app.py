"""Opens, wires and closes everything. The only place where parts meet; it reads from top to bottom."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from adapters.postgres.database import Database, open_database, raw_connection
from adapters.postgres.deployment import PostgresGreetings, clock_leadership, enqueue, link_key
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.embedded import embedded_server
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.jobs import put_recheck
from adapters.postgres.media_claims import PostgresMediaClaims
from adapters.postgres.migrations import migrate
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.overheard import PostgresNotebook
from adapters.postgres.reindexing import PostgresReindexings
from adapters.postgres.roles import PostgresRoles
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.transcripts import PostgresRecognitions
from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from adapters.web.signing import PersonalWatchLinks, SignedWatchLinks
from bot.commands.everything import EVERYTHING
from bot.commands.registry import Services
from bot.deliveries import deliver_for_ever
from bot.embedders import open_embedders
from bot.engine import make_engine
from bot.memberships import open_linking
from bot.payouts import PayoutWork, open_payouts
from bot.presence import beat_for_ever
from bot.reading import open_files, open_reader
from bot.responder import CommandResponder
from bot.role_changes import apply_for_ever
from bot.schedule import keep_time
from bot.services import Kept, make_services
from bot.settings import MEGABYTE, Settings
from bot.writers import open_models
from core.asking.embedding import Embedders
from core.asking.engine import Engine
from core.asking.forms import Clerk
from core.conversation import Messenger
from core.errors import DatabaseFull
from core.ids import CreatorId
from core.library.freshness import Rereader
from core.library.indexing import Indexer
from core.library.keeping import Keeping
from core.library.reading import SourceReader
from core.library.scratch import Scratch
from core.members.roles import RoleKeeper
from core.rewards.listening import Listening

log = structlog.get_logger()

RESERVE_BYTES = 64 * MEGABYTE
"""Room for a few files of PostgreSQL's log; without one it stops altogether."""


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
        await self.services.memories.tidy(creator_id)
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
        clerk, engine = make_engine(settings, database, embedders, models, holdings, links)
        kept = Kept(files, scratch, reader.keeping, holdings)
        personal_links = PersonalWatchLinks(signing_key, settings.public_url)
        services = make_services(settings, database, engine, embedders, kept, links, personal_links, linking, clerk)
        greetings = PostgresGreetings(database)
        try:
            yield Deployment(
                settings, address, database, PostgresDirectory(database), PostgresShelf(database), holdings,
                PostgresOutbox(database), greetings, embedders, PostgresReindexings(database),
                Indexer(embedders.usual, split_sentences, stem, embedders.of), given_reader or reader, reader, engine,
                links, reader.keeping, payouts, services, CommandResponder(EVERYTHING, services, greetings),
                Listening(PostgresNotebook(database, services.rewards)),
            )  # fmt: skip
        finally:
            await engine.close()


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
