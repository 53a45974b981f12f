"""Boxes, landmarks and the one face crop rule, as pure functions.

Coordinates are pixels, x to the right and y down from the outer corner of the first pixel, so a
picture covers ``[0, width] x [0, height]``. The format of a box stands in its name: ``xyxy`` is
left, top, right, bottom.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, FloatArray32, IntArray

FACE_CROP_SCALE = 1.0
"""Side of the square face crop as a multiple of the longer side of the face's box."""


def area_xyxy(boxes_xyxy: npt.ArrayLike) -> FloatArray:
    """Areas in square pixels of boxes of shape (..., 4); an empty or inverted box has area 0.

    >>> area_xyxy([0, 0, 2, 3]).item()
    6.0
    """
    boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    size = np.clip(boxes[..., 2:] - boxes[..., :2], 0.0, None)
    return np.asarray(size[..., 0] * size[..., 1])


def intersection_xyxy(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> FloatArray:
    """Shared area, in square pixels, of every box of ``a`` (n, 4) with every box of ``b`` (m, 4).

    >>> intersection_xyxy([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]).tolist()
    [[2.0, 0.0]]
    """
    a = np.asarray(a_xyxy, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(b_xyxy, dtype=np.float64).reshape(-1, 4)
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return area_xyxy(np.concatenate([top_left, bottom_right], axis=-1))


def iou_xyxy(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> FloatArray:
    """Intersection over union of every box of ``a`` (n, 4) with every box of ``b`` (m, 4).

    Returns:
        Shape (n, m), each in [0, 1]; 0 where both boxes are empty.

    >>> iou_xyxy([[0, 0, 2, 2]], [[1, 0, 3, 2]]).round(3).tolist()
    [[0.333]]
    """
    overlap = intersection_xyxy(a_xyxy, b_xyxy)
    areas_a = area_xyxy(np.reshape(a_xyxy, (-1, 4)))
    areas_b = area_xyxy(np.reshape(b_xyxy, (-1, 4)))
    union = areas_a[:, None] + areas_b[None, :] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def nms_xyxy(
    boxes_xyxy: npt.ArrayLike, scores: npt.ArrayLike, max_iou: float, max_inside: float = 1.0
) -> IntArray:
    """Non-maximum suppression: the kept indices, best score first.

    A box is dropped when its intersection over union with a better kept one is over ``max_iou``,
    or when the intersection covers more than ``max_inside`` of the smaller of the two.

    >>> nms_xyxy([[0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12]], [0.5, 0.9, 0.7], 0.5).tolist()
    [1, 2]
    """
    boxes = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    areas = area_xyxy(boxes)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    kept: list[int] = []
    while order.size:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        overlap = intersection_xyxy(boxes[best], boxes[order])[0]
        inside = overlap <= max_inside * np.minimum(areas[best], areas[order])
        order = order[(iou_xyxy(boxes[best], boxes[order])[0] <= max_iou) & inside]
    return np.asarray(kept, dtype=np.intp)


def clip_xyxy(boxes_xyxy: npt.ArrayLike, width: float, height: float) -> FloatArray:
    """Boxes of shape (..., 4) cut to a picture of ``width`` x ``height`` pixels.

    >>> clip_xyxy([-3, 2, 50, 8], 10, 6).tolist()
    [0.0, 2.0, 10.0, 6.0]
    """
    return np.clip(np.asarray(boxes_xyxy, dtype=np.float64), 0.0, [width, height, width, height])


def roll_degrees(landmarks_xy: npt.ArrayLike) -> float:
    """In-plane rotation of a face in degrees, clockwise as seen, in (-180, 180].

    Args:
        landmarks_xy: shape (5, 2): the eye to the left in an upright picture, the other eye,
            nose, and the two corners of the mouth. Only the eyes count.

    >>> roll_degrees([[0, 0], [10, 10], [5, 9], [0, 12], [9, 12]])
    45.0
    """
    eyes = np.asarray(landmarks_xy, dtype=np.float64)[:2]
    dx, dy = eyes[1] - eyes[0]
    return math.degrees(math.atan2(dy, dx))


def face_crop_matrix(box_xyxy: npt.ArrayLike, size: int, roll: float = 0.0) -> FloatArray:
    """The crop rule: the affine map from the pixels of a face crop to those of its picture.

    The crop is a square around the centre of the box, its side the longer side of the box
    (times `FACE_CROP_SCALE`), turned by ``roll`` degrees so that the eyes lie level. Whatever
    falls outside the picture is for the sampler to fill.

    Args:
        box_xyxy: the face's box in the picture, shape (4,).
        size: side of the crop in pixels.
        roll: the face's in-plane rotation in degrees, see `roll_degrees`.

    Returns:
        Shape (2, 3): ``picture_xy = matrix @ (crop_x, crop_y, 1)``.

    >>> (face_crop_matrix([10, 20, 30, 60], 8) @ (4, 8, 1)).tolist()  # middle of the lower edge
    [20.0, 60.0]
    """
    x1, y1, x2, y2 = (float(v) for v in np.asarray(box_xyxy, dtype=np.float64))
    scale = FACE_CROP_SCALE * max(x2 - x1, y2 - y1) / size
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    return similarity_matrix(centre, scale, roll, (size / 2, size / 2))


def square_crop_matrix(box_xyxy: npt.ArrayLike, size: int) -> FloatArray:
    """The affine map (2, 3) from a square crop to its picture: around the box, aspect kept.

    >>> (square_crop_matrix([10, 20, 30, 60], 8) @ (0, 0, 1)).tolist()
    [0.0, 20.0]
    """
    return face_crop_matrix(box_xyxy, size)


def stretch_crop_matrix(box_xyxy: npt.ArrayLike, size: int) -> FloatArray:
    """The affine map (2, 3) from a square crop to its picture: the box, stretched to a square.

    >>> (stretch_crop_matrix([10, 20, 30, 60], 8) @ (4, 8, 1)).tolist()  # middle of the lower edge
    [20.0, 60.0]
    """
    x1, y1, x2, y2 = (float(v) for v in np.asarray(box_xyxy, dtype=np.float64))
    return np.array([[(x2 - x1) / size, 0.0, x1], [0.0, (y2 - y1) / size, y1]])


CROP_RULES: dict[str, Callable[[npt.ArrayLike, int], FloatArray]] = {
    "square": square_crop_matrix,
    "stretch": stretch_crop_matrix,
}
"""How a box (of a person, or the whole picture for the scene) becomes a square crop."""

GEOMETRY_FEATURES: tuple[str, ...] = (
    "centre_x",
    "centre_y",
    "log_width",
    "log_height",
    "log_area",
    "log_aspect",
    "left",
    "top",
    "right",
    "bottom",
    "log_picture_aspect",
    "alone",
    "log_people",
)
"""What the geometry stream knows of a person, in order; see `person_geometry`."""

BOX_FEATURES = GEOMETRY_FEATURES[:11]
"""Those that follow from the person's own box, whoever else was counted."""

MOST_PEOPLE = 8
"""People beyond this number are counted as this many."""


def person_geometry(
    boxes_xyxy: npt.ArrayLike, width: float, height: float, people: int | None = None
) -> FloatArray32:
    """Where and how large each person is in a picture, and how many there are.

    Args:
        boxes_xyxy: shape (n, 4), in pixels; may exceed the picture, and is cut to it.
        width: of the picture in pixels.
        height: likewise.
        people: in the picture; n by default.

    Returns:
        Shape (n, len(GEOMETRY_FEATURES)): positions as a fraction of the picture, natural
        logarithms of ratios, ``alone`` 1 or 0. Nothing depends on the picture's resolution.

    >>> person_geometry([[0, 0, 50, 100]], 100, 100)[0, 6:10].tolist()  # left, top, right, bottom
    [0.0, 0.0, 0.5, 1.0]
    """
    boxes = clip_xyxy(np.reshape(boxes_xyxy, (-1, 4)), width, height) / (
        width,
        height,
        width,
        height,
    )
    x1, y1, x2, y2 = boxes.T
    wide, high = np.maximum(x2 - x1, 1e-3), np.maximum(y2 - y1, 1e-3)
    count = min(max(len(boxes) if people is None else people, 1), MOST_PEOPLE)
    picture = math.log(width / height)
    columns = [(x1 + x2) / 2, (y1 + y2) / 2, np.log(wide), np.log(high), np.log(wide * high)]
    columns += [np.log(wide / high) + picture, x1, y1, x2, y2]
    columns += [np.full(len(boxes), v) for v in (picture, float(count == 1), math.log(count))]
    return np.stack(columns, axis=1).astype(np.float32)


def mirror_geometry(geometry: FloatArray32) -> FloatArray32:
    """What `person_geometry` gives for the picture mirrored left to right.

    Args:
        geometry: shape (n, len(GEOMETRY_FEATURES)).

    >>> here, there = ([[10, 0, 50, 90]], [[50, 0, 90, 90]])
    >>> mirrored = mirror_geometry(person_geometry(here, 100, 100))
    >>> np.allclose(mirrored, person_geometry(there, 100, 100))
    True
    """
    centre, left, right = map(GEOMETRY_FEATURES.index, ("centre_x", "left", "right"))
    mirrored = geometry.copy()
    mirrored[:, [centre, left, right]] = 1 - geometry[:, [centre, right, left]]
    return mirrored


def similarity_matrix(
    to_xy: npt.ArrayLike, scale: float, degrees: float, from_xy: npt.ArrayLike
) -> FloatArray:
    """The affine map (2, 3) that scales, turns clockwise as seen, and takes ``from`` to ``to``.

    >>> similarity_matrix([5, 5], 1.0, 90.0, [0, 0]).round(6).tolist()
    [[0.0, -1.0, 5.0], [1.0, 0.0, 5.0]]
    """
    cos, sin = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    linear = np.array([[cos, -sin], [sin, cos]])
    offset = np.asarray(to_xy, dtype=np.float64) - linear @ np.asarray(from_xy, dtype=np.float64)
    return np.column_stack([linear, offset])


def compose(outer: npt.ArrayLike, inner: npt.ArrayLike) -> FloatArray:
    """The affine map (2, 3) that does ``inner`` first, then ``outer``.

    >>> compose([[2, 0, 1], [0, 2, 0]], [[1, 0, 3], [0, 1, 0]]).tolist()
    [[2.0, 0.0, 7.0], [0.0, 2.0, 0.0]]
    """
    a, b = np.asarray(outer, dtype=np.float64), np.asarray(inner, dtype=np.float64)
    return np.column_stack([a[:, :2] @ b[:, :2], a[:, :2] @ b[:, 2] + a[:, 2]])
