"""What kind of picture some bytes are, told by content, and how each kind is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from affekt.media.formats import ACCEPTED, HEIF_PACKAGE, reads_avif, reads_heif
from affekt.media.guards import Guard, no_guard
from affekt.media.guards.bmp import guard_bmp
from affekt.media.guards.gif import guard_gif
from affekt.media.guards.jpeg import guard_jpeg
from affekt.media.guards.png import guard_png
from affekt.media.guards.tiff import guard_tiff
from affekt.media.guards.webp import guard_webp
from affekt.media.native import silence_libtiff

Open = Callable[[BinaryIO], ImageFile.ImageFile]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of picture.

    Attributes:
        name: of the format.
        open: Pillow's reader, which reads the header. Named here one by one because
            `PIL.Image.open` warns and refuses by a limit of its own.
        guard: see `affekt.media.guards`.
        weight: how many times its pixels count against the limit, for a decoder that takes that
            much more memory than others.
    """

    name: str
    open: Open
    guard: Guard = no_guard
    weight: float = 1.0


def kind_of(stream: BinaryIO) -> Kind:
    """The kind of the picture that a stream holds from its first byte on.

    Raises:
        MediaError: nothing, or no kind that is read; what it is, where that is known.
        OSError: it cannot be read.
    """
    stream.seek(0)
    head = stream.read(64)
    stream.seek(0)
    if not head:
        raise MediaError(f"the file is empty; {ACCEPTED}")
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _WEBP
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise MediaError(f"{what}, which is not read; {ACCEPTED}")
    raise MediaError(f"not a picture; {ACCEPTED}")


def _of_brands(head: bytes) -> Kind:
    """The kind of a file in the container that AVIF, HEIC and videos share."""
    end = min(len(head), int.from_bytes(head[:4], "big"))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        if not reads_avif():
            raise MediaError("an AVIF picture, which this Pillow does not read; save it as PNG")
        return _AVIF
    if brands & _HEIF_BRANDS:
        if not reads_heif():
            raise MediaError(
                f"a HEIC picture; install the package {HEIF_PACKAGE} to read it (pip install "
                f"{HEIF_PACKAGE}), or save it as JPEG"
            )
        return _HEIF
    if b"crx " in brands:
        raise MediaError(f"a raw picture of a camera, which is not read; {ACCEPTED}")
    raise MediaError(f"a video (MP4, MOV or the like), which is not read; {ACCEPTED}")


def _open_tiff(stream: BinaryIO) -> ImageFile.ImageFile:
    silence_libtiff()
    return TiffImagePlugin.TiffImageFile(stream)


def _open_avif(stream: BinaryIO) -> ImageFile.ImageFile:
    from PIL.AvifImagePlugin import AvifImageFile  # noqa: PLC0415 (loads the codec)

    return AvifImageFile(stream)


def _open_heif(stream: BinaryIO) -> ImageFile.ImageFile:
    from pillow_heif import HeifImageFile  # noqa: PLC0415 (an optional package)

    image: ImageFile.ImageFile = HeifImageFile(stream)
    return image


_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_WEBP = Kind("WEBP", WebPImagePlugin.WebPImageFile, guard_webp, weight=2.0)
_AVIF = Kind("AVIF", _open_avif)
_HEIF = Kind("HEIC", _open_heif)
_TIFF = Kind("TIFF", _open_tiff, guard_tiff)
_GIF = Kind("GIF", GifImagePlugin.GifImageFile, guard_gif)
_KINDS: dict[bytes, Kind] = {
    b"\xff\xd8\xff": Kind("JPEG", JpegImagePlugin.JpegImageFile, guard_jpeg),
    b"\x89PNG\r\n\x1a\n": Kind("PNG", PngImagePlugin.PngImageFile, guard_png),
    b"BM": Kind("BMP", BmpImagePlugin.BmpImageFile, guard_bmp),
    b"II*\x00": _TIFF,
    b"MM\x00*": _TIFF,
    b"II+\x00": _TIFF,
    b"MM\x00+": _TIFF,
    b"GIF87a": _GIF,
    b"GIF89a": _GIF,
}
_OTHERS: dict[bytes, str] = {
    b"\xff\x0a": "a JPEG XL picture",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 picture",
    b"8BPS": "a Photoshop document",
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"\x1aE\xdf\xa3": "a video (Matroska or WebM)",
    b"\x00\x00\x01\x00": "an icon",
    b"\x93NUMPY": "a NumPy array",
    b"PK\x03\x04": "a ZIP archive",
    b"version https://git-lfs": "a pointer of Git LFS (git lfs pull brings the picture)",
}
