"""Squares sampled from a picture, and pictures at another size, antialiased."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from affekt.geometry import FloatArray, compose
from affekt.media.arrays import ImageRgb


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
