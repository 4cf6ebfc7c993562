"""An S3-compatible server as a process of its own."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class S3Server:
    """An S3 server of its own process on a free loopback port; any key opens it."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        program = Path(sys.executable).with_name("moto_server")
        port = self.endpoint.rpartition(":")[2]
        self._process = subprocess.Popen(  # noqa: S603 - our own test server
            [program, "-H", "127.0.0.1", "-p", port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def tell(self, path: str, method: str, words: bytes = b"") -> None:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.endpoint}/{path}", method=method, data=words, headers={"Content-Type": "text/plain"}
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - loopback
            pass

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.tell("moto-api/", "GET")
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def make(self, bucket: str) -> None:
        """Forget everything, and make an empty bucket."""
        self.tell("moto-api/reset", "POST")
        self.tell(bucket, "PUT")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that answers."""
    server = S3Server()
    try:
        server.wait()
        yield server
    finally:
        server.close()
