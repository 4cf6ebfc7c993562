"""Making study material in the background: what can be picked from the words, and what a model makes of it."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from core.asking.embedding import Embedders, Vector
from core.asking.forms import Clerk, Filled, Form, filled_or_none
from core.asking.words import Stemmer
from core.errors import EmbedderMissing, ProviderError
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
NO_MODEL_NOW: Final = "The models are busy, or their budget is used up; what they would write follows."
"""Why better material is waited for."""


@dataclass(frozen=True, slots=True)
class Studying:
    """Makes the material of lessons one by one.

    ``clerk`` fills forms at the creator's expense; ``written`` says whether there is any model to fill them, so that
    a refusal of the clerk's means later and not never.
    """

    bench: StudyBench
    embedders: Embedders
    stem: Stemmer
    clerk: Clerk
    now: Callable[[], datetime]
    written: bool = False
    known_areas: dict[tuple[str, tuple[Area, ...]], Vector] = field(default_factory=dict, repr=False, compare=False)

    async def take_turn(self, creator_id: CreatorId, stop: asyncio.Event) -> None:
        """Do some of what is due of a creator, and the rest in another turn.

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
        await self.bench.another_turn(creator_id)

    async def _do(self, creator_id: CreatorId, assignment: Assignment, stop: asyncio.Event) -> None:
        lesson = await self._prepared(assignment)
        if assignment.sort_only:
            areas = areas_of(lesson, list(assignment.takeaways.values()))
            return await self.bench.sort(creator_id, lesson, dict(zip(assignment.takeaways, areas, strict=True)))
        picked = await asyncio.to_thread(pick, lesson, self.stem, assignment.other_terms)
        if not self.written:
            await self.bench.keep(creator_id, lesson, picked)
            return await self.bench.settle(creator_id, lesson, None)
        return await self._written(creator_id, lesson, picked, stop)

    async def _written(self, creator_id: CreatorId, lesson: Lesson, picked: Made, stop: asyncio.Event) -> None:
        """Have it worded; until then what was picked is shown, unless better material is there already."""
        await self.bench.keep(creator_id, lesson, picked)

        async def ask(form: Form) -> Filled | None:
            if stop.is_set():
                raise Interrupted
            return await self._filled(creator_id, lesson, form)

        async def report(share: float) -> None:
            await self.bench.advance(creator_id, lesson, share, self.now())

        made = await write(lesson, picked, ask, report)
        if made is None:
            return await self.bench.settle(creator_id, lesson, self.now() + LOOK_AGAIN, NO_MODEL_NOW)
        await self.bench.keep(creator_id, lesson, made)
        return await self.bench.settle(creator_id, lesson, None)

    async def _filled(self, creator_id: CreatorId, lesson: Lesson, form: Form) -> Filled | None:
        """What a form was filled with before, so that nothing is paid for twice; else what it is filled with now."""
        key = hashlib.blake2b(f"{form.rules}\0{form.material}".encode(), digest_size=16).digest()
        if before := await self.bench.filled(creator_id, lesson, key):
            return Filled(*before)
        filled = await filled_or_none(self.clerk, creator_id, form, PURPOSE)
        if filled is not None:
            await self.bench.keep_filled(creator_id, lesson, key, filled.values, filled.model)
        return filled

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
