"""Video and audio files as an uploader hands them in: checked, heard, cut; always in a process of its own."""

from pathlib import Path
from typing import Final

from adapters.sources.apart import MEGABYTE, Limits, Report, run_apart
from core.library.media import LONGEST_CLIP_S, AudioPiece, CutAudio, Media, Silence

LONGEST_S: Final = 12 * 3600.0
PROBING: Final = Limits(wall_s=300.0)
HEARING: Final = Limits(wall_s=1800.0)
CLIPPING: Final = Limits(wall_s=180.0, memory_bytes=2_000 * MEGABYTE, file_bytes=100 * MEGABYTE)


async def probe(path: Path, *, limits: Limits = PROBING) -> Media:
    """Tell by its content what a file is, reading it to its end.

    Raises:
        UploadRefused: no kind that is taken, empty, damaged, cut off, encrypted, or without sound.
        ProviderError: the file cannot be read here.
    """
    return Media(**await run_apart("adapters.sources.media_reading:probe", str(path), limits=limits))


async def extract_audio(
    path: Path, out: Path, report: Report | None = None, *, longest_s: float = LONGEST_S, limits: Limits = HEARING
) -> float:
    """Write the sound of ``path`` to ``out`` as WAV: 16 kHz, mono, 16 bits.

    Times in ``out`` are those of the file: where it holds no sound for a while, there is silence.

    Args:
        path: what ``probe`` has accepted.
        out: is overwritten; 115 MB an hour. What stands there after an error is no use.
        report: hears the share that is done.
        longest_s: more is refused.
        limits: what the process may use.

    Returns:
        The length of ``out`` in seconds.

    Raises:
        UploadRefused: the sound cannot be decoded, or is too long.
        DiskFull: there is no room for it.
    """
    function = "adapters.sources.media_reading:extract"
    return float(await run_apart(function, str(path), str(out), longest_s, limits=limits, report=report))


async def cut_at_silences(
    audio: Path, folder: Path, longest_s: float, report: Report | None = None, *, limits: Limits = HEARING
) -> CutAudio:
    """Cut what ``extract_audio`` wrote into FLAC files of at most ``longest_s`` seconds, in pauses if there are any.

    Args:
        audio: WAV, 16 kHz, mono, 16 bits.
        folder: where the pieces are written; at most 115 MB an hour.
        longest_s: at least 1.
        report: hears the share that is done.
        limits: what the process may use.

    Raises:
        DiskFull: there is no room for it.
    """
    function = "adapters.sources.silences:cut"
    found = await run_apart(function, str(audio), str(folder), longest_s, limits=limits, report=report)
    return CutAudio(
        tuple(AudioPiece(folder / name, start_s, end_s) for name, start_s, end_s in found["pieces"]),
        tuple(Silence(start_s, end_s) for start_s, end_s in found["silences"]),
    )


async def clip(path: Path, start_s: float, end_s: float, folder: Path, *, limits: Limits = CLIPPING) -> Path:
    """Cut a moment of at most 30 seconds for a chat: ``clip.mp4`` in ``folder``, or ``clip.m4a`` without a picture.

    It is encoded anew, so that it starts at the second, and stays below 10 MB.

    Raises:
        UploadRefused: there is nothing at that time, or it cannot be decoded.
        DiskFull: there is no room for it.
    """
    if not 0 <= start_s < end_s <= start_s + LONGEST_CLIP_S:
        raise ValueError(f"a clip has up to {LONGEST_CLIP_S:.0f} seconds, not {start_s} to {end_s}")
    name = await run_apart("adapters.sources.clips:clip", str(path), start_s, end_s, str(folder), limits=limits)
    return folder / str(name)
