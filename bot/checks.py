"""`chronos check`: a line for each thing that must work, and what to do where it does not."""

import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import aiohttp
from aiohttp import web

from adapters.postgres.migrations import pending
from adapters.services.whop import Whop
from adapters.web.server import serve
from bot.app import Deployment, open_address, open_on
from bot.embedders import open_embedders
from bot.findings import Finding
from bot.model_checks import check_models
from bot.reading import make_transcriber, open_files
from bot.settings import OFFICIAL_DISCORD, Settings
from core.errors import ChronosError, ConfigurationError, EmbedderMissing, OperatorError
from core.library.scratch import Scratch
from core.members.directory import Creator
from core.members.memberships import Membership

ENOUGH_BYTES = 500_000_000
NOT_INSTALLED = (
    "the local recogniser is not installed, so only what has captions can be read: make install, or set "
    "models.transcribe to openai:NAME or elevenlabs:NAME"
)


async def check_all(settings: Settings) -> list[Finding]:
    """Check everything; one failure does not hide another."""
    findings = [Finding("settings", "ok", "read")]
    parts: tuple[tuple[str, Callable[[Settings], Awaitable[list[Finding]]]], ...] = (
        ("storage", _storage), ("media", _media), ("database", _database), ("embedder", _embedder),
        ("models", _models), ("speech", _speech), ("video sites", _video_sites),
        ("library", _library), ("payouts", _payouts), ("discord", _discord), ("telegram", _telegram),
        ("whop", _whop), ("http", _http),
    )  # fmt: skip
    for subject, part in parts:
        try:
            findings += await part(settings)
        except ChronosError as error:
            if str(error) not in {finding.words for finding in findings}:  # what the library stands on is said above
                findings.append(Finding(subject, "failed", str(error)))
    return findings


async def _storage(settings: Settings) -> list[Finding]:
    folder = settings.storage.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        return [Finding("storage", "failed", f"{folder} cannot be used ({error.strerror}); set storage.data_dir")]
    state = "ok" if free_bytes > ENOUGH_BYTES else "failed"
    return [Finding("storage", state, f"{folder}, {free_bytes / 1e9:.1f} GB free")]


async def _media(settings: Settings) -> list[Finding]:
    """Whether recordings can be kept: a small file is put, read and deleted."""
    await open_files(settings, Scratch(settings.storage.data_dir / "scratch")).check()
    where = f"the S3 bucket {settings.storage.s3_bucket}" if settings.storage.s3_endpoint else "in that folder"
    return [Finding("media", "ok", f"{where}: a file was put, read and deleted")]


async def _speech(settings: Settings) -> list[Finding]:
    """Who listens to what has no captions."""
    if not settings.models.transcribe:
        return [Finding("speech", "off", "no models.transcribe: only what has captions can be read")]
    transcriber = make_transcriber(settings)
    if transcriber is None:
        return [Finding("speech", "warning", NOT_INSTALLED)]
    await transcriber.close()
    where = "on this machine" if settings.models.transcribe == "local" else "asked with the first recording"
    return [Finding("speech", "ok", f"{transcriber.name}, {where}")]


async def _video_sites(_: Settings) -> list[Finding]:
    try:
        return [Finding("video sites", "ok", f"yt-dlp {version('yt-dlp')}; a newer one where a site cannot be read")]
    except PackageNotFoundError:
        words = "yt-dlp is not installed, so links to YouTube, Vimeo, Loom and Wistia cannot be read: make install"
        return [Finding("video sites", "warning", words)]


async def _database(settings: Settings) -> list[Finding]:
    configured = settings.database.url.get_secret_value() or settings.database.admin_url.get_secret_value()
    where = "configured" if configured else "embedded"
    async with open_address(settings) as address:
        missing = await pending(address.admin_url)
    if missing:
        return [Finding("database", "ok", f"{where}; {len(missing)} migrations will be applied at the next start")]
    return [Finding("database", "ok", f"{where}, up to date")]


async def _embedder(settings: Settings) -> list[Finding]:
    async with open_embedders(settings) as embedders:
        embedder = embedders.usual
        await embedder.embed_query("Does this model work?")
    reads = f"reads {', '.join(sorted(embedder.languages))} only" if embedder.languages else "reads many languages"
    return [Finding("embedder", "ok", f"{embedder.embedder_id}, {embedder.dimensions} dimensions, {reads}")]


async def _library(settings: Settings) -> list[Finding]:
    """Whether every creator's material is in a language, and under a model, that questions are searched with."""
    async with open_address(settings) as address:
        if await pending(address.admin_url):
            return []
        async with open_on(settings, address) as deployment:
            creators = await deployment.directory.creators()
            findings = [finding for creator in creators for finding in await _creators_library(deployment, creator)]
    return findings or [Finding("library", "ok", f"{len(creators)} creators")]


async def _payouts(settings: Settings) -> list[Finding]:
    """Whether what is to be paid out can be, as far as that is seen without paying."""
    rails, funded = settings.redemption.rails, settings.redemption.funded
    if not rails or not funded:
        return [Finding("payouts", "off", "no redemption.rails and redemption.funded: nothing can be redeemed")]
    async with open_address(settings) as address:
        if await pending(address.admin_url):
            return []
        async with open_on(settings, address) as deployment:
            known = {creator.handle for creator in await deployment.directory.creators()}
            paused = await deployment.payouts.freezes.count()
    return _payout_findings(rails, set(funded) - known, paused)


def _payout_findings(rails: Sequence[str], unknown: Set[str], paused: int) -> list[Finding]:
    found = [Finding("payouts", "ok", f"open: {', '.join(rails)}; asked with the first payout")]
    if unknown:
        words = f"redemption.funded names {', '.join(sorted(unknown))}, which is no creator's handle here"
        found.append(Finding("payouts", "warning", words))
    if paused:
        words = f"of {paused} creators payouts are paused: 'chronos ledger check' says why"
        found.append(Finding("payouts", "warning", words))
    return found


async def _creators_library(deployment: Deployment, creator: Creator) -> list[Finding]:
    embedder_id = await deployment.shelf.embedder_of(creator.id)
    try:
        embedder = deployment.embedders.of(embedder_id) if embedder_id else deployment.embedders.usual
    except EmbedderMissing as missing:
        return [Finding("library", "failed", f"{creator.handle}: {missing}")]
    found = []
    if embedder.embedder_id != deployment.embedders.usual.embedder_id:
        words = f"{creator.handle} is searched with {embedder.embedder_id}; /reindex moves it to that of models.embed"
        found.append(Finding("library", "ok", words))
    spoken = {source.language for source in await deployment.shelf.sources(creator.id) if source.language}
    others = sorted(spoken - embedder.languages) if embedder.languages else []
    if others:
        words = f"{creator.handle} is partly in {', '.join(others)}, which {embedder.embedder_id} does not read well"
        found.append(Finding("library", "warning", words))
    return found


async def _models(settings: Settings) -> list[Finding]:
    return await check_models(settings, datetime.now(UTC).date())


async def _discord(settings: Settings) -> list[Finding]:
    token = settings.discord.bot_token.get_secret_value()
    if not token:
        return [Finding("discord", "off", "no discord.bot_token; README: Discord in five minutes")]
    from adapters.discord.invitation import invite_url

    url = f"{settings.discord.api_url or OFFICIAL_DISCORD}/oauth2/applications/@me"
    status, body = await _get_json(url, {"Authorization": f"Bot {token}"})
    if status == 401:
        return [Finding("discord", "failed", "the token is refused: Developer Portal, Bot, Reset Token")]
    if status != 200:
        return [Finding("discord", "failed", f"Discord answered {status}; try again later")]
    return [
        Finding("discord", "ok", f"signed in as {body.get('name', 'the bot')}"),
        Finding("discord", "ok", f"invite it with {invite_url(int(body['id']))}"),
    ]


async def _telegram(settings: Settings) -> list[Finding]:
    token = settings.telegram.bot_token.get_secret_value()
    if not token:
        return [Finding("telegram", "off", "no telegram.bot_token; README: Telegram in five minutes")]
    status, body = await _get_json(f"{settings.telegram.api_url.rstrip('/')}/bot{token}/getMe", {})
    if status in {401, 404}:
        return [Finding("telegram", "failed", "the token is refused: ask @BotFather for it with /token")]
    if status != 200:
        return [Finding("telegram", "failed", f"Telegram answered {status}; try again later")]
    return [Finding("telegram", "ok", f"signed in as @{body['result']['username']}, {settings.telegram.mode}")]


async def _whop(settings: Settings) -> list[Finding]:
    """Whether memberships can be read, and what is missing for them to do anything."""
    key = settings.whop.api_key.get_secret_value()
    if not key:
        return [Finding("whop", "off", "no whop.api_key: memberships are not read")]
    async with Whop(key, settings.whop.base_url, account_id=settings.whop.account_id) as seller:
        page: Sequence[Membership] = await anext(seller.memberships(), ())
    missing = {
        "whop.products": settings.whop.products,
        "whop.webhook_secret": settings.whop.webhook_secret.get_secret_value(),
        "whop.client_id": settings.whop.client_id,
        "http.public_url": settings.http.public_url,
    }
    lacking = [name for name, value in missing.items() if not value]
    unsold = {each.product_id for each in page} - {each.product for each in settings.whop.products}
    words = f"memberships are read; webhooks to {settings.public_url}/hooks/whop"
    if unsold and settings.whop.products:
        words += f"; {', '.join(sorted(unsold))} give nothing, as whop.products does not name them"
    if lacking:
        return [Finding("whop", "warning", f"{words}; not set yet: {', '.join(lacking)}")]
    return [Finding("whop", "ok", words)]


async def _http(settings: Settings) -> list[Finding]:
    """Whether the address can be listened on; a Chronos that does so already is what one wants to see."""
    try:
        async with serve(web.Application(), settings.http.host, settings.http.port):
            found = Finding("http", "ok", settings.public_url)
    except ConfigurationError:
        if not await _chronos_runs(settings):
            raise
        words = f"{settings.public_url}: a Chronos runs there now; if it is another deployment's, set http.port"
        found = Finding("http", "ok", words)
    if not settings.has_platform or settings.http.public_url:
        return [found]
    return [found, Finding("http", "warning", "links to our pages work on this machine only; set http.public_url")]


async def _chronos_runs(settings: Settings) -> bool:
    try:
        _, body = await _get_json(f"{settings.local_url}/health", {})
    except OperatorError:
        return False
    return isinstance(body, dict) and {"status", "version", "platforms"} <= body.keys()


async def _get_json(url: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session,
            session.get(url, headers=headers) as response,
        ):
            return response.status, await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        # The address is left out: Telegram's holds the token.
        raise OperatorError(f"the service cannot be reached ({type(error).__name__}); check api_url") from None
