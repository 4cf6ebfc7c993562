"""Answers by Chat Completions, as OpenRouter, xAI, Gemini, Ollama and other servers of this kind understand it."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ValidationError

from adapters.models.labelled_answers import ANSWER_SCHEMA, read_labelled
from adapters.models.prompts import LABELLING_RULES, asked, labelled_evidence, spoken_turns
from adapters.models.vendor_calls import Access, VendorAnswerModel, Written
from core.asking.answer import Usage
from core.asking.writing import Task
from core.errors import ProviderBusy, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

MOST_TOKENS: Final = 4_000
"""More than an answer needs, because models that reason spend tokens on it before they write."""
MODELS_SEPARATOR: Final = "|"
BUSY_CODES: Final = frozenset({"429", "502", "503", "524", "529", "rate_limit_exceeded", "server_error"})


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _CachedTokens(BaseModel):
    cached_tokens: int | None = 0


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _CachedTokens | None = None
    cost: float | None = None


class _Failure(BaseModel):
    code: str | int | None = None
    message: str = ""


class _Reply(BaseModel):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Failure | None = None


class ChatAnswerModel(VendorAnswerModel["AsyncOpenAI"]):
    """Words answers with a model behind Chat Completions; the labels are what the model says, to be checked later."""

    extra: ClassVar[dict[str, object]] = {}

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**asdict(access))
        _ = client.chat.completions  # imported at first use: better in this thread than on the event loop
        return client

    async def request(self, client: "AsyncOpenAI", task: Task) -> bytes:
        """Send the evidence with labels and ask for sentences in a strict schema."""
        first, *others = self.model.split(MODELS_SEPARATOR)
        reply = await client.chat.completions.with_raw_response.create(
            model=first,
            messages=_messages(task),
            max_tokens=MOST_TOKENS,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA},
            },
            extra_body={**self.extra, **({"models": [first, *others]} if others else {})},
        )
        return reply.content

    def read(self, body: bytes, task: Task) -> Written:
        """Take the sentences and labels out of the schema."""
        reply = self._reply(body)
        message = reply.choices[0].message
        if message.refusal:
            raise ProviderError(f"{self.title} refused to answer")
        written = read_labelled(message.content or "", _usage(reply.usage), self.title)
        cost_usd = reply.usage.cost if reply.usage else None
        return replace(written, model=self._answered(reply.model), cost_usd=cost_usd)

    def _answered(self, model: str) -> str:
        """Which model answered, where the vendor chose among several."""
        return f"{self.name.partition(':')[0]}:{model}" if MODELS_SEPARATOR in self.model and model else ""

    def _reply(self, body: bytes) -> _Reply:
        try:
            reply = _Reply.model_validate_json(body)
        except ValidationError as error:
            raise ProviderError(f"{self.title}'s answer cannot be read") from error
        if reply.error is not None:
            failure = ProviderBusy if str(reply.error.code) in BUSY_CODES else ProviderError
            raise failure(f"{self.title} failed while answering: {reply.error.message}")
        if not reply.choices or reply.choices[0].finish_reason not in {"stop", None}:
            reason = reply.choices[0].finish_reason if reply.choices else "nothing"
            raise ProviderError(f"{self.title} did not finish its answer ({reason})")
        return reply


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


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Usage(usage.prompt_tokens, usage.completion_tokens, cached or 0)
