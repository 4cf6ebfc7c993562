"""A transcript that comes back corrected: whether it can be this source's, and what of the former one is kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from core.asking.words import tokens
from core.errors import UploadRefused
from core.library.cards import clock
from core.library.transcript import Segment, Timing, Transcript
from core.library.watching import WatchedSource, paragraphs, sentence_at

OVERHANG_S: Final = 10.0
"""Captions may end so long after the last word that was known."""
COVERED: Final = 0.5
"""A correction that ends before this share of the source may have been cut short."""
ALIKE: Final = 0.25
"""Of a transcript's pairs of words a correction keeps far more than this; another one has few of them."""
SAME_S: Final = 0.002
"""Files of captions round to milliseconds."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected transcript; ``doubt`` says why it may not be meant for this source, and is empty otherwise."""

    transcript: Transcript
    doubt: str = ""


def correction_of(source: WatchedSource, given: Transcript, language: str = "") -> Correction:
    """Fit a corrected transcript to its source: its times, chapters, speakers, pages and headings stay.

    Args:
        source: what is answered from now.
        given: what was sent.
        language: of the source as two letters, or empty.

    Raises:
        UploadRefused: it has no words, no times where they are needed, times beyond the source's end, or differs in
            nothing.
    """
    segments = [replace(segment, text=" ".join(segment.text.split())) for segment in given.segments]
    segments = [segment for segment in segments if segment.text]
    if not segments:
        raise UploadRefused("There are no words in this file, so there is nothing to answer from.")
    if source.timed:
        _require_times(source, given)
        fitted, timing = _timed(source, segments), Timing.ESTIMATED if source.estimated else Timing.HEARD
    else:
        fitted, timing = _written(source, segments), Timing.NONE
    transcript = Transcript(
        tuple(fitted),
        timing,
        language=language,
        locator_kind=source.locator_kind,
        chapters=source.chapters,
        length_s=source.duration_s if source.timed else 0.0,
    )
    if _content(transcript.segments) == _content(_sentences(source)):
        raise UploadRefused(
            f"This is word for word what I answer from already. Nothing was changed in {source.title}."
        )
    return Correction(transcript, _doubt(source, transcript))


def _require_times(source: WatchedSource, given: Transcript) -> None:
    if given.timing is Timing.NONE:
        raise UploadRefused(
            f"{source.title} has times, and this file has none. /transcript sends it as .vtt or .srt: correct that "
            "file, and leave its times as they are."
        )
    if source.duration_s and given.duration_s > source.duration_s + OVERHANG_S:
        raise UploadRefused(
            f"This file ends at {clock(given.duration_s)}, and {source.title} is {clock(source.duration_s)} long, so "
            "its times cannot be right. For another recording there is /replace."
        )


def _timed(source: WatchedSource, segments: Sequence[Segment]) -> list[Segment]:
    """Cues with their speakers; one whose start was only worked out goes on with the cue before it."""
    guessed_s = [sentence.start_s for sentence in source.sentences if sentence.estimated]
    fitted: list[Segment] = []
    for segment in segments:
        spoken = segment if segment.speaker else replace(segment, speaker=_speaker(source, segment.start_s))
        guessed = not source.estimated and any(abs(segment.start_s - start_s) < SAME_S for start_s in guessed_s)
        if guessed and fitted and fitted[-1].speaker == spoken.speaker:
            fitted[-1] = replace(fitted[-1], end_s=spoken.end_s, text=f"{fitted[-1].text} {spoken.text}", words=())
        else:
            fitted.append(spoken)
    return fitted


def _speaker(source: WatchedSource, start_s: float) -> str:
    found = sentence_at(source.sentences, start_s)
    return "" if found is None else source.sentences[found].speaker


def _written(source: WatchedSource, segments: Sequence[Segment]) -> list[Segment]:
    """Paragraphs that stand where those stood that they correspond to."""
    before = [
        (" ".join(s.text for s in paragraph.sentences), paragraph.sentences[0].locator)
        for paragraph in paragraphs(source)
    ]
    texts = [segment.text for segment in segments]
    if len(texts) > 1 and texts[0] == " ".join(source.title.split()):  # our own file begins with the title
        texts = texts[1:]
    places = [0] * len(texts)
    matcher = SequenceMatcher(None, [text for text, _ in before], texts, autojunk=False)
    for _, first, end, new_first, new_end in matcher.get_opcodes():
        for offset, position in enumerate(range(new_first, new_end)):
            places[position] = max(min(first + offset, end - 1), 0)
    return [
        Segment(float(n), float(n + 1), text, locator=before[place][1])
        for n, (text, place) in enumerate(zip(texts, places, strict=True))
    ]


def _sentences(source: WatchedSource) -> Iterable[Segment]:
    return (Segment(s.start_s, s.end_s, s.text) for s in source.sentences)


def _content(segments: Iterable[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def _doubt(source: WatchedSource, transcript: Transcript) -> str:
    """Why this may be the transcript of something else."""
    known, sent = _pairs(_sentences(source)), _pairs(transcript.segments)
    if len(known & sent) < ALIKE * min(len(known), len(sent)):
        return f"It has hardly any words in common with {source.title}. Is it the transcript of something else?"
    ends_s = transcript.ends_s
    if source.timed and ends_s < COVERED * source.duration_s:
        return f"It ends at {clock(ends_s)}, and {source.title} is {clock(source.duration_s)} long. Is it complete?"
    return ""


def _pairs(segments: Iterable[Segment]) -> set[tuple[str, str]]:
    return set(pairwise(tokens(_content(segments))))
