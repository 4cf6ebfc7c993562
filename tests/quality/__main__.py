"""Retrieval quality as a table: our own set, or every set of a folder by the folder's own score.py."""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from adapters.sources.timed_text import read_timed_text
from bot.app import open_deployment
from bot.evaluation import evaluate_files, fill_library, scratch_deployment
from bot.settings import Settings
from tests.quality.near_duplicates import Served, ask_near_duplicates
from tests.quality.reading import Tally, answers_of, tally
from tests.quality.sample import QUESTIONS, lines, owners, segments_in, write_corpus
from tests.quality.scoring import Asked, cited, declined, found, leaks, of_kinds, separation, share, shown

COLUMNS: Final = ("hit@5", "cite@10s", "cite@30s", "refuses", "answers", "another's", "leaks")
GOALS: Final[Mapping[str, tuple[float | None, ...]]] = {
    "tutorialvqa": (0.85, 0.41, 0.58, 0.98, 0.95, 0.97, 0),
    "medvidqa": (0.88, 0.30, 0.50, 0.98, 0.95, 0.97, 0),
    "karpathy": (0.87, 0.24, 0.36, 0.98, 0.95, None, 0),
    "spoken_squad": (0.91, 0.66, 0.78, 0.98, 0.95, 0.97, 0),
    "qmsum": (0.58, 0.16, 0.23, None, None, None, 0),
    "squad2_docs": (0.99, None, None, None, 0.95, None, 0),
}
NO_GOALS: Final = (None, None, None, None, None, None, 0)
READ_TITLE: Final = "Who looks before it is answered: a scripted reader that finds the very evidence, or nobody"
READ_KINDS: Final = frozenset({"direct", "altered", "answerable", "squad2_impossible"})
ANSWERABLE: Final = ("direct", "paraphrase", "short", "typo")
Figures = tuple[float | None, ...]


def main() -> None:
    """Evaluate and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="sets, each with corpus.jsonl and questions.jsonl")
    folder = parser.parse_args().folder
    table = Table("set", *COLUMNS, title="Retrieval quality without a model (goal in brackets)")
    with TemporaryDirectory(prefix="chronos-quality-") as scratch:
        for name, figures in _folder(folder, Path(scratch)) if folder else _own(Path(scratch)):
            goals = GOALS.get(name, NO_GOALS)
            table.add_row(name, *(_cell(*pair) for pair in zip(figures, goals, strict=True)))
        console = Console(width=None if sys.stdout.isatty() else 128)
        console.print(table)
        console.print(asyncio.run(_read(folder, Path(scratch))))
        if folder is None:
            served = asyncio.run(_from_cache(Path(scratch)))
            console.print(
                f"Answer cache on near duplicates: precision {_cell(served.precision, 0.99)}, of {served.same} "
                f"questions that ask the same {served.hit_rate:.3f} given, of {served.others} that do not "
                f"{len(served.wrongly)} given"
            )


async def _read(folder: Path | None, scratch: Path) -> Table:
    """How altered questions end, with and without somebody who reads; of a folder the set that has such."""
    corpus = folder / "squad2_docs" / "corpus.jsonl" if folder else scratch / "corpus.jsonl"
    questions = corpus.with_name("questions.jsonl") if folder else QUESTIONS
    table = Table("questions", "reader", "asked", "read", "answered", "closest", "nothing", title=READ_TITLE)
    if not corpus.is_file():
        return table
    settings = Settings.model_validate({"storage": {"data_dir": scratch / "data"}, "models": {"answer": []}})
    async with scratch_deployment(settings) as deployment:
        library = await fill_library(deployment, read_timed_text("corpus.jsonl", corpus.read_bytes()))
        answers = answers_of(segments_in(corpus))
        for name, asked in _kinds(line for line in lines(questions) if line.get("core", True)):
            for with_reader in (False, True):
                ended = await tally(deployment, library, asked, answers, with_reader=with_reader)
                table.add_row(name, "scripted" if with_reader else "none", str(ended.questions), *_shares(ended))
    return table


def _kinds(asked: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line in asked:
        by_kind.setdefault(line.get("kind") or line.get("neg_type") or "answerable", []).append(line)
    yield from ((kind, found) for kind, found in by_kind.items() if kind in READ_KINDS)


def _shares(ended: Tally) -> Iterator[str]:
    yield from (f"{share:.3f}" for share in (ended.read, ended.answered, ended.closest, ended.nothing))


def _own(scratch: Path) -> Iterator[tuple[str, Figures]]:
    corpus = scratch / "corpus.jsonl"
    write_corpus(corpus)
    predictions = _evaluate(scratch, corpus, QUESTIONS, "own")
    by_id = {prediction["id"]: prediction for prediction in lines(predictions)}
    asked: Asked = [(question, by_id[question["id"]]) for question in lines(QUESTIONS)]
    for kind in ANSWERABLE:
        chosen = of_kinds(asked, kind)
        yield f"own: {kind}", (*_retrieval(chosen), None, share(chosen, shown), None, leaks(chosen, owners()))
    for kind in ("off_topic", "cross_creator", "altered"):
        chosen = of_kinds(asked, kind)
        yield f"own: {kind}", (None, None, None, share(chosen, declined), None, None, leaks(chosen, owners()))


async def _from_cache(scratch: Path) -> Served:
    corpus = scratch / "corpus.jsonl"
    settings = Settings.model_validate({"storage": {"data_dir": scratch / "cached"}, "models": {"answer": []}})
    async with open_deployment(settings) as deployment:
        library = await fill_library(deployment, read_timed_text(corpus.name, corpus.read_bytes()))
        return await ask_near_duplicates(deployment, library)


def _retrieval(asked: Asked) -> Figures:
    return (
        share(asked, found),
        share(asked, lambda question, prediction: cited(question, prediction, 10)),
        share(asked, lambda question, prediction: cited(question, prediction, 30)),
    )


def _folder(folder: Path, scratch: Path) -> Iterator[tuple[str, Figures]]:
    for corpus in sorted(folder.glob("*/corpus.jsonl")):
        questions = corpus.with_name("questions.jsonl")
        if questions.is_file():
            predictions = _evaluate(scratch, corpus, questions, corpus.parent.name)
            yield corpus.parent.name, _scored(folder / "score.py", corpus, questions, predictions)


def _evaluate(scratch: Path, corpus: Path, questions: Path, name: str) -> Path:
    predictions = scratch / f"{name}.predictions.jsonl"
    settings = Settings.model_validate({"storage": {"data_dir": scratch / "data"}, "models": {"answer": []}})
    asyncio.run(evaluate_files(settings, corpus, questions, predictions, core_only=True))
    return predictions


def _scored(script: Path, corpus: Path, questions: Path, predictions: Path) -> Figures:
    command: list[str | Path] = [
        sys.executable,
        script,
        questions,
        predictions,
        "--corpus",
        corpus,
        "--core",
        "--ignore-abstain",
    ]
    printed = subprocess.run([*command, "--json", "--by", "neg_type"], check=True, capture_output=True).stdout  # noqa: S603
    scores: Mapping[str, Any] = json.loads(printed)
    overall, off_topic = scores["all"], scores.get("neg_type=cross_domain", {})
    times = (overall["cite@1<=10s"], overall["cite@1<=30s"])
    untimed = corpus.parent.name in GOALS and GOALS[corpus.parent.name][1] is None
    return (
        overall["hit@5"], *((None, None) if untimed else times), off_topic.get("refuse_recall"),
        overall.get("answer_rate_on_answerable"), _anothers(questions, predictions), overall["leaked_hits"],
    )  # fmt: skip


def _anothers(questions: Path, predictions: Path) -> float | None:
    """How well the gate tells the answerable questions from those about another creator's subject, None without."""
    gates = {prediction["id"]: prediction["gate"] for prediction in lines(predictions)}
    asked = [question for question in lines(questions) if question["id"] in gates]
    answerable = [gates[question["id"]] for question in asked if question["answerable"]]
    anothers = [gates[q["id"]] for q in asked if q.get("neg_type") == "cross_creator_same_set"]
    return separation(answerable, anothers) if answerable and anothers else None


def _cell(figure: float | None, goal: float | None) -> str:
    if figure is None:
        return "-"
    value = f"{figure:.3f}" if isinstance(figure, float) else str(figure)
    if goal is None:
        return value
    met = figure <= goal if goal == 0 else figure >= goal
    return f"{value} ({goal:g}) {'[green]met[/]' if met else '[red]missed[/]'}"


if __name__ == "__main__":
    main()
