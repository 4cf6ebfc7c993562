"""The fake model servers, driven by the vendors' real SDKs."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import numpy as np
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.waiting import deadlines_s
from tests.wire.fake_models import (
    Claim,
    ModelRequest,
    RecordedRequest,
    labelled_lines,
    not_covered,
    quote_best_two,
    say,
    unsupported,
)
from tests.wire.fake_models_anthropic import FakeAnthropic
from tests.wire.fake_models_openai import FakeOpenAI
from tests.wire.fake_models_schema import strictness_problems
from tests.wire.openai_spec import check_requests
from tests.wire.telegram_spec import find_spec

CLAUDE = "claude-sonnet-5-5"
GPT = "gpt-6.1-terra"
SENTENCES = ["Welcome back.", "Gravity pulls an apple down.", "Mass bends space.", "See you."]
PROMPT = "".join(f"[S{i}] {s}\n" for i, s in enumerate(SENTENCES, 1)) + "\nQuestion: What does gravity pull?"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answerable": {"type": "boolean"},
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "labels": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["text", "labels"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["answerable", "claims"],
    "additionalProperties": False,
}
FORMAT: Any = {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}


@pytest.fixture
async def claude() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic() as server:
        yield server


@pytest.fixture
async def gpt() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server
        print(check_requests(server.requests))  # noqa: T201 - says where the specification is absent


@pytest.fixture
async def anthropic_client(claude: FakeAnthropic) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(api_key=claude.api_key, base_url=claude.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
async def openai_client(gpt: FakeOpenAI) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=gpt.api_key, base_url=gpt.base_url, max_retries=0) as client:
        yield client


def document(sentences: list[str] = SENTENCES, *, citations: bool = True) -> dict[str, Any]:
    content = [{"type": "text", "text": sentence} for sentence in sentences]
    source = {"type": "content", "content": content}
    return {"type": "document", "title": "Talk", "source": source, "citations": {"enabled": citations}}


def question(*documents: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's own dictionaries
    asked = {"type": "text", "text": "What does gravity pull?"}
    return {"model": CLAUDE, "max_tokens": 200, "messages": [{"role": "user", "content": [*documents, asked]}]}


async def never_completed(stream: openai.AsyncStream[Any]) -> None:
    async for event in stream:
        assert event.type != "response.completed"


# Anthropic.


async def test_a_citation_points_at_whole_blocks(claude: FakeAnthropic, anthropic_client: AsyncAnthropic) -> None:
    message = await anthropic_client.messages.create(**question(document(["Nothing here."]), document()))
    (block,) = message.content
    assert block.type == "text"
    (citation,) = block.citations or []
    assert citation.type == "content_block_location"
    place = (citation.document_index, citation.start_block_index, citation.end_block_index)
    assert place == (1, 1, 2)
    assert citation.cited_text == "Gravity pulls an apple down."
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert claude.requests[0].headers["anthropic-version"] == "2026-10-21"


async def test_a_stream_adds_up_to_the_same_message(claude: FakeAnthropic, anthropic_client: AsyncAnthropic) -> None:
    claude.answer_with(quote_best_two)
    whole = await anthropic_client.messages.create(**question(document()))
    async with anthropic_client.messages.stream(**question(document())) as stream:
        kinds = [event.type async for event in stream]
        streamed = await stream.get_final_message()
    assert [b.to_dict() for b in streamed.content] == [b.to_dict() for b in whole.content]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


async def test_a_label_that_does_not_exist_points_past_the_end(
    claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    claude.answer_with(say("Invented.", "S99"))
    message = await anthropic_client.messages.create(**question(document()))
    citation = message.content[0].to_dict()["citations"][0]
    assert citation["start_block_index"] == 98


async def test_structured_output_follows_the_schema(claude: FakeAnthropic, anthropic_client: AsyncAnthropic) -> None:
    claude.answer_with(say("An apple.", "S2"))
    output: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = await anthropic_client.messages.create(**question(document(citations=False)), output_config=output)
    block = message.content[0]
    assert block.type == "text"
    assert json.loads(block.text)["claims"] == [{"text": "An apple.", "labels": ["S2"]}]


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ({"extra_body": {"temperature": 1.0}}, "temperature"),
        ({"extra_body": {"colour": "red"}}, "Extra inputs"),
        ({"extra_body": {"max_tokens": 0}}, "max_tokens"),
        ({"extra_headers": {"anthropic-version": "2023-06-01"}}, "anthropic-version"),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, "citations"),
    ],
)
async def test_anthropic_refuses(extra: dict[str, Any], complaint: str, anthropic_client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=complaint):
        await anthropic_client.messages.create(**question(document()), **extra)


async def test_anthropic_wants_citations_on_all_documents_or_none(anthropic_client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="all or none"):
        await anthropic_client.messages.create(**question(document(), document(citations=False)))


async def test_anthropic_knows_its_models_and_its_key(
    claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    listed = [model.id async for model in anthropic_client.models.list()]
    assert CLAUDE in listed
    with pytest.raises(anthropic.NotFoundError):
        await anthropic_client.messages.create(**{**question(document()), "model": "claude-3-5-sonnet-20241022"})
    async with AsyncAnthropic(api_key="wrong", base_url=claude.base_url, max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(**question(document()))


async def test_anthropic_overload_is_529_and_a_retry_gets_through(
    claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    claude.overload(times=2)
    with pytest.raises(anthropic.APIStatusError) as caught:
        await anthropic_client.messages.create(**question(document()))
    assert caught.value.status_code == 529
    assert caught.value.response.headers["retry-after"] == "1"
    await anthropic_client.with_options(max_retries=2).messages.create(**question(document()))
    assert len(claude.requests_to("/messages")) == 3


async def test_a_cut_anthropic_stream_is_an_error_of_the_transport(
    claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    claude.cut_stream(after_events=4)
    seen = []
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError, anthropic.APIConnectionError)):
        async with anthropic_client.messages.stream(**question(document())) as stream:
            seen = [event.type async for event in stream]
    assert "message_stop" not in seen


async def test_an_anthropic_stream_may_fail_after_it_began_well(
    claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    claude.error_in_stream(after_events=4)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        async with anthropic_client.messages.stream(**question(document())) as stream:
            await stream.until_done()


async def test_anthropic_refuses_hangs_and_babbles(claude: FakeAnthropic, anthropic_client: AsyncAnthropic) -> None:
    claude.refuse()
    claude.garbage()
    claude.hang()
    assert (await anthropic_client.messages.create(**question(document()))).stop_reason == "refusal"
    babble = await anthropic_client.messages.create(**question(document()))
    assert babble.content[0].to_dict()["citations"] is None
    for timeout_s in deadlines_s(claude.requests):
        with pytest.raises(anthropic.APITimeoutError):
            await anthropic_client.with_options(timeout=timeout_s).messages.create(**question(document()))
    claude.recover()
    assert (await anthropic_client.messages.create(**question(document()))).stop_reason == "end_turn"


# OpenAI.


async def test_a_response_follows_the_schema_and_cites_labels(openai_client: AsyncOpenAI) -> None:
    response = await openai_client.responses.create(model=GPT, input=PROMPT, text=FORMAT)
    expected = {"answerable": True, "claims": [{"text": SENTENCES[1], "labels": ["S2"]}]}
    assert json.loads(response.output_text) == expected
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


async def test_a_streamed_response_adds_up(openai_client: AsyncOpenAI) -> None:
    async with openai_client.responses.stream(model=GPT, input=PROMPT, text=FORMAT) as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert len(deltas) > 1
    assert "".join(deltas) == final.output_text
    assert json.loads(final.output_text)["claims"][0]["labels"] == ["S2"]


async def test_chat_completions_answer_whole_and_streamed(gpt: FakeOpenAI, openai_client: AsyncOpenAI) -> None:
    gpt.answer_with(lambda request: [Claim("One.", ("S1",)), Claim("Two.", ("S2", "S3"))])
    messages: Any = [{"role": "system", "content": "Cite."}, {"role": "user", "content": PROMPT}]
    whole = await openai_client.chat.completions.create(model=GPT, messages=messages)
    stream = await openai_client.chat.completions.create(
        model=GPT, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content == "One. [S1] Two. [S2] [S3]"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


async def test_embeddings_come_as_bytes_or_numbers_and_alike_texts_are_close(openai_client: AsyncOpenAI) -> None:
    texts = ["gravity pulls apples", "apples pulled by gravity", "a recipe for soup"]
    small = "text-embedding-3-small"
    packed = await openai_client.embeddings.create(model=small, input=texts, dimensions=256)
    plain = await openai_client.embeddings.create(model=small, input=texts, dimensions=256, encoding_format="float")
    vectors = np.array([item.embedding for item in packed.data])
    assert vectors.shape == (3, 256)
    np.testing.assert_allclose(vectors, np.array([item.embedding for item in plain.data]), atol=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"input": ""}, "empty"),
        ({"input": ["x"] * 2049}, "too long"),
        ({"input": "x" * 40_000}, "maximum context length"),
        ({"input": "x", "dimensions": 9999}, "dimensions"),
    ],
)
async def test_openai_refuses_to_embed(gpt: FakeOpenAI, arguments: dict[str, Any], complaint: str) -> None:
    async with AsyncOpenAI(api_key=gpt.api_key, base_url=gpt.base_url, max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match=complaint):
            await client.embeddings.create(model="text-embedding-3-small", **arguments)
    gpt.requests.clear()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"temperature": 0.2}, "temperature"),
        ({"extra_body": {"colour": "red"}}, "Unknown parameter"),
        ({"max_output_tokens": 3}, "below minimum"),
        ({"text": {"format": {**FORMAT["format"], "name": "two words"}}}, "name"),
    ],
)
async def test_openai_refuses(
    gpt: FakeOpenAI, openai_client: AsyncOpenAI, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=complaint):
        await openai_client.responses.create(model=GPT, input="Hello", **arguments)
    gpt.requests.clear()


@pytest.mark.parametrize("broken", [{"additionalProperties": True}, {"required": ["claims"]}, {"type": "array"}])
def test_a_strict_schema_must_close_its_objects_and_require_everything(broken: dict[str, Any]) -> None:
    assert strictness_problems(SCHEMA) == []
    assert strictness_problems({**SCHEMA, **broken})


async def test_openai_refuses_a_loose_strict_schema(openai_client: AsyncOpenAI) -> None:
    loose: Any = {"format": {**FORMAT["format"], "schema": {"type": "object", "properties": {}}}}
    with pytest.raises(openai.BadRequestError, match="additionalProperties"):
        await openai_client.responses.create(model=GPT, input="Hello", text=loose)


async def test_openai_knows_its_models_and_its_key(gpt: FakeOpenAI, openai_client: AsyncOpenAI) -> None:
    ends = {model.id: model.shutdown_date async for model in openai_client.models.list()}
    assert ends["gpt-4o-mini"] == "2027-01-14"
    assert ends[GPT] is None
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        await openai_client.responses.create(model="gpt-4", input="Hello")
    async with AsyncOpenAI(api_key="wrong", base_url=gpt.base_url, max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.responses.create(model=GPT, input="Hello")


async def test_openai_overload_is_429_and_a_retry_gets_through(gpt: FakeOpenAI, openai_client: AsyncOpenAI) -> None:
    gpt.overload(times=2)
    with pytest.raises(openai.RateLimitError):
        await openai_client.responses.create(model=GPT, input=PROMPT)
    await openai_client.with_options(max_retries=2).responses.create(model=GPT, input=PROMPT)
    assert len(gpt.requests_to("/responses")) == 3


async def test_a_cut_openai_stream_never_completes(gpt: FakeOpenAI, openai_client: AsyncOpenAI) -> None:
    gpt.cut_stream(after_events=5)
    stream = await openai_client.responses.create(model=GPT, input=PROMPT, stream=True)
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError, openai.APIConnectionError)):
        await never_completed(stream)


async def test_an_openai_stream_may_fail_after_it_began_well(gpt: FakeOpenAI, openai_client: AsyncOpenAI) -> None:
    gpt.error_in_stream(after_events=5)
    stream = await openai_client.responses.create(model=GPT, input=PROMPT, stream=True)
    *_, last = [event async for event in stream]
    assert last.type == "error"
    assert "server had an error" in last.message


async def test_openai_refuses_babbles_and_fails(gpt: FakeOpenAI, openai_client: AsyncOpenAI) -> None:
    gpt.refuse()
    gpt.garbage()
    gpt.fail()
    gpt.garbage_body()
    refused = await openai_client.responses.create(model=GPT, input=PROMPT, text=FORMAT)
    assert refused.to_dict()["output"][0]["content"][0]["type"] == "refusal"  # type: ignore[index]
    babble = await openai_client.responses.create(model=GPT, input=PROMPT, text=FORMAT)
    with pytest.raises(json.JSONDecodeError):
        json.loads(babble.output_text)
    with pytest.raises(openai.InternalServerError):
        await openai_client.responses.create(model=GPT, input=PROMPT)
    with pytest.raises((openai.APIError, json.JSONDecodeError)):
        await openai_client.responses.create(model=GPT, input=PROMPT)
    gpt.hang()
    for timeout_s in deadlines_s(gpt.requests):
        with pytest.raises(openai.APITimeoutError):
            await openai_client.with_options(timeout=timeout_s).responses.create(model=GPT, input=PROMPT)


async def test_a_model_may_run_out_of_tokens(
    gpt: FakeOpenAI, openai_client: AsyncOpenAI, claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    gpt.truncate()
    claude.truncate()
    response = await openai_client.responses.create(model=GPT, input=PROMPT, text=FORMAT)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    message = await anthropic_client.messages.create(**question(document()))
    assert message.stop_reason == "max_tokens"


async def test_a_model_may_say_that_the_evidence_does_not_answer(
    gpt: FakeOpenAI, openai_client: AsyncOpenAI, claude: FakeAnthropic, anthropic_client: AsyncAnthropic
) -> None:
    gpt.answer_with(not_covered)
    claude.answer_with(not_covered)
    response = await openai_client.responses.create(model=GPT, input=PROMPT, text=FORMAT)
    assert json.loads(response.output_text) == {"answerable": False, "claims": []}
    message = await anthropic_client.messages.create(**question(document()), system="Else say NOT_COVERED.")
    assert message.content[0].to_dict() == {"type": "text", "text": "NOT_COVERED", "citations": None}


# Reading and holding against the specification.


@pytest.mark.parametrize(
    "line", ["[S7] Hello there.", "S7: Hello there.", '<s id="S7">Hello there.</s>', "- S7) Hello there."]
)
def test_labelled_lines_are_read_however_they_are_marked(line: str) -> None:
    (found,) = labelled_lines(f"Evidence\n{line}\nQuestion?")
    assert (found.label, found.text) == ("S7", "Hello there.")


def test_an_unsupported_claim_still_cites_something_real() -> None:
    claim = unsupported(ModelRequest(GPT, "q", labelled_lines(PROMPT), None, streams=False))
    assert isinstance(claim, Claim)
    assert claim.labels == ("S1",)


@pytest.mark.skipif(find_spec("openai-openapi.json") is None, reason="no OpenAI specification (VENDOR_SPECS)")
@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("/v1/responses", {"model": GPT, "input": "x", "colour": "red"}, "colour is unknown"),
        ("/v1/responses", {"model": GPT, "input": 5}, "input"),
        ("/v1/chat/completions", {"model": GPT}, "messages"),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x", "encoding_format": "hex"}, "hex"),
        ("/v1/answers", {}, "no such operation"),
    ],
)
def test_the_specification_catches_a_wrong_request(path: str, body: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_requests([RecordedRequest("POST", path, {}, body)])
