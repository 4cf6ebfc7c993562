"""Answers by OpenAI's Responses API, which returns sentences with labels in a strict schema."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ValidationError

from adapters.models.labelled_answers import ANSWER_SCHEMA, read_labelled
from adapters.models.prompts import LABELLING_RULES, asked, labelled_evidence, spoken_turns
from adapters.models.vendor_calls import Access, VendorAnswerModel, Written
from core.asking.answer import Usage
from core.asking.writing import Task
from core.errors import ProviderBusy, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.responses import ResponseInputParam

MOST_TOKENS: Final = 4_000
"""More than an answer needs, because models that reason spend tokens on it before they write."""
BUSY_CODES: Final = frozenset({"rate_limit_exceeded", "server_error"})


class _Part(BaseModel):
    type: str
    text: str = ""


class _Item(BaseModel):
    type: str
    content: list[_Part] | None = None


class _CachedTokens(BaseModel):
    cached_tokens: int = 0


class _Usage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _CachedTokens | None = None


class _Failure(BaseModel):
    code: str | None = None
    message: str = ""


class _Incomplete(BaseModel):
    reason: str | None = None


class _Reply(BaseModel):
    status: str | None = None
    error: _Failure | None = None
    incomplete_details: _Incomplete | None = None
    output: list[_Item]
    usage: _Usage | None = None


class OpenAIAnswerModel(VendorAnswerModel["AsyncOpenAI"]):
    """Words answers with an OpenAI model; the labels are what the model says and are checked later."""

    title = "OpenAI"
    official_url = "https://api.openai.com/v1"

    def open_client(self, access: Access) -> "AsyncOpenAI":
        """Make the SDK's client."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(**asdict(access))
        _ = client.responses  # imported at first use: better in this thread than on the event loop
        return client

    async def request(self, client: "AsyncOpenAI", task: Task) -> bytes:
        """Send the evidence with labels and ask for sentences in a strict schema."""
        reply = await client.responses.with_raw_response.create(
            model=self.model,
            instructions=LABELLING_RULES,
            input=_messages(task),
            max_output_tokens=MOST_TOKENS,
            store=False,
            text={"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": ANSWER_SCHEMA}},
        )
        return reply.content

    def read(self, body: bytes, task: Task) -> Written:
        """Take the sentences and labels out of the schema."""
        return _written(_read(body))


def _messages(task: Task) -> "ResponseInputParam":
    messages: ResponseInputParam = []
    for question, answer in spoken_turns(task.history):
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*messages, {"role": "user", "content": f"{labelled_evidence(task.evidence)}\n\n{asked(task)}"}]


def _read(body: bytes) -> _Reply:
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError as error:
        raise ProviderError("OpenAI's answer cannot be read") from error
    if reply.error is not None:
        failure = ProviderBusy if reply.error.code in BUSY_CODES else ProviderError
        raise failure(f"OpenAI failed while answering: {reply.error.message}")
    if reply.status != "completed":
        reason = reply.incomplete_details.reason if reply.incomplete_details else None
        raise ProviderError(f"OpenAI did not finish its answer ({reason or reply.status})")
    return reply


def _written(reply: _Reply) -> Written:
    parts = [part for item in reply.output if item.type == "message" for part in item.content or ()]
    if any(part.type == "refusal" for part in parts):
        raise ProviderError("OpenAI refused to answer")
    text = "".join(part.text for part in parts if part.type == "output_text")
    return read_labelled(text, _usage(reply.usage), "OpenAI")


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    cached = usage.input_tokens_details.cached_tokens if usage.input_tokens_details else 0
    return Usage(prompt_tokens=usage.input_tokens, completion_tokens=usage.output_tokens, cached_tokens=cached)
