"""Squares cut out of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.geometry import face_crop_matrix, stretch_crop_matrix
from affekt.media import (
    resize,
    warp,
)


def test_a_warp_of_a_whole_square_is_the_square() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    matrix = face_crop_matrix((0, 0, 40, 40), 40)
    assert np.array_equal(warp(picture, matrix, 40), picture)
    shifted = warp(picture, face_crop_matrix((10, 5, 50, 45), 40), 40, fill=(1, 2, 3))
    assert np.array_equal(shifted[:35, :30], picture[5:, 10:])
    assert (shifted[35:] == (1, 2, 3)).all() and (shifted[:, 30:] == (1, 2, 3)).all()


def test_a_warp_that_stretches_is_antialiased_along_each_axis() -> None:
    picture = np.zeros((40, 400, 3), np.uint8)
    picture[:, ::2] = 255
    narrow = warp(picture, stretch_crop_matrix((0, 0, 400, 40), 40), 40)[:, 2:-2].astype(int)
    assert abs(narrow - 127).max() < 20


def test_a_warp_that_shrinks_is_antialiased() -> None:
    checkers = np.indices((256, 256)).sum(axis=0) % 2 * 255
    picture = np.dstack([checkers.astype(np.uint8)] * 3)
    small = warp(picture, face_crop_matrix((0, 0, 256, 256), 32), 32)[2:-2, 2:-2]
    assert np.abs(small.astype(int) - 127).max() <= 12


@settings(max_examples=25, deadline=None)
@given(roll=st.floats(-60, 60), side=st.floats(30, 90), x=st.floats(60, 100), y=st.floats(60, 100))
def test_a_warp_brings_what_the_matrix_says(roll: float, side: float, x: float, y: float) -> None:
    rows, columns = np.mgrid[0:160, 0:160].astype(np.float64) + 0.5
    picture = np.dstack([columns, rows, columns]).astype(np.uint8)
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    matrix = face_crop_matrix(box, 48, roll)
    warped = warp(picture, matrix, 48, fill=(0, 0, 0)).astype(float)
    for crop_x, crop_y in ((24, 24), (12.5, 30.5), (33.5, 17.5)):
        want_x, want_y = matrix @ (crop_x, crop_y, 1)
        got = warped[int(crop_y), int(crop_x)]
        assert abs(got[0] - want_x) < 3 and abs(got[1] - want_y) < 3


@pytest.mark.parametrize("roll", [0.0, 20.0])
def test_a_picture_is_reduced_for_a_long_box(roll: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = np.mgrid[0:1600, 0:90]
    picture = np.dstack([rows / 8, columns * 2, 200 - rows / 8]).astype(np.uint8)
    matrix = face_crop_matrix((5, 10, 88, 1590), 32, roll)
    whole = warp(picture, matrix, 32).astype(int)
    monkeypatch.setattr("affekt.media.sampling.CANVAS_LIMIT", 300_000)
    assert np.abs(warp(picture, matrix, 32) - whole).max() <= 12
    long = np.full((100_000, 30, 3), 255, np.uint8)
    assert warp(long, face_crop_matrix((0, 0, 30, 100_000), 32, roll), 32).any()


def test_resize(quarters: Image.Image) -> None:
    assert resize(np.asarray(quarters), 16, 12).shape == (12, 16, 3)


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(1, 40), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_a_large_picture_is_resized_in_strips_to_the_same(
    width: int, height: int, columns: int, rows: int, turned: bool
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = np.rot90(picture) if turned else picture
    whole = Image.fromarray(np.ascontiguousarray(picture))
    expected = whole.resize((columns, rows), Image.Resampling.BILINEAR, reducing_gap=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("affekt.media.sampling.STRIP_PIXELS", 200)
        assert np.array_equal(resize(picture, columns, rows, 1.0), np.asarray(expected))
