"""Everything Chronos writes on Discord: never a ping, never a preview, at most 2,000 characters a message."""

import asyncio
import io
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, Final

import discord
import structlog
from discord.http import HTTPClient, Route

from adapters.discord.failures import FAILURES
from adapters.discord.markup import first_message, mentioned, messages
from core.conversation import Button, File, Reply, Tone, unended

log = structlog.get_logger()

Json = dict[str, Any]

SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6
STYLES: Final = {Tone.NEUTRAL: 2, Tone.GOOD: 3, Tone.DANGER: 4}
MOST_IN_ROW, MOST_ROWS, LONGEST_LABEL = 5, 5, 80
LONGEST_ALT: Final = 1024
"""Characters that describe a picture to those who cannot see it."""
TYPING_LASTS_S: Final = 8.0
MESSAGE: Final = "/channels/{channel_id}/messages/{message_id}"
WEBHOOK: Final = "/webhooks/{webhook_id}/{webhook_token}"


@dataclass(frozen=True, slots=True)
class Draft:
    """One message as the API takes it, and its files."""

    body: Json
    files: Sequence[File] = ()


class Outgoing:
    """Writes through the REST API with discord.py's own handling of limits.

    All methods raise what :data:`adapters.discord.failures.FAILURES` names.
    """

    def __init__(self, http: HTTPClient, application_id: int) -> None:
        self._http = http
        self._application_id = application_id

    async def send(self, channel_id: str, reply: Reply, *, answering: str = "") -> str:
        """Write into a channel, as a reply to the message ``answering``; returns the messages' ids as one text."""
        drafts = _drafts(reply)
        if answering:
            drafts[0].body["message_reference"] = {"message_id": answering, "fail_if_not_exists": False}
        return " ".join([await self._post(channel_id, draft) for draft in drafts])

    async def edit(self, channel_id: str, message_id: str, reply: Reply) -> str:
        """Change what :meth:`send` wrote, part for part, and return the ids it has now.

        What does not fit into the old messages follows them, and what they have too many is deleted.
        """
        drafts, standing = _drafts(reply), message_id.split()
        for draft, part_id in zip(drafts, standing, strict=False):
            await self._request(_message("PATCH", channel_id, part_id), draft)
        await self.delete(channel_id, standing[len(drafts) :])
        added = [await self._post(channel_id, draft) for draft in drafts[len(standing) :]]
        return " ".join(standing[: len(drafts)] + added)

    async def delete(self, channel_id: str, message_ids: Sequence[str]) -> None:
        """Take messages of ours away, as far as they are there."""
        for message_id in message_ids:
            with suppress(discord.NotFound):
                await self._http.request(_message("DELETE", channel_id, message_id))

    async def fill(self, token: str, reply: Reply, *, private: bool) -> None:
        """Put a reply where "thinking" stands, or into the message whose button was pressed."""
        first, *rest = _drafts(reply)
        await self._request(self._webhook("PATCH", "/messages/@original", token), first)
        for draft in rest:
            await self._follow(token, draft, private=private)

    async def preview(self, token: str, reply: Reply) -> None:
        """Show the beginning of a reply where "thinking" stands; :meth:`fill` puts all of it there."""
        await self._request(self._webhook("PATCH", "/messages/@original", token), _drafts(beginning(reply))[0])

    async def follow_up(self, token: str, reply: Reply, *, private: bool) -> None:
        """Write further messages after an interaction, ``private`` for the person alone."""
        for draft in _drafts(reply):
            await self._follow(token, draft, private=private)

    async def dismiss(self, token: str) -> None:
        """Take "thinking" away."""
        await self._http.request(self._webhook("DELETE", "/messages/@original", token))

    async def direct_channel(self, user_id: str) -> str:
        """The channel of the conversation with one person."""
        return str((await self._http.start_private_message(int(user_id)))["id"])

    async def set_role(self, guild_id: str, user_id: str, role_id: str, *, wanted: bool) -> None:
        """Give a member a role, or take it."""
        change = self._http.add_role if wanted else self._http.remove_role
        await change(int(guild_id), int(user_id), int(role_id))

    @asynccontextmanager
    async def typing(self, channel_id: str) -> AsyncIterator[None]:
        """Show that an answer is being written."""
        typing = asyncio.create_task(self._type(channel_id))
        try:
            yield
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)

    async def _type(self, channel_id: str) -> None:
        while True:
            with suppress(*FAILURES):
                await self._http.send_typing(int(channel_id))
            await asyncio.sleep(TYPING_LASTS_S)

    async def _post(self, channel_id: str, draft: Draft) -> str:
        # Discord drops a repetition with the same nonce, so that a repeated request says nothing twice.
        draft.body.update(nonce=secrets.token_hex(12), enforce_nonce=True)
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id)
        return str((await self._request(route, draft))["id"])

    async def _follow(self, token: str, draft: Draft, *, private: bool) -> None:
        draft.body["flags"] |= EPHEMERAL if private else 0
        await self._request(self._webhook("POST", "", token), draft, params={"wait": "true"})

    def _webhook(self, method: str, path: str, token: str) -> Route:
        return Route(method, WEBHOOK + path, webhook_id=self._application_id, webhook_token=token)

    async def _request(self, route: Route, draft: Draft, **options: Any) -> Any:  # noqa: ANN401 any JSON
        if not draft.files:
            return await self._http.request(route, json=draft.body, **options)
        files = [_file(file) for file in draft.files]
        draft.body["attachments"] = [file.to_dict(index) for index, file in enumerate(files)]
        form: list[Json] = [{"name": "payload_json", "value": json.dumps(draft.body)}]
        form += [{"name": f"files[{n}]", "value": file.fp, "filename": file.filename} for n, file in enumerate(files)]
        return await self._http.request(route, files=files, form=form, **options)


def beginning(reply: Reply) -> Reply:
    """As much of the words of a growing reply as one message holds."""
    return Reply(first_message(unended(reply).text))


def _file(file: File) -> discord.File:
    return discord.File(io.BytesIO(file.content), file.name, description=file.description[:LONGEST_ALT] or None)


def _message(method: str, channel_id: str, message_id: str) -> Route:
    return Route(method, MESSAGE, channel_id=channel_id, message_id=message_id)


def _drafts(reply: Reply) -> list[Draft]:
    """A reply as message bodies; buttons and files belong to the last."""
    drafts = [Draft(_body(content)) for content in messages(reply.text)]
    if people := mentioned(reply.text):
        drafts[0].body["allowed_mentions"]["users"] = people
    drafts[-1] = Draft({**drafts[-1].body, "components": button_rows(reply.buttons)}, reply.files)
    if not drafts[-1].body["content"] and not reply.files:
        drafts[-1].body["content"] = "✓"
    return drafts


def _body(content: str) -> Json:
    return {
        "content": content,
        "components": [],
        "allowed_mentions": {"parse": [], "replied_user": False},
        "flags": SUPPRESS_EMBEDS,
    }


def button_rows(buttons: Sequence[Sequence[Button]]) -> list[Json]:
    """The buttons in at most five rows of at most five: closer together where they are in more."""
    rows = _in_rows(buttons)
    if len(rows) > MOST_ROWS:
        runs = groupby(rows, key=lambda row: len(row) == 1)
        rows = [row for alone, run in runs for row in (_in_rows([list(chain(*run))]) if alone else run)]
    if len(rows) > MOST_ROWS:
        rows = _in_rows([list(chain(*rows))])
    if beyond := [button.label for row in rows[MOST_ROWS:] for button in row]:
        log.warning("more buttons than Discord shows were left out", labels=beyond)
    return [{"type": 1, "components": [_button(button) for button in row]} for row in rows[:MOST_ROWS]]


def _in_rows(buttons: Sequence[Sequence[Button]]) -> list[Sequence[Button]]:
    """Rows that are too long, cut."""
    return [row[start : start + MOST_IN_ROW] for row in buttons for start in range(0, len(row), MOST_IN_ROW)]


def _button(button: Button) -> Json:
    style, label = STYLES[button.tone], button.label[:LONGEST_LABEL]
    return {"type": 2, "style": style, "label": label, "custom_id": button.custom_id}
