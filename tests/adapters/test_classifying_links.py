"""What a link leads to, and the file behind a page that shows a shared document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.links import classify, direct_link
from core.errors import UploadRefused
from core.library.origins import LinkKind
from core.library.sites import site_kind


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL1", LinkKind.VIDEO),
        ("https://youtu.be/dQw4w9WgXcQ?t=4", LinkKind.VIDEO),
        ("https://m.youtube.com/shorts/dQw4w9WgXcQ", LinkKind.VIDEO),
        ("https://www.youtube.com/playlist?list=PL1", LinkKind.PLAYLIST),
        ("https://www.youtube.com/@handle", LinkKind.CHANNEL),
        ("https://www.youtube.com/channel/UC123/videos", LinkKind.CHANNEL),
        ("https://www.youtube.com/feed/history", None),
        ("https://vimeo.com/76979871", LinkKind.VIDEO),
        ("https://vimeo.com/76979871/0a1b2c", LinkKind.VIDEO),
        ("https://player.vimeo.com/video/76979871", LinkKind.VIDEO),
        ("https://vimeo.com/showcase/1234", LinkKind.PLAYLIST),
        ("https://vimeo.com/somebody", LinkKind.CHANNEL),
        ("https://www.loom.com/share/43d05f362f734614a2e81b4694a3a523?sid=1", LinkKind.VIDEO),
        ("https://www.loom.com/share/A-title-43d05f362f734614a2e81b4694a3a523", LinkKind.VIDEO),
        ("https://my-school.wistia.com/medias/807fafadvk", LinkKind.VIDEO),
        ("https://fast.wistia.net/embed/channel/3802iirk0l", LinkKind.CHANNEL),
        ("https://youtube.com.evil.test/watch?v=dQw4w9WgXcQ", None),
        ("https://example.org/watch?v=dQw4w9WgXcQ", None),
        ("no link", None),
    ],
)
def test_a_site_of_videos_is_known_by_its_link(link: str, kind: LinkKind | None) -> None:
    assert site_kind(link) is kind


@pytest.mark.parametrize(
    ("media_type", "first_bytes", "kind"),
    [
        ("audio/mpeg", b"ID3\x04", LinkKind.MEDIA),
        ("application/octet-stream", b"\0\0\0\x20ftypisom", LinkKind.MEDIA),
        ("text/plain", b"\x1aE\xdf\xa3\x01\0\0\0", LinkKind.MEDIA),
        ("application/octet-stream", b"\0" * 500 + b"\xff\xfb\x90\x64" * 100, LinkKind.MEDIA),
        ("application/octet-stream", b"\xff\xe3\x18\xc4" + b"\0" * 400, LinkKind.MEDIA),
        ("", b"\0\0\0\x08free\0\0\0\x20ftypisom" + b"\0" * 100, LinkKind.MEDIA),
        ("", b"\0\0\0\x08skip\0\0\0\x20mdat" + b"\0" * 100, LinkKind.MEDIA),
        ("", b"\n\0made by us\n%PDF-1.7", LinkKind.DOCUMENT),
        ("video/mp4", b"unknown", LinkKind.MEDIA),
        ("application/rss+xml; charset=utf-8", b"<?xml version='1.0'?><rss version='2.0'>", LinkKind.FEED),
        ("text/xml", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made by us -->\n<feed xmlns='a'>", LinkKind.FEED),
        ("text/html", b"<?xml version='1.0'?><rss version='2.0'>", LinkKind.FEED),
        ("text/html", b"<!DOCTYPE html><html><p>a feed begins with <rss >", LinkKind.ARTICLE),
        ("text/html; charset=utf-8", b"plain", LinkKind.ARTICLE),
        ("application/octet-stream", b"%PDF-1.7", LinkKind.DOCUMENT),
        ("application/zip", b"PK\x03\x04", LinkKind.DOCUMENT),
        ("text/vtt", b"WEBVTT\n", LinkKind.DOCUMENT),
        ("text/markdown", b"# Title", LinkKind.DOCUMENT),
    ],
)
def test_other_links_are_known_by_what_comes_back(media_type: str, first_bytes: bytes, kind: LinkKind) -> None:
    assert classify("https://example.org/x", media_type, first_bytes) is kind


@pytest.mark.parametrize(
    ("media_type", "first_bytes"),
    [
        ("image/png", b"\x89PNG"), ("image/webp", b"RIFF\0\0\0\0WEBPVP8 "), ("", b"\0\0\0\x20ftypheic\0\0\0\0"),
        ("image/x-unknown", b"\0\1\2\3"), ("application/gzip", b"\x1f\x8b\x08\0"),
        ("application/x-executable", b"\x7fELF\2\1\1\0"), ("", b"a.txt" + b"\0" * 252 + b"ustar"),
        ("application/x-tar", b"a"), ("text/xml", b"<?xml version='1.0'?><sitemap>"),
    ],
)  # fmt: skip
def test_what_holds_no_words_is_refused(media_type: str, first_bytes: bytes) -> None:
    with pytest.raises(UploadRefused, match="would work"):
        classify("https://example.org/x", media_type, first_bytes)


@pytest.mark.parametrize(
    ("link", "direct"),
    [
        (
            "https://docs.google.com/document/d/1AbC_d-E/edit?usp=sharing",
            "https://docs.google.com/document/d/1AbC_d-E/export?format=docx",
        ),
        (
            "https://docs.google.com/presentation/u/0/d/1AbC/edit#slide=id.p",
            "https://docs.google.com/presentation/d/1AbC/export/pptx",
        ),
        (
            "https://drive.google.com/file/d/1AbC/view?usp=drive_link&resourcekey=0-xy",
            "https://drive.usercontent.google.com/download?id=1AbC&export=download&confirm=t&resourcekey=0-xy",
        ),
        (
            "https://drive.google.com/open?id=1AbC",
            "https://drive.usercontent.google.com/download?id=1AbC&export=download&confirm=t",
        ),
        (
            "https://www.dropbox.com/scl/fi/abc/Plan.pdf?rlkey=k%2F1&st=x&dl=0",
            "https://www.dropbox.com/scl/fi/abc/Plan.pdf?rlkey=k%2F1&st=x&dl=1",
        ),
        ("https://www.dropbox.com/s/abc/Plan.pdf", "https://www.dropbox.com/s/abc/Plan.pdf?dl=1"),
        ("https://1drv.ms/b/s!Abc?e=x", "https://1drv.ms/b/s!Abc?e=x&download=1"),
        (
            "https://onedrive.live.com/embed?resid=A%21109&authkey=k",
            "https://onedrive.live.com/download?resid=A%21109&authkey=k",
        ),
        (
            "https://school-my.sharepoint.com/:b:/g/personal/a/Eab?e=1",
            "https://school-my.sharepoint.com/:b:/g/personal/a/Eab?e=1&download=1",
        ),
        ("https://example.org/plan.pdf?dl=0", "https://example.org/plan.pdf?dl=0"),
        ("https://docs.google.com/forms/d/1AbC/viewform", "https://docs.google.com/forms/d/1AbC/viewform"),
    ],
)
def test_a_shared_document_becomes_its_file(link: str, direct: str) -> None:
    assert direct_link(link) == direct
    assert direct_link(direct) == direct


HOSTS = st.sampled_from(
    [
        "docs.google.com",
        "drive.google.com",
        "www.dropbox.com",
        "1drv.ms",
        "onedrive.live.com",
        "youtube.com",
        "[",
        "x:y",
    ]
)


@given(HOSTS, st.text(max_size=40), st.binary(max_size=40), st.text(max_size=20))
def test_no_link_and_no_content_ends_in_another_exception(host: str, rest: str, content: bytes, told: str) -> None:
    link = f"https://{host}/{rest}"
    assert isinstance(direct_link(link), str)
    try:
        classify(link, told, content)
    except UploadRefused:
        return
