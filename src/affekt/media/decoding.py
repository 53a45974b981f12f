"""Pillow's images as RGB, upright and on white, strip by strip to spare memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, _imaging

from affekt.media.arrays import (
    STRIP_PIXELS,
    ImageRgb,
    brightened,
    on_white,
    scaled,
    strips,
    white_of_large_values,
    white_of_sixteen_bits,
)

EXIF_LIMIT = 65_536
"""Bytes of an EXIF block that are looked at, which is all that JPEG allows for."""

BLOCK = 64 * 2**20
"""Bytes that Pillow allocates at a time: more than glibc's malloc ever keeps for itself, so that a
large picture's memory is the system's again as soon as it is done with, also in other threads."""

if "PILLOW_BLOCK_SIZE" not in os.environ:
    _imaging.set_block_size(BLOCK)

_Strip = Callable[[Image.Image], npt.NDArray[np.uint8]]


def decode(image: Image.Image) -> tuple[ImageRgb, str | None]:
    """The picture, and a note where it was brightened.

    Raises:
        Exception: codecs raise all sorts.
    """
    deep = _is_cut_to_eight_bits(image)
    image.load()  # turns a TIFF upright and drops its orientation: read that afterwards
    vars(image).pop("_decoder", None)  # WebP's and AVIF's hold the picture once more
    orientation = _orientation(image)
    convert, note = _conversion(image, deep)
    width, height = image.size
    if width * height <= STRIP_PIXELS:
        return np.ascontiguousarray(_TURNS[orientation](convert(image))), note
    upright = np.empty((width, height, 3) if orientation > 4 else (height, width, 3), np.uint8)
    as_stored = _TURNS[_BACK.get(orientation, orientation)](upright)
    for rows in strips(height, width):
        as_stored[rows] = convert(image.crop((0, rows.start, width, rows.stop)))
    return upright, note


def _conversion(image: Image.Image, deep: bool) -> tuple[_Strip, str | None]:
    """What makes RGB of any strip of this picture."""
    if image.mode.startswith(("I", "F")):
        white, note = _white(image)
        return lambda strip: _repeat(scaled(np.asarray(strip), white)), note
    if image.format == "BMP" and image.mode == "RGBA" and _extrema(image)[3] == (0, 0):
        return lambda strip: np.asarray(strip.convert("RGB")), None  # its alpha means nothing
    if deep and image.mode in ("RGB", "RGBA", "LA"):
        table = _brightening(image)
        if table is not None:
            note = f"{brightened(4095)}, in 16 steps"
            return lambda strip: _to_rgb(strip.point(table)), note
    return _to_rgb, None


def _to_rgb(strip: Image.Image) -> npt.NDArray[np.uint8]:
    if strip.has_transparency_data:
        return on_white(np.asarray(strip.convert("RGBA")))
    return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))


def _is_cut_to_eight_bits(image: Image.Image) -> bool:
    """Whether the file holds 16 bits of each colour, of which Pillow keeps the upper 8."""
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _brightening(image: Image.Image) -> list[int] | None:
    """A table for every channel that uses the lower 12 bits of 16; None where colours use all."""
    highest = [high for _, high in _extrema(image)]
    colours = highest[:-1] if image.mode in ("RGBA", "LA") else highest
    if max(colours) > 15:
        return None
    return [17 * i if high <= 15 and i <= 15 else i for high in highest for i in range(256)]


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """The lowest and highest value of each of several channels."""
    return list(cast("tuple[tuple[int, int], ...]", image.getextrema()))


def _white(image: Image.Image) -> tuple[float, str | None]:
    """White of a grey picture of over 8 bits, and the note on it."""
    width, height = image.size
    highest = 0.0
    for rows in strips(height, width):
        values = np.asarray(image.crop((0, rows.start, width, rows.stop)))
        if np.issubdtype(values.dtype, np.floating):
            values = values[np.isfinite(values)]
        highest = max(highest, float(values.max(initial=0)))
    if values.dtype.itemsize == 2:
        white = white_of_sixteen_bits(int(highest))
        return white, brightened(white)
    floats = np.issubdtype(values.dtype, np.floating)
    return white_of_large_values(highest, floats=floats), None


def _repeat(grey: npt.NDArray[np.uint8]) -> ImageRgb:
    return np.repeat(grey[..., None], 3, axis=2)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        block = image.info.get("exif")
        if isinstance(block, bytes) and len(block) > EXIF_LIMIT:
            image.info["exif"] = block[:EXIF_LIMIT]
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
"""What brings a picture of each EXIF orientation upright, as a view."""

_BACK = {6: 8, 8: 6}
"""The orientation whose turn undoes another's; all others undo themselves."""
