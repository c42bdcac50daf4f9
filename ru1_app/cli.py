"""The `ru1` command: the same services as the page.

`--json` prints one JSON document on standard output. Exit codes: 0 done, 2 input refused (one sentence on
standard error), 1 anything else.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from ru1_app import __version__
from ru1_app.commands import data, evaluation, images, lists, people, questions, queue, releases, serving, training
from ru1_app.config import Settings
from ru1_app.errors import InvalidInput, Ru1Error

cli = typer.Typer(
    name="ru1",
    help="See, judge and improve image recovery.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
db = typer.Typer(help="The run-time store.", no_args_is_help=True)
cli.add_typer(db, name="db")
desk = typer.Typer(help="The rating queue and what its labels say.", no_args_is_help=True)
cli.add_typer(desk, name="queue")
measured = typer.Typer(help="The benchmark of the embedded models.", no_args_is_help=True)
cli.add_typer(measured, name="eval")
trained = typer.Typer(help="Training on a release.", no_args_is_help=True)
cli.add_typer(trained, name="train")
released = typer.Typer(help="Releases that were made.", no_args_is_help=True)
cli.add_typer(released, name="release")
users = typer.Typer(help="Who may rate.", no_args_is_help=True)
cli.add_typer(users, name="users")
audit = typer.Typer(help="The audit log.", no_args_is_help=True)
cli.add_typer(audit, name="audit")


def main() -> None:
    """Run the command line; the only place that turns errors into exit codes."""
    try:
        cli(standalone_mode=False)
    except InvalidInput as error:
        _fail(str(error), 2)
    except Ru1Error as error:
        _fail(str(error), 1)
    except TyperException as error:  # wrong options; with no arguments at all, help was shown
        _fail(getattr(error, "format_message", error.__str__)(), 2)
    except OSError as error:
        where = f" {str(error.filename)!r}" if error.filename else ""
        _fail(f"The system refused{where}: {error.strerror or error}.", 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Stopped.", 130)


def _fail(message: str, code: int) -> None:
    if message:
        print(f"ru1: {message}", file=sys.stderr)
    raise SystemExit(code)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port to listen on.")] = None,
) -> None:
    """Start the page."""
    from dataclasses import replace

    from ru1_app.ui.launch import serve as start

    settings = Settings.from_env()
    start(replace(settings, host=host or settings.host, port=port or settings.port))


@cli.command()
def version() -> None:
    """Print the version."""
    print(__version__)


for command in (
    images.check, images.corrupt, images.recover, images.score, questions.answer, questions.reason, data.export,
    lists.corruptions, lists.models, lists.formats, serving.parity,
):  # fmt: skip
    cli.command()(command)
for measuring in (evaluation.embedded, evaluation.compare, evaluation.report):
    measured.command()(measuring)
for teaching in (training.rl, training.risk):
    trained.command()(teaching)
for queueing in (queue.fill, queue.gold, queue.order, queue.overlap, queue.report):
    desk.command()(queueing)
released.command("list")(releases.list_)
released.command("verify")(releases.verify)
released.command("push")(releases.push)
db.command("upgrade")(data.db_upgrade)
for managing, called in ((people.add, "add"), (people.list_, "list"), (people.role, "role"), (people.forget, "forget")):
    users.command(called)(managing)
audit.command("verify")(people.verify)
audit.command("export")(people.export)
