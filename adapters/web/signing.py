"""Signed addresses of our own pages: whoever has the link may read this one source, for a while."""

import hashlib
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadData, SignatureExpired, URLSafeSerializer, URLSafeTimedSerializer

from core.errors import UserError
from core.ids import CreatorId, SourceId

DEFAULT_LIFETIME_S: Final = 30 * 24 * 3600
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
        moment = "" if start_s is None else f"?t={max(0, int(start_s))}#{MOMENT}"
        return f"{self._public_url}/watch/{token}{moment}"

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
