"""Folders and all below them: each real folder once, whatever the links, the depth, the names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Listing:
    """One folder's names, sorted, hidden ones too.

    Attributes:
        path: of the folder.
        folders: names of folders and of links to folders; take out those not to enter.
        files: names of regular files and of links to them, also of links that lead nowhere.
        others: names of pipes, devices and sockets, which a walk never opens.
        error: why the folder cannot be read.
    """

    path: str
    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    error: OSError | None = None


def walk(root: str | Path, *, once: bool = True) -> Iterator[Listing]:
    """A folder and all below it, top down, each in sorted order; links to folders are followed.

    Nothing recurses, so that no depth is too great.

    Args:
        root: the folder.
        once: give each real folder once; its own name comes before those of links to it. Without
            it loops of links end only where the caller takes out their names.
    """
    seen: set[tuple[int, int]] = set()
    waiting, linked = [os.fspath(root)], list[str]()
    while waiting or linked:
        path = waiting.pop() if waiting else linked.pop(0)
        if once and not _first_time(path, seen):
            continue
        listing = _list(path)
        yield listing
        inner = [os.path.join(path, name) for name in listing.folders]  # noqa: PTH118
        links = [name for name in inner if once and os.path.islink(name)]  # noqa: PTH114
        linked += links
        waiting += [name for name in reversed(inner) if name not in links]


def _first_time(path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        found = os.stat(path or ".")  # noqa: PTH116
    except OSError:
        return True  # listing it says why it cannot be read
    key = (found.st_dev, found.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _list(path: str) -> Listing:
    listing = Listing(path)
    try:
        with os.scandir(path or ".") as entries:
            for entry in entries:
                _names(entry, listing).append(entry.name)
    except OSError as error:
        listing.error = error
    for names in (listing.folders, listing.files, listing.others):
        names.sort()
    return listing


def _names(entry: os.DirEntry[str], listing: Listing) -> list[str]:
    try:
        if entry.is_dir():
            return listing.folders
        if entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):  # noqa: PTH110
            return listing.files
    except OSError:
        return listing.files  # a link round in a circle: reading it says so
    return listing.others
