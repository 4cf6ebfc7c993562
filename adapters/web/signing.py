"""Signed addresses of our own pages: whoever has the link may read this one source, for a while."""

import hashlib
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadData, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer

from core.errors import UserError
from core.ids import CreatorId, SourceId, StudentId
from core.rewards.watching import Session, Viewer

DEFAULT_LIFETIME_S: Final = 30 * 24 * 3600
PERSONAL_LIFETIME_S: Final = 7 * 24 * 3600
STAFF_LIFETIME_S: Final = 24 * 3600
"""Whoever is no staff any more sees every tier for no longer; ownership is looked at each time."""
MOMENT: Final = "moment"


class LinkExpired(UserError):
    """The link was ours and is too old."""


class LinkUnknown(UserError):
    """The link was not made by us, or by us with another key."""


@dataclass(frozen=True, slots=True)
class WatchTarget:
    """What a watch link opens."""

    creator_id: CreatorId
    source_id: SourceId


class SignedWatchLinks:
    """See :class:`core.library.watching.WatchLinks`; also reads its own links back."""

    def __init__(self, key: str, public_url: str, *, lifetime_s: int = DEFAULT_LIFETIME_S) -> None:
        self._public_url = public_url.rstrip("/")
        self._lifetime_s = lifetime_s
        self._signer = URLSafeTimedSerializer(
            key, salt="chronos-watch", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def link(self, creator_id: CreatorId, source_id: SourceId, start_s: float | None) -> str:
        """An address that opens the source's page, at a second where one is given."""
        token = self._signer.dumps([creator_id, source_id])
        return f"{self._public_url}/watch/{token}{_moment(start_s)}"

    def is_ours(self, address: str) -> bool:
        """Whether an address was made here, lately or long ago."""
        return address.startswith(f"{self._public_url}/watch/")

    def read(self, token: str) -> WatchTarget:
        """Return what a link's token opens.

        Raises:
            LinkExpired: it is older than the lifetime of links.
            LinkUnknown: it was not signed by us.
        """
        try:
            creator_id, source_id = self._signer.loads(token, max_age=self._lifetime_s)
            return WatchTarget(CreatorId(int(creator_id)), SourceId(int(source_id)))
        except SignatureExpired as error:
            raise LinkExpired("This link has expired.") from error
        except (BadData, TypeError, ValueError) as error:
            raise LinkUnknown("This link does not open anything.") from error


class PersonalWatchLinks:
    """See :class:`core.rewards.watching.PersonalLinks`; also reads its own links, and signs the pages' heartbeats."""

    def __init__(self, key: str, public_url: str, *, lifetime_s: int = PERSONAL_LIFETIME_S) -> None:
        self._public_url = public_url.rstrip("/")
        self._lifetime_s = lifetime_s
        sha256 = {"digest_method": hashlib.sha256}
        self._signer = URLSafeTimedSerializer(key, salt="chronos-own-watch", signer_kwargs=sha256)
        self._tickets = URLSafeSerializer(key, salt="chronos-heartbeat", signer_kwargs=sha256)

    def link(self, viewer: Viewer, start_s: float | None) -> str:
        """An address that opens the student's own page, at a second where one is given."""
        parts = [viewer.creator_id, viewer.source_id, viewer.student_id, int(viewer.staff)]
        return f"{self._public_url}/watch/own/{self._signer.dumps(parts)}{_moment(start_s)}"

    def read(self, token: str) -> Viewer:
        """Return who watches what by a link's token.

        Raises:
            LinkExpired: it is older than the lifetime of these links, or of those of staff.
            LinkUnknown: it was not signed by us as such a link.
        """
        try:
            creator_id, source_id, student_id, staff = self._signer.loads(token, max_age=self._lifetime_s)
            if staff:
                self._signer.loads(token, max_age=min(self._lifetime_s, STAFF_LIFETIME_S))
            return Viewer(
                CreatorId(int(creator_id)), StudentId(int(student_id)), SourceId(int(source_id)), bool(staff)
            )
        except SignatureExpired as error:
            raise LinkExpired("This link has expired.") from error
        except (BadData, TypeError, ValueError) as error:
            raise LinkUnknown("This link does not open anything.") from error

    def ticket(self, viewer: Viewer, session: Session) -> str:
        """What a page needs for its next heartbeat."""
        return str(self._tickets.dumps([*_whose(viewer), session.name, session.turn]))

    def session(self, viewer: Viewer, ticket: str) -> Session | None:
        """The session of a ticket; None where it is not ours, or of another page."""
        try:
            *whose, name, turn = self._tickets.loads(ticket)
        except (BadData, TypeError, ValueError):
            return None
        return Session(str(name), int(turn)) if whose == _whose(viewer) else None


def _whose(viewer: Viewer) -> list[int]:
    return [viewer.creator_id, viewer.source_id, viewer.student_id]


def _moment(start_s: float | None) -> str:
    return "" if start_s is None else f"?t={max(0, int(start_s))}#{MOMENT}"


class BrowserNames:
    """Names for browsers that talk to the local page, signed so that none can take another's."""

    def __init__(self, key: str) -> None:
        self._signer = URLSafeSerializer(key, salt="chronos-browser", signer_kwargs={"digest_method": hashlib.sha256})

    def sign(self, name: str) -> str:
        """The value of the cookie for a browser's name."""
        return str(self._signer.dumps(name))

    def read(self, cookie: str) -> str | None:
        """The browser's name, or None where the cookie is not ours."""
        try:
            return str(self._signer.loads(cookie))
        except BadData:
            return None
