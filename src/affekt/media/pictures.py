"""Pictures in: files and encoded or decoded pictures of every kind as RGB, upright."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.errors import MediaError, PictureTooLargeError
from affekt.media.arrays import ImageRgb, array_to_rgb, eight_bits, on_white, repeat
from affekt.media.formats import error_line, picture_class
from affekt.media.quiet import without_codec_warnings
from affekt.media.streams import open_stream

PIXEL_LIMIT = 100_000_000
"""Pictures with more pixels are refused before they are decoded (300 MB once decoded)."""


@without_codec_warnings()
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
    with open_stream(source, name) as stream:
        kind = picture_class(stream, name)
        try:
            image = kind(stream, name)
            _check_pixels(image, max_pixels, name)
            return _decode(image)
        except MediaError:
            raise
        except (Exception, Image.DecompressionBombError) as error:  # codecs raise all sorts
            raise MediaError(
                f"{name}: damaged {kind.format} picture ({error_line(error)})"
            ) from None


@without_codec_warnings()
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
        return array_to_rgb(np.asarray(image))
    try:
        return _decode(image)
    except Exception as error:  # codecs raise all sorts
        raise MediaError(f"<image>: damaged picture ({error_line(error)})") from None


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
        rgb = repeat(eight_bits(np.asarray(image)))
    elif image.has_transparency_data:
        rgb = on_white(np.asarray(image.convert("RGBA")))
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
