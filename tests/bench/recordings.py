"""Recordings of any length, made anew each time: the committed clip with pauses, and a picture beside it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.packet import Packet

from tests.adapters.filming import MP4, SOUND_RATE, film

CLIP: Final = Path(__file__).parents[1] / "data" / "workshop.ogg"
TURN_S: Final = 64
"""A whole number of frames of sound and of picture, so that one turn follows another without a seam."""
CLIPS_IN_A_TURN: Final = 3


def write_talk(file: Path, turns: int) -> Path:
    """Write an mp4 of ``turns`` times ``TURN_S`` seconds: encoded once, its packets repeated."""
    once = film(file.with_name(f"once-{file.name}"), MP4, _turn())
    with av.open(str(once)) as source, av.open(str(file), "w", format="mp4") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for number in range(turns):
            source.seek(0)
            for packet in _packets_of_a_turn(source, number):
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    once.unlink()
    return file


def _packets_of_a_turn(source: "av.container.InputContainer", number: int) -> Iterator["Packet[Any]"]:
    """The packets of one turn at their later place, without what an encoder puts before and behind it."""
    for packet in source.demux():
        if packet.pts is None or packet.dts is None or packet.time_base is None:
            continue
        at_s = packet.pts * packet.time_base
        if (at_s < 0 and number) or at_s >= TURN_S:
            continue
        moved = int(Fraction(number * TURN_S) / packet.time_base)
        packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
        yield packet


def _turn() -> "np.ndarray[Any, np.dtype[np.int16]]":
    """Three times the clip, int16 of shape (TURN_S * SOUND_RATE,), quiet after each."""
    resampler = av.AudioResampler("s16", "mono", SOUND_RATE)
    with av.open(str(CLIP)) as source:
        frames = [part for frame in source.decode(audio=0) for part in resampler.resample(frame)]
    clip = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    room = TURN_S * SOUND_RATE // CLIPS_IN_A_TURN
    return np.tile(np.pad(clip, (0, room - len(clip))), CLIPS_IN_A_TURN)
