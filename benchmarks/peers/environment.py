"""The environments of the benchmarks: built once from the package index, under ``build/``."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@dataclass(frozen=True, slots=True)
class Peer:
    """A package to compare with.

    Attributes:
        name: on the package index.
        version: the one measured.
        needs: what it needs to run, in place of its own requirements.
        worker: the script that drives it in its environment, see `peers.worker`.
        on_index: False where ``needs`` holds the package itself.
    """

    name: str
    version: str
    needs: tuple[str, ...]
    worker: str
    on_index: bool = True

    def python(self) -> Path:
        """The Python of its environment, which is built if it is not there."""
        folder = BUILD / "peers" / self.name
        built = folder / f".built-{self.version}"
        if not built.exists():
            python = make_environment(folder)
            pip(python, *self.needs)
            if self.on_index:
                pip(python, "--no-deps", f"{self.name}=={self.version}")
            built.touch()
        return python_of(folder)


PEERS = {
    "fer": Peer(
        name="fer",
        version="25.10.3",
        # Its requirements also ask for torch and any OpenCV; it uses neither torch nor OpenCV 5.
        needs=(
            "tensorflow>=2.20,<3",
            "opencv-python-headless>=4.10,<5",
            "setuptools<81",
            "pandas",
            "pillow",
            "requests",
            "tqdm",
        ),
        worker="fer_worker.py",
    )
}
"""Packages that install from the index with their weights inside."""


def earlier(checkout: Path) -> Peer:
    """An earlier Affekt, named by the commit of its checkout."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return Peer("earlier", commit, (str(checkout),), "affekt_worker.py", on_index=False)


def core_environment() -> Path:
    """The Python of a fresh environment with this checkout, as users install it without extras."""
    python = make_environment(BUILD / "benchmarks" / "core")
    pip(python, str(ROOT))
    return python


def make_environment(folder: Path) -> Path:
    """An empty environment; its Python."""
    say(f"building {folder.relative_to(ROOT)} from the package index")
    venv.create(folder, with_pip=True, clear=True)
    return python_of(folder)


def python_of(folder: Path) -> Path:
    """The Python of an environment."""
    windows = folder / "Scripts" / "python.exe"
    return windows if sys.platform == "win32" else folder / "bin" / "python"


def pip(python: Path, *arguments: str) -> None:
    """Runs pip install, and stops with its own words where that fails."""
    command: Sequence[str] = [str(python), "-m", "pip", "install", "-q", *arguments]
    subprocess.run([*command, "--disable-pip-version-check"], check=True, stdout=sys.stderr)


def size_mb(python: Path) -> float:
    """What an environment takes on disk, in 10^6 bytes of files; links count nothing."""
    files = (path for path in python.parents[1].rglob("*") if not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.is_file()) / 1e6


def say(line: str) -> None:
    """A line of progress."""
    print(f"benchmark: {line}", file=sys.stderr, flush=True)
