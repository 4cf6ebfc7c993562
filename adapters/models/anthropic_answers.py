"""Answers by Anthropic's Messages API, whose citations point at the sentences that they came from."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from adapters.models.anthropic_calls import FINISHED, AnthropicModel, usage_of
from adapters.models.prompts import CITING_RULES, NOT_COVERED, asked, spoken_turns
from adapters.models.streamed import Reader, Written
from adapters.models.vendor_answers import VendorAnswerModel
from core.asking.labelling import LONGEST_TITLE
from core.asking.writing import DraftSentence, EvidenceSentence, EvidenceSource, Task
from core.errors import Declined, ProviderError, TooLong
from core.richtext import one_line

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream
    from anthropic.types import (
        DocumentBlockParam,
        MessageParam,
        RawContentBlockDelta,
        RawMessageStreamEvent,
        TextBlockParam,
    )
    from anthropic.types.citations_delta import Citation

MOST_TOKENS: Final = 1_024

_SENTENCE_END: Final = re.compile(r"(?:[.!?\u2026]+[\"'\u2019\u201d)\]]*(?=\s)|[\u3002\uff01\uff1f]|\n)\s*")
_LOOKS_ENDED: Final = re.compile(r"[^\W\d_][.!?\u2026]+[\"'\u2019\u201d)\]]*\s*\Z|[\u3002\uff01\uff1f]\s*\Z")
_WORD: Final = re.compile(r"\w")
_NO_END: Final = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|mr|mrs|ms|dr|st|prof)|(?<!\w)\w)\.\s*$", re.IGNORECASE
)


class AnthropicAnswerModel(AnthropicModel, VendorAnswerModel["AsyncAnthropic", "RawMessageStreamEvent"]):
    """Words answers with a Claude model; labels come from citations, so that they point at sentences that exist."""

    async def request(self, client: "AsyncAnthropic", task: Task) -> "AsyncStream[RawMessageStreamEvent]":
        """Send the evidence as documents with citations."""
        return await client.messages.create(
            model=self.model,
            max_tokens=MOST_TOKENS,
            system=CITING_RULES,
            messages=_messages(task, _citable(task.evidence)),
            stream=True,
        )

    def reader(self, task: Task) -> "Reader[RawMessageStreamEvent]":
        """Cuts what is written into sentences with the labels of what they cite."""
        return _Reader(_citable(task.evidence))


@dataclass(slots=True)
class _Block:
    """A run of text with what it cites; ``start`` and ``end`` are offsets in the whole text."""

    start: int
    end: int = 0
    labels: list[str] = field(default_factory=list)


class _Reader(Reader["RawMessageStreamEvent"]):
    """Joins the blocks, since a sentence may run over several; one is complete when all its blocks are closed.

    Citations may come before or after the text of their block.
    """

    def __init__(self, sources: Sequence[EvidenceSource]) -> None:
        self._sources = sources
        self._text = ""
        self._blocks: list[_Block] = []
        self._open = False
        self._sentences: list[DraftSentence] = []
        self._told = 0
        self._stop_reason: str | None = None
        self._ended = False

    def take(self, event: "RawMessageStreamEvent") -> Iterable[DraftSentence]:
        """Take in an event; a closed block may complete sentences."""
        if event.type == "message_start":
            self.usage = usage_of(event.message.usage)
        elif event.type == "content_block_start":
            self._open = event.content_block.type == "text"
            self._blocks.append(_Block(len(self._text)))
        elif event.type == "content_block_delta" and self._open:
            self._take_delta(event.delta)
        elif event.type == "content_block_stop":
            self._blocks[-1].end = len(self._text)
            return self._tell(self._whole())
        elif event.type == "message_delta":
            self.usage, self.counted = replace(self.usage, completion_tokens=event.usage.output_tokens), True
            self._stop_reason = event.delta.stop_reason
        elif event.type == "message_stop":
            self._ended = True
            return self._tell([len(self._text)]) if self._stop_reason in FINISHED else []
        return []

    def written(self) -> Written:
        """All sentences; of an answer that ran out of tokens those that were complete have been heard."""
        if self._stop_reason == "refusal":
            raise Declined("Anthropic refused to answer")
        if not self._ended:
            raise ProviderError("Anthropic's answer broke off")
        if self._stop_reason not in FINISHED:
            failure = TooLong if self._stop_reason == "model_context_window_exceeded" else Declined
            raise failure(f"Anthropic did not finish its answer ({self._stop_reason})")
        if NOT_COVERED in self._text:
            return Written((), covered=False)
        if not self._sentences:
            raise Declined("Anthropic wrote no answer")
        return Written(tuple(self._sentences))

    def _take_delta(self, delta: "RawContentBlockDelta") -> None:
        if delta.type == "text_delta":
            self._text += delta.text
            self.receive(delta.text)
        elif delta.type == "citations_delta":
            self._blocks[-1].labels += [sentence.label for sentence in _cited(delta.citation, self._sources)]

    def _whole(self) -> Iterator[int]:
        """Where sentences end in closed blocks; at the very end only where it can be no abbreviation or number."""
        for end in _SENTENCE_END.finditer(self._text, self._told):
            if "\n" in end.group() or not _NO_END.search(self._text[: end.end()]):
                yield end.end()
        if _LOOKS_ENDED.search(self._text, self._told) and not _NO_END.search(self._text):
            yield len(self._text)

    def _tell(self, ends: Iterable[int]) -> list[DraftSentence]:
        told = len(self._sentences)
        for end in ends:
            text = self._text[self._told : end].strip()
            if text and NOT_COVERED not in self._text:
                self._sentences.append(DraftSentence(text, self._labels(self._told, end)))
            self._told = end
        return self._sentences[told:]

    def _labels(self, start: int, end: int) -> tuple[str, ...]:
        """What the blocks cite of which a word stands between two offsets."""
        inside = [b for b in self._blocks if _WORD.search(self._text[max(start, b.start) : min(end, b.end)])]
        return tuple(dict.fromkeys(label for block in inside for label in block.labels))


def _citable(evidence: Iterable[EvidenceSource]) -> tuple[EvidenceSource, ...]:
    """Leave out what Anthropic refuses to take: blank sentences and sources without any."""
    spoken = (replace(source, sentences=tuple(s for s in source.sentences if s.text.strip())) for source in evidence)
    return tuple(source for source in spoken if source.sentences)


def _messages(task: Task, sources: Sequence[EvidenceSource]) -> "list[MessageParam]":
    messages: list[MessageParam] = []
    for question, answer in spoken_turns(task.history):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    content: list[DocumentBlockParam | TextBlockParam] = [
        *map(_document, sources),
        {"type": "text", "text": asked(task)},
    ]
    return [*messages, {"role": "user", "content": content}]


def _document(source: EvidenceSource) -> "DocumentBlockParam":
    return {
        "type": "document",
        "title": one_line(source.title)[:LONGEST_TITLE] or "Untitled",
        "citations": {"enabled": True},
        "source": {
            "type": "content",
            "content": [{"type": "text", "text": one_line(s.text)} for s in source.sentences],
        },
    }


def _cited(citation: "Citation", sources: Sequence[EvidenceSource]) -> Iterator[EvidenceSentence]:
    """Yield the sentences of a citation; none where it points outside of what was sent."""
    if citation.type != "content_block_location" or not 0 <= citation.document_index < len(sources):
        return
    sentences = sources[citation.document_index].sentences
    if 0 <= citation.start_block_index < citation.end_block_index <= len(sentences):
        yield from sentences[citation.start_block_index : citation.end_block_index]
