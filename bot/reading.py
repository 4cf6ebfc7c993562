"""Opens what sources are read with: storage, downloads, video sites, speech recognition."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from adapters.files.objects import S3Address, open_local_files, open_s3_files
from adapters.sources import links, media
from adapters.sources.downloads import HttpDownloads
from adapters.sources.kinds import LocalFileKinds
from adapters.sources.language import detect_language
from adapters.sources.timed_text import read_timed_text_apart
from adapters.sources.video_sites import YtDlpVideoSites
from adapters.sources.words import FileWords
from bot.settings import MEGABYTE, Settings, key_of
from core.asking.budgets import Period
from core.errors import ConfigurationError
from core.ids import CreatorId
from core.library.intake import Intake, IntakeLimits
from core.library.keeping import Keeping, MediaClaims
from core.library.media import MediaFiles
from core.library.origins import DownloadLimits
from core.library.quotas import SpeechBudget
from core.library.scratch import Scratch
from core.library.source_reader import PortReader, ReadingLimits
from core.library.speech import Recognitions, Transcriber

log = structlog.get_logger()


def make_intake(settings: Settings, keeping: Keeping) -> Intake:
    """What takes files and links in, for the chat and for the shell."""
    most = IntakeLimits(
        file_bytes=settings.limits.file_mb * MEGABYTE, media_bytes=settings.limits.media_mb * MEGABYTE,
        longest_s=settings.limits.media_hours * 3600,
    )  # fmt: skip
    return Intake(keeping, LocalFileKinds(), read_timed_text_apart, FileWords().read_file, detect_language, most)


@asynccontextmanager
async def open_reader(
    settings: Settings, files: MediaFiles, claims: MediaClaims, scratch: Scratch,
    recognitions: Callable[[CreatorId], Recognitions], spent_usd: Callable[[CreatorId, Period], Awaitable[float]],
) -> AsyncIterator[PortReader]:  # fmt: skip
    """A reader of every kind of source.

    Raises:
        ConfigurationError: ``models.transcribe`` names what cannot be used.
    """
    most = ReadingLimits(
        media_bytes=settings.limits.media_mb * MEGABYTE, document_bytes=settings.limits.file_mb * MEGABYTE,
        longest_s=settings.limits.media_hours * 3600,
    )  # fmt: skip
    transcriber = make_transcriber(settings)
    try:
        yield PortReader(
            files=files, keeping=Keeping(files, claims, settings.limits.max_storage_gb), recordings=media,
            words=FileWords(), links=links,
            downloads=HttpDownloads(allow_loopback=settings.downloads.allow_loopback),
            sites=YtDlpVideoSites(
                DownloadLimits(most.media_bytes), proxy=settings.downloads.proxy.get_secret_value()
            ),
            transcriber=transcriber, recognitions=recognitions, limits=most,
            budget=_speech_budget(settings, spent_usd), scratch=scratch,
            detect_language=detect_language,
        )  # fmt: skip
    finally:
        if transcriber is not None:
            await transcriber.close()


def _speech_budget(settings: Settings, spent_usd: Callable[[CreatorId, Period], Awaitable[float]]) -> SpeechBudget:
    """What listening may cost; without a limit where it costs nothing."""
    if not settings.models.transcribe_usd_per_hour:
        return SpeechBudget(0.0, spent_usd)
    return SpeechBudget(settings.limits.model_usd_per_day, spent_usd, settings.limits.model_usd_per_month)


def open_files(settings: Settings, scratch: Scratch) -> MediaFiles:
    """Where media are kept: an S3-compatible store, or a folder.

    Raises:
        ConfigurationError: the store's address is not complete.
    """
    if not settings.storage.s3_endpoint:
        return open_local_files(settings.storage.data_dir / "media")
    address = S3Address(
        endpoint=settings.storage.s3_endpoint, bucket=settings.storage.s3_bucket, region=settings.storage.s3_region,
        access_key=settings.storage.s3_access_key.get_secret_value(),
        secret_key=settings.storage.s3_secret_key.get_secret_value(),
    )  # fmt: skip
    return open_s3_files(address, scratch)


def make_transcriber(settings: Settings) -> Transcriber | None:
    """The recogniser of ``models.transcribe``; None where it is empty, or local and not installed.

    Raises:
        ConfigurationError: it has another form, its key is missing, or it gives no times.
    """
    kind, _, model = settings.models.transcribe.partition(":")
    if not kind:
        return None
    if kind == "local" and not model:
        from adapters.models.local_speech import LocalTranscriber

        try:
            return LocalTranscriber(settings.storage.data_dir / "models")
        except ConfigurationError as error:
            log.warning("speech cannot be recognised; only what has captions can be read", reason=str(error))
            return None
    usd_per_hour = settings.models.transcribe_usd_per_hour
    if kind == "openai" and model:
        from adapters.models.openai_speech import OpenAITranscriber

        key = key_of(settings.openai.api_key, "openai.api_key", "models.transcribe")
        return OpenAITranscriber(model, api_key=key, base_url=settings.openai.base_url, usd_per_hour=usd_per_hour)
    if kind == "elevenlabs" and model:
        from adapters.models.elevenlabs_speech import ElevenLabsTranscriber

        key = key_of(settings.elevenlabs.api_key, "elevenlabs.api_key", "models.transcribe")
        return ElevenLabsTranscriber(
            model, api_key=key, base_url=settings.elevenlabs.base_url, usd_per_hour=usd_per_hour
        )
    raise ConfigurationError(
        f"models.transcribe is {settings.models.transcribe!r}; it takes local, openai:NAME or elevenlabs:NAME."
    )
