"""A picture is looked at so that a face of any size and at any place is found once."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.geometry import iou_xyxy
from affekt.inference.find.found import Found
from affekt.inference.find.tiles import (
    LARGEST,
    ONE_PASS,
    OVERLAP,
    TILE,
    cut_by_border,
    detect_at_scales,
    tile_spans,
)
from affekt.media import ImageRgb


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
