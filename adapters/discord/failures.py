"""What can go wrong when talking to Discord, translated once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import discord

from core.errors import ConfigurationError, ProviderBusy, ProviderError
from core.members.roles import Obstacle, RoleRefused

UNREACHABLE: Final = (OSError, TimeoutError, aiohttp.ClientError)
FAILURES: Final = (discord.HTTPException, discord.RateLimited, *UNREACHABLE)

UNKNOWN_MESSAGE: Final = 10008
UNKNOWN_MEMBER, UNKNOWN_ROLE, UNKNOWN_USER = 10007, 10011, 10013
WRONG_TOKEN, SHARDING_REQUIRED = 4004, 4011

_PORTAL: Final = "https://discord.com/developers/applications"
_BAD_TOKEN: Final = (
    f"Discord does not accept discord.bot_token: open {_PORTAL}, choose the application, Bot, Reset Token, "
    "and put the new token into the configuration"
)
_BAD_INTENTS: Final = (
    f"Discord refuses the intents of this bot (4014): open {_PORTAL}, choose the application, Bot, "
    "Privileged Gateway Intents, and switch on what is off there"
)
_SHARDS: Final = "Discord wants this bot to be sharded (4011): it is in too many servers for one connection"


@contextmanager
def delivery_errors() -> Iterator[None]:
    """Translate what a message meets on its way out.

    Raises:
        ProviderBusy: Discord limits us, is down or cannot be reached.
        ProviderError: Discord will not take this message.
    """
    try:
        yield
    except discord.RateLimited as error:
        raise ProviderBusy("Discord limits us", retry_after_s=error.retry_after) from error
    except discord.HTTPException as error:
        if error.status == 429 or error.status >= 500:
            raise ProviderBusy(f"Discord is busy ({error.status})") from error
        raise ProviderError(f"Discord refused a message: {error}") from error
    except UNREACHABLE as error:
        raise ProviderBusy(f"Discord cannot be reached: {type(error).__name__}") from error


@contextmanager
def role_errors() -> Iterator[None]:
    """Translate why a member's role cannot be changed.

    Raises:
        ProviderBusy: Discord limits us, is down or cannot be reached.
        RoleRefused: it will never work like this.
    """
    try:
        with delivery_errors():
            yield
    except ProviderBusy:
        raise
    except ProviderError as error:
        refused = error.__cause__
        code = refused.code if isinstance(refused, discord.HTTPException) else 0
        raise RoleRefused(str(error), _OBSTACLES.get(code, Obstacle.NOT_ALLOWED)) from error


_OBSTACLES: Final = {
    UNKNOWN_ROLE: Obstacle.ROLE_GONE,
    UNKNOWN_MEMBER: Obstacle.NOT_A_MEMBER,
    UNKNOWN_USER: Obstacle.NOT_A_MEMBER,
}


@contextmanager
def connection_errors() -> Iterator[None]:
    """Translate why a connection could not be made or kept.

    Raises:
        ConfigurationError: it will never work like this; says what to change.
        ProviderBusy: it may work later.
    """
    try:
        yield
    except discord.LoginFailure as error:
        raise ConfigurationError(_BAD_TOKEN) from error
    except discord.PrivilegedIntentsRequired as error:
        raise ConfigurationError(_BAD_INTENTS) from error
    except discord.ConnectionClosed as error:
        raise ConfigurationError(_closed(error.code)) from error
    except discord.HTTPException as error:
        if error.status == 429 or error.status >= 500:
            raise ProviderBusy(f"Discord is busy ({error.status})") from error
        reason = f"Discord refused the connection ({error.status}); is discord.api_url right?"
        raise ConfigurationError(reason) from error
    except (discord.GatewayNotFound, discord.RateLimited, *UNREACHABLE) as error:
        raise ProviderBusy(f"Discord cannot be reached: {type(error).__name__}") from error


def _closed(code: int) -> str:
    known = {WRONG_TOKEN: _BAD_TOKEN, SHARDING_REQUIRED: _SHARDS}
    return known.get(code, f"Discord closed the connection for good with code {code}")
