"""Notes of people in context: readable from one person to a crowd, and true to their numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.labels import CATEGORIES, PRIMARY
from affekt.results import BoxXyxy, Emotion, Face, Frame, Person
from affekt.view import draw
from affekt.view.canvas import COLOURS, PAPER, TRACK, Canvas
from affekt.view.context_notes import CONTEXT_FORMS, MOST, draw_dial, strongest
from affekt.view.draw import annotate
from affekt.view.notes import MOST_ON_OTHERS, Note, hidden, place_notes

SHORT, TAG, MINI, PANEL = CONTEXT_FORMS
SURE = dict.fromkeys(PRIMARY, 0.02) | {"fear": 0.88}


def emotion(
    primary: dict[str, float] | None = SURE, over: int = 3, valence: float = 7.0, arousal: float = 4
) -> Emotion:
    categories = {label: 0.9 - 0.03 * i for i, label in enumerate(CATEGORIES)}
    return Emotion(primary, categories, CATEGORIES[:over], valence, arousal, 6.0)


def person(body: BoxXyxy, face: BoxXyxy | None, felt: Emotion | None = None) -> Person:
    found = None if face is None else Face(face, 0.9)
    return Person(body, 0.9, found, felt or emotion(SURE if face else None))


def plain(width: int = 700, height: int = 500) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def notes_of(image: np.ndarray, *people: Person) -> list[Note]:
    subjects = [draw._subject(p, 1) for p in people]
    canvas = Canvas.of(Image.fromarray(image), [subject.anchor for subject in subjects])
    return place_notes(canvas, subjects)


def drawn(*people: Person, image: np.ndarray | None = None) -> np.ndarray:
    image = plain() if image is None else image
    return annotate(image, Frame("x", image.shape[1], image.shape[0], people=people))


def count(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((image == colour).all(axis=2).sum())


BODY, FACE = (200.0, 80.0, 380.0, 490.0), (260.0, 90.0, 330.0, 180.0)


def test_strongest_are_those_over_their_thresholds_by_probability() -> None:
    felt = emotion()
    assert [c.label for c in strongest(felt, MOST)] == list(CATEGORIES[:3])
    assert all(c.over for c in strongest(felt, MOST))
    assert len(strongest(emotion(over=26), MOST)) == MOST
    (best,) = strongest(emotion(over=0), MOST)
    assert (best.label, best.over) == (CATEGORIES[0], False)
    unknown = Emotion(None, {"Peace": 0.2, "Fear": 0.3})
    assert [(c.label, c.over) for c in strongest(unknown, 2)] == [("Fear", True), ("Peace", True)]


def test_a_lone_person_gets_a_panel_off_the_face() -> None:
    (note,) = notes_of(plain(), person(BODY, FACE))
    assert note.form is PANEL and note.cost == 0
    assert hidden([note.box], [FACE])[0] == 0
    assert count(drawn(person(BODY, FACE)), COLOURS["fear"]) > 500


@pytest.mark.parametrize(
    ("valence", "arousal", "place"),
    [(1, 1, (0, 90)), (10, 10, (90, 0)), (5.5, 5.5, (45, 45)), (10, 1, (90, 90))],
)
def test_the_dial_points_to_valence_and_arousal(
    valence: float, arousal: float, place: tuple[int, int]
) -> None:
    image = Image.fromarray(plain(160, 160))
    canvas = Canvas.of(image, [])
    draw_dial(canvas, (30, 30, 120, 120), emotion(valence=valence, arousal=arousal), (255, 0, 0))
    red = np.argwhere((np.asarray(image) == (255, 0, 0)).all(axis=2)) - 30
    x, y = place
    assert np.abs(red - (y, x)).sum(axis=1).min() <= 2
    assert np.linalg.norm(red - (y, x), axis=1).max() <= np.hypot(45 - x, 45 - y) + 6


def test_no_dial_without_vad() -> None:
    image = Image.fromarray(plain(160, 160))
    draw_dial(Canvas.of(image, []), (30, 30, 120, 120), Emotion(None, {"Peace": 1.0}), PAPER)
    assert (np.asarray(image) == 128).all()
    felt = Emotion(SURE, {"Peace": 0.4})
    assert count(drawn(person(BODY, FACE, felt)), TRACK) > 0


def test_a_person_without_a_face_is_boxed_and_noted() -> None:
    (note,) = notes_of(plain(), person(BODY, None))
    assert note.form is PANEL and hidden([note.box], [(200, 80, 380, 182)])[0] == 0
    picture = drawn(person(BODY, None))
    assert (picture[300, 199:203] == PAPER).all(axis=1).any()


def test_bodies_show_their_corners_until_it_is_a_crowd() -> None:
    few = drawn(person(BODY, FACE))
    assert (few[487:493, 205:215] == COLOURS["fear"]).all(axis=2).any()
    row = []
    for x in range(20, 680, 95):
        row.append(person((x, 200, x + 80, 480), (x + 20, 210, x + 50, 245)))
    many = drawn(*row)
    assert not (many[476:484, 22:30] == COLOURS["fear"]).all(axis=2).any()


def test_a_crowd_keeps_faces_and_notes_apart_and_has_a_legend() -> None:
    image = plain(900, 600)
    people = []
    for i in range(50):
        x, y = 20.0 + 88 * (i % 10), 40.0 + 110 * (i // 10)
        people.append(person((x - 20, y - 5, x + 45, y + 100), (x, y, x + 26, y + 34)))
    notes = notes_of(image, *people)
    boxes, faces = [note.box for note in notes], [p.face.box_xyxy for p in people if p.face]
    for i, box in enumerate(boxes):
        assert hidden([box], [*boxes[:i], *faces]) == 0
    assert all(note.form is SHORT or note.on_others <= MOST_ON_OTHERS for note in notes)
    legend = drawn(*people, image=image)
    assert count(legend[-40:, :90], COLOURS["fear"]) > 50


finite = st.floats(-200, 800, allow_nan=False)
sizes = st.floats(0, 500)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(finite, finite, sizes, sizes, st.booleans()), max_size=5))
def test_any_boxes_can_be_drawn(people: list[tuple[float, float, float, float, bool]]) -> None:
    image = plain(450, 410)
    seen = []
    for x, y, w, h, face in people:
        box = (x, y, x + w, y + h)
        seen.append(person(box, (x, y, x + w / 3, y + h / 3) if face else None))
    assert drawn(*seen, image=image).shape == image.shape
