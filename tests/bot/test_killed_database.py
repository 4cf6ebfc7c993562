"""``kill -9`` of PostgreSQL while a source is being embedded: it comes back, and the source is stored once."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.sources.sentences import split_sentences
from adapters.sources.stemming import SnowballStemmer
from bot.app import open_deployment
from bot.ingesting import working
from bot.settings import Settings
from core.asking.embedding import Embedder, Vector
from core.errors import DatabaseError
from core.ids import CreatorId
from core.library.indexing import Indexer
from core.library.store import Stage
from tests.bot.conftest import Speaker, attachment
from tests.waiting import eventually


@dataclass
class DeadlyEmbedder:
    """Embeds as another does, and kills PostgreSQL during its first work."""

    inner: Embedder
    pid_file: Path
    killed: int = 0

    @property
    def embedder_id(self) -> str:
        return self.inner.embedder_id

    @property
    def dimensions(self) -> int:
        return self.inner.dimensions

    @property
    def languages(self) -> frozenset[str]:
        return self.inner.languages

    async def embed_query(self, text: str) -> Vector:
        return await self.inner.embed_query(text)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        if not self.killed:
            self.killed = int(self.pid_file.read_text().splitlines()[0])
            os.kill(self.killed, signal.SIGKILL)
        return await self.inner.embed_passages(texts)


async def test_postgresql_killed_during_embedding_comes_back_and_the_source_is_stored_once(tmp_path: Path) -> None:
    settings = Settings.model_validate({"storage": {"data_dir": str(tmp_path)}})
    pid_file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    async with open_deployment(settings) as opened:
        deadly = DeadlyEmbedder(opened.embedders.usual, pid_file)
        deployment = replace(opened, indexer=Indexer(deadly, split_sentences, SnowballStemmer()))
        owner = Speaker.of(deployment, "1", manages=True)
        await owner.says("setup")
        await owner.says("upload", file=attachment(), title="Shading a sphere")
        async with working(deployment):

            async def is_ready() -> bool:
                try:
                    (source,) = await deployment.shelf.sources(CreatorId(1))
                except DatabaseError:
                    return False
                return source.stage is Stage.COMPLETED

            await eventually(is_ready, "the work to be done", 90)
        assert deadly.killed
        assert int(pid_file.read_text().splitlines()[0]) != deadly.killed
        async with deployment.database.creator(CreatorId(1)) as connection:
            assert await connection.fetchval("SELECT count(*) FROM segments") == 5
        assert "opposite the lamp" in (await owner.says("ask", question="Where is the core shadow?")).text.plain
