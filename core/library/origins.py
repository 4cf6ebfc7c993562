"""Where material comes from when it is given as a link, and which captions of a video are to be trusted."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from core.library.transcript import Chapter

Report = Callable[[float], Awaitable[None]]
"""Hears the share that is done, in [0, 1]."""


# Sites that write three letters, and codes that were replaced long ago.
TWO_LETTERS: Final = {
    "ara": "ar", "bul": "bg", "ces": "cs", "chi": "zh", "cze": "cs", "dan": "da", "deu": "de", "dut": "nl",
    "ell": "el", "eng": "en", "fin": "fi", "fra": "fr", "fre": "fr", "ger": "de", "gre": "el", "heb": "he",
    "hin": "hi", "hun": "hu", "in": "id", "ind": "id", "ita": "it", "iw": "he", "jpn": "ja", "kor": "ko",
    "nld": "nl", "nor": "no", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru", "spa": "es",
    "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk", "vie": "vi", "zho": "zh",
}  # fmt: skip


class LinkKind(StrEnum):
    """What a link leads to; a document is any other file with words in it: a PDF, slides, captions, a text."""

    VIDEO = "video"
    PLAYLIST = "playlist"
    CHANNEL = "channel"
    MEDIA = "media"
    FEED = "feed"
    ARTICLE = "article"
    DOCUMENT = "document"


class CaptionKind(StrEnum):
    """Who wrote captions: the creator (their feed names them), a person, or a machine that heard or translated."""

    CREATOR = "creator"
    HUMAN = "human"
    AUTOMATIC = "automatic"
    TRANSLATED = "translated"


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """Captions that a site or feed offers.

    ``language`` is as the site writes it (``en``, ``pt-BR``), empty where it does not say. ``link`` may expire.
    """

    link: str
    kind: CaptionKind
    language: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A media file that a feed names; the length is what the feed claims, None where it claims nothing."""

    link: str
    media_type: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One video of a playlist or episode of a feed; ``link`` is empty for an episode without a page of its own.

    ``guid`` is what a feed calls an episode wherever its file may move; empty where nothing is said.
    """

    link: str
    title: str = ""
    duration_s: float | None = None
    enclosure: Enclosure | None = None
    captions: tuple[CaptionTrack, ...] = ()
    guid: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A playlist, channel or feed with what it holds, in its own order."""

    link: str
    kind: LinkKind
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a site says of one video; ``link`` opens its page, ``language`` is two or three letters or empty."""

    link: str
    title: str
    duration_s: float | None = None
    language: str = ""
    chapters: tuple[Chapter, ...] = ()
    captions: tuple[CaptionTrack, ...] = ()


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a server calls the version that it sent, to ask later whether there is a newer one."""

    etag: str = ""
    last_modified: str = ""


UNKNOWN: Final = Freshness()


@dataclass(frozen=True, slots=True)
class Peek:
    """The beginning of what a link leads to; ``link`` is where its redirects end."""

    link: str
    media_type: str
    first_bytes: bytes


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was fetched; ``name`` is how it is called where it came from, never a path."""

    link: str
    name: str
    media_type: str
    size_bytes: int
    freshness: Freshness = UNKNOWN


@dataclass(frozen=True, slots=True)
class Page:
    """A text that was fetched, as its bytes: feeds, pages and captions each say inside how they are encoded."""

    link: str
    media_type: str
    content: bytes = field(repr=False)
    freshness: Freshness = UNKNOWN


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """What one download may take: bytes once unpacked, seconds in all, seconds without a byte."""

    size_bytes: int
    wall_s: float = 1_800.0
    idle_s: float = 30.0


class Downloads(Protocol):
    """Fetches what a link leads to, from public addresses only.

    Every method raises UploadRefused for what will not work again, ProviderBusy for what may work later, and
    ProviderError for a site that is broken.
    """

    async def peek(self, link: str) -> Peek:
        """Return the first bytes behind ``link``, enough to tell what it is."""
        ...

    async def download(
        self, link: str, out_path: Path, limits: DownloadLimits, report: Report | None = None, *,
        known: Freshness = UNKNOWN, refuse_pages: bool = False,
    ) -> Downloaded | None:  # fmt: skip
        """Fetch a file to ``out_path``; None if it is still the ``known`` version, and then nothing is written."""
        ...

    async def fetch_text(self, link: str, limits: DownloadLimits, *, known: Freshness = UNKNOWN) -> Page | None:
        """Fetch a page, feed or caption file; None if it is still the ``known`` version."""
        ...


class VideoSites(Protocol):
    """Sites whose videos have pages of their own: YouTube, Vimeo, Loom, Wistia. Raises as ``Downloads`` does."""

    async def look_up(self, link: str) -> Listing | VideoInfo:
        """Return what the site says of a video, or what a playlist or channel holds."""
        ...

    async def captions(self, link: str, track: CaptionTrack) -> bytes:
        """Return a caption track of the video as a file of timed text."""
        ...

    async def download_audio(self, link: str, out_path: Path, report: Report | None = None) -> None:
        """Fetch the video's sound (with its picture where a site offers nothing less) to ``out_path``."""
        ...


def primary_language(language: str) -> str:
    """The language of a tag without script and region, in two letters where it has them: ``pt`` for ``pt-BR``."""
    primary = language.strip().replace("_", "-").partition("-")[0].casefold()
    return TWO_LETTERS.get(primary, primary)


def order_of_captions(tracks: Sequence[CaptionTrack], language: str) -> tuple[CaptionTrack, ...]:
    """Return the tracks that may stand for what was said, best first; without one, the sound must be recognised.

    The creator's own captions, then those that a person wrote in the video's language, then what a machine heard in
    that language. What a machine translated is never said by anybody.

    Args:
        tracks: what the site offers, in its order.
        language: the spoken one as the site or the uploader says it; when empty it is taken from the automatic
            track, or else from human tracks that all share one language.
    """
    spoken = language or _spoken_language(tracks)
    rank = {CaptionKind.CREATOR: 0, CaptionKind.HUMAN: 1, CaptionKind.AUTOMATIC: 2}
    fitting = [track for track in tracks if track.kind in rank and _fits(track, spoken)]
    exact = spoken.casefold()
    return tuple(sorted(fitting, key=lambda track: (rank[track.kind], track.language.casefold() != exact)))


def _spoken_language(tracks: Sequence[CaptionTrack]) -> str:
    heard = [track.language for track in tracks if track.kind is CaptionKind.AUTOMATIC and track.language]
    if heard:
        return heard[0]
    written = [track.language for track in tracks if track.kind is CaptionKind.HUMAN and track.language]
    return written[0] if len({primary_language(each) for each in written}) == 1 else ""


def _fits(track: CaptionTrack, spoken: str) -> bool:
    if not track.language:  # a machine hears the spoken language, and a creator's only captions are in it
        return track.kind is not CaptionKind.HUMAN or not spoken
    if track.kind is CaptionKind.CREATOR and not spoken:
        return True
    return bool(spoken) and primary_language(track.language) == primary_language(spoken)
