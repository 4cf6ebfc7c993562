"""What a worker does: every job wired to its part of the core, and the loop that takes them."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

import structlog

from adapters.postgres.acts import PostgresActs
from adapters.postgres.admission import PostgresAdmission
from adapters.postgres.deployment import open_queue
from adapters.postgres.inbox import PostgresInbox
from adapters.postgres.knowledge import PostgresKnowledge
from adapters.postgres.memory import PostgresSummedSessions
from adapters.postgres.spoken import PostgresSpokenTexts
from adapters.postgres.study_work import PostgresStudyBench
from adapters.postgres.watchlist import PostgresWatchlist
from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from bot.app import Deployment
from bot.closing import Closing
from bot.items import ItemWork
from bot.reindexing import ReindexWork
from bot.webhooks import handlers_of
from bot.worker import Tasks, register, work
from core.asking.choices import ModelChoices
from core.asking.summing import Summing
from core.errors import DatabaseError
from core.ids import CreatorId
from core.library.freshness import Recheck
from core.library.learning import Learning
from core.library.respelling import Respelling
from core.rewards.awarding import Awarding
from core.study.studying import Studying
from core.webhooks import Webhooks

log = structlog.get_logger()

WAIT_FOR_DATABASE_S: Final = 2.0


def tasks_of(deployment: Deployment, stop: asyncio.Event) -> Tasks:
    """What a worker of this deployment does."""
    services, database, showing = deployment.services, deployment.database, deployment.services.showing
    items = ItemWork(
        deployment.shelf,
        deployment.indexer,
        deployment.reader,
        PostgresAdmission(database),
        stop,
        deployment.require_room,
    )
    links = Recheck(PostgresWatchlist(database), deployment.rereader, deployment.shelf, deployment.indexer)
    names = Respelling(
        services.glossaries,
        PostgresSpokenTexts(database),
        deployment.shelf,
        deployment.indexer,
    )
    awarding = Awarding(
        PostgresActs(database),
        services.ledger,
        services.rewards,
        services.streaks,
        services.flags,
    )
    webhooks = Webhooks(PostgresInbox(database), {**handlers_of(services), **deployment.payouts.handlers})
    studying = Studying(
        PostgresStudyBench(database),
        deployment.embedders,
        SnowballStemmer(),
        services.clerk,
        partial(datetime.now, UTC),
        written=bool(deployment.settings.models.answer),
        paid_for=partial(_studies, services.model_choices),
    )
    return Tasks(
        items=items,
        engine=deployment.engine,
        directory=deployment.directory,
        housekeeping=deployment,
        links=links,
        names=names,
        reindexing=ReindexWork(deployment.reindexings, deployment.embedders, stop),
        awarding=awarding,
        payouts=deployment.payouts,
        webhooks=webhooks,
        closing=Closing(showing.standings, showing.seasons, showing.digests, services.insights),
        learning=Learning(PostgresKnowledge(database), deployment.indexer, split_sentences),
        studying=studying,
        purchases=services.purchases,
        following=services.linking.following,
        roles=services.tier_roles,
        summing=Summing(PostgresSummedSessions(database), services.clerk),
        stop=stop,
    )


async def _studies(choices: ModelChoices, creator_id: CreatorId) -> bool:
    """Whether a creator pays models for study material."""
    return (await choices.of(creator_id)).studies


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
