"""The vocabulary as JSON and as a table has exactly the documented keys."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from affekt.labels import PRIMARY
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
