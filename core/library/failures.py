"""Why the work on a source waits or was given up, in words for its creator; the operator's log has the rest."""

from typing import Final

from core.library.cards import about
from core.library.store import Stage

_SEVERAL: Final = "even after several attempts"
_GIVEN_UP: Final = {
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
_WAITS: Final = {
    Stage.DOWNLOADING: "Its site does not give it out right now.",
    Stage.TRANSCRIBING: "The speech recognition does not answer right now.",
    Stage.EMBEDDING: "The search model does not answer right now.",
}
BROKE_OFF: Final = (
    "The work on it broke off several times, as it does when a file needs more memory than there is. "
    "Try it in smaller parts."
)


def given_up_in(stage: Stage) -> str:
    """Why it failed for good, by the stage in which the last attempt ended."""
    return _GIVEN_UP.get(stage, _OTHER)


def waits_after(stage: Stage, delay_s: float) -> str:
    """Why it waits, by the stage in which an attempt ended, and until when."""
    why = _WAITS.get(stage, "Something did not work just now.")
    return f"{why} I try again by myself in about {about(delay_s)}."
