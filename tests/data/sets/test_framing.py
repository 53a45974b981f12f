"""How a set of crops is framed, from faces whose place in each crop is known."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.data.sets.framing import (
    CROP_MARGIN,
    CROP_SIDE,
    WHOLE_PICTURE,
    Framing,
    find_face,
    find_face_in_crop,
    main_face,
    measure_framing,
)
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

BORDERED = round(CROP_SIDE * (1 + 2 * CROP_MARGIN))


def bright(image_rgb: ImageRgb) -> list[Face]:
    """A face wherever the picture is bright; nothing in a dark one."""
    ys, xs = np.nonzero(image_rgb[..., 0] > 127)
    if not len(xs):
        return []
    box = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
    return [Face(box, 0.9)]


def picture(width: int, height: int, box: tuple[int, int, int, int] | None) -> ImageRgb:
    image = np.zeros((height, width, 3), np.uint8)
    if box:
        x1, y1, x2, y2 = box
        image[y1:y2, x1:x2] = 255
    return image


@pytest.mark.parametrize(("width", "height"), [(100, 50), (50, 100), (CROP_SIDE, CROP_SIDE)])
def test_a_face_is_found_where_it_lies_in_the_crop(width: int, height: int) -> None:
    box = (width // 5, height // 10, width // 5 + 30, height // 10 + 30)
    seen: list[ImageRgb] = []

    def detect(image_rgb: ImageRgb) -> list[Face]:
        seen.append(image_rgb)
        return bright(image_rgb)

    face = find_face_in_crop(picture(width, height, box), detect)
    assert face is not None and face.box_xyxy == pytest.approx(box, abs=1.2)
    (looked,) = seen
    assert looked.shape == (BORDERED, BORDERED, 3)
    ys, xs = np.nonzero(bright_in(picture(width, height, (0, 0, width, height))))
    assert max(np.ptp(xs), np.ptp(ys)) + 1 == pytest.approx(CROP_SIDE, abs=1)
    assert (xs.min() + xs.max() + 1) / 2 == pytest.approx(BORDERED / 2, abs=1)
    assert (ys.min() + ys.max() + 1) / 2 == pytest.approx(BORDERED / 2, abs=1)


def bright_in(image: ImageRgb) -> np.ndarray:
    """Where the bordered crop that a detector gets is bright."""
    seen: list[np.ndarray] = []

    def look(image_rgb: ImageRgb) -> list[Face]:
        seen.append(image_rgb[..., 0] > 127)
        return []

    assert find_face_in_crop(image, look) is None
    return seen[0]


def test_the_border_is_only_for_what_shows_no_face_without_it() -> None:
    sizes: list[int] = []

    def detect(image_rgb: ImageRgb) -> list[Face]:
        sizes.append(len(image_rgb))
        return bright(image_rgb) if len(image_rgb) in finding else []

    finding = {60, BORDERED}
    face = find_face(picture(60, 60, (10, 20, 40, 50)), detect)
    assert face is not None and face.box_xyxy == (10, 20, 40, 50) and sizes == [60]
    finding, sizes[:] = {BORDERED}, []
    face = find_face(picture(60, 60, (10, 20, 40, 50)), detect)
    assert face is not None and face.box_xyxy == pytest.approx((10, 20, 40, 50), abs=1)
    assert sizes == [60, BORDERED]


SQUARE = (20, 10, 80, 90)


@pytest.mark.parametrize(
    ("with_face", "without", "measured"),
    [(1, 0, True), (1, 1, True), (1, 2, False), (2, 2, True), (2, 3, False), (0, 3, False)],
)
def test_a_framing_is_measured_where_half_show_a_face(
    with_face: int, without: int, measured: bool
) -> None:
    pictures = [picture(100, 100, SQUARE)] * with_face + [picture(100, 100, None)] * without
    framing = measure_framing(pictures, bright)
    assert (framing.sampled, framing.found) == (with_face + without, with_face)
    assert framing.measured == measured
    expected: BoxXyxy = (0.2, 0.1, 0.8, 0.9) if measured else WHOLE_PICTURE
    assert framing.box == pytest.approx(expected, abs=0.02)
    said = f"faces found in {with_face} of {with_face + without} sampled pictures"
    words = "median face box 0." if measured else "whole picture taken as the face: "
    assert framing.describe().startswith(words) and said in framing.describe()
    assert ("too few" in framing.describe()) == (not measured)


def test_nothing_sampled_is_the_whole_picture() -> None:
    assert measure_framing([], bright) == Framing((0.0, 0.0, 1.0, 1.0), 0, 0, measured=False)


def test_the_median_is_of_shares_of_each_side() -> None:
    boxes = [(20, 5, 80, 45), (10, 10, 90, 40), (30, 0, 70, 50)]
    framing = measure_framing([picture(100, 50, box) for box in boxes], bright)
    assert framing.box == pytest.approx((0.2, 0.1, 0.8, 0.9), abs=0.03)
    assert framing.box_xyxy(200, 10) == pytest.approx((40, 1, 160, 9), abs=5)
    assert Framing((0.1, 0.2, 0.5, 1.5), 1, 1, True).box_xyxy(10, 100) == (1, 20, 5, 150)


def square(x: float, y: float, side: float, score: float = 0.8) -> Face:
    return Face((x - side / 2, y - side / 2, x + side / 2, y + side / 2), score)


@pytest.mark.parametrize(
    ("best", "other"),
    [
        (square(50, 20, 20), square(50, 20, 19)),  # larger
        (square(50, 20, 20, 0.9), square(50, 20, 20, 0.8)),  # surer
        (square(50, 20, 20), square(40, 20, 20)),  # nearer, to either side
        (square(50, 20, 20), square(60, 20, 20)),
        (square(50, 20, 20), square(50, 10, 20)),
        (square(50, 20, 20), square(50, 30, 20)),
        (square(55, 20, 20), square(50, 27, 20)),
        (square(50, 20, 20), square(50, 20, 25, 0.6)),  # 16 against 15
        (square(50, 20, 15), square(20, 20, 20)),  # 12 against 11.5
        (square(20, 20, 20), square(50, 20, 14)),
        (square(50, 20, 1), square(500, 20, 90)),  # outside
        (square(50, 20, 1), Face((0, 0, -20, 40), 1.0)),  # no area
        (Face((40, 15, 60, 25), 0.8), square(50, 20, 14)),  # by area: 14.1 against 14
    ],
)
def test_the_main_face_is_large_sure_and_near_the_middle(best: Face, other: Face) -> None:
    assert main_face([best, other], 100, 40) == main_face([other, best], 100, 40) == best


def test_nobody_is_no_face() -> None:
    assert main_face([], 100, 40) is None
