"""Makes the roles of a platform's members what is wanted, with retries."""

import asyncio
from typing import Final

import structlog

from core.errors import DatabaseError, ProviderBusy
from core.members.roles import MOST_ATTEMPTS, Obstacle, RoleChange, RoleChanges, RoleKeeper, RoleRefused

log = structlog.get_logger()

LOOK_EVERY_S: Final = 0.7
EACH_WITHIN_S: Final = 45.0
"""Less than a lease lasts, so that nobody else begins meanwhile."""


async def apply_for_ever(changes: RoleChanges, platform: str, keeper: RoleKeeper) -> None:
    """Apply what waits until cancelled; a database that is away is waited for."""
    while True:
        try:
            claimed = await changes.claim(platform, 1)
            for change in claimed:
                await apply(changes, keeper, change)
        except DatabaseError as error:
            log.warning("the changes of roles cannot be read", reason=str(error))
            claimed = []
            await asyncio.sleep(5)
        if not claimed:
            await asyncio.sleep(LOOK_EVERY_S)


async def apply(changes: RoleChanges, keeper: RoleKeeper, change: RoleChange) -> None:
    """Make one change, or put it off, or give it up."""
    try:
        async with asyncio.timeout(EACH_WITHIN_S):
            obstacle = await _set(keeper, change)
    except (ProviderBusy, TimeoutError) as error:
        if change.attempts >= MOST_ATTEMPTS:
            await changes.give_up(change, Obstacle.UNREACHABLE)
            return
        retry_after_s = error.retry_after_s if isinstance(error, ProviderBusy) else None
        await changes.postpone(change, retry_after_s or min(2.0**change.attempts, 300.0), str(error))
        return
    if obstacle is None:
        await changes.applied(change)
    else:
        log.warning("a role cannot be changed", role=change.role, wanted=change.wanted, obstacle=obstacle)
        await changes.give_up(change, obstacle)


async def _set(keeper: RoleKeeper, change: RoleChange) -> Obstacle | None:
    """Why a change cannot be made; None where it is so on every account that is there, or nothing is left to take."""
    given, obstacle = False, Obstacle.NOT_A_MEMBER
    for account in change.accounts:
        try:
            await keeper.set_role(change.community, account, change.role, wanted=change.wanted)
            given = True
        except RoleRefused as refused:
            if refused.obstacle is not Obstacle.NOT_A_MEMBER:
                obstacle = refused.obstacle
    if given or (not change.wanted and obstacle is not Obstacle.NOT_ALLOWED):
        return None
    return obstacle
