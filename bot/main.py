"""The `chronos` command line. Imports of what is heavy are made inside the commands, so that --help is quick."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten
from typing import Any, Final, NoReturn, TypeVar

import click

from bot.settings import Settings, load_settings
from core.errors import ChronosError

T = TypeVar("T")

LARGEST_ID: Final = 2**63 - 1
AMOUNT: Final = click.IntRange(0, 1_000_000_000_000)
ROLES: Final = ("bot", "worker", "scheduler", "web")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file; else CHRONOS_CONFIG, else ./config.toml.",
)
@click.option("--debug", is_flag=True, help="Log more, such as where an unexpected error comes from.")
@click.version_option(version("chronos-bot"), prog_name="chronos")
@click.pass_context
def cli(context: click.Context, config: Path | None, debug: bool) -> None:
    """Chronos answers a community's questions from its creator's own videos, with links to the very second.

    Exit status: 0 done (also when the material does not answer), 1 refused or failed with one line that says why
    (with --json also as {"error": ...} on standard output), 2 wrong usage.
    """
    context.obj = config


@cli.command()
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="Run only this part; may be repeated.")
@click.pass_obj
def run(config: Path | None, roles: tuple[str, ...]) -> None:
    """Run everything that is configured.

    Without any platform token: the sample library, a chat in this terminal where there is one, and a local web page.
    """
    from bot.running import run_everything

    _run(lambda settings: run_everything(settings, frozenset(roles or ROLES)), config)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def check(config: Path | None, as_json: bool) -> None:
    """Check settings, database, models, tokens and storage: a line each, and what to do where one is missing."""
    from bot.checks import check_all

    findings = _run(check_all, config)
    if as_json:
        _print_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            click.echo(finding.line)
    if any(finding.failed for finding in findings):
        raise SystemExit(1)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def migrate(config: Path | None, as_json: bool) -> None:
    """Bring the database up to date."""
    from bot.administration import bring_up_to_date

    applied = _run(bring_up_to_date, config)
    if as_json:
        _print_json({"applied": applied})
    else:
        click.echo(f"applied {', '.join(applied)}" if applied else "The database is up to date.")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def backup(config: Path | None, file: Path, as_json: bool) -> None:
    """Write everything into FILE."""
    from bot.administration import back_up

    _run(lambda settings: back_up(settings, file), config)
    size_bytes = file.stat().st_size
    if as_json:
        _print_json({"file": str(file), "size_bytes": size_bytes})
    else:
        click.echo(f"Wrote {file} ({size_bytes / 1e6:.1f} MB).")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def restore(config: Path | None, file: Path, as_json: bool) -> None:
    """Fill an empty database from FILE."""
    from bot.administration import bring_back

    _run(lambda settings: bring_back(settings, file), config)
    if as_json:
        _print_json({"restored": str(file)})
    else:
        click.echo(f"Restored everything from {file}.")


@cli.group()
def creator() -> None:
    """Tenants: add one, list them, give one an owner."""


@creator.command("add")
@click.argument("handle")
@click.option("--name", help="The name that students see; the handle where it is not given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def creator_add(config: Path | None, handle: str, name: str | None, as_json: bool) -> None:
    """Add a creator and print the code with which their community joins."""
    from bot.administration import add_creator

    added = _run(lambda settings: add_creator(settings, handle, name or handle), config)
    if as_json:
        _print_json(added)
    else:
        click.echo(f"Added {added['handle']}. {_how_to_use(added)}")


@creator.command("code")
@click.argument("handle")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def creator_code(config: Path | None, handle: str, as_json: bool) -> None:
    """Print a new code for a creator that has no owner: whoever uses it becomes the owner."""
    from bot.administration import new_owner_code

    made = _run(lambda settings: new_owner_code(settings, handle), config)
    if as_json:
        _print_json(made)
    else:
        click.echo(_how_to_use(made))


def _how_to_use(made: dict[str, str]) -> str:
    """How an owner's code is used, and until when."""
    return f"In their community: /setup code:{made['code']}\nThe code works once, until {made['until']:.10}."


@creator.command("budget")
@click.argument("handle")
@click.option("--per-day", type=AMOUNT, help="How many CHRONOS the creator may issue a day.")
@click.option("--per-month", type=AMOUNT, help="How many CHRONOS the creator may issue a month.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def creator_budget(
    config: Path | None, handle: str, per_day: int | None, per_month: int | None, as_json: bool
) -> None:
    """Show how many CHRONOS a creator may issue, after setting what is given."""
    from bot.administration import creator_budget as budget_of

    now = _run(lambda settings: budget_of(settings, handle, per_day, per_month), config)
    if as_json:
        _print_json(now)
    else:
        click.echo(f"{now['handle']} may issue {now['per_day']:,} CHRONOS a day and {now['per_month']:,} a month.")


@creator.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def creator_list(config: Path | None, as_json: bool) -> None:
    """List all creators."""
    from bot.administration import list_creators

    creators = _run(list_creators, config)
    if as_json:
        _print_json(creators)
    else:
        for entry in creators:
            click.echo(f"{entry['handle']:24} {entry['name']:32} {entry['sources']} sources")


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH_OR_URL...")
@click.option("--creator", "handle", required=True, help="Whose library.")
@click.option("--link", default="", help="Where the video is; answers link to its seconds.")
@click.option("--title", default="", help="Its title; the file's name where it is not given.")
@click.option("--language", default="", help="Two letters, such as en.")
@click.option("--tier", default="", help="Which members may be answered from it, beside staff; else everybody.")
@click.option("--window", type=float, help="Words of a passage, 40 to 180; usually 100.")
@click.option(
    "--overlap", type=float, help="How much of a passage the next one repeats, 0 to 90 percent; usually 50."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def ingest(
    config: Path | None, paths: tuple[str, ...], handle: str, link: str, title: str, language: str, tier: str,
    window: float | None, overlap: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Add files or links, wait until they are searchable, and show how far they are."""
    from bot.ingesting import Ingested, Upload, ingest_files
    from core.library.uploads import checked_settings

    if len(paths) > 1 and (link or title):
        raise click.UsageError("--link and --title are those of one video; give one path with them.")

    async def ingest_all(settings: Settings) -> list[Ingested]:
        how = checked_settings(window, overlap, tier)
        uploads = [Upload(path, link, title, language, how) for path in paths]
        return await ingest_files(settings, handle, uploads, quiet=as_json)

    results = _run(ingest_all, config)
    if as_json:
        _print_json([result.as_json() for result in results])
    else:
        for result in results:
            click.echo(result.line)
    if any(result.failed for result in results):
        raise SystemExit(1)


@cli.command()
@click.argument("question")
@click.option("--creator", "handle", required=True, help="Whose material to answer from.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def ask(config: Path | None, question: str, handle: str, as_json: bool) -> None:
    """Ask one question, through the same engine as everywhere."""
    from bot.administration import ask_once
    from core.asking.answer import by_source

    answer = _run(lambda settings: ask_once(settings, handle, question), config)
    if as_json:
        _print_json(answer.as_json())
    else:
        click.echo(answer.text)
        for cited in by_source(answer.citations):
            moments = "  ".join(f"[{each.label}] {each.locator.words}  {each.url}".rstrip() for each in cited)
            click.echo(f"{cited[0].title}  {moments}")
    if answer.outcome.value == "refused":
        raise SystemExit(1)


@cli.group()
def jobs() -> None:
    """Work that waits, runs or failed."""


@jobs.command("list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="At most so many.")
@click.option("--all", "finished", is_flag=True, help="Also what is ready.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def jobs_list(config: Path | None, limit: int, finished: bool, as_json: bool) -> None:
    """List the newest work on sources that is not done: why it waits or failed, when, how often, how long it took."""
    from bot.administration import list_work

    work, total = _run(lambda settings: list_work(settings, limit, finished=finished), config)
    if as_json:
        _print_json([job.as_json() for job in work])
    elif not work:
        click.echo("There is no work yet." if finished else "Nothing waits and nothing failed.")
    else:
        for job in work:
            click.echo("\n".join(job.lines))
        if total > len(work):
            click.echo(f"… and {total - len(work)} older ones; --limit {total} shows all.")


@jobs.command("retry")
@click.argument("job_id", metavar="ID", type=click.IntRange(1, LARGEST_ID))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def jobs_retry(config: Path | None, job_id: int, as_json: bool) -> None:
    """Try failed work again, by its number in `jobs list`."""
    from bot.administration import retry_work

    _run(lambda settings: retry_work(settings, job_id), config)
    if as_json:
        _print_json({"retried": job_id})
    else:
        click.echo(f"Work {job_id} waits for a worker again.")


@cli.group()
def ledger() -> None:
    """The books of CHRONOS."""


@ledger.command("check")
@click.option("--creator", "handle", default="", help="Whose books; else everybody's.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def ledger_check(config: Path | None, handle: str, as_json: bool) -> None:
    """Check the books of CHRONOS and the payouts, and say what is wrong in them and where payouts are paused."""
    from bot.bookkeeping import check_books

    books = _run(lambda settings: check_books(settings, handle), config)
    if as_json:
        _print_json([entry.as_json() for entry in books])
    else:
        for entry in books:
            click.echo("\n".join(entry.lines))
    if any(entry.faults for entry in books):
        raise SystemExit(1)


@ledger.command("decide")
@click.argument("key")
@click.option("--paid/--not-paid", default=None, required=True, help="What you saw at the provider.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def ledger_decide(config: Path | None, key: str, paid: bool, as_json: bool) -> None:
    """Say how a payout ended that its provider does not tell us of; only after looking there."""
    from bot.bookkeeping import decide

    _run(lambda settings: decide(settings, key, paid=paid), config)
    if as_json:
        _print_json({"key": key, "paid": paid})
    else:
        click.echo(f"{key} is settled." if paid else f"The CHRONOS of {key} are back.")


@ledger.command("thaw")
@click.argument("handle")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def ledger_thaw(config: Path | None, handle: str, as_json: bool) -> None:
    """Let the payouts of a creator go on after a difference in the books was looked into."""
    from bot.bookkeeping import thaw

    _run(lambda settings: thaw(settings, handle), config)
    if as_json:
        _print_json({"thawed": handle})
    else:
        click.echo(f"The payouts of {handle} go on.")


@cli.command()
@click.option("--creator", required=True, metavar="HANDLE", help="Whose economy.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def economy(config: Path | None, creator: str, as_json: bool) -> None:
    """Show what a creator issued, and what became of it."""
    from bot.administration import economy_of
    from bot.commands.economy import described

    name, found = _run(lambda settings: economy_of(settings, creator), config)
    if as_json:
        _print_json({"creator": creator, "outstanding": found.outstanding, **asdict(found)})
    else:
        click.echo(described(name, found).plain)


@cli.command()
@click.option("--creator", required=True, metavar="HANDLE", help="Whose use.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def usage(config: Path | None, creator: str, as_json: bool) -> None:
    """Show what models did for a creator, what it cost, and what is left."""
    from bot.administration import usage_of
    from bot.commands.usage import described

    name, found = _run(lambda settings: usage_of(settings, creator), config)
    if as_json:
        _print_json({"creator": creator, **asdict(found)})
    else:
        click.echo(described(name, found).plain)


@cli.command("eval")
@click.option("--corpus", required=True, type=click.Path(path_type=Path, exists=True), help="corpus.jsonl")
@click.option("--questions", required=True, type=click.Path(path_type=Path, exists=True), help="questions.jsonl")
@click.option(
    "--predictions", required=True, type=click.Path(path_type=Path), help="Where to write, a line a question."
)
@click.option("--core", is_flag=True, help='Leave out questions that are marked "core": false.')
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def evaluate(
    config: Path | None, corpus: Path, questions: Path, predictions: Path, core: bool, as_json: bool
) -> None:
    """Ask every question of a set in a scratch database, every creator a tenant, without sessions and caches."""
    from bot.evaluation import evaluate_files

    count = _run(lambda settings: evaluate_files(settings, corpus, questions, predictions, core_only=core), config)
    if as_json:
        _print_json({"questions": count, "predictions": str(predictions)})
    else:
        click.echo(f"Wrote {count} predictions to {predictions}.")


def _run(action: "Callable[[Settings], Coroutine[Any, Any, T]]", config: Path | None) -> T:
    """Load the settings and run a coroutine on them; whatever fails becomes one line and exit status 1."""
    from bot.logs import set_up_logs

    debug = click.get_current_context().find_root().params["debug"]
    try:
        settings = load_settings(config)
        set_up_logs(debug=debug)
        return asyncio.run(action(settings))
    except ChronosError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - the last resort
        import structlog

        structlog.get_logger().debug("this failed unexpectedly", exc_info=error)
        _fail(f"This failed unexpectedly ({shorten(repr(error), 300)}); 'chronos --debug ...' logs where.")


def _fail(reason: str) -> NoReturn:
    click.echo(f"chronos: {reason}", err=True)
    if click.get_current_context().params.get("as_json"):
        _print_json({"error": reason})
    raise SystemExit(1) from None


def _print_json(document: object) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def main() -> None:
    """The console script."""
    cli(prog_name="chronos")
