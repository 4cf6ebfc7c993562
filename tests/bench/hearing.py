"""How recordings are heard, against PyAV and faster-whisper alone; and how many words are heard wrong.

Runs in a process of its own, ``python -m tests.bench.hearing``, and prints its rows as JSON: the model is held there.
"""

import argparse
import asyncio
import json
import sys
import time
import wave
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import av

from adapters.models.local_speech import BEAM, LocalTranscriber
from adapters.sources.media import cut_at_silences, extract_audio
from core.library.speech import Recognised, transcribe
from core.library.transcript import Transcript
from tests.bench.memory import peak_mb, resident_mb
from tests.bench.recordings import CLIP, TURN_S, write_talk
from tests.bench.table import Row
from tests.word_error import spoken_words, wrong_words

EXTRACTIONS: Final = 5
RECOGNITIONS: Final = 4
EXTRACTED_TURNS: Final = 28
RECOGNISED_TURNS: Final = 2
RATE: Final = 16_000
SYNTHETIC_GOAL: Final = 0.06
NATURAL_GOAL: Final = 0.03
GROUP: Final = "hearing"


class Nothing:
    """Keeps nothing: every piece is recognised."""

    async def find(self, key: str) -> Recognised | None:
        """See :class:`core.library.speech.Recognitions`."""
        return None

    async def keep(self, key: str, recognised: Recognised) -> None:
        """See :class:`core.library.speech.Recognitions`."""


async def measure_hearing(speech: Path | None, *, small: bool) -> list[Row]:
    """All of it; ``speech`` is a folder of recordings, each with what is said in it beside it as .txt."""
    with TemporaryDirectory(prefix="chronos-bench-") as name:
        folder = Path(name)
        rows = [await _extraction(folder, 2 if small else EXTRACTED_TURNS)]
        transcriber = LocalTranscriber(folder / "models")
        rows.append(await _clip_error(transcriber, folder))
        rows += await _recognition(transcriber, folder, 1 if small else RECOGNISED_TURNS)
        if speech is not None:
            rows.append(
                await _error(f"word error of {speech.name}", _told(speech), transcriber, folder, NATURAL_GOAL)
            )
        await transcriber.close()
    return rows


async def _extraction(folder: Path, turns: int) -> Row:
    """In turns with the bare loop; the best of each."""
    talk, ours_s, bare_s = write_talk(folder / "talk.mp4", turns), [], []
    for _ in range(EXTRACTIONS):
        began = time.perf_counter()
        _bare_extraction(talk, folder / "bare.wav")
        between = time.perf_counter()
        await extract_audio(talk, folder / "ours.wav")
        bare_s.append(between - began)
        ours_s.append(time.perf_counter() - between)
    if abs((folder / "ours.wav").stat().st_size - (folder / "bare.wav").stat().st_size) > RATE:
        raise RuntimeError("both ways must write the same sound")
    what = f"sound of a {turns * TURN_S / 60:.0f}-minute video (bare PyAV)"
    return Row(GROUP, what, min(ours_s), "s", min(bare_s), goal=1.5)


def _bare_extraction(source: Path, out: Path) -> None:
    """Decode, resample and write the same WAV, with nothing else."""
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(source)) as container, wave.open(str(out), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                file.writeframesraw(memoryview(part.planes[0])[: part.samples * 2])


async def _recognition(transcriber: LocalTranscriber, folder: Path, turns: int) -> list[Row]:
    """The whole way in turns with the model alone on the same file, the best of each; the model is loaded already."""
    talk, ours_s, bare_s = write_talk(folder / "talk.mp4", turns), [], []
    loaded_mb, taken_mb = resident_mb(), 0.0
    for _ in range(RECOGNITIONS):
        began = time.perf_counter()
        await heard(talk, transcriber, folder)
        between = time.perf_counter()
        taken_mb = taken_mb or peak_mb() - loaded_mb
        await asyncio.to_thread(_bare_recognition, transcriber, talk)
        ours_s.append(between - began)
        bare_s.append(time.perf_counter() - between)
    what = f"speech of {turns * TURN_S / 60:.1f} minutes (faster-whisper)"
    return [
        Row(GROUP, what, min(ours_s), "s", min(bare_s), goal=1.2),
        Row(GROUP, "  memory for a piece of it, besides the model", taken_mb, "MB"),
    ]


def _bare_recognition(transcriber: LocalTranscriber, talk: Path) -> None:
    """The same model with the same options, on the file as it is."""
    phrases, _ = transcriber._loaded().transcribe(str(talk), beam_size=BEAM, word_timestamps=True, vad_filter=True)
    for _ in phrases:
        pass


async def _clip_error(transcriber: LocalTranscriber, folder: Path) -> Row:
    known = json.loads(CLIP.with_suffix(".json").read_text(encoding="utf-8"))
    said = " ".join(sentence["text"] for sentence in known["sentences"])
    voice = ", ".join(known["made"].partition(";")[0].split(", ")[:2])
    return await _error(f"word error, {voice}", [(CLIP, said)], transcriber, folder, SYNTHETIC_GOAL)


async def _error(
    what: str, told: Sequence[tuple[Path, str]], transcriber: LocalTranscriber, folder: Path, goal: float
) -> Row:
    wrong = words = 0
    for recording, said in told:
        transcript = await heard(recording, transcriber, folder)
        expected = spoken_words(said)
        wrong += wrong_words(expected, spoken_words(" ".join(segment.text for segment in transcript.segments)))
        words += len(expected)
    return Row(GROUP, f"{what} ({words} words)", wrong / words, "", goal=goal)


def _told(speech: Path) -> list[tuple[Path, str]]:
    told = [
        (recording, text.read_text(encoding="utf-8"))
        for text in sorted(speech.glob("*.txt"))
        for recording in sorted(speech.glob(f"{text.stem}.*"))
        if recording != text
    ]
    if not told:
        raise SystemExit(f"{speech} holds no recording with a .txt of the same name beside it")
    return told


async def heard(recording: Path, transcriber: LocalTranscriber, folder: Path) -> Transcript:
    """Take a recording's words out the way that an upload goes."""
    sound = folder / "sound.wav"
    await extract_audio(recording, sound)
    cut = await cut_at_silences(sound, folder, transcriber.longest_s)
    silences = [(silence.start_s, silence.end_s) for silence in cut.silences]
    return await transcribe(
        cut.pieces, silences, transcriber, content=recording.name, kept=Nothing(), report=_unheard
    )


async def _unheard(share: float) -> None:
    """Nobody waits to be told."""


def main() -> None:
    """Measure and print the rows as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.hearing", description=__doc__)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    rows = asyncio.run(measure_hearing(arguments.speech, small=arguments.small))
    sys.stdout.write(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
