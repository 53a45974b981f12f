"""The files that a command reads, so that no output overwrites them, and those of a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from affekt.output.sink import STDOUT


def given(*paths: Path | None) -> list[Path]:
    """The options that were given.

    >>> [path.name for path in given(Path("a.onnx"), None)]
    ['a.onnx']
    """
    return [path for path in paths if path is not None]


def named_outputs(output: str, **options: Path | None) -> dict[str, str | Path]:
    """The files that options ask for, by the option; ``-`` is none.

    >>> list(named_outputs("-", plot=Path("a.png"), table=None))
    ['--plot']
    """
    named: dict[str, str | Path] = {} if output == STDOUT else {"--output": output}
    return named | {f"--{name}": path for name, path in options.items() if path is not None}


def bundle_files(*models: str) -> Iterator[Path]:
    """Every file of bundles, by name or folder; nothing for one that is not there."""
    from affekt.bundle import bundle_folders  # noqa: PLC0415

    for model in models:
        folder = Path(model) if Path(model).is_dir() else bundle_folders().get(model)
        if folder is not None and (folder / "bundle.json").is_file():
            yield from files_below(folder)


def manifest_files(*manifests: Path) -> Iterator[Path]:
    """Manifests' own files, then every picture that they name."""
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.data.manifests.parquet import manifest_file  # noqa: PLC0415

    yield from map(manifest_file, manifests)
    for path in manifests:
        opened = Manifest.open(path)
        yield from (opened.root / row.medium for row in opened.rows() if row.medium)


def recipe_files(recipe: Mapping[str, Any]) -> Iterator[Path]:
    """Every file that a recipe names, manifests given by their folders among them."""
    for value in _strings(recipe):
        path = Path(value)
        if path.is_file():
            yield path
        elif (path / "manifest.parquet").is_file():
            yield path / "manifest.parquet"


def bundle_outputs(folder: Path) -> dict[str, Path]:
    """What may be overwritten where a bundle is written, by the words for an error line."""
    kinds = ("onnx", "json", "md", "safetensors")
    found = [path for kind in kinds for at in ("", "*/") for path in folder.glob(f"{at}*.{kind}")]
    return {f"--out {folder}: {path}": path for path in found}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _strings(inner))
    elif isinstance(value, list | tuple):
        yield from (text for inner in value for text in _strings(inner))


def files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below; the file itself where it is one."""
    if folder.is_file():
        yield folder
    yield from (path for path in folder.rglob("*") if path.is_file())
