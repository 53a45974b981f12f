"""Arrays of every type are RGB of 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from affekt.errors import MediaError
from affekt.media import (
    to_rgb,
)


def test_arrays(quarters: Image.Image) -> None:
    rgb = np.asarray(quarters)
    assert np.array_equal(to_rgb(rgb), rgb)
    assert np.array_equal(to_rgb(rgb / 255), rgb)
    assert np.array_equal(to_rgb(rgb.astype(np.uint16) * 257), rgb)
    assert np.array_equal(to_rgb(rgb[..., 0]), np.dstack([rgb[..., 0]] * 3))
    assert np.array_equal(to_rgb(rgb[..., :1]), np.dstack([rgb[..., 0]] * 3))
    assert np.array_equal(to_rgb(rgb > 0), rgb)
    clear = np.dstack([rgb, np.zeros_like(rgb[..., 0])])
    assert np.array_equal(to_rgb(clear), rgb)  # an alpha of zero everywhere is none


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4, 2), np.uint8), "shape (4, 4, 2)"),
        (np.zeros(4, np.uint8), "shape (4,)"),
        (np.zeros((0, 4, 3), np.uint8), "shape (0, 4, 3)"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.full((4, 4, 3), 200.0), "0 to 1"),
        (np.full((4, 4, 3), np.nan), "0 to 1"),
        (np.zeros((4, 4, 3), object), "object"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, said: str) -> None:
    with pytest.raises(MediaError) as error:
        to_rgb(array)
    assert said in str(error.value)
