"""Answers that need no search: what the staff wrote down for just this question, and notes on its topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from core.asking.claims import names, negated, numbers, spoken_words
from core.asking.sameness import marked
from core.asking.words import STOP_WORDS, Stemmer, tokens
from core.ids import SourceId

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEARLY: Final = 0.85
"""From this cosine on, two questions may be the same; whether they are is told by their words."""
LEAST_SHARED: Final = 0.5
MOST_NOTES: Final = 2
"""So many notes stand above an answer."""
_TELLING: Final = frozenset(
    """above after all any before below between both down during each few from how if in into more most no nor not
    off on only out over same to under until up what when where which while who whom why with without""".split()
)
"""Words that hardly tell what a text is about, and change what is asked."""


@dataclass(frozen=True, slots=True)
class GivenText:
    """What the staff wrote: of a note, ``topics`` are the words that it is about; ``title`` is how it is cited.

    ``written_at`` is when it was last changed.
    """

    source_id: SourceId
    title: str
    question: str
    text: str
    tier: str = ""
    topics: tuple[str, ...] = ()
    written_at: datetime = LONG_AGO


@dataclass(frozen=True, slots=True)
class Given:
    """What a question finds before anything is searched.

    ``pair`` answers it word for word; ``notes`` are all that are open to who asks. ``withdrawn_at`` is when the staff
    took back what was answered to this question, where nothing has been uploaded since: only what was written later
    answers it.
    """

    pair: GivenText | None = None
    notes: tuple[GivenText, ...] = ()
    withdrawn_at: datetime | None = None

    def answered_by(self, pair: GivenText) -> bool:
        """Whether a pair was not taken back itself."""
        return self.withdrawn_at is None or pair.written_at > self.withdrawn_at


NOTHING_GIVEN: Final = Given()


def asks_the_same(one: str, other: str, stem: Stemmer) -> bool:
    """Tell whether two questions that embed alike ask the same, so that one's answer is the other's.

    Their numbers, names, denials and marks (``2^3``, ``O(n)``) are the same, and the telling words of one occur in
    the other in their order: no word stands in the place of another. In doubt it is False.
    """
    shorter, longer = sorted((_telling(one, stem), _telling(other, stem)), key=len)
    if not shorter or len(shorter) < LEAST_SHARED * len(longer) or not _within(shorter, longer):
        return False
    return claims_the_same(one, other) and marked(one) == marked(other)


def claims_the_same(one: str, other: str) -> bool:
    """Tell whether numbers, names and denials of two questions are the same."""
    named = names(one) <= spoken_words(other) and names(other) <= spoken_words(one)
    return named and numbers(one) == numbers(other) and negated(one) == negated(other)


def _telling(text: str, stem: Stemmer) -> list[str]:
    return stem([word for word in tokens(text) if word in _TELLING or word not in STOP_WORDS])


def _within(shorter: Sequence[str], longer: Sequence[str]) -> bool:
    rest = iter(longer)
    return all(word in rest for word in shorter)


def touched(notes: Sequence[GivenText], question: str, stem: Stemmer) -> list[GivenText]:
    """The notes one of whose topics a question speaks of, in order."""
    asked = set(stem(tokens(question)))
    return [note for note in notes if any(_speaks_of(asked, topic, stem) for topic in note.topics)]


def _speaks_of(asked: set[str], topic: str, stem: Stemmer) -> bool:
    words = tokens(topic)
    content = [word for word in words if word not in STOP_WORDS] or words
    return bool(content) and asked.issuperset(stem(content))
