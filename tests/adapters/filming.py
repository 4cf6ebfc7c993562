"""Makes small media files for tests: tones, silence, noise, and a picture whose brightness tells the second."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

SOUND_RATE: Final = 48_000
PICTURE_RATE: Final = 10
WIDTH, HEIGHT = 64, 48
EDGE, WHITE = 8, 235
"""The left edge is always white, so that a picture that lies on its side is seen."""
Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Kind:
    """A container with codecs for it; no picture where ``picture`` is empty."""

    ending: str
    muxer: str
    sound: str
    picture: str = ""


KINDS: Final = (
    Kind("mp4", "mp4", "aac", "libx264"), Kind("mov", "mov", "aac", "libx264"),
    Kind("mkv", "matroska", "libopus", "libx264"), Kind("webm", "webm", "libopus", "libvpx"),
    Kind("avi", "avi", "libmp3lame", "mpeg4"), Kind("mp3", "mp3", "libmp3lame"), Kind("m4a", "ipod", "aac"),
    Kind("wav", "wav", "pcm_s16le"), Kind("ogg", "ogg", "libopus"), Kind("flac", "flac", "flac"),
)  # fmt: skip
MP4, MKV = KINDS[0], KINDS[2]


def tone(duration_s: float, pitch_hz: float = 440.0, rate: int = SOUND_RATE) -> Samples:
    """A loud, even sound."""
    at = np.arange(round(duration_s * rate)) / rate
    return (10_000 * np.sin(2 * np.pi * pitch_hz * at)).astype(np.int16)


def silence(duration_s: float, rate: int = SOUND_RATE) -> Samples:
    """Nothing at all."""
    return np.zeros(round(duration_s * rate), np.int16)


def noise(duration_s: float, loudness: float, rate: int = SOUND_RATE) -> Samples:
    """A hiss, as a room has it; ``loudness`` in [0, 1] of full scale."""
    hiss = np.random.default_rng(1).normal(0, loudness * 32_767, round(duration_s * rate))
    return np.clip(hiss, -32_768, 32_767).astype(np.int16)


def brightness(second: int) -> int:
    """How bright the picture is in a second."""
    return 40 + 15 * (second % 12)


def film(
    file: Path, kind: Kind, sound: Samples, *, sound_at_s: Sequence[tuple[float, float]] = (), picture_s: float = -1,
    frame_every_s: float = 1 / PICTURE_RATE, options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Write a file.

    Args:
        file: where to.
        kind: what kind.
        sound: int16 of shape (n_samples,) at ``SOUND_RATE``.
        sound_at_s: (from, to) in seconds of ``sound``: only these parts are written, each at its time; empty: all.
        picture_s: how long there is a picture; as long as the sound where it is not given.
        frame_every_s: the time between two frames.
        options: for FFmpeg.
    """
    with av.open(str(file), "w", format=kind.muxer, options=options or {}) as container:
        heard = container.add_stream(kind.sound, rate=SOUND_RATE)
        assert isinstance(heard, AudioStream)
        heard.layout = "mono"
        seen = _picture(container, kind) if kind.picture else None
        if seen is not None:
            _show(container, seen, len(sound) / SOUND_RATE if picture_s < 0 else picture_s, frame_every_s)
        for start_s, end_s in sound_at_s or [(0.0, len(sound) / SOUND_RATE)]:
            _play(container, heard, sound, round(start_s * SOUND_RATE), round(end_s * SOUND_RATE))
        container.mux(heard.encode(None))
    return file


def silent_film(file: Path) -> Path:
    """Write a video without a sound track."""
    with av.open(str(file), "w", format="mp4") as container:
        _show(container, _picture(container, MP4), 2.0, 1 / PICTURE_RATE)
    return file


def _picture(container: OutputContainer, kind: Kind) -> VideoStream:
    seen = container.add_stream(kind.picture, rate=PICTURE_RATE)
    assert isinstance(seen, VideoStream)
    seen.width, seen.height, seen.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    return seen


def _show(container: OutputContainer, seen: VideoStream, duration_s: float, every_s: float) -> None:
    for number in range(round(duration_s / every_s)):
        at_s = number * every_s
        planes = np.full((HEIGHT * 3 // 2, WIDTH), brightness(int(at_s + 1e-6)), np.uint8)
        planes[:HEIGHT, :EDGE] = WHITE
        planes[HEIGHT:] = 128
        frame = VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts, frame.time_base = round(at_s * PICTURE_RATE), Fraction(1, PICTURE_RATE)
        container.mux(seen.encode(frame))
    container.mux(seen.encode(None))


def _play(container: OutputContainer, heard: AudioStream, sound: Samples, first: int, last: int) -> None:
    step = 960  # a whole number of frames for every encoder but AAC and MP3, which regroup them
    for at in range(first, last, step):
        frame = AudioFrame.from_ndarray(sound[at : min(at + step, last)].reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
        container.mux(heard.encode(frame))
