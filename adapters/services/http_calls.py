"""Calls to a service over HTTP: opened late, with a deadline; a call that was not answered is said to be unknown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from core.errors import ProviderBusy

ANSWERS_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; an empty body where it was no JSON object."""

    status: int
    body: Mapping[str, Any]


class Calls:
    """One service's address and session."""

    def __init__(self, title: str, base_url: str, within_s: float = ANSWERS_WITHIN_S) -> None:
        self._title = title
        self._base_url = base_url.rstrip("/")
        self._within_s = within_s
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Make one call, once; redirects are not followed.

        Raises:
            ProviderBusy: it failed, or was not answered: what it did is unknown.
        """
        try:
            async with self._opened().request(
                method, self._base_url + path, headers=headers, json=body, data=form, allow_redirects=False
            ) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            raise ProviderBusy(f"{self._title} did not answer ({type(error).__name__})") from error
        if status >= 500:
            raise ProviderBusy(f"{self._title} failed ({status})")
        return Answer(status, _object(text))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._within_s))
        return self._session

    async def close(self) -> None:
        """Give the connections back."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
