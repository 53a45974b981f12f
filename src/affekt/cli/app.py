"""The ``affekt`` program: its commands, and what becomes of an error.

Results go to standard output or the file named, everything else to standard error. Exit codes:
0 all good, 1 some inputs failed, 2 the call itself is wrong, 128 + n stopped by signal n (130:
Ctrl-C).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from affekt import __version__
from affekt.cli.demo import demo
from affekt.cli.ensemble import ensemble
from affekt.cli.evaluate import evaluate
from affekt.cli.export import export
from affekt.cli.models import models
from affekt.cli.predict import predict
from affekt.cli.prepare import prepare_app
from affekt.cli.report import report
from affekt.cli.terminal import open_missing_streams, say_error, show_traceback, spoken_warnings
from affekt.cli.train import train
from affekt.errors import AffektError, DataError, DivergenceError, MediaError
from affekt.output.sink import ClosedPipeError, WriteError, discard_stdout
from affekt.output.stopping import stopped_by

INTERRUPTED = 130
"""What the parser's own code gives for a `KeyboardInterrupt`."""

FAILED = (MediaError, DataError, DivergenceError, WriteError)
"""What a call that is right can end in."""

app = typer.Typer(
    name="affekt",
    help="Apparent emotions of every person in a photo: predict, train, evaluate, export.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(predict)
app.command()(demo)
app.command()(models)
app.add_typer(prepare_app, name="prepare")
app.command()(train)
app.command()(evaluate)
app.command()(ensemble)
app.command()(report)
app.command()(export)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"affekt {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")
    ] = False,
) -> None:
    """Apparent emotions of every person in a photo: predict, train, evaluate, export."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        arguments: those of the command line by default.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C or its kind.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    words = words or ["--help"]
    debug = "--debug" in _before_separator(words)
    if debug:
        words.remove("--debug")
        sys.excepthook = show_traceback
    open_missing_streams()
    with spoken_warnings():
        return _run(words, debug)


def _before_separator(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _run(words: Sequence[str], debug: bool) -> int:
    """The exit code of one call."""
    try:
        code = typer.main.get_command(app).main(
            args=list(words), prog_name="affekt", standalone_mode=False
        )
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return 141
    except Exception as error:
        if debug:
            raise
        if stopped_by() is not None and not isinstance(error, AffektError):
            raise KeyboardInterrupt from None  # foreign code made another error of it
        return _report(error)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    """Says what went wrong in one line, and the exit code for it."""
    if isinstance(error, ClosedPipeError):
        return 141
    if isinstance(error, AffektError):
        say_error(str(error))
        return 1 if isinstance(error, FAILED) else 2
    if isinstance(error, typer.TyperException):  # every error of the parser
        say_error(f"{_in_one_line(error.format_message())} (see affekt --help)")
        return 2
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        say_error(f"{where}{error.strerror or error}")
        return 1
    say_error(f"unexpected {type(error).__name__}: {_in_one_line(error)} (--debug shows where)")
    return 1


def _in_one_line(message: object) -> str:
    return " ".join(str(message).split())
