"""Matplotlib, which no other module imports: it would keep a list of fonts below the home folder.

Where it has kept one before, for somebody's own work, that one is used; else the list lies in a
temporary folder until the process ends.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from affekt.errors import MissingExtraError

FOLDER = "MPLCONFIGDIR"


@contextmanager
def _folder_of_its_own() -> Iterator[None]:
    """Matplotlib asks once, while it is imported, where its files lie."""
    if FOLDER in os.environ or _has_been_used():
        yield
        return
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="affekt-matplotlib-")
    atexit.register(shutil.rmtree, os.environ[FOLDER], ignore_errors=True)
    try:
        yield
    finally:
        del os.environ[FOLDER]


def _has_been_used() -> bool:
    cache, config = os.environ.get("XDG_CACHE_HOME"), os.environ.get("XDG_CONFIG_HOME")
    parents = (cache or "~/.cache", config or "~/.config")
    folders = (*(f"{parent}/matplotlib" for parent in parents), "~/.matplotlib")
    # pathlib's own would raise where there is no home, or none that may be read
    return any(os.path.exists(os.path.expanduser(folder)) for folder in folders)  # noqa: PTH110, PTH111


try:
    with _folder_of_its_own():
        import matplotlib as mpl
        from matplotlib.axes import Axes
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
except ImportError:
    raise MissingExtraError("a figure", "data") from None

__all__ = ["Axes", "Figure", "FigureCanvasAgg", "MaxNLocator", "mpl"]
