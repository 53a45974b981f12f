"""Pictures in and out: the only place that knows EXIF, codecs and colour orders."""

from __future__ import annotations

import glob
import io
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from affekt.errors import MediaError, OutputError, PictureTooLargeError
from affekt.geometry import FloatArray, compose

ImageRgb = npt.NDArray[np.uint8]
"""A picture of shape (height, width, 3), RGB, 0 to 255."""

PIXEL_LIMIT = 100_000_000
"""Pictures with more pixels are refused before they are decoded (300 MB once decoded)."""

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


@dataclass(frozen=True, slots=True)
class Source:
    """One picture to read.

    Attributes:
        name: what results and error lines call it.
        picture: the file, an encoded picture, or a decoded one.
    """

    name: str
    picture: str | Path | bytes | npt.NDArray[np.generic] | Image.Image


def read_picture(
    source: str | Path | bytes, *, max_pixels: int = PIXEL_LIMIT, name: str | None = None
) -> ImageRgb:
    """Reads a picture file, or an encoded picture from memory; of an animation the first frame.

    The kind is told by content, never by suffix. EXIF rotation is applied, transparency is laid
    on white, and more than 8 bits per channel are scaled to 8.

    Args:
        source: a path, or the bytes of an encoded picture.
        max_pixels: a picture with more is refused from its header, before it is decoded.
        name: what error lines call the picture; the path, or ``<bytes>``, by default.

    Returns:
        Shape (height, width, 3), RGB, 0 to 255.

    Raises:
        MediaError: missing, empty, damaged or of an unknown kind.
        PictureTooLargeError: more than ``max_pixels``.
    """
    if name is None:
        name = "<bytes>" if isinstance(source, bytes) else str(source)
    with _open_stream(source, name) as stream:
        kind = _picture_class(stream, name)
        try:
            image = kind(stream, name)
            _check_pixels(image, max_pixels, name)
            return _decode(image)
        except MediaError:
            raise
        except (Exception, Image.DecompressionBombError) as error:  # codecs raise all sorts
            raise MediaError(f"{name}: damaged {kind.format} picture ({_line(error)})") from None


def to_rgb(image: Image.Image | npt.NDArray[np.generic]) -> ImageRgb:
    """A decoded picture of any kind as RGB, 0 to 255.

    Args:
        image: a Pillow image (its EXIF rotation is applied), or an array of shape (h, w),
            (h, w, 1), (h, w, 3) in RGB order or (h, w, 4) with alpha; uint8, bool, uint16
            (0 to 65535) or float (0 to 1).

    Returns:
        Shape (height, width, 3). Transparency is laid on white.

    Raises:
        MediaError: an array of another shape, type or range, or a damaged Pillow image.

    >>> to_rgb(np.full((1, 1), 0.2)).tolist()
    [[[51, 51, 51]]]
    """
    if not isinstance(image, Image.Image):
        return _array_to_rgb(np.asarray(image))
    try:
        return _decode(image)
    except Exception as error:  # codecs raise all sorts
        raise MediaError(f"<image>: damaged picture ({_line(error)})") from None


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


def write_picture(path: str | Path, image_rgb: ImageRgb) -> None:
    """Writes a picture in the format of the path's suffix; a failure leaves no half file.

    Args:
        path: its folder is made if it is missing.
        image_rgb: shape (height, width, 3).

    Raises:
        OutputError: an unknown suffix, or the file cannot be written.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path}: unknown picture suffix; use one of {' '.join(FORMATS)}")
    encoded = io.BytesIO()
    Image.fromarray(image_rgb).save(encoded, kind, quality=92)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(encoded.getbuffer())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def warp(
    image_rgb: ImageRgb, matrix: FloatArray, size: int, fill: tuple[int, int, int] = (0, 0, 0)
) -> ImageRgb:
    """A square of ``size`` pixels sampled from a picture, antialiased when it shrinks.

    Args:
        image_rgb: shape (height, width, 3).
        matrix: shape (2, 3), from pixels of the result to pixels of the picture; it may turn,
            mirror and stretch, see `affekt.geometry.crop_matrix`.
        size: side of the result in pixels.
        fill: RGB of what lies outside the picture.

    Returns:
        Shape (size, size, 3).
    """
    scales = [max(1.0, float(scale)) for scale in np.linalg.norm(matrix[:, :2], axis=1)]
    image, matrix = _cut(image_rgb, matrix, size, max(scales), fill)
    shrinks = max(scales) > 1
    if shrinks:
        small = (max(1, round(image.width / scales[0])), max(1, round(image.height / scales[1])))
        shrink = np.array(
            [[small[0] / image.width, 0, 0], [0, small[1] / image.height, 0]], dtype=np.float64
        )
        image = image.resize(small, Image.Resampling.BILINEAR, reducing_gap=2.0)
        matrix = compose(shrink, matrix)
    resample = Image.Resampling.BILINEAR if shrinks else Image.Resampling.BICUBIC
    warped = image.transform(
        (size, size),
        Image.Transform.AFFINE,
        tuple(matrix.ravel().tolist()),
        resample=resample,
        fillcolor=fill,
    )
    return np.asarray(warped)


def _cut(
    image_rgb: ImageRgb, matrix: FloatArray, size: int, scale: float, fill: tuple[int, int, int]
) -> tuple[Image.Image, FloatArray]:
    """The upright part of the picture that the square needs, and the matrix into that part."""
    corners = matrix @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    border = 2 * math.ceil(scale)
    x1, y1 = (int(v) - border for v in np.floor(corners.min(axis=1)))
    x2, y2 = (int(v) + border for v in np.ceil(corners.max(axis=1)))
    inside = image_rgb[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    part = Image.new("RGB", (x2 - x1, y2 - y1), fill)
    if inside.size:
        part.paste(Image.fromarray(inside), (max(-x1, 0), max(-y1, 0)))
    shifted = matrix.copy()
    shifted[:, 2] -= (x1, y1)
    return part, shifted


def resize(image_rgb: ImageRgb, width: int, height: int) -> ImageRgb:
    """The picture at another size, antialiased when it shrinks."""
    image = Image.fromarray(image_rgb)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _open_stream(source: str | Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return Path(source).open("rb")
    except FileNotFoundError:
        raise MediaError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise MediaError(f"{name}: is a folder, not a picture") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read ({_line(error)})") from None


def _picture_class(stream: BinaryIO, name: str) -> type[ImageFile.ImageFile]:
    """Pillow's reader for the content.

    Named here one by one because `PIL.Image.open` warns and refuses by a limit of its own.
    """
    try:
        head = stream.read(16)
        stream.seek(0)
    except OSError as error:
        raise MediaError(f"{name}: cannot be read ({_line(error)})") from None
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


def _check_pixels(image: Image.Image, max_pixels: int, name: str) -> None:
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise PictureTooLargeError(
            f"{name}: {image.width} x {image.height} = {pixels:,} pixels, over the limit of "
            f"{max_pixels:,}; raise it with --max-pixels (max_pixels in Python)"
        )


def _decode(image: Image.Image) -> ImageRgb:
    image.load()  # turns a TIFF upright and drops its orientation: read that afterwards
    orientation = _orientation(image)
    if image.mode.startswith(("I", "F")):
        rgb = _repeat(_eight_bits(np.asarray(image)))
    elif image.has_transparency_data:
        rgb = _on_white(np.asarray(image.convert("RGBA")))
    else:
        plain = image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
        rgb = np.asarray(plain)
    return np.ascontiguousarray(_TURNS[orientation](rgb))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not make the picture unreadable
        return 1
    return value if value in _TURNS else 1


_EXIF_ORIENTATION = 0x0112
_TURNS: dict[int, Callable[[ImageRgb], ImageRgb]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
"""What brings a picture of each EXIF orientation upright."""


def _array_to_rgb(array: npt.NDArray[np.generic]) -> ImageRgb:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise MediaError(
            f"<array>: shape {array.shape}; a picture is (height, width), or (height, width, "
            "channels) with 1, 3 (RGB) or 4 (RGBA) channels"
        )
    eight = _array_eight_bits(array)
    if eight.shape[2] == 4:
        return _on_white(eight)
    return eight if eight.shape[2] == 3 else _repeat(eight[..., 0])


def _array_eight_bits(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return _scale(array, 65535.0)
    if not np.issubdtype(array.dtype, np.floating):
        raise MediaError(f"<array>: type {array.dtype}; give uint8, bool, uint16 or float")
    low, high = float(np.min(array.real)), float(np.max(array.real))
    if not (low >= 0 and high <= 1):
        raise MediaError(f"<array>: floats from {low:g} to {high:g}; a float picture is 0 to 1")
    return _scale(array, 1.0)


def _eight_bits(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Grey of 16 bits scaled to 8; of 32 bits from the least usual white that holds it all.

    32-bit pictures do not say what white is: 1 (floats only), 255, 65535 or their own maximum.
    """
    if grey.dtype.itemsize == 2:
        return _scale(grey, 65535.0)
    values = np.nan_to_num(grey.astype(np.float64), posinf=0.0, neginf=0.0)
    highest = float(values.max())
    usual = (1.0, 255.0, 65535.0) if np.issubdtype(grey.dtype, np.floating) else (255.0, 65535.0)
    return _scale(values, next((white for white in usual if highest <= white), highest))


def _scale(values: npt.NDArray[np.generic], white: float) -> npt.NDArray[np.uint8]:
    scaled: npt.NDArray[np.float32] = np.rint(values.astype(np.float32) * np.float32(255.0 / white))
    return scaled.clip(0, 255).astype(np.uint8)


def _on_white(rgba: npt.NDArray[np.uint8]) -> ImageRgb:
    image = Image.fromarray(rgba)
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return np.array(white)


def _repeat(grey: npt.NDArray[np.uint8]) -> ImageRgb:
    return np.dstack([grey, grey, grey])


def _line(error: BaseException) -> str:
    """An error of another library in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


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
