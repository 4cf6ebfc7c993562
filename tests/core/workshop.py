"""A small made-up library of a workshop channel, with vectors that know which sentence is about what."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from adapters.sources.stemming import SnowballStemmer
from core.asking.lexical import Floats
from core.asking.ranking import SearchQuery
from core.asking.snapshot import Snapshot, SourceIndex
from core.asking.words import clean_question, term_ids
from core.ids import CreatorId, SourceId
from core.library.units import Unit, build_windows, window_text

DIMENSIONS = 32
SUBJECTS = ("glue", "varnish", "drill", "hinge", "chisel", "clamp", "sandpaper", "dowel")
VERBS = ("choose", "store", "clean", "repair", "sharpen", "apply", "remove", "test")
FILLERS = "today we slowly look closely around this old wooden bench while music plays behind another window".split()
STEM = SnowballStemmer()
CREATOR = CreatorId(1)


@cache
def direction(word: str) -> Floats:
    """A fixed direction in the space of vectors for a word."""
    seed = int.from_bytes(word.encode()[:7], "little")
    return np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)


def embed(text: str) -> Floats:
    """Add up the directions of the words that matter, and a little of the text itself."""
    words = [word.strip(".?") for word in text.lower().split()]
    telling = [direction(word) for word in words if word in SUBJECTS or word in VERBS]
    total = np.sum([*telling, 0.3 * direction(text[:7]), 0.3 * direction(text[-7:])], axis=0)
    vector: Floats = (total / np.linalg.norm(total)).astype(np.float32)
    return vector


def lesson(subject: str) -> list[str]:
    """Sentences of a video: a step for each verb, with small talk around it."""
    chatter = [f"{' '.join(FILLERS[at % 7 : at % 7 + 8])}." for at in range(4 * len(VERBS))]
    for at, verb in enumerate(VERBS):
        chatter[4 * at + 2] = f"Here I {verb} the {subject} as carefully as anybody can."
    return chatter


def index(source_id: int, sentences: Sequence[str]) -> SourceIndex:
    """Index sentences that are five seconds long each."""
    units = [Unit(5.0 * at, 5.0 * at + 5.0, text, 0) for at, text in enumerate(sentences)]
    windows = build_windows(units)
    vectors = np.stack([embed(unit.text) for unit in units])
    window_vectors = np.stack([embed(window_text(units, window)) for window in windows])
    return SourceIndex.of(SourceId(source_id), units, windows, vectors, window_vectors, STEM)


def library() -> list[SourceIndex]:
    """A video for each subject."""
    return [index(at + 10, lesson(subject)) for at, subject in enumerate(SUBJECTS)]


def snapshot(sources: Sequence[SourceIndex] | None = None) -> Snapshot:
    """The whole library, or these sources."""
    return Snapshot.build(CREATOR, 1, "made-up", library() if sources is None else sources)


def ask(question: str) -> SearchQuery:
    """A question as ranking sees it."""
    return SearchQuery(embed(question), np.unique(term_ids(clean_question(question).words, STEM)))
