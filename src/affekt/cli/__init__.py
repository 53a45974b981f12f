"""The command line: each command body is a few lines that call one room."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program and exits; Ctrl-C ends it in one line from the first moment on.

    Args:
        arguments: those of the command line by default.
    """
    number = 2
    try:
        from affekt.output import stopping  # noqa: PLC0415 (a few milliseconds)

        with stopping.stoppable():
            try:
                from affekt.cli.app import run  # noqa: PLC0415 (most of the program's start)

                code = run(arguments)
            finally:
                number = stopping.stopped_by() or number
    except KeyboardInterrupt:
        code = 128 + number
        if sys.stderr is not None:
            sys.stderr.write("affekt: stopped; what was written is valid\n")
    sys.exit(code)
