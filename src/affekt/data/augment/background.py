"""Faces that were cut out on black get a background, and others a mask: neither may be a cue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from affekt.arrays import BoolArray
from affekt.data.augment.drawn import Backdrop
from affekt.media import ImageRgb

MASK_BLACK = 24
MASK_MIN_SHARE = 0.12


def set_background(
    image_rgb: ImageRgb, backdrop: Backdrop, other_rgb: Callable[[float], ImageRgb]
) -> ImageRgb:
    """Gives a black-masked face the drawn background, or another face the drawn mask.

    Args:
        image_rgb: shape (height, width, 3).
        backdrop: what was drawn.
        other_rgb: gives the square crop of another face, from its place in the data set as a
            fraction from 0 to 1; only called where it is needed.
    """
    masked = background_mask(image_rgb)
    if masked is None:
        return image_rgb if backdrop.mask is None else _hide_outside(image_rgb, backdrop.mask)
    if backdrop.grid is None:
        return image_rgb
    behind = backdrop.grid
    if backdrop.surround is not None:
        place, gain = backdrop.surround
        behind = (other_rgb(place) * np.asarray(gain, np.float32)).astype(np.uint8)
    height, width = masked.shape
    spread = Image.fromarray(behind).resize((width, height), Image.Resampling.BILINEAR)
    return np.where(masked[..., None], np.asarray(spread), image_rgb)


def background_mask(image_rgb: ImageRgb) -> BoolArray | None:
    """Where a face was cut out on black: the dark parts that touch the border, shape (h, w).

    None where that is less than `MASK_MIN_SHARE` of the picture or a corner is not dark, as in
    any ordinary picture.
    """
    if image_rgb[[0, 0, -1, -1], [0, -1, 0, -1]].max() >= MASK_BLACK:
        return None
    red, green, blue = (image_rgb[..., channel] < MASK_BLACK for channel in range(3))
    dark = red & green & blue
    regions, count = ndimage.label(dark)
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    touching = np.zeros(count + 1, dtype=bool)
    touching[edge] = True
    touching[0] = False
    mask = np.asarray(touching[regions])
    return mask if mask.mean() >= MASK_MIN_SHARE else None


def _hide_outside(image_rgb: ImageRgb, mask: tuple[float, float, float, float]) -> ImageRgb:
    x, y, radius_x, radius_y = mask
    height, width = image_rgb.shape[:2]
    rows = ((np.arange(height) + 0.5) / height - y) / radius_y
    columns = ((np.arange(width) + 0.5) / width - x) / radius_x
    outside = rows[:, None] ** 2 + columns[None, :] ** 2 > 1
    return np.where(outside[..., None], np.uint8(0), image_rgb)
