"""Projects: what students hand in, and what the staff decides about it."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Final, Protocol
from urllib.parse import urlsplit

from core.errors import Refused, UploadRefused
from core.ids import CreatorId, ProjectId, StudentId, SubmissionId
from core.library.intake import file_digest
from core.library.keeping import Keeping
from core.library.media import MediaFiles, MediaKey, media_key
from core.library.uploads import check_size
from core.richtext import INVISIBLE, one_line

LONGEST_TITLE: Final = 100
LONGEST_DESCRIPTION: Final = 1000
LONGEST_WORDS: Final = 1500
LONGEST_LINK: Final = 2000
LONGEST_REASON: Final = 500
LONGEST_FILE_NAME: Final = 100
MOST_WAITING: Final = 5
"""Submissions of one student that may wait at once, so that nobody buries the staff."""
MOST_SENT_BYTES: Final = 10_000_000
"""What every platform lets a bot send: the staff has to get the file, too."""
_ENDING: Final = re.compile(r"\.([a-z0-9]{1,8})")
_UNNAMED: Final = "bin"


class Decision(StrEnum):
    """What became of a submission."""

    WAITING = "waiting"
    RETURNED = "returned"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Project:
    """A task that the creator set; students hand in what they made of it while it is open."""

    id: ProjectId
    title: str
    description: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """What is handed in: words, an address, a file, or several of these; the others are empty."""

    words: str = ""
    link: str = ""
    file_key: str = ""
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """Work as it was handed in, of a project or under a title of the student's own.

    ``revision`` counts what was handed in and what was decided, so that a decision meets what was looked at.
    ``taken_back`` counts approvals that were taken back.
    """

    id: SubmissionId
    student_id: StudentId
    title: str
    work: Work
    state: Decision
    submitted_at: datetime
    reason: str = ""
    revision: int = 1
    taken_back: int = 0
    project_id: ProjectId | None = None

    @property
    def award_key(self) -> str:
        """What an approval pays under: once for each submission; anew after one was taken back."""
        return f"project:{self.id}" + (f".{self.taken_back}" if self.taken_back else "")


class Projects(Protocol):
    """Projects and submissions of creators."""

    async def define(
        self, creator_id: CreatorId, title: str, *, description: str | None, is_open: bool | None, rename: str = ""
    ) -> Project:
        """Keep a project under its title, or change what is given of it.

        Raises:
            Refused: another one has the new title.
        """
        ...

    async def projects(self, creator_id: CreatorId) -> list[Project]:
        """All projects of a creator, newest first."""
        ...

    async def hand_in(
        self, creator_id: CreatorId, student_id: StudentId, project: ProjectId | None, title: str, work: Work,
        now: datetime, *, name: str,
    ) -> Submission:  # fmt: skip
        """Keep work, in the place of what this student handed in for the same before, and tell the staff.

        The staff is not told anew of what waits already. ``name`` is the student's as the staff reads it.

        Raises:
            Refused: it is approved already, or too much of theirs waits.
        """
        ...

    async def own(self, creator_id: CreatorId, student_id: StudentId) -> list[Submission]:
        """What a student handed in, newest first."""
        ...

    async def waiting(self, creator_id: CreatorId) -> tuple[Submission | None, int]:
        """What waits longest for the staff, and how much waits altogether."""
        ...

    async def submission(self, creator_id: CreatorId, submission_id: SubmissionId) -> Submission | None:
        """A submission; None where there is none."""
        ...

    async def decide(
        self, creator_id: CreatorId, submission: Submission, reviewer: StudentId, decision: Decision, now: datetime,
        *, reason: str = "", amount: int = 0,
    ) -> Submission:  # fmt: skip
        """Approve, send back with a reason, or (``WAITING``) take the last decision back; the student is told.

        An approval is an act that pays; taking it back takes back what it paid. ``amount`` is what it pays, for the
        student's message.

        Raises:
            Refused: it changed since it was looked at, it is the reviewer's own, or there is nothing to decide.
        """
        ...


def checked_title(title: str) -> str:
    """A project's title on one line.

    Raises:
        Refused: it is empty or too long.
    """
    shown = one_line(title)
    if not 1 <= len(shown) <= LONGEST_TITLE:
        raise Refused(f"A project has a title of 1 to {LONGEST_TITLE} characters.")
    return shown


def checked_words(text: str, longest: int, what: str) -> str:
    """A text of several lines, without what nobody can see.

    Raises:
        Refused: it is too long.
    """
    shown = INVISIBLE.sub("", text).strip()
    if len(shown) > longest:
        raise Refused(f"{what} has at most {longest} characters, and this one {len(shown)}.")
    return shown


def checked_address(link: str) -> str:
    """A web address as it was given.

    Raises:
        Refused: it is none that a browser may open.
    """
    address = link.strip()
    try:
        parts = urlsplit(address)
        known = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    odd = any(character.isspace() or not character.isprintable() for character in address)
    if not known or odd or "@" in parts.netloc or len(address) > LONGEST_LINK:
        raise Refused(
            "A link is a web address that begins with https:// or http://, without a name or password in it."
        )
    return address


def named_project(wanted: str, projects: Sequence[Project]) -> Project | None:
    """The project that a title or number means; None where it is a title of the student's own.

    Raises:
        Refused: it is closed.
    """
    text = one_line(wanted).casefold()
    found = next((p for p in projects if text in {p.title.casefold(), str(p.id), f"#{p.id}"}), None)
    if found is not None and not found.is_open:
        raise Refused(f"{found.title} is closed; nothing is taken for it any more.")
    return found


@dataclass(frozen=True, slots=True)
class HandedInFiles:
    """Keeps files of submissions where other files of the creator are kept, up to ``largest_bytes`` each."""

    keeping: Keeping
    files: MediaFiles
    largest_bytes: int

    async def keep(self, creator_id: CreatorId, path: Path, name: str) -> tuple[MediaKey, str]:
        """Keep a file; return its key, and its name as it is shown.

        Raises:
            UploadRefused: it is empty or too large, or there is no room for it.
            ProviderError: it cannot be kept.
        """
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        shown = one_line(PurePath(name).name)[-LONGEST_FILE_NAME:] or "file"
        if not size_bytes:
            raise UploadRefused(f"{shown} is empty.")
        if size_bytes > self.largest_bytes:
            raise UploadRefused(
                f"{shown} has {size_bytes / 1e6:.1f} MB; at most {self.largest_bytes / 1e6:.0f} MB are taken. Put it "
                "somewhere and give a link to it: link:https://..."
            )
        ending = _ENDING.fullmatch(PurePath(shown).suffix.casefold())
        digest = await asyncio.to_thread(file_digest, path)
        key = media_key(creator_id, digest.hex(), ending[1] if ending else _UNNAMED)
        await self.keeping.keep(creator_id, key, path, size_bytes)
        return key, shown

    def check(self, name: str, size_bytes: int) -> None:
        """Refuse a file by the size that was announced, before it is fetched.

        Raises:
            UploadRefused: it is too large.
        """
        check_size(name, size_bytes, self.largest_bytes)

    async def content(self, key: str) -> bytes:
        """The bytes of a kept file.

        Raises:
            ProviderError: it is gone, or cannot be read.
        """
        async with self.files.local(MediaKey(key)) as path:
            return await asyncio.to_thread(path.read_bytes)
