"""Faces are found at every scale and place, once, whatever the detector."""

from __future__ import annotations

import itertools
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import affekt
from affekt.errors import BundleError, UsageError
from affekt.geometry import face_crop_matrix, iou_xyxy, roll_degrees
from affekt.inference.detectors import (
    LARGEST,
    ONE_PASS,
    OVERLAP,
    TILE,
    FaceDetector,
    Found,
    YuNetDetector,
    cut_by_border,
    decode_yunet,
    default_face_detector,
    detect_at_scales,
    load_face_detector,
    tile_spans,
)
from affekt.media import ImageRgb, read_picture, warp

ASSETS = Path(affekt.__file__).parent / "assets"


def patches(image_rgb: ImageRgb) -> Found:
    """A finder that sees red rectangles on black, cut ones too, and nothing under 8 pixels."""
    red = image_rgb[..., 0] > 100
    boxes = []
    while red.any():
        y, x = np.argwhere(red)[0]
        right = x + int(np.argmin(np.append(red[y, x:], False)))
        below = y + int(np.argmin(np.append(red[y:, x], False)))
        red[max(y - 3, 0) : below + 3, max(x - 3, 0) : right + 3] = False
        if right - x >= 8 and below - y >= 8:
            boxes.append([x, y, right, below])
    found = np.array(boxes, dtype=float).reshape(-1, 4)
    landmarks = np.repeat(found[:, None, :2], 5, axis=1)
    return Found(found, np.full(len(found), 0.9), landmarks)


def canvas(width: int, height: int, boxes: list[tuple[int, int, int, int]]) -> ImageRgb:
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    for x1, y1, x2, y2 in boxes:
        picture[y1:y2, x1:x2, 0] = 255
    return picture


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9000))
def test_tiles_cover_everything_and_overlap(length: int) -> None:
    spans = tile_spans(length)
    assert spans[0][0] == 0 and spans[-1][1] == length
    assert all(0 < end - start <= TILE for start, end in spans)
    assert all(a[1] - b[0] >= OVERLAP - 1 for a, b in itertools.pairwise(spans))
    assert len(spans) == max(1, math.ceil((length - OVERLAP) / (TILE - OVERLAP)))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_face_anywhere_and_of_any_size_is_found_once(data: st.DataObject) -> None:
    width, height = data.draw(st.sampled_from([(300, 200), (1300, 500), (700, 1950), (2600, 900)]))
    smallest = math.ceil(11 * max(1, max(width, height) / LARGEST))
    side = data.draw(st.integers(smallest, min(width, height) - 1))
    x, y = data.draw(st.integers(0, width - side)), data.draw(st.integers(0, height - side))
    faces = detect_at_scales(patches, canvas(width, height, [(x, y, x + side, y + side)]))
    assert len(faces) == 1
    assert iou_xyxy(faces[0].box_xyxy, [x, y, x + side, y + side])[0, 0] > 0.7


def test_large_and_small_faces_together_largest_first() -> None:
    boxes = [(20, 30, 36, 48), (700, 200, 1400, 880), (1500, 400, 1560, 470)]
    faces = detect_at_scales(patches, canvas(1800, 1000, boxes))
    assert len(faces) == 3
    found = [face.box_xyxy for face in faces]
    assert np.allclose(iou_xyxy(found, [boxes[i] for i in (1, 2, 0)]).diagonal(), 1, atol=0.1)


def test_up_to_the_limit_the_picture_is_seen_once_as_it_is() -> None:
    seen: list[tuple[int, ...]] = []

    def spy(image_rgb: ImageRgb) -> Found:
        seen.append(image_rgb.shape)
        return patches(image_rgb)

    detect_at_scales(spy, canvas(ONE_PASS, 40, []))
    assert seen == [(40, ONE_PASS, 3)]
    detect_at_scales(spy, canvas(ONE_PASS * 5, ONE_PASS * 4, []))
    assert max(max(shape) for shape in seen) <= TILE


def test_boxes_are_cut_to_the_picture_and_empty_ones_left_out() -> None:
    boxes = np.array([[-5.0, -6, 20, 20], [-30, 0, -2, 9]])
    found = Found(boxes, np.array([0.9, 0.8]), np.full((2, 5, 2), np.nan))
    faces = detect_at_scales(lambda _: found, canvas(50, 40, []))
    assert [face.box_xyxy for face in faces] == [(0, 0, 20, 20)]
    assert faces[0].landmarks_xy is None


def test_only_inner_borders_cut() -> None:
    boxes = np.array([[0.0, 0, 20, 20], [80, 40, 99, 60], [40, 79, 60, 99], [40, 40, 60, 60]])
    whole = cut_by_border(boxes, (0, 0, 100, 100), 100, 100)
    first = cut_by_border(boxes, (0, 0, 100, 100), 200, 200)
    last = cut_by_border(boxes, (0, 0, 100, 100), 100, 200)
    assert whole.tolist() == [False] * 4
    assert first.tolist() == [False, True, True, False]
    assert last.tolist() == [False, False, True, False]


def test_yunet_s_outputs_are_decoded_as_the_paper_says() -> None:
    columns, cells, stride = 4, 12, 16
    cls, obj = np.zeros((1, cells, 1), np.float32), np.zeros((1, cells, 1), np.float32)
    bbox, kps = np.zeros((1, cells, 4), np.float32), np.zeros((1, cells, 10), np.float32)
    cls[0, 6], obj[0, 6] = 0.81, 1.0  # column 2, row 1
    bbox[0, 6] = (0.5, 0.25, math.log(2), math.log(3))
    kps[0, 6, :2] = (-0.5, 1.5)
    found = decode_yunet([cls, obj, bbox, kps], stride, columns)
    assert np.allclose(found.boxes_xyxy, [[24, -4, 56, 44]])
    assert np.allclose(found.scores, [0.9])
    assert found.landmarks_xy[0, 0].tolist() == [24, 40]


def test_a_yunet_file_must_be_one(tiny_bundle: affekt.Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_face_detector(tmp_path / "missing.onnx")
    with pytest.raises(UsageError, match="not a YuNet model, it has no output"):
        load_face_detector(tiny_bundle.model_path)
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(BundleError, match="not a model"):
        YuNetDetector(tmp_path / "text.onnx")


def test_no_detector_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affekt.inference.detectors.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="--face-detector"):
        default_face_detector()


@pytest.fixture(scope="module")
def default() -> FaceDetector:
    return default_face_detector()


@pytest.fixture(scope="module")
def portrait() -> ImageRgb:
    """The demo's public-domain photo: one large face."""
    return read_picture(ASSETS / "astronaut.jpg")


def test_nobody_is_an_empty_list(default: FaceDetector) -> None:
    assert default.detect(np.zeros((1, 1, 3), np.uint8)) == []
    assert default.detect(np.full((1000, 20, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.7])
def test_a_real_face_at_any_size(default: FaceDetector, portrait: ImageRgb, scale: float) -> None:
    height, width = portrait.shape[:2]
    image = Image.fromarray(portrait).resize((round(width * scale), round(height * scale)))
    (face,) = default.detect(np.asarray(image))
    (expected,) = default.detect(portrait)
    assert iou_xyxy(face.box_xyxy, np.multiply(expected.box_xyxy, scale))[0, 0] > 0.75
    assert face.score > 0.8


def test_landmarks_turn_with_the_face(default: FaceDetector, portrait: ImageRgb) -> None:
    """By about two thirds of the turn: the library's eyes lean towards the level."""
    (upright,) = default.detect(portrait)
    if upright.landmarks_xy is None:
        pytest.skip("the installed wheel gives no landmarks")
    close = warp(portrait, face_crop_matrix(np.add(upright.box_xyxy, (-60, -60, 60, 60)), 600), 600)

    def roll(degrees: int) -> float:
        (face,) = default.detect(np.asarray(Image.fromarray(close).rotate(-degrees)))
        return roll_degrees(face.landmarks_xy)

    assert 25 < roll(30) - roll(-30) < 65


def test_several_threads_get_what_one_gets(default: FaceDetector, portrait: ImageRgb) -> None:
    pictures = [np.ascontiguousarray(portrait[::step, ::step]) for step in (1, 2, 3)]
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
