"""Holds a model's sentences against what they cite; what the evidence does not carry is not said."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from core.asking.claims import in_english, names, negated, numbers, spoken_words
from core.asking.markup import strip_markup
from core.asking.words import STOP_WORDS, tokens
from core.asking.writing import Draft, DraftSentence, EvidenceSource, Task

LEAST_OVERLAP: Final = 0.25
"""Share of a claim's content words that must occur in its evidence; a paraphrase keeps about half of them."""
NEARLY_A_COPY: Final = 0.8
STEM_LETTERS: Final = 5

_LABELS: Final = re.compile(r"(?<!\s)\s*[\[(]\s*S\d+(?:\s*(?:[,;-]|and)\s*S\d+)*\s*[\])]")
_CLAUSE_END: Final = re.compile(r"[,;:.!?\u2026]\s|\b(?:and|but|because|while|so)\b", re.IGNORECASE)
_LIST_NUMBER: Final = re.compile(r"^\s*\d{1,2}[.)]\s+")
_CLOCK: Final = re.compile(
    r"(?<!\s)\s*(?:\b(?:at|around|from)\s+|@\s*)?[\[(]?(?<![\w:])(\d{1,2}(?::\d{2}){1,2})(?![\w:])[\])]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a claim rests on: the sentences it cites, and those with their neighbours and titles as one text."""

    cited: tuple[str, ...]
    context: str


def verify(draft: Draft, task: Task) -> tuple[DraftSentence, ...]:
    """Return the sentences of a draft that its evidence carries, in order, as plain text with labels that exist.

    A sentence is dropped where it cites nothing, or where a number, a name or a denial of it does not occur in the
    cited sentences and their neighbours, or where it shares too few words with them.
    """
    if not draft.covered:
        return ()
    places = {
        sentence.label: (source, at) for source in task.evidence for at, sentence in enumerate(source.sentences)
    }
    return tuple(kept for sentence in draft.sentences if (kept := _checked(sentence, places)))


def _checked(sentence: DraftSentence, places: Mapping[str, tuple[EvidenceSource, int]]) -> DraftSentence | None:
    labels = tuple(dict.fromkeys(label for label in sentence.labels if label in places))
    if not labels:
        return None
    evidence = _evidence(labels, places)
    text = _plain(sentence.text, evidence)
    return DraftSentence(text, labels) if text and _carried(text, evidence) else None


def _evidence(labels: tuple[str, ...], places: Mapping[str, tuple[EvidenceSource, int]]) -> _Evidence:
    found = [places[label] for label in labels]
    around = dict.fromkeys(text for source, at in found for text in (source.title, *_with_neighbours(source, at)))
    return _Evidence(tuple(source.sentences[at].text for source, at in found), "\n".join(around))


def _with_neighbours(source: EvidenceSource, at: int) -> Iterator[str]:
    """Yield a sentence with those right before and after it in the source, as far as they were given."""
    position = source.sentences[at].position
    for sentence in source.sentences[max(at - 1, 0) : at + 2]:
        if abs(sentence.position - position) <= 1:
            yield sentence.text


def _plain(text: str, evidence: _Evidence) -> str:
    """Strip markup, labels and times that nobody said."""
    said = numbers(evidence.context)
    shown = _LIST_NUMBER.sub("", _LABELS.sub("", text))
    timed = _CLOCK.sub(lambda time: time.group() if numbers(time.group(1)) <= said else "", shown)
    if timed != shown:
        timed = timed.lstrip(" ,;:")
        timed = timed[:1].upper() + timed[1:]
    return strip_markup(timed)


def _carried(claim: str, evidence: _Evidence) -> bool:
    context = evidence.context
    return (
        numbers(claim) <= numbers(context) | numbers(context, loose=True)
        and names(claim) <= spoken_words(context)
        and not _turned_around(claim, evidence)
        and _shares_words(claim, context)
    )


def _turned_around(claim: str, evidence: _Evidence) -> bool:
    """Tell whether a claim denies what nobody denied, or repeats a denied clause without its "not"."""
    if negated(claim):
        return not negated(evidence.context, loose=True)
    stems = _stems(claim)
    return not negated(claim, loose=True) and any(
        negated(clause) and _share(stems, _stems(clause)) >= NEARLY_A_COPY
        for sentence in evidence.cited
        for clause in _CLAUSE_END.split(sentence)
    )


def _shares_words(claim: str, context: str) -> bool:
    """An answer in another language than its evidence shares no words with it, so its overlap says nothing."""
    if in_english(claim) != in_english(context):
        return True
    stems = _stems(claim)
    return not stems or _share(stems, _stems(context)) >= LEAST_OVERLAP


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part & whole) / len(part) if part else 0.0


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:STEM_LETTERS] for word in tokens(text) if word not in STOP_WORDS)
