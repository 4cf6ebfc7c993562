"""Answers by OpenAI's Responses API, which returns sentences with labels in a strict schema."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from adapters.models.labelled_answers import ANSWER_SCHEMA, LabelledText, read_labelled
from adapters.models.openai_calls import OpenAIModel, unfinished, usage_of
from adapters.models.prompts import LABELLING_RULES, asked, spoken_turns
from adapters.models.streamed import Reader, Written
from adapters.models.vendor_answers import VendorAnswerModel
from adapters.models.vendor_failures import failure_of
from core.asking.labelling import labelled_evidence
from core.asking.writing import DraftSentence, Task
from core.errors import Declined, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.responses import Response, ResponseInputParam, ResponseStreamEvent

MOST_TOKENS: Final = 4_000
"""More than an answer needs, because models that reason spend tokens on it before they write."""


class OpenAIAnswerModel(OpenAIModel, VendorAnswerModel["AsyncOpenAI", "ResponseStreamEvent"]):
    """Words answers with an OpenAI model; the labels are what the model says and are checked later."""

    async def request(self, client: "AsyncOpenAI", task: Task) -> "AsyncStream[ResponseStreamEvent]":
        """Send the evidence with labels and ask for sentences in a strict schema."""
        return await client.responses.create(
            model=self.model,
            instructions=LABELLING_RULES,
            input=_messages(task),
            max_output_tokens=MOST_TOKENS,
            store=False,
            text={"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": ANSWER_SCHEMA}},
            stream=True,
        )

    def reader(self, task: Task) -> "Reader[ResponseStreamEvent]":
        """Takes the sentences and labels out of the schema."""
        return _Reader()


class _Reader(Reader["ResponseStreamEvent"]):
    def __init__(self) -> None:
        self._labelled = LabelledText()
        self._refused = False
        self._ended = False

    def take(self, event: "ResponseStreamEvent") -> Iterable[DraftSentence]:
        """Take in an event; a piece of text may close sentences."""
        if event.type == "response.output_text.delta":
            self.receive(event.delta)
            return self._labelled.take(event.delta)
        if event.type == "response.refusal.delta":
            self.receive(event.delta)
            self._refused = True
        elif event.type == "error":
            raise failure_of("OpenAI", event.code or "", event.message)
        elif event.type in {"response.completed", "response.failed", "response.incomplete"}:
            self._end(event.response)
        return []

    def written(self) -> Written:
        """All sentences of the schema."""
        if self._refused:
            raise Declined("OpenAI refused to answer")
        if not self._ended:
            raise ProviderError("OpenAI's answer broke off")
        return read_labelled(self._labelled.text, "OpenAI")

    def _end(self, response: "Response") -> None:
        self.usage, self.counted = usage_of(response), response.usage is not None
        if response.error is not None:
            raise failure_of("OpenAI", response.error.code, response.error.message)
        if reason := unfinished(response):
            failure = Declined if response.incomplete_details else ProviderError
            raise failure(f"OpenAI did not finish its answer ({reason})")
        self._ended = True


def _messages(task: Task) -> "ResponseInputParam":
    messages: ResponseInputParam = []
    for question, answer in spoken_turns(task.history):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": f"{labelled_evidence(task.evidence)}\n\n{asked(task)}"}]
