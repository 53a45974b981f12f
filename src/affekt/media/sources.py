"""What the words of a command line mean: files, folders, patterns and standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.errors import MediaError
from affekt.media.formats import ACCEPTED, FORMATS


@dataclass(frozen=True, slots=True)
class Source:
    """One picture to read.

    Attributes:
        name: what results and error lines call it.
        picture: the file, an encoded picture, or a decoded one.
    """

    name: str
    picture: str | Path | bytes | npt.NDArray[np.generic] | Image.Image


def expand_sources(sources: Sequence[str]) -> list[Source | MediaError]:
    """The pictures that the words of a command line mean, in a stable order.

    A folder means every picture in it and below, by suffix and in sorted order, hidden ones
    left out; a pattern with ``*``, ``?`` or ``[…]`` (``**`` for any depth) what it matches; ``-``
    the picture on standard input; anything else a file, whatever its suffix.

    Returns:
        For each picture its source; an error stands in the place of each folder or pattern
        without a picture and of each folder that cannot be read, so that the others go on.
    """
    return [found for source in sources for found in _expand(source)]


def _expand(source: str) -> Iterator[Source | MediaError]:
    if source == "-":
        yield Source("-", sys.stdin.buffer.read())
    elif Path(source).is_dir():
        yield from _folder(source)
    elif glob.has_magic(source) and not os.path.lexists(source):
        yield from _pattern(source)
    else:
        yield Source(source, source)


def _pattern(pattern: str) -> Iterator[Source | MediaError]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute patterns)
    files = [match for match in matches if not Path(match).is_dir() and _is_picture(match)]
    if not files:
        yield MediaError(f"{pattern}: the pattern matches no picture; {ACCEPTED}")
    yield from (Source(name, name) for name in files)


def _folder(folder: str) -> Iterator[Source | MediaError]:
    found = False
    for item in _walk(folder):
        found = True
        yield item
    if not found:
        yield MediaError(f"{folder}: the folder holds no picture; {ACCEPTED}")


def _walk(folder: str) -> Iterator[Source | MediaError]:
    failed: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if _is_picture(name):
                path = str(Path(parent, name))
                yield Source(path, path)
    for error in failed:
        yield MediaError(f"{error.filename}: the folder cannot be read ({error.strerror})")


def _is_picture(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in FORMATS and not path.name.startswith(".")
