"""Feeds of podcasts and blogs become listings of episodes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sources.feeds import parse, read_feed
from core.errors import UploadRefused
from core.library.origins import CaptionKind, CaptionTrack, Enclosure, LinkKind, order_of_captions

LINK = "https://pod.example.org/feed.xml"
PODCAST = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
  xmlns:pc="https://podcastindex.org/namespace/1.0">
<channel>
  <title>Bread &amp;amp; <![CDATA[<b>Butter</b>]]></title>
  <item>
    <title>Sourdough</title>
    <guid isPermaLink="false">bread-2</guid>
    <link>/episodes/2</link>
    <itunes:duration>1:02:03</itunes:duration>
    <enclosure url="https://cdn.example.org/cover.jpg" type="image/jpeg" length="100"/>
    <enclosure url="https://cdn.example.org/2.mp3?a=1&amp;b=2" type="audio/mpeg" length="12345678"/>
    <pc:transcript url="https://pod.example.org/2.html" type="text/html"/>
    <pc:transcript url="2.srt" type="application/x-subrip" language="en"/>
    <pc:transcript url="https://pod.example.org/2.vtt" type="text/vtt" language="en-GB" rel="captions"/>
  </item>
  <item>
    <title>Rye</title>
    <itunes:duration>754</itunes:duration>
    <enclosure url="https://cdn.example.org/1.mp3" type="audio/mpeg" length="0"/>
  </item>
  <item><title>Nothing to hear</title><link>javascript:alert(1)</link></item>
</channel></rss>
"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>
<entry><title>Käse</title><link href="https://blog.example.org/1"/></entry></feed>"""


async def test_a_podcast_becomes_its_episodes() -> None:
    listing = await read_feed(PODCAST.encode(), LINK)
    assert (listing.kind, listing.title, listing.link) == (LinkKind.FEED, "Bread & Butter", LINK)
    first, second = listing.entries
    assert (first.title, first.link, first.duration_s) == ("Sourdough", "https://pod.example.org/episodes/2", 3723.0)
    assert (first.guid, second.guid) == ("bread-2", "")
    assert first.enclosure == Enclosure("https://cdn.example.org/2.mp3?a=1&b=2", "audio/mpeg", 12345678)
    assert (second.duration_s, second.enclosure) == (754.0, Enclosure("https://cdn.example.org/1.mp3", "audio/mpeg"))


async def test_transcripts_with_times_are_the_creators_own_captions() -> None:
    first = (await read_feed(PODCAST.encode(), LINK)).entries[0]
    assert first.captions == (
        CaptionTrack("https://pod.example.org/2.vtt", CaptionKind.CREATOR, "en-GB", "text/vtt"),
        CaptionTrack("https://pod.example.org/2.srt", CaptionKind.CREATOR, "en", "application/x-subrip"),
    )
    assert order_of_captions(first.captions, "")[0].media_type == "text/vtt"


async def test_a_blog_becomes_its_articles() -> None:
    listing = await read_feed(f'<?xml version="1.0" encoding="iso-8859-1"?>{ATOM}'.encode("latin-1"), LINK)
    assert [(entry.title, entry.link, entry.enclosure) for entry in listing.entries] == [
        ("Käse", "https://blog.example.org/1", None)
    ]


@pytest.mark.parametrize(
    "content", [b"", b"<html><body>Hello</body></html>", b"\0\1\2", b"<rss version='2.0'><channel/></rss>"]
)
async def test_what_has_no_episode_is_refused(content: bytes) -> None:
    with pytest.raises(UploadRefused, match="feed"):
        await read_feed(content, LINK)


async def test_entities_that_grow_without_end_end_in_words() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "ha">{levels}]><rss version="2.0"><channel><title>&l11;'
    with pytest.raises(UploadRefused):
        await read_feed(f"{bomb}</title></channel></rss>".encode(), LINK)


async def test_a_path_or_address_in_place_of_a_feed_is_not_opened(tmp_path: Path) -> None:
    inside = tmp_path / "feed.xml"
    inside.write_text(ATOM)
    for content in (str(inside), inside.as_uri()):
        with pytest.raises(UploadRefused):
            await read_feed(content.encode(), LINK)


FRAGMENTS = st.sampled_from(["<rss version='2.0'>", "<channel>", "<item>", "<title>", "</item>", "&#0;", "<![CDATA["])


@given(st.one_of(st.binary(max_size=60), st.lists(FRAGMENTS | st.text(max_size=5), max_size=12).map("".join)))
def test_no_content_ends_in_another_exception(tmp_path_factory: pytest.TempPathFactory, content: bytes | str) -> None:
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    file = tmp_path_factory.getbasetemp() / "feed"
    file.write_bytes(raw)
    try:
        assert isinstance(parse(str(file))["episodes"], list)
    except UploadRefused:
        return
