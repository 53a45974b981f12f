"""Kernels of augmentation that faces and people share: pure, what they do is drawn elsewhere."""

from __future__ import annotations

import numpy as np

from affekt.arrays import FloatArray
from affekt.geometry import similarity_matrix
from affekt.media import ImageRgb

LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)
"""ITU-R BT.601."""

Occlusion = tuple[float, float, float, float, int]
"""Left, top, right and bottom as fractions of a crop, and the grey level that hides it."""


def placement_matrix(
    width: float,
    height: float,
    *,
    flip: bool = False,
    degrees: float = 0.0,
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> FloatArray:
    """The affine map (2, 3) from a varied picture or crop to the plain one, of the same size.

    Args:
        width: in pixels.
        height: in pixels.
        flip: mirrored left to right.
        degrees: rotation around the middle.
        scale: of the field of view; over 1 shows more.
        shift: x and y, as a fraction of the width and of the height.

    >>> (placement_matrix(8, 4, flip=True, shift=(0.25, 0)) @ (0, 1, 1)).tolist()
    [10.0, 1.0]
    """
    centre = (width * (0.5 + shift[0]), height * (0.5 + shift[1]))
    matrix = similarity_matrix(centre, scale, degrees, (width / 2, height / 2))
    if flip:
        matrix[:, 2] += matrix[:, 0] * width
        matrix[:, 0] *= -1
    return matrix


def recolour(
    image_rgb: ImageRgb,
    gain: tuple[float, float, float],
    contrast: float,
    grey: bool,
    middle: float | None = None,
) -> ImageRgb:
    """Brightness, contrast, colour balance and grey in one pass.

    Args:
        image_rgb: shape (height, width, 3).
        gain: factor of each channel; their mean where the result is grey.
        contrast: factor around ``middle``.
        grey: without colour.
        middle: level that contrast leaves alone; the picture's mean by default.
    """
    pixels = image_rgb.astype(np.float32)
    if grey:
        pixels = np.repeat(pixels @ LUMA, 3, axis=2)
    gains = np.asarray([sum(gain) / 3] if grey else gain, np.float32)
    mean = pixels.mean() if middle is None else np.float32(middle)
    varied = (pixels - mean) * np.float32(contrast) + mean
    return np.asarray(np.clip(varied * gains, 0, 255), np.uint8)


def hide(image_rgb: ImageRgb, occlusion: Occlusion | None) -> ImageRgb:
    """Hides a rectangle of a square crop; None hides nothing."""
    if occlusion is None:
        return image_rgb
    *corners, level = occlusion
    x1, y1, x2, y2 = (round(v * image_rgb.shape[0]) for v in corners)
    hidden = image_rgb.copy()
    hidden[y1:y2, x1:x2] = level
    return hidden


def draw_occlusion(longest: float, rng: np.random.Generator) -> Occlusion:
    """A rectangle whose sides are 0.1 to ``longest`` of the crop's, and a level."""
    width, height = rng.uniform(0.1, longest, 2)
    x, y = rng.uniform(-0.05, 1.05 - width), rng.uniform(-0.05, 1.05 - height)
    box: FloatArray = np.clip([x, y, x + width, y + height], 0, 1)
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2, int(rng.integers(0, 256))


def draw_fill(rng: np.random.Generator) -> tuple[int, int, int]:
    """The RGB of what lies outside the picture: black half of the time, else any colour."""
    if rng.random() < 0.5:
        return (0, 0, 0)
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue
