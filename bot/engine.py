"""The engine's parts put together: who searches, who writes, what is kept, and whose money it is."""

import structlog

from adapters.postgres.answer_cache import PostgresAnswerCache
from adapters.postgres.catalogue import PostgresCatalogue
from adapters.postgres.database import Database
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.spending import PostgresTill
from adapters.sources.stemming import SnowballStemmer
from bot.cache_watch import CountedLooks
from bot.settings import MEGABYTE, Settings
from bot.writers import Models
from core.asking.authors import Authors
from core.asking.cache import AnswerCache
from core.asking.clerk import ModelClerk
from core.asking.embedding import Embedders
from core.asking.engine import Engine
from core.asking.holdings import Snapshots
from core.asking.limits import Limits
from core.asking.routing import Routing
from core.errors import ProviderError
from core.library.watching import WatchLinks

log = structlog.get_logger()


class ModelLog:
    """Tells the operator which model failed and why."""

    def model_failed(self, model: str, error: ProviderError) -> None:
        """See :class:`core.asking.authors.ModelWatch`."""
        log.warning("a model failed; the next one answers", model=model, reason=str(error))


def make_engine(
    settings: Settings,
    database: Database,
    embedders: Embedders,
    models: Models,
    holdings: PostgresHoldings,
    links: WatchLinks,
) -> tuple[ModelClerk, Engine]:
    """Put the engine together, and the clerk; a form that fails is no reason to leave a model's answers alone."""
    stem, authors = SnowballStemmer(), Authors(ModelLog())
    till = PostgresTill(database, make_limits(settings))
    clerk = ModelClerk(models.forms, till, authors.watch)
    engine = Engine(
        holdings=holdings,
        snapshots=Snapshots(holdings, settings.retrieval.memory * MEGABYTE, settings.retrieval.snapshot_max_units),
        embedders=embedders,
        stem=stem,
        routing=Routing(models.large, models.small),
        authors=authors,
        links=links,
        cache=AnswerCache(PostgresAnswerCache(database), holdings, stem, links, CountedLooks()),
        clerk=clerk,
        till=till,
        contents=PostgresCatalogue(database),
    )
    return clerk, engine


def make_limits(settings: Settings) -> Limits:
    """The limits on asking; where no model writes there is no money to limit."""
    pays = bool(settings.models.writers)
    return Limits(
        settings.limits.questions_per_minute, settings.limits.community_questions_per_minute,
        settings.limits.model_usd_per_day * pays, settings.limits.questions_per_day,
        settings.limits.model_usd_per_month * pays, settings.limits.student_model_usd_per_day * pays,
    )  # fmt: skip
