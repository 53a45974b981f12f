"""What looks at a picture give, put together."""

from __future__ import annotations

import numpy as np

from affekt.inference.find.found import Found, concatenate, merge, to_faces


def found(*boxes: tuple[float, float, float, float]) -> Found:
    scores = np.linspace(0.9, 0.8, len(boxes))
    return Found(np.array(boxes, dtype=float), scores, np.full((len(boxes), 5, 2), np.nan))


def test_boxes_are_cut_to_the_picture_and_empty_ones_left_out() -> None:
    faces = to_faces(found((-5, -6, 20, 20), (-30, 0, -2, 9), (0, 0, 30, 30)), 50, 40)
    assert [face.box_xyxy for face in faces] == [(0, 0, 30, 30), (0, 0, 20, 20)]
    assert faces[0].landmarks_xy is None


def test_of_duplicates_the_best_is_kept() -> None:
    parts = [found((0, 0, 10, 10)), found((1, 0, 11, 10), (40, 40, 50, 50))]
    assert merge(concatenate(parts)).boxes_xyxy.tolist() == [[0, 0, 10, 10], [40, 40, 50, 50]]
