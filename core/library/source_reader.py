"""Reads sources of every kind over the ports that know how: files that are kept, links, and what links list."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from core.errors import ProviderError, StorageFull, UploadRefused
from core.ids import CreatorId
from core.library.freshness import Watched
from core.library.intake import file_digest
from core.library.keeping import Keeping
from core.library.media import CutAudio, Media, MediaFiles, MediaKey, media_key
from core.library.origins import (
    CaptionTrack,
    Downloaded,
    DownloadLimits,
    Downloads,
    Freshness,
    LinkKind,
    Listing,
    Page,
    Peek,
    VideoInfo,
    VideoSites,
    order_of_captions,
)
from core.library.quotas import Budgeted, SpeechBudget
from core.library.reading import LeadsTo, ReadSource, Report
from core.library.scratch import Scratch
from core.library.sites import site_kind
from core.library.speech import Recognitions, Transcriber, transcribe
from core.library.store import RECORDINGS, OriginKind, SourceKind, Stage, Work
from core.library.transcript import Transcript
from core.library.uploads import SAMPLE_SEGMENTS
from core.richtext import one_line

READING: Final = "reading"
EXTRACTING: Final = 0.1
CUTTING: Final = 0.15
"""Shares of the transcribing stage that are done when the sound is taken out, and when it is cut."""
CAPTIONS_TRIED: Final = 2
"""So many attempts wait for captions whose host is away."""
OVERHANG_S: Final = 10.0
"""Captions may end so much later than their video, as some are rounded or say who made them."""
BEGINNING_BYTES: Final = 4_000
LARGEST_TEXT_BYTES: Final = 20_000_000
SOUND_BYTES_PER_S: Final = 32_000
"""Of the form in which sound is cut; the pieces may take as much again."""

NO_RECOGNISER: Final = (
    "Nobody has set up speech recognition here, so I can only read what has captions. Upload the captions "
    "(.vtt or .srt) with the link, or ask the operator to set models.transcribe."
)

NOT_SHARED: Final = (
    "This link opens a page, mostly a login, and not the shared file. Share it with everyone who has the link, or "
    "upload the file."
)

Share = Callable[[float], Awaitable[None]]


class Recordings(Protocol):
    """Looks into media files and takes out what is heard; times are seconds from the beginning of the file."""

    async def probe(self, path: Path) -> Media:
        """Tell by its content what a file is; UploadRefused where it holds no sound or cannot be read."""
        ...

    async def extract_audio(self, path: Path, out: Path, report: Share | None = None) -> float:
        """Write its sound to ``out`` in the one form that is cut and recognised; return its length."""
        ...

    async def cut_at_silences(self, audio: Path, folder: Path, longest_s: float) -> CutAudio:
        """Cut that into pieces of at most ``longest_s`` seconds, in pauses where there are any."""
        ...


class Words(Protocol):
    """Reads files and pages that hold words."""

    async def read_captions(self, content: bytes) -> Transcript:
        """Read the timed text of one video; UploadRefused for anything else."""
        ...

    async def read_file(self, name: str, content: bytes) -> Transcript:
        """Read timed text or a document."""
        ...

    async def read_article(self, content: bytes, link: str) -> Transcript:
        """Read the text of a web page."""
        ...

    async def read_feed(self, content: bytes, link: str) -> Listing:
        """Read what a feed lists."""
        ...


class Links(Protocol):
    """Tells what is behind a link."""

    def direct_link(self, link: str) -> str:
        """The link to a shared document's file, instead of to the page that shows it."""
        ...

    def classify(self, link: str, media_type: str, first_bytes: bytes) -> LinkKind:
        """What is behind a link; UploadRefused where words cannot be had from it."""
        ...


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What one source may take."""

    media_bytes: int
    document_bytes: int
    longest_s: float


@dataclass(frozen=True, slots=True)
class PortReader:
    """See :class:`core.library.reading.SourceReader`. ``transcriber`` is None where speech cannot be recognised."""

    files: MediaFiles
    keeping: Keeping
    recordings: Recordings
    words: Words
    links: Links
    downloads: Downloads
    sites: VideoSites
    transcriber: Transcriber | None
    recognitions: Callable[[CreatorId], Recognitions]
    budget: SpeechBudget
    limits: ReadingLimits
    scratch: Scratch
    detect_language: Callable[[str], str]

    async def read(self, work: Work, report: Report) -> ReadSource | Listing | LeadsTo:
        """Return what a source says, what it lists or where it leads; see the port for what it raises."""
        read = await self._read(work, report)
        return await self._with_language(read) if isinstance(read, ReadSource) else read

    async def _with_language(self, read: ReadSource) -> ReadSource:
        """Tell the language by the words where nothing else tells it."""
        if read.language or read.transcript.language:
            return read
        sample = " ".join(segment.text for segment in read.transcript.segments[:SAMPLE_SEGMENTS])
        return replace(read, language=await asyncio.to_thread(self.detect_language, sample))

    async def _read(self, work: Work, report: Report) -> ReadSource | Listing | LeadsTo:
        kind = work.origin.kind
        if kind is OriginKind.MEDIA:
            return await self._kept_recording(work, MediaKey(work.origin.key), report)
        if kind is OriginKind.DOCUMENT:
            return await self._kept_document(work, report)
        if kind is OriginKind.TIMED_TEXT:
            raise ValueError("timed text is read when it is uploaded")
        return await self._linked(work, report)

    async def _kept_recording(self, work: Work, key: MediaKey, report: Report) -> ReadSource:
        await report(Stage.DOWNLOADING, 0.0)
        async with self.files.local(key) as path:
            return replace(await self._heard(work, path, str(key), report), media_key=str(key))

    async def _kept_document(self, work: Work, report: Report) -> ReadSource:
        await report(Stage.DOWNLOADING, 0.0)
        async with self.files.local(MediaKey(work.origin.key)) as path:
            content = await asyncio.to_thread(path.read_bytes)
        transcript = await self.words.read_file(work.origin.name, content)
        return ReadSource(transcript, title=transcript.title, size_bytes=len(content))

    async def _linked(self, work: Work, report: Report) -> ReadSource | Listing | LeadsTo:
        await report(Stage.DOWNLOADING, 0.0)
        link = work.origin.link
        if site_kind(link) is not None:
            found = await self.sites.look_up(link)
            return found if isinstance(found, Listing) else await self._video(work, found, report)
        direct = self.links.direct_link(link)
        peek = await self.downloads.peek(direct)
        if site_kind(peek.link) is not None:
            return LeadsTo(peek.link)
        kind = self.links.classify(peek.link, peek.media_type, peek.first_bytes)
        if kind is LinkKind.ARTICLE and direct != link:
            raise UploadRefused(NOT_SHARED)
        if kind is LinkKind.FEED:
            page = await self._page(peek.link)
            return await self.words.read_feed(page.content, link)
        if kind is LinkKind.ARTICLE:
            page = await self._page(peek.link)
            return await self._article(link, page.link, page.content, page.freshness)
        if kind is LinkKind.MEDIA:
            return await self._media_behind(work, peek, report)
        return await self._document_behind(work, peek.link, report)

    async def _article(self, link: str, address: str, content: bytes, freshness: Freshness) -> ReadSource:
        transcript = await self.words.read_article(content, address)
        return ReadSource(
            transcript, title=transcript.title, link=link, size_bytes=len(content), kind=SourceKind.WEB_PAGE,
            freshness=freshness,
        )  # fmt: skip

    async def look_again(self, watched: Watched) -> ReadSource | Listing | None:
        """Fetch a listing, page or document once more, or see that a recording is there; see the port."""
        if site_kind(watched.link) is not None:
            found = await self.sites.look_up(watched.link)
            return found if isinstance(found, Listing) and watched.kind is SourceKind.LISTING else None
        if watched.kind in RECORDINGS:
            await self._still_media(watched.link)
            return None
        async with self.scratch.folder(READING) as folder:
            file = folder / "again"
            link, most = self.links.direct_link(watched.link), DownloadLimits(self.limits.document_bytes)
            fetched = await self.downloads.download(link, file, most, known=watched.freshness)
            if fetched is None:
                return None
            content = await asyncio.to_thread(file.read_bytes)
        read = await self._same_kind(watched, fetched, content)
        return read if isinstance(read, Listing) else await self._with_language(read)

    async def _still_media(self, link: str) -> None:
        """See that a media file begins where one was; its words stay as they were heard."""
        peek = await self.downloads.peek(self.links.direct_link(link))
        kind = self.links.classify(peek.link, peek.media_type, peek.first_bytes)
        if kind is not LinkKind.MEDIA:
            raise UploadRefused(f"This link led to a media file before, and leads to a {kind.value} now.")

    async def _same_kind(self, watched: Watched, fetched: Downloaded, content: bytes) -> ReadSource | Listing:
        """Read what was fetched as what it was before: a login page in a document's place is no new version."""
        kind = self.links.classify(fetched.link, fetched.media_type, content[:BEGINNING_BYTES])
        if (kind, watched.kind) == (LinkKind.FEED, SourceKind.LISTING):
            return await self.words.read_feed(content, watched.link)
        if (kind, watched.kind) == (LinkKind.ARTICLE, SourceKind.WEB_PAGE):
            return await self._article(watched.link, fetched.link, content, fetched.freshness)
        if (kind, watched.kind) == (LinkKind.DOCUMENT, SourceKind.DOCUMENT):
            return await self._document(watched.link, fetched, content)
        raise UploadRefused(f"This link led to a {watched.kind.value} before, and leads to a {kind.value} now.")

    async def _document(self, link: str, fetched: Downloaded, content: bytes) -> ReadSource:
        transcript = await self.words.read_file(fetched.name, content)
        return ReadSource(
            transcript, title=transcript.title or fetched.name, link=link, size_bytes=len(content),
            freshness=fetched.freshness,
        )  # fmt: skip

    async def _page(self, link: str) -> Page:
        page = await self.downloads.fetch_text(link, DownloadLimits(LARGEST_TEXT_BYTES))
        if page is None:
            raise ValueError("a page that was asked for without a known version is never unchanged")
        return page

    async def _video(self, work: Work, info: VideoInfo, report: Report) -> ReadSource:
        if info.duration_s is not None:
            self._check_length(info.duration_s)
        written = await self._captioned(work, info)
        read = written or await self._recognised_video(work, info, report)
        transcript = replace(read.transcript, chapters=info.chapters or read.transcript.chapters)
        return replace(
            read, transcript=transcript, title=info.title, link=info.link, language=read.language or info.language,
            kind=SourceKind.VIDEO,
        )  # fmt: skip

    async def _captioned(self, work: Work, info: VideoInfo) -> ReadSource | None:
        """The best captions that can be read; None where there are none."""
        for track in order_of_captions(info.captions, work.language or info.language):
            try:
                content = await self._caption_file(info, track)
                transcript = await self.words.read_captions(content)
            except UploadRefused:
                continue
            except ProviderError:
                if work.attempts <= CAPTIONS_TRIED:
                    raise
                continue  # a host that stays away must not keep the sound from being heard
            if info.duration_s and transcript.ends_s > info.duration_s + OVERHANG_S:
                continue  # they are of another cut, or of another video
            if transcript.segments:
                cut = transcript.of_length(info.duration_s) if info.duration_s else transcript
                return ReadSource(cut, language=cut.language, size_bytes=len(content))
        return None

    async def _caption_file(self, info: VideoInfo, track: CaptionTrack) -> bytes:
        if site_kind(info.link) is not None:
            return await self.sites.captions(info.link, track)
        return (await self._page(track.link)).content

    async def _recognised_video(self, work: Work, info: VideoInfo, report: Report) -> ReadSource:
        await self._recogniser_for(work)
        await self.scratch.require_room(0)
        async with self.scratch.folder(READING) as folder:
            sound = folder / "sound"
            await self.sites.download_audio(info.link, sound, _within(report, Stage.DOWNLOADING))
            digest = await asyncio.to_thread(file_digest, sound)
            return await self._heard(work, sound, digest.hex(), report)

    async def _media_behind(self, work: Work, peek: Peek, report: Report) -> ReadSource:
        """A media file behind a link: the creator's own transcript of it where the feed names one, else its sound."""
        told = VideoInfo(work.origin.link, "", captions=work.origin.captions)
        if captioned := await self._captioned(work, told):
            kind = SourceKind.AUDIO if peek.media_type.startswith("audio/") else SourceKind.VIDEO
            return replace(captioned, title=_title_of(unquote(urlsplit(work.origin.link).path)), kind=kind)
        await self._recogniser_for(work)
        async with self.scratch.folder(READING) as folder:
            file = folder / "media"
            fetched = await self._download(peek.link, file, self.limits.media_bytes, report)
            media = await self.recordings.probe(file)
            digest = await asyncio.to_thread(file_digest, file)
            key = media_key(work.creator_id, digest.hex(), media.container)
            heard = await self._heard(work, file, str(key), report)
            kept = await self._kept(work, key, file, media.size_bytes)
            return replace(heard, title=_title_of(fetched.name), media_key=str(key) if kept else "")

    async def _kept(self, work: Work, key: MediaKey, file: Path, size_bytes: int) -> bool:
        """Keep a recording if there is room: what is behind a link can be linked to without."""
        try:
            await self.keeping.keep(work.creator_id, key, file, size_bytes)
        except StorageFull:
            return False
        return True

    async def _document_behind(self, work: Work, link: str, report: Report) -> ReadSource:
        async with self.scratch.folder(READING) as folder:
            file = folder / "document"
            fetched = await self._download(link, file, self.limits.document_bytes, report)
            content = await asyncio.to_thread(file.read_bytes)
        return await self._document(work.origin.link, fetched, content)

    async def _download(self, link: str, file: Path, largest_bytes: int, report: Report) -> Downloaded:
        await self.scratch.require_room(0)
        fetched = await self.downloads.download(
            link, file, DownloadLimits(largest_bytes), _within(report, Stage.DOWNLOADING), refuse_pages=True
        )
        if fetched is None:
            raise ValueError("a file that was asked for without a known version is never unchanged")
        return fetched

    async def _heard(self, work: Work, path: Path, content: str, report: Report) -> ReadSource:
        """Recognise what is said in a file; ``content`` names its sound, so that nothing is recognised twice."""
        transcriber = await self._recogniser_for(work)
        media = await self.recordings.probe(path)
        self._check_length(media.duration_s)
        await report(Stage.TRANSCRIBING, 0.0)
        await self.scratch.require_room(2 * media.duration_s * SOUND_BYTES_PER_S)
        async with self.scratch.folder(READING) as folder:
            sound = folder / "sound.wav"
            await self.recordings.extract_audio(path, sound, _within(report, Stage.TRANSCRIBING, 0.0, EXTRACTING))
            cut = await self.recordings.cut_at_silences(sound, folder, transcriber.longest_s)
            transcript = await transcribe(
                cut.pieces, [(silence.start_s, silence.end_s) for silence in cut.silences], transcriber,
                content=content, kept=self.recognitions(work.creator_id), language=work.language, names=work.names,
                report=_within(report, Stage.TRANSCRIBING, CUTTING, 1.0),
            )  # fmt: skip
        return ReadSource(
            transcript.of_length(media.duration_s), language=transcript.language, recogniser=transcriber.name,
            size_bytes=media.size_bytes, kind=SourceKind.VIDEO if media.has_video else SourceKind.AUDIO,
        )  # fmt: skip

    def _check_length(self, duration_s: float) -> None:
        if duration_s > self.limits.longest_s:
            hours, most = duration_s / 3600, self.limits.longest_s / 3600
            raise UploadRefused(f"It is {hours:.1f} hours long; at most {most:.0f} are taken. Please split it.")

    async def _recogniser_for(self, work: Work) -> Transcriber:
        """Who listens, on this creator's money; before anything is fetched for it."""
        if self.transcriber is None:
            raise UploadRefused(NO_RECOGNISER)
        await self.budget.require(work.creator_id)
        return Budgeted(self.transcriber, self.budget, work.creator_id)


def _title_of(name: str) -> str:
    """A file's name as a title: without its ending, and with spaces."""
    return one_line(PurePosixPath(name).stem.replace("_", " "))


def _within(report: Report, stage: Stage, first: float = 0.0, last: float = 1.0) -> Share:
    """Hear the shares of one step as a part of its stage."""

    async def hear(share: float) -> None:
        await report(stage, first + (last - first) * share)

    return hear
