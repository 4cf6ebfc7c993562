"""Making study material in the background: what can be picked from the words, and what a model makes of it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from core.asking.embedding import Embedders, Vector
from core.asking.forms import Clerk, Filled, Form
from core.asking.words import Stemmer
from core.errors import EmbedderMissing, FormFailed, ProviderError
from core.ids import CreatorId
from core.library.ingestion import Interrupted
from core.study.material import Area, Lesson, Made
from core.study.picked import found_here, pick
from core.study.store import Assignment, StudyBench
from core.study.takeaways import areas_of
from core.study.writing import write

AT_ONCE: Final = 5
LOOK_AGAIN: Final = timedelta(hours=1)
PURPOSE: Final = "study"
AHEAD: Final = timedelta(hours=1)
"""What is worded in part goes so far before what waits to be worded, so that lessons are done one after another."""
FORMS_A_TURN: Final = 12
"""So many forms are filled before others get their turn."""
MOST_TRIES: Final = 2
FAILED_NOW: Final = "The models could not word a part of it; it is tried once more in an hour."
NO_MODEL_NOW: Final = "The models are busy, or their budget is used up; what they would write follows."
"""Why better material is waited for."""


async def _always(_: CreatorId) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Studying:
    """Makes the material of lessons one by one.

    ``clerk`` fills forms at the creator's expense; ``written`` says whether there is any model to fill them, so that
    a refusal of the clerk's means later and not never; ``paid_for`` whether a creator wants to pay them.
    """

    bench: StudyBench
    embedders: Embedders
    stem: Stemmer
    clerk: Clerk
    now: Callable[[], datetime]
    written: bool = False
    paid_for: Callable[[CreatorId], Awaitable[bool]] = field(default=_always, compare=False)
    known_areas: dict[tuple[str, tuple[Area, ...]], Vector] = field(default_factory=dict, repr=False, compare=False)

    async def take_turn(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Do some of what is due of a creator, and the rest in another turn: all is picked before any is worded.

        Raises:
            Interrupted: this process is stopping; another one goes on.
            Exception: whatever it was; what was begun is due again at once.
        """
        for _ in range(AT_ONCE):
            if stop.is_set():
                raise Interrupted
            assignment = await self.bench.claim(creator_id, self.now())
            if assignment is None:
                return
            try:
                await self._do(creator_id, assignment, stop)
            except Exception:
                await self.bench.settle(creator_id, assignment.lesson, self.now())
                raise
            if assignment.picked:
                break
        await self.bench.another_turn(creator_id)

    async def _do(self, creator_id: CreatorId, assignment: Assignment, stop: asyncio.Event) -> None:
        lesson = await self._prepared(assignment)
        if assignment.sort_only:
            areas = areas_of(lesson, list(assignment.takeaways.values()))
            return await self.bench.sort(creator_id, lesson, dict(zip(assignment.takeaways, areas, strict=True)))
        picked = await asyncio.to_thread(pick, lesson, self.stem, assignment.other_terms)
        written = self.written and await self.paid_for(creator_id)
        if written and assignment.picked:
            return await self._written(creator_id, lesson, picked, stop)
        await self.bench.keep(creator_id, lesson, picked)
        if written:
            return await self.bench.word_later(creator_id, lesson, self.now())
        return await self.bench.settle(creator_id, lesson, None)

    async def _written(self, creator_id: CreatorId, lesson: Lesson, picked: Made, stop: asyncio.Event) -> None:
        """Have some of it worded; until all is, what was picked is shown, or what is better and there already."""
        turn = _Turn(self, creator_id, lesson, stop)

        async def report(share: float) -> None:
            await self.bench.advance(creator_id, lesson, share, self.now())

        made = await write(lesson, picked, turn.ask, report)
        if made is not None:
            await self.bench.keep(creator_id, lesson, made)
            return await self.bench.settle(creator_id, lesson, None)
        if turn.refused:
            return await self.bench.settle(creator_id, lesson, self.now() + LOOK_AGAIN, turn.refused)
        return await self.bench.word_later(creator_id, lesson, self.now() - AHEAD)

    async def _prepared(self, assignment: Assignment) -> Lesson:
        """The lesson with the vectors of its focus areas, as far as they can be had, and whose its chapters are."""
        lesson = assignment.lesson
        if lesson.own_chapters is None:
            own = await asyncio.to_thread(found_here, lesson, self.stem)
            lesson = replace(lesson, own_chapters=own)
        if not len(lesson.vectors):
            return lesson
        try:
            return replace(lesson, area_vectors=await self._area_vectors(assignment.embedder_id, lesson.areas))
        except (EmbedderMissing, ProviderError):
            return lesson

    async def _area_vectors(self, embedder_id: str, areas: tuple[Area, ...]) -> Vector:
        """Those of the areas that were asked for last are remembered: one lesson mostly follows another."""
        key = (embedder_id, areas)
        if key not in self.known_areas:
            texts = [f"{area.name}: {area.about}" for area in areas]
            vectors = await self.embedders.of(embedder_id).embed_passages(texts)
            self.known_areas.clear()
            self.known_areas[key] = np.asarray(vectors, np.float32)
        return self.known_areas[key]


@dataclass(slots=True)
class _Turn:
    """The forms of one turn at a lesson; ``refused`` says in words why it has to wait, empty where it has not."""

    studying: Studying
    creator_id: CreatorId
    lesson: Lesson
    stop: asyncio.Event
    left: int = FORMS_A_TURN
    refused: str = ""

    async def ask(self, form: Form) -> Filled | None:
        """What a form was filled with before, so that nothing is paid for twice; else what it is filled with now.

        Raises:
            FormFailed: no model could fill it, as often as is tried.
            Interrupted: this process is stopping.
        """
        if self.stop.is_set():
            raise Interrupted
        key = hashlib.blake2b(f"{form.rules}\0{form.material}".encode(), digest_size=16).digest()
        before = await self.studying.bench.filled(self.creator_id, self.lesson, key)
        if before.values is not None:
            return Filled(before.values, before.model)
        if before.tries >= MOST_TRIES:
            raise FormFailed("no model could fill a form before")
        if not self.left:
            return None
        self.left -= 1
        return await self._filled(form, key)

    async def _filled(self, form: Form, key: bytes) -> Filled | None:
        bench = self.studying.bench
        try:
            filled = await self.studying.clerk.fill(self.creator_id, form, PURPOSE)
        except FormFailed:
            if await bench.keep_failed(self.creator_id, self.lesson, key) >= MOST_TRIES:
                raise
            self.refused = FAILED_NOW
            return None
        if filled is None:
            self.refused = NO_MODEL_NOW
        else:
            await bench.keep_filled(self.creator_id, self.lesson, key, filled.values, filled.model)
        return filled
