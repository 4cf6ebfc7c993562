"""A task that is more than a model reads, made shorter."""

from dataclasses import replace
from typing import Final

from core.asking.words import STOP_WORDS, tokens
from core.asking.writing import Background, EvidenceSource, Task

KEPT_SHARE: Final = 0.5
AROUND: Final = 2
"""Sentences on either side that stay with one that speaks of the question."""


def shortened(task: Task) -> Task:
    """The same task with the half of its evidence that says most of the question's words, and its last turn alone.

    Labels stay as they are, so that what is cited is checked as ever.
    """
    asked = _words(task.question)
    worth = {
        sentence.label: max(
            len(asked & _words(near.text)) for near in source.sentences[max(at - AROUND, 0) : at + AROUND + 1]
        )
        for source in task.evidence
        for at, sentence in enumerate(source.sentences)
    }
    best = sorted(worth, key=lambda label: -worth[label])[: max(1, int(len(worth) * KEPT_SHARE))]
    kept = (_only(source, frozenset(best)) for source in task.evidence)
    evidence = tuple(source for source in kept if source.sentences)
    return replace(task, evidence=evidence, history=task.history[-1:], background=Background())


def _only(source: EvidenceSource, labels: frozenset[str]) -> EvidenceSource:
    return replace(source, sentences=tuple(s for s in source.sentences if s.label in labels))


def _words(text: str) -> frozenset[str]:
    return frozenset(tokens(text)) - STOP_WORDS
