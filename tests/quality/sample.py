"""Our own small set over the sample library: its corpus, its questions and its follow-ups."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.sources.timed_text import read_timed_text
from bot.sample_library import SampleSource, sample_library

FOLDER: Final = Path(__file__).parent
QUESTIONS: Final = FOLDER / "sample_questions.jsonl"
FOLLOW_UPS: Final = FOLDER / "sample_followups.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of one JSON document a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def segments_in(corpus: Path) -> dict[str, list[dict[str, Any]]]:
    """The segments of each video of a corpus."""
    return {video["video_id"]: video["segments"] for video in lines(corpus)}


def owners() -> dict[str, str]:
    """The creator of each video."""
    return {source.video_id: creator.handle for creator in sample_library().creators for source in creator.sources}


def write_corpus(path: Path) -> None:
    """Write the sample library as evaluation reads it."""
    with path.open("w", encoding="utf-8") as out:
        for creator in sample_library().creators:
            for source in creator.sources:
                out.write(json.dumps(_video(creator.handle, source)) + "\n")


def _video(creator: str, source: SampleSource) -> Mapping[str, Any]:
    (transcript,) = read_timed_text(source.file_name, source.content)
    return {
        "creator": creator,
        "video_id": source.video_id,
        "title": source.title,
        "segments": [{"start": s.start_s, "end": s.end_s, "text": s.text} for s in transcript.segments],
    }
