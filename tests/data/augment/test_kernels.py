"""Every kernel does what was drawn, and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.data.augment.background import background_mask, set_background
from affekt.data.augment.drawn import Backdrop, Damage, Variation
from affekt.data.augment.kernels import MIDDLE, degrade, hide, recolour
from affekt.geometry import compose, face_crop_matrix
from affekt.media import ImageRgb, warp

PLAIN = (1.0, 1.0, 1.0)


@pytest.fixture
def face() -> ImageRgb:
    """A 48 x 48 picture without dark corners."""
    rows, columns = np.mgrid[:48, :48]
    channels = [40 + 4 * rows, 60 + 3 * columns, 90 + rows + 2 * columns]
    return np.stack(channels, axis=2).astype(np.uint8)


@pytest.fixture
def masked_face(face: ImageRgb) -> tuple[ImageRgb, np.ndarray]:
    """The same behind an ellipse, black outside it, and where that is."""
    rows, columns = np.mgrid[:48, :48]
    outside = ((rows - 23.5) / 23) ** 2 + ((columns - 23.5) / 18) ** 2 > 1
    return np.where(outside[..., None], np.uint8(3), face), outside


shares = st.floats(-0.3, 0.3)
variations = st.builds(
    Variation,
    degrees=st.floats(-180, 180),
    scale=st.floats(0.5, 2),
    shift=st.tuples(shares, shares),
    flip=st.booleans(),
)
points = st.tuples(st.floats(0, 1), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(variations, points, st.integers(16, 128))
def test_the_crop_map_is_flip_scale_turn_and_shift(
    drawn: Variation, point: tuple[float, float], size: int
) -> None:
    """Written out step by step around the middle of the crop."""
    x, y = point[0] * size, point[1] * size
    if drawn.flip:
        x = size - x
    offset = complex(x - size / 2, y - size / 2)
    turned = offset * drawn.scale * np.exp(1j * np.radians(drawn.degrees))
    expected = (
        turned.real + size * (0.5 + drawn.shift[0]),
        turned.imag + size * (0.5 + drawn.shift[1]),
    )
    found = drawn.matrix(size, size) @ (point[0] * size, point[1] * size, 1)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(variations, points)
def test_the_varied_crop_composes_with_the_crop_rule(
    drawn: Variation, point: tuple[float, float]
) -> None:
    rule, varied = face_crop_matrix((10, 5, 70, 90), 64, 12.0), drawn.matrix(64, 64)
    crop_xy = np.array([point[0] * 64, point[1] * 64, 1])
    stepwise = rule @ (*(varied @ crop_xy), 1)
    np.testing.assert_allclose(compose(rule, varied) @ crop_xy, stepwise, atol=1e-8)


def test_a_flip_mirrors_the_picture(face: ImageRgb) -> None:
    flipped = warp(face, Variation(flip=True).matrix(48, 48), 48)
    assert np.abs(flipped.astype(int) - face[:, ::-1]).max() <= 1


def test_the_mask_of_a_cut_out_face_is_the_black_around_it(
    masked_face: tuple[ImageRgb, np.ndarray],
) -> None:
    picture, outside = masked_face
    picture = picture.copy()
    picture[20:24, 20:24] = 0  # a pupil: dark, but not at the border
    found = background_mask(picture)
    assert found is not None
    np.testing.assert_array_equal(found, outside)


def test_ordinary_pictures_have_no_mask(face: ImageRgb) -> None:
    assert background_mask(face) is None
    dark_corner = face.copy()
    dark_corner[:12, :12] = 0
    assert background_mask(dark_corner) is None
    only_corners = face.copy()
    only_corners[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    assert background_mask(only_corners) is None


def no_other(place: float) -> ImageRgb:
    raise AssertionError("no other face is needed")


def test_a_background_goes_behind_a_cut_out_face_only(
    face: ImageRgb, masked_face: tuple[ImageRgb, np.ndarray]
) -> None:
    picture, outside = masked_face
    colour = np.full((1, 1, 3), (10, 200, 30), np.uint8)
    drawn = Backdrop(colour)
    found = set_background(picture, drawn, no_other)
    np.testing.assert_array_equal(found[~outside], picture[~outside])
    assert (found[outside] == (10, 200, 30)).all()
    np.testing.assert_array_equal(set_background(face, drawn, no_other), face)
    np.testing.assert_array_equal(set_background(picture, Backdrop(), no_other), picture)


def test_the_surroundings_of_another_face_are_asked_for_by_place(
    masked_face: tuple[ImageRgb, np.ndarray],
) -> None:
    picture, outside = masked_face
    asked: list[float] = []

    def other(place: float) -> ImageRgb:
        asked.append(place)
        return np.full((24, 24, 3), 200, np.uint8)

    drawn = Backdrop(np.zeros((1, 1, 3), np.uint8), (0.25, (1.0, 0.8, 0.5)))
    found = set_background(picture, drawn, other)
    assert asked == [0.25]
    assert (found[outside] == (200, 160, 100)).all()
    np.testing.assert_array_equal(found[~outside], picture[~outside])


def test_a_drawn_mask_blackens_what_lies_outside_its_ellipse(face: ImageRgb) -> None:
    drawn = Backdrop(mask=(0.5, 0.5, 0.4, 0.5))
    found = set_background(face, drawn, no_other)
    rows, columns = (np.mgrid[:48, :48] + 0.5) / 48
    outside = ((columns - 0.5) / 0.4) ** 2 + ((rows - 0.5) / 0.5) ** 2 > 1
    assert (found[outside] == 0).all()
    np.testing.assert_array_equal(found[~outside], face[~outside])
    assert background_mask(found) is not None


def test_grey_has_three_equal_channels_of_the_luma(face: ImageRgb) -> None:
    found = recolour(face, PLAIN, 1.0, grey=True)
    assert (found == found[..., :1]).all()
    luma = np.asarray(Image.fromarray(face).convert("L"), dtype=int)
    assert np.abs(found[..., 0] - luma).max() <= 1


def test_gain_and_contrast_are_what_they_say(face: ImageRgb) -> None:
    dimmed = recolour(face, (0.5, 0.25, 1.0), 1.0, grey=False)
    assert np.abs(dimmed - face * np.array([0.5, 0.25, 1.0])).max() <= 1
    flat = recolour(face, PLAIN, 0.0, grey=False)
    assert np.abs(flat - MIDDLE).max() <= 1
    stronger = recolour(face, PLAIN, 1.2, grey=False)
    assert stronger.std() > face.std()
    assert stronger.dtype == np.uint8


def test_brightness_saturates_and_never_wraps(face: ImageRgb) -> None:
    found = recolour(face, (3.0, 3.0, 3.0), 1.0, grey=False)
    assert (found >= face - 1.0).all()
    assert found.max() == 255


@pytest.mark.parametrize("change", [{"blur_sigma": 0.05}, {"downscale_to": 12}])
def test_blur_and_downscaling_take_detail_away(change: dict[str, float]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    found = degrade(noise, Damage(**change))  # type: ignore[arg-type]
    assert found.shape == noise.shape and found.dtype == np.uint8
    assert found.std() < 0.5 * noise.std()
    assert abs(found.mean() - noise.mean()) < 3


def test_downscaling_never_enlarges(face: ImageRgb) -> None:
    np.testing.assert_array_equal(degrade(face, Damage(downscale_to=56)), face)


def test_jpeg_is_that_of_the_drawn_quality(face: ImageRgb) -> None:
    packed = io.BytesIO()
    Image.fromarray(face).save(packed, "JPEG", quality=30)
    found = degrade(face, Damage(jpeg_quality=30))
    np.testing.assert_array_equal(found, np.asarray(Image.open(packed)))


def test_an_occlusion_hides_its_rectangle_and_nothing_else(face: ImageRgb) -> None:
    before = face.copy()
    found = hide(face, (0.25, 0.5, 0.5, 0.75, 77))
    assert (found[24:36, 12:24] == 77).all()
    found[24:36, 12:24] = before[24:36, 12:24]
    np.testing.assert_array_equal(found, before)
    np.testing.assert_array_equal(face, before)
