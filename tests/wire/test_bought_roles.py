"""A role that is bought while the program is killed comes about all the same, is paid once, and can be refunded."""

from pathlib import Path
from typing import Final

from tests.adapters.school import change, rows
from tests.waiting import eventually
from tests.wire.discord_spec import check_calls
from tests.wire.fake_discord import FakeDiscord, Message, User
from tests.wire.production import DISCORD_TOKEN, on_database, on_discord, production, started

WITHIN_S: Final = 60.0
SOON: Final = """
    UPDATE pgqueuer SET execute_after = now() WHERE entrypoint = 'shop';
    UPDATE role_changes SET leased_until = '-infinity', next_attempt_at = now()
"""


async def test_a_role_that_was_bought_survives_a_kill_and_is_taken_when_it_is_refunded(
    tmp_path: Path, database_url: str
) -> None:
    async with FakeDiscord(DISCORD_TOKEN, privileged_intents=0) as discord:
        owner, bob = discord.add_user("Owner"), discord.add_user("Bob")
        guild = discord.add_guild("Drawing school", owner=owner)
        guild.add_member(bob)
        vip, _ = guild.add_role("vip"), guild.let_manage_roles()
        environment = on_database(database_url) | on_discord(discord)

        async def says(user: User, command: str, /, **options: str | float | User | object) -> Message:
            asked = await discord.slash(user, guild.general, command, **options)  # type: ignore[arg-type]
            return await asked.reply()

        async def presses(user: User, message: Message, label: str) -> Message:
            return await (await discord.click(user, message, label)).reply()

        async with started(tmp_path, environment, "run") as program:
            await discord.connected()
            await says(owner, "setup")
            await says(owner, "students", member=bob, status="active")
            await says(owner, "grant", member=bob, amount=50.0, reason="good work")
            sold = await says(
                owner, "shop_admin", kind="role", name="VIP", price=20.0, role=vip, days=30.0, stock="1"
            )
            assert "Manage Roles" in sold.content
            suggested = await discord.autocomplete(bob, guild.general, "buy", "item", item="vi")
            assert suggested[0]["name"] == "VIP · 20 CHRONOS"
            card = await says(bob, "buy", item=suggested[0]["value"])
            discord.fail_next("PUT /guilds", 503, times=1)
            assert "set aside" in (await presses(bob, card, "Buy for 20")).content
            await program.kill()

        await change(database_url, SOON)
        async with production(tmp_path, environment):
            await eventually(lambda: vip in guild.members[bob.id].roles, "Bob to have the role", WITHIN_S)
            assert await discord.dm(bob).next_message(
                predicate=lambda message: "✅" in message.content and "VIP" in message.content, timeout_s=WITHIN_S
            )
            assert "30 CHRONOS" in (await says(bob, "balance")).content
            card = await says(owner, "shop_admin", item="VIP")
            sales = await presses(owner, card, "Who bought it")
            asked = await presses(owner, sales, "Refund #1")
            assert "Bob has 20 CHRONOS back" in (await presses(owner, asked, "Give back")).content
            await eventually(lambda: vip not in guild.members[bob.id].roles, "the role to be taken", WITHIN_S)
            assert "50 CHRONOS" in (await says(bob, "balance")).content
        check_calls(discord.calls)
    assert [row["state"] for row in await rows(database_url, "SELECT state FROM purchases")] == ["refunded"]
