"""How a view lies in a picture, and where boxes, faces and points lie in a view: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from affekt.arrays import FloatArray
from affekt.geometry import similarity_matrix
from affekt.results import BoxXyxy, Face

_MIRRORED = (1, 0, 2, 4, 3)
"""Where each landmark of a mirrored face comes from: eyes and corners of the mouth swap."""


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


def move_box(box_xyxy: BoxXyxy, view: FloatArray) -> BoxXyxy:
    """The box as it lies in a view: its middle moved, its sides scaled and never turned.

    Args:
        box_xyxy: in pixels of the picture.
        view: shape (2, 3), from pixels of the view to pixels of the picture.

    >>> move_box((0.0, 0.0, 2.0, 4.0), placement_matrix(10, 10, flip=True))
    (8.0, 0.0, 10.0, 4.0)
    """
    x1, y1, x2, y2 = box_xyxy
    (x, y) = _move_points([((x1 + x2) / 2, (y1 + y2) / 2)], view)[0]
    scale = 2 * float(np.sqrt(abs(np.linalg.det(view[:, :2]))))
    half_x, half_y = (x2 - x1) / scale, (y2 - y1) / scale
    return (x - half_x, y - half_y, x + half_x, y + half_y)


def move_face(face: Face, view: FloatArray) -> Face:
    """The face as it lies in a view; left and right landmarks change places in a mirrored one.

    Arguments as in `move_box`.
    """
    box = move_box(face.box_xyxy, view)
    if face.landmarks_xy is None:
        return replace(face, box_xyxy=box)
    points = _move_points(face.landmarks_xy, view)
    if np.linalg.det(view[:, :2]) < 0:
        points = [points[place] for place in _MIRRORED]
    return replace(face, box_xyxy=box, landmarks_xy=tuple(points))


def _move_points(
    points_xy: Sequence[tuple[float, float]], view: FloatArray
) -> list[tuple[float, float]]:
    offsets = np.asarray(points_xy, dtype=np.float64) - view[:, 2]
    moved = np.linalg.solve(view[:, :2], offsets.T).T
    return [(float(x), float(y)) for x, y in moved]
