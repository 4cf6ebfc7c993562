"""The answer cache on near duplicates: everything as in production, the embedder and PostgreSQL included."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.postgres.embedded import EmbeddedServer
from adapters.sources.timed_text import read_timed_text
from bot.app import DatabaseAddress, open_on
from bot.evaluation import fill_library
from bot.settings import Settings
from core.asking.cache import Looked
from tests.conftest import TEMPLATE
from tests.quality.near_duplicates import Served, ask_near_duplicates, pairs
from tests.quality.sample import write_corpus

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder: Path = tmp_path_factory.mktemp("near-duplicates")
    corpus = folder / "corpus.jsonl"
    write_corpus(corpus)
    url = await postgres.create_database("near_duplicates", template=TEMPLATE)
    settings = Settings.model_validate({"storage": {"data_dir": str(folder)}, "models": {"answer": []}})
    async with open_on(settings, DatabaseAddress(url, url)) as deployment:
        library = await fill_library(deployment, read_timed_text("corpus.jsonl", corpus.read_bytes()))
        yield await ask_near_duplicates(deployment, library)
    await postgres.drop_database("near_duplicates")


async def test_what_is_given_from_the_cache_answers_the_question_that_was_asked(served: Served) -> None:
    assert served.precision >= 0.99, served.wrongly
    assert served.looks[Looked.NUMBERS] > 0
    assert served.looks[Looked.NAMES] > 0
    assert served.looks[Looked.NEGATION] > 0
    assert served.looks[Looked.WORDING] > 0


async def test_most_of_what_asks_the_same_costs_nothing(served: Served) -> None:
    assert served.hit_rate >= 0.6


def test_the_set_is_large_and_mostly_of_what_must_not_be_given() -> None:
    asked = pairs()
    assert len(asked) >= 150
    assert sum(not same for _, _, same in asked) > len(asked) / 2
