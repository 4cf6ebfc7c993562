"""One person, several accounts: a code shown on one platform and typed on another joins both into one student.

The account at a membership's seller is linked by going there, since nobody can type anything to us there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from core.conversation import Person, Reply
from core.errors import ProviderError
from core.ids import CreatorId, StudentId
from core.members.directory import JoinCode
from core.members.memberships import Change, Following
from core.richtext import RichText, bold

CODE_LETTERS: Final = 8
CODE_LIFE: Final = timedelta(minutes=10)
VISIT_LIFE: Final = timedelta(minutes=15)
MOST_WRONG: Final = 5
"""So many wrong codes a person may type in :data:`CODE_LIFE`."""
UNLINK_WITHIN: Final = timedelta(days=7)
REST: Final = timedelta(days=30)
"""So long an account that was taken apart cannot be joined again: who earns is one person, not two in turn."""
TITLES: Final = {
    "discord": "Discord",
    "telegram": "Telegram",
    "whop": "Whop",
    "web": "Web page",
    "terminal": "Terminal",
}


@dataclass(frozen=True, slots=True)
class Account:
    """A way in which a student is known; ``linked_at`` is None for the one that they began with."""

    platform: str
    external_id: str
    name: str = ""
    linked_at: datetime | None = None

    @property
    def shown(self) -> str:
        """As people call it."""
        return f"{TITLES.get(self.platform, self.platform)} ({self.name})" if self.name else (
            TITLES.get(self.platform, self.platform)
        )  # fmt: skip

    @property
    def tag(self) -> str:
        """Names it on a button."""
        return hashlib.sha256(f"{self.platform}:{self.external_id}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Joining:
    """What joining two students means: who stays, who becomes part of them, and the CHRONOS that move."""

    kept: StudentId
    gone: StudentId
    accounts: tuple[Account, ...]
    chronos: int


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody on the way to the seller: their student, the account they came from, and with whom they are."""

    student_id: StudentId
    account: Account
    creator_id: CreatorId | None


@dataclass(frozen=True, slots=True)
class SellerAccount:
    """An account at the seller, whose owner has just shown that it is theirs."""

    user_id: str
    name: str = ""


class AccountProof(Protocol):
    """How a person shows which account at the seller is theirs (OAuth with PKCE)."""

    def address(self, *, state: str, nonce: str, challenge: str, return_to: str) -> str:
        """Where they do it."""
        ...

    async def account(self, *, code: str, verifier: str, return_to: str, nonce: str) -> SellerAccount:
        """Whose account it is.

        Raises:
            Refused: the code is used or old.
            ProviderError: the seller does not answer.
        """
        ...


class Accounts(Protocol):
    """The accounts of students, and what joins them."""

    async def accounts(self, student_id: StudentId) -> Sequence[Account]:
        """The accounts of a student, the first one first."""
        ...

    async def new_code(
        self, student_id: StudentId, person: Person, creator_id: CreatorId | None, at: datetime
    ) -> JoinCode:
        """A code that works once, for ten minutes; those of before stop working."""
        ...

    async def look(self, code: str, student_id: StudentId, at: datetime) -> Joining:
        """What joining by a code would do.

        Raises:
            Refused: the code does not work, too many were tried, or the two cannot be joined now.
        """
        ...

    async def join(self, code: str, student_id: StudentId, at: datetime) -> Joining:
        """Join two students into the older one, all or nothing; refuses what :meth:`look` refuses."""
        ...

    async def unlink(self, student_id: StudentId, tag: str, at: datetime) -> Account:
        """Take an account out again: one at the seller at any time, another within a week, without what it brought.

        Raises:
            Refused: it is not linked, the only one, or linked for longer.
        """
        ...

    async def new_visit(
        self, student_id: StudentId, person: Person, creator_id: CreatorId | None, at: datetime
    ) -> str:
        """A secret with which somebody goes to the seller; it works once, for a quarter of an hour."""
        ...

    async def visit(self, secret: str, at: datetime) -> Visit | None:
        """Who is on the way with a secret; None where it does not work (any more)."""
        ...

    async def arrive(self, secret: str, account: SellerAccount, at: datetime) -> Visit:
        """Link the account at the seller to whoever went there with a secret.

        Raises:
            Refused: the secret does not work any more, or the account is another student's.
        """
        ...

    async def tell(self, visit: Visit, notice: Reply) -> None:
        """Write to the account that somebody came from, where it can be written to."""
        ...


@dataclass(frozen=True, slots=True)
class Linking:
    """Links accounts, and gives what the linked account has."""

    accounts: Accounts
    public_url: str
    following: Following | None = None
    proof: AccountProof | None = None

    def way_to_seller(self, secret: str) -> str:
        """The page on which somebody starts a visit."""
        return f"{self.public_url}/whop/connect?state={secret}"

    @property
    def way_back(self) -> str:
        """The page to which the seller sends people back."""
        return f"{self.public_url}/whop/callback"

    async def arrived(self, secret: str, account: SellerAccount, at: datetime) -> Sequence[Change]:
        """Finish a visit to the seller, and tell the person in the chat.

        Raises:
            Refused: see :meth:`Accounts.arrive`.
        """
        visit = await self.accounts.arrive(secret, account, at)
        changes: Sequence[Change] = ()
        if self.following is not None:
            try:
                changes = await self.following.linked(visit.student_id, account.user_id, at)
            except ProviderError:
                changes = ()  # what the seller could not say now is found in the night
        named = f" ({account.name})" if account.name else ""
        more = "" if changes else " I found no membership there that gives you anything new here."
        notice = RichText.of(
            "🔗 Your Whop account", bold(named), f" is linked now.{more} /link shows what is linked."
        )
        await self.accounts.tell(visit, Reply(notice))
        return changes
