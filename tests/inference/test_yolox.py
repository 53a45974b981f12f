"""YOLOX: its output decoded, pictures of any shape, and the real file on real photos."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import UsageError
from affekt.geometry import iou_xyxy
from affekt.inference.yolox import MIN_SCORE, STRIDES, YoloxDetector, decode, letterbox
from affekt.media import read_picture
from fakes.networks import fixed_model

SIDE = 64
CELLS = sum((SIDE // stride) ** 2 for stride in STRIDES)


def raw_output(*found: tuple[int, tuple[float, ...], float, int], classes: int = 80) -> np.ndarray:
    """An output with objects: stride, box in input pixels, score and class."""
    raw = np.zeros((CELLS, 5 + classes), np.float32)
    for stride, (x1, y1, x2, y2), score, kind in found:
        before = sum((SIDE // s) ** 2 for s in STRIDES if s < stride)
        x, y = (x1 + x2) / 2 / stride, (y1 + y2) / 2 / stride
        row = before + math.floor(y) * (SIDE // stride) + math.floor(x)
        raw[row, :4] = x % 1, y % 1, math.log((x2 - x1) / stride), math.log((y2 - y1) / stride)
        raw[row, 4], raw[row, 5 + kind] = score, 1.0
    return raw


def model(raw: np.ndarray, side: int = SIDE) -> bytes:
    """An ONNX file that gives that output whatever it sees."""
    return fixed_model("images", (1, 3, side, side), {"output": raw[None]})


@pytest.mark.parametrize("stride", STRIDES)
def test_every_level_is_decoded(stride: int) -> None:
    box = (10.0, 7.0, 39.0, 55.0)
    boxes, scores = decode(raw_output((stride, box, 0.8, 0)), SIDE, SIDE)
    np.testing.assert_allclose(boxes, [box], atol=1e-4)
    np.testing.assert_allclose(scores, [0.8])


def test_only_people_who_are_sure_enough_are_kept() -> None:
    raw = raw_output(
        (8, (1, 1, 20, 30), MIN_SCORE - 0.01, 0),
        (16, (30, 5, 60, 50), 0.9, 15),
        (32, (5, 5, 40, 60), MIN_SCORE + 0.01, 0),
    )
    boxes, _ = decode(raw, SIDE, SIDE)
    np.testing.assert_allclose(boxes, [(5, 5, 40, 60)], atol=1e-4)


def test_the_letterbox_keeps_the_aspect_and_swaps_the_colours() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[...] = (200, 100, 50)
    planes, scale = letterbox(image, SIDE, SIDE)
    assert planes.shape == (1, 3, SIDE, SIDE) and scale == 1.6
    assert planes[0, :, 0, 0].tolist() == planes[0, :, 31, 63].tolist() == [50, 100, 200]
    assert (planes[0, :, 32:] == 114).all()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 64), (30, 90), (1, 400)])
def test_boxes_come_back_in_pixels_of_the_picture(tmp_path: Path, height: int, width: int) -> None:
    scale = SIDE / max(height, width)
    inside = (0.0, 0.0, 0.5 * width * scale, 0.9 * height * scale)
    path = tmp_path / "yolox.onnx"
    path.write_bytes(model(raw_output((8, inside, 0.7, 0))))
    people = YoloxDetector(path, 1).detect(np.zeros((height, width, 3), np.uint8))
    if height == 1:  # less than a pixel high
        assert people == []
        return
    ((x1, y1, x2, y2),) = [person.box_xyxy for person in people]
    assert (x1, y1) == pytest.approx((0, 0), abs=0.01)
    assert (x2, y2) == pytest.approx((0.5 * width, 0.9 * height), rel=1e-3)
    assert people[0].score == pytest.approx(0.7)


def test_people_are_found_once_largest_first_and_cut_to_the_picture(tmp_path: Path) -> None:
    raw = raw_output(
        (8, (40, 2, 60, 60), 0.6, 0), (16, (-6, 2, 40, 70), 0.9, 0), (32, (0, 3, 40, 63), 0.5, 0)
    )
    (tmp_path / "m.onnx").write_bytes(model(raw))
    people = YoloxDetector(tmp_path / "m.onnx", 1).detect(np.zeros((64, 64, 3), np.uint8))
    assert [round(person.score, 2) for person in people] == [0.9, 0.6]
    assert people[0].box_xyxy == pytest.approx((0, 2, 40, 64), abs=1e-3)


def test_a_file_that_is_no_yolox(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(UsageError, match="no such file; give a YOLOX model"):
        YoloxDetector(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="not a model that can be run"):
        YoloxDetector(path)
    for raw in (raw_output()[:-1], raw_output(classes=0)):
        path.write_bytes(model(raw))
        with pytest.raises(UsageError, match=r"not a YOLOX model, input .*\[1, 3, 64, 64\]"):
            YoloxDetector(path)


def test_the_real_file_on_real_photos(real_data: Path) -> None:
    weights, photos = real_data / "weights" / "yolox_nano.onnx", real_data / "media"
    if not weights.is_file() or not (photos / "two_people.jpg").is_file():
        pytest.skip("no YOLOX file or photos there")
    detector = YoloxDetector(weights, 1)
    (one,) = detector.detect(read_picture(photos / "obama.jpg"))
    assert one.score > 0.8
    image = read_picture(photos / "two_people.jpg")
    height, width = image.shape[:2]
    people = detector.detect(image)
    halves = [(0.0, 0.0, 0.5 * width, height), (0.5 * width, 0.0, width, height)]
    best = iou_xyxy(halves, [person.box_xyxy for person in people])
    assert len(people) == 2 and best.max(axis=1).min() > 0.7
