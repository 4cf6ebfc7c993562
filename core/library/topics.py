"""What a text is about, told by counting: topics, chapters, and the kind of each passage. No model is asked."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.asking.words import STOP_WORDS, Stemmer, TermIds, stem_ids
from core.library.transcript import Chapter

MOST_TOPICS: Final = 5
PARTS: Final = 10
NOUN_LIKE: Final = 0.25
"""A topic stands behind an article, a preposition or a possessive at least this often, or is written as a name."""
BURSTY: Final = 1.0
LEAST_LETTERS: Final = 3
LEAST_LETTERS_ELSEWHERE: Final = 5
"""Of a word in a language whose stop words are not known here."""

SHORTEST_S: Final = 300.0
"""A recording shorter than this has no chapters."""
LEAST_CHAPTERS: Final = 3
MOST_CHAPTERS: Final = 12
USUAL_CHAPTER_S: Final = 300.0
BLOCK_WORDS: Final = 120
"""Words on each side of a gap that are compared; Hearst's blocks are 6 to 10 pseudo-sentences of 20 words."""
SMOOTHED: Final = 2
LEAST_DEPTH: Final = 0.02
"""A valley this shallow is none."""
MOST_TERMS: Final = 1_000
"""The most frequent words alone are compared, so that ten hours take no more than some tens of megabytes."""

_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_CLAUSE: Final = re.compile(r"[.,;:!?\u2026()\[\]\"\u201c\u201d\u2014]+")
_LEADS: Final = frozenset(
    "a an the this that these those my your our their his her its each every some any no another one two three of "
    "in on with without for from about into onto between under over by at through against".split()
)
# Common words that tell nothing of what a lesson is about, in the form in which they are said.
_WEAK: Final = frozenset(
    "actually add again ahead almost along already always amount anyone anything area around aside away back "
    "bad basically begin beginning best better big bit bottom bright bring bunch call called came case cause "
    "certain chance change channel chapter choose class clear close cold come comes coming common completely "
    "couple course dark day days deal definitely difference different direction done easy edge effect either "
    "else end enough especially even ever everybody everyone everything exactly example examples fact far "
    "fast feel felt fewer final finally find fine first five follow following four full fun gave general get "
    "gets getting give given gives giving go goes going gone gonna good got gotta great group guess guys half "
    "hand happen happens hard hello help hey hi high hope hot hour hours huge hundred idea important instead "
    "interesting keep kind kinds knew know known last later least leave left less lesson let lets level like "
    "likely line little ll long longer look looking looks lot lots low main make makes making many matter "
    "maybe mean means middle mind minute minutes moment month months morning move much need needs never new "
    "next nice nobody nothing number numbers obviously oh ok okay old one ones order others outside overall "
    "part parts pay people per perfect perhaps person piece place places please point points possible pretty "
    "probably problem problems process purpose put question questions quick quickly quite rather reach read "
    "ready real really reason reasons recap rest result results right rule run said say saying says second "
    "seconds section see seem seems seen sense set several short show shows side similar simple simply single "
    "six size slide small somebody someone something sometimes somewhere soon sort sorts spend start started "
    "starting stay step steps still stop stuff sudden super sure surface take taken takes taking talk talking "
    "tell ten term terms test thank thanks thing things think third though thought thousand three time times "
    "tiny today together told tomorrow took top total tried true try trying turn turns two type types uh um "
    "understand use used useful uses using usual usually value various video videos view wanna want wanted "
    "wants watch way ways week weeks welcome well went whatever whenever whether whole wide without wonder "
    "word words work worked working works world worth would wow wrong yeah year years yes yet".split()
)


class PassageKind(StrEnum):
    """What a passage does."""

    DEFINITION = "definition"
    QUESTION = "question"
    PROCESS = "process"
    DATA = "data"
    GENERAL = "general"


_DEFINES: Final = re.compile(
    r"\b(?:is|are) (?:called|known as|defined as|when (?:you|we|a|an|the)|(?:just |simply |basically )?(?:a|an) "
    r"(?:way|kind|type|sort|form|set|measure|method|technique|process|name|term|tool)\b)|\b(?:means that|refers to|"
    r"stands for|(?:by|the) definition|we call (?:it|this|that|them))\b",
    re.IGNORECASE,
)
_STEPS: Final = re.compile(
    r"\b(?:step (?:\d+|one|two|three|four|five)|first(?:ly)?|second(?:ly)?|third(?:ly)?|then|next|after that|"
    r"afterwards|finally|lastly|once (?:you|that|it))\b",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"(?<![\w.])[$\u20ac\u00a3]?\d[\d.,]*(?:%|\b)")
_ASKS: Final = re.compile(r"[?\uff1f]")
LEAST_STEPS: Final = 3
LEAST_QUESTIONS: Final = 2
LEAST_NUMBERS: Final = 5
WORDS_A_NUMBER: Final = 12


def passage_kind(text: str) -> PassageKind:
    """Tell by plain marks what a passage of about a hundred words does; the first that fits.

    Two questions make it a question; five numbers, at least one in twelve words, make it data; a phrase that names
    what something is makes it a definition; three different marks of an order make it a process. The marks of the
    last two are English, so that passages in other languages are general sooner. The thresholds are our own.
    """
    numbers = len(_NUMBER.findall(text))
    if len(_ASKS.findall(text)) >= LEAST_QUESTIONS:
        return PassageKind.QUESTION
    if numbers >= LEAST_NUMBERS and len(_WORD.findall(text)) <= WORDS_A_NUMBER * numbers:
        return PassageKind.DATA
    if _DEFINES.search(text):
        return PassageKind.DEFINITION
    if len({step.casefold() for step in _STEPS.findall(text)}) >= LEAST_STEPS:
        return PassageKind.PROCESS
    return PassageKind.GENERAL


@dataclass(frozen=True, slots=True)
class Background:
    """In how many of a number of other texts each stem occurs, by its id; what is everywhere tells nothing of one."""

    texts: int = 0
    texts_with: Mapping[int, int] = field(default_factory=dict)

    def rarity(self, stem: str) -> float:
        """Inverse document frequency, smoothed: 1 without any other text, or where all others have it.

        Source: Sparck Jones, "A Statistical Interpretation of Term Specificity" (1972), with one added to each count.
        """
        return 1.0 + log((self.texts + 1) / (self.texts_with.get(int(stem_ids([stem])[0]), 0) + 1))


ALONE: Final = Background()


@dataclass(slots=True)
class _Found:
    """A word or two-word phrase with where it occurs, by the number of the word in the text."""

    forms: Counter[str] = field(default_factory=Counter)
    places: list[int] = field(default_factory=list)
    led: int = 0
    named: int = 0


_Stems = tuple[str, ...]


def topics(
    texts: Sequence[str], stem: Stemmer, *, language: str = "en", background: Background = ALONE,
    most: int = MOST_TOPICS,
) -> tuple[str, ...]:  # fmt: skip
    """Return what a text is about, most telling first: names and nouns, and pairs of them, as they are written there.

    A word or pair counts by how often it occurs, over how many tenths of the text, and how rare it is elsewhere.
    In English, stop words and common words of lessons are no topics, nor what is hardly ever led in like a noun. Of
    other languages no words are known here; there what is spread evenly like a function word is none.

    Args:
        texts: sentences, in order.
        stem: brings the forms of a word together.
        language: two letters; empty where nobody knows, which is taken for English.
        background: the texts beside it.
        most: at most so many.

    Source:
        Words that tell what a text is about come in bursts: Ortuno et al., "Keyword Detection in Natural Languages
        and DNA" (2002). All thresholds are our own.
    """
    found, length = _find(texts, stem)
    english = language in {"", "en"}
    least = 2 if length < 3_000 else 3
    kept = {
        stems: each for stems, each in found.items()
        if len(each.places) >= least and _tells(stems, each, length, english=english)
    }  # fmt: skip
    in_pairs: Counter[str] = Counter()
    for stems, each in kept.items():
        if len(stems) > 1:
            in_pairs.update(dict.fromkeys(stems, len(each.places)))
    scored = sorted(
        (-_score(stems, each, length, background, in_pairs), _as_written(each), stems) for stems, each in kept.items()
    )
    return _different(scored, most)


def _different(scored: Sequence[tuple[float, str, _Stems]], most: int) -> tuple[str, ...]:
    """The best that share no word."""
    chosen: list[str] = []
    used: set[str] = set()
    for score, written, stems in scored:
        if score < 0 and used.isdisjoint(stems) and len(chosen) < most:
            chosen.append(written)
            used.update(stems)
    return tuple(chosen)


def _find(texts: Sequence[str], stem: Stemmer) -> tuple[dict[_Stems, _Found], int]:
    """All words and pairs of neighbours, by their stems, and the length of the text in words."""
    found: dict[_Stems, _Found] = defaultdict(_Found)
    length = 0
    for text in texts:
        for number, clause in enumerate(_CLAUSE.split(text)):
            words = _WORD.findall(clause)
            stems = stem([word.casefold() for word in words])
            for at, word in enumerate(words):
                before = words[at - 1].casefold() if at else ""
                first = at == 0 and number == 0
                _note(found[stems[at],], word, length + at, before, first=first)
                if at + 1 < len(words):
                    pair = f"{word} {words[at + 1]}"
                    _note(found[stems[at], stems[at + 1]], pair, length + at, before, first=first)
            length += len(words)
    return found, length


def _note(found: _Found, written: str, place: int, before: str, *, first: bool) -> None:
    named = written[0].isupper() and not first
    found.forms[written if named or written.isupper() else written.casefold()] += 1
    found.places.append(place)
    found.led += before in _LEADS
    found.named += named


def _tells(stems: _Stems, found: _Found, length: int, *, english: bool) -> bool:
    words = _as_written(found).casefold().split()
    if any(any(mark.isdigit() for mark in word) for word in words) or (len(stems) > 1 and stems[0] == stems[1]):
        return False
    if not english:
        return all(len(word) >= LEAST_LETTERS_ELSEWHERE for word in words) and _burst(found.places, length) > BURSTY
    if any(len(word) < LEAST_LETTERS or _weak(word) for word in words):
        return False
    return found.led + found.named >= NOUN_LIKE * len(found.places)


def _weak(word: str) -> bool:
    return word in STOP_WORDS or word in _WEAK or word.endswith("ly") or "'" in word or "\u2019" in word


def _burst(places: Sequence[int], length: int) -> float:
    """Standard deviation of the gaps between occurrences over their mean: about 1 where they fall at random."""
    gaps = np.diff([0, *places, length])
    return float(gaps.std() / gaps.mean())


def _score(
    stems: _Stems, found: _Found, length: int, background: Background, in_pairs: Mapping[str, int]
) -> float:  # fmt: skip
    often = len(found.places)
    if len(stems) == 1:
        often = max(often - in_pairs.get(stems[0], 0), 0)
    spread = len({place * PARTS // length for place in found.places}) / PARTS
    return float(often * sum(map(background.rarity, stems)) * spread**0.5)


def _as_written(found: _Found) -> str:
    return min(found.forms, key=lambda form: (-found.forms[form], len(form), form))


def find_chapters(
    starts_s: Sequence[float], texts: Sequence[str], terms: Sequence[TermIds], duration_s: float, stem: Stemmer, *,
    language: str = "en",
) -> tuple[Chapter, ...]:  # fmt: skip
    """Divide a recording where its words change, and name each part by what it is about and the others are not.

    Args:
        starts_s: when each sentence starts, ascending.
        texts: the sentences.
        terms: the ids of their content words.
        duration_s: of the whole.
        stem: brings the forms of a word together.
        language: two letters, or empty.

    Returns:
        3 to 12 chapters, about one in five minutes, of which the first starts at 0; none for a recording under five
        minutes, or one whose words never change.

    Source:
        Hearst, "TextTiling: Segmenting Text into Multi-paragraph Subtopic Passages" (1997): depth scores of the
        cosine between the words before and after each gap.
    """
    if duration_s < SHORTEST_S:
        return ()
    most = min(max(round(duration_s / USUAL_CHAPTER_S), LEAST_CHAPTERS), MOST_CHAPTERS)
    cuts = _deepest(_depths(_cohesion(terms)), starts_s, duration_s, most - 1)
    if len(cuts) < LEAST_CHAPTERS - 1:
        return ()
    bounds = [0, *cuts, len(texts)]
    parts = [texts[first:last] for first, last in itertools.pairwise(bounds)]
    titles = _titles(parts, stem, language)
    return tuple(
        Chapter(starts_s[first] if first else 0.0, title)
        for first, title in zip(bounds[:-1], titles, strict=True)
    )  # fmt: skip


def _cohesion(terms: Sequence[TermIds]) -> NDArray[np.float64]:
    """The cosine of the words before and after each gap between sentences, shape (n_sentences - 1,)."""
    ids, columns, counts = np.unique(np.concatenate(terms), return_inverse=True, return_counts=True)
    rows = np.repeat(np.arange(len(terms)), [len(each) for each in terms]) + 1
    column_of = np.full(len(ids), -1)
    often = np.argsort(-counts, kind="stable")[:MOST_TERMS]
    column_of[often] = np.arange(len(often))
    columns = column_of[columns]
    sums = np.zeros((len(terms) + 1, len(often)), np.float32)
    np.add.at(sums, (rows[columns >= 0], columns[columns >= 0]), 1.0)
    np.cumsum(sums, axis=0, out=sums)
    words = sums.sum(axis=1)
    cosines = np.ones(max(len(terms) - 1, 0))
    for gap in range(1, len(terms)):
        first = int(np.searchsorted(words, words[gap] - BLOCK_WORDS))
        last = min(int(np.searchsorted(words, words[gap] + BLOCK_WORDS)), len(terms))
        before, after = sums[gap] - sums[first], sums[last] - sums[gap]
        norm = float(np.linalg.norm(before) * np.linalg.norm(after))
        cosines[gap - 1] = float(before @ after) / norm if norm else 0.0
    return _smooth(cosines)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each value and its neighbours on both sides, as far as there are any."""
    kernel = np.ones(2 * SMOOTHED + 1)
    if len(values) < len(kernel):
        return values
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


def _depths(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the cohesion falls at each gap below the nearest peaks on both sides; 0 but for the valleys."""
    depths = np.zeros(len(cosines))
    for gap in range(1, len(cosines) - 1):
        if cosines[gap] <= cosines[gap - 1] and cosines[gap] < cosines[gap + 1]:
            depths[gap] = _peak(cosines[gap::-1]) + _peak(cosines[gap:]) - 2 * cosines[gap]
    return depths


def _peak(cosines: NDArray[np.float64]) -> float:
    """The top of the rise that begins with the first."""
    falls = np.flatnonzero(np.diff(cosines) < 0)
    return float(cosines[falls[0]] if len(falls) else cosines[-1])


def _deepest(
    depths: NDArray[np.float64], starts_s: Sequence[float], duration_s: float, most: int
) -> list[int]:  # fmt: skip
    """The sentences before which the deepest valleys lie, so far apart that no part is less than a third of usual."""
    apart_s = duration_s / (most + 1) / 3
    cuts: list[int] = []
    for gap in np.argsort(-depths, kind="stable"):
        start_s = starts_s[gap + 1]
        bounds_s = [0.0, duration_s, *(starts_s[cut] for cut in cuts)]
        if (
            depths[gap] > LEAST_DEPTH
            and len(cuts) < most
            and all(abs(start_s - bound_s) >= apart_s for bound_s in bounds_s)
        ):
            cuts.append(int(gap) + 1)
    return sorted(cuts)


def _single_ids(texts: Sequence[str], stem: Stemmer) -> list[int]:
    ids: list[int] = stem_ids([stems[0] for stems in _find(texts, stem)[0] if len(stems) == 1]).tolist()
    return ids


def _titles(parts: Sequence[Sequence[str]], stem: Stemmer, language: str) -> list[str]:
    """A name for each part, none twice."""
    found = [set(_single_ids(part, stem)) for part in parts]
    titles: list[str] = []
    for number, part in enumerate(parts):
        others = Counter(each for at, stems in enumerate(found) if at != number for each in stems)
        telling = topics(part, stem, language=language, background=Background(len(parts) - 1, others))
        name = next((topic for topic in telling if topic.casefold() not in map(str.casefold, titles)), "")
        titles.append(name[:1].upper() + name[1:] or f"Part {number + 1}")
    return titles
