"""Payouts as they are configured, and what a worker does with them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter, Gauge

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.payout_freezes import PostgresFreezes
from adapters.postgres.payout_targets import PostgresPayoutTargets
from adapters.postgres.payouts import PostgresPayouts
from adapters.postgres.platform_credits import PlatformCredit
from adapters.postgres.redemptions import PostgresRedemptions
from adapters.services import paypal, tremendous
from adapters.services.paypal import PayPalPayouts
from adapters.services.tremendous import TremendousGiftCards
from bot.settings import Settings
from core.errors import ConfigurationError, DatabaseError
from core.ids import CreatorId
from core.rewards.ledger import Fault
from core.rewards.paying import Paying
from core.rewards.redemption import Desk, Payout, Rail, Terms
from core.webhooks import Delivery, Handle, Verify

if TYPE_CHECKING:
    from adapters.services.solana import SolanaTransfers

log = structlog.get_logger()

Check = Callable[[CreatorId], Awaitable[Sequence[Fault]]]
"""Looks through a creator's books."""
FAULTS = Counter("chronos_ledger_faults", "Differences that the nightly check of the CHRONOS books found")
FROZEN = Gauge("chronos_payouts_frozen", "Creators whose payouts are paused because of their books")


@dataclass(frozen=True, slots=True)
class PayoutWork:
    """Moves redemptions on, and stops payouts where the books are at fault.

    ``verifiers`` and ``handlers`` are for the webhooks of the providers, by their names.
    """

    paying: Paying
    book: PostgresPayouts
    freezes: PostgresFreezes
    redemptions: PostgresRedemptions
    verifiers: Mapping[str, Verify]
    handlers: Mapping[str, Handle]

    async def all_due(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Move on what is due now, and give back what the staff left undecided."""
        await self.paying.all_due(creator_id, datetime.now(UTC), stop)
        await self.redemptions.lapse(creator_id, datetime.now(UTC))

    async def check_books(self, creator_id: CreatorId, check: Check) -> None:
        """Say what is wrong in a creator's books, and pay nothing out until the operator has looked."""
        found = [*await _faults(check, creator_id), *await _faults(self.freezes.faults, creator_id)]
        for fault in found:
            log.error("the ledger is at fault", creator_id=creator_id, fault=fault.fault, about=fault.about)
        FAULTS.inc(len(found))
        if found and await self.freezes.freeze(creator_id, found, datetime.now(UTC)):
            log.error("payouts are frozen; 'chronos ledger thaw' ends it", creator_id=creator_id)
        FROZEN.set(await self.freezes.count())


async def _faults(check: Check, creator_id: CreatorId) -> Sequence[Fault]:
    """What a check finds; one that cannot be made is a fault itself: nobody knows what it would have found."""
    try:
        return await check(creator_id)
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("a check of the books failed", creator_id=creator_id)
        return [Fault("a check of the books failed", f"{type(error).__name__}: {error}")]


def make_terms(settings: Settings) -> Terms:
    """The terms of ``[redemption]``."""
    return Terms(
        rails=tuple(Rail(rail) for rail in settings.redemption.rails),
        funded=frozenset(settings.redemption.funded),
        cents_per_100=settings.redemption.cents_per_100,
        currency=settings.redemption.currency,
        minimum=settings.redemption.minimum,
        largest=settings.redemption.largest,
        approval_above=settings.redemption.approval_above,
        per_day=settings.redemption.per_day,
        account_age_days=settings.redemption.account_age_days,
        change_delay=timedelta(hours=settings.redemption.change_delay_hours),
    )


def make_desk(settings: Settings, database: Database) -> Desk:
    """What commands need to redeem."""

    def checked_address(text: str) -> str:
        from adapters.services.solana import checked_address  # a large library, needed by few

        return checked_address(text, settings.solana.mint)

    return Desk(make_terms(settings), PostgresRedemptions(database), PostgresPayoutTargets(database), checked_address)


@asynccontextmanager
async def open_payouts(settings: Settings, database: Database) -> AsyncIterator[PayoutWork]:
    """The providers of the ways that are open.

    Raises:
        ConfigurationError: a way is open and its provider's keys are missing.
    """
    async with AsyncExitStack() as stack:
        payouts = {Rail(rail): _payout(settings, database, Rail(rail), stack) for rail in settings.redemption.rails}
        freezes = PostgresFreezes(database)
        FROZEN.set(await freezes.count())
        yield _work(payouts, database, freezes)


def _work(payouts: Mapping[Rail, Payout], database: Database, freezes: PostgresFreezes) -> PayoutWork:
    book = PostgresPayouts(database)
    verifiers: dict[str, Verify] = {}
    handlers: dict[str, Handle] = {}
    for rail, payout in payouts.items():
        if isinstance(payout, PayPalPayouts):
            verifiers["paypal"], handlers["paypal"] = payout.delivery, _look(database, book, rail, paypal.refs_of)
        elif isinstance(payout, TremendousGiftCards):
            verifiers["tremendous"] = payout.delivery
            handlers["tremendous"] = _look(database, book, rail, tremendous.refs_of)
    return PayoutWork(Paying(book, payouts), book, freezes, PostgresRedemptions(database), verifiers, handlers)


def _look(
    database: Database, book: PostgresPayouts, rail: Rail, refs_of: Callable[[Mapping[str, Any]], list[str]]
) -> Handle:
    """What a provider's webhooks do: nothing of them is believed, we only look at once at what they speak of."""

    async def handle(delivery: Delivery) -> None:
        event = json.loads(delivery.body)
        refs = refs_of(event) if isinstance(event, dict) else []
        for creator in await PostgresDirectory(database).creators():
            await book.look_now(creator.id, rail, refs, datetime.now(UTC))

    return handle


def _payout(settings: Settings, database: Database, rail: Rail, stack: AsyncExitStack) -> Payout:
    if rail is Rail.CREDIT:
        return PlatformCredit(database, partial(datetime.now, UTC))
    made: PayPalPayouts | TremendousGiftCards | SolanaTransfers
    if rail is Rail.PAYPAL:
        made = _paypal(settings)
    elif rail is Rail.GIFTCARD:
        made = _tremendous(settings)
    else:
        made = _solana(settings)
    stack.push_async_callback(made.close)
    return made


def _paypal(settings: Settings) -> PayPalPayouts:
    client_id, client_secret = settings.paypal.client_id, settings.paypal.client_secret.get_secret_value()
    _require(Rail.PAYPAL, {"paypal.client_id": client_id, "paypal.client_secret": client_secret})
    webhook_id = settings.paypal.webhook_secret.get_secret_value()
    return PayPalPayouts(client_id, client_secret, settings.paypal.base_url, webhook_id)


def _tremendous(settings: Settings) -> TremendousGiftCards:
    api_key, campaign_id = settings.tremendous.api_key.get_secret_value(), settings.tremendous.campaign_id
    _require(Rail.GIFTCARD, {"tremendous.api_key": api_key, "tremendous.campaign_id": campaign_id})
    webhook_secret = settings.tremendous.webhook_secret.get_secret_value()
    return TremendousGiftCards(api_key, settings.tremendous.base_url, campaign_id, webhook_secret)


def _solana(settings: Settings) -> "SolanaTransfers":
    from adapters.services.solana import SolanaTransfers  # a large library, needed by few

    keypair, mint = settings.solana.keypair.get_secret_value(), settings.solana.mint
    _require(Rail.SOLANA, {"solana.keypair": keypair, "solana.mint": mint})
    return SolanaTransfers(keypair, mint, settings.solana.base_url, settings.solana.decimals)


def _require(rail: Rail, keys: Mapping[str, str]) -> None:
    """See that a way that is open has what it needs.

    Raises:
        ConfigurationError: names what is missing.
    """
    missing = [name for name, value in keys.items() if not value]
    if missing:
        raise ConfigurationError(f"redemption.rails opens {rail.value}: set {' and '.join(missing)}, too.")
