"""An S3-compatible server as a process of its own."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

STARTS_WITHIN_S: Final = 60.0
LISTENS: Final = re.compile(rb"Running on (http://127\.0\.0\.1:\d+)")


class S3Server:
    """A server on a port of its own choice, on loopback; any key opens it."""

    def __init__(self) -> None:
        program = Path(sys.executable).with_name("moto_server")
        self._said = TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(  # noqa: S603 - our own test server
            [program, "-H", "127.0.0.1", "-p", "0"], stdout=self._said, stderr=subprocess.STDOUT
        )
        try:
            self.endpoint = self._address()
        except BaseException:
            self.close()
            raise

    def tell(self, path: str, method: str, words: bytes = b"") -> None:
        """Send a request."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.endpoint}/{path}", method=method, data=words, headers={"Content-Type": "text/plain"}
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - loopback
            pass

    def make(self, bucket: str) -> None:
        """Forget everything, and make an empty bucket."""
        self.tell("moto-api/reset", "POST")
        self.tell(bucket, "PUT")

    def close(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait(STARTS_WITHIN_S)
        self._said.close()

    def _address(self) -> str:
        """Where it listens, which it says once it does."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while (found := LISTENS.search(said := self._everything_said())) is None:
            assert self._process.poll() is None, f"the S3 server ended: {said.decode()}"
            assert time.monotonic() < deadline, f"the S3 server does not listen: {said.decode()}"
            time.sleep(0.05)
        return found[1].decode()

    def _everything_said(self) -> bytes:
        return os.pread(self._said.fileno(), 1_000_000, 0)  # the server's own place in the file must not move


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that answers."""
    server = S3Server()
    try:
        yield server
    finally:
        server.close()
