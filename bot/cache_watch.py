"""Counts what becomes of each look into the answer cache, for ``/metrics``."""

from typing import Final

from prometheus_client import Counter

from core.asking.cache import Looked

LOOKED: Final = Counter(
    "chronos_answer_cache_total", "Looks for an answer that was paid for already, by what became of them", ["looked"]
)


class CountedLooks:
    """See :class:`core.asking.cache.CacheWatch`."""

    def looked(self, looked: Looked) -> None:
        """Count it."""
        LOOKED.labels(looked.value).inc()
