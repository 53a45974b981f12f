import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from affekt.labels import PRIMARY
from affekt.results import BoxXyxy, Emotion, Face, Frame, Person
from affekt.view import draw
from affekt.view.canvas import COLOURS, Canvas
from affekt.view.draw import annotate, blur_faces
from affekt.view.face_notes import MINI, PANEL
from affekt.view.notes import Note, hidden, place_notes


def person(box: BoxXyxy, label: str = "happiness", share: float = 0.82) -> Person:
    rest = (1 - share) / (len(PRIMARY) - 1)
    primary = {name: share if name == label else rest for name in PRIMARY}
    return Person(box, 0.9, Face(box, 0.9), Emotion(primary))


def frame_of(image: np.ndarray, *people: Person) -> Frame:
    return Frame("x", image.shape[1], image.shape[0], people=people)


def plain(width: int, height: int, grey: int = 128) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


def notes_of(image: np.ndarray, *people: Person) -> list[Note]:
    subjects = [draw._subject(p, 1) for p in people]
    canvas = Canvas.of(Image.fromarray(image), [subject.anchor for subject in subjects])
    return place_notes(canvas, subjects)


def overlap(a: BoxXyxy, b: BoxXyxy) -> float:
    return float(hidden([a], [b])[0])


def count(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((image == colour).all(axis=2).sum())


def test_every_emotion_has_its_own_colour() -> None:
    assert set(PRIMARY) <= set(COLOURS)
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_the_input_is_left_alone_and_nobody_draws_nothing() -> None:
    image = plain(500, 400)
    before = image.copy()
    assert (annotate(image, frame_of(image)) == before).all()
    assert not (annotate(image, frame_of(image, person((200, 150, 280, 250)))) == before).all()
    assert (image == before).all()


@pytest.mark.parametrize("grey", [0, 18, 128, 255])
def test_a_lone_face_gets_a_panel_of_labelled_bars_on_any_background(grey: int) -> None:
    image = plain(600, 480, grey)
    face = person((250, 150, 350, 280))
    notes = notes_of(image, face)
    assert [note.form for note in notes] == [PANEL]
    assert overlap(notes[0].box, face.box_xyxy) == 0
    drawn = annotate(image, frame_of(image, face))
    for label in PRIMARY:
        assert count(drawn, COLOURS[label]) > 0
    x1, y1, x2, y2 = (int(v) for v in notes[0].box)
    panel = drawn[y1:y2, x1:x2].min(axis=2)
    assert (panel > 150).sum() > 200  # the names, light
    assert (panel < 30).mean() > 0.3  # on dark


def test_a_longer_bar_means_more() -> None:
    image = plain(600, 480)
    box = (250.0, 150.0, 350.0, 280.0)
    shares = [
        count(annotate(image, frame_of(image, person(box, "fear", share))), COLOURS["fear"])
        for share in (0.3, 0.6, 0.9)
    ]
    assert shares[0] < shares[1] < shares[2]


def test_small_faces_get_bars_in_colour_and_one_legend() -> None:
    image = plain(800, 600)
    faces = [person((60.0 + 180 * i, 300.0, 75.0 + 180 * i, 320.0)) for i in range(4)]
    assert {note.form for note in notes_of(image, *faces)} == {MINI}
    drawn = annotate(image, frame_of(image, *faces))
    legend = drawn[-150:, :120]
    assert all(count(legend, COLOURS[label]) > 50 for label in PRIMARY)


def test_a_crowd_keeps_its_faces_and_notes_apart() -> None:
    image = plain(900, 600)
    people = [
        person((30.0 + 85 * x, 60.0 + 90 * y, 58.0 + 85 * x, 96.0 + 90 * y))
        for x in range(10)
        for y in range(6)
    ]
    notes = notes_of(image, *people)
    boxes = [note.box for note in notes]
    for i, box in enumerate(boxes):
        assert all(overlap(box, other) == 0 for other in boxes[:i])
        assert all(overlap(box, face.box_xyxy) == 0 for face in people)


def test_a_face_that_fills_the_picture_still_shows_its_bars() -> None:
    image = plain(400, 420)
    notes = notes_of(image, person((0, 0, 400, 420)))
    assert notes[0].form is PANEL
    x1, y1, x2, y2 = notes[0].box
    assert (x2 - x1) * (y2 - y1) <= 400 * 420 / 8


@pytest.mark.parametrize(("width", "height"), [(48, 48), (1, 1), (100, 30), (399, 200)])
def test_small_pictures_are_enlarged_by_a_whole_factor(width: int, height: int) -> None:
    image = plain(width, height)
    drawn = annotate(image, frame_of(image, person((0, 0, width, height))))
    factor = drawn.shape[1] // width
    assert drawn.shape == (height * factor, width * factor, 3)
    assert max(drawn.shape) >= draw.SMALLEST_SIDE


finite = st.floats(-300, 900, allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(finite, finite, st.floats(0, 400), st.floats(0, 400)), max_size=6))
def test_any_boxes_can_be_drawn_and_blurred(sizes: list[tuple[float, ...]]) -> None:
    image = plain(500, 430)
    boxes = [(x, y, x + w, y + h) for x, y, w, h in sizes]
    drawn = annotate(image, frame_of(image, *(person(box) for box in boxes)))
    assert drawn.shape == image.shape
    assert (blur_faces(image, boxes) == image).all()  # a plain picture has nothing to lose


@pytest.mark.parametrize("side", [4, 12, 40, 200])
def test_blur_leaves_nothing_of_the_detail(side: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    low, high = 200 - side // 2, 200 + side // 2
    blurred = blur_faces(image, [(low, low, high, high)])
    before = image[low:high, low:high].astype(float)
    after = blurred[low:high, low:high].astype(float)
    assert after.std() < 0.45 * before.std()
    fine = before - smooth(before, side / 6)
    kept = after - smooth(after, side / 6)
    assert abs(np.corrcoef(fine.ravel(), kept.ravel())[0, 1]) < 0.25


def smooth(pixels: np.ndarray, radius: float) -> np.ndarray:
    image = Image.fromarray(pixels.astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=float)


def test_blur_covers_the_corners_of_the_box_and_nothing_far_away() -> None:
    image = np.indices((200, 200)).sum(axis=0) % 2 * np.uint8(255)
    image = np.repeat(image[..., None].astype(np.uint8), 3, axis=2)
    blurred = blur_faces(image, [(80, 60, 120, 120)])
    assert np.ptp(blurred[60:120, 80:120].astype(int)) < 20
    assert (blurred[:20] == image[:20]).all()
    assert (blurred[:, 160:] == image[:, 160:]).all()


def test_real_photo() -> None:
    folder = os.environ.get("AFFEKT_TEST_DATA")
    if not folder or not (Path(folder) / "media" / "two_people.jpg").is_file():
        pytest.skip("AFFEKT_TEST_DATA has no media/two_people.jpg")
    with Image.open(Path(folder) / "media" / "two_people.jpg") as picture:
        image = np.asarray(picture.convert("RGB"))
    height, width = image.shape[:2]
    left = (0.21 * width, 0.05 * height, 0.34 * width, 0.34 * height)
    right = (0.69 * width, 0.08 * height, 0.84 * width, 0.38 * height)
    notes = notes_of(image, person(left), person(right, "neutral"))
    assert [note.form for note in notes] == [PANEL, PANEL]
    assert all(note.cost == 0 for note in notes)
