"""What goes to standard error, and the standard streams themselves."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

import typer

from affekt.errors import PictureWarning
from affekt.output.text import printable


def say(line: str) -> None:
    """One line on standard error, with control characters as escapes."""
    typer.echo(printable(line), err=True)


def say_error(message: str) -> None:
    """One error line on standard error."""
    say(f"affekt: error: {message}")


@contextmanager
def spoken_warnings() -> Iterator[None]:
    """Pictures that are read otherwise than they state are told in a line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", PictureWarning)
        others = warnings.showwarning

        def show(  # noqa: PLR0917 (as `warnings` calls it)
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, PictureWarning):
                say(f"affekt: {message}")
            else:
                others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


@contextmanager
def notices() -> Iterator[None]:
    """Lets what the package's log warns of be one line each on standard error."""
    log, handler = logging.getLogger("affekt"), _Notices()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Notices(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"affekt: {record.getMessage()}")


def show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """What ``--debug`` shows, with control characters as escapes; see `sys.excepthook`."""
    text = "".join(traceback.format_exception(kind, error, trace))
    typer.echo(printable(text, keep="\n"), err=True, nl=False)


def open_missing_streams() -> None:
    """Gives a process without standard streams (``>&-``) empty ones.

    Else the next file that is opened would take their number, and what libraries print would go
    into it. ``sys.stdin`` and ``sys.stdout`` stay None, so that their use is refused.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
