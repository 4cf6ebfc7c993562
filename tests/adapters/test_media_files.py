"""Media files keep the same promises in a local folder and in an S3-compatible store, a real server process."""

import asyncio
import hashlib
import os
import shutil
import socket
import tracemalloc
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from obstore.exceptions import GenericError

from adapters.files import objects
from adapters.files.objects import ObjectMediaFiles, S3Address, open_local_files, open_s3_files
from core.errors import ConfigurationError, DiskFull, ProviderBusy, ProviderError
from core.ids import CreatorId
from core.library.media import MediaFiles, MediaKey, media_key
from core.library.scratch import Scratch
from tests.waiting import within
from tests.wire.s3_server import S3Server, s3_server

BUCKET = "media"
ANNA, BEN = CreatorId(1), CreatorId(12)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        server.make(BUCKET)
        yield server


def s3_files(server: S3Server, folder: Path, bucket: str = BUCKET) -> ObjectMediaFiles:
    return open_s3_files(
        S3Address(server.endpoint, bucket, "us-east-1", "key", "secret"), Scratch(folder / "scratch")
    )


@pytest.fixture(params=["local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> MediaFiles:
    if request.param == "local":
        return open_local_files(tmp_path / "media")
    server: S3Server = request.getfixturevalue("s3")
    server.make(BUCKET)
    return s3_files(server, tmp_path)


def made(folder: Path, content: bytes, creator_id: CreatorId = ANNA) -> tuple[MediaKey, Path]:
    file = folder / "upload.bin"
    file.write_bytes(content)
    return media_key(creator_id, hashlib.sha256(content).hexdigest(), "mp4"), file


async def total_bytes(files: MediaFiles, creator_id: CreatorId) -> int:
    return sum(file.size_bytes for file in await files.kept(creator_id))


async def read(files: MediaFiles, key: MediaKey, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in files.read(key, start, end)])


async def test_what_is_put_is_read_back_byte_for_byte(files: MediaFiles, tmp_path: Path) -> None:
    content = os.urandom(3 * objects.PART_BYTES + 17)
    key, file = made(tmp_path, content)
    await files.put(key, file)
    assert await files.size_bytes(key) == len(content)
    assert await read(files, key, 0, len(content)) == content
    async with files.local(key) as path:
        assert path.read_bytes() == content
        assert path.suffix == ".mp4"


async def test_a_range_is_read_in_pieces_and_ends_with_the_file(files: MediaFiles, tmp_path: Path) -> None:
    content = os.urandom(2 * objects.PIECE_BYTES + 100)
    key, file = made(tmp_path, content)
    await files.put(key, file)
    assert await read(files, key, 5, 10) == content[5:10]
    assert await read(files, key, objects.PIECE_BYTES - 3, 10**12) == content[objects.PIECE_BYTES - 3 :]
    assert await read(files, key, len(content), 10**12) == b""
    pieces = [len(piece) async for piece in files.read(key, 0, len(content))]
    assert max(pieces) <= objects.PIECE_BYTES
    assert len(pieces) == 3


async def test_putting_again_changes_nothing(files: MediaFiles, tmp_path: Path) -> None:
    key, file = made(tmp_path, b"twice")
    await files.put(key, file)
    await files.put(key, file)
    assert await total_bytes(files, ANNA) == 5
    assert file.exists()


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(files: MediaFiles, tmp_path: Path) -> None:
    key, file = made(tmp_path, b"short-lived")
    await files.put(key, file)
    await files.delete(key)
    await files.delete(key)
    assert await files.size_bytes(key) is None
    with pytest.raises(ProviderError, match="gone"):
        await read(files, key, 0, 1)
    with pytest.raises(ProviderError, match="gone"):
        async with files.local(key):
            pass


async def test_a_creators_total_counts_nobody_elses_files(files: MediaFiles, tmp_path: Path) -> None:
    """The folders of 1 and 12 begin alike."""
    await files.check()
    for content, creator_id in ((b"12345", ANNA), (b"123", ANNA), (b"1", BEN)):
        await files.put(*made(tmp_path, content, creator_id))
    assert await total_bytes(files, ANNA) == 8
    assert await total_bytes(files, BEN) == 1
    assert await total_bytes(files, CreatorId(2)) == 0


async def test_a_list_names_each_file_by_its_key_and_when_it_was_put(files: MediaFiles, tmp_path: Path) -> None:
    key, file = made(tmp_path, b"listed")
    before = datetime.now(UTC) - timedelta(seconds=5)  # a store's clock may count whole seconds
    await files.put(key, file)
    (found,) = await files.kept(ANNA)
    assert (found.key, found.size_bytes) == (key, 6)
    assert before <= found.put_at <= datetime.now(UTC) + timedelta(seconds=5)


def test_what_is_no_file_of_ours_is_not_listed(tmp_path: Path) -> None:
    folder = tmp_path / "creators" / str(ANNA)
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("put here by hand")
    assert asyncio.run(open_local_files(tmp_path).kept(ANNA)) == []


async def test_many_files_are_all_counted(files: MediaFiles, tmp_path: Path) -> None:
    for number in range(30):
        await files.put(*made(tmp_path, b"%03d" % number))
    assert await total_bytes(files, ANNA) == 90


@pytest.mark.parametrize(
    "key",
    ["../secret", "creators/1/../../x.mp4", "/etc/passwd", "creators/1/" + "a" * 64, f"creators/1/{'a' * 64}.mp4\n"],
)
async def test_nothing_but_a_key_names_a_file(files: MediaFiles, tmp_path: Path, key: str) -> None:
    _, file = made(tmp_path, b"x")
    with pytest.raises(ValueError, match="media key"):
        await files.put(MediaKey(key), file)
    with pytest.raises(ValueError, match="media key"):
        await files.size_bytes(MediaKey(key))
    with pytest.raises(ValueError, match="media key"):
        await files.delete(MediaKey(key))
    with pytest.raises(ValueError, match="media key"):
        async with files.local(MediaKey(key)):
            pass


@pytest.mark.parametrize("name", ["../../etc/passwd", "mp4/../x", "", "MP4", "mp4 "])
def test_a_files_name_never_becomes_a_part_of_a_key(name: str) -> None:
    with pytest.raises(ValueError, match="media key"):
        media_key(ANNA, "a" * 64, name)
    with pytest.raises(ValueError, match="media key"):
        media_key(ANNA, name, "mp4")


async def test_a_copy_of_a_remote_file_is_deleted_after_use(s3: S3Server, tmp_path: Path) -> None:
    files = s3_files(s3, tmp_path)
    key, file = made(tmp_path, b"remote")
    await files.put(key, file)
    async with files.local(key) as path:
        assert path.read_bytes() == b"remote"
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_large_file_never_stands_in_memory(files: MediaFiles, tmp_path: Path) -> None:
    key, file = made(tmp_path, bytes(8 * objects.PART_BYTES))
    await files.put(key, file)
    tracemalloc.start()
    try:
        async with files.local(key):
            pass
        assert tracemalloc.get_traced_memory()[1] < 3 * objects.PART_BYTES
    finally:
        tracemalloc.stop()


async def test_the_event_loop_goes_on_while_a_file_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is in the same loop: were the loop held up, it could not answer."""

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.read())
        return web.Response(headers={"ETag": '"1"'})

    taken: list[bytes] = []
    monkeypatch.setattr(objects, "PART_TIMEOUT", timedelta(seconds=20))
    app = web.Application()
    app.router.add_put("/{path:.*}", take)
    key, file = made(tmp_path, b"sent")
    async with TestServer(app) as store:
        address = S3Address(str(store.make_url("")), BUCKET, "us-east-1", "key", "secret")
        async with within(60, "the file to be sent"):
            await open_s3_files(address, Scratch(tmp_path / "scratch")).put(key, file)
    assert taken == [b"sent"]


async def test_a_missing_bucket_is_named(s3: S3Server, tmp_path: Path) -> None:
    files = s3_files(s3, tmp_path, bucket="no-such-bucket")
    key, file = made(tmp_path, b"x")
    with pytest.raises(ProviderError, match=r"no-such-bucket.*does not exist.*s3_bucket"):
        await files.put(key, file)
    with pytest.raises(ProviderError, match="does not exist"):
        await files.size_bytes(key)
    with pytest.raises(ProviderError, match="does not exist"):
        await files.delete(key)
    with pytest.raises(ProviderError, match="does not exist"):
        await total_bytes(files, ANNA)


async def test_a_wrong_key_is_named(s3: S3Server, tmp_path: Path) -> None:
    files = s3_files(s3, tmp_path)
    key, file = made(tmp_path, b"x")
    s3.tell("moto-api/reset-auth", "POST", b"0")
    try:
        with pytest.raises(ProviderError, match=r"refuses our key.*s3_access_key"):
            await files.put(key, file)
        with pytest.raises(ProviderError, match="refuses our key"):
            await files.check()
        with pytest.raises(ProviderError, match="refuses our key"):
            await files.size_bytes(key)
    finally:
        s3.tell("moto-api/reset-auth", "POST", b"inf")


async def test_a_server_that_is_away_may_come_back(tmp_path: Path) -> None:
    key, file = made(tmp_path, b"x")
    with socket.socket() as silent:  # holds a port on which nobody listens
        silent.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        files = open_s3_files(
            S3Address(endpoint, BUCKET, "us-east-1", "key", "secret"), Scratch(tmp_path / "scratch")
        )
        with pytest.raises(ProviderBusy, match=r"cannot be reached.*s3_endpoint"):
            await files.put(key, file)
        with pytest.raises(ProviderBusy, match="cannot be reached"):
            await files.size_bytes(key)


@pytest.mark.parametrize(
    ("endpoint", "bucket"), [("s3.example.com", "media"), ("ftp://host", "m"), ("https://h", "")]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, endpoint: str, bucket: str) -> None:
    with pytest.raises(ConfigurationError, match=r"storage\.s3_endpoint"):
        open_s3_files(S3Address(endpoint, bucket, "", "", ""), Scratch(tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"storage\.data_dir"):
        open_local_files(tmp_path / "file" / "media")


async def test_a_nearly_full_disk_takes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = open_local_files(tmp_path / "media")
    key, file = made(tmp_path, b"x" * 100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, objects.SPARE_BYTES + 99))
    with pytest.raises(DiskFull, match="disk is full"):
        await files.put(key, file)
    assert await files.size_bytes(key) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_disk_that_fills_while_writing_is_said_too(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing to /dev/full fails as on a full disk."""
    files = s3_files(s3, tmp_path)
    key, file = made(tmp_path, b"x" * 100_000)
    await files.put(key, file)
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r": opened(Path("/dev/full") if mode == "wb" else path, mode)
    )
    with pytest.raises(DiskFull, match="disk is full"):
        async with files.local(key):
            pass


def test_a_full_disk_is_recognised_in_what_the_store_says() -> None:
    said = GenericError("Generic LocalFileSystem error: Unable to copy data: No space left on device (os error 28)")
    assert "disk is full" in str(objects._translated("The folder", said))
    assert "disk is full" not in str(objects._translated("The folder", GenericError("failed (os error 2)")))


async def test_a_half_written_file_is_never_seen_and_is_swept_away(tmp_path: Path) -> None:
    key, file = made(tmp_path, b"whole")
    folder = tmp_path / "media"
    files = open_local_files(folder)
    await files.put(key, file)
    old, new = folder / f"{key}#1", folder / f"{key}#2"
    for staged in (old, new):
        staged.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert await total_bytes(files, ANNA) == 5
    open_local_files(folder)
    assert not old.exists()
    assert new.exists()
    assert (folder / key).exists()
