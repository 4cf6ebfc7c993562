"""Every provider in every kind of trouble: no answer is lost, and none is paid for twice."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pytest
import pytest_asyncio

from adapters.models import vendor_calls
from adapters.models.anthropic_answers import AnthropicAnswerModel
from adapters.models.chat_answers import GeminiAnswerModel, OllamaAnswerModel, OpenRouterAnswerModel, XaiAnswerModel
from adapters.models.openai_answers import OpenAIAnswerModel
from core.asking.answer import UNFINISHED, Answer, Mode, Outcome
from core.asking.breaker import FAILURES
from core.asking.question import Question
from core.asking.snapshot import Snapshot
from core.asking.writing import AnswerModel
from core.tiers import Scope
from tests.core.test_engine import CLEAN_THE_DRILL, Desk, FakeHoldings
from tests.core.workshop import CREATOR
from tests.wire.fake_models import Answer as Scripted
from tests.wire.fake_models import Claim, ModelRequest, ModelServer
from tests.wire.fake_models_anthropic import FakeAnthropic
from tests.wire.fake_models_openai import FakeOpenAI
from tests.wire.fake_models_openrouter import COST_USD, FakeOpenRouter
from tests.wire.openai_spec import check_requests

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY: Final = "test-key"
QUESTION: Final = "How do I clean the drill and how do I store it?"
CLEAN, STORE = "Here I clean the drill", "Here I store the drill"
GERMAN: Final = "Man reinigt die Maschine und den Tisch mit der Hand, wenn das nicht zu viel ist."
MAKERS: Final[Mapping[str, tuple[type[ModelServer], Callable[..., AnswerModel], str]]] = {
    "anthropic": (FakeAnthropic, AnthropicAnswerModel, "claude-sonnet-5-5"),
    "openai": (FakeOpenAI, OpenAIAnswerModel, "gpt-6-sol"),
    "openrouter": (FakeOpenRouter, OpenRouterAnswerModel, "anthropic/claude-sonnet-5.5"),
    "xai": (FakeOpenAI, XaiAnswerModel, "grok-4.6"),
    "gemini": (FakeOpenAI, GeminiAnswerModel, "gemini-3.8-flash"),
    "ollama": (FakeOpenAI, OllamaAnswerModel, "llama-4"),
}  # fmt: skip
TOO_LONG: Final = {
    "anthropic": (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "openai": (400, "context_length_exceeded", "Your input exceeds the context window of this model."),
    "openrouter": (400, "400", "This endpoint's maximum context length is 8192 tokens."),
    "xai": (400, "invalid_argument", "This model's maximum prompt length is 131072 but the request has 140000."),
    "gemini": (400, "400", "The input token count (1200000) exceeds the maximum number of tokens allowed."),
    "ollama": (400, "invalid_request_error", "the prompt exceeds the available context size"),
}


def two_claims(request: ModelRequest) -> Scripted:
    """Quote what is said of cleaning, and then of storing."""
    return [
        Claim(e.text, (e.label,)) for start in (CLEAN, STORE) for e in request.evidence if e.text.startswith(start)
    ]


@dataclass
class Provider:
    """A provider's server and the model that asks it; ``hasty`` waits but a moment for it."""

    name: str
    server: ModelServer
    model: AnswerModel
    hasty: AnswerModel

    def requests(self) -> int:
        return len(self.server.requests)


def _made(
    maker: Callable[..., AnswerModel], name: str, model: str, server: ModelServer, timeout_s: float
) -> AnswerModel:
    prices = {name: {"input": 1.0, "output": 1.0}}
    return maker(name, model, api_key=KEY, base_url=server.base_url, timeout_s=timeout_s, prices=prices)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def providers() -> AsyncIterator[dict[str, Provider]]:
    running: dict[str, Provider] = {}
    for name, (server_of, maker, model) in MAKERS.items():
        server = server_of(KEY)
        await server.start()
        if isinstance(server, FakeOpenAI):
            server.models[model] = None

        hasty, model_of = 0.2, partial(_made, maker, f"{name}:{model}", model, server)
        running[name] = Provider(name, server, model_of(30.0), model_of(hasty))
    yield running
    for provider in running.values():
        await provider.model.close()
        await provider.hasty.close()
        await provider.server.stop()


@pytest.fixture(params=MAKERS)
def provider(
    request: pytest.FixtureRequest, providers: dict[str, Provider], monkeypatch: pytest.MonkeyPatch
) -> Provider:
    """A provider that works, asked nothing yet; nobody waits before trying again."""
    monkeypatch.setattr(vendor_calls, "PAUSE_S", 0.0)
    for each in providers.values():
        each.server.recover()
        each.server.requests.clear()
        each.server.answer_with(two_claims)
    found: Provider = providers[request.param]
    return found


@pytest.fixture
def rescue(provider: Provider, providers: dict[str, Provider]) -> Provider:
    """Another provider, which works."""
    return providers["gemini" if provider.name != "gemini" else "xai"]


@dataclass
class Asked:
    """What came of a question, and what could be seen of the answer before."""

    desk: Desk
    shown: list[str] = field(default_factory=list)

    async def ask(self, text: str = QUESTION) -> Answer:
        async def look(answer: Answer) -> None:
            self.shown.append(answer.text)

        return await self.desk.engine.answer(Question(CREATOR, text), look)


class OnceRead(FakeHoldings):
    """A library that is built for the first question only."""

    async def load(self, scope: Scope) -> Snapshot:
        if not _LIBRARY:
            _LIBRARY.append(await super().load(scope))
        return _LIBRARY[0]


_LIBRARY: list[Snapshot] = []


def asking(*models: AnswerModel) -> Asked:
    return Asked(Desk(OnceRead(), models=models))  # type: ignore[arg-type]  # they write as scripted ones do


Trouble = Callable[[ModelServer], None]
TROUBLES: Final[Mapping[str, tuple[Trouble, int]]] = {
    "401": (lambda s: s.answer_status(401, "authentication_error"), 1),
    "402": (lambda s: s.answer_status(402, "billing_error"), 1),
    "429 with retry-after": (lambda s: s.answer_status(429, "rate_limit_error", retry_after_s=30), 1),
    "429 without retry-after": (lambda s: s.answer_status(429, "rate_limit_error"), 2),
    "500": (lambda s: s.answer_status(500, "api_error"), 1),
    "529": (lambda s: s.answer_status(529, "overloaded_error"), 2),
    "an error inside the stream": (lambda s: s.error_in_stream(times=None), 1),
    "a cut": (lambda s: s.cut_stream(times=None), 1),
    "a hang": (lambda s: s.hang(), 1),
    "a silence in the stream": (lambda s: s.hang_in_stream(times=None), 1),
    "an empty answer": (lambda s: s.say_nothing(), 1),
    "a refusal": (lambda s: s.refuse(), 1),
    "another language": (lambda s: s.answer_with(lambda _: Claim(GERMAN, ("S1",))), 1),
    "a body that is no stream": (lambda s: s.garbage_body(), 1),
}
"""What goes wrong, and how often the provider is asked then: again only where it was busy and nothing had come."""
FREE: Final = frozenset({trouble for trouble in TROUBLES if trouble[0].isdecimal()} | {"a body that is no stream"})
"""Where the vendor did nothing that it could charge for."""


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_another_model_answers_and_the_one_in_trouble_is_paid_once_at_most(
    provider: Provider, rescue: Provider, trouble: str
) -> None:
    bring, times = TROUBLES[trouble]
    bring(provider.server)
    slow = trouble in {"a hang", "a silence in the stream"}
    at = asking(provider.hasty if slow else provider.model, rescue.model)
    answer = await at.ask()

    assert (answer.outcome, answer.mode, answer.model) == (Outcome.ANSWERED, Mode.WRITTEN, rescue.model.name)
    assert [sentence.text.startswith(begin) for sentence, begin in zip(answer.sentences, (CLEAN, STORE), strict=True)]
    assert rescue.requests() == 1
    assert provider.requests() == times or (slow and not provider.requests())
    assert [bool(call.failure) for call in answer.calls] == [True, False]
    assert bool(answer.calls[0].usage.cost_usd) is (trouble not in FREE), "the vendor charges for what it began"
    assert at.shown[-1] == answer.text
    if trouble in {"402", "429 with retry-after"}:
        await at.ask(CLEAN_THE_DRILL)
        assert provider.requests() == 1, "it is left alone"


@pytest.mark.parametrize("trouble", ["a refusal", "another language", "an empty answer"])
async def test_who_asks_what_a_model_declines_takes_it_from_nobody_else(provider: Provider, trouble: str) -> None:
    bring, _ = TROUBLES[trouble]
    at = asking(provider.model)
    for _ in range(FAILURES + 1):
        bring(provider.server)
        assert (await at.ask()).mode is Mode.QUOTED
    provider.server.recover()
    provider.server.answer_with(two_claims)
    assert (await at.ask(CLEAN_THE_DRILL)).mode is Mode.WRITTEN


@pytest.mark.parametrize("breaks", ["cut_stream", "error_in_stream"])
async def test_what_was_read_before_a_break_stays_and_is_finished_or_called_unfinished(
    provider: Provider, rescue: Provider, breaks: str
) -> None:
    getattr(provider.server, breaks)(times=None, after_text=STORE)
    rescued = asking(provider.model, rescue.model)
    answer = await rescued.ask()
    assert (answer.model, len(answer.sentences)) == (rescue.model.name, 2)
    assert rescued.shown[0].startswith(CLEAN)
    alone = asking(provider.model)
    broken = await alone.ask()
    assert alone.shown
    assert (broken.mode, broken.finished, broken.text.endswith(UNFINISHED)) == (Mode.WRITTEN, False, True)
    assert [sentence.text.startswith(CLEAN) for sentence in broken.sentences] == [True]
    assert broken.citations[0].url
    assert broken.usage.prompt_tokens > 100
    assert broken.usage.completion_tokens >= len(CLEAN) / 4
    assert provider.requests() == 2, "each question was paid for once"


async def test_labels_out_of_range_are_never_shown_and_the_creator_is_quoted(provider: Provider) -> None:
    provider.server.answer_with(lambda _: [Claim("Clean the drill.", ("S900",)), Claim("Store the drill.", ("S0",))])
    at = asking(provider.model)
    answer = await at.ask()
    assert (answer.mode, at.shown, provider.requests()) == (Mode.QUOTED, [], 1)
    assert answer.citations
    assert answer.usage.cost_usd > 0


async def test_a_task_that_is_too_long_is_shortened_and_asked_once_more(provider: Provider) -> None:
    status, kind, message = TOO_LONG[provider.name]
    provider.server.answer_status(status, kind, message, times=1)
    answer = await asking(provider.model).ask()

    assert (answer.mode, answer.model, provider.requests()) == (Mode.WRITTEN, provider.model.name, 2)
    first, second = (str(request.body) for request in provider.server.requests)
    assert len(second) < len(first)
    assert "read" in answer.calls[0].failure


async def test_one_too_short_of_context_even_then_leaves_the_answer_to_the_next(
    provider: Provider, rescue: Provider
) -> None:
    provider.server.answer_status(*TOO_LONG[provider.name])
    answer = await asking(provider.model, rescue.model).ask()
    assert (answer.model, provider.requests(), len(answer.calls)) == (rescue.model.name, 2, 3)


async def test_a_whole_answer_says_what_it_took_and_when_its_first_word_came(provider: Provider) -> None:
    at = asking(provider.model)
    answer = await at.ask()
    (call,) = answer.calls
    assert (call.model, call.purpose, call.failure, call.usage) == (provider.model.name, "answer", "", answer.usage)
    assert 0 < call.first_word_ms <= call.took_ms
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.cost_usd == (
        COST_USD if provider.name == "openrouter" else pytest.approx(call.usage.cost_usd)
    )
    assert at.shown[0].startswith(CLEAN)
    assert STORE not in at.shown[0]
    if provider.name == "openai":
        check_requests(provider.server.requests)


async def test_when_all_providers_are_down_the_creator_is_quoted(
    provider: Provider, providers: dict[str, Provider]
) -> None:
    for each in providers.values():
        each.server.answer_status(503, "overloaded_error")
    answer = await asking(provider.model, *(p.model for p in providers.values() if p is not provider)).ask()
    assert (answer.mode, len(answer.calls), answer.usage.cost_usd) == (Mode.QUOTED, len(providers), 0.0)
    assert answer.citations
