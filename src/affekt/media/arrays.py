"""Values of pictures: arrays of every kind to RGB of 8 bits, and transparency laid on white."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.errors import MediaError

ImageRgb = npt.NDArray[np.uint8]
"""A picture of shape (height, width, 3), RGB, 0 to 255."""


def array_to_rgb(array: npt.NDArray[np.generic]) -> ImageRgb:
    """An array as RGB, see `affekt.media.to_rgb`."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise MediaError(
            f"<array>: shape {array.shape}; a picture is (height, width), or (height, width, "
            "channels) with 1, 3 (RGB) or 4 (RGBA) channels"
        )
    eight = _array_eight_bits(array)
    if eight.shape[2] == 4:
        return on_white(eight)
    return eight if eight.shape[2] == 3 else repeat(eight[..., 0])


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


def eight_bits(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
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


def on_white(rgba: npt.NDArray[np.uint8]) -> ImageRgb:
    """Red, green, blue and alpha, shape (height, width, 4), laid on white."""
    image = Image.fromarray(rgba)
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return np.array(white)


def repeat(grey: npt.NDArray[np.uint8]) -> ImageRgb:
    """Grey of shape (height, width) as RGB."""
    return np.dstack([grey, grey, grey])
