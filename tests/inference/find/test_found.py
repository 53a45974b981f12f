"""What looks at a picture give, put together."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((1, 1, 2, 3), True), ((1, 1, 1.99, 9), False), ((1, 1, 9, 1.99), False),
        ((48, 10, 90, 20), True), ((49.5, 10, 90, 20), False), ((10, 39.5, 20, 90), False),
    ],
)  # fmt: skip
def test_a_face_is_a_pixel_in_the_picture_at_least(
    box: tuple[float, float, float, float], kept: bool
) -> None:
    assert len(to_faces(found(box), 50, 40)) == kept


def test_largest_first_with_landmarks_and_scores_of_at_most_1() -> None:
    boxes = np.array([[0, 0, 5, 5], [0, 0, 9, 9], [0, 0, 5, 5.0]])
    points = np.arange(30.0).reshape(3, 5, 2)
    points[2, 4, 1] = np.nan
    small, large, last = 0, 1, 2
    faces = to_faces(Found(boxes, np.array([0.5, 1.5, 0.7]), points), 50, 40)
    assert [face.score for face in faces] == [1.0, 0.5, 0.7]
    assert faces[0].landmarks_xy == tuple(map(tuple, points[large]))
    assert faces[1].landmarks_xy == tuple(map(tuple, points[small]))
    assert faces[2].landmarks_xy is None and np.isnan(points[last]).any()


def test_faces_are_scaled_and_then_moved() -> None:
    boxes = np.array([[1.0, 2, 3, 4], [0, 0, 5, 5]])
    here = Found(boxes, np.array([0.9, 0.8]), np.ones((2, 5, 2)))
    there = here.move((2, 3), (10, 20))
    assert there.boxes_xyxy.tolist() == [[12, 26, 16, 32], [10, 20, 20, 35]]
    assert there.landmarks_xy[0].tolist() == [[12, 23]] * 5
    assert there.scores.tolist() == [0.9, 0.8]
