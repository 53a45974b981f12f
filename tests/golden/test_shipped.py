"""What the shipped models say of people in fixed places, whoever finds the faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import affekt as package
from affekt import Face, Frame, Predictor, read_picture
from affekt.media import ImageRgb

Golden = Callable[..., None]
Program = Callable[..., str]

PHOTO = Path(str(files("affekt") / "assets" / "astronaut.jpg"))
EYES_TO_MOUTH = ((200.0, 101.5), (247.5, 102.5), (220.5, 124.0), (198.5, 143.0), (240.0, 143.5))
MIRRORED = ((212.5, 102.5), (260.0, 101.5), (239.5, 124.0), (220.0, 143.5), (261.5, 143.0))
FACES = {
    512: [
        Face((178.0, 63.0, 268.5, 176.0), 0.93, EYES_TO_MOUTH),
        Face((380.0, 60.0, 470.0, 180.0), 0.8),
    ],
    640: [
        Face((191.5, 63.0, 282.0, 176.0), 0.9, MIRRORED),
        Face((425.0, 95.5, 470.0, 152.0), 0.8),
    ],
}
"""By the width of the picture: one astronaut and a place behind her, where the model is in
doubt and little changes show; her mirror image and a small dark copy."""

BOXES = [(60.0, 10.0, 400.0, 430.0), (360.0, 70.0, 560.0, 320.0), (500.0, 300.0, 630.0, 440.0)]
"""Of three people in the second picture, the last without a face."""

QUANTISED = 0.03
"""The shipped networks are int8, where another CPU may round otherwise. Run in floating point all
through, they give figures of these people that are off by up to 0.021."""


class Placed:
    """A face detector that knows where the faces are."""

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        return FACES[image_rgb.shape[1]]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The photo that comes with the package, and a picture made of it with two people."""
    photo = read_picture(PHOTO)
    made = np.full((440, 640, 3), (90, 110, 100), np.uint8)
    made[:, :460] = photo[:440, ::-1][:, :460]
    made[64:284, 336:592] = photo[:440:2, ::2] // 2
    path = tmp_path_factory.mktemp("pictures") / "made.png"
    Image.fromarray(made).save(path)
    return [PHOTO, path]


@pytest.mark.parametrize("model", ["face", "context"])
def test_people_by_their_faces(golden: Golden, pictures: list[Path], model: str) -> None:
    predictor = package.load(model, face_detector=Placed())
    said = [described(frame, predictor) for frame in predictor.predict(pictures)]
    golden(f"shipped-{model}", said, tolerance=QUANTISED)


def test_people_in_boxes(golden: Golden, pictures: list[Path]) -> None:
    predictor = package.load("context", face_detector=Placed(), boxes={"made.png": BOXES})
    said = described(predictor.predict(pictures[1]), predictor)
    golden("shipped-context-boxes", said, tolerance=QUANTISED)


@pytest.mark.parametrize("model", ["face", "context"])
def test_fitted_numbers(golden: Golden, model: str) -> None:
    """Those that turn outputs into probabilities and labels, and the bytes of the networks."""
    info = package.find_bundle(model).info
    head = next(iter(info.outputs.values()))
    fitted = {
        "temperature": getattr(head, "temperature", 1.0),
        "thresholds": getattr(head, "thresholds", {}),
        "calibration": getattr(head, "platt", {}),
    }
    networks = {name: sha for name, sha in info.files.items() if name.endswith(".onnx")}
    golden(f"shipped-{model}-numbers", fitted | {"networks": networks}, tolerance=1e-5)


def described(frame: Frame, predictor: Predictor) -> dict[str, Any]:
    """The frame for JSON, but each category's label as its distance from the threshold."""
    said, heads = frame.to_dict(), predictor.bundle.info.outputs
    thresholds = getattr(heads.get("categories"), "thresholds", {})
    said["source"] = Path(frame.source).name
    for person in said["people"]:
        emotion = person["emotion"]
        if emotion["category_labels"] is not None:
            over = {name: p - thresholds[name] for name, p in emotion["categories"].items()}
            found = {name for name, by in over.items() if by > 0}
            assert {*emotion["category_labels"]} ^ found <= {n for n in over if abs(over[n]) < 1e-4}
            emotion["category_labels"] = over
    return said


@pytest.mark.parametrize("model", ["face", "context"])
def test_the_program_says_what_python_says(golden: Golden, affekt: Program, model: str) -> None:
    said = json.loads(affekt("predict", PHOTO, "--model", model))
    assert said == [package.load(model).predict(PHOTO).to_dict()]
    golden(f"predict-{model}-keys", kinds(said))


@pytest.mark.parametrize("model", ["face", "context"])
def test_columns(golden: Golden, affekt: Program, model: str) -> None:
    header = affekt("predict", PHOTO, "--model", model, "--format", "csv").splitlines()[0]
    golden(f"predict-{model}-columns", header.split(","))


def kinds(value: Any) -> Any:
    """The keys of a JSON value with the kind of each value; of a list the first item."""
    if isinstance(value, dict):
        return {key: kinds(own) for key, own in value.items()}
    if isinstance(value, list):
        return [kinds(own) for own in value[:1]]
    return type(value).__name__
