"""Squares sampled from a picture, and pictures at another size, antialiased."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from affekt.arrays import FloatArray
from affekt.geometry import compose
from affekt.media.arrays import STRIP_PIXELS, ImageRgb

CANVAS_LIMIT = 2**26
"""Pixels of the part of a picture that a square is sampled from; a larger one is reduced first."""


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
    image_rgb, matrix = _reduced(image_rgb, matrix, size)
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


def _reduced(image_rgb: ImageRgb, matrix: FloatArray, size: int) -> tuple[ImageRgb, FloatArray]:
    """A picture at a whole fraction where a long box would make its square very large."""
    x1, y1, x2, y2 = _bounds(matrix, size)
    factor = math.ceil(math.sqrt((x2 - x1) * (y2 - y1) / CANVAS_LIMIT))
    if factor <= 1:
        return image_rgb, matrix
    return np.asarray(_reduce(image_rgb, (factor, factor))), matrix / factor


def _bounds(matrix: FloatArray, size: int) -> tuple[int, int, int, int]:
    """The upright part of a picture that the square covers: left, top, right, bottom."""
    corners = matrix @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    low, high = np.floor(corners.min(axis=1)), np.ceil(corners.max(axis=1))
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _cut(
    image_rgb: ImageRgb, matrix: FloatArray, size: int, scale: float, fill: tuple[int, int, int]
) -> tuple[Image.Image, FloatArray]:
    """The upright part of the picture that the square needs, and the matrix into that part."""
    border = 2 * math.ceil(scale)
    x1, y1, x2, y2 = _bounds(matrix, size)
    x1, y1, x2, y2 = x1 - border, y1 - border, x2 + border, y2 + border
    inside = image_rgb[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    part = Image.new("RGB", (x2 - x1, y2 - y1), fill)
    if inside.size:
        part.paste(Image.fromarray(inside), (max(-x1, 0), max(-y1, 0)))
    shifted = matrix.copy()
    shifted[:, 2] -= (x1, y1)
    return part, shifted


def resize(image_rgb: ImageRgb, width: int, height: int, reducing_gap: float = 2.0) -> ImageRgb:
    """The picture at another size, antialiased when it shrinks.

    Args:
        image_rgb: shape (h, w, 3).
        width: of the new picture in pixels.
        height: likewise.
        reducing_gap: whole pixels are averaged first, until what is left is to shrink by this
            factor at least; 1 is the fastest.
    """
    rows, columns = image_rgb.shape[:2]
    factors = int(columns / width / reducing_gap) or 1, int(rows / height / reducing_gap) or 1
    image = _reduce(image_rgb, factors)
    box = (0.0, 0.0, columns / factors[0], rows / factors[1])
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))


def _reduce(image_rgb: ImageRgb, factors: tuple[int, int]) -> Image.Image:
    """`PIL.Image.Image.reduce` in strips: Pillow's copy takes more memory than a large picture."""
    height, width = image_rgb.shape[:2]
    if factors == (1, 1) or height * width <= STRIP_PIXELS:
        image = Image.fromarray(image_rgb)
        return image if factors == (1, 1) else image.reduce(factors)
    step = factors[1] * max(1, STRIP_PIXELS // (width * factors[1]))
    tops = range(0, height, step)
    parts = [Image.fromarray(image_rgb[top : top + step]).reduce(factors) for top in tops]
    return Image.fromarray(np.concatenate([np.asarray(part) for part in parts]))
