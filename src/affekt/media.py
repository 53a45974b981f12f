"""Pictures in and out: the only place that knows EXIF, codecs and colour orders."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.geometry import FloatArray, compose

ImageRgb = npt.NDArray[np.uint8]
"""A picture of shape (height, width, 3), RGB, 0 to 255."""


def warp(
    image_rgb: ImageRgb, matrix: FloatArray, size: int, fill: tuple[int, int, int] = (0, 0, 0)
) -> ImageRgb:
    """A square of ``size`` pixels sampled from a picture, antialiased when it shrinks.

    Args:
        image_rgb: shape (height, width, 3).
        matrix: shape (2, 3), from pixels of the result to pixels of the picture; a similarity,
            possibly mirrored, see `affekt.geometry.face_crop_matrix`.
        size: side of the result in pixels.
        fill: RGB of what lies outside the picture.

    Returns:
        Shape (size, size, 3).
    """
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    image, matrix = _cut(image_rgb, matrix, size, scale, fill)
    if scale > 1:
        small = (max(1, round(image.width / scale)), max(1, round(image.height / scale)))
        shrink = np.array(
            [[small[0] / image.width, 0, 0], [0, small[1] / image.height, 0]], dtype=np.float64
        )
        image = image.resize(small, Image.Resampling.BILINEAR, reducing_gap=2.0)
        matrix = compose(shrink, matrix)
    resample = Image.Resampling.BILINEAR if scale > 1 else Image.Resampling.BICUBIC
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
    height, width = image_rgb.shape[:2]
    inside = image_rgb[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    part = Image.new("RGB", (x2 - x1, y2 - y1), fill)
    if inside.size:
        part.paste(Image.fromarray(inside), (max(-x1, 0), max(-y1, 0)))
    shifted = matrix.copy()
    shifted[:, 2] -= (x1, y1)
    return part, shifted
