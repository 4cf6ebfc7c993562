"""A source's transcript as a file that people and players read."""

from collections.abc import Callable, Mapping
from typing import Final

from core.library.watching import WatchedSentence, WatchedSource, paragraphs


def as_vtt(source: WatchedSource) -> str:
    """WebVTT, a cue for each sentence."""
    cues = [f"{_clock(s.start_s, '.')} --> {_clock(s.end_s, '.')}\n{_cue(s)}\n" for s in source.sentences]
    return "WEBVTT\n\n" + "\n".join(cues)


def as_srt(source: WatchedSource) -> str:
    """SubRip, a cue for each sentence."""
    return "\n".join(
        f"{number}\n{_clock(s.start_s, ',')} --> {_clock(s.end_s, ',')}\n{_cue(s)}\n"
        for number, s in enumerate(source.sentences, 1)
    )


def as_text(source: WatchedSource) -> str:
    """Plain paragraphs under the title."""
    read = [" ".join(sentence.text for sentence in paragraph.sentences) for paragraph in paragraphs(source)]
    return "\n\n".join([source.title, *read]) + "\n"


FORMS: Final[Mapping[str, Callable[[WatchedSource], str]]] = {"vtt": as_vtt, "srt": as_srt, "text": as_text}


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _cue(sentence: WatchedSentence) -> str:
    """One line, so that nothing said can end a cue or begin another."""
    return " ".join(sentence.text.split()).replace("-->", "->")
