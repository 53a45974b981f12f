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
    MIN_SCORE,
    MOST_IN_TILE,
    OVERLAP,
    TILE,
    TINY,
    WHOLE,
    cut_by_border,
    look_at_scales,
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
    seen = look_at_scales(patches, canvas(width, height, [(x, y, x + side, y + side)]))
    assert len(seen.sure.scores) == 1
    assert iou_xyxy(seen.sure.boxes_xyxy, [x, y, x + side, y + side])[0, 0] > 0.7


def test_large_and_small_faces_together() -> None:
    boxes = [(20, 30, 36, 48), (700, 200, 1400, 880), (1500, 400, 1560, 470)]
    found = look_at_scales(patches, canvas(1800, 1000, boxes)).sure.boxes_xyxy
    assert len(found) == 3
    assert np.allclose(iou_xyxy(found, boxes).max(axis=1), 1, atol=0.1)


def shapes_seen(width: int, height: int) -> list[tuple[int, ...]]:
    seen: list[tuple[int, ...]] = []

    def spy(image_rgb: ImageRgb) -> Found:
        seen.append(image_rgb.shape[:2])
        return patches(image_rgb)

    look_at_scales(spy, canvas(width, height, []))
    return seen


def test_what_is_looked_at() -> None:
    assert shapes_seen(WHOLE, 40) == [(40, WHOLE)]
    assert shapes_seen(TINY, 30) == [(60, 2 * TINY)]
    assert shapes_seen(WHOLE + 20, 250) == [(240, WHOLE), (250, WHOLE + 20)]
    whole, *tiles = shapes_seen(5 * LARGEST, 4 * LARGEST)
    assert max(whole) == WHOLE
    assert {columns for _, columns in tiles} == {LARGEST}
    assert max(rows for rows, _ in tiles) <= TILE


def scored(*rows: tuple[float, float, float, float, float]) -> Found:
    table = np.array(rows).reshape(-1, 5)
    return Found(table[:, :4], table[:, 4], np.full((len(table), 5, 2), np.nan))


def test_what_is_doubtful_is_kept_for_blurring() -> None:
    weak, good = (10.0, 10, 40, 50, MIN_SCORE - 0.1), (60.0, 10, 90, 50, 0.9)
    seen = look_at_scales(lambda _: scored(weak, good), canvas(200, 100, []))
    assert seen.sure.scores.tolist() == [0.9]
    assert seen.unsure.boxes_xyxy.tolist() == [[10, 10, 40, 50]]


def test_what_only_the_tiles_see_is_reported_where_it_is_small_and_whole() -> None:
    small, large = (10.0, 10, 50, 60, 0.9), (100.0, 0, 110.0 + MOST_IN_TILE, 250, 0.9)
    cut = (700.0, TILE - 53.0, 750, TILE - 3.0, 0.9)

    def first_tile(image_rgb: ImageRgb) -> Found:
        tile = image_rgb.shape[1] > WHOLE and image_rgb[0, 0, 0] == 9
        return scored(small, large, cut) if tile else scored()

    picture = canvas(800, 2 * TILE - OVERLAP, [])
    picture[0, 0, 0] = 9
    seen = look_at_scales(first_tile, picture)
    assert seen.sure.boxes_xyxy.tolist() == [list(small[:4])]
    assert sorted(seen.unsure.boxes_xyxy.tolist()) == [list(large[:4]), list(cut[:4])]


def test_a_part_of_a_large_face_is_no_face_of_its_own() -> None:
    face, eye = (100.0, 50, 300, 290, 0.8), (140.0, 100, 190, 160, 0.95)

    def find(image_rgb: ImageRgb) -> Found:
        if image_rgb.shape[1] == WHOLE:
            return scored(face).move((WHOLE / 600, WHOLE / 600), (0, 0))
        return scored(eye)

    seen = look_at_scales(find, canvas(600, 400, []))
    assert np.allclose(seen.sure.boxes_xyxy, [face[:4]])
    assert len(seen.unsure.scores) == 0


def test_only_inner_borders_cut() -> None:
    boxes = np.array([[0.0, 0, 20, 20], [80, 40, 99, 60], [40, 79, 60, 99], [40, 40, 60, 60]])
    whole = cut_by_border(boxes, (0, 0, 100, 100), (100, 100))
    first = cut_by_border(boxes, (0, 0, 100, 100), (200, 200))
    last = cut_by_border(boxes, (0, 0, 100, 100), (100, 200))
    assert whole.tolist() == [False] * 4
    assert first.tolist() == [False, True, True, False]
    assert last.tolist() == [False, False, True, False]
