"""Where the pictures of a manifest lie: below its root, and nowhere else.

A manifest may come from anybody, and what it names is opened and may be shown in a report. So its
rows name files below its root, without ``..``; and a link that leads out of the root is followed
only if the manifest says that it was made from such links.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from affekt.errors import DataError
from affekt.typed import shown

LINKS_KEY, LINKS_LEAD_OUT = "links", "lead out of the root"
"""What the metadata of a manifest says that was made from pictures behind such links."""


def location_problem(name: str) -> str | None:
    """Why a row may not name a file so, None where it may.

    >>> location_problem("a/b.jpg"), location_problem("../b.jpg")
    (None, "the path '../b.jpg' leads out of the manifest's root")
    """
    absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive
    if absolute or ".." in PurePosixPath(name.replace("\\", "/")).parts:
        return f"the path {shown(name)} leads out of the manifest's root"
    return f"the path {shown(name)} has a NUL in it" if "\0" in name else None


def leads_out(root: Path, name: str) -> bool:
    """Whether a link takes a file out of its root."""
    inside = os.path.realpath(root)
    return os.path.commonpath([inside, os.path.realpath(root / name)]) != inside


def locate(root: Path, name: str, *, links: bool) -> Path:
    """The file of a picture.

    Args:
        root: of the manifest.
        name: as a row gives it.
        links: whether the manifest says that links lead out of its root.

    Raises:
        DataError: the picture lies elsewhere.
    """
    problem = location_problem(name)
    if problem is None and not links and leads_out(root, name):
        problem = f"the path {shown(name)} is a link that leads out of the manifest's root"
    if problem:
        raise DataError(f"{problem} {root}: run `affekt prepare` again if this is meant")
    return root / name


class LinkWatch:
    """Notes, while rows are written, whether a link leads out of the root.

    Args:
        root: of the manifest that is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last: str | None = None
        self._found = False

    def see(self, name: str | None) -> None:
        """The picture of the next row."""
        if name is not None and name != self._last and not self._found:
            self._found = leads_out(self._root, name)
        self._last = name

    def metadata(self) -> dict[str, str]:
        """What the manifest must say of its links."""
        return {LINKS_KEY: LINKS_LEAD_OUT} if self._found else {}
