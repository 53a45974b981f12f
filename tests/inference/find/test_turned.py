"""Pictures on their side or head are read as what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import affekt
from affekt import Frame, Predictor
from affekt.geometry import iou_xyxy, roll_degrees
from affekt.inference.find.faces import YUNET
from affekt.inference.find.found import Found
from affekt.inference.find.turned import (
    CLEAR,
    Look,
    evidence,
    look_any_way_up,
    turn_image,
    turn_xy,
    turn_xyxy,
    turned_size,
)
from affekt.inference.find.yunet import YuNetDetector
from affekt.media import ImageRgb

WAYS = (0, 90, 180, 270)


@given(st.sampled_from(WAYS), st.integers(0, 7), st.integers(0, 4))
def test_points_turn_with_the_picture(rotation: int, column: int, row: int) -> None:
    picture = np.zeros((5, 8, 3), np.uint8)
    picture[row, column] = 255
    turned = turn_image(picture, rotation)
    assert turned_size(picture, rotation) == (turned.shape[1], turned.shape[0])
    there = turn_xyxy([column, row, column + 1, row + 1], rotation, (8, 5))
    y, x = np.argwhere(turned[..., 0])[0]
    assert there.tolist() == [x, y, x + 1, y + 1]
    back = turn_xy([x, y], -rotation, turned_size(picture, rotation))
    assert np.abs(back - (column, row)).max() <= 1


@pytest.fixture(scope="module")
def faces() -> YuNetDetector:
    return YuNetDetector(YUNET, threads=1)


@pytest.fixture(scope="module")
def portraits(astronaut: ImageRgb, hopper: ImageRgb) -> list[ImageRgb]:
    """Each with one face, of other sizes and shapes."""
    return [astronaut, astronaut[:300, 100:360], hopper, np.tile(astronaut, (2, 3, 1))]


@pytest.mark.parametrize("turned", WAYS)
def test_faces_of_a_turned_picture_are_those_of_the_upright_one(
    turned: int, faces: YuNetDetector, portraits: list[ImageRgb]
) -> None:
    for picture in portraits:
        upright = faces.detect(picture)
        look = faces.look(turn_image(picture, turned))
        assert (look.rotation + turned) % 360 == 0
        assert list(look.faces) == upright
        given = faces.detect(turn_image(picture, turned))
        size = turned_size(picture, 0)
        boxes = turn_xyxy([face.box_xyxy for face in upright], turned, size)
        assert iou_xyxy([face.box_xyxy for face in given], boxes).diagonal().min() > 0.99
        rolls = [roll_degrees(face.landmarks_xy) for face in given]
        before = [roll_degrees(face.landmarks_xy) for face in upright]
        assert np.allclose((np.subtract(rolls, before) - turned + 180) % 360, 180)


@pytest.fixture(scope="module", params=["face", "context"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    return affekt.load(request.param, threads=1)


def told(frame: Frame) -> list[float]:
    """Every number that is said of the people, but for where they are."""
    said = [person.emotion.to_dict() for person in frame.people]
    parts = [{**(s["primary"] or {}), **(s["categories"] or {})}.values() for s in said]
    return [value for part in parts for value in part] + [s["valence"] or 0.0 for s in said]


@pytest.mark.parametrize("turned", WAYS[1:])
def test_a_turned_picture_is_read_like_the_upright_one(
    turned: int, predictor: Predictor, portraits: list[ImageRgb]
) -> None:
    for picture in portraits[:3]:
        upright = predictor.predict(picture)
        frame = predictor.predict(turn_image(picture, turned))
        assert (upright.rotation, frame.rotation) == (0, 360 - turned)
        assert told(frame) == pytest.approx(told(upright), abs=1e-4)
        boxes = turn_xyxy([p.box_xyxy for p in upright.people], turned, turned_size(picture, 0))
        assert np.allclose([person.box_xyxy for person in frame.people], boxes)


def test_a_turned_picture_with_given_boxes(predictor: Predictor, astronaut: ImageRgb) -> None:
    if not predictor.categories:
        pytest.skip("boxes are for a context model")
    box, size = (100.0, 20.0, 400.0, 512.0), turned_size(astronaut, 0)
    upright = affekt.load("context", boxes={"<array>": [box]}, threads=1).predict(astronaut)
    turned_box = tuple(turn_xyxy(box, 180, size).tolist())
    upside_down = affekt.load("context", boxes={"<array>": [turned_box]}, threads=1)
    frame = upside_down.predict(turn_image(astronaut, 180))
    assert frame.people[0].box_xyxy == pytest.approx(turned_box)
    assert told(frame) == pytest.approx(told(upright), abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (40, 30), (700, 300), (1000, 1300)])
def test_nobody_is_upright(shape: tuple[int, int], faces: YuNetDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert faces.look(noise).faces == ()
    assert faces.look(noise).rotation == 0


def counting(score: float, seen: list[int]) -> tuple[int, Look]:
    """How often a finder that sees one face of that score in every look is asked."""

    def find(image_rgb: ImageRgb) -> Found:
        seen.append(1)
        box = np.array([[10.0, 10, 60, 70]])
        return Found(box, np.array([score]), np.full((1, 5, 2), np.nan))

    look = look_any_way_up(find, np.zeros((300, 400, 3), np.uint8))
    return len(seen), look


def test_other_ways_are_tried_only_where_no_face_is_clear() -> None:
    assert counting(0.95, [])[0] == 1
    looks, look = counting(0.7, [])
    assert looks == 1 + 3  # none of the others is clearer, so none is looked at in full
    assert look.rotation == 0
    assert len(look.faces) == 1


@pytest.mark.parametrize(("score", "looks"), [(CLEAR, 1), (CLEAR - 0.001, 4)])
def test_a_face_is_clear_from_the_score_on(score: float, looks: int) -> None:
    assert counting(score, [])[0] == looks


def one_face(score: float, image_rgb: ImageRgb) -> Found:
    box = np.array([[10, 10, 60, 70]]) * max(image_rgb.shape) / 400
    return Found(box, np.array([score]), np.full((1, 5, 2), np.nan))


NOBODY = Found(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))


def seen_by_way(upright: float, turned: float) -> Look:
    """Of a picture whose faces have one score as it is, and another once its mark is top left."""
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[-30:, :30] = 255  # top left once the picture is turned by 90 degrees

    def find(image_rgb: ImageRgb) -> Found:
        if image_rgb[2, 2, 0] > 99:
            return one_face(turned, image_rgb) if turned else NOBODY
        as_it_is = image_rgb.shape[1] > image_rgb.shape[0] and image_rgb[-3, 2, 0] > 99
        return one_face(upright, image_rgb) if as_it_is and upright else NOBODY

    return look_any_way_up(find, picture)


@pytest.mark.parametrize(
    ("upright", "turned", "rotation"),
    [
        (0.0, 0.87, 90),  # 0.573 against 0.55
        (0.0, 0.86, 0),  # 0.547
        (0.7, 0.99, 90),
        (0.86, 0.92, 90),  # 0.716 against 1.3 x 0.547
        (0.87, 0.92, 0),  # 0.716 against 1.3 x 0.573
        (0.0, 0.0, 0),
    ],
)
def test_another_way_is_up_where_its_faces_are_much_clearer(
    upright: float, turned: float, rotation: int
) -> None:
    look = seen_by_way(upright, turned)
    assert look.rotation == rotation
    assert [face.score for face in look.faces] == [
        score for score in (turned if rotation else upright,) if score
    ]
    if rotation:
        assert look.faces[0].box_xyxy == (10, 10, 60, 70)
        assert [face.score for face in look.unsure] == ([upright] if upright else [])
    else:
        assert [face.score for face in look.unsure] == ([turned] if turned else [])


def test_only_what_would_be_reported_is_evidence() -> None:
    scores = np.array([0.6, 0.599, 1.0])
    found = Found(np.zeros((3, 4)), scores, np.zeros((3, 5, 2)))
    assert evidence(found) == pytest.approx(0.6**4 + 1)
