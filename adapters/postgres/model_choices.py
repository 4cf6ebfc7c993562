"""What creators decide about models, on PostgreSQL under one creator's row-level security."""

from typing import Final

from adapters.postgres.database import Database
from core.asking.choices import ModelChoice
from core.ids import CreatorId

CHOICE: Final = "SELECT models, stops, studies FROM model_choices WHERE creator_id = $1"
CHOOSE: Final = """
    INSERT INTO model_choices (creator_id, models, stops, studies) VALUES ($1, $2, $3, $4)
    ON CONFLICT (creator_id) DO UPDATE
       SET models = excluded.models, stops = excluded.stops, studies = excluded.studies
"""
# What was only picked from the words while nobody was paid is worded in the next hour.
WORD_AGAIN: Final = """
    UPDATE study_guides SET due_at = '-infinity' WHERE creator_id = $1 AND writer = '' AND due_at IS NULL
"""


class PostgresModelChoices:
    """See :class:`core.asking.choices.ModelChoices`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, creator_id: CreatorId) -> ModelChoice:
        """What a creator chose; the defaults where they chose nothing."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(CHOICE, creator_id)
        return ModelChoice(tuple(row["models"]), row["stops"], row["studies"]) if row else ModelChoice()

    async def choose(self, creator_id: CreatorId, choice: ModelChoice) -> None:
        """Keep a choice in place of the one before."""
        async with self._database.creator(creator_id) as connection:
            before = await connection.fetchrow(CHOICE, creator_id)
            await connection.execute(CHOOSE, creator_id, choice.models, choice.stops, choice.studies)
            if choice.studies and before and not before["studies"]:
                await connection.execute(WORD_AGAIN, creator_id)
