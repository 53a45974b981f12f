"""Crops of each stream against pixels and corners written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt.bundle import StreamSpec
from affekt.crops import blank_box, check_streams, crop_stream, stream_matrix
from affekt.errors import UsageError
from affekt.media import ImageRgb
from affekt.results import Face

SPEC = StreamSpec(16, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), kind="body", crop="stretch")
FACE_SPEC = replace(SPEC, kind="face", crop="face-square")
BOX = (10.0, 4.0, 26.0, 36.0)
EYES = ((14.0, 10.0), (20.0, 10.0), (17.0, 13.0), (15.0, 15.0), (19.0, 15.0))
FACE = Face((12.0, 6.0, 22.0, 18.0), 0.9, EYES)


@pytest.fixture
def picture() -> ImageRgb:
    """40 high, 60 wide; red is the column, green the row, blue 7."""
    rows, columns = np.mgrid[:40, :60]
    return np.stack([columns * 4, rows * 4, np.full_like(rows, 7)], axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("stream", "crop", "corners"),
    [
        ("body", "stretch", (10, 4, 26, 36)),
        ("body", "square", (2, 4, 34, 36)),
        ("scene", "stretch", (0, 0, 60, 40)),
        ("scene", "square", (0, -10, 60, 50)),
        ("face", "face-square", (11, 6, 23, 18)),
    ],
)
def test_each_stream_covers_its_box(stream: str, crop: str, corners: tuple[int, ...]) -> None:
    matrix = stream_matrix(replace(SPEC, kind=stream, crop=crop), (60, 40), BOX, FACE)
    assert matrix is not None
    found = [*(matrix @ (0, 0, 1)), *(matrix @ (16, 16, 1))]
    np.testing.assert_allclose(found, corners, atol=1e-9)


def test_a_tilted_face_is_levelled() -> None:
    tilted = replace(FACE, landmarks_xy=((14.0, 10.0), (17.0, 13.0), *EYES[2:]))
    matrix = stream_matrix(FACE_SPEC, (60, 40), BOX, tilted)
    assert matrix is not None
    along = matrix[:, 0] / np.linalg.norm(matrix[:, 0])
    np.testing.assert_allclose(along, [np.sqrt(0.5), np.sqrt(0.5)])


def test_no_face_is_no_crop(picture: ImageRgb) -> None:
    assert crop_stream(picture, FACE_SPEC, BOX, None) is None


def test_a_box_of_the_crops_size_is_cut_out_as_it_is(picture: ImageRgb) -> None:
    found = crop_stream(picture, SPEC, (10.0, 4.0, 26.0, 20.0), None)
    np.testing.assert_array_equal(found, picture[4:20, 10:26])


def test_a_mirrored_crop_is_the_crop_mirrored(picture: ImageRgb) -> None:
    plain = crop_stream(picture, SPEC, BOX, None)
    mirrored = crop_stream(picture, replace(SPEC, flip=True), BOX, None)
    assert plain is not None and mirrored is not None
    assert np.abs(mirrored.astype(int) - plain[:, ::-1]).max() <= 1


def test_a_blanked_person_is_gone_and_the_rest_stays(picture: ImageRgb) -> None:
    found = blank_box(picture, (10.2, 4.0, 25.5, 99.0), (1.0, 0.2, 0.0))
    assert (found[4:, 10:26] == (255, 51, 0)).all()
    found[4:, 10:26] = picture[4:, 10:26]
    np.testing.assert_array_equal(found, picture)


def test_a_box_outside_blanks_nothing(picture: ImageRgb) -> None:
    np.testing.assert_array_equal(blank_box(picture, (-9, -9, -1, -1), (1, 1, 1)), picture)


def test_the_scene_without_the_person_shows_no_pixel_of_them(picture: ImageRgb) -> None:
    spec = replace(SPEC, kind="scene", size=20, blank_person=True)
    other = blank_box(picture, BOX, (0.9, 0.9, 0.9))
    np.testing.assert_array_equal(
        crop_stream(picture, spec, BOX, None), crop_stream(other, spec, BOX, None)
    )


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ({"bodi": SPEC}, "unknown stream 'bodi': did you mean 'body'"),
        ({"body": replace(SPEC, crop="stretched")}, "'stretched' for the body stream: did you"),
        ({"scene": SPEC}, "stream 'scene' sees the body"),
        (
            {"face": replace(FACE_SPEC, crop="stretch")},
            "crop rule 'stretch' for the face stream: known: face-square",
        ),
    ],
)
def test_what_does_not_exist_is_refused(streams: dict[str, StreamSpec], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_streams(streams)


@pytest.mark.parametrize(
    ("box", "blanked"),
    [
        ((1.0, 1.0, 2.0, 2.0), (1, 1, 2, 2)), ((1.9, 1.9, 2.1, 2.1), (1, 1, 3, 3)),
        ((0.5, 0.5, 0.6, 0.6), (0, 0, 1, 1)), ((-5.0, -5.0, 0.1, 99.0), (0, 0, 1, 40)),
        ((58.0, 38.5, 99.0, 99.0), (58, 38, 60, 40)), ((3.0, 3.0, 3.0, 9.0), (3, 3, 3, 9)),
    ],
)  # fmt: skip
def test_every_pixel_that_a_box_touches_is_blanked(
    picture: ImageRgb, box: tuple[float, ...], blanked: tuple[int, ...]
) -> None:
    expected = picture.copy()
    x1, y1, x2, y2 = blanked
    expected[y1:y2, x1:x2] = (255, 128, 1)
    np.testing.assert_array_equal(blank_box(picture, box, (1.0, 0.5, 0.005)), expected)


@pytest.mark.parametrize("kind", ["face", "body", "scene"])
def test_a_mirrored_matrix_starts_at_the_right(kind: str) -> None:
    spec = replace(FACE_SPEC if kind == "face" else SPEC, kind=kind)
    plain = stream_matrix(spec, (60, 40), BOX, FACE)
    mirrored = stream_matrix(replace(spec, flip=True), (60, 40), BOX, FACE)
    assert plain is not None and mirrored is not None
    for x, y in ((0, 0), (16, 0), (5, 11)):
        np.testing.assert_allclose(mirrored @ (x, y, 1), plain @ (16 - x, y, 1), atol=1e-9)


def test_a_body_needs_a_box_and_a_face_a_face_and_a_scene_neither(picture: ImageRgb) -> None:
    assert stream_matrix(SPEC, (60, 40), None, FACE) is None
    assert stream_matrix(FACE_SPEC, (60, 40), BOX, None) is None
    scene = replace(SPEC, kind="scene", blank_person=True)
    shown, plain = (crop_stream(picture, spec, None, None) for spec in (
        scene, replace(scene, blank_person=False)
    ))  # fmt: skip
    np.testing.assert_array_equal(shown, plain)


def test_a_face_without_landmarks_is_not_turned() -> None:
    plain = stream_matrix(FACE_SPEC, (60, 40), BOX, Face(FACE.box_xyxy, 0.9))
    assert plain is not None
    np.testing.assert_allclose(plain[:, :2], [[0.75, 0], [0, 0.75]])
