import hashlib
import math
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UploadRefused
from core.library.links import canonical_link, deep_link
from core.library.uploads import former_digests, link_digest

LOOM_ID = "43d05f362f734614a2e81b4694a3a523"
VIDEO = "https://www.youtube.com/watch?v=aB3_-xyz012"


@pytest.mark.parametrize(
    "link",
    [
        "https://youtu.be/aB3_-xyz012",
        "http://youtu.be/aB3_-xyz012?si=tracking&t=42",
        "https://m.youtube.com/watch?list=PL1&v=aB3_-xyz012&t=1m2s",
        "https://WWW.YouTube.com/watch?v=aB3_-xyz012#t=12",
        "https://music.youtube.com/watch?v=aB3_-xyz012",
        "https://youtube.com/shorts/aB3_-xyz012",
        "https://www.youtube.com/live/aB3_-xyz012?feature=share",
        "https://www.youtube-nocookie.com/embed/aB3_-xyz012?start=3",
        "  https://www.youtube.com/v/aB3_-xyz012/  ",
    ],
)
def test_every_form_of_a_youtube_link_is_the_same_source(link: str) -> None:
    assert canonical_link(link) == VIDEO


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("HTTPS://Example.COM", "https://example.com/"),
        ("http://example.com:80/A?b=C#part", "http://example.com/A?b=C"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://bäckerei.example/brot/käse", "https://xn--bckerei-5wa.example/brot/k%C3%A4se"),
        ("https://example.com/a%20b?q=%26", "https://example.com/a%20b?q=%26"),
        ('https://example.com/"><b>', "https://example.com/%22%3E%3Cb%3E"),
        ("https://vimeo.com/123/ab12#t=30s", "https://vimeo.com/123/ab12"),
        ("https://www.loom.com/share/ab?sid=1&t=3", "https://www.loom.com/share/ab?sid=1"),
        ("https://example.com/a.mp4?key=1#t=5", "https://example.com/a.mp4?key=1"),
        ("https://www.youtube.com/playlist?list=PL1", "https://www.youtube.com/playlist?list=PL1"),
        ("https://www.youtube.com/embed/videoseries?list=PL1", "https://www.youtube.com/playlist?list=PL1"),
    ],
)
def test_other_links_keep_all_but_their_moment(link: str, canonical: str) -> None:
    assert canonical_link(link) == canonical


@pytest.mark.parametrize(
    ("given_as", "canonical"),
    [
        (f"https://www.loom.com/share/{LOOM_ID}?sid=1", f"https://www.loom.com/share/{LOOM_ID}"),
        (f"https://loom.com/embed/{LOOM_ID}", f"https://www.loom.com/share/{LOOM_ID}"),
        (f"https://www.loom.com/share/A-title-{LOOM_ID}", f"https://www.loom.com/share/{LOOM_ID}"),
        ("https://vimeo.com/76979871?share=copy", "https://vimeo.com/76979871"),
        ("https://player.vimeo.com/video/76979871", "https://vimeo.com/76979871"),
        ("https://player.vimeo.com/video/76979871?h=0a1b2c", "https://vimeo.com/76979871/0a1b2c"),
        ("https://vimeo.com/76979871/123456", "https://vimeo.com/76979871/123456"),
        ("https://vimeo.com/showcase/1234/video/567", "https://vimeo.com/567"),
        ("https://vimeo.com/channels/99/76979871", "https://vimeo.com/76979871"),
        ("https://vimeo.com/somebody/videos", "https://vimeo.com/somebody"),
        ("https://www.youtube.com/playlist?list=PL1&si=abc", "https://www.youtube.com/playlist?list=PL1"),
        ("https://youtube.com/@baker/videos", "https://www.youtube.com/@baker"),
        ("https://m.youtube.com/@baker?si=1", "https://www.youtube.com/@baker"),
        ("https://www.youtube.com/@baker/streams", "https://www.youtube.com/@baker/streams"),
        ("https://my-school.wistia.com/medias/807fafadvk", "https://fast.wistia.net/embed/iframe/807fafadvk"),
        ("https://drive.google.com/file/d/1aB/view?usp=sharing", "https://drive.google.com/file/d/1aB/view"),
        (
            "https://drive.google.com/file/u/0/d/1aB/edit?usp=x&resourcekey=0-k",
            "https://drive.google.com/file/d/1aB/view?resourcekey=0-k",
        ),
        (
            "https://docs.google.com/document/d/1aB/edit?usp=sharing#h.1",
            "https://docs.google.com/document/d/1aB/edit",
        ),
        ("https://docs.google.com/document/d/e/2PACX-1/pub", "https://docs.google.com/document/d/e/2PACX-1/pub"),
        (
            "https://www.dropbox.com/scl/fi/a/Plan.pdf?rlkey=k&st=x&dl=0",
            "https://www.dropbox.com/scl/fi/a/Plan.pdf?rlkey=k",
        ),
        ("https://example.com/post?utm_source=x&id=7&fbclid=y#comments", "https://example.com/post?id=7"),
        ("https://example.com/app#/lesson/2", "https://example.com/app#/lesson/2"),
        (
            "https://s3.example.com/a.pdf?utm_source=x&X-Amz-Signature=ab",
            "https://s3.example.com/a.pdf?utm_source=x&X-Amz-Signature=ab",
        ),
    ],
)
def test_all_ways_to_share_one_thing_are_one_link(given_as: str, canonical: str) -> None:
    assert canonical_link(given_as) == canonical
    assert canonical_link(canonical) == canonical
    assert link_digest(canonical) not in former_digests(given_as)


def test_http_and_https_are_one_source_and_what_was_stored_before_is_known() -> None:
    assert link_digest("http://example.com/post") == link_digest("https://example.com/post")
    assert hashlib.sha256(b"http://example.com/post").digest() in former_digests("https://example.com/post")
    stored = hashlib.sha256(b"https://vimeo.com/76979871?share=copy").digest()
    assert stored in former_digests("https://vimeo.com/76979871?share=copy#t=3s")


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ("", "https://"),
        ("example.com/video", "https://"),
        ("ftp://example.com/a.mp4", "https://"),
        ("javascript:alert(1)", "https://"),
        ("https:///path", "https://"),
        ("https://user:secret@example.com/", "password"),
        ("https://youtube.com@example.com/", "user name"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com/a\nb", "spaces"),
        ("https://example.com/\u202egpj.exe", "invisible"),
        ("https://example.com\\@other.example/", "spaces"),
        ("https://exa<mple.com/", "server name"),
        ("https://example.com:99999/", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://example.com/" + "a" * 2_000, "2,000"),
        ("https://example.com/" + "é" * 1_000, "2,000"),
    ],
)
def test_what_is_no_plain_web_address_is_refused(link: str, word: str) -> None:
    with pytest.raises(UploadRefused, match=word.replace("+", ".")):
        canonical_link(link)
    assert deep_link(link, 1) is None or len(link) > 1_000


@pytest.mark.parametrize(
    ("link", "deep"),
    [
        (VIDEO, f"{VIDEO}&t=3725"),
        ("https://www.youtube.com/watch?t=9&v=a&list=PL1#t=4", "https://www.youtube.com/watch?v=a&list=PL1&t=3725"),
        ("https://youtu.be/a", "https://youtu.be/a?t=3725"),
        ("https://youtu.be/a?si=b&t=9s", "https://youtu.be/a?si=b&t=3725"),
        ("https://www.youtube.com/shorts/a?feature=b", "https://www.youtube.com/watch?v=a&feature=b&t=3725"),
        ("https://www.youtube.com/live/a", "https://www.youtube.com/watch?v=a&t=3725"),
        ("https://www.youtube.com/embed/a?rel=0&start=1", "https://www.youtube.com/embed/a?rel=0&start=3725"),
        ("https://vimeo.com/123", "https://vimeo.com/123#t=3725s"),
        ("https://vimeo.com/123/ab12cd", "https://vimeo.com/123/ab12cd#t=3725s"),
        ("https://vimeo.com/channels/staff/123#t=1s", "https://vimeo.com/channels/staff/123#t=3725s"),
        ("https://player.vimeo.com/video/123?h=ab", "https://player.vimeo.com/video/123?h=ab#t=3725s"),
        ("https://www.loom.com/share/ab?sid=1", "https://www.loom.com/share/ab?sid=1&t=3725"),
        ("https://bakery.wistia.com/medias/ab", "https://bakery.wistia.com/medias/ab?wtime=3725"),
        ("https://fast.wistia.net/embed/iframe/ab?x=1", "https://fast.wistia.net/embed/iframe/ab?x=1&wtime=3725"),
        (
            "https://drive.google.com/file/d/1a/view?usp=sharing",
            "https://drive.google.com/file/d/1a/view?usp=sharing&t=3725",
        ),
        ("https://www.twitch.tv/videos/12", "https://www.twitch.tv/videos/12?t=1h2m5s"),
        ("https://www.dailymotion.com/video/x1", "https://www.dailymotion.com/video/x1?start=3725"),
        ("https://dai.ly/x1", "https://dai.ly/x1?start=3725"),
        ("https://example.com/a.MP4?key=1#old", "https://example.com/a.MP4?key=1#t=3725"),
        ("https://example.com/pod/a.mp3", "https://example.com/pod/a.mp3#t=3725"),
        ("https://example.com/live.m3u8", "https://example.com/live.m3u8#t=3725"),
    ],
)
def test_a_deep_link_carries_the_second_as_the_site_reads_it(link: str, deep: str) -> None:
    assert deep_link(link, 3725.9) == deep


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/lesson",
        "https://www.youtube.com/@baker",
        "https://www.youtube.com/playlist?list=PL1",
        "https://vimeo.com/about",
        "https://www.loom.com/pricing",
        "https://notyoutube.com/watch?v=a",
        "https://example.com/mp4",
        "https://example.com/a.mp4.exe",
    ],
)
def test_a_site_without_a_known_way_gets_no_deep_link(link: str) -> None:
    assert deep_link(link, 5) is None


@pytest.mark.parametrize(
    ("start_s", "duration_s", "second"),
    [
        (-3, None, 0),
        (9.99, 9.5, 9),
        (100, 60, 60),
        (math.nan, 60, 0),
        (math.inf, 60, 60),
        (math.inf, None, 0),
        (5, -1, 0),
    ],
)
def test_the_second_stays_inside_the_source(start_s: float, duration_s: float | None, second: int) -> None:
    assert deep_link(VIDEO, start_s, duration_s) == f"{VIDEO}&t={second}"


LINKS = st.sampled_from(
    [
        VIDEO,
        "https://youtu.be/a",
        "https://vimeo.com/1/b",
        "https://www.loom.com/share/a",
        "https://example.com/a.mp3",
    ]
)
TAILS = st.text("abtv=&?#/%.:0 é\u202e", max_size=12)


@settings(deadline=None)
@given(LINKS, TAILS, st.floats(allow_nan=False), st.none() | st.floats(0, 1e6))
def test_a_deep_link_stays_on_its_host(link: str, tail: str, start_s: float, duration_s: float | None) -> None:
    deep = deep_link(link + tail, start_s, duration_s)
    if deep is not None:
        assert urlsplit(deep).hostname == urlsplit(link + tail).hostname


@settings(deadline=None)
@given(LINKS, st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_second_is_the_start_rounded_down_and_clipped(link: str, start_s: float, duration_s: float) -> None:
    deep = deep_link(link, start_s, duration_s)
    assert deep is not None
    assert deep.rpartition("t=")[2].rstrip("s") == str(int(min(start_s, duration_s)))


@settings(deadline=None)
@given(LINKS | st.just("https://example.com/") | st.just(""), st.text(max_size=30) | TAILS)
def test_a_canonical_link_is_its_own_canonical_link(link: str, tail: str) -> None:
    try:
        once = canonical_link(link + tail)
    except UploadRefused:
        return
    assert once.isascii()
    assert canonical_link(once) == once


@settings(deadline=None)
@given(LINKS, TAILS, st.floats(0, 1e6))
def test_a_moment_does_not_make_another_source(link: str, tail: str, start_s: float) -> None:
    deep = deep_link(link + tail, start_s)
    if deep is not None and "#" not in tail:
        assert canonical_link(deep) == canonical_link(link + tail)
