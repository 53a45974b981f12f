"""Each face to at most one person, and to the one whose head it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.geometry import area_xyxy, intersection_xyxy
from affekt.matching import MIN_INSIDE, face_costs, match_faces
from affekt.results import BoxXyxy, Face


def face(*box: float) -> Face:
    return Face((box[0], box[1], box[2], box[3]), 0.9)


def test_overlapping_people_get_their_own_heads() -> None:
    left, right = (0.0, 0.0, 100.0, 300.0), (60.0, 20.0, 160.0, 320.0)
    a, b = face(30, 5, 70, 50), face(90, 25, 130, 70)
    for faces in itertools.permutations((a, b)):
        assert match_faces([left, right], faces) == [a, b]
        assert match_faces([right, left], faces) == [b, a]


def test_a_child_in_the_arms_keeps_its_face() -> None:
    parent, child = (0.0, 0.0, 120.0, 400.0), (20.0, 90.0, 90.0, 220.0)
    child_face = face(40, 95, 75, 135)
    assert match_faces([parent, child], [child_face]) == [None, child_face]
    parent_face = face(40, 10, 80, 60)
    assert match_faces([parent, child], [child_face, parent_face]) == [parent_face, child_face]


def test_a_face_mostly_outside_is_nobodys() -> None:
    box = (0.0, 0.0, 50.0, 100.0)
    assert match_faces([box], [face(30, 0, 80, 40)]) == [None]
    assert match_faces([box], [face(-4, -4, 40, 40)]) == [face(-4, -4, 40, 40)]


def test_nobody_and_no_face() -> None:
    assert match_faces([], [face(0, 0, 5, 5)]) == []
    assert match_faces([(0.0, 0.0, 9.0, 9.0)], []) == [None]
    assert match_faces([(3.0, 3.0, 3.0, 3.0)], [face(3, 3, 3, 3)]) == [None]


SIDES = st.floats(1, 60)
BOXES = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h), st.floats(0, 60), st.floats(0, 60), SIDES, SIDES
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BOXES, max_size=4), st.lists(BOXES, max_size=4))
def test_no_face_twice_none_outside_and_none_left_that_fits(
    boxes: list[BoxXyxy], found: list[BoxXyxy]
) -> None:
    faces = [Face(box, i / 10) for i, box in enumerate(found)]
    matched = match_faces(boxes, faces)
    given_out = [one for one in matched if one is not None]
    assert len(matched) == len(boxes) and len({id(one) for one in given_out}) == len(given_out)
    for box, one in zip(boxes, matched, strict=True):
        if one is not None:
            shared = intersection_xyxy([box], [one.box_xyxy]).item()
            assert shared >= (MIN_INSIDE - 1e-9) * area_xyxy(one.box_xyxy).item()
    left = [i for i, one in enumerate(faces) if not any(one is other for other in given_out)]
    costs = face_costs(boxes, found)
    for person, one in enumerate(matched):
        if one is None:
            assert all(math.isinf(costs[person, i]) for i in left)


def test_costs_by_hand() -> None:
    costs = face_costs([(0, 0, 100, 200)], [(40, 20, 60, 40), (-10, 0, 30, 40), (90, 0, 130, 40)])
    assert np.allclose(costs[0, :2], [0.1, 0.25 + 0.4]) and math.isinf(costs[0, 2])


@pytest.mark.parametrize(
    ("person", "found", "cost"),
    [
        ((100, 50, 140, 150), (110, 50, 130, 75), 0.0),
        ((100, 50, 140, 150), (100, 50, 120, 75), 0.25),  # a quarter of the width aside
        ((100, 50, 140, 150), (110, 100, 130, 125), 0.5),  # half the height down
        ((100, 50, 140, 150), (110, 40, 130, 65), 0.1 + 0.4),  # and 0.4 of it outside
        ((100, 50, 140, 150), (110, 39.9, 130, 64.9), math.inf),
        ((100, 50, 140, 150), (92, 50, 112, 75), 0.4 + 18 / 40),
        ((100, 50, 140, 150), (91.9, 50, 111.9, 75), math.inf),
        ((100, 50, 100.5, 50.5), (100, 50, 100.5, 50.5), 0.0),
        ((100, 50, 100.5, 50.5), (100.1, 50.1, 100.4, 50.5), 0.2),
        ((7, 7, 7, 7), (7, 7, 7, 7), math.inf),
    ],
)
def test_a_cost_is_shares_of_the_face_and_of_the_person(
    person: BoxXyxy, found: BoxXyxy, cost: float
) -> None:
    assert face_costs([person], [found]).tolist() == [[pytest.approx(cost)]]
