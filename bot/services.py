"""Everything that commands work with, made once for a deployment."""

from dataclasses import dataclass

from adapters.pictures.artist import PillowArtist
from adapters.postgres.announcements import PostgresAnnouncements
from adapters.postgres.answer_cache import PostgresAnswerCache
from adapters.postgres.asked import PostgresAskedQuestions
from adapters.postgres.assistants import PostgresAssistants
from adapters.postgres.audit import PostgresAudit
from adapters.postgres.catalogue import PostgresCatalogue
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.database import Database
from adapters.postgres.digests import PostgresDigests
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.economy import PostgresEconomies
from adapters.postgres.escalations import PostgresEscalations
from adapters.postgres.flags import PostgresFlags
from adapters.postgres.glossary import PostgresGlossaries
from adapters.postgres.grants import PostgresGrants
from adapters.postgres.holdings import PostgresHoldings
from adapters.postgres.insights import PostgresInsightQuestions
from adapters.postgres.knowledge import PostgresKnowledge
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.memory import PostgresMemories
from adapters.postgres.model_choices import PostgresModelChoices
from adapters.postgres.model_usage import PostgresModelUsage
from adapters.postgres.offers import PostgresOffers
from adapters.postgres.projects import PostgresProjects
from adapters.postgres.purchases import PostgresPurchases
from adapters.postgres.quizzes import PostgresQuizzes
from adapters.postgres.reindexing import PostgresReindexings
from adapters.postgres.revisions import PostgresRevisions
from adapters.postgres.seasons import PostgresSeasons
from adapters.postgres.shelf import PostgresShelf
from adapters.postgres.standings import PostgresStandings
from adapters.postgres.streaks import PostgresStreaks
from adapters.postgres.studies import PostgresStudies
from adapters.postgres.tariffs import PostgresTariffs
from adapters.postgres.tier_roles import PostgresTierRoles
from adapters.postgres.watching import PostgresWatching
from adapters.postgres.worklog import PostgresWorklog
from adapters.sources import media
from adapters.sources.stemming import SnowballStemmer
from adapters.web.signing import PersonalWatchLinks, SignedWatchLinks
from bot.commands.registry import Services, Showing
from bot.engine import make_limits
from bot.payouts import make_desk
from bot.reading import make_intake
from bot.rewards import make_rewards
from bot.settings import MEGABYTE, Settings
from core.asking.embedding import Embedders
from core.asking.engine import Engine
from core.asking.forms import Clerk
from core.asking.insights import Insights
from core.library.clips import Clips
from core.library.keeping import Keeping
from core.library.media import MediaFiles
from core.library.scratch import Scratch
from core.members.linking import Linking
from core.rewards.projects import MOST_SENT_BYTES, HandedInFiles


@dataclass(frozen=True, slots=True)
class Kept:
    """Where files and texts lie."""

    files: MediaFiles
    scratch: Scratch
    keeping: Keeping
    holdings: PostgresHoldings


def make_services(
    settings: Settings,
    database: Database,
    engine: Engine,
    embedders: Embedders,
    kept: Kept,
    links: SignedWatchLinks,
    personal_links: PersonalWatchLinks,
    linking: Linking,
    clerk: Clerk,
) -> Services:
    """Put the services together."""
    rewards = make_rewards(settings)
    return Services(
        engine=engine,
        directory=PostgresDirectory(database),
        conversations=PostgresConversations(database),
        shelf=PostgresShelf(database),
        links=links,
        intake=make_intake(settings, kept.keeping),
        limits=make_limits(settings),
        embedders=embedders,
        reindexings=PostgresReindexings(database),
        catalogue=PostgresCatalogue(database),
        transcripts=kept.holdings,
        clips=Clips(kept.holdings, kept.files, media, kept.scratch),
        scratch=kept.scratch,
        worklog=PostgresWorklog(database),
        revisions=PostgresRevisions(database),
        glossaries=PostgresGlossaries(database),
        announcements=PostgresAnnouncements(database),
        knowledge=PostgresKnowledge(database),
        escalations=PostgresEscalations(database),
        asked=PostgresAskedQuestions(database),
        clerk=clerk,
        memories=PostgresMemories(database),
        insights=make_insights(database, embedders),
        assistants=PostgresAssistants(database),
        kept_answers=PostgresAnswerCache(database),
        stem=SnowballStemmer(),
        ledger=PostgresLedger(database),
        rewards=rewards,
        desk=make_desk(settings, database),
        flags=PostgresFlags(database),
        tariffs=PostgresTariffs(database, rewards),
        streaks=PostgresStreaks(database),
        showing=make_showing(database),
        quizzes=PostgresQuizzes(database),
        projects=PostgresProjects(database),
        handed_in=HandedInFiles(kept.keeping, kept.files, min(settings.limits.file_mb * MEGABYTE, MOST_SENT_BYTES)),
        watching=PostgresWatching(database),
        personal_links=personal_links,
        offers=PostgresOffers(database),
        purchases=PostgresPurchases(database),
        linking=linking,
        tier_roles=PostgresTierRoles(database),
        studies=PostgresStudies(database),
        model_choices=PostgresModelChoices(database),
        model_usage=PostgresModelUsage(database),
        model_names=settings.models.writers,
        uploads_per_hour=settings.limits.uploads_per_hour,
        registration=settings.operator.registration,
        contact=settings.operator.contact,
    )


def make_insights(database: Database, embedders: Embedders) -> Insights:
    """What looks at what was asked."""
    return Insights(PostgresInsightQuestions(database), PostgresShelf(database), embedders, SnowballStemmer())


def make_showing(database: Database) -> Showing:
    """What of CHRONOS is shown, and what the staff looks after."""
    return Showing(
        PillowArtist(),
        PostgresStandings(database),
        PostgresSeasons(database),
        PostgresEconomies(database),
        PostgresDigests(database),
        PostgresGrants(database),
        PostgresAudit(database),
    )
