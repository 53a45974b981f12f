"""Box functions against an oracle that counts pixels, and the crop rule as properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.geometry import (
    BOX_FEATURES,
    CROP_RULES,
    FACE_CROP_SCALE,
    GEOMETRY_FEATURES,
    MOST_PEOPLE,
    area_xyxy,
    clip_xyxy,
    compose,
    face_crop_matrix,
    intersection_xyxy,
    iou_xyxy,
    mirror_geometry,
    nms_xyxy,
    person_geometry,
    roll_degrees,
    similarity_matrix,
)

WHOLE = st.tuples(*[st.integers(0, 12)] * 4)
NUMBER = st.floats(-500, 500)
QUICK = settings(max_examples=60, deadline=None)


def mask(box: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a box of whole numbers: areas are counted, not computed."""
    x1, y1, x2, y2 = box
    rows, columns = np.mgrid[0:12, 0:12]
    return (columns >= x1) & (columns < x2) & (rows >= y1) & (rows < y2)


@QUICK
@given(st.lists(WHOLE, min_size=1, max_size=4), st.lists(WHOLE, min_size=1, max_size=4))
def test_areas_and_overlaps_equal_counted_pixels(a: list, b: list) -> None:
    masks_a, masks_b = [mask(box) for box in a], [mask(box) for box in b]
    both = np.array([[(m & n).sum() for n in masks_b] for m in masks_a])
    either = np.array([[(m | n).sum() for n in masks_b] for m in masks_a])
    assert np.array_equal(area_xyxy(a), [m.sum() for m in masks_a])
    assert np.array_equal(intersection_xyxy(a, b), both)
    assert np.allclose(iou_xyxy(a, b), np.where(either > 0, both / np.maximum(either, 1), 0))


@QUICK
@given(st.lists(st.tuples(WHOLE, st.integers(0, 20)), max_size=8), st.floats(0.1, 0.9))
def test_suppression_keeps_the_best_of_every_heap(found: list, limit: float) -> None:
    boxes = np.array([box for box, _ in found], dtype=float).reshape(-1, 4)
    scores = np.array([score for _, score in found], dtype=float)
    kept = nms_xyxy(boxes, scores, limit)
    assert (np.diff(scores[kept]) <= 0).all()
    overlap = iou_xyxy(boxes, boxes)
    for i in range(len(boxes)):
        better = [j for j in kept if j != i and scores[j] >= scores[i]]
        covered = any(overlap[i, j] > limit for j in better)
        assert covered or i in kept
        if i in kept:
            assert all(overlap[i, j] <= limit for j in kept if j != i)


def test_suppression_of_boxes_within_boxes() -> None:
    boxes, scores = [[0, 0, 100, 100], [10, 10, 30, 30], [90, 90, 120, 120]], [0.9, 0.8, 0.7]
    assert nms_xyxy(boxes, scores, 0.4).tolist() == [0, 1, 2]
    assert nms_xyxy(boxes, scores, 0.4, max_inside=0.7).tolist() == [0, 2]
    assert nms_xyxy(boxes, scores[::-1], 0.4, max_inside=0.7).tolist() == [2, 1]
    assert nms_xyxy([], [], 0.5).tolist() == []


@QUICK
@given(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER))
def test_clipped_boxes_lie_in_the_picture(box: tuple) -> None:
    x1, y1, x2, y2 = clip_xyxy(box, 40, 30)
    assert 0 <= x1 <= 40 and 0 <= x2 <= 40 and 0 <= y1 <= 30 and 0 <= y2 <= 30
    assert np.array_equal(clip_xyxy([x1, y1, x2, y2], 40, 30), [x1, y1, x2, y2])


@pytest.mark.parametrize("angle", [-170, -90, -20, 0, 7, 90, 179])
def test_the_roll_of_a_turned_face(angle: float) -> None:
    upright = np.array([[-10, -5], [10, -5], [0, 0], [-7, 9], [7, 9]], dtype=float)
    turn = similarity_matrix((200, 100), 3.0, angle, (0, 0))
    turned = upright @ turn[:, :2].T + turn[:, 2]
    assert roll_degrees(turned) == pytest.approx(angle)


BOX = st.tuples(NUMBER, NUMBER, st.floats(5, 300), st.floats(5, 300))


@QUICK
@given(BOX, st.integers(8, 256), st.floats(-180, 180))
def test_the_crop_rule(box_xywh: tuple, size: int, roll: float) -> None:
    x, y, width, height = box_xywh
    matrix = face_crop_matrix((x, y, x + width, y + height), size, roll)
    corners = np.array([(0, 0, 1), (size, 0, 1), (size, size, 1), (0, size, 1)]) @ matrix.T
    side = FACE_CROP_SCALE * max(width, height)
    edge = corners[1] - corners[0]
    assert np.allclose(corners.mean(axis=0), (x + width / 2, y + height / 2))
    assert math.hypot(*edge) == pytest.approx(side)
    assert np.allclose(corners[3] - corners[0], (-edge[1], edge[0]))  # a square, not mirrored
    assert math.cos(math.radians(roll)) * side == pytest.approx(edge[0], abs=1e-6)
    assert math.sin(math.radians(roll)) * side == pytest.approx(edge[1], abs=1e-6)


def test_the_eyes_lie_level_in_a_straightened_crop() -> None:
    landmarks = np.array([[50, 60], [90, 80], [66, 84], [40, 98], [70, 113]], dtype=float)
    matrix = face_crop_matrix((30, 30, 110, 130), 64, roll_degrees(landmarks))
    back = np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))
    eyes = np.column_stack([landmarks[:2], (1, 1)]) @ back.T
    assert eyes[0, 1] == pytest.approx(eyes[1, 1]) and eyes[0, 0] < eyes[1, 0]


@QUICK
@given(st.lists(NUMBER, min_size=12, max_size=12), NUMBER, NUMBER)
def test_compose_is_one_after_the_other(values: list, x: float, y: float) -> None:
    outer, inner = np.array(values[:6]).reshape(2, 3), np.array(values[6:]).reshape(2, 3)
    step = outer @ (*(inner @ (x, y, 1)), 1)
    assert np.allclose(compose(outer, inner) @ (x, y, 1), step, rtol=1e-6, atol=1e-3)


def test_the_stretched_crop_covers_the_box() -> None:
    matrix = CROP_RULES["stretch"]([10, 20, 30, 80], 16)
    assert (matrix @ [[0, 16], [0, 16], [1, 1]]).T.tolist() == [[10, 20], [30, 80]]


def test_geometry_features_do_not_depend_on_the_resolution() -> None:
    boxes = np.array([[5.0, 10, 40, 90], [50, 0, 120, 70]])
    small = person_geometry(boxes, 100, 80)
    assert np.allclose(small, person_geometry(boxes * 4, 400, 320), atol=1e-6)
    assert small.shape == (2, len(GEOMETRY_FEATURES))
    assert np.isfinite(person_geometry([[200, 200, 300, 300]], 100, 80)).all()


@QUICK
@given(
    st.lists(BOX, min_size=1, max_size=3), st.floats(20, 400), st.floats(20, 400),
    st.none() | st.integers(0, 12),
)  # fmt: skip
def test_geometry_features_say_what_they_are_called(
    boxes_xywh: list, width: float, height: float, people: int | None
) -> None:
    boxes = [(x, y, x + w, y + h) for x, y, w, h in boxes_xywh]
    found = person_geometry(boxes, width, height, people)
    count = min(max(people if people is not None else len(boxes), 1), MOST_PEOPLE)
    for row, box in zip(found, boxes, strict=True):
        x1, y1, x2, y2 = clip_xyxy(box, width, height) / [width, height, width, height]
        wide, high = max(x2 - x1, 0.001), max(y2 - y1, 0.001)
        expected = {
            "centre_x": (x1 + x2) / 2, "centre_y": (y1 + y2) / 2, "log_width": math.log(wide),
            "log_height": math.log(high), "log_area": math.log(wide) + math.log(high),
            "log_aspect": math.log(wide * width) - math.log(high * height), "left": x1, "top": y1,
            "right": x2, "bottom": y2, "log_picture_aspect": math.log(width) - math.log(height),
            "alone": float(count == 1), "log_people": math.log(count),
        }  # fmt: skip
        assert dict(zip(GEOMETRY_FEATURES, row, strict=True)) == pytest.approx(expected, abs=1e-4)
    back = [(width - x2, y1, width - x1, y2) for x1, y1, x2, y2 in boxes]
    mirrored = person_geometry(back, width, height, people)
    np.testing.assert_allclose(mirror_geometry(found), mirrored, atol=1e-4)


@pytest.mark.parametrize(
    ("other", "max_iou", "max_inside", "kept"),
    [
        ((5, 0, 15, 10), 1 / 3, 1.0, True),  # of 10 x 10: half is shared
        ((5, 0, 15, 10), 1 / 3 - 1e-9, 1.0, False),
        ((5, 0, 15, 10), 1.0, 0.5, True),
        ((5, 0, 15, 10), 1.0, 0.5 - 1e-9, False),
        ((0, 0, 5, 10), 1.0, 1.0, True),
        ((10, 0, 20, 10), 0.0, 0.0, True),
    ],
)
def test_a_box_is_dropped_only_over_the_limit(
    other: tuple, max_iou: float, max_inside: float, kept: bool
) -> None:
    found = nms_xyxy([(0, 0, 10, 10), other], [0.9, 0.8], max_iou, max_inside)
    assert found.tolist() == ([0, 1] if kept else [0])


def test_of_equal_scores_the_first_is_kept() -> None:
    assert nms_xyxy([(0, 0, 10, 10)] * 3, [0.5, 0.5, 0.5], 0.5).tolist() == [0]
    apart = [(20 * i, 0, 20 * i + 10, 10) for i in range(4)]
    assert nms_xyxy(apart, [0.5, 0.9, 0.5, 0.5], 0.5).tolist() == [1, 0, 2, 3]


def test_what_follows_from_a_box_alone_does_not_hang_on_who_else_is_there() -> None:
    alone, crowd = (person_geometry([[5, 10, 40, 90]], 100, 80, people) for people in (1, 5))
    same = [
        name for name, a, b in zip(GEOMETRY_FEATURES, alone[0], crowd[0], strict=True) if a == b
    ]
    assert same == [*BOX_FEATURES]
