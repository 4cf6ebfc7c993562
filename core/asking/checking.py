"""Holds a model's sentences against what they cite; what the evidence does not carry is not said."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from core.asking.claims import in_english, names, negated, numbers, spoken_words
from core.asking.discretion import gives_away
from core.asking.markup import strip_markup
from core.asking.tongue import language_of
from core.asking.words import STOP_WORDS, tokens
from core.asking.writing import Draft, DraftSentence, EvidenceSource, Task
from core.ids import SourceId

LEAST_OVERLAP: Final = 0.25
"""Share of a claim's content words that must occur in its evidence; a paraphrase keeps about half of them."""
NEARLY_A_COPY: Final = 0.8
MOST_LABELS: Final = 4
"""So many sentences carry a claim; a model is asked for the fewest."""
STEM_LETTERS: Final = 5
LEAST_WORDS: Final = 12
"""A shorter text may be in any language."""

_LABELS: Final = re.compile(r"(?<!\s)\s*[\[(]\s*S\d+(?:\s*(?:[,;-]|and)\s*S\d+)*\s*[\])]")
_CLAUSE_END: Final = re.compile(r"[,;:.!?\u2026]\s|\b(?:and|but|because|while|so)\b", re.IGNORECASE)
_DATA: Final = re.compile(r'[{\[]\s*"|"\s*:\s*[\["{\d]')
"""JSON, as calls of tools are written: an answer is prose."""
_LIST_NUMBER: Final = re.compile(r"^\s*\d{1,2}[.)]\s+")
_CLOCK: Final = re.compile(
    r"(?<!\s)\s*(?:\b(?:at|around|from)\s+|@\s*)?[\[(]?(?<![\w:])(\d{1,2}(?::\d{2}){1,2})(?![\w:])[\])]?",
    re.IGNORECASE,
)


Places = Mapping[str, tuple[EvidenceSource, int]]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a claim rests on: the cited sentences; with neighbours, a text a source; and all of it with titles."""

    cited: tuple[str, ...]
    said: tuple[str, ...]
    context: str


def verify(draft: Draft, task: Task) -> tuple[DraftSentence, ...]:
    """Return the sentences of a draft that its evidence carries, in order, as plain text with labels that exist.

    A sentence is dropped where it cites nothing, or where a number, a name or a denial of it does not occur in the
    cited sentences and their neighbours, where it shares too few words with them, or where it repeats what the person
    who asks said about themselves.
    """
    if not draft.covered:
        return ()
    known = places(task)
    checked = (verified(sentence, known, task.language) for sentence in draft.sentences)
    return tuple(kept for kept in checked if kept and not gives_away(kept.text, task))


def places(task: Task) -> Places:
    """Where each label of a task stands: its source, and its position among the sentences given of it."""
    return {sentence.label: (source, at) for source in task.evidence for at, sentence in enumerate(source.sentences)}


def verified(sentence: DraftSentence, places: Places, language: str) -> DraftSentence | None:
    """One sentence of an answer in a language as :func:`verify` leaves it; None where nothing carries it."""
    labels = tuple(dict.fromkeys(label for label in sentence.labels if label in places))
    if not labels:
        return None
    labels = _closest(sentence.text, labels, places)
    evidence = _evidence(labels, places)
    text = _plain(sentence.text, evidence)
    closest = _evidence(_closest(text, labels, places, 1), places)
    if not text or _DATA.search(text) or not _carried(text, evidence, closest, language):
        return None
    return DraftSentence(text, labels)


def _closest(claim: str, labels: tuple[str, ...], places: Places, most: int = MOST_LABELS) -> tuple[str, ...]:
    """Of many labels those that say most of a claim, in their order: what cites everything would rest on anything."""
    if len(labels) <= most:
        return labels
    stems = _stems(claim)
    said = {label: _share(stems, _stems(source.sentences[at].text)) for label, (source, at) in places.items()}
    best = sorted(labels, key=lambda label: -said[label])[:most]
    return tuple(label for label in labels if label in best)


def _evidence(labels: tuple[str, ...], places: Places) -> _Evidence:
    found = [places[label] for label in labels]
    by_source: dict[SourceId, dict[str, None]] = {}
    for source, at in found:
        texts = by_source.setdefault(source.sentences[at].source_id, {})
        texts.update(dict.fromkeys(_with_neighbours(source, at)))
    said = tuple("\n".join(texts) for texts in by_source.values())
    titles = dict.fromkeys(source.title for source, _ in found)
    return _Evidence(tuple(source.sentences[at].text for source, at in found), said, "\n".join((*titles, *said)))


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


def _carried(claim: str, evidence: _Evidence, closest: _Evidence, language: str) -> bool:
    """Tell whether evidence carries a claim; a denial has to stand by the sentence that is closest to it."""
    context = evidence.context
    return (
        numbers(claim) <= numbers(context) | numbers(context, loose=True)
        and names(claim) <= spoken_words(context)
        and not _turned_around(claim, evidence, closest)
        and any(_shares_words(claim, said, language) for said in evidence.said)
    )


def _turned_around(claim: str, evidence: _Evidence, closest: _Evidence) -> bool:
    """Tell whether a claim denies what nobody denied, or repeats a denied clause without its "not"."""
    if negated(claim):
        return not negated(closest.context, loose=True)
    stems = _stems(claim)
    return not negated(claim, loose=True) and any(
        negated(clause) and _share(stems, _stems(clause)) >= NEARLY_A_COPY
        for sentence in evidence.cited
        for clause in _CLAUSE_END.split(sentence)
    )


def _shares_words(claim: str, said: str, language: str) -> bool:
    """Tell whether one source says enough of a claim; words picked from several would carry anything."""
    if _is_foreign(claim, said, language):
        return True
    stems = _stems(claim)
    return not stems or _share(stems, _stems(said)) >= LEAST_OVERLAP


def _is_foreign(claim: str, said: str, language: str) -> bool:
    """Tell whether an answer is in another language than its evidence: then it shares no words with it."""
    spoken, written = language_of(said), language_of(claim)
    if spoken:
        return written != spoken and bool(written or language != spoken)
    return written == language and len(tokens(said)) >= LEAST_WORDS and not in_english(said)


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part & whole) / len(part) if part else 0.0


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:STEM_LETTERS] for word in tokens(text) if word not in STOP_WORDS)
