"""What the operator does in the shell, on a database of its own."""

from pathlib import Path

import pytest

from adapters.postgres.database import Database
from adapters.postgres.directory import PostgresDirectory
from bot.administration import add_creator, economy_of, new_owner_code
from bot.settings import Settings
from core.conversation import Person, Place
from core.errors import Refused

SERVER = Place("discord", channel="10", community="100", community_name="Drawing school")


async def test_a_creator_without_an_owner_gets_new_codes_and_one_with_an_owner_none(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"database": {"url": database_url}, "storage": {"data_dir": str(tmp_path)}})
    directory = PostgresDirectory(database)
    added = await add_creator(settings, "drawing", "Drawing school")
    again = await new_owner_code(settings, "drawing")
    assert again.keys() == added.keys() == {"handle", "name", "code", "until"}
    assert again["code"] != added["code"]
    owner = await directory.student(Person("discord", "1"))
    assert (await directory.set_up_with_code(SERVER, again["code"], owner)).owner_id == owner
    with pytest.raises(Refused, match="has an owner already"):
        await new_owner_code(settings, "drawing")
    name, economy = await economy_of(settings, "drawing")
    assert (name, economy.issued, economy.outstanding, economy.left_today) == ("Drawing school", 0, 0, 10_000)
    assert (await add_creator(settings, "night", "Night\n\u202esky"))["name"] == "Night sky"
    with pytest.raises(Refused, match="no creator 'cooking'"):
        await new_owner_code(settings, "cooking")
