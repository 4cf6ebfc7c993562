"""What is fetched, and what never is: addresses of private networks, too much, too slow, half of it."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.addresses import is_public
from adapters.sources.downloads import HttpDownloads
from core.errors import ChronosError, ProviderBusy, ProviderError, UploadRefused
from core.library.origins import DownloadLimits, Freshness
from tests.waiting import deadlines_s
from tests.wire.rough_server import Asked, RoughServer

SMALL = DownloadLimits(size_bytes=1_000, wall_s=20.0, idle_s=5.0)
LARGE = DownloadLimits(size_bytes=10_000_000, wall_s=20.0, idle_s=5.0)


@pytest.fixture
async def server() -> AsyncIterator[RoughServer]:
    async with RoughServer() as running:
        yield running


@pytest.fixture
def downloads() -> HttpDownloads:
    return HttpDownloads(allow_loopback=True)


class ScriptedResolver(AbstractResolver):
    """Answers each look-up with the next address of its script."""

    def __init__(self, *addresses: list[str]) -> None:
        self._addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses.pop(0)
        ]

    async def close(self) -> None:
        pass


def _ok(body: str, *headers: str) -> str:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", body])


def _is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


def _onward(target: str) -> str:
    return f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"


async def test_a_file_arrives_with_its_name_kind_and_version(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    server.say("/talks/one.mp3", _ok("sound", "Content-Type: audio/mpeg", 'ETag: "v1"', "Last-Modified: today"))
    shares: list[float] = []

    async def report(share: float) -> None:
        shares.append(share)

    got = await downloads.download(server.link("/talks/one.mp3"), tmp_path / "out", SMALL, report)
    assert got is not None
    assert (got.name, got.media_type, got.size_bytes) == ("one.mp3", "audio/mpeg", 5)
    assert got.freshness == Freshness('"v1"', "today")
    assert (tmp_path / "out").read_bytes() == b"sound"
    assert shares == [1.0]


async def test_a_name_never_is_a_path(server: RoughServer, downloads: HttpDownloads, tmp_path: Path) -> None:
    server.say("/f", _ok("x", 'Content-Disposition: attachment; filename="..\\\\../etc/passwd"'))
    got = await downloads.download(server.link("/f"), tmp_path / "out", SMALL)
    assert got is not None
    assert got.name == "passwd"


async def test_what_has_not_changed_is_not_fetched_again(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    server.say("/feed", "HTTP/1.1 304 Not Modified\r\n\r\n")
    known = Freshness('"v1"', "Sat, 21 Nov 2026 07:00:00 GMT")
    assert await downloads.fetch_text(server.link("/feed"), SMALL, known=known) is None
    assert await downloads.download(server.link("/feed"), tmp_path / "out", SMALL, known=known) is None
    assert server.asked[0].headers["if-none-match"] == '"v1"'
    assert server.asked[1].headers["if-modified-since"] == known.last_modified
    assert not (tmp_path / "out").exists()


async def test_a_redirect_is_followed_and_said(server: RoughServer, downloads: HttpDownloads) -> None:
    server.say("/a", _onward("b?sig=a%2Fb+c"))
    server.say("/b", _ok("words", "Content-Type: text/plain"))
    page = await downloads.fetch_text(server.link("/a"), SMALL)
    assert page is not None
    assert (page.link, page.content) == (server.link("/b?sig=a%2Fb+c"), b"words")
    assert server.asked[1].target == "/b?sig=a%2Fb+c"


async def test_redirects_without_end_are_refused(server: RoughServer, downloads: HttpDownloads) -> None:
    server.say("/a", _onward("/a"))
    with pytest.raises(UploadRefused, match="more than 5 times"):
        await downloads.peek(server.link("/a"))
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/", "http://[fe80::1]/", "http://0.0.0.0/", "http://224.0.0.1/",
    ],
)  # fmt: skip
async def test_a_redirect_never_leads_into_a_private_network(
    server: RoughServer, downloads: HttpDownloads, target: str
) -> None:
    server.say("/a", _onward(target))
    with pytest.raises(UploadRefused, match="private network"):
        await downloads.peek(server.link("/a"))


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://example.org/", "http://u:p@example.org/", "http://["]
)
async def test_a_redirect_only_leads_to_the_web(server: RoughServer, downloads: HttpDownloads, target: str) -> None:
    server.say("/a", _onward(target))
    with pytest.raises(UploadRefused):
        await downloads.peek(server.link("/a"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_out_of_reach_unless_a_test_allows_it(server: RoughServer, host: str) -> None:
    server.say("/", _ok("secret"))
    with pytest.raises(UploadRefused, match=r"private network|no site|cannot be read"):
        await HttpDownloads().peek(server.link("/", host))
    assert not server.asked


async def test_a_name_that_answers_differently_the_second_time_is_checked_again(server: RoughServer) -> None:
    """The first answer allows a redirect to itself, the second one leads inside."""
    server.say("/a", _onward(server.link("/b", "rebind.test")))
    downloads = HttpDownloads(resolver=ScriptedResolver(["127.0.0.1"], ["10.0.0.1"]), allow_loopback=True)
    with pytest.raises(UploadRefused, match="private network"):
        await downloads.peek(server.link("/a", "rebind.test"))
    assert len(server.asked) == 1


async def test_of_several_addresses_the_private_ones_are_passed_over(server: RoughServer) -> None:
    server.say("/a", _ok("words"))
    resolver = ScriptedResolver(["10.0.0.1", "127.0.0.1", "192.168.0.1"], ["10.0.0.1", "192.168.0.1"])
    downloads = HttpDownloads(resolver=resolver, allow_loopback=True)
    assert (await downloads.peek(server.link("/a", "mixed.test"))).first_bytes == b"words"
    with pytest.raises(UploadRefused, match="private network"):
        await downloads.peek(server.link("/a", "mixed.test"))


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, UploadRefused, "private"), (403, UploadRefused, "private"), (404, UploadRefused, "nothing behind"),
        (410, UploadRefused, "removed"), (418, UploadRefused, "418"), (500, ProviderError, "500"),
        (503, ProviderBusy, "503"), (429, ProviderBusy, "429"),
    ],
)  # fmt: skip
async def test_every_refusal_of_a_site_has_words(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path, status: int, error: type[Exception], words: str
) -> None:
    server.say("/f", f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(error, match=words) as raised:
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL)
    assert isinstance(raised.value, ProviderBusy) == (status in {429, 503})
    assert _is_empty(tmp_path)


@pytest.mark.parametrize(("said", "wait_s"), [("17", 17.0), ("Sat, 21 Nov 2020 07:00:00 GMT", 0.0), ("soon", None)])
async def test_a_busy_site_says_when_to_come_back(
    server: RoughServer, downloads: HttpDownloads, said: str, wait_s: float | None
) -> None:
    server.say("/f", f"HTTP/1.1 429 No\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ProviderBusy) as raised:
        await downloads.peek(server.link("/f"))
    assert raised.value.retry_after_s == wait_s


async def test_a_file_that_admits_to_be_too_large_is_not_begun(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    server.say("/f", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    with pytest.raises(UploadRefused, match="larger"):
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL)
    assert _is_empty(tmp_path)


async def test_a_file_without_a_length_is_cut_at_the_limit(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    server.say("/f", "HTTP/1.1 200 OK\r\n\r\n", *["x" * 400] * 10)
    with pytest.raises(UploadRefused, match="larger"):
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL)
    assert _is_empty(tmp_path)


async def test_what_unpacks_to_too_much_is_refused(server: RoughServer, downloads: HttpDownloads) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    server.say("/f", head, bomb)
    with pytest.raises(UploadRefused, match="larger"):
        await downloads.fetch_text(server.link("/f"), DownloadLimits(size_bytes=1_000_000, wall_s=20.0))


async def test_a_slow_drip_ends_with_its_time(server: RoughServer, downloads: HttpDownloads, tmp_path: Path) -> None:
    async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    server.answers["/f"] = drip
    for wall_s in deadlines_s(server.asked):
        limits = DownloadLimits(1_000, wall_s=wall_s, idle_s=60.0)
        with pytest.raises(ProviderBusy, match="longer than"):
            await downloads.download(server.link("/f"), tmp_path / "out", limits)
    assert _is_empty(tmp_path)


async def test_a_site_that_says_nothing_is_not_waited_for(server: RoughServer, downloads: HttpDownloads) -> None:
    async def silent(_: Asked, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.answers["/f"] = silent
    for idle_s in deadlines_s(server.asked):
        with pytest.raises(ProviderBusy):
            await downloads.fetch_text(server.link("/f"), DownloadLimits(1_000, wall_s=60.0, idle_s=idle_s))


def _cut_after(server: RoughServer, body: bytes, *, head: str, at: int) -> None:
    """Send ``at`` bytes of what is asked for, whatever length was promised."""

    async def write(asked: Asked, writer: asyncio.StreamWriter) -> None:
        first = int(asked.headers.get("range", "bytes=0-")[6:-1])
        status = f"206 Partial\r\nContent-Range: bytes {first}-{len(body) - 1}/{len(body)}" if first else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body) - first}\r\n\r\n".encode())
        writer.write(body[first : first + at])
        await writer.drain()

    server.answers["/f"] = write


async def test_a_cut_download_goes_on_where_it_stopped(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    body = bytes(range(250)) * 1000
    _cut_after(server, body, head='Accept-Ranges: bytes\r\nETag: "v1"\r\n', at=150_000)
    got = await downloads.download(server.link("/f"), tmp_path / "out", LARGE)
    assert got is not None
    assert got.size_bytes == len(body)
    assert (tmp_path / "out").read_bytes() == body
    begun = [int(asked.headers.get("range", "bytes=0-")[6:-1]) for asked in server.asked]
    assert len(begun) > 1
    assert begun == sorted(set(begun))
    assert server.asked[1].headers["if-range"] == '"v1"'


async def test_half_a_file_never_passes_for_a_whole_one(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    _cut_after(server, b"x" * 100, head="", at=50)
    with pytest.raises(ProviderBusy, match="cut off"):
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL)
    with pytest.raises(ProviderBusy):
        await downloads.fetch_text(server.link("/f"), SMALL)
    assert _is_empty(tmp_path)


async def test_a_download_that_is_always_cut_is_given_up(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    _cut_after(server, b"x" * 100, head='Accept-Ranges: bytes\r\nETag: "v1"\r\n', at=10)
    with pytest.raises(ProviderBusy, match="6 times"):
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL)
    assert _is_empty(tmp_path)


async def test_another_part_than_was_asked_for_is_not_taken(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    async def wrong(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if "range" in asked.headers:
            writer.write(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/100\r\nContent-Length: 10\r\n\r\n")
        else:
            writer.write(b'HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nETag: "v"\r\nContent-Length: 100\r\n\r\n')
        writer.write(b"0123456789")
        await writer.drain()

    server.answers["/f"] = wrong
    with pytest.raises(ProviderError, match="another part"):
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL)


async def test_a_login_page_is_not_taken_for_the_file(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    server.say("/f", _ok("<html>Sign in</html>", "Content-Type: text/html"))
    with pytest.raises(UploadRefused, match="opens a page"):
        await downloads.download(server.link("/f"), tmp_path / "out", SMALL, refuse_pages=True)


async def test_a_video_is_no_text(server: RoughServer, downloads: HttpDownloads) -> None:
    server.say("/f", _ok("xxxx", "Content-Type: video/mp4"))
    with pytest.raises(UploadRefused, match="video/mp4"):
        await downloads.fetch_text(server.link("/f"), SMALL)


async def test_what_is_no_http_ends_in_words(server: RoughServer, downloads: HttpDownloads) -> None:
    server.say("/f", "SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(ProviderError):
        await downloads.peek(server.link("/f"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16",
        "0.0.0.1", "255.255.255.255", "224.0.0.1", "192.0.0.192", "198.18.0.1", "240.0.0.1", "::", "::1", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808",
        "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "fec0::1", "not an address", "",
    ],
)  # fmt: skip
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "142.250.74.46", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(address)


PIECES = st.sampled_from(
    ["http://", "https://", "127.0.0.1", "[::1]", "[", "@", ":", "/", "%zz", "?", "#", "..", "\n", "xn--", "a" * 70]
)


@given(st.one_of(st.text(max_size=60), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=8).map("".join)))
def test_whatever_is_given_as_a_link_only_words_come_back(link: str) -> None:
    """Every name leads to a private address here, so nothing can be reached."""

    class Inside(ScriptedResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [ResolveResult(hostname=host, host="10.0.0.1", port=port, family=family, proto=0, flags=0)]

    with pytest.raises(ChronosError):
        asyncio.run(HttpDownloads(resolver=Inside()).peek(link))


async def test_a_version_that_could_not_be_stored_is_none(
    server: RoughServer, downloads: HttpDownloads, tmp_path: Path
) -> None:
    server.say("/a", _ok("words", "Content-Type: text/plain", 'ETag: "v\u00ff"', "Last-Modified: today"))
    got = await downloads.download(server.link("/a"), tmp_path / "a", DownloadLimits(1_000))
    assert got is not None
    assert got.freshness == Freshness("", "today")
