"""Finds the silent stretches of a recording and cuts it there; runs apart only."""

import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from adapters.sources.media_reading import RATE, troubles

Levels = NDArray[np.float32]
"""Shape (n_steps,): how loud each step is, in decibels below full scale, -100 where there is nothing."""
Span = tuple[float, float]

STEP_S: Final = 0.02
STEP_SAMPLES: Final = int(RATE * STEP_S)
BLOCK_S: Final = 30
FULL_SCALE: Final = 32_768.0
FAINTEST: Final = 1e-5
SILENT_DB: Final = -45.0
"""Nothing louder counts as silent."""
FAINT_DB: Final = -65.0
"""Nothing fainter counts as sound, however faint the rest is."""
BELOW_SPEECH_DB: Final = 35.0
SHORTEST_SILENCE_S: Final = 0.5
PAUSE_S: Final = 0.3
SLACK: Final = 0.3
"""A cut may be this much before or after an even division, to find a better pause."""


def cut(
    audio: str, folder: str, longest_s: float, *, report: Callable[[float], None]
) -> dict[str, list[tuple[Any, ...]]]:
    """See ``adapters.sources.media.cut_at_silences``; a piece is (name, start_s, end_s)."""
    if longest_s < 1:
        raise ValueError("a piece has at least a second")
    with troubles(), wave.open(audio, "rb") as recording:
        total_s = recording.getnframes() / RATE
        levels = levels_of(recording)
        silences = silences_in(levels)
        ends = [*cuts(levels, silences, total_s, longest_s), total_s]
        pieces = []
        for number, (start_s, end_s) in enumerate(zip([0.0, *ends[:-1]], ends, strict=True)):
            name = f"{number:04}.flac"
            _write(recording, start_s, end_s, Path(folder) / name)
            pieces.append((name, start_s, end_s))
            report(end_s / max(total_s, STEP_S))
        return {"pieces": pieces, "silences": list(silences)}


def levels_of(recording: wave.Wave_read) -> Levels:
    """Measure how loud every step of a recording is, reading it block by block."""
    recording.rewind()
    found = [_loudness(block) for block in _blocks(recording, recording.getnframes())]
    return np.concatenate(found) if found else np.empty(0, np.float32)


def silences_in(levels: Levels) -> list[Span]:
    """Stretches of at least half a second far below what is loud in the same recording, in seconds."""
    if not len(levels):
        return []
    loud_db = float(np.percentile(levels, 95))
    below_db = min(max(loud_db - BELOW_SPEECH_DB, FAINT_DB), SILENT_DB)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], levels < below_db, [False])).astype(np.int8)))
    spans = [(float(first) * STEP_S, float(last) * STEP_S) for first, last in edges.reshape(-1, 2)]
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= SHORTEST_SILENCE_S]


def cuts(levels: Levels, silences: list[Span], total_s: float, longest_s: float) -> list[float]:
    """Where to cut so that no piece is longer than ``longest_s``: in a long silence, else at a faint moment."""
    found: list[float] = []
    start_s = 0.0
    while (left_s := total_s - start_s) > longest_s:
        even_s = left_s / np.ceil(left_s / longest_s)
        earliest_s = start_s + even_s * (1 - SLACK)
        latest_s = start_s + min(longest_s, even_s * (1 + SLACK))
        start_s = round(_best_cut(levels, silences, earliest_s, latest_s), 3)
        found.append(start_s)
    return found


def _best_cut(levels: Levels, silences: list[Span], earliest_s: float, latest_s: float) -> float:
    near = [(max(start_s, earliest_s), min(end_s, latest_s)) for start_s, end_s in silences]
    start_s, end_s = max(near, key=lambda span: span[1] - span[0], default=(0.0, 0.0))
    if end_s > start_s:
        return (start_s + end_s) / 2
    first, last = int(earliest_s / STEP_S), int(latest_s / STEP_S)
    width = min(round(PAUSE_S / STEP_S), last - first)
    loudness = np.convolve(levels[first:last], np.ones(width), "valid")
    return (first + int(np.argmin(loudness)) + width / 2) * STEP_S


def _loudness(block: NDArray[np.int16]) -> Levels:
    padded = np.pad(block, (0, -len(block) % STEP_SAMPLES))
    steps = padded.reshape(-1, STEP_SAMPLES).astype(np.float32) / FULL_SCALE
    level: Levels = 20 * np.log10(np.maximum(np.sqrt(np.mean(steps**2, axis=1)), FAINTEST))
    return level


def _blocks(recording: wave.Wave_read, samples: int) -> Iterator[NDArray[np.int16]]:
    left = samples
    while left > 0:
        block = np.frombuffer(recording.readframes(min(left, BLOCK_S * RATE)), np.int16)
        if not len(block):
            return
        left -= len(block)
        yield block


def _write(recording: wave.Wave_read, start_s: float, end_s: float, out: Path) -> None:
    first, last = round(start_s * RATE), round(end_s * RATE)
    recording.setpos(first)
    with av.open(str(out), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono")
        written = 0
        for block in _blocks(recording, last - first):
            frame = AudioFrame.from_ndarray(block.reshape(1, -1), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, written, Fraction(1, RATE)
            written += len(block)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
