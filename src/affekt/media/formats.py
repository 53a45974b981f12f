"""Which files are pictures: by suffix where a folder is searched, by content where one is read."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from affekt.errors import MediaError

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

ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF and GIF pictures are accepted"


def is_picture_name(name: str) -> bool:
    """Whether a file of a folder is taken for a picture: by its suffix, hidden ones never.

    >>> is_picture_name("IMG_1.JPG"), is_picture_name("notes.txt"), is_picture_name(".a.png")
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in FORMATS and not name.startswith(".")  # noqa: PTH122


def kind_of_name(name: str) -> str:
    """What a file that is no picture is counted as: its suffix.

    >>> kind_of_name("IMG_1.HEIC"), kind_of_name("README"), kind_of_name("a.b c")
    ('.heic', 'without a suffix', 'with an odd suffix')
    """
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    if len(suffix) < 2:
        return "without a suffix"
    return suffix if suffix[1:].isalnum() and len(suffix) < 12 else "with an odd suffix"


def picture_class(stream: BinaryIO, name: str) -> type[ImageFile.ImageFile]:
    """Pillow's reader for the content.

    Named here one by one because `PIL.Image.open` warns and refuses by a limit of its own.
    """
    try:
        head = stream.read(16)
        stream.seek(0)
    except OSError as error:
        raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
    if not head:
        raise MediaError(f"{name}: the file is empty; {ACCEPTED}")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    raise MediaError(f"{name}: not a picture; {ACCEPTED}")


_MAGIC: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
    b"II*\x00": TiffImagePlugin.TiffImageFile,
    b"MM\x00*": TiffImagePlugin.TiffImageFile,
    b"II+\x00": TiffImagePlugin.TiffImageFile,
    b"MM\x00+": TiffImagePlugin.TiffImageFile,
    b"GIF87a": GifImagePlugin.GifImageFile,
    b"GIF89a": GifImagePlugin.GifImageFile,
}


def error_line(error: BaseException) -> str:
    """An error of another library in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
