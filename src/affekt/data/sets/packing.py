"""Pictures as they are packed into a manifest: small files whole, large ones cut to the face."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from affekt.arrays import FloatArray
from affekt.media import ImageRgb, resize
from affekt.results import Face

PACKED_SIDE = 256
"""Longest side of a packed picture in pixels."""
PACKED_SCALE = 1.6
"""Side of a packed face crop, as a multiple of the face's: room for rotation and translation."""


def face_cutout(image_rgb: ImageRgb, face: Face) -> tuple[ImageRgb, Face]:
    """The part of a picture around a face, at most `PACKED_SIDE` pixels, and the face in it.

    >>> picture = np.zeros((1000, 2000, 3), np.uint8)
    >>> part, face = face_cutout(picture, Face((800.0, 200.0, 1120.0, 520.0), 0.9))
    >>> part.shape, face.box_xyxy
    ((256, 256, 3), (48.0, 48.0, 208.0, 208.0))
    """
    height, width = image_rgb.shape[:2]
    x1, y1, x2, y2 = face.box_xyxy
    reach = PACKED_SCALE * max(x2 - x1, y2 - y1) / 2
    left, right = _span((x1 + x2) / 2, reach, width)
    top, bottom = _span((y1 + y2) / 2, reach, height)
    part = _at_most(image_rgb[top:bottom, left:right], PACKED_SIDE)
    sx, sy = part.shape[1] / (right - left), part.shape[0] / (bottom - top)
    return part, moved_face(face, np.array([[sx, 0, -left * sx], [0, sy, -top * sy]]))


def moved_face(face: Face, matrix: FloatArray) -> Face:
    """The face under an affine map (2, 3) that does not turn it.

    >>> moved_face(Face((1.0, 2.0, 3.0, 4.0), 0.5), np.array([[2, 0, 1], [0, 1, 0]])).box_xyxy
    (3.0, 2.0, 7.0, 4.0)
    """

    def moved(x: float, y: float) -> tuple[float, float]:
        x, y = (float(value) for value in matrix @ (x, y, 1.0))
        return x, y

    points = face.landmarks_xy
    return Face(
        (*moved(*face.box_xyxy[:2]), *moved(*face.box_xyxy[2:])),
        face.score,
        None if points is None else tuple(moved(*point) for point in points),
    )


def encode(image_rgb: ImageRgb) -> bytes:
    """A picture as JPEG of high quality, without chroma subsampling."""
    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def _span(centre: float, reach: float, limit: int) -> tuple[int, int]:
    low = min(max(0, math.floor(centre - reach)), limit - 1)
    return low, max(low + 1, min(limit, math.ceil(centre + reach)))


def _at_most(image_rgb: ImageRgb, side: int) -> ImageRgb:
    height, width = image_rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image_rgb
    return resize(image_rgb, max(1, round(width * scale)), max(1, round(height * scale)))
