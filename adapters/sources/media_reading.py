"""Reads foreign media with FFmpeg; runs apart only.

FFmpeg gets an open file and neither its name nor the right to open another, and a short list of formats to try: a
playlist in it can reach nothing, and an ending decides nothing.
"""

import errno
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from core.errors import FULL, DiskFull, ProviderError, UploadRefused

RATE: Final = 16_000
SAMPLE_BYTES: Final = 2
WAITING_BYTES: Final = 65_536
FORMATS: Final = ("mov", "matroska", "avi", "mp3", "wav", "ogg", "flac")
TAKEN: Final = "I take mp4, mov, mkv, webm, avi, mp3, m4a, wav, ogg, opus and flac."
RETRY_AFTER_FULL_S: Final = 300.0
OR_WORDS: Final = "What is written works as PDF, DOCX, PPTX, text, Markdown and HTML."
DAMAGED: Final = "The file is damaged or was cut off on the way; please upload it again, or export it anew."
ENCRYPTED: Final = "The file is encrypted (protected by its seller); export it without protection and try again."
PROTECTED_TAGS: Final = frozenset({"enca", "encv", "drms", "drmi"})
PLAYLISTS: Final = (b"#EXTM3U", b"[playlist]", b"ffconcat", b"<?xml", b"<MPD")
HEAD_BYTES: Final = 256
GAP_S: Final = 0.1
"""Sound that is off its time by less is left as it is: rounding and the decoder's delay look the same."""
MISSING_S: Final = 2.0
MISSING_SHARE: Final = 0.01
BAD_SHARE: Final = 0.5
THREADS: Final = 2
"""Fixed, because each thread holds frames: the memory needed must not grow with the machine."""


def probe(path: str) -> dict[str, Any]:
    """See ``adapters.sources.media.probe``; the fields of ``Media``."""
    with opened(path) as container:
        sound_of(container)
        end_s = _read_through(container)
        if end_s <= 0:
            raise UploadRefused(DAMAGED)
        claimed_s = _claimed_s(container)
        if claimed_s - end_s > max(MISSING_S, MISSING_SHARE * claimed_s):
            raise UploadRefused(
                f"The file says that it is {_clock(claimed_s)} long but ends after {_clock(end_s)}: it was cut off "
                "on the way. Please upload it again."
            )
        picture = picture_of(container)
        return {
            "container": _kind(container, _head(path), has_video=picture is not None), "duration_s": end_s,
            "has_audio": True, "has_video": picture is not None, "size_bytes": Path(path).stat().st_size,
        }  # fmt: skip


def extract(path: str, out: str, longest_s: float, *, report: Callable[[float], None]) -> float:
    """See ``adapters.sources.media.extract_audio``; the length of what was written in seconds."""
    with opened(path) as container, wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(RATE)
        recording = _Recording(file, origin_s(container), longest_s)
        expected_s = max((container.duration or 0) / av.time_base, 1.0)
        percent = 0
        for frame in decoded(container, sound_of(container)):
            recording.add(frame)
            if recording.length_s * 100 > (percent + 1) * expected_s:
                percent = int(recording.length_s * 100 / expected_s)
                report(percent / 100)
        recording.finish()
        if not recording.samples:
            raise UploadRefused("The sound in this file cannot be decoded; export it as mp4 (H.264, AAC) or mp3.")
        return recording.length_s


class _Recording:
    """Sound on the file's own timeline: gaps are filled with silence, what comes too late is dropped."""

    def __init__(self, file: wave.Wave_write, start_s: float, longest_s: float) -> None:
        self._file = file
        self._start_s = start_s
        self._most_samples = int(longest_s * RATE)
        self._resampler: AudioResampler | None = None
        self._shape: tuple[object, ...] = ()
        self._waiting = bytearray()
        self.samples = 0

    @property
    def length_s(self) -> float:
        return self.samples / RATE

    def add(self, frame: AudioFrame) -> None:
        at = self.samples if frame.time is None else round((frame.time - self._start_s) * RATE)
        if at < self.samples - GAP_S * RATE:
            return
        if at > self.samples + GAP_S * RATE:
            self.finish()
            self._silence(at - self.samples)
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or shape != self._shape:
            self.finish()
            self._resampler, self._shape = AudioResampler("s16", "mono", RATE), shape
        self._write(self._resampler.resample(frame))

    def finish(self) -> None:
        """Write what the resampler still holds; it cannot go on after that."""
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None
        self._empty()

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._grow(frame.samples)
            self._waiting += memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES]
        if len(self._waiting) > WAITING_BYTES:
            self._empty()

    def _empty(self) -> None:
        self._file.writeframesraw(self._waiting)
        self._waiting.clear()

    def _silence(self, samples: int) -> None:
        self._grow(samples)
        for first in range(0, samples, RATE):
            self._file.writeframesraw(bytes(min(RATE, samples - first) * SAMPLE_BYTES))

    def _grow(self, samples: int) -> None:
        self.samples += samples
        if self.samples > self._most_samples:
            raise UploadRefused(
                f"The file is longer than {_clock(self._most_samples / RATE)}, which is the most I take; "
                "please split it."
            )


@contextmanager
def opened(path: str) -> Iterator[InputContainer]:
    """Open a file for reading, and translate what goes wrong with it until it is closed.

    Raises:
        UploadRefused: the file is to blame.
        ProviderError: the disk, or whoever handed over the path.
    """
    with troubles(), Path(path).open("rb") as file:
        options = {"fd": str(file.fileno()), "protocol_whitelist": "fd", "format_whitelist": ",".join(FORMATS)}
        try:
            container = av.open("fd:", "r", options=options, metadata_errors="replace")
        except av.MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            raise UploadRefused(_unreadable(_head(path))) from error
        with container:
            yield container


def sound_of(container: InputContainer) -> AudioStream:
    """The track that is heard.

    Raises:
        UploadRefused: there is none, or none that can be decoded.
    """
    stream = container.streams.best("audio")
    if isinstance(stream, AudioStream):
        if stream.codec_context is None or not stream.codec_context.sample_rate:
            raise UploadRefused(DAMAGED)
        if {str(each.codec_context.codec_tag) for each in _coded(container)} & PROTECTED_TAGS:
            raise UploadRefused(ENCRYPTED)
        return stream
    if not len(container.streams):
        raise UploadRefused(DAMAGED)
    if container.streams.audio:
        raise UploadRefused("The sound in this file is of a kind I cannot decode; export it as mp4 (AAC) or mp3.")
    raise UploadRefused("There is no sound in this file, so there is nothing to transcribe; a transcript would work.")


def picture_of(container: InputContainer) -> VideoStream | None:
    """The moving picture, where there is one that can be decoded; a cover is none."""
    moving = [
        each for each in container.streams.video
        if each.codec_context is not None and not each.disposition & Disposition.attached_pic
    ]  # fmt: skip
    return moving[0] if moving else None


def origin_s(container: InputContainer) -> float:
    """When the file begins by its own clock."""
    return (container.start_time or 0) / av.time_base


def decoded(container: InputContainer, stream: Stream) -> Iterator[Any]:
    """The frames of a stream; a few packets that cannot be decoded are left out, as players do.

    Raises:
        UploadRefused: most cannot, or they are encrypted.
    """
    if stream.codec_context is not None:
        stream.codec_context.thread_count = THREADS
    good = bad = 0
    for packet in container.demux(stream):
        if not good:
            _refuse_encrypted(packet)
        try:
            frames = packet.decode()
        except (av.InvalidDataError, av.PermissionError, av.PatchWelcomeError):
            _refuse_encrypted(packet)
            bad += 1
            continue
        good += 1
        yield from frames
    if bad > BAD_SHARE * (good + bad):
        raise UploadRefused(DAMAGED)


def _coded(container: InputContainer) -> list[Stream]:
    return [each for each in container.streams if each.codec_context is not None]


def _read_through(container: InputContainer) -> float:
    """Read every packet without decoding it; when the last one ends, in seconds from the file's beginning."""
    end_s = 0.0
    for packet in container.demux():
        _refuse_encrypted(packet)
        if packet.pts is not None and packet.time_base:
            end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end_s - origin_s(container)


def _refuse_encrypted(packet: "Packet[Any]") -> None:
    if packet.has_sidedata("encryption_info"):
        raise UploadRefused(ENCRYPTED)


def _claimed_s(container: InputContainer) -> float:
    """How long the header says the file is; 0 where FFmpeg would only guess from the bit rate."""
    guessed = container.format.name == "mp3" or (
        container.format.name.startswith("matroska") and any(each.duration for each in container.streams)
    )
    return 0.0 if guessed else (container.duration or 0) / av.time_base


def _kind(container: InputContainer, head: bytes, *, has_video: bool) -> str:
    name = container.format.name.partition(",")[0]
    if name == "matroska":
        return "webm" if b"webm" in head else "mkv"
    if name != "mov":
        return name
    if not has_video:
        return "m4a"
    return "mov" if container.metadata.get("major_brand", "").startswith("qt") else "mp4"


def _head(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(HEAD_BYTES)


def _unreadable(head: bytes) -> str:
    if not head:
        return "The file is empty; please upload it again."
    if head.lstrip().startswith(PLAYLISTS):
        return f"This is a playlist, which only names other files; send the video or recording itself. {TAKEN}"
    return f"This is no video or recording that I can read, or it is damaged or cut off. {TAKEN} {OR_WORDS}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def troubles() -> Iterator[None]:
    """Translate what FFmpeg and the file system say, here only."""
    try:
        yield
    except av.MemoryError as error:
        raise MemoryError from error
    except (av.FFmpegError, OSError, ValueError, ArithmeticError) as error:
        raise _translated(error) from error


def _translated(error: Exception) -> UploadRefused | ProviderError:
    number = getattr(error, "errno", None)
    if number in FULL:
        return DiskFull("The disk is full: free some space.")
    if number == errno.EFBIG:
        return UploadRefused("What is in this file takes more room than I may use; please split it.")
    if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
        return ProviderError(f"a media file cannot be used here: {error.strerror or error}")
    return UploadRefused(DAMAGED)
