"""Sets that are one folder of pictures per label, perhaps inside one folder per split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affekt.data.splits import Entry, digest_of, draw_splits
from affekt.errors import DataError
from affekt.labels import PRIMARY, parse_emotion
from affekt.media.formats import is_picture_name, kind_of_name
from affekt.media.walking import walk

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Names of folders that mean a split."""


def read_folders(root: Path) -> tuple[list[Entry], list[str]]:
    """Every picture of the set in a fixed order, and notes on what was passed over.

    Raises:
        DataError: no such folder, a folder whose name is no label, or no picture.
    """
    entries: list[Entry] = []
    passed = Counter[str]()
    for split, label, folder in _label_folders(root):
        for path in _files(folder):
            if is_picture_name(path.name):
                entries.append(Entry(path, label, split, digest_of(path)))
            else:
                passed[kind_of_name(path.name)] += 1
    if not entries:
        raise DataError(f"no picture in the label folders of {root}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
    return entries, [f"passed over files that are no pictures: {kinds}"] if kinds else []


def written(name: str) -> str:
    r"""A file's name as text: bytes that are not UTF-8 are spelt out.

    >>> written("é.png"), written("\udce9.png")
    ('é.png', '\\xe9.png')
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def with_drawn_splits(entries: Sequence[Entry], val: float, test: float, seed: int) -> list[Entry]:
    """The entries with a split each: shares are drawn from train for splits without a folder."""
    given = {entry.split for entry in entries}
    pool: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.split in (None, "train"):
            pool[entry.label or ""].append(entry.digest)
    drawn = draw_splits(
        pool, 0.0 if "val" in given else val, 0.0 if "test" in given else test, seed
    )
    return [
        replace(entry, split=drawn[entry.digest]) if entry.split in (None, "train") else entry
        for entry in entries
    ]


def _label_folders(root: Path) -> list[tuple[str | None, str, Path]]:
    tops = _folders(root)
    if not all(top.name.lower() in SPLIT_FOLDERS for top in tops):
        return [(None, _label_of(top), top) for top in tops]
    return [
        (SPLIT_FOLDERS[top.name.lower()], _label_of(inner), inner)
        for top in tops
        for inner in _folders(top)
    ]


def _folders(parent: Path) -> list[Path]:
    try:
        found = sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError as error:
        raise DataError(f"cannot read the folder {parent}: {error.strerror}") from error
    visible = [path for path in found if not path.name.startswith((".", "__"))]
    if not visible:
        raise DataError(f"no folder in {parent}: expected one per label ({', '.join(PRIMARY)})")
    return visible


def _label_of(folder: Path) -> str:
    try:
        return parse_emotion(folder.name)
    except DataError as error:
        raise DataError(f"folder {folder}: {error}") from error


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for listing in walk(folder):
        if listing.error is not None:
            reason = listing.error.strerror
            raise DataError(f"cannot read the folder {listing.path}: {reason}") from listing.error
        found += [Path(listing.path, name) for name in listing.files if not name.startswith(".")]
    return sorted(found)
