"""From recordings to a transcript: pieces are recognised one by one, put in their place, and cleaned."""

import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from core.errors import UploadRefused
from core.library.invented import Quiet, Span, without_invented
from core.library.transcript import Segment, Timing, Transcript, Word

NO_SPEECH: Final = (
    "I heard no speech in this recording, so there is nothing to answer from. "
    "If somebody does speak in it, check its volume, or upload captions with it."
)
LEEWAY_S: Final = 1.0
"""A piece may be this much longer than the recogniser asks for; files of sound rarely end on the second."""
SHORTEST_S: Final = 0.2
"""Less sound than this holds no word; vendors refuse such a file."""

Report = Callable[[float], Awaitable[None]]
Timed = TypeVar("Timed", Segment, Word)


class Piece(Protocol):
    """A part of a recording in a file of its own; seconds from the beginning of the recording."""

    @property
    def path(self) -> Path:
        """Where its sound is."""
        ...

    @property
    def start_s(self) -> float:
        """Where it begins in the recording."""
        ...

    @property
    def end_s(self) -> float:
        """Where it ends in the recording."""
        ...


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was heard in one piece, as the recogniser says it; seconds from the beginning of the piece.

    ``language`` is an ISO 639-1 code or "" where it is not known. ``cost_usd`` is what the recogniser took for it.
    """

    segments: tuple[Segment, ...]
    language: str = ""
    cost_usd: float = 0.0

    def to_json(self) -> str:
        """Return it as text that ``from_json`` reads."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Recognised":
        """Return what ``to_json`` wrote."""
        document = json.loads(text)
        segments = [
            Segment(**{**segment, "words": tuple(Word(**word) for word in segment["words"])})
            for segment in document["segments"]
        ]
        return cls(tuple(segments), document["language"], document["cost_usd"])


class Transcriber(Protocol):
    """Recognises speech with times; one that knows no times does not exist."""

    @property
    def name(self) -> str:
        """The model as it is configured; the same sound under the same name may be recognised once for all."""
        ...

    @property
    def longest_s(self) -> float:
        """Seconds of sound that it takes at once."""
        ...

    @property
    def largest_bytes(self) -> int:
        """Bytes of the largest file that it takes."""
        ...

    async def recognise(self, piece: Path, *, language: str, names: Sequence[str]) -> Recognised:
        """Return what is said in a file of sound; no segments where nothing is.

        Args:
            piece: at most ``longest_s`` seconds and ``largest_bytes`` bytes.
            language: an ISO 639-1 code, or "" to find out.
            names: words that occur and are hard to spell, most important first.

        Raises:
            ProviderBusy: overloaded, rate limited or no answer in time; it may work later.
            ProviderError: any other failure, an answer that cannot be read included.
        """
        ...

    async def close(self) -> None:
        """Give back what it holds; work that runs is given up."""
        ...


class Recognitions(Protocol):
    """Keeps what was recognised, so that nothing is heard, or paid for, twice."""

    async def find(self, key: str) -> Recognised | None:
        """Return what was kept under a key, None where nothing was."""
        ...

    async def keep(self, key: str, recognised: Recognised) -> None:
        """Keep a finished piece; called once for every piece that cost time or money."""
        ...


async def transcribe(
    pieces: Sequence[Piece],
    silences: Sequence[Span],
    transcriber: Transcriber,
    *,
    content: str,
    kept: Recognitions,
    report: Report,
    language: str = "",
    names: Sequence[str] = (),
) -> Transcript:
    """Recognise a recording piece by piece and return what is said in it, without what recognisers invent.

    Args:
        pieces: the recording in order, cut where nobody speaks.
        silences: (start_s, end_s) of the whole recording, in any order.
        transcriber: who listens.
        content: names the recording, such as its SHA-256; the same content is taken to be cut at the same seconds.
        kept: pieces that were recognised before an interruption, and where finished ones go.
        report: hears the share of the recording that is done, in [0, 1]; what it raises ends the work.
        language: an ISO 639-1 code, or "" to find out.
        names: words that occur and are hard to spell, most important first.

    Raises:
        UploadRefused: nothing is said in it.
        ProviderBusy, ProviderError: as ``Transcriber.recognise``; finished pieces are kept.
        ValueError: a piece is more than the transcriber takes.
    """
    _check(pieces, transcriber)
    quiet = Quiet(silences, pieces[-1].end_s if pieces else 0.0)
    heard: list[Recognised] = []
    for number, piece in enumerate(pieces):
        await report(_share(pieces, number))
        if piece.end_s - piece.start_s - quiet.within(piece.start_s, piece.end_s) < SHORTEST_S:
            heard.append(Recognised(()))
            continue
        recognise = partial(transcriber.recognise, piece.path, language=language, names=names)
        heard.append(await _once(_key(content, piece, transcriber.name, language, names), kept, recognise))
    segments = without_invented(_placed(pieces, heard), quiet)
    if not segments:
        raise UploadRefused(NO_SPEECH)
    await report(1.0)
    return Transcript(segments, Timing.HEARD, language=language or _language(heard))


async def _once(key: str, kept: Recognitions, recognise: Callable[[], Awaitable[Recognised]]) -> Recognised:
    """Return what was kept of a piece, or recognise it now and keep that."""
    recognised = await kept.find(key)
    if recognised is None:
        recognised = await recognise()
        await kept.keep(key, recognised)
    return recognised


def _check(pieces: Sequence[Piece], transcriber: Transcriber) -> None:
    for piece in pieces:
        too_long = piece.end_s - piece.start_s > transcriber.longest_s + LEEWAY_S
        if too_long or piece.path.stat().st_size > transcriber.largest_bytes:
            raise ValueError(f"{piece.path.name} is more than {transcriber.name} takes at once")


def _share(pieces: Sequence[Piece], done: int) -> float:
    lengths_s = [piece.end_s - piece.start_s for piece in pieces]
    return sum(lengths_s[:done]) / max(sum(lengths_s), 1e-9)


def _key(content: str, piece: Piece, name: str, language: str, names: Sequence[str]) -> str:
    asked = [content, round(piece.start_s, 3), round(piece.end_s, 3), name, language, list(names)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _placed(pieces: Sequence[Piece], heard: Sequence[Recognised]) -> list[Segment]:
    """Move every segment to its place in the recording and drop what does not lie in its piece."""
    placed: list[Segment] = []
    for number, (piece, recognised) in enumerate(zip(pieces, heard, strict=True), start=1):
        # Recognisers count the speakers of every piece anew, so that its "A" need not be the next one's.
        part = f" (part {number})" if len(pieces) > 1 else ""
        inside = (_inside(segment, piece.end_s - piece.start_s) for segment in recognised.segments)
        placed += [_moved(segment, piece.start_s, part) for segment in inside if segment is not None]
    return sorted(placed, key=lambda segment: segment.start_s)


def _inside(segment: Segment, length_s: float) -> Segment | None:
    """Cut a segment's times to those of its piece; None where nothing of it lies inside, or its times are none."""
    if not segment.text.strip() or not _begins_inside(segment, length_s):
        return None
    words = [_clipped(word, length_s) for word in segment.words if _begins_inside(word, length_s)]
    complete = len(words) == len(segment.words)
    return replace(_clipped(segment, length_s), words=tuple(words) if complete else ())


def _begins_inside(timed: Segment | Word, length_s: float) -> bool:
    return -LEEWAY_S <= timed.start_s < length_s and timed.start_s <= timed.end_s


def _clipped(timed: Timed, length_s: float) -> Timed:
    return replace(timed, start_s=max(timed.start_s, 0.0), end_s=min(max(timed.end_s, 0.0), length_s))


def _moved(segment: Segment, by_s: float, part: str) -> Segment:
    words = (replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in segment.words)
    return replace(
        segment,
        start_s=segment.start_s + by_s,
        end_s=segment.end_s + by_s,
        speaker=segment.speaker and segment.speaker + part,
        words=tuple(words),
    )


def _language(heard: Iterable[Recognised]) -> str:
    """Return the language in which most is said."""
    letters: Counter[str] = Counter()
    for recognised in heard:
        letters[recognised.language] += sum(len(segment.text) for segment in recognised.segments)
    return max(letters, key=lambda language: letters[language], default="")
