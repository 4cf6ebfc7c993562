"""What a call will have used that broke off before its vendor said so: the vendor charges for it all the same."""

from collections.abc import Iterable
from math import ceil
from typing import Final

from core.asking.answer import Usage

BYTES_A_TOKEN: Final = 4
"""About a token for four letters; of UTF-8, so that scripts with more to a letter count for more."""


def size_bytes(texts: Iterable[str]) -> int:
    """How much is said in texts, in bytes of UTF-8."""
    return sum(len(text.encode(errors="replace")) for text in texts)


def estimated(sent_bytes: int, received_bytes: int = 0, told: Usage | None = None) -> Usage:
    """Return about what was used, by what was sent and had come; ``told`` is what the vendor said of it by then."""
    told = told or Usage()
    received = max(told.completion_tokens, ceil(received_bytes / BYTES_A_TOKEN))
    return Usage(told.prompt_tokens or ceil(sent_bytes / BYTES_A_TOKEN), received, told.cached_tokens)
