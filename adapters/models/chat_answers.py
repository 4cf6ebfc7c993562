"""Answers by Chat Completions, as OpenRouter, xAI, Gemini, Ollama and other servers of this kind understand it."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, ClassVar, Final

from adapters.models.labelled_answers import ANSWER_SCHEMA, LabelledText, read_labelled
from adapters.models.prompts import LABELLING_RULES, asked, labelled_evidence, spoken_turns
from adapters.models.streamed import Reader, Written
from adapters.models.vendor_calls import Access, VendorAnswerModel
from core.asking.answer import Usage
from core.asking.writing import DraftSentence, Task
from core.errors import ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

MOST_TOKENS: Final = 4_000
"""More than an answer needs, because models that reason spend tokens on it before they write."""
MODELS_SEPARATOR: Final = "|"


class ChatAnswerModel(VendorAnswerModel["AsyncOpenAI", "ChatCompletionChunk"]):
    """Words answers with a model behind Chat Completions; the labels are what the model says, to be checked later."""

    extra: ClassVar[dict[str, object]] = {}

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**asdict(access))
        _ = client.chat.completions  # imported at first use: better in this thread than on the event loop
        return client

    async def request(self, client: "AsyncOpenAI", task: Task) -> "AsyncStream[ChatCompletionChunk]":
        """Send the evidence with labels and ask for sentences in a strict schema."""
        first, *others = self.model.split(MODELS_SEPARATOR)
        return await client.chat.completions.create(
            model=first,
            messages=_messages(task),
            max_tokens=MOST_TOKENS,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA},
            },
            extra_body={**self.extra, **({"models": [first, *others]} if others else {})},
            stream=True,
            stream_options={"include_usage": True},
        )

    def reader(self, task: Task) -> "Reader[ChatCompletionChunk]":
        """Takes the sentences and labels out of the schema."""
        return _Reader(self.title, "" if MODELS_SEPARATOR not in self.model else self.name.partition(":")[0])


class _Reader(Reader["ChatCompletionChunk"]):
    """Reads one answer; where ``chosen_by`` names a vendor, that one says which of its models answered."""

    def __init__(self, title: str, chosen_by: str) -> None:
        self._title = title
        self._chosen_by = chosen_by
        self._model = ""
        self._cost_usd: float | None = None
        self._labelled = LabelledText()
        self._refused = False
        self._finish_reason: str | None = None

    def take(self, event: "ChatCompletionChunk") -> Iterable[DraftSentence]:
        """Take in a chunk; a piece of text may close sentences."""
        self._model = event.model or self._model
        if event.usage is not None:
            self.usage = _usage(event.usage)
            self._cost_usd = getattr(event.usage, "cost", None)  # OpenRouter's
        if not event.choices:
            return []
        choice = event.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        self._refused = self._refused or bool(choice.delta.refusal)
        self.begun = self.begun or bool(choice.delta.content)
        return self._labelled.take(choice.delta.content or "")

    def written(self) -> Written:
        """All sentences of the schema."""
        if self._refused:
            raise ProviderError(f"{self._title} refused to answer")
        if self._finish_reason != "stop":
            reason = self._finish_reason or "it broke off"
            raise ProviderError(f"{self._title} did not finish its answer ({reason})")
        written = read_labelled(self._labelled.text, self.usage, self._title)
        model = f"{self._chosen_by}:{self._model}" if self._chosen_by and self._model else ""
        return replace(written, model=model, cost_usd=self._cost_usd)


class OpenRouterAnswerModel(ChatAnswerModel):
    """OpenRouter; ``vendor/one|vendor/other`` is tried there in this order, by providers that keep nothing."""

    title = "OpenRouter"
    official_url = "https://openrouter.ai/api/v1"
    extra: ClassVar[dict[str, object]] = {
        "provider": {"data_collection": "deny", "require_parameters": True}, "usage": {"include": True},
    }  # fmt: skip


class XaiAnswerModel(ChatAnswerModel):
    """The models of xAI."""

    title = "xAI"
    official_url = "https://api.x.ai/v1"


class GeminiAnswerModel(ChatAnswerModel):
    """Google's models, by their address for clients of OpenAI's."""

    title = "Gemini"
    official_url = "https://generativelanguage.googleapis.com/v1beta/openai/"


class OllamaAnswerModel(ChatAnswerModel):
    """A server on one's own machine, or any other that has Chat Completions, by ``ollama.base_url``."""

    title = "Ollama"
    official_url = "http://127.0.0.1:11434/v1"


def _messages(task: Task) -> "list[ChatCompletionMessageParam]":
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": LABELLING_RULES}]
    for question, answer in spoken_turns(task.history):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": f"{labelled_evidence(task.evidence)}\n\n{asked(task)}"}]


def _usage(usage: "CompletionUsage") -> Usage:
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Usage(usage.prompt_tokens, usage.completion_tokens, cached or 0)
