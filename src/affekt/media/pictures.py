"""Pictures in: files and encoded or decoded pictures of every kind as RGB, upright."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.errors import MediaError, PictureTooLargeError, PictureWarning
from affekt.media.arrays import ImageRgb, array_to_rgb
from affekt.media.decoding import decode
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
            image_rgb, note = decode(image)
        except MediaError:
            raise
        except (Exception, Image.DecompressionBombError) as error:  # codecs raise all sorts
            raise MediaError(
                f"{name}: damaged {kind.format} picture ({error_line(error)})"
            ) from None
    _tell(name, note)
    return image_rgb


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
        try:
            image_rgb, note = array_to_rgb(np.asarray(image))
        except MediaError as error:
            raise MediaError(f"<array>: {error}") from None
        _tell("<array>", note)
        return image_rgb
    try:
        image_rgb, note = decode(image)
    except Exception as error:  # codecs raise all sorts
        raise MediaError(f"<image>: damaged picture ({error_line(error)})") from None
    _tell("<image>", note)
    return image_rgb


def _check_pixels(image: Image.Image, max_pixels: int, name: str) -> None:
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise PictureTooLargeError(
            f"{name}: {image.width} x {image.height} = {pixels:,} pixels, over the limit of "
            f"{max_pixels:,}; raise it with --max-pixels (max_pixels in Python)"
        )


def _tell(name: str, note: str | None) -> None:
    if note is not None:
        warnings.warn(f"{name}: {note}", PictureWarning, stacklevel=3)
