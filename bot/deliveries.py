"""Delivers the outbox through a platform's messenger, with retries and the platform's own pace."""

import asyncio
from typing import Final

import structlog

from core.conversation import Messenger
from core.errors import DatabaseError, ProviderBusy, ProviderError
from core.outbox import Outbox, Parcel

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.7
BATCH: Final = 20
MOST_ATTEMPTS: Final = 6


async def deliver_for_ever(outbox: Outbox, messenger: Messenger) -> None:
    """Deliver until cancelled; a database that is away is waited for."""
    while True:
        try:
            parcels = await outbox.claim(messenger.platform, BATCH)
            for parcel in parcels:
                await _deliver(outbox, messenger, parcel)
        except DatabaseError as error:
            log.warning("the outbox cannot be read", reason=str(error))
            parcels = []
            await asyncio.sleep(5)
        if len(parcels) < BATCH:
            await asyncio.sleep(LOOK_EVERY_S)


async def _deliver(outbox: Outbox, messenger: Messenger, parcel: Parcel) -> None:
    try:
        message_id = await messenger.deliver(parcel.place, parcel.reply, parcel.message_id)
    except ProviderBusy as busy:
        await outbox.postpone(parcel, busy.retry_after_s or _backoff_s(parcel.attempts), str(busy))
    except ProviderError as error:
        if parcel.attempts >= MOST_ATTEMPTS:
            log.warning("a message cannot be delivered", reason=str(error), place=parcel.place.key)
            await outbox.give_up(parcel, str(error))
        else:
            await outbox.postpone(parcel, _backoff_s(parcel.attempts), str(error))
    else:
        await outbox.delivered(parcel, message_id)


def _backoff_s(attempts: int) -> float:
    return min(2.0**attempts, 300.0)
