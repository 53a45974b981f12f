"""The files that a command reads, for outputs not to overwrite them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def given(*paths: Path | None) -> list[Path]:
    """The options that were given.

    >>> [path.name for path in given(Path("a.onnx"), None)]
    ['a.onnx']
    """
    return [path for path in paths if path is not None]


def bundle_files(*models: str) -> Iterator[Path]:
    """Every file of bundles, by name or folder; nothing for one that is not there."""
    from affekt.bundle import bundle_folders  # noqa: PLC0415

    for model in models:
        folder = Path(model) if Path(model).is_dir() else bundle_folders().get(model)
        if folder is not None:
            yield from files_below(folder)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below; the file itself where it is one."""
    if folder.is_file():
        yield folder
    yield from (path for path in folder.rglob("*") if path.is_file())
