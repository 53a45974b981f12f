"""A progress bar on standard error, for work that takes over two seconds on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Report = Callable[[int, int], None]
"""Called with what is done and the total."""

DELAY_S = 2.0


@contextmanager
def progress_bar(what: str, *, wanted: bool = True) -> Iterator[Report]:
    """A function to report progress with; the bar appears once the work takes `DELAY_S`.

    Where standard error is no terminal there is no bar.

    Args:
        what: is counted.
        wanted: False where results appear on the terminal one by one, for they run into a bar.
    """
    started = time.monotonic()
    bar: Progress | None = None
    wanted = wanted and sys.stderr.isatty()

    def report(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            if not wanted or time.monotonic() - started < DELAY_S:
                return
            bar = _open_bar()
            bar.add_task(what, total=total)
        bar.update(bar.task_ids[0], completed=done, total=total)

    try:
        yield report
    finally:
        if bar is not None:
            bar.stop()


def _open_bar() -> Progress:
    from rich import progress  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar
