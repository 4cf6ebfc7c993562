"""Telegram's exceptions, translated once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from core.errors import ProviderBusy, ProviderError


@contextmanager
def provider_errors() -> Iterator[None]:
    """Let none of the vendor's exceptions reach the core."""
    try:
        yield
    except RetryAfter as error:
        raise ProviderBusy("Telegram asks to slow down", retry_after_s=retry_after_s(error)) from error
    except Forbidden as error:
        raise ProviderError(f"Telegram does not let the bot write there: {error}") from error
    except BadRequest as error:
        raise ProviderError(f"Telegram refuses the message: {error}") from error
    except NetworkError as error:
        raise ProviderBusy(f"Telegram cannot be reached: {error}") from error
    except TelegramError as error:
        raise ProviderError(f"Telegram failed: {type(error).__name__}") from None


def retry_after_s(error: RetryAfter) -> float:
    """Seconds that Telegram asks to wait."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def says(error: TelegramError, *phrases: str) -> bool:
    """Whether an error is one of those that Telegram only tells apart by words."""
    return any(phrase in error.message.lower() for phrase in phrases)
