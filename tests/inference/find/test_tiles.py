"""A picture is looked at so that a face of any size and at any place is found once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from affekt.geometry import iou_xyxy
from affekt.inference.find.found import Found
from affekt.inference.find.tiles import (
    LARGEST,
    MIN_SCORE,
    MIN_SCORE_TILES,
    MOST_IN_TILE,
    OVERLAP,
    SMALL,
    TILE,
    TINY,
    WHOLE,
    covered_by,
    cut_by_border,
    fitted,
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
@example(TILE)
@example(TILE + 1)
@example(2 * TILE - OVERLAP)
@example(2 * TILE - OVERLAP + 1)
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


@pytest.mark.parametrize(("edge", "cut"), [(87.9, False), (88, False), (88.1, True), (100, True)])
def test_what_ends_within_a_tenth_of_its_size_of_an_inner_border_is_cut(
    edge: float, cut: bool
) -> None:
    """Of a face of 110 pixels the margin is 12."""
    side, size = 110.0, (500, 500)
    behind = np.array([[edge - side, 0, edge, 10], [0, edge - side, 10, edge]])
    assert cut_by_border(behind, (0, 0, 100, 400), size).tolist() == [cut, False]
    assert cut_by_border(behind, (0, 0, 400, 100), size).tolist() == [False, cut]
    before = 500 - behind[:, [2, 3, 0, 1]]
    assert cut_by_border(before, (400, 0, 500, 500), size).tolist() == [cut, False]
    assert cut_by_border(before, (0, 400, 500, 500), size).tolist() == [False, cut]
    assert not cut_by_border(behind, (0, 0, 100, 100), (100, 100)).any()


@pytest.mark.parametrize(("share", "covered"), [(0.69, True), (0.7, False), (0.71, False)])
def test_a_box_is_covered_by_one_that_has_more_than_the_share(share: float, covered: bool) -> None:
    assert (
        covered_by(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 7, 10]]), share)[0] == covered
    )
    assert not covered_by(np.array([[0.0, 0, 1, 1]]), np.zeros((0, 4)), share).any()


@pytest.mark.parametrize(
    ("shape", "whole", "fitted_shape"),
    [
        ((WHOLE, 100), WHOLE, (WHOLE, 100)), ((WHOLE * 2, 100), WHOLE, (WHOLE, 50)),
        ((50, 100), 50, (25, 50)), ((TINY, 40), WHOLE, (2 * TINY, 80)),
        ((TINY + 1, 40), WHOLE, (TINY + 1, 40)), ((1, 5000), WHOLE, (1, WHOLE)),
        ((1, 1), 9, (2, 2)), ((5000, 1), WHOLE, (WHOLE, 1)),
    ],
)  # fmt: skip
def test_a_picture_is_shrunk_to_fit_and_doubled_where_tiny(
    shape: tuple[int, int], whole: int, fitted_shape: tuple[int, int]
) -> None:
    assert fitted(np.zeros((*shape, 3), np.uint8), whole).shape[:2] == fitted_shape


def looked_in_tile(width: int, height: int, *rows: tuple[float, float, float, float, float]):
    """What is reported of boxes that only a look at the picture's own size sees."""
    whole = fitted(canvas(width, height, [])).shape
    return look_at_scales(
        lambda image: scored() if image.shape == whole else scored(*rows), canvas(width, height, [])
    )


@pytest.mark.parametrize(
    ("width", "score", "sure"),
    [
        (SMALL, MIN_SCORE, True), (SMALL, MIN_SCORE - 0.001, False),
        (SMALL + 1, MIN_SCORE_TILES, True), (SMALL + 1, MIN_SCORE_TILES - 0.001, False),
    ],
)  # fmt: skip
def test_tiles_of_large_pictures_ask_for_more(width: int, score: float, sure: bool) -> None:
    seen = looked_in_tile(width, 300, (50, 50, 90, 90, score))
    assert (len(seen.sure.scores), len(seen.unsure.scores)) == ((1, 0) if sure else (0, 1))


@pytest.mark.parametrize(
    ("side", "sure"), [(MOST_IN_TILE - 1, True), (MOST_IN_TILE, True), (MOST_IN_TILE + 1, False)]
)
def test_a_face_too_large_for_a_tile_is_left_to_the_whole_picture(side: int, sure: bool) -> None:
    for box in ((50, 50, 50 + side, 90, 0.9), (50, 50, 90, 50 + side, 0.9)):
        assert len(looked_in_tile(900, 700, box).sure.scores) == sure


@pytest.mark.parametrize("score", [MIN_SCORE, MIN_SCORE - 0.001])
def test_the_whole_picture_reports_from_the_least_score(score: float) -> None:
    seen = look_at_scales(lambda _: scored((10, 10, 40, 50, score)), canvas(200, 100, []))
    assert len(seen.sure.scores) == (score >= MIN_SCORE)


@pytest.mark.parametrize(
    ("part", "whole", "kept"),
    [
        ((20, 20, 70, 70), (10, 20, 111, 120), False),  # over four times as large
        ((20, 20, 70, 70), (20, 20, 120, 120), True),  # just four times
        ((100, 100, 300, 300), (80, 80, 321, 320), False),  # over a quarter of the picture's side
        ((100, 100, 300, 300), (80, 80, 320, 320), True),  # just a quarter
    ],
)
def test_what_lies_in_a_much_larger_or_a_large_face_is_a_part_of_it(
    part: tuple[int, ...], whole: tuple[int, ...], kept: bool
) -> None:
    width, height = 2 * WHOLE, 500
    small = fitted(canvas(width, height, []))

    def find(image_rgb: ImageRgb) -> Found:
        if image_rgb.shape == small.shape:
            return scored((*whole, 0.8)).move((small.shape[1] / width,) * 2, (0, 0))
        return scored((*part, 0.95))

    seen = look_at_scales(find, canvas(width, height, []))
    best = part if kept else whole
    assert np.allclose(seen.sure.boxes_xyxy[0], best, atol=1)


@pytest.mark.parametrize(
    ("size", "shapes"),
    [
        ((480, 100), [(100, 480)]),
        ((481, 100), [(100, 480), (100, 481)]),
        ((80, 60), [(120, 160)]),
        ((81, 60), [(60, 81)]),
        ((1000, 768), [(369, 480), (768, 1000)]),
        ((1000, 769), [(369, 480), (449, 1000), (449, 1000)]),
        ((1000, 1408), [(480, 341), (768, 1000), (768, 1000)]),
        ((1000, 1409), [(480, 341)] + [(555, 1000)] * 3),
        ((1920, 500), [(125, 480), (500, 1920)]),
        ((3840, 1000), [(125, 480), (500, 1920)]),
    ],
)
def test_looks_are_of_the_pixels_that_the_head_of_the_file_says(
    size: tuple[int, int], shapes: list[tuple[int, int]]
) -> None:
    assert shapes_seen(*size) == shapes
    assert (MOST_IN_TILE, SMALL, MIN_SCORE, MIN_SCORE_TILES) == (240, 960, 0.6, 0.7)
