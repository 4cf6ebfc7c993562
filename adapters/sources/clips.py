"""Cuts a moment out of a media file for a chat, encoded anew so that it starts at the second; runs apart only."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container.input import InputContainer
from av.container.output import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from adapters.sources.media_reading import DAMAGED, THREADS, decoded, opened, origin_s, picture_of, sound_of
from core.errors import UploadRefused

LONGEST_SIDE: Final = 1280
RATES: Final = (Fraction(5), Fraction(30))
RUN_UP_S: Final = 0.5
"""Decoded before the start, so that the first sound is whole."""
SOUND_RATE: Final = 48_000
SOUND_BITS_PER_S: Final = 96_000
PICTURE_CODECS: Final = ("libx264", "libopenh264", "mpeg4")
PICTURE_OPTIONS: Final = {
    "preset": "veryfast", "crf": "27", "maxrate": "1800k", "bufsize": "3600k", "threads": str(THREADS),
}  # fmt: skip
TURNS: Final = {90: (("transpose", "cclock"),), -90: (("transpose", "clock"),), 180: (("hflip", ""), ("vflip", ""))}


def clip(path: str, start_s: float, end_s: float, folder: str) -> str:
    """See ``adapters.sources.media.clip``; the name of the file written."""
    with opened(path) as container:
        sound = sound_of(container)
        picture = picture_of(container)
        frames = _pictures(container, picture, start_s, end_s) if picture else iter(())
        first = next(frames, None)
        name = "clip.m4a" if first is None else "clip.mp4"
        out = str(Path(folder) / name)
        with av.open(out, "w", format="mp4", options={"movflags": "+faststart"}) as written:
            heard = written.add_stream("aac", rate=SOUND_RATE, layout="stereo", bit_rate=SOUND_BITS_PER_S)
            if first is not None and picture is not None:
                _write_pictures(written, first, frames, _rate(picture))
            samples = _write_sound(container, sound, written, heard, start_s, end_s)
        if not samples:
            raise UploadRefused("There is nothing in the file at that time.")
        return name


def _write_pictures(written: OutputContainer, first: VideoFrame, rest: Iterator[VideoFrame], rate: Fraction) -> None:
    seen = written.add_stream(_picture_codec(), rate=rate, options=PICTURE_OPTIONS)
    if not isinstance(seen, VideoStream):
        raise UploadRefused(DAMAGED)
    seen.width, seen.height, seen.pix_fmt = first.width, first.height, "yuv420p"
    for number, frame in enumerate(_followed_by(first, rest)):
        frame.pts, frame.time_base = number, 1 / rate
        written.mux(seen.encode(frame))
    written.mux(seen.encode(None))


def _followed_by(first: VideoFrame, rest: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from rest


def _write_sound(
    container: InputContainer, sound: AudioStream, written: OutputContainer, heard: AudioStream,
    start_s: float, end_s: float,
) -> int:  # fmt: skip
    samples = 0
    for frame in _sounds(container, sound, start_s, end_s):
        samples += frame.samples
        written.mux(heard.encode(frame))
    written.mux(heard.encode(None))
    return samples


def _sounds(container: InputContainer, sound: AudioStream, start_s: float, end_s: float) -> Iterator[Any]:
    begin_s = origin_s(container) + start_s
    finish_s = origin_s(container) + end_s
    graph: Graph | None = None
    for frame in _from(container, sound, begin_s):
        if frame.time is None or frame.time >= finish_s:
            break
        if graph is None:
            graph = Graph()
            graph.link_nodes(
                graph.add_abuffer(
                    sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout,
                    time_base=frame.time_base,
                ),
                graph.add("atrim", f"start={begin_s:.6f}:end={finish_s:.6f}"),
                graph.add("asetpts", f"PTS-{begin_s:.6f}/TB"),
                graph.add("aformat", f"sample_fmts=fltp:sample_rates={SOUND_RATE}:channel_layouts=stereo"),
                graph.add("abuffersink"),
            ).configure()  # fmt: skip
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pictures(container: InputContainer, picture: VideoStream, start_s: float, end_s: float) -> Iterator[VideoFrame]:
    """Frames at an even rate from ``start_s`` on; where the file shows one picture for long, it is repeated."""
    begin_s = origin_s(container) + start_s
    finish_s = origin_s(container) + end_s
    left = round((end_s - start_s) * _rate(picture))
    for frame in _evenly(container, picture, begin_s, finish_s):
        if left <= 0:
            return
        left -= 1
        yield frame


def _evenly(container: InputContainer, picture: VideoStream, begin_s: float, finish_s: float) -> Iterator[VideoFrame]:
    graph: Graph | None = None
    last: VideoFrame | None = None
    for frame in _from(container, picture, begin_s):
        if frame.time is None or frame.time >= finish_s:
            break
        graph, last = graph or _picture_graph(frame, picture, begin_s), frame
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None and last is not None and last.time_base is not None:
        last.pts = int(finish_s / last.time_base) + 1  # so that it is repeated up to the end, and no further
        graph.push(last)
        graph.push(None)
        yield from _pulled(graph)


def _picture_graph(frame: VideoFrame, picture: VideoStream, begin_s: float) -> Graph:
    turns = TURNS.get(frame.rotation, ())
    width, height = _size(frame, picture, turned=len(turns) == 1)
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("fps", f"fps={_rate(picture)}:start_time={begin_s:.6f}"),
        *(graph.add(name, arguments) for name, arguments in turns),
        graph.add("scale", f"{width}:{height}"),
        graph.add("setsar", "1"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _size(frame: VideoFrame, picture: VideoStream, *, turned: bool) -> tuple[int, int]:
    """The size to show, in even numbers: upright, with square pixels, not larger than a chat needs."""
    width, height = frame.width * float(picture.sample_aspect_ratio or 1), float(frame.height)
    if turned:
        width, height = height, width
    shrink = min(1.0, LONGEST_SIDE / max(width, height))
    return max(2, round(width * shrink / 2) * 2), max(2, round(height * shrink / 2) * 2)


def _rate(picture: VideoStream) -> Fraction:
    slowest, fastest = RATES
    return min(max(Fraction(picture.average_rate or fastest), slowest), fastest).limit_denominator(1001)


def _picture_codec() -> str:
    available = [name for name in PICTURE_CODECS if name in av.codecs_available]
    return Codec(available[0], "w").name


def _from(container: InputContainer, stream: VideoStream | AudioStream, begin_s: float) -> Iterator[Any]:
    try:
        container.seek(max(0, int((begin_s - RUN_UP_S) * av.time_base)))
    except av.FFmpegError:
        container.seek(0)
    return decoded(container, stream)


def _pulled(graph: Graph) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
