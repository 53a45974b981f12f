"""Which files of a folder are taken for pictures: by their suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

FORMATS: dict[str, str] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".png": "PNG",
    ".apng": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".gif": "GIF",
}
"""Suffixes of pictures, in lower case, each with Pillow's name of the format."""

ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF, GIF and AVIF pictures are accepted"

HEIF_PACKAGE = "pillow-heif"

NOT_REGULAR = "pipe or device"
"""What a folder's pipes, devices and sockets are counted as, which are never opened."""


@cache
def reads_avif() -> bool:
    """Whether this Pillow reads AVIF."""
    from PIL import features  # noqa: PLC0415 (loads the codec)

    return bool(features.check("avif"))


@cache
def reads_heif() -> bool:
    """Whether the package is installed that reads HEIC and HEIF."""
    return find_spec("pillow_heif") is not None


_OPTIONAL: dict[str, Callable[[], bool]] = {
    ".avif": reads_avif,
    ".heic": reads_heif,
    ".heif": reads_heif,
    ".hif": reads_heif,
}


def is_picture_name(name: str) -> bool:
    """Whether a file of a folder is taken for a picture: by its suffix, hidden ones never.

    >>> is_picture_name("IMG_1.JPG"), is_picture_name("notes.txt"), is_picture_name(".a.png")
    (True, False, False)
    """
    suffix = _suffix(name)
    known = suffix in FORMATS or (suffix in _OPTIONAL and _OPTIONAL[suffix]())
    return known and not name.startswith(".")


def kind_of_name(name: str) -> str:
    """What a file that is no picture is counted as: its suffix.

    >>> kind_of_name("IMG_1.MOV"), kind_of_name("README"), kind_of_name("a.b c")
    ('.mov', 'without a suffix', 'with an odd suffix')
    """
    suffix = _suffix(name)
    if len(suffix) < 2:
        return "without a suffix"
    if suffix in _OPTIONAL and suffix != ".avif":
        return f"{suffix} (the package {HEIF_PACKAGE} reads them)"
    return suffix if suffix[1:].isalnum() and len(suffix) < 12 else "with an odd suffix"


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122
