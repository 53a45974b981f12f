"""Augmentation: everything random is drawn once, and every kernel does what was drawn."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.data.augment import faces as augment
from affekt.data.augment.faces import (
    Augmentation,
    AugmentConfig,
    background_mask,
    crop_matrix,
    draw,
)
from affekt.geometry import compose, face_crop_matrix
from affekt.media import ImageRgb, warp

NOTHING = Augmentation(
    flip=False,
    degrees=0.0,
    scale=1.0,
    shift=(0.0, 0.0),
    gain=(1.0, 1.0, 1.0),
    contrast=1.0,
    grey=False,
    blur_sigma=None,
    downscale_to=None,
    jpeg_quality=None,
    occlusion=None,
    background=None,
    surround=None,
    mask=None,
    fill=(0, 0, 0),
)
OFF = AugmentConfig(
    flip=0, degrees=0, scale=0, shift=0, brightness=0, contrast=0, colour=0, grey=0, blur=0,
    downscale=0, jpeg=0, occlude=0, background=0, surround=0, mask=0,
)  # fmt: skip
ALWAYS = AugmentConfig(
    flip=1, grey=1, blur=1, downscale=1, jpeg=1, occlude=1, background=1, surround=1, mask=1
)


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


def fields(drawn: Augmentation) -> list[object]:
    values = [getattr(drawn, name) for name in drawn.__slots__]
    return [v.tolist() if isinstance(v, np.ndarray) else v for v in values]


def test_what_is_drawn_follows_from_the_generator_alone() -> None:
    first, second, other = (draw(AugmentConfig(), np.random.default_rng(s)) for s in (1, 1, 2))
    assert fields(first) == fields(second) != fields(other)


def test_a_share_of_one_always_hits_and_of_zero_never() -> None:
    for seed in range(20):
        drawn = draw(ALWAYS, np.random.default_rng(seed))
        assert drawn.flip and drawn.grey
        optional = ("blur_sigma", "downscale_to", "jpeg_quality", "occlusion", "background",
                    "surround", "mask")  # fmt: skip
        assert all(getattr(drawn, name) is not None for name in optional)
        plain = replace(draw(OFF, np.random.default_rng(seed)), fill=(0, 0, 0))
        assert plain == NOTHING


def test_what_is_drawn_stays_within_the_config() -> None:
    config = replace(ALWAYS, degrees=10.0, scale=0.2, shift=0.05, brightness=0.1, contrast=0.2,
                     colour=0.1, blur_sigma=3.0, downscale_min=20, occlude_max=0.3)  # fmt: skip
    drawn = [draw(config, np.random.default_rng(seed)) for seed in range(200)]
    assert max(abs(d.degrees) for d in drawn) <= 10
    assert min(d.degrees for d in drawn) < -5 < 5 < max(d.degrees for d in drawn)
    assert all(0.8 <= d.scale <= 1.2 for d in drawn)
    assert all(abs(v) <= 0.05 for d in drawn for v in d.shift)
    assert all(0.9 * 0.9 <= v <= 1.1 * 1.1 for d in drawn for v in d.gain)
    assert all(0.8 <= d.contrast <= 1.2 for d in drawn)
    assert all(0.2 * 0.03 <= (d.blur_sigma or 0) <= 0.03 for d in drawn)
    assert all(20 <= (d.downscale_to or 0) <= 56 for d in drawn)
    assert all(25 <= (d.jpeg_quality or 0) <= 85 for d in drawn)
    for d in drawn:
        x1, y1, x2, y2, level = d.occlusion or (0, 0, 0, 0, -1)
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 and 0 <= level <= 255
        assert x2 - x1 <= 0.3 + 1e-9 and y2 - y1 <= 0.3 + 1e-9


def test_a_config_without_strength_changes_nothing(face: ImageRgb) -> None:
    drawn = draw(OFF, np.random.default_rng(0))
    varied = warp(face, crop_matrix(drawn, 48), 48)
    varied = augment.occlude(augment.degrade(augment.colour(varied, drawn), drawn), drawn)
    assert np.abs(varied.astype(int) - face).max() <= 1


shares = st.floats(-0.3, 0.3)
drawings = st.builds(
    lambda flip, degrees, scale, x, y: replace(
        NOTHING, flip=flip, degrees=degrees, scale=scale, shift=(x, y)
    ),
    st.booleans(), st.floats(-180, 180), st.floats(0.5, 2), shares, shares,
)  # fmt: skip
points = st.tuples(st.floats(0, 1), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(drawings, points, st.integers(16, 128))
def test_the_crop_map_is_flip_scale_turn_and_shift(
    drawn: Augmentation, point: tuple[float, float], size: int
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
    found = crop_matrix(drawn, size) @ (point[0] * size, point[1] * size, 1)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(drawings, points)
def test_the_varied_crop_composes_with_the_crop_rule(
    drawn: Augmentation, point: tuple[float, float]
) -> None:
    rule, varied = face_crop_matrix((10, 5, 70, 90), 64, 12.0), crop_matrix(drawn, 64)
    crop_xy = np.array([point[0] * 64, point[1] * 64, 1])
    stepwise = rule @ (*(varied @ crop_xy), 1)
    np.testing.assert_allclose(compose(rule, varied) @ crop_xy, stepwise, atol=1e-8)


def test_a_flip_mirrors_the_picture(face: ImageRgb) -> None:
    flipped = warp(face, crop_matrix(replace(NOTHING, flip=True), 48), 48)
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
    drawn = replace(NOTHING, background=colour)
    found = augment.set_background(picture, drawn, no_other)
    np.testing.assert_array_equal(found[~outside], picture[~outside])
    assert (found[outside] == (10, 200, 30)).all()
    np.testing.assert_array_equal(augment.set_background(face, drawn, no_other), face)
    np.testing.assert_array_equal(augment.set_background(picture, NOTHING, no_other), picture)


def test_the_surroundings_of_another_face_are_asked_for_by_place(
    masked_face: tuple[ImageRgb, np.ndarray],
) -> None:
    picture, outside = masked_face
    asked: list[float] = []

    def other(place: float) -> ImageRgb:
        asked.append(place)
        return np.full((24, 24, 3), 200, np.uint8)

    drawn = replace(
        NOTHING, background=np.zeros((1, 1, 3), np.uint8), surround=(0.25, (1.0, 0.8, 0.5))
    )
    found = augment.set_background(picture, drawn, other)
    assert asked == [0.25]
    assert (found[outside] == (200, 160, 100)).all()
    np.testing.assert_array_equal(found[~outside], picture[~outside])


def test_a_drawn_mask_blackens_what_lies_outside_its_ellipse(face: ImageRgb) -> None:
    drawn = replace(NOTHING, mask=(0.5, 0.5, 0.4, 0.5))
    found = augment.set_background(face, drawn, no_other)
    rows, columns = (np.mgrid[:48, :48] + 0.5) / 48
    outside = ((columns - 0.5) / 0.4) ** 2 + ((rows - 0.5) / 0.5) ** 2 > 1
    assert (found[outside] == 0).all()
    np.testing.assert_array_equal(found[~outside], face[~outside])
    assert background_mask(found) is not None


def test_grey_has_three_equal_channels_of_the_luma(face: ImageRgb) -> None:
    found = augment.colour(face, replace(NOTHING, grey=True))
    assert (found == found[..., :1]).all()
    luma = np.asarray(Image.fromarray(face).convert("L"), dtype=int)
    assert np.abs(found[..., 0] - luma).max() <= 1


def test_gain_and_contrast_are_what_they_say(face: ImageRgb) -> None:
    dimmed = augment.colour(face, replace(NOTHING, gain=(0.5, 0.25, 1.0)))
    assert np.abs(dimmed - face * np.array([0.5, 0.25, 1.0])).max() <= 1
    flat = augment.colour(face, replace(NOTHING, contrast=0.0))
    assert np.abs(flat - face.mean()).max() <= 1
    stronger = augment.colour(face, replace(NOTHING, contrast=1.2))
    assert stronger.std() > face.std()
    assert stronger.dtype == np.uint8


def test_brightness_saturates_and_never_wraps(face: ImageRgb) -> None:
    found = augment.colour(face, replace(NOTHING, gain=(3.0, 3.0, 3.0)))
    assert (found >= face).all()
    assert found.max() == 255


@pytest.mark.parametrize("change", [{"blur_sigma": 0.05}, {"downscale_to": 12}])
def test_blur_and_downscaling_take_detail_away(change: dict[str, float]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    found = augment.degrade(noise, replace(NOTHING, **change))  # type: ignore[arg-type]
    assert found.shape == noise.shape and found.dtype == np.uint8
    assert found.std() < 0.5 * noise.std()
    assert abs(found.mean() - noise.mean()) < 3


def test_downscaling_never_enlarges(face: ImageRgb) -> None:
    np.testing.assert_array_equal(augment.degrade(face, replace(NOTHING, downscale_to=56)), face)


def test_jpeg_is_that_of_the_drawn_quality(face: ImageRgb) -> None:
    packed = io.BytesIO()
    Image.fromarray(face).save(packed, "JPEG", quality=30)
    found = augment.degrade(face, replace(NOTHING, jpeg_quality=30))
    np.testing.assert_array_equal(found, np.asarray(Image.open(packed)))


def test_an_occlusion_hides_its_rectangle_and_nothing_else(face: ImageRgb) -> None:
    before = face.copy()
    found = augment.occlude(face, replace(NOTHING, occlusion=(0.25, 0.5, 0.5, 0.75, 77)))
    assert (found[24:36, 12:24] == 77).all()
    found[24:36, 12:24] = before[24:36, 12:24]
    np.testing.assert_array_equal(found, before)
    np.testing.assert_array_equal(face, before)
