"""Bundles as folders: read and checked, written whole, found by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from affekt.bundle.spec import INFO_FILE, MODEL_FILE, BundleInfo, describe, parse_info
from affekt.errors import BundleError, nearest, path_advice
from affekt.files import file_sha256, is_file, tidy, write_atomically
from affekt.typed import MisfitError, parse_json, shown

EMBEDDED = Path(__file__).parents[1] / "weights"
CARD_FILE = "CARD.md"

MOST_BYTES = 2**24
"""Of a ``bundle.json``; those that ship have 33 kB."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose description was read and whose files were checked."""

    folder: Path
    info: BundleInfo

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE


def read_bundle(folder: str | Path) -> Bundle:
    """Reads a bundle and checks its version and every file's checksum.

    Raises:
        BundleError: no bundle there, an unknown version, a missing or changed file.
    """
    folder = Path(folder)
    info = parse_info(_load_json(folder), folder)
    for name, expected in info.files.items():
        path = folder / name
        if not is_file(path):
            raise BundleError(f"{folder}: the bundle's file {name} is missing")
        if _checksum(path) != expected:
            raise BundleError(f"{path}: checksum differs from {INFO_FILE}; fetch or export it anew")
    if MODEL_FILE not in info.files and not info.members:
        raise BundleError(f"{folder}: {INFO_FILE} lists no {MODEL_FILE}")
    return Bundle(folder, info)


def write_bundle(folder: str | Path, info: BundleInfo, files: Mapping[str, bytes]) -> Bundle:
    """Writes a bundle: its files, their checksums and the description, which comes last.

    Args:
        folder: made if it is missing.
        info: its ``files`` are filled in here.
        files: content by name, ``model.onnx`` (but not of an ensemble) and ``CARD.md`` at least.
    """
    folder = Path(folder)
    for needed in (MODEL_FILE, CARD_FILE):
        if needed not in files and not (needed == MODEL_FILE and info.members):
            raise BundleError(f"a bundle needs {needed}")
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    info = replace(info, files=checksums)
    description = describe(info)
    folder.mkdir(parents=True, exist_ok=True)
    tidy(folder)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, content)
    write_atomically(folder / INFO_FILE, description)
    return Bundle(folder, info)


def find_bundle(name_or_folder: str | Path) -> Bundle:
    """The bundle of that folder, or of that name among the user's and the embedded ones.

    Raises:
        BundleError: no such folder or name, or the bundle cannot be used.
    """
    if os.path.isdir(name_or_folder):  # noqa: PTH112 (as in `is_file`)
        return read_bundle(name_or_folder)
    known = bundle_folders()
    if str(name_or_folder) not in known:
        hint = path_advice(str(name_or_folder)) or nearest(str(name_or_folder), known)
        given = shown(str(name_or_folder))
        raise BundleError(f"no model {given}: give a bundle's folder or a name; {hint}")
    return read_bundle(known[str(name_or_folder)])


def bundle_folders() -> dict[str, Path]:
    """Folders of the embedded and the user's bundles by name; the user's own win.

    Raises:
        BundleError: the folder that ``$AFFEKT_MODELS`` names cannot be read.
    """
    found: dict[str, Path] = {}
    for root in reversed(model_roots()):
        found |= {p.name: p for p in _list(root) if is_file(p / INFO_FILE)}
    return found


def list_bundles() -> list[Bundle | BundleError]:
    """The embedded and the user's bundles; the error stands in the place of one that is broken.

    Raises:
        BundleError: the folder that ``$AFFEKT_MODELS`` names cannot be read.
    """
    return [_read_or_error(folder) for folder in bundle_folders().values()]


def model_roots() -> tuple[Path, ...]:
    """Where bundles are looked for by name, the user's own first."""
    own = user_models()
    return (EMBEDDED,) if own is None else (own, EMBEDDED)


def user_models() -> Path | None:
    """Where the user's bundles lie: ``$AFFEKT_MODELS``, else the system's place for user data.

    That is ``~/.local/share/affekt/models`` (or below ``$XDG_DATA_HOME``) on Linux.

    Returns:
        None for a user without a home, such as an unknown one in a container.
    """
    given = os.environ.get("AFFEKT_MODELS")
    if given:
        return Path(given)
    try:
        Path.home()
    except RuntimeError:
        return None
    return user_data_path("affekt", appauthor=False) / "models"


def _read_or_error(folder: Path) -> Bundle | BundleError:
    try:
        return read_bundle(folder)
    except BundleError as error:
        return error


def _list(root: Path) -> list[Path]:
    """What a folder holds; nothing where there is none, or where a home may not be read."""
    try:
        return sorted(root.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if os.environ.get("AFFEKT_MODELS"):
            raise BundleError(f"{root}: AFFEKT_MODELS names it ({error.strerror})") from None
        return []


def _checksum(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None


def _load_json(folder: Path) -> Any:
    path = folder / INFO_FILE
    try:
        size = path.stat().st_size
        if not is_file(path):
            raise BundleError(f"{path}: not a file")
        if size > MOST_BYTES:
            raise BundleError(f"{path}: {size} bytes; at most {MOST_BYTES} are read")
        return parse_json(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{folder}: not a bundle, it holds no {INFO_FILE}") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    except MisfitError as error:
        raise BundleError(f"{path}: {error}") from None
