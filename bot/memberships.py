"""Memberships that are sold on Whop, as they are configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from adapters.postgres.database import Database
from adapters.postgres.linking import PostgresAccounts
from adapters.postgres.memberships import PostgresMemberships
from adapters.services.whop import Whop, WhopApp
from bot.settings import Settings
from core.members.linking import Linking
from core.members.memberships import Following, Product
from core.tiers import tier_said


@asynccontextmanager
async def open_linking(settings: Settings, database: Database) -> AsyncIterator[Linking]:
    """The linking of accounts, with Whop where it is configured."""
    accounts = PostgresAccounts(database)
    api_key = settings.whop.api_key.get_secret_value()
    if not api_key:
        yield Linking(accounts, settings.public_url)
        return
    store = PostgresMemberships(database, timedelta(days=settings.whop.grace_days))
    products = {
        each.product: Product(each.product, each.creator, tier_said(each.tier) or "", each.link)
        for each in settings.whop.products
    }
    async with Whop(
        api_key, settings.whop.base_url, account_id=settings.whop.account_id, app=_app(settings)
    ) as seller:
        proof = seller if settings.whop.client_id else None
        yield Linking(accounts, settings.public_url, Following(seller, store, products), proof)


def _app(settings: Settings) -> WhopApp | None:
    if not settings.whop.client_id:
        return None
    return WhopApp(settings.whop.client_id, settings.whop.client_secret.get_secret_value())
