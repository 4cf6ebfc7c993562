"""What creators decide about models, on PostgreSQL under one creator's row-level security."""

from typing import Final

from adapters.postgres.database import Database
from core.asking.choices import ModelChoice
from core.ids import CreatorId

CHOICE: Final = "SELECT models, stops FROM model_choices WHERE creator_id = $1"
CHOOSE: Final = """
    INSERT INTO model_choices (creator_id, models, stops) VALUES ($1, $2, $3)
    ON CONFLICT (creator_id) DO UPDATE SET models = excluded.models, stops = excluded.stops
"""


class PostgresModelChoices:
    """See :class:`core.asking.choices.ModelChoices`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, creator_id: CreatorId) -> ModelChoice:
        """What a creator chose; the defaults where they chose nothing."""
        async with self._database.creator(creator_id) as connection:
            row = await connection.fetchrow(CHOICE, creator_id)
        return ModelChoice(tuple(row["models"]), row["stops"]) if row else ModelChoice()

    async def choose(self, creator_id: CreatorId, choice: ModelChoice) -> None:
        """Keep a choice in place of the one before."""
        async with self._database.creator(creator_id) as connection:
            await connection.execute(CHOOSE, creator_id, choice.models, choice.stops)
