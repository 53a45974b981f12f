"""Who is in a picture: by faces, by a detector, by given boxes; and whose face is whose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import MediaError
from affekt.geometry import iou_xyxy
from affekt.inference.boxes_file import Boxes
from affekt.inference.people import (
    ASIDE,
    DOWN,
    MOST_BOXES,
    UP,
    faces_alone,
    people_from_boxes,
    people_from_detector,
    people_from_faces,
    person_extent,
)
from affekt.inference.yolox import PersonBox
from affekt.media import ImageRgb
from affekt.results import Face

IMAGE = np.zeros((200, 300, 3), np.uint8)
LARGE, SMALL = Face((40.0, 20.0, 80.0, 70.0), 0.8), Face((200.0, 30.0, 220.0, 55.0), 0.9)


class Faces:
    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        return [LARGE, SMALL]


class People:
    def detect(self, image_rgb: ImageRgb) -> list[PersonBox]:
        return [
            PersonBox((20.0, 10.0, 110.0, 200.0), 0.7),
            PersonBox((120.0, 90.0, 160.0, 190.0), 0.6),
        ]


def test_a_face_model_sees_faces_as_they_are() -> None:
    seen = faces_alone(Faces())(IMAGE, "x")
    assert [(p.box_xyxy, p.score, p.face) for p in seen.people] == [
        (face.box_xyxy, face.score, face) for face in (LARGE, SMALL)
    ]
    assert seen.faces == (LARGE, SMALL)


def test_people_around_faces_have_the_stated_extent() -> None:
    seen = people_from_faces(Faces())(IMAGE, "x")
    assert [p.face for p in seen.people] == [LARGE, SMALL]
    size = np.sqrt(20 * 25)
    x1, y1, x2, y2 = seen.people[1].box_xyxy
    assert (x1, x2) == pytest.approx((210 - ASIDE * size, 210 + ASIDE * size))
    assert (y1, y2) == pytest.approx((42.5 - UP * size, 42.5 + DOWN * size))


def test_the_stated_extent_is_the_documented_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    stated = f"{ASIDE:g} face sizes to either side, {UP:g} above and {DOWN:g} below"
    assert stated in " ".join(text.split())


def test_a_detectors_people_get_their_faces_and_other_faces_are_people_too() -> None:
    seen = people_from_detector(Faces(), People())(IMAGE, "x")
    found = {p.box_xyxy: (p.score, p.face) for p in seen.people}
    assert found[20.0, 10.0, 110.0, 200.0] == (0.7, LARGE)
    assert found[120.0, 90.0, 160.0, 190.0] == (0.6, None)
    assert found[person_extent(SMALL.box_xyxy, 300, 200)] == (0.9, SMALL)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in found]
    assert areas == sorted(areas, reverse=True) and len(areas) == 3


def test_given_boxes_are_the_people_and_nobody_else_but_all_faces_are_known() -> None:
    find = people_from_boxes(
        Faces(), Boxes({"x": [(190.0, 20.0, 400.0, 150.0), (0, 150, 30, 190)]})
    )
    seen = find(IMAGE, "x")
    assert [(p.box_xyxy, p.score, p.face) for p in seen.people] == [
        ((190.0, 20.0, 300.0, 150.0), 1.0, SMALL),
        ((0.0, 150.0, 30.0, 190.0), 1.0, None),
    ]
    assert seen.faces == (LARGE, SMALL)
    other = find(IMAGE, "y")
    assert other.people == () and other.faces == (LARGE, SMALL)


def test_a_box_outside_the_picture_is_said() -> None:
    find = people_from_boxes(Faces(), Boxes({"x": [(310.0, 5.0, 350.0, 90.0)]}))
    with pytest.raises(MediaError, match=r"x: the box \(310, 5, 350, 90\).*picture of 300 x 200"):
        find(IMAGE, "x")


def test_a_box_that_is_no_number_is_said() -> None:
    find = people_from_boxes(Faces(), Boxes({"x": [(float("nan"), 5.0, 50.0, 90.0)]}))
    with pytest.raises(MediaError, match=r"x: the box \(nan, 5, 50, 90\)"):
        find(IMAGE, "x")


def test_more_people_than_can_be_read_are_refused_at_once() -> None:
    many = [(0.0, 0.0, 9.0, 9.0)] * (MOST_BOXES + 1)
    with pytest.raises(MediaError, match=r"x: 1001 boxes are given for it; at most 1000"):
        people_from_boxes(Faces(), Boxes({"x": many}))(IMAGE, "x")
    assert len(people_from_boxes(Faces(), Boxes({"x": many[1:]}))(IMAGE, "x").people) == MOST_BOXES


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 500), st.floats(0, 400), st.floats(2, 300), st.floats(2, 300))
def test_an_extent_holds_its_face_and_lies_in_the_picture(
    x: float, y: float, width: float, height: float
) -> None:
    face = (x, y, min(x + width, 640), min(y + height, 480))
    x1, y1, x2, y2 = person_extent(face, 640, 480)
    assert 0 <= x1 < x2 <= 640 and 0 <= y1 < y2 <= 480
    if 0.5 < width / height < 2:
        assert x1 <= face[0] and y1 <= face[1] and x2 >= face[2] and y2 >= face[3]
    larger = person_extent(face, 6400, 4800)
    assert iou_xyxy([larger], [(x1, y1, x2, y2)])[0, 0] > 0
