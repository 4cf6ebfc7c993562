"""A reader that says what it is told to, by link; it remembers what it was asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import ChronosError
from core.library.links import canonical_link
from core.library.origins import Listing
from core.library.reading import LeadsTo, ReadSource, Report
from core.library.store import NewSource, Origin, OriginKind, Stage, Work
from core.library.uploads import former_digests, link_digest

Answer = ReadSource | Listing | LeadsTo | ChronosError


@dataclass
class ScriptedReader:
    """Answers with the first of what is left for a link, and stays with the last."""

    script: Mapping[str, list[Answer]]
    asked: list[str] = field(default_factory=list)

    async def read(self, work: Work, report: Report) -> ReadSource | Listing | LeadsTo:
        self.asked.append(work.origin.link)
        await report(Stage.DOWNLOADING, 0.0)
        answers = self.script[work.origin.link]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ChronosError):
            raise answer
        if isinstance(answer, ReadSource):
            await report(Stage.TRANSCRIBING, 0.5)
        return answer


def linked(link: str, title: str = "", language: str = "") -> NewSource:
    """What an upload of a link brings."""
    page = canonical_link(link)
    origin = Origin(OriginKind.LINK, page)
    return NewSource(None, title, page, language, origin, link_digest(page), former_digests(link))
