"""The port ``VideoSites`` on yt-dlp, which reads the pages of YouTube, Vimeo, Loom and Wistia."""

import asyncio
import base64
import shutil
import tempfile
from pathlib import Path
from typing import Final

from adapters.sources.apart import Json, Limits, run_apart
from adapters.sources.segments import clean_name
from core.errors import ProviderBusy, UploadRefused
from core.library.links import canonical_link
from core.library.origins import (
    CaptionKind,
    CaptionTrack,
    DownloadLimits,
    Entry,
    LinkKind,
    Listing,
    Report,
    VideoInfo,
)
from core.library.sites import player_link, site_kind
from core.library.transcript import Chapter

CALLS: Final = "adapters.sources.yt_dlp_calls"
MEMORY_BYTES: Final = 3_000_000_000
LOOK_UP_S: Final = 180.0
# Let the clock here end it first: it knows that a slow site is nobody's damaged file.
GRACE_S: Final = 30.0
VIDEO_SITES: Final = "YouTube, Vimeo, Loom and Wistia"


class YtDlpVideoSites:
    """The port ``VideoSites``.

    Args:
        audio_limits: what fetching one video's sound may take.
        proxy: through which the sites are asked, as ``http://user:password@host:port``; empty for none.
    """

    def __init__(self, audio_limits: DownloadLimits, *, proxy: str = "") -> None:
        self._audio_limits = audio_limits
        self._proxy = proxy

    async def look_up(self, link: str) -> Listing | VideoInfo:
        """Return what the site says of a video, or what a playlist or channel holds."""
        address = _checked(link)
        said = await self._ask("look_up", player_link(address), wall_s=LOOK_UP_S)
        if "listing" in said:
            kind = site_kind(address)
            return _listing(said["listing"], address, LinkKind.PLAYLIST if kind is LinkKind.VIDEO else kind)
        return _video(said["video"], address)

    async def captions(self, link: str, track: CaptionTrack) -> bytes:
        """Return a caption track of the video as a file of timed text."""
        given = (player_link(_checked(link)), track.kind.value, track.language, track.link)
        said = await self._ask("captions", *given, wall_s=LOOK_UP_S)
        return base64.b64decode(said["content"])

    async def download_audio(self, link: str, out_path: Path, report: Report | None = None) -> None:
        """Fetch the video's sound (with its picture where a site offers nothing less) to ``out_path``."""
        address, largest = player_link(_checked(link)), self._audio_limits.size_bytes
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=out_path.parent, prefix=".fetching-"))
        try:
            wall_s = self._audio_limits.wall_s
            said = await self._ask("download_audio", address, str(folder), largest, wall_s=wall_s, report=report)
            await asyncio.to_thread((folder / Path(said["file"]).name).replace, out_path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _ask(self, function: str, *args: Json, wall_s: float, report: Report | None = None) -> Json:
        limits = Limits(wall_s + GRACE_S, MEMORY_BYTES, self._audio_limits.size_bytes)
        try:
            async with asyncio.timeout(wall_s) as clock:
                said = await run_apart(f"{CALLS}:{function}", *args, self._proxy, limits=limits, report=report)
        except TimeoutError:
            if not clock.expired():
                raise
            raise ProviderBusy(f"the video site took longer than {wall_s:.0f} s") from None
        if "busy" in said:
            raise ProviderBusy(said["busy"], retry_after_s=said["wait_s"])
        return said


def _checked(link: str) -> str:
    """The link without any moment in it, if it is one of the sites'; yt-dlp itself would take more."""
    address = canonical_link(link)
    if site_kind(address) is None:
        raise UploadRefused(f"This is no video, playlist or channel of {VIDEO_SITES}.")
    return address


def _listing(said: Json, link: str, kind: LinkKind | None) -> Listing:
    entries = tuple(
        Entry(each["link"], clean_name(each["title"]), each["duration_s"])
        for each in said["entries"]
        if site_kind(each["link"]) is LinkKind.VIDEO
    )
    if not entries:
        raise UploadRefused("There is no video in this playlist or channel that I can see.")
    return Listing(link, kind or LinkKind.PLAYLIST, clean_name(said["title"]), entries)


def _video(said: Json, link: str) -> VideoInfo:
    return VideoInfo(
        link=link,
        title=clean_name(said["title"]),
        duration_s=said["duration_s"],
        language=said["language"],
        chapters=tuple(Chapter(each["start_s"], clean_name(each["title"])) for each in said["chapters"]),
        captions=tuple(
            CaptionTrack(each["link"], CaptionKind(each["kind"]), each["language"], each["media_type"])
            for each in said["captions"]
        ),
    )
