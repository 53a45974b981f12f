"""Which face belongs to which person: one pure rule, the same in training and in use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affekt.arrays import FloatArray
from affekt.geometry import area_xyxy, intersection_xyxy
from affekt.results import BoxXyxy, Face

MIN_INSIDE = 0.6
"""A face belongs to a person only if at least this share of its area lies in the person's box."""


def match_faces(boxes_xyxy: Sequence[BoxXyxy], faces: Sequence[Face]) -> list[Face | None]:
    """The face of each person, each face given to at most one person.

    Pairs are taken cheapest first, see `face_costs`: of two overlapping people the one whose head
    the face is gets it.

    Args:
        boxes_xyxy: of n people, in pixels.
        faces: in pixels of the same picture, in any order.

    Returns:
        n faces, None for a person without one.

    >>> face = Face((40.0, 10.0, 60.0, 35.0), 0.9)
    >>> match_faces([(0.0, 0.0, 90.0, 300.0), (35.0, 5.0, 65.0, 90.0)], [face])
    [None, Face(box_xyxy=(40.0, 10.0, 60.0, 35.0), score=0.9, landmarks_xy=None)]
    """
    costs = face_costs(boxes_xyxy, [face.box_xyxy for face in faces])
    matched: list[Face | None] = [None] * len(boxes_xyxy)
    free = set(range(len(faces)))
    people, owned = np.nonzero(np.isfinite(costs))
    order = np.argsort(costs[people, owned], kind="stable")
    for person, face in zip(people[order].tolist(), owned[order].tolist(), strict=True):
        if matched[person] is None and face in free:
            matched[person] = faces[face]
            free.remove(face)
    return matched


def face_costs(boxes_xyxy: Sequence[BoxXyxy], faces_xyxy: Sequence[BoxXyxy]) -> FloatArray:
    """How badly each face (m) fits each person (n) as theirs, shape (n, m).

    The sum of the share of the face outside the person's box, of the distance of its top edge
    from the box's (in box heights), and of the distance of its centre from the box's middle line
    (in box widths); infinite where less than `MIN_INSIDE` of it lies inside.

    >>> face_costs([(0, 0, 40, 100)], [(10, 0, 30, 25), (10, 50, 30, 75), (50, 0, 70, 25)]).tolist()
    [[0.0, 0.5, inf]]
    """
    people = np.reshape(np.asarray(boxes_xyxy, dtype=np.float64), (-1, 1, 4))
    faces = np.reshape(np.asarray(faces_xyxy, dtype=np.float64), (1, -1, 4))
    areas = np.maximum(area_xyxy(faces), 1e-9)
    inside = intersection_xyxy(people, faces) / areas
    width = np.maximum(people[..., 2] - people[..., 0], 1e-9)
    height = np.maximum(people[..., 3] - people[..., 1], 1e-9)
    drop = np.abs(faces[..., 1] - people[..., 1]) / height
    aside = np.abs(faces[..., ::2].sum(axis=-1) - people[..., ::2].sum(axis=-1)) / (2 * width)
    return np.asarray(np.where(inside >= MIN_INSIDE, (1 - inside) + drop + aside, np.inf))
