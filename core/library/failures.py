"""Why the work on a source waits or was given up, in words for its creator; the operator's log has the rest."""

from collections.abc import Mapping
from typing import Final

from core.library.cards import about
from core.library.store import Stage

_SEVERAL: Final = "even after several attempts"
_GIVEN_UP: Final[Mapping[Stage | None, str]] = {
    Stage.PENDING: f"It could not be opened, {_SEVERAL}. Try again later.",
    Stage.DOWNLOADING: (
        f"It could not be fetched, {_SEVERAL}: its site was away or turned me down. "
        "Try again later, or download it yourself and upload the file."
    ),
    Stage.TRANSCRIBING: (
        f"The speech recognition did not work, {_SEVERAL}. Try again later, or upload captions, which need none."
    ),
    Stage.EMBEDDING: (
        f"The search model did not work, {_SEVERAL}. Try again later; if that does not help, tell the operator."
    ),
}
_OTHER: Final = (
    f"Something inside me did not work, {_SEVERAL}. Try again later; if that does not help, tell the operator."
)
_WAITS: Final[Mapping[Stage | None, str]] = {
    Stage.DOWNLOADING: "Its site does not give it out right now.",
    Stage.TRANSCRIBING: "The speech recognition does not answer right now.",
    Stage.EMBEDDING: "The search model does not answer right now.",
}
BROKE_OFF: Final = (
    "The work on it broke off several times, as it does when a file needs more memory than there is. "
    "Try it in smaller parts."
)


_USED_UP: Final[Mapping[Stage | None, str]] = {
    Stage.TRANSCRIBING: "the speech recognition",
    Stage.EMBEDDING: "the search model",
}


def used_up_in(stage: Stage | None) -> str:
    """What is waited for where our account with a service is used up, by the stage that needs it."""
    service = _USED_UP.get(stage, "a service that it needs")
    return f"The credit for {service} is used up. I go on by myself once the operator has renewed it."


def given_up_in(stage: Stage | None) -> str:
    """Why it failed for good, by the stage in which the last attempt ended; None where that is not to blame."""
    return _GIVEN_UP.get(stage, _OTHER)


def waits_after(stage: Stage | None, delay_s: float) -> str:
    """Why it waits, by the stage in which an attempt ended (None: it is not to blame), and until when."""
    why = _WAITS.get(stage, "Something did not work just now.")
    return f"{why} I try again by myself in about {about(delay_s)}."
