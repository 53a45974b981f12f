"""Checks a built wheel and source archive: what they hold, what they say of themselves, their size.

``make dist`` runs it, and then the demo from the wheel in an environment that holds nothing else.

    python tools/check_dist.py dist/
"""

from __future__ import annotations

import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "affekt"
MOST_MB = 60
"""Of the wheel: the package index itself takes 100 MB."""

NEVER = ("*.pyc", "*/__pycache__/*", "tests/*", "data/*", "runs/*", "*.ckpt", "*.safetensors", ".*")
LICENCES = {"LICENSE", *(str(p.relative_to(ROOT)) for p in PACKAGE.glob("weights/*/LICENSE"))}
SOURCES = {
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "pyproject.toml",
    "benchmarks/README.md", "configs/face.toml", "docs/models.md", "tests/conftest.py",
    "tools/check_dist.py",
}  # fmt: skip
"""Some of what one needs to build, test and change Affekt."""


def main() -> int:
    """Prints what is wrong, a line each; 1 if anything is."""
    folder = Path(sys.argv[1])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    wheel = folder / f"affekt-{version}-py3-none-any.whl"
    archive = folder / f"affekt-{version}.tar.gz"
    wrong = [*wheel_faults(wheel, version), *archive_faults(archive, version)]
    for line in wrong:
        print(f"check_dist: {line}", file=sys.stderr)
    if not wrong:
        print(f"{wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB) and {archive.name} are sound")
    return 1 if wrong else 0


def wheel_faults(path: Path, version: str) -> list[str]:
    """What is wrong with the wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        info = f"affekt-{version}.dist-info"
        said = wheel.read(f"{info}/METADATA")
        commands = wheel.read(f"{info}/entry_points.txt").decode()
    own = {f"affekt/{p.relative_to(PACKAGE).as_posix()}" for p in _files(PACKAGE)}
    needed = own | {f"{info}/licenses/{name}" for name in LICENCES}
    strange = {name for name in names - needed if not name.startswith(f"{info}/")}
    faults = [f"{path.name} lacks {name}" for name in sorted(needed - names)]
    faults += [f"{path.name} holds {name}" for name in sorted(strange | _never(names))]
    if path.stat().st_size > MOST_MB * 1e6:
        faults.append(f"{path.name} has over {MOST_MB} MB")
    if "affekt = affekt.cli:main" not in commands:
        faults.append(f"{path.name} installs no command affekt")
    return faults + [f"{path.name}: {line}" for line in metadata_faults(said, version)]


def archive_faults(path: Path, version: str) -> list[str]:
    """What is wrong with the source archive."""
    top = f"affekt-{version}"
    with tarfile.open(path) as archive:
        names = {str(PurePosixPath(m.name).relative_to(top)) for m in archive if m.isfile()}
        metadata = archive.extractfile(f"{top}/PKG-INFO")
        said = metadata.read() if metadata else b""
    needed = SOURCES | LICENCES | {str(p.relative_to(ROOT)) for p in _files(PACKAGE)}
    unwanted = {name for name in _never(names) if not name.startswith("tests/")} - {".gitignore"}
    faults = [f"{path.name} lacks {name}" for name in sorted(needed - names)]
    faults += [f"{path.name} holds {name}" for name in sorted(unwanted)]
    return faults + [f"{path.name}: {line}" for line in metadata_faults(said, version)]


def metadata_faults(text: bytes, version: str) -> list[str]:
    """What is wrong with what a package says of itself, beside what its standard refuses."""
    said = Metadata.from_email(text)  # raises where the standard is broken
    licences = [PurePosixPath(name) for name in said.license_files or ()]
    expected = {
        "version": (str(said.version), version),
        "licence": (said.license_expression, "Apache-2.0"),
        "licence files": ({*map(str, licences)}, LICENCES),
        "Python": (str(said.requires_python), ">=3.11"),
        "readme the project's": (said.description == (ROOT / "README.md").read_text(), True),
        "kind of readme": (said.description_content_type, "text/markdown"),
        "extras": ({*(said.provides_extra or ())} >= {"data", "train"}, True),
    }
    return [
        f"its {what} is {a!s:.80}, not {b!s:.80}" for what, (a, b) in expected.items() if a != b
    ]


def _never(names: Iterable[str]) -> set[str]:
    return {name for name in names if any(fnmatch(name, pattern) for pattern in NEVER)}


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


if __name__ == "__main__":
    sys.exit(main())
