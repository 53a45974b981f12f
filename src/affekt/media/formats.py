"""Which files are pictures: by suffix where a folder is searched, by content where one is read."""

from __future__ import annotations

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
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".gif": "GIF",
}
"""Suffixes of pictures, in lower case, each with Pillow's name of the format."""

ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF and GIF pictures are accepted"


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
