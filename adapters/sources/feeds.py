"""Feeds of podcasts and blogs: RSS and Atom become a listing of episodes."""

import io
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from adapters.sources.apart import Json, Limits, run_on
from adapters.sources.segments import LONGEST_S, clean_markup, clean_name
from core.errors import UploadRefused
from core.library.origins import CaptionKind, CaptionTrack, Enclosure, Entry, LinkKind, Listing

HERE: Final = "adapters.sources.feeds"
LIMITS: Final = Limits(wall_s=60.0, memory_bytes=1_500_000_000)
MOST_EPISODES: Final = 5_000
MOST_TAGS: Final = 20
LONGEST_LINK: Final = 2_000
PODCASTS: Final = (
    "https://podcastindex.org/namespace/1.0",
    "https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md",
)
DURATION: Final = re.compile(r"(?:(?:([0-9]{1,3}):)?([0-9]{1,3}):)?([0-9]{1,6})(?:\.[0-9]+)?")
# The formats whose lines have times, best first; what has none is worth less than hearing the episode.
TIMED: Final = ("text/vtt", "application/x-subrip", "application/srt", "text/srt", "application/json")


async def read_feed(content: bytes, link: str) -> Listing:
    """Return the episodes of a feed in its own order, each with the transcripts that it names.

    Args:
        content: the feed as it was fetched.
        link: where it was fetched, against which its own links are read.

    Raises:
        UploadRefused: it is no feed, or has no episode.
    """
    said = await run_on(f"{HERE}:parse", content, limits=LIMITS)
    entries = tuple(_entry(episode, link) for episode in said["episodes"])
    useful = tuple(entry for entry in entries if entry.link or entry.enclosure)
    if not useful:
        raise UploadRefused("This feed has no episode that could be read.")
    return Listing(link, LinkKind.FEED, clean_name(said["title"]), useful)


def parse(path: str) -> Json:
    """Read the feed at ``path`` in a process of its own; the result holds texts and lists only."""
    import feedparser  # type: ignore[import-untyped]  # it ships no types

    _keep_every_transcript()
    # As a stream: what is given as bytes it would take for a path or an address, and open it.
    stream = io.BytesIO(Path(path).read_bytes())
    feed = feedparser.parse(stream, sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version") and not feed.entries:
        raise UploadRefused("This is no feed that can be read: neither RSS nor Atom.")
    title = clean_markup(str(feed.feed.get("title", "")))
    return {"title": title, "episodes": [_episode(entry) for entry in feed.entries[:MOST_EPISODES]]}


def _keep_every_transcript() -> None:
    """Teach feedparser the podcasts' tag: it would keep the last transcript of an episode only."""
    from feedparser.mixin import _FeedParserMixin  # type: ignore[import-untyped]  # it ships no types

    def start(parser: Any, attributes: dict[str, str]) -> None:  # noqa: ANN401 - feedparser has no types
        parser._get_context().setdefault("transcripts", []).append(dict(attributes))  # noqa: SLF001 - its own way

    _FeedParserMixin.namespaces.update(dict.fromkeys(PODCASTS, "podcast"))
    _FeedParserMixin._start_podcast_transcript = start  # noqa: SLF001 - handlers are found by this name


def _episode(entry: Any) -> Json:  # noqa: ANN401 - feedparser has no types
    return {
        "title": clean_markup(str(entry.get("title", ""))),
        "link": str(entry.get("link", "")),
        "guid": str(entry.get("id", ""))[:LONGEST_LINK],
        "duration": str(entry.get("itunes_duration", "")),
        "enclosures": _texts(entry.get("enclosures", []), "href", "type", "length"),
        "transcripts": _texts(entry.get("transcripts", []), "url", "type", "language"),
    }


def _texts(tags: list[Any], *names: str) -> Json:
    return [{name: str(tag.get(name, "")) for name in names} for tag in tags[:MOST_TAGS]]


def _entry(episode: Json, base: str) -> Entry:
    return Entry(
        link=_absolute(episode["link"], base),
        title=clean_name(episode["title"]),
        duration_s=_duration_s(episode["duration"]),
        enclosure=_enclosure(episode["enclosures"], base),
        captions=_captions(episode["transcripts"], base),
        guid=episode["guid"].strip(),
    )


def _enclosure(given: list[dict[str, str]], base: str) -> Enclosure | None:
    """The first recording, since some feeds name a picture beside it."""
    usable = [each for each in given if _absolute(each["href"], base)]
    heard = [each for each in usable if each["type"].startswith(("audio/", "video/"))] or usable
    if not heard:
        return None
    said = heard[0]["length"]
    # Feeds that do not know the length write 0 or 1.
    size_bytes = int(said) if said.isascii() and said.isdecimal() and 1 < len(said) < 16 else None
    return Enclosure(_absolute(heard[0]["href"], base), heard[0]["type"].casefold(), size_bytes)


def _captions(given: list[dict[str, str]], base: str) -> tuple[CaptionTrack, ...]:
    tracks = [
        CaptionTrack(link, CaptionKind.CREATOR, each["language"], media_type)
        for each in given
        if (link := _absolute(each["url"], base)) and (media_type := _media_type(each["type"])) in TIMED
    ]
    return tuple(sorted(tracks, key=lambda track: TIMED.index(track.media_type)))


def _media_type(said: str) -> str:
    return said.partition(";")[0].strip().casefold()


def _duration_s(said: str) -> float | None:
    match = DURATION.fullmatch(said.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total_s = float((hours * 60 + minutes) * 60 + seconds)
    return total_s if 0 < total_s <= LONGEST_S else None


def _absolute(link: str, base: str) -> str:
    try:
        absolute = urljoin(base, link.strip()) if link.strip() else ""
        known = urlsplit(absolute).scheme in {"http", "https"} and bool(urlsplit(absolute).hostname)
    except ValueError:
        return ""
    return absolute if known and len(absolute) <= LONGEST_LINK else ""
