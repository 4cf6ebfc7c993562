"""Kept files stay as long as a source needs them or is about to, in a folder and in an S3-compatible store."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.files.objects import S3Address, open_local_files, open_s3_files
from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from adapters.postgres.media_claims import PostgresMediaClaims
from core.errors import ProviderError, StorageFull
from core.ids import CreatorId
from core.library import keeping as keeping_room
from core.library.keeping import Keeping
from core.library.media import KeptFile, MediaFiles, MediaKey, media_key
from core.library.scratch import Scratch
from core.library.store import NewSource, Origin, OriginKind
from tests.adapters.school import change, rows, shelf_of
from tests.wire.s3_server import S3Server, s3_server

BUCKET = "kept"
BOUND = "ALTER TABLE sources {0} FORCE ROW LEVEL SECURITY; ALTER TABLE media_claims {0} FORCE ROW LEVEL SECURITY;"
LONG_AGO = "UPDATE media_claims SET claimed_at = now() - interval '2 days';"
REMOVED = "UPDATE sources SET removed_at = now() - interval '8 days' WHERE removed_at IS NOT NULL;"
FOUND = "UPDATE sources SET media_key = (SELECT media_key FROM media_claims);"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> MediaFiles:
    if request.param == "local":
        return open_local_files(tmp_path / "media")
    server: S3Server = request.getfixturevalue("s3")
    server.make(BUCKET)
    return open_s3_files(S3Address(server.endpoint, BUCKET, "us-east-1", "key", "secret"), Scratch(tmp_path / "s"))


@pytest.fixture
def keeping(files: MediaFiles, database: Database, monkeypatch: pytest.MonkeyPatch) -> Keeping:
    """What is put counts as put long ago at once."""
    monkeypatch.setattr(keeping_room, "UNTOUCHED_FOR", timedelta(minutes=-5))
    return Keeping(files, PostgresMediaClaims(database), 0)


@pytest.fixture
async def creator_id(database: Database) -> CreatorId:
    return (await PostgresDirectory(database).add_creator("drawing", "Drawing", None)).id


async def keep(keeping: Keeping, creator_id: CreatorId, folder: Path, content: bytes = b"a film") -> MediaKey:
    digest = hashlib.sha256(content)
    file = folder / digest.hexdigest()
    await asyncio.to_thread(file.write_bytes, content)
    key = media_key(creator_id, digest.hexdigest(), "mp4")
    await keeping.keep(creator_id, key, file, len(content))
    return key


def source_of(key: MediaKey) -> NewSource:
    digest = hashlib.sha256(key.encode()).digest()
    return NewSource(None, "A film", origin=Origin(OriginKind.MEDIA, key=key), digest=digest)


async def forget_claims(url: str) -> None:
    await as_owner(url, LONG_AGO)


async def as_owner(url: str, statement: str) -> None:
    await change(url, BOUND.format("NO") + statement + BOUND.format(""))


async def test_a_file_stays_with_its_source_through_the_week_in_which_a_removal_is_undone(
    keeping: Keeping, database: Database, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    shelf = shelf_of(database)
    key = await keep(keeping, creator_id, tmp_path)
    (added,) = await shelf.add(creator_id, [source_of(key)], None)
    await forget_claims(database_url)
    assert await keeping.sweep(creator_id) == 0
    await shelf.remove(creator_id, added.source_id)
    await shelf.tidy(creator_id)
    assert await keeping.sweep(creator_id) == 0
    assert await shelf.restore(creator_id, added.source_id)
    await shelf.remove(creator_id, added.source_id)
    await as_owner(database_url, REMOVED)
    await shelf.tidy(creator_id)
    assert await keeping.sweep(creator_id) == 1
    assert await keeping.files.size_bytes(key) is None
    assert await rows(database_url, "SELECT * FROM media_claims") == []


async def test_a_recording_that_was_found_behind_a_link_is_needed_like_one_that_was_uploaded(
    keeping: Keeping, database: Database, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    await keep(keeping, creator_id, tmp_path)
    link = "https://videos.example/film.mp4"
    found = NewSource(None, "Film", link, origin=Origin(OriginKind.LINK, link), digest=b"x" * 32)
    await shelf_of(database).add(creator_id, [found], None)
    await as_owner(database_url, FOUND)
    await forget_claims(database_url)
    assert await keeping.sweep(creator_id) == 0


async def test_what_is_about_to_become_a_source_stays(
    keeping: Keeping, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    key = await keep(keeping, creator_id, tmp_path)
    assert await keeping.sweep(creator_id) == 0
    await forget_claims(database_url)
    await keep(keeping, creator_id, tmp_path)  # the same file is handed in anew
    assert await keeping.sweep(creator_id) == 0
    await forget_claims(database_url)
    assert await keeping.sweep(creator_id) == 1
    assert await keeping.files.size_bytes(key) is None


async def test_what_was_put_today_stays_even_unclaimed(
    keeping: Keeping, creator_id: CreatorId, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    await keep(keeping, creator_id, tmp_path)
    await forget_claims(database_url)
    assert await keeping.sweep(creator_id) == 0


async def test_an_upload_that_meets_the_sweep_puts_its_file_again(
    keeping: Keeping, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    """Otherwise it finds the file, leaves it as it is, and refers to nothing a moment later."""
    key = await keep(keeping, creator_id, tmp_path)
    await forget_claims(database_url)
    async with keeping.claims.let_go(creator_id, key) as free:
        assert free
        upload = asyncio.ensure_future(keep(keeping, creator_id, tmp_path))
        await waits_for_a_lock(database_url)
        assert await keeping.files.size_bytes(key) is not None
        await keeping.files.delete(key)
    await upload
    assert await keeping.files.size_bytes(key) is not None
    assert await keeping.sweep(creator_id) == 0


async def waits_for_a_lock(url: str) -> None:
    async with asyncio.timeout(20):
        while not await rows(url, "SELECT FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.02)


async def test_a_file_that_a_source_got_while_the_sweep_looked_stays(
    keeping: Keeping, database: Database, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    key = await keep(keeping, creator_id, tmp_path)
    await shelf_of(database).add(creator_id, [source_of(key)], None)
    await forget_claims(database_url)
    async with keeping.claims.let_go(creator_id, key) as free:
        assert not free


async def test_nobody_elses_files_are_swept_or_counted(
    keeping: Keeping, database: Database, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    other = (await PostgresDirectory(database).add_creator("cooking", "Cooking", None)).id
    theirs = await keep(keeping, other, tmp_path)
    await keep(keeping, creator_id, tmp_path)
    await forget_claims(database_url)
    assert await keeping.sweep(creator_id) == 1
    assert await keeping.files.size_bytes(theirs) is not None
    await keep(replace(keeping, most_gb=6e-9), creator_id, tmp_path)


async def test_a_file_that_cannot_be_deleted_is_tried_again_another_day(
    keeping: Keeping, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> object:
            return getattr(keeping.files, name)

        async def delete(self, key: MediaKey) -> None:
            raise ProviderError("The bucket refuses our key.")

    refusing: MediaFiles = Refusing()  # type: ignore[assignment]  # the rest is passed on by name
    await keep(keeping, creator_id, tmp_path)
    await forget_claims(database_url)
    with pytest.raises(ProviderError):
        await replace(keeping, files=refusing).sweep(creator_id)
    assert await keeping.sweep(creator_id) == 1


async def test_a_limit_counts_what_is_kept_once_and_says_what_goes(
    keeping: Keeping, database: Database, database_url: str, creator_id: CreatorId, tmp_path: Path
) -> None:
    tight = replace(keeping, most_gb=100e-9)
    shelf = shelf_of(database)
    first = await keep(tight, creator_id, tmp_path, b"a" * 60)
    assert await keep(tight, creator_id, tmp_path, b"a" * 60) == first
    (added,) = await shelf.add(creator_id, [source_of(first)], None)
    with pytest.raises(StorageFull, match=r"take 0\.0 MB of 1e-07 GB, .* 0\.0 MB\. /remove what"):
        await keep(tight, creator_id, tmp_path, b"b" * 60)
    await shelf.remove(creator_id, added.source_id)
    with pytest.raises(StorageFull, match=r"go within eight days\. /remove"):
        await keep(tight, creator_id, tmp_path, b"b" * 60)
    await as_owner(database_url, REMOVED)
    await shelf.tidy(creator_id)
    await forget_claims(database_url)
    await keeping.sweep(creator_id)
    await keep(tight, creator_id, tmp_path, b"b" * 60)


async def test_of_two_that_fit_only_alone_one_is_kept_however_close_they_come(
    keeping: Keeping, creator_id: CreatorId, tmp_path: Path
) -> None:
    class Slow:
        """Puts a file when all that are coming have been checked or refused."""

        def __init__(self) -> None:
            self.arrived = 0
            self.all_here = asyncio.Event()

        def __getattr__(self, name: str) -> object:
            return getattr(keeping.files, name)

        async def kept(self, creator_id: CreatorId) -> list[KeptFile]:
            found = await keeping.files.kept(creator_id)
            self.arrived += 1
            if self.arrived == 3:
                self.all_here.set()
            await self.all_here.wait()
            return found

    slow: MediaFiles = Slow()  # type: ignore[assignment]  # the rest is passed on by name
    tight = replace(keeping, files=slow, most_gb=100e-9)
    ends = await asyncio.gather(
        *(keep(tight, creator_id, tmp_path, letter * 60) for letter in (b"a", b"b", b"c")), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["StorageFull", "StorageFull", "str"]
    kept = await keeping.files.kept(creator_id)
    assert [file.size_bytes for file in kept] == [60]
    await keep(replace(keeping, most_gb=130e-9), creator_id, tmp_path, b"d" * 60)
