"""Answers by Anthropic's Messages API, whose citations point at the sentences that they came from."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ValidationError

from adapters.models.prompts import CITING_RULES, LONGEST_TITLE, NOT_COVERED, asked, spoken_turns
from adapters.models.vendor_calls import Access, VendorAnswerModel, Written
from core.asking.answer import Usage
from core.asking.writing import DraftSentence, EvidenceSentence, EvidenceSource, Task
from core.errors import ProviderError
from core.richtext import one_line

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import DocumentBlockParam, MessageParam, TextBlockParam

MOST_TOKENS: Final = 1_024
CUT_SHORT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})

_SENTENCE_END: Final = re.compile(r"(?:[.!?\u2026]+[\"'\u2019\u201d)\]]*(?=\s)|[\u3002\uff01\uff1f]|\n)\s*")
_NO_END: Final = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|mr|mrs|ms|dr|st|prof)|(?<!\w)\w)\.\s*$", re.IGNORECASE
)


class _Citation(BaseModel):
    type: str
    document_index: int = -1
    start_block_index: int = 0
    end_block_index: int = 0


class _Block(BaseModel):
    type: str
    text: str = ""
    citations: list[_Citation] | None = None


class _Usage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Reply(BaseModel):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage = _Usage()


class AnthropicAnswerModel(VendorAnswerModel["AsyncAnthropic"]):
    """Words answers with a Claude model; labels come from citations, so that they point at sentences that exist."""

    title = "Anthropic"
    official_url = "https://api.anthropic.com"

    def open_client(self, access: Access) -> "AsyncAnthropic":
        """Make the SDK's client."""
        from anthropic import AsyncAnthropic

        client = AsyncAnthropic(**asdict(access))
        _ = client.messages  # imported at first use: better in this thread than on the event loop
        return client

    async def request(self, client: "AsyncAnthropic", task: Task) -> bytes:
        """Send the evidence as documents with citations."""
        reply = await client.messages.with_raw_response.create(
            model=self.model,
            max_tokens=MOST_TOKENS,
            system=CITING_RULES,
            messages=_messages(task, _citable(task.evidence)),
        )
        return await reply.read()

    def read(self, body: bytes, task: Task) -> Written:
        """Cut what was written into sentences with the labels of what they cite."""
        return _written(_read(body), _citable(task.evidence))


def _written(reply: _Reply, sources: Sequence[EvidenceSource]) -> Written:
    if reply.stop_reason == "refusal":
        raise ProviderError("Anthropic refused to answer")
    usage = _usage(reply.usage)
    if any(NOT_COVERED in block.text for block in reply.content):
        return Written((), usage, covered=False)
    sentences = _sentences(reply.content, sources)
    if reply.stop_reason in CUT_SHORT:
        sentences = sentences[:-1]
    if not sentences:
        raise ProviderError(f"Anthropic wrote no answer ({reply.stop_reason})")
    return Written(sentences, usage)


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


def _read(body: bytes) -> _Reply:
    try:
        return _Reply.model_validate_json(body)
    except ValidationError as error:
        raise ProviderError("Anthropic's answer cannot be read") from error


def _usage(usage: _Usage) -> Usage:
    """Count what was read from a cache as part of the prompt; the vendor counts it beside the prompt."""
    cached = usage.cache_read_input_tokens or 0
    prompt = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
    return Usage(prompt_tokens=prompt, completion_tokens=usage.output_tokens, cached_tokens=cached)


def _sentences(blocks: Iterable[_Block], sources: Sequence[EvidenceSource]) -> tuple[DraftSentence, ...]:
    """Cut the joined blocks into sentences; each takes the citations of every block that it shares words with."""
    written = [block for block in blocks if block.type == "text"]
    text = "".join(block.text for block in written)
    ends = _sentence_ends(text)
    labels: list[dict[str, None]] = [{} for _ in ends]
    offset = 0
    for block in written:
        cited = _labels(block.citations or (), sources)
        for word in re.finditer(r"\w+", block.text) if cited else ():
            labels[bisect_right(ends, offset + word.start())].update(dict.fromkeys(cited))
        offset += len(block.text)
    starts = [0, *ends[:-1]]
    cut = zip((text[start:end].strip() for start, end in zip(starts, ends, strict=True)), labels, strict=True)
    return tuple(DraftSentence(sentence, tuple(cited)) for sentence, cited in cut if sentence)


def _sentence_ends(text: str) -> list[int]:
    """Return where sentences end, ascending, the end of the text last."""
    ends = [m.end() for m in _SENTENCE_END.finditer(text) if "\n" in m.group() or not _NO_END.search(text[: m.end()])]
    return ends if ends and ends[-1] == len(text) else [*ends, len(text)]


def _labels(citations: Iterable[_Citation], sources: Sequence[EvidenceSource]) -> list[str]:
    return [sentence.label for citation in citations for sentence in _cited(citation, sources)]


def _cited(citation: _Citation, sources: Sequence[EvidenceSource]) -> Iterator[EvidenceSentence]:
    """Yield the sentences of a citation; none where it points outside of what was sent."""
    if citation.type != "content_block_location" or not 0 <= citation.document_index < len(sources):
        return
    sentences = sources[citation.document_index].sentences
    if 0 <= citation.start_block_index < citation.end_block_index <= len(sentences):
        yield from sentences[citation.start_block_index : citation.end_block_index]
