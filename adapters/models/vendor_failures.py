"""What a vendor's failure means, wherever it says so: as a status, inside of a stream, or in a reply's body."""

import re
from typing import Final

from core.errors import Declined, ProviderBusy, ProviderError, ProviderUsedUp, TooLong

BUSY_STATUS: Final = frozenset({408, 429, 502, 503, 504, 524, 529})
TOO_LARGE_STATUS: Final = frozenset({400, 413})
NO_CREDIT_STATUS: Final = 402
FORBIDDEN_STATUS: Final = 403
BUSY_KINDS: Final = frozenset({
    "rate_limit_exceeded", "server_error", "overloaded_error", "rate_limit_error", "timeout_error",
})  # fmt: skip
USED_UP_KINDS: Final = frozenset({"insufficient_quota", "billing_error"})
DECLINED_KINDS: Final = frozenset({"invalid_prompt", "content_filter", "content_policy_violation"})
"""The vendor's guard stopped the question or the answer before the model could refuse."""
TOO_LONG_KINDS: Final = frozenset({"context_length_exceeded", "request_too_large"})
_TOO_LONG: Final = re.compile(
    r"context (?:length|window|size)|(?:prompt|input) is too long|maximum prompt length|token count.{0,40}exceeds",
    re.IGNORECASE,
)
_FLAGGED: Final = re.compile(r"\bflagged\b|\bmoderat", re.IGNORECASE)


class Overdue(ProviderBusy):
    """Something was asked for and did not come, or not all of it: the vendor may charge for it all the same."""


def failure_of(
    title: str, kind: str, reason: str, status: int | None = None, *, retry_after_s: float | None = None
) -> ProviderError:
    """Return what to raise for a failure.

    Args:
        title: whose failure it is.
        kind: the vendor's own word for it, or the status where a status was good and the body says another.
        reason: the vendor's message.
        status: of the reply; None where there was none, or a good one.
        retry_after_s: how long the vendor asks to wait.
    """
    if status is None and kind.isdecimal():
        status = int(kind)
    if kind in USED_UP_KINDS or status == NO_CREDIT_STATUS:
        return ProviderUsedUp(f"{title} has no credit left: {reason}")
    if kind in TOO_LONG_KINDS or (status in TOO_LARGE_STATUS and _TOO_LONG.search(reason)):
        return TooLong(f"{title} was sent more than it reads: {reason}")
    if status in BUSY_STATUS or kind in BUSY_KINDS:
        return ProviderBusy(f"{title} is busy ({status or kind}): {reason}", retry_after_s=retry_after_s)
    if kind in DECLINED_KINDS or (status == FORBIDDEN_STATUS and _FLAGGED.search(reason)):
        return Declined(f"{title} refused: {reason}")
    where = f" ({status or kind})" if status or kind else ""
    return ProviderError(f"{title} failed{where}: {reason}")
