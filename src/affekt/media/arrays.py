"""Values of pictures: arrays of every type to RGB of 8 bits, strip by strip to spare memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.arrays import FloatArray32
from affekt.errors import MediaError

ImageRgb = npt.NDArray[np.uint8]
"""A picture of shape (height, width, 3), RGB, 0 to 255."""

Values = npt.NDArray[np.generic]

STRIP_PIXELS = 1_000_000
"""Pictures with more pixels are converted in strips of so many."""

ROUNDING = 1 / 255
"""How far floats may lie outside 0 to 1: resizing and half precision overshoot."""


def array_to_rgb(array: Values) -> tuple[ImageRgb, str | None]:
    """An array as RGB, see `affekt.media.to_rgb`, and a note where it was brightened.

    Raises:
        MediaError: another shape, type or range; it does not name the picture.
    """
    array = _with_channels(array)
    if array.dtype == np.uint8 and array.shape[2] == 3:
        return array.astype(np.uint8, copy=False), None
    _check_type(array)
    colours, alpha = (array, None) if array.shape[2] < 4 else (array[..., :3], array[..., 3])
    white = _white_of_array(colours)
    if alpha is not None and not np.any(alpha):
        alpha = None  # often a fourth channel is there for the alignment alone
    image_rgb = np.empty((*array.shape[:2], 3), np.uint8)
    for rows in strips(*array.shape[:2]):
        strip = scaled(colours[rows], white)
        if alpha is not None:
            opacity = scaled(alpha[rows], _white_of_array(alpha))
            strip = on_white(np.dstack([strip, opacity]))
        image_rgb[rows] = strip
    return image_rgb, brightened(white) if array.dtype == np.uint16 else None


def strips(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture in strips of about `STRIP_PIXELS`.

    >>> [(rows.start, rows.stop) for rows in strips(5, 500_000)]
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, STRIP_PIXELS // max(1, width))
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def white_of_sixteen_bits(highest: int) -> int:
    """What is white in a picture of 16 bits whose highest value is this.

    Cameras and microscopes put 8, 10 or 12 bits into 16 without saying so. Such a picture would
    be black; one of 16 bits with nothing over a sixteenth of white hardly exists.

    >>> [white_of_sixteen_bits(highest) for highest in (200, 1000, 4095, 4096)]
    [255, 1023, 4095, 65535]
    """
    return next((white for white in (255, 1023, 4095) if highest <= white), 65535)


def brightened(white: float) -> str | None:
    """The note on a picture of 16 bits that uses fewer; None where it uses them.

    >>> brightened(4095)
    '16 bits per value, of which 12 are used: read as 12 bits, 16 times as bright'
    """
    if white >= 65535:
        return None
    bits = round(white).bit_length()
    return (
        f"16 bits per value, of which {bits} are used: read as {bits} bits, "
        f"{2 ** (16 - bits)} times as bright"
    )


def white_of_large_values(highest: float, *, floats: bool) -> float:
    """The least usual white that holds every value of 32 bits, which do not say what white is.

    >>> white_of_large_values(0.7, floats=True), white_of_large_values(300.0, floats=False)
    (1.0, 65535.0)
    """
    usual = (1.0, 255.0, 65535.0) if floats else (255.0, 65535.0)
    return next((white for white in usual if highest <= white), highest)


def scaled(values: Values, white: float) -> npt.NDArray[np.uint8]:
    """Values from 0 to white as 0 to 255; what is no number is 0."""
    if values.dtype == np.uint8 and white == 255:
        return values.astype(np.uint8, copy=False)
    with np.errstate(invalid="ignore"):  # a NaN of the kind that signals would warn
        eight: FloatArray32 = values.astype(np.float32)
        eight *= np.float32(255.0 / white)
    if np.issubdtype(values.dtype, np.floating):
        np.nan_to_num(eight, copy=False, posinf=0.0, neginf=0.0)
    return np.rint(eight, out=eight).clip(0, 255, out=eight).astype(np.uint8)


def on_white(rgba: npt.NDArray[np.uint8]) -> ImageRgb:
    """Red, green, blue and alpha, shape (height, width, 4), laid on white."""
    image = Image.fromarray(rgba)
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return np.array(white)


def _with_channels(array: Values) -> Values:
    given = array.shape
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        first = " (channels come last)" if array.ndim == 3 and given[0] in (1, 3, 4) else ""
        raise MediaError(
            f"shape {given}; a picture is (height, width), or (height, width, channels) with 1, "
            f"3 (RGB) or 4 (RGBA) channels{first}"
        )
    return array


def _check_type(array: Values) -> None:
    if array.dtype in (np.uint8, np.uint16, np.bool_):
        return
    if not np.issubdtype(array.dtype, np.floating):
        raise MediaError(f"type {array.dtype}; give uint8, bool, uint16 or float")
    low, high = float(np.min(array.real)), float(np.max(array.real))
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise MediaError(f"floats from {low:g} to {high:g}; a float picture is 0 to 1")


def _white_of_array(array: Values) -> float:
    if array.dtype == np.uint16:
        return white_of_sixteen_bits(int(np.max(array.astype(np.uint16, copy=False))))
    return 255 if array.dtype == np.uint8 else 1
