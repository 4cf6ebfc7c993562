"""What `chronos check` says of models: what each key may use, names that are not there, and what is about to end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from aiohttp import web

from bot.model_checks import LISTED_WITHIN_S, check_models
from bot.settings import Settings
from core.asking.offers import OfferedModel, find_offered, near_matches
from tests.wire.fake_models import Json, RecordedRequest
from tests.wire.fake_models_anthropic import FakeAnthropic
from tests.wire.fake_models_openai import FakeOpenAI
from tests.wire.openai_spec import check_requests

TODAY = date(2026, 11, 21)


class DatedAnthropic(FakeAnthropic):
    """Says when the deprecated model is retired."""

    retires_at: str | None = "2026-11-30T00:00:00Z"

    def _models(self) -> Json:
        listed = super()._models()
        for model in listed["data"]:
            model["retires_at"] = self.retires_at if model["lifecycle"] == "deprecated" else None
        return listed


class Lister(FakeOpenAI):
    """Lists models as other vendors do, each with its own words."""

    listed: list[dict[str, Any]] | None = None

    async def route(self, request: RecordedRequest, wire: web.Request) -> web.StreamResponse:
        if request.method == "GET" and self.listed is not None:
            return web.json_response({"object": "list", "data": self.listed})
        if request.method == "GET":
            return web.json_response({"error": {"message": "no such path"}}, status=404)
        return await super().route(request, wire)


@dataclass(frozen=True, slots=True)
class Vendors:
    """Fakes of all six, and the settings that reach them."""

    anthropic: DatedAnthropic
    openai: FakeOpenAI
    others: dict[str, Lister]

    def settings(self, *answer: str, small: tuple[str, ...] = (), **models: object) -> Settings:
        named = {name.partition(":")[0] for name in (*answer, *small, str(models.get("embed", "")))}
        fakes = {"anthropic": self.anthropic, "openai": self.openai, **self.others}
        reached = {
            vendor: {"api_key": fake.api_key, "base_url": fake.base_url}
            for vendor, fake in fakes.items()
            if vendor in named
        }
        prices = {name: {"input": 1.0} for name in (*answer, *small)}
        return Settings.model_validate(
            {"models": {"answer": answer, "small": small, "prices": prices, **models}, **reached}
        )


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    others = {vendor: Lister() for vendor in ("openrouter", "xai", "gemini", "ollama")}
    found = Vendors(DatedAnthropic(), FakeOpenAI(), others)
    async with AsyncExitStack() as stack:
        for fake in (found.anthropic, found.openai, *others.values()):
            await stack.enter_async_context(fake)
        yield found
        check_requests(found.openai.requests)


async def lines(settings: Settings) -> list[str]:
    return [finding.line for finding in await check_models(settings, TODAY)]


def saying(found: list[str], words: str) -> str:
    """The line that has these words.

    Raises:
        AssertionError: none has, or several have.
    """
    (line,) = [line for line in found if words in line]
    return line


async def test_each_key_says_what_it_may_use_and_each_model_answers(vendors: Vendors) -> None:
    settings = vendors.settings("anthropic:claude-sonnet-5-5", "openai:gpt-6-sol", small=("openai:gpt-6-luna",))
    found = await lines(settings)
    assert all(line.startswith("✓") for line in found), found
    assert "claude-haiku-5-5, claude-opus-5-5" in saying(found, "anthropic: the key may use")
    assert " more" in saying(found, "openai: the key may use")
    for name in ("anthropic:claude-sonnet-5-5", "openai:gpt-6-sol", "openai:gpt-6-luna"):
        saying(found, f"{name} answers")


async def test_a_name_that_the_key_may_not_use_is_an_error_with_near_matches(vendors: Vendors) -> None:
    found = await lines(vendors.settings("openai:gpt-6-soll", embed="openai:text-embedding-3-tiny"))
    meant = saying(found, "openai:gpt-6-soll is none of the models that this key may use; did you mean ")
    assert meant.startswith("✗")
    assert "gpt-6-sol" in meant.partition("did you mean")[2]
    assert "text-embedding-3-large" in saying(found, "openai:text-embedding-3-tiny is none")


async def test_an_end_that_is_announced_is_a_warning_and_one_that_is_past_an_error(vendors: Vendors) -> None:
    named = ("anthropic:claude-sonnet-4-5", "openai:gpt-4o-mini")
    found = await lines(vendors.settings(*named))
    ending = "anthropic:claude-sonnet-4-5 ends on 30 November 2026, in 9 days: name another"
    assert saying(found, ending).startswith("!")
    assert saying(found, "openai:gpt-4o-mini ends on 14 January 2027").startswith("!")
    vendors.anthropic.retires_at = None
    vendors.openai.models["gpt-4o-mini"] = "2026-11-20"
    found = await lines(vendors.settings(*named))
    assert saying(found, "claude-sonnet-4-5 is deprecated and will end").startswith("!")
    assert saying(found, "openai:gpt-4o-mini ended on 20 November 2026").startswith("✗")


async def test_openrouter_says_when_a_model_expires_and_each_of_its_alternatives_is_looked_at(
    vendors: Vendors,
) -> None:
    router = vendors.others["openrouter"]
    router.models |= {"a/one": None}
    router.listed = [{"id": "a/one", "expiration_date": "2026-12-24"}, {"id": "b/two", "expiration_date": None}]
    found = await lines(vendors.settings("openrouter:a/one|b/too"))
    assert "a/one ends on 24 December 2026, in 33 days" in saying(found, "ends on")
    assert "did you mean b/two?" in saying(found, "openrouter:b/too is none")


async def test_where_a_vendor_says_nothing_of_an_end_the_configuration_can(vendors: Vendors) -> None:
    vendors.others["gemini"].listed = [{"id": "models/gemini-3.8-flash"}]
    vendors.others["ollama"].listed = [{"id": "llama5:latest"}]
    for vendor in ("gemini", "ollama"):
        vendors.others[vendor].models |= {"gemini-3.8-flash": None, "llama5": None}
    named = ("gemini:gemini-3.8-flash", "ollama:llama5")
    found = await lines(vendors.settings(*named, ends={"gemini:gemini-3.8-flash": "2027-01-31"}))
    assert "gemini:gemini-3.8-flash ends on 31 January 2027" in saying(found, "ends on")
    assert "Ollama does not say when models end; models.ends can, for llama5" in saying(found, "does not say")


async def test_a_server_without_a_list_and_a_refused_key_are_said_and_hold_up_nothing(vendors: Vendors) -> None:
    vendors.others["xai"].models["grok-4.6"] = None
    settings = vendors.settings("xai:grok-4.6", "openai:gpt-6-sol")
    found = await lines(settings)
    assert saying(found, "xai: what this key may use is not known").startswith("!")
    saying(found, "xai:grok-4.6 answers")
    assert LISTED_WITHIN_S <= 15
    vendors.openai.api_key = "another"
    found = await lines(settings)
    assert "401" in saying(found, "openai: what this key may use is not known")


async def test_without_models_and_keys_there_is_one_line(vendors: Vendors) -> None:
    (line,) = await lines(Settings())
    assert line == "- models       no models.answer: answers quote the creator's own sentences"


def test_names_with_a_date_a_tag_or_latest_are_found() -> None:
    offered = [
        OfferedModel(name) for name in ("claude-x-20260901", "gpt-y-2026-09-01", "llama5:latest", "grok-4-0709")
    ]
    for name, meant in (
        ("claude-x", "claude-x-20260901"), ("gpt-y", "gpt-y-2026-09-01"), ("llama5", "llama5:latest"),
        ("grok-4-latest", "grok-4-0709"), ("llama5:latest", "llama5:latest"),
    ):  # fmt: skip
        found = find_offered(name, offered)
        assert found is not None, name
        assert found.name == meant
    assert find_offered("claude", offered) is None
    assert find_offered("gpt-y-mini", offered) is None
    assert near_matches("claude-y", offered)[0] == "claude-x-20260901"
