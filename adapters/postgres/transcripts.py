"""Transcripts as they are kept: of items on their way, and what was recognised in recordings."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.postgres.database import Database
from core.asking.budgets import Period
from core.ids import CreatorId
from core.library.speech import Recognised
from core.library.transcript import Chapter, LocatorKind, Segment, Timing, Transcript, Word

FIND: Final = "SELECT content::text FROM transcripts WHERE creator_id = $1 AND key = $2"
KEEP: Final = """
    INSERT INTO transcripts (creator_id, key, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key
"""
NOTE_COST: Final = "INSERT INTO usage (creator_id, model, cost_usd) VALUES ($1, $2, $3)"
SPEECH: Final = "speech"
"""What recognition is called among the models that cost money."""
SPENT: Final = """
    SELECT coalesce(sum(cost_usd), 0)::float8 FROM usage
     WHERE creator_id = $1 AND used_at >= date_trunc($2, statement_timestamp(), 'UTC')
"""


class PostgresRecognitions:
    """See :class:`core.library.speech.Recognitions`; those of one creator."""

    def __init__(self, database: Database, creator_id: CreatorId) -> None:
        self._database = database
        self._creator_id = creator_id

    async def find(self, key: str) -> Recognised | None:
        """Return what was kept under a key, None where nothing was."""
        async with self._database.creator(self._creator_id) as connection:
            found = await connection.fetchval(FIND, self._creator_id, key)
        return None if found is None else Recognised.from_json(found)

    async def keep(self, key: str, recognised: Recognised) -> None:
        """Keep a finished piece, and note what it cost; what is there already stays."""
        async with self._database.creator(self._creator_id) as connection:
            new = await connection.fetchval(KEEP, self._creator_id, key, recognised.to_json())
            if new and recognised.cost_usd:
                await connection.execute(NOTE_COST, self._creator_id, SPEECH, Decimal(str(recognised.cost_usd)))

    async def spent_usd(self, period: Period = Period.DAY) -> float:
        """What the creator's answers and recordings have cost since midnight UTC, or in this month."""
        async with self._database.creator(self._creator_id) as connection:
            return float(await connection.fetchval(SPENT, self._creator_id, period.value))


def transcript_digest(transcript: Transcript) -> bytes:
    """What timed text is known by again, 32 bytes: its words and times, whatever it is called."""
    content = {
        "timing": transcript.timing.value,
        "segments": [[s.start_s, s.end_s, s.text, s.speaker] for s in transcript.segments],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def transcript_to_json(transcript: Transcript) -> dict[str, Any]:
    """All that the work on a source needs of a transcript, as plain data."""
    return {
        "timing": transcript.timing.value,
        "segments": [
            [s.start_s, s.end_s, s.text, s.speaker, s.locator, [[w.start_s, w.end_s, w.text] for w in s.words]]
            for s in transcript.segments
        ],
        "locator_kind": transcript.locator_kind.value,
        "chapters": chapters_to_json(transcript.chapters),
        "length_s": transcript.length_s,
    }


def transcript_from_json(data: Mapping[str, Any]) -> Transcript:
    """The inverse of :func:`transcript_to_json`, also of what older versions wrote."""
    return Transcript(
        tuple(_segment(*values) for values in data["segments"]),
        Timing(data["timing"]),
        locator_kind=LocatorKind(data.get("locator_kind", LocatorKind.TIME)),
        chapters=chapters_from_json(data.get("chapters", [])),
        length_s=data.get("length_s", 0.0),
    )


def chapters_to_json(chapters: tuple[Chapter, ...]) -> list[list[Any]]:
    """Chapters as plain data."""
    return [[chapter.start_s, chapter.title] for chapter in chapters]


def chapters_from_json(data: list[list[Any]]) -> tuple[Chapter, ...]:
    """The inverse of :func:`chapters_to_json`."""
    return tuple(Chapter(start_s, title) for start_s, title in data)


def _segment(
    start_s: float, end_s: float, text: str, speaker: str, locator: str = "", words: list[list[Any]] | None = None
) -> Segment:
    return Segment(start_s, end_s, text, speaker, locator, tuple(Word(*word) for word in words or []))
