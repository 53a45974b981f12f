"""Sets that are one folder of pictures per label, perhaps inside one folder per split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affekt.data.sets.naming import FolderNames, split_of, visible, written
from affekt.data.sets.splits import Entry, digest_of, draw_splits
from affekt.errors import DataError, UsageError
from affekt.labels import PRIMARY
from affekt.media.formats import NOT_REGULAR, is_picture_name, kind_of_name
from affekt.media.walking import walk

EXACTLY_LABELS = FolderNames()
"""Folders are named by labels and splits alone."""


def read_folders(root: Path, names: FolderNames = EXACTLY_LABELS) -> tuple[list[Entry], list[str]]:
    """Every picture of the set in a fixed order, and notes on what was passed over.

    Args:
        root: holds the folders of labels, or of splits that hold them. A folder of a split inside
            one of a label counts as well.
        names: what the folders' names mean.

    Raises:
        DataError: no such folder, a folder whose name is no label, or no picture.
        UsageError: a folder to pass over that is not there.
    """
    entries: list[Entry] = []
    passed = Counter[str]()
    for split, label, folder in _label_folders(root, names):
        for path in _files(folder, passed):
            if is_picture_name(path.name):
                inner = split or _inner_split(path.relative_to(folder))
                entries.append(Entry(path, label, inner, digest_of(path)))
            else:
                passed[kind_of_name(path.name)] += 1
    if not entries:
        raise DataError(f"no picture in the label folders of {written(root)}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
    notes = [f"passed over files that are no pictures: {kinds}"] if kinds else []
    if names.skip:
        _refuse_unknown(root, names)
        notes.append(f"passed over folders named by --skip: {', '.join(names.skip)}")
    if names.labels:
        meant = ", ".join(f"{name} = {label}" for name, label in names.labels.items())
        notes.append(f"folders named by --labels: {meant}")
    return entries, notes


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


def _label_folders(root: Path, names: FolderNames) -> list[tuple[str | None, str, Path]]:
    tops = _folders(root, names)
    if not all(split_of(top) for top in tops):
        return [(None, names.label_of(top), top) for top in tops]
    return [
        (split_of(top), names.label_of(inner), inner)
        for top in tops
        for inner in _folders(top, names)
    ]


def _refuse_unknown(root: Path, names: FolderNames) -> None:
    tops = _folders(root, FolderNames())
    there = {path.name.casefold() for top in tops for path in (top, *top.iterdir())}
    for name in names.skip:
        if name.casefold() not in there:
            raise UsageError(f"--skip {name}: no such folder in {written(root)}")


def _inner_split(inside: Path) -> str | None:
    """The split that a picture's place inside its label's folder says."""
    return split_of(Path(inside.parts[0])) if len(inside.parts) > 1 else None


def _folders(parent: Path, names: FolderNames) -> list[Path]:
    try:
        found = visible((path for path in parent.iterdir() if path.is_dir()), names.skip)
    except OSError as error:
        raise DataError(f"cannot read the folder {written(parent)}: {error.strerror}") from error
    if not found:
        accepted = ", ".join(PRIMARY)
        raise DataError(f"no folder in {written(parent)}: expected one per label ({accepted})")
    return found


def _files(folder: Path, passed: Counter[str]) -> list[Path]:
    found: list[Path] = []
    for listing in walk(folder):
        if listing.error is not None:
            reason = listing.error.strerror
            raise DataError(f"cannot read the folder {listing.path}: {reason}") from listing.error
        passed.update([NOT_REGULAR] * len(listing.others))
        found += [Path(listing.path, name) for name in listing.files if not name.startswith(".")]
    return sorted(found)
