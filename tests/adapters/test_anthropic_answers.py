from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.models.anthropic_answers import AnthropicAnswerModel
from core.asking.checking import verify
from core.asking.writing import Draft, DraftSentence, EvidenceSentence, EvidenceSource, Heard, Task, Turn, unheard
from core.errors import Declined, ProviderBusy, ProviderError, TooLong
from core.ids import SourceId
from tests.waiting import deadlines_s
from tests.wire.fake_models import Claim, ModelRequest, RecordedRequest, say, unsupported
from tests.wire.fake_models_anthropic import FakeAnthropic, message_events

NAME = "anthropic:claude-sonnet-5-5"
PRICES = {NAME: {"input": 3.0, "output": 15.0}}


def source(number: int, *sentences: tuple[str, str]) -> EvidenceSource:
    found = tuple(EvidenceSentence(label, SourceId(number), at, text) for at, (label, text) in enumerate(sentences))
    return EvidenceSource(f"Lecture {number}", found)


TASK = Task(
    "Why do things fall?",
    (
        source(1, ("S4", "Gravity pulls things down."), ("S5", "It pulls the moon too.")),
        source(2, ("S1", "Air slows a feather."), ("S2", "In a vacuum it falls like a stone.")),
    ),
    history=(Turn("What is mass?", "Mass is how much matter there is."), Turn("And weight?", "")),
)


@pytest.fixture
async def server() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic() as running:
        yield running


@asynccontextmanager
async def model_at(server: FakeAnthropic, *, timeout_s: float = 20.0) -> AsyncIterator[AnthropicAnswerModel]:
    model = AnthropicAnswerModel(
        NAME,
        "claude-sonnet-5-5",
        api_key=server.api_key,
        base_url=server.base_url,
        prices=PRICES,
        timeout_s=timeout_s,
    )
    try:
        yield model
    finally:
        await model.close()


async def draft_from(server: FakeAnthropic, task: Task = TASK) -> Draft:
    async with model_at(server) as model:
        return await model.write(task)


async def test_citations_become_the_labels_of_the_task(server: FakeAnthropic) -> None:
    server.answer_with(
        lambda _: [Claim("Gravity pulls things down.", ("S1", "S2")), Claim("Air slows a feather.", ("S3",))]
    )
    draft = await draft_from(server)
    assert draft.covered
    assert draft.sentences == (
        DraftSentence("Gravity pulls things down.", ("S4", "S5")),
        DraftSentence("Air slows a feather.", ("S1",)),
    )
    assert draft.model == NAME
    assert draft.usage.cost_usd == pytest.approx(
        (draft.usage.prompt_tokens * 3.0 + draft.usage.completion_tokens * 15.0) / 1_000_000
    )
    assert draft.usage.prompt_tokens > 0


async def test_a_document_per_source_goes_out_with_a_block_per_sentence(server: FakeAnthropic) -> None:
    await draft_from(server)
    body = server.requests[-1].body
    documents = [block for block in body["messages"][-1]["content"] if block["type"] == "document"]
    assert [document["title"] for document in documents] == ["Lecture 1", "Lecture 2"]
    assert [block["text"] for block in documents[0]["source"]["content"]] == [
        "Gravity pulls things down.",
        "It pulls the moon too.",
    ]
    assert all(document["citations"] == {"enabled": True} for document in documents)
    assert "Why do things fall?" in body["messages"][-1]["content"][-1]["text"]
    assert "temperature" not in body


async def test_earlier_turns_with_both_sides_come_first(server: FakeAnthropic) -> None:
    await draft_from(server)
    earlier = server.requests[-1].body["messages"][:-1]
    assert [(message["role"], message["content"]) for message in earlier] == [
        ("user", "What is mass?"),
        ("assistant", "Mass is how much matter there is."),
    ]


async def test_blank_sentences_are_left_out_without_shifting_the_labels(server: FakeAnthropic) -> None:
    server.answer_with(say("Air slows a feather.", "S1"))
    task = Task("Why?", (source(1, ("S1", "  ")), source(2, ("S2", " "), ("S3", "Air slows a feather."))))
    draft = await draft_from(server, task)
    assert draft.sentences == (DraftSentence("Air slows a feather.", ("S3",)),)


async def test_a_pointer_outside_of_the_evidence_is_dropped(server: FakeAnthropic) -> None:
    server.answer_with(say("Gravity pulls things down.", "S40"))
    draft = await draft_from(server)
    assert draft.sentences == (DraftSentence("Gravity pulls things down.", ()),)
    assert verify(draft, TASK) == ()


async def test_a_claim_that_the_evidence_does_not_carry_does_not_survive_the_check(server: FakeAnthropic) -> None:
    server.answer_with(unsupported)
    draft = await draft_from(server)
    assert draft.sentences[0].labels == ("S4",)
    assert verify(draft, TASK) == ()


async def test_the_marker_means_that_the_material_does_not_answer(server: FakeAnthropic) -> None:
    server.answer_with(say("NOT_COVERED."))
    draft = await draft_from(server)
    assert (draft.covered, draft.sentences) == (False, ())
    assert draft.usage.prompt_tokens > 0


async def test_a_hanging_server_is_busy_after_the_deadline(server: FakeAnthropic) -> None:
    server.hang()
    for timeout_s in deadlines_s(server.requests):
        async with model_at(server, timeout_s=timeout_s) as model:
            with pytest.raises(ProviderBusy, match="did not answer within"):
                await model.write(TASK)


async def test_an_overload_that_passes_quickly_goes_unnoticed(server: FakeAnthropic) -> None:
    server.overload(times=1)
    draft = await draft_from(server)
    assert draft.covered
    assert len(server.requests) == 2


async def test_a_lasting_overload_is_busy_after_two_tries(server: FakeAnthropic) -> None:
    server.overload(times=None, retry_after_s=0.01)
    with pytest.raises(ProviderBusy, match="529") as busy:
        await draft_from(server)
    assert busy.value.retry_after_s == pytest.approx(0.01)
    assert len(server.requests) == 2


async def test_a_vendor_that_asks_for_a_long_wait_is_left_alone(server: FakeAnthropic) -> None:
    server.overload(times=None, retry_after_s=30.0)
    with pytest.raises(ProviderBusy) as busy:
        await draft_from(server)
    assert busy.value.retry_after_s == pytest.approx(30.0)
    assert len(server.requests) == 1


async def test_a_wrong_key_names_the_reason(server: FakeAnthropic) -> None:
    server.api_key, key = "another", server.api_key
    model = AnthropicAnswerModel(NAME, "claude-sonnet-5-5", api_key=key, base_url=server.base_url)
    with pytest.raises(ProviderError, match=r"401.*invalid bearer token") as failure:
        await model.write(TASK)
    await model.close()
    assert not isinstance(failure.value, ProviderBusy)


@pytest.mark.parametrize("fault", ["cut_stream", "fail", "refuse", "garbage_body"])
async def test_cuts_failures_refusals_and_garbage_are_provider_errors(server: FakeAnthropic, fault: str) -> None:
    getattr(server, fault)()
    with pytest.raises(ProviderError) as failure:
        await draft_from(server)
    assert not isinstance(failure.value, ProviderBusy)
    assert isinstance(failure.value, Declined) is (fault == "refuse")
    assert (await draft_from(server)).covered


async def test_nonsense_without_citations_does_not_survive_the_check(server: FakeAnthropic) -> None:
    server.garbage()
    assert verify(await draft_from(server), TASK) == ()


class Verbatim(FakeAnthropic):
    """Answers every message with one given document, as events."""

    document: dict[str, Any]

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        return await self.respond(wire, None, None, message_events(self.document))


def block(text: str, *cited: tuple[int, int, int]) -> dict[str, object]:
    citations = [
        {
            "type": "content_block_location",
            "cited_text": "",
            "document_index": document,
            "start_block_index": start,
            "end_block_index": end,
        }
        for document, start, end in cited
    ]
    return {"type": "text", "text": text, "citations": citations or None}


async def drafted(stop_reason: str, *blocks: dict[str, object], heard: Heard = unheard) -> Draft:
    async with Verbatim() as server:
        server.document = {
            "content": blocks,
            "stop_reason": stop_reason,
            "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90},
        }
        async with model_at(server) as model:
            return await model.write(TASK, heard)


async def test_blocks_that_make_up_a_sentence_are_joined_and_share_their_labels() -> None:
    draft = await drafted(
        "end_turn",
        block("As the lecture says, e.g. on day one, "),
        block("gravity pulls things down", (0, 0, 1)),
        block(" and "),
        block("pulls the moon", (0, 1, 2)),
        block(". "),
        block("Air slows a feather. In a vacuum it falls.", (1, 0, 2)),
    )
    assert draft.sentences == (
        DraftSentence(
            "As the lecture says, e.g. on day one, gravity pulls things down and pulls the moon.", ("S4", "S5")
        ),
        DraftSentence("Air slows a feather.", ("S1", "S2")),
        DraftSentence("In a vacuum it falls.", ("S1", "S2")),
    )
    assert (draft.usage.prompt_tokens, draft.usage.cached_tokens) == (100, 90)


@pytest.mark.parametrize("place", [(-1, 0, 1), (2, 0, 1), (0, -2, 1), (0, 1, 1), (0, 0, 3), (0, 2, 1)])
async def test_impossible_pointers_cite_nothing(place: tuple[int, int, int]) -> None:
    draft = await drafted("end_turn", block("Gravity pulls.", place))
    assert draft.sentences == (DraftSentence("Gravity pulls."),)


@pytest.mark.parametrize(
    ("stop_reason", "kind"), [("max_tokens", Declined), ("model_context_window_exceeded", TooLong)]
)
async def test_an_answer_that_ran_out_of_tokens_is_no_whole_one_but_its_sentences_were_heard(
    stop_reason: str, kind: type[ProviderError]
) -> None:
    said = block("Gravity pulls things down. Air slows a fea", (0, 0, 1))
    heard: list[str] = []

    async def hear(sentence: DraftSentence) -> None:
        heard.append(sentence.text)

    with pytest.raises(kind, match="did not finish") as failure:
        await drafted(stop_reason, said, heard=hear)
    assert heard == ["Gravity pulls things down."]
    assert failure.value.usage is not None
    assert failure.value.usage.cost_usd > 0, "it was paid for all the same"


async def test_an_answer_without_a_sentence_is_an_error() -> None:
    with pytest.raises(ProviderError, match="no answer"):
        await drafted("end_turn", block(" "))


async def test_a_sentence_in_a_script_without_spaces_ends_at_its_own_full_stop() -> None:
    draft = await drafted("end_turn", block("重力向下。", (0, 0, 1)), block("空气减速。", (1, 0, 1)))
    assert [sentence.labels for sentence in draft.sentences] == [("S4",), ("S1",)]


async def test_the_evidence_offered_is_what_the_task_holds(server: FakeAnthropic) -> None:
    offered: list[str] = []

    def script(request: ModelRequest) -> Claim:
        offered.extend(evidence.text for evidence in request.evidence)
        return Claim("Gravity pulls things down.", ("S1",))

    server.answer_with(script)
    await draft_from(server)
    assert offered == [sentence.text for source in TASK.evidence for sentence in source.sentences]
