"""What an upload says, checked once for the chat and for the shell."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence, Set
from pathlib import PurePath
from typing import Final

from core.errors import UploadRefused
from core.library.links import canonical_link, former_link
from core.library.store import AS_USUAL, NewSource, UploadSettings
from core.library.transcript import Transcript
from core.richtext import one_line
from core.tiers import tier_said

TITLE_LENGTH: Final = 200
WINDOW_BOUNDS: Final = (40, 180)
"""Words of a passage: fewer say too little, and of more the local search model reads only the beginning."""
MOST_OVERLAP_PERCENT: Final = 90
SAMPLE_SEGMENTS: Final = 200
"""So many segments are enough to tell a language by."""
LANGUAGE: Final = re.compile(r"[a-z]{2}")


def new_sources(
    transcripts: Sequence[Transcript], *, file_name: str, link: str = "", title: str = "", language: str = "",
    detect: Callable[[str], str],
) -> list[NewSource]:  # fmt: skip
    """Put together what is read from a file and what its uploader says of it.

    Args:
        transcripts: what the file holds; those without a segment are left out.
        file_name: stands in for a title.
        link: as given; empty where nothing was said.
        title: likewise.
        language: likewise.
        detect: tells the language of a text as two letters, or an empty text.

    Raises:
        UploadRefused: the link or language is none, or one link is meant for several videos.
    """
    kept = [transcript for transcript in transcripts if transcript.segments]
    if not kept:
        raise UploadRefused("There are no words in this file, so there is nothing to answer from.")
    if link and len(kept) > 1:
        raise UploadRefused("This file holds several videos, so one link cannot fit them all; leave the link out.")
    spoken = checked_language(language)
    address = canonical_link(link) if link else ""
    return [
        NewSource(each, _title(each, file_name, title, number), address, spoken or _language(each, detect))
        for number, each in enumerate(kept, 1)
    ]


def checked_language(language: str) -> str:
    """A language as two lower-case letters, or an empty text.

    Raises:
        UploadRefused: it is something else.
    """
    given = language.strip().casefold()
    if given and not LANGUAGE.fullmatch(given):
        raise UploadRefused("A language is two letters, such as en, de or es.")
    return given


def checked_settings(window_words: float | None, overlap_percent: float | None, tier: str) -> UploadSettings:
    """How an upload is cut and whom it is for; None and an empty text leave it as usual.

    Raises:
        UploadRefused: a number is out of bounds.
        Refused: the tier is no name.
    """
    least, most = WINDOW_BOUNDS
    if window_words is not None and not least <= window_words <= most:
        raise UploadRefused(f"window is the words of a passage: {least} to {most}, usually {AS_USUAL.window_words}.")
    if overlap_percent is not None and not 0 <= overlap_percent <= MOST_OVERLAP_PERCENT:
        raise UploadRefused(
            f"overlap is how much of a passage the next one repeats, in percent: 0 to {MOST_OVERLAP_PERCENT}, "
            f"usually {AS_USUAL.overlap:.0%}."
        )
    return UploadSettings(
        AS_USUAL.window_words if window_words is None else round(window_words),
        AS_USUAL.overlap if overlap_percent is None else round(overlap_percent / 100, 4),
        tier_said(tier) or "",
    )


def cut_words(settings: UploadSettings) -> str:
    """How passages are cut, in words; empty where they are cut as usual."""
    if (settings.window_words, settings.overlap) == (AS_USUAL.window_words, AS_USUAL.overlap):
        return ""
    return f"passages of {settings.window_words} words, {settings.overlap:.0%} shared"


def link_digest(link: str) -> bytes:
    """What a canonical link is known by again, with http and with https: 32 bytes."""
    return hashlib.sha256(_with_https(link).encode()).digest()


def former_digests(link: str) -> tuple[bytes, ...]:
    """The digests of a link in earlier versions, for which its other forms and http were other sources.

    Raises:
        UploadRefused: it is no link.
    """
    canonical = canonical_link(link)
    secure = {_with_https(form) for form in (former_link(link), canonical)}
    forms = secure | {form.replace("https", "http", 1) for form in secure}
    digests = {hashlib.sha256(form.encode()).digest() for form in forms}
    return tuple(sorted(digests - {link_digest(canonical)}))


def _with_https(link: str) -> str:
    return f"https:{link.removeprefix('http:')}" if link.startswith("http:") else link


def check_size(name: str, size_bytes: int, largest_bytes: int) -> None:
    """Refuse a file that is too large.

    Raises:
        UploadRefused: with both sizes.
    """
    if size_bytes > largest_bytes:
        raise UploadRefused(
            f"{name} has {size_bytes / 1e6:.1f} MB; at most {largest_bytes / 1e6:.0f} MB are taken. "
            "Please split it in two."
        )


def language_warning(languages: Iterable[str], read: Set[str]) -> str:
    """What an uploader should know about languages that the search model does not read.

    Args:
        languages: of the sources, as two letters; empty where nobody knows.
        read: what the search model reads; empty where it reads all.

    Returns:
        One sentence, or an empty text where all is well.
    """
    others = sorted({language for language in languages if language} - read)
    if not read or not others:
        return ""
    return (
        f"It is in {', '.join(others)}, and the search model here reads {', '.join(sorted(read))} only: "
        "questions will mostly be matched by their words. /reindex moves to another, where the operator has one "
        "(models.embed)."
    )


def _title(transcript: Transcript, file_name: str, title: str, number: int) -> str:
    named = one_line(title)
    given = f"{named} ({number})" if named and number > 1 else named
    own = transcript.title or transcript.video_id or PurePath(file_name).stem
    return (given or one_line(own) or "Untitled")[:TITLE_LENGTH]


def _language(transcript: Transcript, detect: Callable[[str], str]) -> str:
    if transcript.language:
        return transcript.language
    return detect(" ".join(segment.text for segment in transcript.segments[:SAMPLE_SEGMENTS]))
