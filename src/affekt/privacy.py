"""What libraries beneath would send or keep, were they not told otherwise before their import.

ONNX Runtime (since 1.32) writes an identifier and a database of events below the home folder and
sends them to its maker. Huggingface Hub, through which timm fetches weights where a recipe asks for
its own, also asks its server which program it runs under. Matplotlib keeps a list of the machine's
fonts below the home folder.
"""

from __future__ import annotations

import atexit
import os

FONTS = "MPLCONFIGDIR"


def send_nothing() -> None:
    """No reports of use to the libraries' makers; what the user has set stands."""
    for name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")


def keep_no_fonts() -> None:
    """Matplotlib's list lies in a folder that goes when the process ends.

    Where it has a folder already, for somebody's own work, that one is used.
    """
    if FONTS not in os.environ and not _has_fonts():
        import tempfile  # noqa: PLC0415 (not for who draws nothing)

        os.environ[FONTS] = tempfile.mkdtemp(prefix="affekt-fonts-")
        atexit.register(_remove, os.environ[FONTS], os.getpid())


def _has_fonts() -> bool:
    cache, config = os.environ.get("XDG_CACHE_HOME"), os.environ.get("XDG_CONFIG_HOME")
    parents = (cache or "~/.cache", config or "~/.config")
    folders = (*(f"{parent}/matplotlib" for parent in parents), "~/.matplotlib")
    # pathlib's own would raise where there is no home, or none that may be read
    return any(os.path.exists(os.path.expanduser(folder)) for folder in folders)  # noqa: PTH110, PTH111


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not a process that it has forked
        import shutil  # noqa: PLC0415 (likewise)

        shutil.rmtree(folder, ignore_errors=True)
