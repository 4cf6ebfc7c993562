"""Chat Completions as several vendors and servers understand them, over the wire with OpenAI's own client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.models.chat_answers import (
    ChatAnswerModel,
    GeminiAnswerModel,
    OllamaAnswerModel,
    OpenRouterAnswerModel,
    XaiAnswerModel,
)
from core.asking.answer import Usage
from core.asking.checking import verify
from core.asking.writing import Draft, DraftSentence
from core.errors import Declined, ProviderBusy, ProviderError
from tests.adapters.test_openai_answers import TASK
from tests.waiting import deadlines_s
from tests.wire.fake_models import RecordedRequest, say, unsupported
from tests.wire.fake_models_openai import FakeOpenAI, completion_events

MODEL = "grok-4.6"
WRITTEN = '{"covered": true, "sentences": [{"text": "Gravity pulls things down.", "labels": ["S1"]}]}'


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        running.models[MODEL] = None
        yield running


@asynccontextmanager
async def model_at(server: FakeOpenAI, *, timeout_s: float = 20.0) -> AsyncIterator[ChatAnswerModel]:
    name = f"xai:{MODEL}"
    prices = {name: {"input": 2.0, "output": 8.0}}
    model = XaiAnswerModel(
        name, MODEL, api_key=server.api_key, base_url=server.base_url, prices=prices, timeout_s=timeout_s
    )
    try:
        yield model
    finally:
        await model.close()


async def draft_from(server: FakeOpenAI) -> Draft:
    async with model_at(server) as model:
        return await model.write(TASK)


async def test_sentences_come_back_with_the_labels_of_the_task(server: FakeOpenAI) -> None:
    server.answer_with(say("Gravity pulls things down.", "S1"))
    draft = await draft_from(server)
    assert (draft.covered, draft.model) == (True, f"xai:{MODEL}")
    assert verify(draft, TASK) == draft.sentences == (DraftSentence("Gravity pulls things down.", ("S1",)),)
    assert draft.usage.cost_usd > 0
    body = server.requests[-1].body
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["response_format"]["json_schema"]["strict"] is True


async def test_what_the_evidence_does_not_carry_does_not_survive_the_check(server: FakeOpenAI) -> None:
    server.answer_with(unsupported)
    assert verify(await draft_from(server), TASK) == ()


async def test_a_hanging_server_is_busy_after_the_deadline(server: FakeOpenAI) -> None:
    server.hang()
    for timeout_s in deadlines_s(server.requests):
        async with model_at(server, timeout_s=timeout_s) as model:
            with pytest.raises(ProviderBusy, match="xAI did not answer within"):
                await model.write(TASK)


@pytest.mark.parametrize("fault", ["cut_stream", "fail", "refuse", "truncate", "garbage", "garbage_body"])
async def test_cuts_failures_refusals_and_garbage_are_provider_errors(server: FakeOpenAI, fault: str) -> None:
    getattr(server, fault)()
    with pytest.raises(ProviderError) as failure:
        await draft_from(server)
    assert not isinstance(failure.value, ProviderBusy)
    assert isinstance(failure.value, Declined) is (fault in {"refuse", "truncate", "garbage"})
    server.answer_with(say("Gravity pulls things down.", "S1"))
    assert (await draft_from(server)).covered


class Verbatim(FakeOpenAI):
    """Answers every request with one given document, as chunks."""

    document: dict[str, Any]

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        whole = {"id": "c", "created": 1, "model": "m", **self.document}
        if not whole.get("choices"):
            return await self.respond(wire, None, None, [(None, whole)])
        return await self.respond(wire, None, None, completion_events(whole, request.body))


def completion(text: str, finish: str = "stop", **more: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": text, "refusal": None}, "finish_reason": finish}], **more}


async def drafted(
    document: dict[str, Any], maker: type[ChatAnswerModel] = OllamaAnswerModel, model: str = "m"
) -> Draft:
    async with Verbatim() as server:
        server.document = document
        asked = maker(f"vendor:{model}", model, api_key=server.api_key, base_url=server.base_url)
        try:
            return await asked.write(TASK)
        finally:
            await asked.close()


@pytest.mark.parametrize("text", [WRITTEN, f"```json\n{WRITTEN}\n```", f"  {WRITTEN}\n"])
async def test_a_fence_around_an_answer_is_passed_over(text: str) -> None:
    assert (await drafted(completion(text))).sentences[0].labels == ("S1",)


@pytest.mark.parametrize(
    "document",
    [
        completion(WRITTEN, "length"),
        completion(WRITTEN, "content_filter"),
        completion('{"covered": true, "sentences": []}'),
        {"choices": []},
        {"error": {"code": 403, "message": "moderated"}},
    ],
)
async def test_what_was_not_finished_is_not_an_answer(document: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as failure:
        await drafted(document)
    assert not isinstance(failure.value, ProviderBusy)


async def test_an_overload_inside_of_a_good_status_is_busy() -> None:
    with pytest.raises(ProviderBusy, match="upstream"):
        await drafted({"error": {"code": 502, "message": "upstream is down"}})


async def test_openrouter_says_which_of_its_models_answered_and_what_it_took() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0042}
    document = completion(WRITTEN, model="b/two", usage=usage)
    draft = await drafted(document, OpenRouterAnswerModel, "a/one|b/two")
    assert (draft.model, draft.usage.cost_usd) == ("vendor:b/two", 0.0042)


@pytest.mark.parametrize(
    ("text", "finish"), [("no json", "stop"), (WRITTEN, "length"), (WRITTEN, "content_filter"), ("{}", "stop")]
)
async def test_what_openrouter_took_counts_also_where_the_answer_is_of_no_use(text: str, finish: str) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0042}
    with pytest.raises(Declined) as failure:
        await drafted(completion(text, finish, usage=usage), OpenRouterAnswerModel)
    assert failure.value.usage == Usage(10, 5, 0, 0.0042)


def test_a_chosen_model_without_a_price_costs_what_the_list_does() -> None:
    prices = {"vendor:a/one|b/two": {"input": 1.0}, "vendor:c/three": {"input": 5.0}}
    model = OpenRouterAnswerModel("vendor:a/one|b/two", "a/one|b/two", api_key="k", prices=prices)
    spent = Usage(1_000_000)
    assert [model.priced(spent, name).cost_usd for name in ("", "vendor:b/two", "vendor:c/three")] == [1.0, 1.0, 5.0]


async def test_openrouter_is_asked_with_its_own_fallbacks_and_for_providers_that_keep_nothing() -> None:
    async with Verbatim() as server:
        server.document = completion(WRITTEN)
        model = OpenRouterAnswerModel("openrouter:a/one|b/two", "a/one|b/two", api_key="k", base_url=server.base_url)
        await model.write(TASK)
        await model.close()
    body = server.requests[-1].body
    assert (body["model"], body["models"], body["provider"]["data_collection"]) == (
        "a/one", ["a/one", "b/two"], "deny",
    )  # fmt: skip


def test_every_vendor_has_its_official_address() -> None:
    makers = (OpenRouterAnswerModel, XaiAnswerModel, GeminiAnswerModel, OllamaAnswerModel)
    assert len({maker.official_url for maker in makers}) == len({maker.title for maker in makers}) == len(makers)
