"""Answers by Chat Completions, as OpenRouter, xAI, Gemini, Ollama and other servers of this kind understand it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from adapters.models.chat_calls import ChatModel, Gemini, Ollama, OpenRouter, Xai, strictly, taken_usd, usage_of
from adapters.models.labelled_answers import ANSWER_SCHEMA, LabelledText, read_labelled
from adapters.models.prompts import LABELLING_RULES, asked, spoken_turns
from adapters.models.streamed import Reader, Written
from adapters.models.vendor_answers import VendorAnswerModel
from core.asking.labelling import labelled_evidence
from core.asking.writing import DraftSentence, Task
from core.errors import Declined, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

MOST_TOKENS: Final = 4_000
"""More than an answer needs, because models that reason spend tokens on it before they write."""
AT_ITS_LIMITS: Final = frozenset({"length", "content_filter"})
"""Why a model ends an answer before it is whole, while all is well with it."""


class ChatAnswerModel(ChatModel, VendorAnswerModel["AsyncOpenAI", "ChatCompletionChunk"]):
    """Words answers with a model behind Chat Completions; the labels are what the model says, to be checked later."""

    async def request(self, client: "AsyncOpenAI", task: Task) -> "AsyncStream[ChatCompletionChunk]":
        """Send the evidence with labels and ask for sentences in a strict schema."""
        return await client.chat.completions.create(
            model=self.models[0],
            messages=_messages(task),
            max_tokens=MOST_TOKENS,
            response_format=strictly("answer", ANSWER_SCHEMA),
            extra_body=self.extra_body,
            stream=True,
            stream_options={"include_usage": True},
        )

    def reader(self, task: Task) -> "Reader[ChatCompletionChunk]":
        """Takes the sentences and labels out of the schema."""
        return _Reader(self)


class _Reader(Reader["ChatCompletionChunk"]):
    def __init__(self, model: ChatModel) -> None:
        self._asked = model
        self._title = model.title
        self._labelled = LabelledText()
        self._refused = False
        self._finish_reason: str | None = None

    def take(self, event: "ChatCompletionChunk") -> Iterable[DraftSentence]:
        """Take in a chunk; a piece of text may close sentences."""
        self.model = self._asked.chosen(event.model) or self.model
        if event.usage is not None:
            self.usage, self.counted = usage_of(event.usage), True
            self.cost_usd = taken_usd(event.usage)
        if not event.choices:
            return []
        choice = event.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        self._refused = self._refused or bool(choice.delta.refusal)
        self.receive(choice.delta.content or choice.delta.refusal or "")
        return self._labelled.take(choice.delta.content or "")

    def written(self) -> Written:
        """All sentences of the schema."""
        if self._refused:
            raise Declined(f"{self._title} refused to answer")
        if self._finish_reason != "stop":
            reason = self._finish_reason or "it broke off"
            failure = Declined if reason in AT_ITS_LIMITS else ProviderError
            raise failure(f"{self._title} did not finish its answer ({reason})")
        return read_labelled(self._labelled.text, self._title)


class OpenRouterAnswerModel(OpenRouter, ChatAnswerModel):
    """Answers by OpenRouter."""


class XaiAnswerModel(Xai, ChatAnswerModel):
    """Answers by xAI."""


class GeminiAnswerModel(Gemini, ChatAnswerModel):
    """Answers by Gemini."""


class OllamaAnswerModel(Ollama, ChatAnswerModel):
    """Answers by Ollama, or any other server of this kind."""


def _messages(task: Task) -> "list[ChatCompletionMessageParam]":
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": LABELLING_RULES}]
    for question, answer in spoken_turns(task.history):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": f"{labelled_evidence(task.evidence)}\n\n{asked(task)}"}]
