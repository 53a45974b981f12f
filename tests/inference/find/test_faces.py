"""The face finder that comes with Affekt, on real faces."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import affekt
from affekt import Face, Prediction
from affekt.bundle import bundle_folders
from affekt.geometry import face_crop_matrix, iou_xyxy, roll_degrees
from affekt.inference.find.faces import YUNET, FaceDetector, load_face_detector, look_at
from affekt.inference.find.yunet import YuNetDetector
from affekt.media import ImageRgb, read_picture, warp


def test_the_network_is_the_one_that_its_card_describes() -> None:
    digest = hashlib.sha256(YUNET.read_bytes()).hexdigest()
    assert digest in YUNET.with_name("CARD.md").read_text(encoding="utf-8")
    assert "BSD License" in YUNET.with_name("LICENSE").read_text(encoding="utf-8")
    assert "yunet" not in bundle_folders()


@pytest.fixture(scope="module")
def default() -> FaceDetector:
    return load_face_detector()


def test_nobody_is_an_empty_list(default: FaceDetector) -> None:
    assert default.detect(np.zeros((1, 1, 3), np.uint8)) == []
    assert default.detect(np.full((1000, 20, 3), 128, np.uint8)) == []


@dataclass
class Plain:
    """A detector of a user's own."""

    faces: list[Face]

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        return self.faces


def test_a_detector_that_only_detects_is_sure_and_upright() -> None:
    face = Face((1.0, 2.0, 30.0, 40.0), 0.4)
    look = look_at(Plain([face]), np.zeros((50, 50, 3), np.uint8))
    assert (look.faces, look.unsure, look.rotation) == ((face,), (), 0)


def test_a_face_in_doubt_is_not_reported_but_blurred(astronaut: ImageRgb) -> None:
    forehead_gone = astronaut[123:]
    predictor = affekt.load("face", threads=1)
    (outcome,) = predictor.predict_stream([forehead_gone], keep_images=True)
    assert isinstance(outcome, Prediction)
    assert outcome.frame.people == ()
    assert max(iou_xyxy([face.box_xyxy for face in outcome.faces], [179, 0, 268, 51])) > 0.7


def test_landmarks_turn_with_the_face(default: FaceDetector, astronaut: ImageRgb) -> None:
    """By about two thirds of the turn: the library's eyes lean towards the level."""
    (upright,) = default.detect(astronaut)
    close = warp(
        astronaut, face_crop_matrix(np.add(upright.box_xyxy, (-60, -60, 60, 60)), 600), 600
    )

    def roll(degrees: int) -> float:
        (face,) = default.detect(np.asarray(Image.fromarray(close).rotate(-degrees)))
        return roll_degrees(face.landmarks_xy)

    assert 25 < roll(30) - roll(-30) < 65


def test_several_threads_get_what_one_gets(default: FaceDetector, astronaut: ImageRgb) -> None:
    pictures = [np.ascontiguousarray(astronaut[::step, ::step]) for step in (1, 2, 3)]
    expected = [default.detect(picture) for picture in pictures]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(4) if default.detect(pictures[i]) != expected[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_yunet_and_the_default_agree(real_data: Path, default: FaceDetector) -> None:
    yunet = YuNetDetector(real_data / "weights" / "yunet.onnx", threads=1)
    for name, count in (("obama.jpg", 1), ("two_people.jpg", 2)):
        picture = read_picture(real_data / "media" / name)
        a, b = default.detect(picture), yunet.detect(picture)
        assert len(a) == len(b) == count
        overlap = iou_xyxy([face.box_xyxy for face in a], [face.box_xyxy for face in b])
        assert (overlap.max(axis=1) > 0.9).all()
