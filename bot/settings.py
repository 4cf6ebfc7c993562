"""config.toml and the environment as typed settings; every mistake in them is named at once."""

import os
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.misconfiguration import (
    CONFIG_VARIABLE,
    PREFIX,
    Mistakes,
    described,
    unknown_variables,
    variable,
    wrong_values,
)
from core.errors import ConfigurationError
from core.tiers import LONGEST_TIER_BYTES

OFFICIAL_DISCORD: Final = "https://discord.com/api/v10"
MEGABYTE: Final = 1_000_000
OFFICIAL_TELEGRAM: Final = "https://api.telegram.org"


_SECRETS_FOLDER: Final = ContextVar("_SECRETS_FOLDER", default=Path())
"""What a relative ``file:PATH`` starts from: the folder of the configuration file that is being read."""


def _resolve(value: object) -> object:
    """A secret given as ``env:NAME`` or ``file:PATH`` is read from there."""
    if not isinstance(value, str):
        return value
    kind, _, where = value.partition(":")
    if kind == "env":
        if where not in os.environ:
            raise ValueError(f"the environment has no variable {where}")
        return os.environ[where]
    if kind == "file":
        file = _SECRETS_FOLDER.get() / where
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"the file {file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ValueError(f"the file {file} is not text") from None
    return value


def _reachable(address: str) -> str:
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if address and not known:
        raise ValueError("it takes an address that starts with https:// or http://, or nothing")
    return address


Secret = Annotated[SecretStr, BeforeValidator(_resolve)]
Address = Annotated[str, AfterValidator(_reachable)]
EMPTY: Final = SecretStr("")
WRITERS: Final = ("anthropic", "openai", "openrouter", "xai", "gemini", "ollama")
"""Whose models write answers."""


class Section(BaseModel):
    """A table of config.toml; a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSection(Section):
    """Where PostgreSQL is; both empty: an embedded server under storage.data_dir."""

    url: Secret = Field(EMPTY, description="postgresql://user:password@host/name; empty: an embedded server")
    admin_url: Secret = Field(EMPTY, description="the owner's address for migrations; empty: database.url")


class StorageSection(Section):
    """Where files are kept."""

    data_dir: Path = Field(Path("data"), description="folder of the embedded server and of local files")
    s3_endpoint: str = Field("", description="an S3-compatible store for media; empty: local files")
    s3_bucket: str = ""
    s3_region: str = ""
    s3_access_key: Secret = EMPTY
    s3_secret_key: Secret = EMPTY


class HttpSection(Section):
    """The web server of every process: /health, /metrics, the watch pages, webhooks."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    public_url: Address = Field("", description="how people reach it from outside; empty: http://host:port")


class DiscordSection(Section):
    """The Discord bot; off without a token."""

    bot_token: Secret = Field(EMPTY, description="from the Developer Portal, Bot, Reset Token; empty: off")
    api_url: Address = Field(OFFICIAL_DISCORD, description="REST address with its version")
    gateway_url: str = Field("", description="gateway address; empty: the official one")


class TelegramSection(Section):
    """The Telegram bot; off without a token."""

    bot_token: Secret = Field(EMPTY, description="from @BotFather; empty: off")
    api_url: Address = Field(OFFICIAL_TELEGRAM, description="the Bot API server's root")
    mode: Literal["polling", "webhook"] = Field("polling", description="polling or webhook (needs http.public_url)")
    webhook_secret: Secret = Field(EMPTY, description="Telegram sends it with each update; empty: derived by us")


class ServiceSection(Section):
    """A service with a key and an address of its own."""

    api_key: Secret = Field(EMPTY, description="empty: off")
    base_url: Address = Field("", description="empty: the official address")


class HookedServiceSection(ServiceSection):
    """A service that also calls us."""

    webhook_secret: Secret = EMPTY


class WhopProduct(Section):
    """What a product on Whop gives: enrolment with a creator, by handle, in a tier or none."""

    product: str = Field(pattern=r"^prod_\w+$")
    creator: str
    tier: str = Field("", max_length=LONGEST_TIER_BYTES)
    link: Address = ""


class WhopSection(HookedServiceSection):
    """Memberships that are sold on Whop; off without a key."""

    account_id: str = Field("", description="biz_... whose memberships are read; empty: all that the key sees")
    client_id: str = Field("", description="app_... with which people link their Whop account; empty: they cannot")
    client_secret: Secret = EMPTY
    grace_days: float = Field(3.0, ge=0, description="days that a member stays after a payment failed")
    products: tuple[WhopProduct, ...] = Field(
        (), description='what each gives: [{product = "prod_...", creator = "handle", tier = "gold", link = "..."}]'
    )

    @field_validator("products")
    @classmethod
    def _each_once(cls, products: tuple[WhopProduct, ...]) -> tuple[WhopProduct, ...]:
        names = [product.product for product in products]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is there twice; a product gives one enrolment")
        return products


class PayPalSection(Section):
    """Payouts by PayPal; off without a client."""

    client_id: str = Field("", description="of the app with payouts; empty: off")
    client_secret: Secret = EMPTY
    base_url: Address = Field("", description="empty: the official address; the sandbox has its own")
    webhook_secret: Secret = Field(EMPTY, description="the id of the webhook, which PayPal is asked about")


class TremendousSection(HookedServiceSection):
    """Gift cards by Tremendous; off without a key."""

    campaign_id: str = Field("", description="which gift cards are offered")


class SolanaSection(Section):
    """CHRONOS on chain; off without a key."""

    keypair: Secret = Field(EMPTY, description="the key that holds the tokens and pays the fees; empty: off")
    mint: str = Field("", description="the token's address")
    decimals: int = Field(0, ge=0, le=9, description="of the token; one CHRONOS is one whole token")
    base_url: Address = Field("", description="of a node; empty: the official one")


class SmtpSection(Section):
    """Mail."""

    host: str = ""
    port: int = 587
    user: str = ""
    password: Secret = EMPTY
    sender: str = ""


class SentrySection(Section):
    """Error reports."""

    dsn: Secret = EMPTY


class Price(Section):
    """USD for a million tokens."""

    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)
    cached: float | None = Field(None, ge=0)


class ModelsSection(Section):
    """Which models do what."""

    answer: tuple[str, ...] = Field(
        (), description="tried in order, such as anthropic:NAME, openrouter:NAME|NAME; empty: quote"
    )
    small: tuple[str, ...] = Field(
        (), description="cheaper ones for simple questions and for work beside answering; empty: those of answer"
    )
    embed: str = Field("local", description="local, or openai:NAME")
    transcribe: str = Field("local", description="local, openai:NAME, elevenlabs:NAME, or empty: captions only")
    transcribe_usd_per_hour: float = Field(0.0, ge=0, description="what the recogniser takes for an hour of sound")
    speak: str = Field("", description="a voice, or empty")
    prices: dict[str, Price] = Field(default_factory=dict, description="USD for a million tokens, by model")
    ends: dict[str, date] = Field(default_factory=dict, description="when a model ends, where its vendor says so")
    timeout_s: float = Field(
        30.0,
        gt=0,
        description="seconds of silence from a model before the next is tried; an answer may take four times as long",
    )

    @property
    def writers(self) -> tuple[str, ...]:
        """All models that may be asked for words, each once."""
        return tuple(dict.fromkeys((*self.answer, *self.small)))

    @field_validator("answer", "small")
    @classmethod
    def _names_of_writers(cls, answer: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [repr(entry) for entry in answer if not _is_model(entry, WRITERS)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} cannot write answers; each is {':NAME, '.join(WRITERS)}:NAME")
        return answer

    @field_validator("embed")
    @classmethod
    def _name_of_embedder(cls, embed: str) -> str:
        if embed != "local" and not _is_model(embed, ("openai",)):
            raise ValueError(f"it takes local or openai:NAME, not {embed!r}")
        return embed


def _is_model(entry: str, vendors: tuple[str, ...]) -> bool:
    vendor, _, name = entry.partition(":")
    return vendor in vendors and bool(name.strip())


class RetrievalSection(Section):
    """How searching uses memory."""

    snapshot_max_units: int = Field(400_000, gt=0, description="larger libraries take candidates from SQL")
    memory: int = Field(256, gt=0, description="megabytes for libraries held in memory")


class LimitsSection(Section):
    """What may be used; 0: no limit."""

    questions_per_minute: int = Field(8, ge=0, description="questions a minute and person")
    questions_per_day: int = Field(200, ge=0, description="questions a day, person and creator; a shop can sell more")
    community_questions_per_minute: int = Field(60, ge=0, description="questions a minute and community")
    model_usd_per_day: float = Field(5.0, ge=0, description="model money a day and creator; then answers are quoted")
    model_usd_per_month: float = Field(0.0, ge=0, description="model money a month and creator")
    student_model_usd_per_day: float = Field(0.0, ge=0, description="model money a day, student and creator")
    file_mb: int = Field(20, gt=0, le=2000, description="largest document or caption file in megabytes")
    media_mb: int = Field(2000, gt=0, description="largest video or recording in megabytes")
    media_hours: float = Field(6.0, gt=0, le=12, description="longest video or recording in hours")
    max_storage_gb: float = Field(20.0, ge=0, description="files kept for a creator, in gigabytes")
    uploads_per_hour: int = Field(10, ge=0, description="uploads an hour and creator; a playlist is one")


class DownloadsSection(Section):
    """How links are fetched."""

    proxy: Secret = Field(EMPTY, description="through which video sites are asked, as http://user:password@host:port")
    allow_loopback: bool = Field(False, description="for tests only: links to this very machine are fetched")


class RewardsSection(Section):
    """What learning earns, in whole CHRONOS; an amount of 0 pays nothing."""

    watch: int = Field(100, ge=0, description="for a video watched to the end")
    watches_per_day: int = Field(10, ge=0, description="videos that are paid a day and student")
    quiz: int = Field(50, ge=0, description="for a quiz passed with 85 % or better")
    quizzes_per_day: int = Field(10, ge=0, description="quizzes that are paid a day and student")
    message: int = Field(5, ge=0, description="for a question that the material answers, or a contribution")
    messages_per_day: int = Field(20, ge=0, description="messages that are paid a day and student")
    seconds_between_messages: float = Field(60.0, ge=0, description="between two messages that are paid")
    streak: int = Field(25, ge=0, description="for seven days of learning in a row")
    project: int = Field(200, ge=0, description="for a project that the staff approved")
    projects_per_day: int = Field(5, ge=0, description="projects that are paid a day and student")
    reaction: int = Field(0, ge=0, description="for a reaction to a message of one's own; 0: reactions do not pay")
    reactions_per_day: int = Field(5, ge=0, description="reactions that are paid a day and giver")
    grants_per_day: int = Field(10, ge=0, description="gifts of the staff that a student can get a day")
    issued_per_day: int = Field(10_000, ge=0, description="CHRONOS that a creator can issue a day")
    issued_per_month: int = Field(100_000, ge=0, description="CHRONOS that a creator can issue a month")


class RedemptionSection(Section):
    """What may leave as money; nothing does before a way is opened and a creator is funded."""

    rails: tuple[Literal["paypal", "giftcard", "credit", "solana"], ...] = Field(
        (), description="ways that are open: paypal, giftcard, credit, solana"
    )
    funded: tuple[str, ...] = Field((), description="handles of the creators whose CHRONOS are paid for")
    cents_per_100: int = Field(100, ge=1, le=1_000, description="what 100 CHRONOS are worth, in cents")
    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="of those cents")
    minimum: int = Field(500, ge=1, description="fewest CHRONOS at once")
    largest: int = Field(10_000, ge=1, le=1_000_000, description="most CHRONOS at once")
    approval_above: int = Field(2_000, ge=0, description="more than this at once waits for the staff")
    per_day: int = Field(3, ge=0, description="redemptions a day and student")
    account_age_days: int = Field(7, ge=0, description="how long somebody must be known here")
    change_delay_hours: int = Field(24, ge=0, description="before a changed address or mail counts")


class OperatorSection(Section):
    """Whoever runs this deployment.

    ``registration``: with ``invite`` a community needs a code, from the shell or from a creator's owner; with
    ``closed`` only one from the shell counts.
    """

    registration: Literal["open", "invite", "closed"] = Field(
        "open",
        description="who may /setup a community: open, invite (only with a code), closed (a code from the shell)",
    )
    contact: str = Field("", description="shown to people who need the operator")


class Settings(BaseSettings):
    """Everything that can be configured, with its default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database: DatabaseSection = DatabaseSection()
    storage: StorageSection = StorageSection()
    http: HttpSection = HttpSection()
    discord: DiscordSection = DiscordSection()
    telegram: TelegramSection = TelegramSection()
    openai: ServiceSection = ServiceSection()
    anthropic: ServiceSection = ServiceSection()
    openrouter: ServiceSection = ServiceSection()
    xai: ServiceSection = ServiceSection()
    gemini: ServiceSection = ServiceSection()
    ollama: ServiceSection = ServiceSection()
    elevenlabs: ServiceSection = ServiceSection()
    models: ModelsSection = ModelsSection()
    retrieval: RetrievalSection = RetrievalSection()
    limits: LimitsSection = LimitsSection()
    downloads: DownloadsSection = DownloadsSection()
    rewards: RewardsSection = RewardsSection()
    redemption: RedemptionSection = RedemptionSection()
    whop: WhopSection = WhopSection()
    lago: HookedServiceSection = HookedServiceSection()
    paypal: PayPalSection = PayPalSection()
    tremendous: TremendousSection = TremendousSection()
    stripe: HookedServiceSection = HookedServiceSection()
    solana: SolanaSection = SolanaSection()
    smtp: SmtpSection = SmtpSection()
    sentry: SentrySection = SentrySection()
    operator: OperatorSection = OperatorSection()

    @field_validator("telegram")
    @classmethod
    def _webhooks_can_arrive(cls, telegram: TelegramSection, info: ValidationInfo) -> TelegramSection:
        http = info.data.get("http")
        # A Bot API server of one's own calls http addresses, too.
        needed = "https://" if telegram.api_url == OFFICIAL_TELEGRAM else "http"
        if telegram.mode == "webhook" and http is not None and not http.public_url.startswith(needed):
            raise ValueError('mode = "webhook" needs http.public_url, an https:// address that Telegram can reach')
        return telegram

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """The environment wins over the file; nothing else is read."""
        return init_settings, env_settings

    @property
    def has_platform(self) -> bool:
        """Whether a chat platform is configured."""
        return bool(self.discord.bot_token.get_secret_value() or self.telegram.bot_token.get_secret_value())

    @property
    def public_url(self) -> str:
        """Where people reach our pages, without a slash at the end."""
        return (self.http.public_url or self.local_url).rstrip("/")

    @property
    def local_url(self) -> str:
        """Where this machine reaches our pages."""
        everywhere = self.http.host in {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on
        host = "127.0.0.1" if everywhere else self.http.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.http.port}"


def load_settings(path: Path | None = None) -> Settings:
    """Read the configuration: ``path``, else CHRONOS_CONFIG, else ./config.toml where it exists, and the environment.

    Raises:
        ConfigurationError: names every wrong key at once, with what it takes.
    """
    chosen = path or _from_environment()
    if chosen is not None and not chosen.is_file():
        raise ConfigurationError(f"The configuration file {chosen} does not exist.")
    file = chosen or Path("config.toml")
    folder = _SECRETS_FOLDER.set(file.absolute().parent)
    try:
        return _read(_settings_class(file if file.is_file() else None))
    except ValueError as error:
        raise ConfigurationError(f"The configuration cannot be read: {error}") from None
    finally:
        _SECRETS_FOLDER.reset(folder)


def _read(settings_class: type[Settings]) -> Settings:
    mistakes: Mistakes = unknown_variables(os.environ, settings_class)
    known_as_wrong = {name.upper() for name in mistakes}
    try:
        settings = settings_class()
    except ValidationError as error:
        wrong = wrong_values(error, settings_class)
        mistakes |= {key: words for key, words in wrong.items() if variable(key) not in known_as_wrong}
        raise ConfigurationError(described(mistakes)) from None
    if mistakes:
        raise ConfigurationError(described(mistakes))
    return settings


def key_of(secret: SecretStr, where: str, needed_by: str) -> str:
    """A key that is needed because of another setting.

    Raises:
        ConfigurationError: it is empty; names both settings.
    """
    key = secret.get_secret_value()
    if not key:
        raise ConfigurationError(f"{needed_by} names a model whose key is missing: set {where}.")
    return key


def _from_environment() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else None


def _settings_class(file: Path | None) -> type[Settings]:
    class FileSettings(Settings):
        model_config = SettingsConfigDict(extra="forbid")

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *_: PydanticBaseSettingsSource,
            **__: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _Variables(settings_cls), TomlConfigSettingsSource(settings_cls, file)

    return FileSettings


class _Variables(EnvSettingsSource):
    """The environment; what is no JSON where JSON is taken is left as it is, to be named like any wrong value."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:
        """See the base class."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
