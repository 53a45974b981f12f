"""The vocabulary as JSON and as a table has exactly the documented keys."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.labels import CATEGORIES, PRIMARY
from affekt.results import Emotion, Face, Frame, Person, to_table

PROBABILITIES = dict(zip(PRIMARY, (0.05, 0.05, 0.1, 0.6, 0.1, 0.05, 0.05), strict=True))
POINTS = ((30.0, 40.0), (50.0, 40.0), (40.0, 50.0), (32.0, 60.0), (48.0, 60.0))


def person(landmarks: tuple[tuple[float, float], ...] | None = POINTS) -> Person:
    face = Face((20.123456, 20.0, 60.0, 75.0), 0.987654, landmarks)
    return Person(face.box_xyxy, face.score, face, Emotion(PROBABILITIES))


def test_json_of_a_frame() -> None:
    frame = Frame("é.jpg", 640, 480, people=(person(),))
    assert json.loads(json.dumps(frame.to_dict())) == {
        "source": "é.jpg",
        "width": 640,
        "height": 480,
        "index": 0,
        "time_s": None,
        "people": [
            {
                "box_xyxy": [20.12, 20.0, 60.0, 75.0],
                "score": 0.9877,
                "track_id": None,
                "face": {
                    "box_xyxy": [20.12, 20.0, 60.0, 75.0],
                    "score": 0.9877,
                    "landmarks_xy": [list(point) for point in POINTS],
                },
                "emotion": {
                    "primary": PROBABILITIES,
                    "primary_label": "happiness",
                    "categories": None,
                    "category_labels": None,
                    "valence": None,
                    "arousal": None,
                    "dominance": None,
                    "spread": None,
                },
            }
        ],
        "rotation": 0,
    }


def test_without_landmarks_and_without_a_face() -> None:
    assert person(landmarks=None).face.to_dict()["landmarks_xy"] is None
    hidden = Person((0, 0, 9, 9), 0.5, None, Emotion(PROBABILITIES))
    assert hidden.to_dict()["face"] is None
    row = next(to_table([Frame("a", 9, 9, people=(hidden,))]))
    assert row["face_x1"] is None and row["x2"] == 9


def test_categories_where_a_model_gives_them() -> None:
    emotion = Emotion(PROBABILITIES, {"Affection": 0.123456}, ("Affection", "Peace"), 7.0, 5.0, 6.0)
    assert emotion.to_dict()["categories"] == {"Affection": 0.1235}
    assert emotion.to_dict()["category_labels"] == ["Affection", "Peace"]
    row = next(to_table([Frame("a", 9, 9, people=(Person((0, 0, 9, 9), 1, None, emotion),))]))
    assert row["category_labels"] == "Affection;Peace" and row["Affection"] == 0.1235
    assert (row["valence"], row["arousal"], row["dominance"]) == (7.0, 5.0, 6.0)
    assert row["spread"] is None
    assert replace(emotion, spread=0.12345).to_dict()["spread"] == 0.1235


def test_an_unseen_face_leaves_the_primary_columns_empty() -> None:
    emotion = Emotion(None, {"Peace": 0.5}, (), 5.0, 5.0, 5.0)
    assert emotion.primary_label is None
    assert emotion.to_dict()["primary"] is None and emotion.to_dict()["category_labels"] == []
    hidden = Person((0, 0, 9, 9), 1, None, emotion)
    seen = Person((0, 0, 9, 9), 1, None, replace(emotion, primary=PROBABILITIES))
    rows = list(to_table([Frame("a", 9, 9, people=(hidden, seen))]))
    assert list(rows[0]) == list(rows[1])
    assert [rows[0][label] for label in PRIMARY] == [None] * 7
    assert rows[0]["primary_label"] is None and rows[0]["category_labels"] == ""
    other = next(to_table([Frame("a", 9, 9, people=(hidden,))], ["joy"]))
    assert "joy" in other and "anger" not in other


def test_one_row_per_person_and_none_for_nobody() -> None:
    frames = [
        Frame("a", 9, 9, people=(person(), person(None))),
        Frame("b", 9, 9),
        Frame("c", 9, 9, people=(person(),)),
    ]
    rows = list(to_table(frames))
    assert [(row["source"], row["person"]) for row in rows] == [("a", 0), ("a", 1), ("c", 0)]
    assert len({tuple(row) for row in rows}) == 1
    assert {*PRIMARY, "primary_label", "score", "x1", "face_y2"} <= {*rows[0]}


def test_results_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        person().score = 1.0  # type: ignore[misc]


def grid(digits: int, low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of so many decimals."""
    scale = 10**digits
    return st.integers(int(low * scale), int(high * scale)).map(lambda number: number / scale)


SHARE, RATING = grid(4, 0, 1), st.none() | grid(4, 1, 10)
BOXES = st.tuples(*[grid(2, -50, 5000)] * 4)
FACES = st.builds(
    Face, BOXES, SHARE, st.none() | st.tuples(*[st.tuples(*[grid(2, -50, 5000)] * 2)] * 5)
)
EMOTIONS = st.builds(
    Emotion,
    st.none() | st.fixed_dictionaries(dict.fromkeys(PRIMARY, SHARE)),
    st.none() | st.dictionaries(st.sampled_from(CATEGORIES), SHARE),
    st.none() | st.lists(st.sampled_from(CATEGORIES), unique=True).map(tuple),
    RATING,
    RATING,
    RATING,
    st.none() | SHARE,
)
PEOPLE = st.builds(
    Person, BOXES, SHARE, st.none() | FACES, EMOTIONS, st.none() | st.integers(0, 9999)
)
FRAMES = st.builds(
    Frame,
    st.text(),
    st.integers(1, 9999),
    st.integers(1, 9999),
    st.integers(0, 9999),
    st.none() | st.floats(0, 1e6),
    st.lists(PEOPLE, max_size=3).map(tuple),
    st.sampled_from((0, 90, 180, 270)),
)


@given(FRAMES)
def test_a_frame_comes_back_from_json_as_it_was(frame: Frame) -> None:
    assert Frame.from_dict(json.loads(json.dumps(frame.to_dict()))) == frame


@given(st.tuples(*[st.floats(0, 5000)] * 4), st.floats(0, 1))
def test_what_was_rounded_once_stays(box: tuple[float, float, float, float], score: float) -> None:
    frame = Frame("a", 9, 9, people=(Person(box, score, Face(box, score), Emotion(None)),))
    once = Frame.from_dict(frame.to_dict())
    assert once.to_dict() == frame.to_dict() and Frame.from_dict(once.to_dict()) == once


def test_frames_of_other_versions_are_read() -> None:
    content = Frame("a", 9, 9, people=(person(),)).to_dict()
    later = content | {"later": 1, "people": [own | {"later": 2} for own in content["people"]]}
    assert Frame.from_dict(later) == Frame.from_dict(content)
    del content["rotation"], content["people"][0]["emotion"]["spread"]
    assert Frame.from_dict(content) == Frame.from_dict(later)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": "9"}, "width: expected int, got '9'"),
        ({"people": 3}, "people: expected a list, got 3"),
        ({"people": [3]}, r"expected a table, got 3"),
        ({"people": [{"score": 0.5}]}, "missing key people.box_xyxy"),
        ({"time_s": float("inf")}, "time_s: expected a finite number"),
    ],
)
def test_what_is_no_frame_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=f"^not a frame as Frame.to_dict makes it: .*{said}"):
        Frame.from_dict(Frame("a", 9, 9).to_dict() | change)
    with pytest.raises(DataError, match="expected one table of keys and values, got 'x'"):
        Frame.from_dict("x")  # type: ignore[arg-type]
