"""Short clips of a cited moment, cut out of kept recordings for a chat."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from core.errors import Refused, UploadRefused
from core.ids import CreatorId, SourceId, StudentId
from core.library.media import LONGEST_CLIP_S, MediaFiles, MediaKey
from core.library.scratch import Scratch
from core.library.watching import Transcripts

MOST_CUT_AT_ONCE: Final = 2
BUSY: Final = "I am still cutting your last clip. It comes in a moment; then press again."
GONE: Final = "There is no recording of that moment any more, so I cannot cut a clip."


class Cutter(Protocol):
    """Cuts moments out of media files."""

    async def clip(self, path: Path, start_s: float, end_s: float, folder: Path) -> Path:
        """Write a moment of at most 30 seconds into ``folder``, below 10 MB, ready for a chat.

        Raises:
            UploadRefused: there is nothing at that time, or it cannot be decoded.
            DiskFull: there is no room for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What to cut: a stretch of a source, in seconds from its start."""

    creator_id: CreatorId
    source_id: SourceId
    start_s: float
    length_s: float


class Clips:
    """Cuts clips: one at a time for each person, and few at once altogether."""

    def __init__(self, transcripts: Transcripts, files: MediaFiles, cutter: Cutter, scratch: Scratch) -> None:
        self._transcripts = transcripts
        self._files = files
        self._cutter = cutter
        self._scratch = scratch
        self._cutting: set[StudentId] = set()
        self._slots = asyncio.Semaphore(MOST_CUT_AT_ONCE)

    async def recording(self, creator_id: CreatorId, source_id: SourceId) -> MediaKey | None:
        """A source's kept recording; None where there is none to cut from."""
        return await self._transcripts.recording(creator_id, source_id)

    async def cut(self, moment: Moment, student_id: StudentId) -> tuple[str, bytes]:
        """Return a clip's ending (``mp4``, or ``m4a`` without a picture) and its bytes.

        Raises:
            Refused: this person's last clip is not done yet, or the recording is gone or cannot be cut there.
            ProviderError: the recording cannot be read.
        """
        if not 0 < moment.length_s <= LONGEST_CLIP_S:
            raise ValueError(f"a clip has up to {LONGEST_CLIP_S:.0f} seconds, not {moment.length_s}")
        with self._one_for(student_id):
            async with self._slots:
                return await self._cut(moment)

    @contextmanager
    def _one_for(self, student_id: StudentId) -> Iterator[None]:
        if student_id in self._cutting:
            raise Refused(BUSY)
        self._cutting.add(student_id)
        try:
            yield
        finally:
            self._cutting.discard(student_id)

    async def _cut(self, moment: Moment) -> tuple[str, bytes]:
        key = await self._transcripts.recording(moment.creator_id, moment.source_id)
        if key is None or await self._files.size_bytes(key) is None:
            raise Refused(GONE)
        end_s = moment.start_s + moment.length_s
        try:
            async with self._scratch.folder("clip") as folder, self._files.local(key) as path:
                clip = await self._cutter.clip(path, moment.start_s, end_s, folder)
                return clip.suffix.removeprefix("."), await asyncio.to_thread(clip.read_bytes)
        except UploadRefused as refusal:
            raise Refused(f"I cannot cut that clip: {refusal}") from refusal
