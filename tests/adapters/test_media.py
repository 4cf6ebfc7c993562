"""Media is told by its content, heard on its own timeline, cut in pauses; bad files are refused in words."""

import random
import resource
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources.apart import Limits, run_apart
from adapters.sources.clips import clip as clip_here
from adapters.sources.media import clip, cut_at_silences, extract_audio, probe
from adapters.sources.media_reading import extract as extract_here
from adapters.sources.media_reading import probe as probe_here
from adapters.sources.silences import STEP_S, cuts
from core.errors import DiskFull, UploadRefused
from core.library.media import CutAudio
from tests.adapters.filming import (
    EDGE,
    HEIGHT,
    KINDS,
    MKV,
    MP4,
    WHITE,
    WIDTH,
    Kind,
    Samples,
    brightness,
    film,
    noise,
    silence,
    silent_film,
    tone,
)

HERE = "tests.adapters.test_media"
RATE = 16_000
FLAC = KINDS[-1]


def heard(file: Path) -> Samples:
    with wave.open(str(file), "rb") as recording:
        assert (recording.getnchannels(), recording.getsampwidth(), recording.getframerate()) == (1, 2, RATE)
        return np.frombuffer(recording.readframes(recording.getnframes()), np.int16)


def recorded(file: Path, sound: Samples) -> Path:
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(sound.tobytes())
    return file


def loudness(sound: Samples) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def pitch_hz(sound: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound.astype(np.float64)))
    return float(np.argmax(spectrum) * rate / len(sound))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.ending)
async def test_every_kind_is_told_by_its_content_and_heard(tmp_path: Path, kind: Kind) -> None:
    file = film(tmp_path / "notes.txt", kind, tone(3.0))
    media = await probe(file)
    assert media.container == kind.ending
    assert media.duration_s == pytest.approx(3.0, abs=0.2)
    assert (media.has_audio, media.has_video) == (True, bool(kind.picture))
    assert media.size_bytes == file.stat().st_size
    shares: list[float] = []

    async def hear(share: float) -> None:
        shares.append(share)

    length_s = await extract_audio(file, tmp_path / "out.wav", hear)
    sound = heard(tmp_path / "out.wav")
    assert length_s == pytest.approx(3.0, abs=0.1)
    assert len(sound) == round(length_s * RATE)
    assert pitch_hz(sound, RATE) == pytest.approx(440, abs=2)
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"Hello. This is a text.\n" * 500, "no video or recording"),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n", "playlist"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "playlist"),
        (b"%PDF-1.7\n" + bytes(5000), "mp4, mov, mkv"),
        (np.random.default_rng(1).bytes(100_000), "no video or recording"),
    ],
    ids=["empty", "text", "hls", "concat", "pdf", "random"],
)
async def test_what_is_no_media_is_refused_whatever_it_is_called(tmp_path: Path, content: bytes, words: str) -> None:
    for name in ("lesson.mp4", "lesson.mp3", "..; rm -rf $HOME #.m3u8"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UploadRefused, match=words):
            await probe(tmp_path / name)


async def test_another_kind_of_media_is_refused(tmp_path: Path) -> None:
    """MPEG-TS is none of the kinds that are taken."""
    film(tmp_path / "a.mp4", Kind("ts", "mpegts", "aac", "libx264"), tone(1.0))
    with pytest.raises(UploadRefused, match="mp4, mov, mkv"):
        await probe(tmp_path / "a.mp4")


async def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    file = silent_film(tmp_path / "a.mp4")
    for reading in (probe(file), extract_audio(file, tmp_path / "out.wav")):
        with pytest.raises(UploadRefused, match="no sound"):
            await reading


async def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    secret = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16}
    file = film(tmp_path / "a.mp4", MP4, tone(2.0), options=secret)
    for reading in (probe(file), extract_audio(file, tmp_path / "out.wav"), clip(file, 0, 1, tmp_path)):
        with pytest.raises(UploadRefused, match="encrypted"):
            await reading


@pytest.mark.parametrize("kind", [MP4, MKV, FLAC], ids=lambda kind: kind.ending)
async def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kind: Kind) -> None:
    options = {"movflags": "faststart"} if kind is MP4 else {}
    file = film(tmp_path / "a", kind, noise(10.0, 0.1), options=options)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(UploadRefused, match=r"0:00:10 long but ends after 0:00:0\d.*cut off"):
        await probe(file)


async def test_a_file_that_lost_its_index_is_refused(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", MP4, tone(3.0))
    content = file.read_bytes()
    file.write_bytes(content[: content.index(b"moov") + 100])
    with pytest.raises(UploadRefused, match="damaged or"):
        await probe(file)


async def test_hours_that_a_header_claims_are_not_believed(tmp_path: Path) -> None:
    file = film(tmp_path / "a.flac", FLAC, tone(2.0))
    content = bytearray(file.read_bytes())
    fields = int.from_bytes(content[18:26], "big")  # 36 bits at the end of STREAMINFO's numbers count the samples
    content[18:26] = (fields >> 36 << 36 | 10 * 3600 * 48_000).to_bytes(8, "big")
    file.write_bytes(content)
    with pytest.raises(UploadRefused, match=r"10:00:00 long but ends after 0:00:02"):
        await probe(file)


async def test_sound_that_begins_late_or_pauses_stays_on_the_files_time(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mkv", MKV, tone(9.0), sound_at_s=[(2.0, 4.0), (7.0, 9.0)])
    assert await extract_audio(file, tmp_path / "out.wav") == pytest.approx(9.0, abs=0.1)
    sound = heard(tmp_path / "out.wav")
    loud = [loudness(sound[int((second + 0.2) * RATE) : int((second + 0.8) * RATE)]) > 1000 for second in range(9)]
    assert loud == [False, False, True, True, False, False, False, True, True]


async def test_more_than_the_longest_is_refused(tmp_path: Path) -> None:
    file = film(tmp_path / "a.flac", FLAC, tone(3.0))
    with pytest.raises(UploadRefused, match=r"longer than 0:00:02.*split"):
        await extract_audio(file, tmp_path / "out.wav", longest_s=2.0)


async def test_reading_ends_at_its_limits(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", MP4, tone(3.0))
    with pytest.raises(UploadRefused, match="so I stopped"):
        await probe(file, limits=Limits(wall_s=0.01))
    with pytest.raises(UploadRefused, match="more room"):
        await extract_audio(file, tmp_path / "out.wav", limits=Limits(file_bytes=10_000))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_is_no_fault_of_the_file(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", MP4, tone(3.0))
    with pytest.raises(DiskFull, match="disk is full"):
        await extract_audio(file, Path("/dev/full"))


def memory_grown(file: str, out: str, folder: str) -> list[int]:
    """Run apart: the megabytes by which extracting and cutting raise the most that this process ever held."""
    from adapters.sources.silences import cut

    found = [_peak_mb()]
    extract_here(file, out, 7200.0, report=lambda _: None)
    found.append(_peak_mb())
    cut(out, folder, 600.0, report=lambda _: None)
    return [*found, _peak_mb()]


def _peak_mb() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1_000_000 if sys.platform == "darwin" else 1_000)


async def test_an_hour_never_stands_in_memory(tmp_path: Path) -> None:
    """An hour of samples has 115 MB."""
    file = recorded(tmp_path / "a.wav", np.tile(np.concatenate([tone(59.0, rate=RATE), silence(1.0, RATE)]), 60))
    before, extracted, cut = await run_apart(
        f"{HERE}:memory_grown", str(file), str(tmp_path / "out.wav"), str(tmp_path), limits=Limits()
    )
    assert extracted - before < 40
    assert cut - extracted < 40


async def test_a_recording_is_cut_in_its_longest_pauses(tmp_path: Path) -> None:
    parts = [tone(8.0), silence(0.6), tone(1.0), silence(2.0), tone(8.0), silence(1.0), tone(6.0)]
    sound = np.concatenate(parts)[::3]
    file = recorded(tmp_path / "a.wav", sound)
    found = await cut_at_silences(file, tmp_path, 12.0)
    assert times(found) == pytest.approx([8.0, 8.6, 9.6, 11.6, 19.6, 20.6], abs=0.05)
    assert [piece.end_s for piece in found.pieces] == pytest.approx([10.6, 20.1, 26.6], abs=0.05)
    assert found.pieces[0].start_s == 0.0
    assert all(one.end_s == two.start_s for one, two in zip(found.pieces, found.pieces[1:], strict=False))
    assert np.array_equal(np.concatenate([decoded(piece.path) for piece in found.pieces]), sound)


def times(found: CutAudio) -> list[float]:
    return [at_s for span in found.silences for at_s in (span.start_s, span.end_s)]


def decoded(file: Path) -> Samples:
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)


async def test_speech_in_a_noisy_room_is_cut_where_it_is_faintest(tmp_path: Path) -> None:
    hiss = noise(20.0, 0.01, RATE)
    speech = np.concatenate([tone(9.0, rate=RATE), silence(0.4, RATE), tone(10.6, rate=RATE)])
    file = recorded(tmp_path / "a.wav", hiss + speech)
    found = await cut_at_silences(file, tmp_path, 15.0)
    assert found.silences == ()
    assert [piece.end_s for piece in found.pieces] == pytest.approx([9.2, 20.0], abs=0.15)


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (silence(3.0, RATE), [0.0, 3.0]),
        (noise(3.0, 0.0002, RATE), [0.0, 3.0]),
        (noise(3.0, 0.05, RATE), []),
        (np.concatenate([tone(2.0, rate=RATE) // 100, silence(1.0, RATE)]), [2.0, 3.0]),
        (silence(0.0, RATE), []),
    ],
    ids=["silence", "hardly a hiss", "noise", "somebody whispers", "nothing"],
)
async def test_only_what_nobody_could_hear_is_silent(tmp_path: Path, sound: Samples, expected: list[float]) -> None:
    found = await cut_at_silences(recorded(tmp_path / "a.wav", sound), tmp_path, 60.0)
    assert times(found) == pytest.approx(expected, abs=0.05)


@given(
    st.lists(st.floats(-100, 0, width=32), min_size=1, max_size=2000),
    st.lists(st.tuples(st.floats(0, 40), st.floats(0, 40)).map(sorted).map(tuple), max_size=5),
    st.floats(1.0, 10.0),
)
@settings(deadline=None)
def test_pieces_follow_one_another_and_none_is_too_long(
    levels: list[float], silences: list[tuple[float, float]], longest_s: float
) -> None:
    total_s = len(levels) * STEP_S
    ends = [0.0, *cuts(np.array(levels, np.float32), silences, total_s, longest_s), total_s]
    lengths = np.diff(ends)
    assert (lengths > 0).all()
    assert (lengths <= longest_s + 0.001).all()


async def test_a_clip_begins_at_the_second(tmp_path: Path) -> None:
    sound = np.concatenate([tone(1.0, 300 + 100 * second) for second in range(10)])
    file = film(tmp_path / "a.mp4", MP4, sound)
    cut = await clip(file, 4.0, 7.0, tmp_path)
    media = await probe(cut)
    assert (cut.name, media.container, media.has_video) == ("clip.mp4", "mp4", True)
    assert media.duration_s == pytest.approx(3.0, abs=0.15)
    assert shown(cut, [0.0, 0.8, 1.2, 2.7]) == pytest.approx([brightness(n) for n in (4, 4, 5, 6)], abs=4)
    await extract_audio(cut, tmp_path / "out.wav")
    pitches = [
        pitch_hz(heard(tmp_path / "out.wav")[int((n + 0.2) * RATE) : int((n + 0.8) * RATE)], RATE) for n in (0, 2)
    ]
    assert pitches == pytest.approx([700, 900], abs=5)


def shown(file: Path, times_s: list[float]) -> list[float]:
    with av.open(str(file)) as container:
        frames = [
            (frame.time or 0.0, float(frame.to_ndarray()[: frame.height, frame.width // 2 :].mean()))
            for frame in container.decode(video=0)
        ]
    return [max((frame for frame in frames if frame[0] <= at_s + 1e-6), default=frames[0])[1] for at_s in times_s]


async def test_a_picture_that_stands_still_is_shown_from_the_beginning_of_a_clip(tmp_path: Path) -> None:
    """A recording of slides has a frame only where the slide changes."""
    file = film(tmp_path / "a.mkv", MKV, tone(9.0), picture_s=12.0, frame_every_s=4.0)
    cut = await clip(file, 5.0, 8.5, tmp_path)
    assert shown(cut, [0.0, 2.0, 3.4]) == pytest.approx([brightness(4), brightness(4), brightness(8)], abs=4)


async def test_a_clip_from_a_phone_held_upright_stands_upright(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", MP4, tone(3.0))
    content = bytearray(file.read_bytes())
    moov = content.index(b"moov")
    matrix = content.index(bytes.fromhex("00010000" + "0" * 24 + "00010000"), content.index(b"vmhd", moov) - 600)
    content[matrix : matrix + 20] = bytes.fromhex("000000000001000000000000ffff000000000000")
    file.write_bytes(content)
    cut = await clip(file, 1.0, 2.0, tmp_path)
    with av.open(str(cut)) as container:
        frame = next(container.decode(video=0))
    picture = frame.to_ndarray()[: frame.height, : frame.width]
    assert (frame.width, frame.height) == (HEIGHT, WIDTH)
    assert picture[: EDGE - 2].mean() == pytest.approx(WHITE, abs=8)
    assert picture[-EDGE:].mean() == pytest.approx(brightness(1), abs=8)


async def test_a_clip_of_a_recording_has_only_sound(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp3", KINDS[5], tone(5.0))
    cut = await clip(file, 1.0, 3.0, tmp_path)
    media = await probe(cut)
    assert (cut.name, media.container) == ("clip.m4a", "m4a")
    assert media.duration_s == pytest.approx(2.0, abs=0.1)


async def test_a_clip_of_nothing_is_refused(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", MP4, tone(3.0))
    with pytest.raises(UploadRefused, match="nothing"):
        await clip(file, 60.0, 70.0, tmp_path)
    with pytest.raises(ValueError, match="30 seconds"):
        await clip(file, 0.0, 31.0, tmp_path)


def fuzzed(file: str, folder: str, rounds: int) -> list[str]:
    """Run apart: what went wrong otherwise than by a refusal while the file's bytes were changed at random."""
    content = Path(file).read_bytes()
    wrong: list[str] = []
    for seed in range(rounds):
        chance = random.Random(seed)  # noqa: S311 - no secret
        changed = bytearray(content)
        for _ in range(chance.choice((1, 5, 50))):
            changed[chance.randrange(min(len(changed), chance.choice((200, len(changed)))))] = chance.randrange(256)
        bad = Path(folder) / "bad"
        bad.write_bytes(changed)
        try:
            probe_here(str(bad))
            extract_here(str(bad), f"{folder}/out.wav", 600.0, report=lambda _: None)
            clip_here(str(bad), 0.2, 0.9, folder)
        except (UploadRefused, MemoryError):
            continue
        except Exception as error:  # noqa: BLE001 - any other is what is looked for
            wrong.append(f"{seed}: {type(error).__name__}: {error}")
    return wrong


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.ending)
async def test_changed_bytes_give_a_result_or_a_refusal(tmp_path: Path, kind: Kind) -> None:
    file = film(tmp_path / "good", kind, tone(1.0))
    assert await run_apart(f"{HERE}:fuzzed", str(file), str(tmp_path), 40, limits=Limits()) == []
