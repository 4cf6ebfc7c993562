"""Media files in a local folder or in any S3-compatible store; obstore does the work outside the event loop."""

import asyncio
import errno
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from core.errors import FULL, ConfigurationError, DiskFull, ProviderBusy, ProviderError
from core.ids import CreatorId
from core.library.media import KeptFile, MediaKey, checked_key, creator_folder, is_key
from core.library.scratch import Scratch

PIECE_BYTES: Final = 1_000_000
"""What a viewer gets at once: the first second must not wait for more."""
PART_BYTES: Final = 8_000_000
"""What is sent or fetched at once; S3 takes 10,000 parts, which makes 80 GB."""
PARTS_AT_ONCE: Final = 3
SPARE_BYTES: Final = 256_000_000
"""Left free on the disk, where the database may live too."""
PART_TIMEOUT: Final = timedelta(seconds=60)
STATUS: Final = re.compile(r"status code: (\d{3})")
FULL_WORDS: Final = re.compile(rf"os error ({errno.ENOSPC}|{errno.EDQUOT})\b")
TRIAL: Final = b"Chronos looks whether this can be kept."
ABANDONED: Final = re.compile(r".+#\d+")
ABANDONED_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class S3Address:
    """An S3-compatible store: its server, a bucket there, and the key to it; ``region`` may be empty."""

    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str


class ObjectMediaFiles:
    """``MediaFiles`` over a store of obstore.

    Args:
        store: where files are kept.
        title: what the store is called in errors.
        root: the store's own folder where it is a local one; files are then read in place.
        scratch: where copies of remote files stand while they are read.
    """

    def __init__(self, store: LocalStore | S3Store, title: str, *, root: Path | None, scratch: Scratch) -> None:
        self._store = store
        self._title = title
        self._root = root
        self._scratch = scratch

    async def put(self, key: MediaKey, file: Path) -> None:
        """Send a file in parts; it appears whole or not at all."""
        checked_key(key)
        with self._errors():
            if self._root is not None:
                await asyncio.to_thread(_need_room_for, file, self._root)
            await obstore.put_async(self._store, key, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    @asynccontextmanager
    async def local(self, key: MediaKey) -> AsyncIterator[Path]:
        """The file in its folder, or a copy that is deleted afterwards."""
        size_bytes = await self._size_of(key)
        if self._root is not None:
            yield self._root / key
            return
        async with AsyncExitStack() as stack:
            with self._errors():
                folder = await stack.enter_async_context(self._scratch.folder("media"))
                await asyncio.to_thread(_need_room, folder, size_bytes)
            copy = folder / f"media{Path(key).suffix}"
            await self._fetch(key, copy, size_bytes)
            yield copy

    async def read(self, key: MediaKey, start: int, end: int) -> AsyncIterator[bytes]:
        """A request for each piece, so that a viewer who pauses holds no connection."""
        size_bytes = await self._size_of(key)
        async for piece in self._pieces(key, max(start, 0), min(end, size_bytes), PIECE_BYTES):
            yield piece

    async def size_bytes(self, key: MediaKey) -> int | None:
        """Ask for the file's head; where there is none, that the store itself is there."""
        checked_key(key)
        with self._errors():
            try:
                return (await obstore.head_async(self._store, key))["size"]
            except FileNotFoundError:
                await self._listed_one()
        return None

    async def delete(self, key: MediaKey) -> None:
        """Remove a file, which may be gone already."""
        checked_key(key)
        with self._errors():
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise

    async def kept(self, creator_id: CreatorId) -> list[KeptFile]:
        """List a creator's files; what else stands between them is none of ours."""
        found: list[KeptFile] = []
        with self._errors():
            async for page in obstore.list(self._store, creator_folder(creator_id), chunk_size=1000):
                found += [
                    KeptFile(MediaKey(each["path"]), each["size"], each["last_modified"])
                    for each in page
                    if is_key(each["path"])
                ]
        return found

    async def check(self) -> None:
        """Put, read and delete a small file of our own, which is nobody's."""
        name = f"check-{secrets.token_hex(8)}"
        with self._errors():
            await obstore.put_async(self._store, name, TRIAL)
            read = bytes(await obstore.get_range_async(self._store, name, start=0, end=len(TRIAL)))
            await obstore.delete_async(self._store, name)
        if read != TRIAL:
            raise ProviderError(f"{self._title} gives back something else than was put there.")

    async def _listed_one(self) -> None:
        """See that there is a store at all."""
        async for _ in obstore.list(self._store, "creators", chunk_size=1):
            return

    async def _fetch(self, key: MediaKey, copy: Path, size_bytes: int) -> None:
        with self._errors():
            file = await asyncio.to_thread(copy.open, "wb")
            try:
                async for part in self._pieces(key, 0, size_bytes, PART_BYTES):
                    await asyncio.to_thread(file.write, part)
            finally:
                await asyncio.to_thread(file.close)

    async def _pieces(self, key: MediaKey, start: int, end: int, most_bytes: int) -> AsyncIterator[bytes]:
        for first in range(start, end, most_bytes):
            last = min(first + most_bytes, end)
            with self._errors():
                piece = await obstore.get_range_async(self._store, key, start=first, end=last)
            yield bytes(piece)

    async def _size_of(self, key: MediaKey) -> int:
        size_bytes = await self.size_bytes(key)
        if size_bytes is None:
            raise ProviderError(f"{self._title}: the file is gone.")
        return size_bytes

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate what obstore and the file system say, so that nothing of theirs reaches the core."""
        try:
            yield
        except (BaseError, OSError) as error:
            raise _translated(self._title, error) from error


def open_local_files(folder: Path) -> ObjectMediaFiles:
    """Keep files in a folder, which is made; what was left half written a day ago or longer is swept away.

    Raises:
        ConfigurationError: the folder cannot be used.
    """
    try:
        store = LocalStore(folder, mkdir=True)
        _sweep(folder)
    except (BaseError, OSError) as error:
        raise ConfigurationError(
            f"{folder} cannot hold files ({_first_line(error)}); set storage.data_dir."
        ) from error
    return ObjectMediaFiles(store, f"The folder {folder}", root=folder.absolute(), scratch=Scratch(folder))


def open_s3_files(address: S3Address, scratch: Scratch) -> ObjectMediaFiles:
    """Keep files in an S3-compatible store, addressed by path as they all understand it.

    Raises:
        ConfigurationError: the address is none.
    """
    parts = urlsplit(address.endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not address.bucket:
        raise ConfigurationError("storage.s3_endpoint takes https://HOST, and storage.s3_bucket the bucket's name.")
    try:
        store = S3Store(
            address.bucket, endpoint=address.endpoint.rstrip("/"), region=address.region or "auto",
            access_key_id=address.access_key, secret_access_key=address.secret_key,
            virtual_hosted_style_request=False,
            client_options={"allow_http": parts.scheme == "http", "timeout": PART_TIMEOUT},
            retry_config={"max_retries": 3, "retry_timeout": PART_TIMEOUT},
        )  # fmt: skip
    except (BaseError, OSError) as error:
        raise ConfigurationError(f"The S3 store cannot be used: {_first_line(error)}") from error
    title = f"The S3 bucket {address.bucket} at {parts.hostname}"
    return ObjectMediaFiles(store, title, root=None, scratch=scratch)


def _sweep(folder: Path) -> None:
    """Remove the staged files of uploads that were killed."""
    newest = time.time() - ABANDONED_AFTER.total_seconds()
    for file in folder.glob("creators/*/*"):
        if ABANDONED.fullmatch(file.name) and file.stat().st_mtime < newest:
            file.unlink(missing_ok=True)


def _need_room_for(file: Path, folder: Path) -> None:
    _need_room(folder, file.stat().st_size)


def _need_room(folder: Path, size_bytes: int) -> None:
    if shutil.disk_usage(folder).free < size_bytes + SPARE_BYTES:
        raise OSError(errno.ENOSPC, "too little space is left")


def _translated(title: str, error: BaseError | OSError) -> ProviderError:
    text = str(error)
    if (isinstance(error, OSError) and error.errno in FULL) or FULL_WORDS.search(text):
        return DiskFull(f"{title}: the disk is full: free some space.")
    if "NoSuchBucket" in text:
        return ProviderError(f"{title} does not exist; make it, or set storage.s3_bucket.")
    if isinstance(error, FileNotFoundError):
        return ProviderError(f"{title}: the file is gone.")
    status = STATUS.search(text)
    if status is not None:
        return _answered(title, int(status[1]), error)
    if "HTTP error" in text:
        return ProviderBusy(f"{title} cannot be reached; is storage.s3_endpoint right?")
    return ProviderError(f"{title} failed: {_first_line(error)}")


def _answered(title: str, status: int, error: Exception) -> ProviderError:
    if status in {401, 403}:
        return ProviderError(f"{title} refuses our key; set storage.s3_access_key and storage.s3_secret_key.")
    if status in {408, 429} or status >= 500:
        return ProviderBusy(f"{title} is busy ({status}).")
    return ProviderError(f"{title} failed: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
