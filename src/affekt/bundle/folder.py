"""Bundles as folders: read and checked, written whole, found by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affekt.bundle.spec import INFO_FILE, MODEL_FILE, BundleInfo, describe, parse_info
from affekt.errors import BundleError, nearest
from affekt.files import file_sha256, write_atomically
from affekt.typed import MisfitError, parse_json

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
        if not path.is_file():
            raise BundleError(f"{folder}: the bundle's file {name} is missing")
        if file_sha256(path) != expected:
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
    if Path(name_or_folder).is_dir():
        return read_bundle(name_or_folder)
    known = bundle_folders()
    if str(name_or_folder) not in known:
        hint = nearest(str(name_or_folder), known)
        raise BundleError(
            f"no model {str(name_or_folder)!r}: give a bundle's folder or a name; {hint}"
        )
    return read_bundle(known[str(name_or_folder)])


def bundle_folders() -> dict[str, Path]:
    """Folders of the embedded and the user's bundles by name; the user's own win."""
    found: dict[str, Path] = {}
    for root in (EMBEDDED, user_models()):
        if root.is_dir():
            found |= {p.name: p for p in sorted(root.iterdir()) if (p / INFO_FILE).is_file()}
    return found


def user_models() -> Path:
    """Where the user's bundles lie: ``$AFFEKT_MODELS``, else ``~/.local/share/affekt/models``."""
    default = Path.home() / ".local" / "share" / "affekt" / "models"
    return Path(os.environ.get("AFFEKT_MODELS") or default)


def _load_json(folder: Path) -> Any:
    path = folder / INFO_FILE
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BundleError(f"{path}: {size} bytes; at most {MOST_BYTES} are read")
        return parse_json(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{folder}: not a bundle, it holds no {INFO_FILE}") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    except MisfitError as error:
        raise BundleError(f"{path}: {error}") from None
