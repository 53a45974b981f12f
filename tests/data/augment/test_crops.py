"""Picture, box and face move together, checked by points and pixels that are known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.bundle import StreamSpec
from affekt.crops import crop_stream
from affekt.data.augment.config import AugmentConfig
from affekt.data.augment.crops import crop_varied
from affekt.data.augment.draw import draw
from affekt.data.augment.drawn import Augmentation, Backdrop, Damage, Variation
from affekt.data.augment.kernels import MIDDLE
from affekt.data.augment.moving import move_box, move_face
from affekt.geometry import person_geometry, roll_degrees
from affekt.media import ImageRgb
from affekt.results import Face

OFF = AugmentConfig(
    flip=0, degrees=0, scale=0, shift=0, person_degrees=0, person_scale=0, person_shift=0,
    brightness=0, contrast=0, colour=0, grey=0, surround=0,
)  # fmt: skip
ALWAYS = AugmentConfig(
    flip=1, grey=1, blur=1, downscale=1, jpeg=1, occlude=1, background=1, surround=1, mask=1
)
SPEC = StreamSpec(32, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), kind="body", crop="stretch")
BOX = (8.0, 12.0, 40.0, 60.0)
EYES = ((16.0, 18.0), (28.0, 20.0), (22.0, 24.0), (17.0, 29.0), (26.0, 30.0))
FACE = Face((12.0, 12.0, 32.0, 34.0), 0.9, EYES)
NOTHING = Augmentation(Variation(), (Variation(),))


@pytest.fixture
def picture() -> ImageRgb:
    """72 high, 96 wide, smooth, different left and right, top and bottom."""
    rows, columns = np.mgrid[:72, :96]
    channels = [2 * columns + 20, 3 * rows + 10, 120 + 60 * np.sin((rows + 2 * columns) / 9)]
    return np.stack(channels, axis=2).astype(np.uint8)


def no_other(place: float) -> ImageRgb:
    raise AssertionError("no other face is needed")


def seen(
    picture: ImageRgb, stream: str, drawn: Augmentation, spec: StreamSpec = SPEC
) -> np.ndarray:
    rule = replace(spec, kind=stream, crop="face-square" if stream == "face" else spec.crop)
    crop = crop_varied(picture, rule, BOX, FACE, drawn=drawn, person=0, other_rgb=no_other)
    assert crop is not None
    return crop.astype(int)


def plain(picture: ImageRgb, stream: str) -> np.ndarray:
    rule = replace(SPEC, kind=stream, crop="face-square" if stream == "face" else SPEC.crop)
    crop = crop_stream(picture, rule, BOX, FACE)
    assert crop is not None
    return crop.astype(int)


def test_what_is_drawn_follows_from_the_generator_alone() -> None:
    first, again, other = (draw(AugmentConfig(), np.random.default_rng(s), 3) for s in (1, 1, 3))
    assert first == again != other


def test_each_person_is_drawn_apart_and_the_picture_once() -> None:
    drawn = draw(AugmentConfig(), np.random.default_rng(0), 3)
    assert len({person.degrees for person in drawn.people}) == 3
    assert not any(person.flip for person in drawn.people)


def test_what_is_drawn_stays_within_the_config() -> None:
    config = AugmentConfig(flip=0.3, degrees=10, scale=0.2, shift=0.1, person_degrees=4,
                                 person_scale=0.1, person_shift=0.05, brightness=0.2, colour=0.1,
                                 contrast=0.15, grey=0.2, occlude=0.4, occlude_max=0.3)  # fmt: skip
    drawn = [draw(config, np.random.default_rng(seed), 2) for seed in range(400)]
    for places, degrees, scale, shift in (
        ([d.picture for d in drawn], 10, 0.2, 0.1),
        ([p for d in drawn for p in d.people], 4, 0.1, 0.05),
    ):
        turned = [p.degrees for p in places]
        assert -degrees <= min(turned) < -degrees / 2 and degrees / 2 < max(turned) <= degrees
        assert all(abs(p.scale - 1) <= scale and max(map(abs, p.shift)) <= shift for p in places)
        hidden = [p.occlusion for p in places if p.occlusion]
        assert 0.3 < len(hidden) / len(places) < 0.5
        assert all(x2 - x1 <= 0.3 + 1e-9 and y2 - y1 <= 0.3 + 1e-9 for x1, y1, x2, y2, _ in hidden)
    assert 0.2 < np.mean([d.picture.flip for d in drawn]) < 0.4
    assert 0.1 < np.mean([d.grey for d in drawn]) < 0.3
    assert all(0.8 * 0.9 <= gain <= 1.2 * 1.1 for d in drawn for gain in d.gain)
    assert all(abs(d.contrast - 1) <= 0.15 for d in drawn)


def test_a_share_of_one_always_hits_and_of_zero_never() -> None:
    for seed in range(20):
        drawn = draw(ALWAYS, np.random.default_rng(seed), 1)
        [person] = drawn.people
        assert drawn.picture.flip and drawn.grey and person.occlusion
        parts = [drawn.picture.damage, person.damage, person.backdrop]
        assert all(getattr(part, name) is not None for part in parts for name in part.__slots__)
        plain = draw(OFF, np.random.default_rng(seed), 1)
        assert replace(plain, fill=(0, 0, 0)) == NOTHING


def test_what_is_done_to_pixels_stays_within_the_config() -> None:
    config = replace(ALWAYS, blur_sigma=3.0, downscale_min=20)
    for seed in range(100):
        drawn = draw(config, np.random.default_rng(seed), 1)
        for damage in (drawn.picture.damage, drawn.people[0].damage):
            assert 0.2 * 0.03 <= (damage.blur_sigma or 0) <= 0.03
            assert 20 <= (damage.downscale_to or 0) <= 56
            assert 25 <= (damage.jpeg_quality or 0) <= 85


def test_faces_alone_are_varied_in_their_crop_and_people_in_their_picture() -> None:
    still = AugmentConfig(degrees=0.0, scale=0.0, shift=0.0)
    face = draw(still, np.random.default_rng(0), 1)
    assert (face.picture.degrees, face.picture.scale, face.picture.shift) == (0.0, 1.0, (0.0, 0.0))
    assert abs(face.people[0].degrees) > 0
    assert all(
        draw(AugmentConfig(), np.random.default_rng(seed), 1).people[0].damage == Damage()
        for seed in range(20)
    )


def test_only_a_picture_of_nothing_but_a_face_gets_a_mask(picture: ImageRgb) -> None:
    masked = Variation(backdrop=Backdrop(mask=(0.5, 0.5, 0.2, 0.2)))
    drawn = replace(NOTHING, people=(masked,))
    spec = replace(SPEC, kind="face", crop="face-square")

    def crop(box: tuple[float, float, float, float] | None) -> ImageRgb:
        found = crop_varied(picture, spec, box, FACE, drawn=drawn, person=0, other_rgb=no_other)
        assert found is not None
        return found

    np.testing.assert_array_equal(crop(BOX), plain(picture, "face"))
    assert (crop(None)[:4, :4] == 0).all()


def test_damage_is_done_to_the_persons_crops_or_the_scene(picture: ImageRgb) -> None:
    blurred = Variation(damage=Damage(blur_sigma=0.2))
    drawn = replace(NOTHING, people=(blurred,))
    assert seen(picture, "body", drawn).std() < plain(picture, "body").std()
    np.testing.assert_array_equal(seen(picture, "scene", drawn), seen(picture, "scene", NOTHING))


def test_a_config_without_strength_changes_nothing(picture: ImageRgb) -> None:
    drawn = draw(OFF, np.random.default_rng(0), 1)
    for stream in ("face", "body", "scene"):
        difference = np.abs(seen(picture, stream, drawn) - plain(picture, stream))
        assert difference[1:-1, 1:-1].max() <= 1  # the rim blends with the drawn fill


def test_a_flip_mirrors_every_stream(picture: ImageRgb) -> None:
    drawn = replace(NOTHING, picture=Variation(flip=True))
    for stream in ("face", "body", "scene"):
        mirrored = plain(picture, stream)[:, ::-1]
        assert np.abs(seen(picture, stream, drawn) - mirrored).max() <= 2


placements = st.builds(
    Variation,
    st.floats(-30, 30),
    st.floats(0.6, 1.6),
    st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)),
    st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(placements)
def test_a_moved_point_shows_the_same_spot_of_the_picture(place: Variation) -> None:
    view = place.matrix(96, 72)
    moved = move_face(FACE, view).landmarks_xy
    assert moved is not None
    order = (1, 0, 2, 4, 3) if place.flip else range(5)
    for point, spot in zip(moved, order, strict=True):
        np.testing.assert_allclose(view @ (*point, 1), EYES[spot], atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(placements)
def test_a_moved_box_keeps_its_middle_and_its_shape(place: Variation) -> None:
    view = place.matrix(96, 72)
    x1, y1, x2, y2 = move_box(BOX, view)
    middle = view @ ((x1 + x2) / 2, (y1 + y2) / 2, 1)
    np.testing.assert_allclose(middle, ((8 + 40) / 2, (12 + 60) / 2), atol=1e-8)
    np.testing.assert_allclose((x2 - x1, y2 - y1), (32 / place.scale, 48 / place.scale))


@settings(max_examples=50, deadline=None)
@given(placements)
def test_a_moved_face_turns_with_the_picture(place: Variation) -> None:
    moved = move_face(FACE, place.matrix(96, 72))
    assert moved.landmarks_xy is not None
    roll = roll_degrees(EYES)
    expected = place.degrees - roll if place.flip else roll - place.degrees
    assert roll_degrees(moved.landmarks_xy) == pytest.approx(expected, abs=1e-6)
    eye, other = moved.landmarks_xy[:2]
    corner, corner_2 = moved.landmarks_xy[3:]
    assert eye[0] < other[0] and corner[0] < corner_2[0]


def test_two_flips_give_the_face_back() -> None:
    view = Variation(flip=True).matrix(96, 72)
    again = move_face(move_face(FACE, view), view)
    assert again.landmarks_xy is not None
    np.testing.assert_allclose(again.landmarks_xy, EYES)
    np.testing.assert_allclose(again.box_xyxy, FACE.box_xyxy)


def test_a_face_without_landmarks_moves_its_box() -> None:
    moved = move_face(replace(FACE, landmarks_xy=None), Variation(shift=(0.25, 0)).matrix(96, 72))
    assert moved.landmarks_xy is None
    np.testing.assert_allclose(moved.box_xyxy, (-12, 12, 8, 34), atol=1e-9)


def test_body_and_face_stay_on_the_person_wherever_the_picture_goes(picture: ImageRgb) -> None:
    """Shift and scale move the box along, so the crop shows the same; only the scene differs."""
    drawn = replace(NOTHING, picture=Variation(scale=1.2, shift=(0.1, -0.05)))
    for stream in ("face", "body"):
        assert np.abs(seen(picture, stream, drawn) - plain(picture, stream)).max() <= 3
    assert np.abs(seen(picture, "scene", drawn) - plain(picture, "scene")).max() > 20


def test_the_persons_crops_vary_on_their_own(picture: ImageRgb) -> None:
    drawn = replace(NOTHING, people=(Variation(shift=(0.25, 0)),))
    shifted, before = seen(picture, "body", drawn), plain(picture, "body")
    assert np.abs(shifted[:, :24] - before[:, 8:]).max() <= 2
    np.testing.assert_array_equal(seen(picture, "scene", drawn), seen(picture, "scene", NOTHING))


def test_the_drawn_box_is_where_the_person_is_in_the_drawn_scene(picture: ImageRgb) -> None:
    """A marked person, seen in a moved scene, lies in the moved box."""
    marked = picture.copy()
    marked[12:60, 8:40] = (255, 0, 255)
    place = Variation(scale=1.1, shift=(0.08, 0.05), flip=True)
    scene = seen(marked, "scene", replace(NOTHING, picture=place), replace(SPEC, size=96))
    hit = np.abs(scene - (255, 0, 255)).max(axis=2) < 40
    columns, rows = np.flatnonzero(hit.any(axis=0)), np.flatnonzero(hit.any(axis=1))
    x1, y1, x2, y2 = move_box(BOX, place.matrix(96, 72))
    assert abs(columns[0] - x1) <= 1.5 and abs(columns[-1] + 1 - x2) <= 1.5
    assert abs(rows[0] * 0.75 - y1) <= 1.5 and abs((rows[-1] + 1) * 0.75 - y2) <= 1.5


def test_geometry_of_a_mirrored_picture_is_mirrored() -> None:
    moved = move_box(BOX, Variation(flip=True).matrix(96, 72))
    before, after = (person_geometry([box], 96, 72)[0] for box in (BOX, moved))
    np.testing.assert_allclose(after[[0, 6, 8]], 1 - before[[0, 8, 6]], atol=1e-6)
    others = [1, 2, 3, 4, 5, 7, 9, 10, 11, 12]
    np.testing.assert_allclose(after[others], before[others], atol=1e-6)


def test_a_pixel_has_the_same_colour_in_every_stream(picture: ImageRgb) -> None:
    flat = np.full_like(picture, (40, 90, 200))
    drawn = replace(NOTHING, gain=(1.1, 0.9, 0.5), contrast=1.3)
    by_hand = ((np.array([40, 90, 200]) - MIDDLE) * 1.3 + MIDDLE) * (1.1, 0.9, 0.5)
    for stream in ("face", "body", "scene"):
        assert np.abs(seen(flat, stream, drawn) - by_hand)[1:-1, 1:-1].max() <= 1


def test_grey_has_three_equal_channels(picture: ImageRgb) -> None:
    found = seen(picture, "body", replace(NOTHING, grey=True))
    assert (found == found[..., :1]).all()


def test_an_occlusion_hides_the_persons_crops_or_the_scene(picture: ImageRgb) -> None:
    hidden = Variation(occlusion=(0.25, 0.5, 0.5, 0.75, 7))
    person = replace(NOTHING, people=(hidden,))
    for stream in ("face", "body"):
        assert (seen(picture, stream, person)[16:24, 8:16] == 7).all()
    np.testing.assert_array_equal(seen(picture, "scene", person), seen(picture, "scene", NOTHING))
    scene = seen(picture, "scene", replace(NOTHING, picture=hidden))
    assert (scene[16:24, 8:16] == 7).all()


def test_a_missing_face_is_no_crop(picture: ImageRgb) -> None:
    spec = replace(SPEC, kind="face", crop="face-square")
    assert (
        crop_varied(picture, spec, BOX, None, drawn=NOTHING, person=0, other_rgb=no_other) is None
    )


def test_the_blanked_person_moves_with_the_picture(picture: ImageRgb) -> None:
    spec = replace(SPEC, size=96, blank_person=True)
    scene = seen(picture, "scene", replace(NOTHING, picture=Variation(flip=True)), spec)
    x1, y1, x2, y2 = move_box(BOX, Variation(flip=True).matrix(96, 72))
    inside = scene[int(y1 / 0.75) + 2 : int(y2 / 0.75) - 2, int(x1) + 2 : int(x2) - 2]
    assert np.abs(inside - 128).max() <= 1
