"""Everything that can go wrong, as one tree; the message is written for the person who reads it.

ChronosError
├── UserError               shown in the chat as it is
│   ├── Refused             not allowed, over a limit, not set up
│   ├── UploadRefused       the file or link cannot become a source
│   │   ├── SourceGone      there is nothing behind the link, or not any more
│   │   └── BrokeOff        reading it ended without a result: the file's fault, or that of a busy machine
│   └── QuotaReached        what a creator may use is used up; the work goes on by itself when there is more
└── OperatorError           shown in the shell and the log; the chat only learns that something failed
    ├── ConfigurationError  a setting is wrong or missing
    │   └── EmbedderMissing     a library's search model cannot be had: its key was taken away
    ├── DatabaseError       the database cannot be used
    │   └── DatabaseFull    its disk is full: nothing can be kept until there is space again
    ├── EmbedderChanged     a library was moved to another search model meanwhile; doing it again works
    └── ProviderError       an outside service failed
        ├── ProviderBusy    it may work again later
        │   └── DiskFull    a disk of ours is full: whoever waits for room can go on
        ├── TooLong         what it was sent is more than it takes: less of it may do
        ├── Declined        a model works and would not or could not say this: another one may
        ├── FormFailed      models tried to fill a form, and none of them could
        └── ProviderUsedUp  our account there has no credit or quota left
"""

import errno
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from core.asking.answer import Usage

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says of a full disk."""
RETRY_AFTER_FULL_S: Final = 300.0


class ChronosError(Exception):
    """Base of all errors that Chronos raises on purpose."""


class UserError(ChronosError):
    """The message is written for the person who asked."""


class Refused(UserError):
    """The person may not do this, or not now; says why and until when."""


class UploadRefused(UserError):
    """The file or link cannot become a source; says which rule and what would work."""


class StorageFull(UploadRefused):
    """The creator's kept files take all the room they may; says how much that is and what would make some."""


class SourceGone(UploadRefused):
    """There is nothing behind the link; what was there before may have been removed."""


class BrokeOff(UploadRefused):
    """Reading it was ended from outside; where somebody can wait, it is worth another attempt or two."""


class QuotaReached(UserError):
    """What a creator may use is used up for now; says what is waited for."""

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """When to look again, in seconds."""


class OperatorError(ChronosError):
    """The message is written for whoever runs the deployment."""


class ConfigurationError(OperatorError):
    """A setting is wrong or missing; names the key and what it takes."""


class EmbedderMissing(ConfigurationError):
    """The search model of a library cannot be had here; the message is fit for the chat, too."""


class EmbedderChanged(OperatorError):
    """A library was moved to another search model in the middle of work with the old one, which is of no use now."""


class DatabaseError(OperatorError):
    """The database cannot be used; says why and what to do."""


class DatabaseFull(DatabaseError):
    """The disk of the database is full; the same work may be done once there is space again."""


class ProviderError(OperatorError):
    """An outside service failed; the caller may fall back.

    ``usage`` is what a model had used by then, where it said so; ``first_word_ms`` when its first word came, or 0.
    """

    usage: "Usage | None" = None
    first_word_ms: float = 0.0


class ProviderBusy(ProviderError):
    """The service is overloaded or limits us; the same call may work later."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DiskFull(ProviderBusy):
    """A disk on which files are kept or read is full; the same work may be done once there is space again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=RETRY_AFTER_FULL_S)


class TooLong(ProviderError):
    """What a service was sent is more than it takes at once; less of it may do."""


class Declined(ProviderError):
    """A model refused, was cut by its limit or strayed from what was asked for: no sign that its service is down."""


class FormFailed(ProviderError):
    """Models tried to fill a form and none of them could; the same form may fail again, and was paid for."""


class ProviderUsedUp(ProviderError):
    """Our account with the service has no credit or quota left; more calls change nothing until there is some."""
