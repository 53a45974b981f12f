"""YOLOX: its output decoded, pictures of any shape, and the real file on real photos."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import UsageError
from affekt.geometry import iou_xyxy
from affekt.inference.yolox import (
    MAX_IOU,
    MIN_SCORE,
    MOST_LOG,
    STRIDES,
    YoloxDetector,
    decode,
    letterbox,
)
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


@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (32, 128)])
def test_the_cells_of_an_oblong_input_are_read_row_by_row(width: int, height: int) -> None:
    places = [
        (stride, column, row)
        for stride in STRIDES
        for row in range(height // stride)
        for column in range(width // stride)
    ]
    raw = np.zeros((len(places), 6), np.float32)
    raw[:, :2], raw[:, 4], raw[:, 5] = (0.5, 0.25), 0.9, 0.5
    boxes, scores = decode(raw, width, height)
    expected = [(s * c, s * (r - 0.25), s * (c + 1), s * (r + 0.75)) for s, c, r in places]
    np.testing.assert_allclose(boxes, expected)
    np.testing.assert_allclose(scores, 0.45, rtol=1e-6)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ((0.5, 0.8), True), ((0.5, 0.79), False), ((0.8, 0.5), True), ((1.0, 0.39), False),
        ((0.9, 0.9, 0.9), True), ((0.9, 0.89, 0.9), False), ((0.9, 0.5, 0.0, 0.6), False),
    ],
)  # fmt: skip
def test_a_person_is_the_likeliest_class_with_the_least_score(
    said: tuple[float, ...], kept: bool
) -> None:
    raw = np.zeros((CELLS, 5 + 4), np.float64)
    raw[7, 4 : 4 + len(said)] = said
    boxes, _ = decode(raw, SIDE, SIDE)  # type: ignore[arg-type]
    assert len(boxes) == kept


@pytest.mark.parametrize("log", [MOST_LOG - 1, MOST_LOG, MOST_LOG + 1, 1e9])
def test_the_largest_size_has_an_end(log: float) -> None:
    raw = np.zeros((CELLS, 6), np.float32)
    raw[0, 2:] = log, 0, 1, 1
    ((x1, y1, x2, y2),), _ = decode(raw, SIDE, SIDE)
    assert x2 - x1 == pytest.approx(8 * math.exp(min(log, MOST_LOG)), rel=1e-5)
    assert y2 - y1 == 8


@pytest.mark.parametrize(("overlap", "count"), [(MAX_IOU - 0.02, 2), (MAX_IOU + 0.02, 1)])
def test_people_largest_first_and_none_twice(tmp_path: Path, overlap: float, count: int) -> None:
    wide = 40 * overlap  # of 40: a box within the other that fills this share of it
    found = raw_output((8, (0, 0, wide, 24), 0.9, 0), (16, (0, 0, 40, 24), 0.8, 0))
    path = tmp_path / "yolox.onnx"
    path.write_bytes(model(found))
    people = YoloxDetector(path, 1).detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    assert len(people) == count
    widths = [person.box_xyxy[2] for person in people]
    assert widths == pytest.approx([40, wide][2 - count :], abs=1e-3)
    assert [person.score for person in people] == pytest.approx([0.8, 0.9][2 - count :])


@pytest.mark.parametrize(
    ("box", "kept"),
    [((10, 10, 11.01, 30), True), ((10, 10, 10.9, 30), False), ((10, 10, 30, 10.9), False)],
)
def test_a_person_is_a_pixel_at_least_and_no_surer_than_1(
    tmp_path: Path, box: tuple[float, float, float, float], kept: bool
) -> None:
    path = tmp_path / "yolox.onnx"
    path.write_bytes(model(raw_output((8, box, 1.5, 0))))
    people = YoloxDetector(path, 1).detect(np.zeros((SIDE, SIDE, 3), np.uint8))
    assert [person.score for person in people] == [1.0] * kept


@pytest.mark.parametrize(
    ("shape", "output", "fits"),
    [
        ((1, 3, 64, 64), (1, CELLS, 85), True), ((1, 3, 64, 64), (1, CELLS, 6), True),
        ((1, 3, 64, 64), (1, CELLS, 5), False), ((1, 3, 64, 64), (1, CELLS + 1, 85), False),
        ((1, 1, 64, 64), (1, CELLS, 85), False), ((1, 3, 64, 32), (1, 42, 85), True),
        ((1, 3, 7, 7), (1, 0, 85), False), ((1, 3, 4096, 8), (1, 512, 6), True),
        ((1, 3, 4104, 8), (1, 513, 6), False), ((1, 3, 8, 4104), (1, 513, 6), False),
        ((1, 3, "height", 64), (1, CELLS, 85), False),
    ],
)  # fmt: skip
def test_a_yolox_is_known_by_its_shapes(
    tmp_path: Path, shape: tuple[int | str, ...], output: tuple[int, ...], fits: bool
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(fixed_model("images", shape, {"output": np.zeros(output, np.float32)}))
    if fits:
        YoloxDetector(path, 1)
        return
    with pytest.raises(UsageError, match="not a YOLOX model"):
        YoloxDetector(path, 1)


@pytest.mark.parametrize(
    ("rows", "columns", "scale", "shown"),
    [
        (32, 64, 1.0, (32, 64)), (128, 64, 0.5, (64, 32)), (1, 640, 0.1, (1, 64)),
        (640, 1, 0.1, (64, 1)), (16, 16, 4.0, (64, 64)), (63, 90, 64 / 90, (45, 64)),
    ],
)  # fmt: skip
def test_a_picture_of_any_shape_fits_the_input(
    rows: int, columns: int, scale: float, shown: tuple[int, int]
) -> None:
    planes, found = letterbox(np.full((rows, columns, 3), 255, np.uint8), SIDE, SIDE)
    assert found == scale
    ys, xs = np.nonzero(planes[0, 0] == 255)
    assert (ys.max() + 1, xs.max() + 1) == shown
