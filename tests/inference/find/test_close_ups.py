"""A face is found once, from 24 pixels to 98% of the picture, in pictures of 48 to 6000 pixels."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.arrays import FloatArray
from affekt.geometry import iou_xyxy
from affekt.inference.find.faces import YUNET
from affekt.inference.find.yunet import YuNetDetector
from affekt.media import ImageRgb, read_picture, resize
from affekt.results import BoxXyxy

BICUBIC = Image.Resampling.BICUBIC

SMALLEST, LARGEST_SHARE = 24, 0.98
RELIABLE = 0.013
"""Of the long side: in pictures over 1920 pixels smaller faces are not promised."""


def close_up(
    portrait: ImageRgb, box: BoxXyxy, width: int, height: int, share: float
) -> tuple[ImageRgb, FloatArray]:
    """A picture whose middle the face fills by a share of the shorter side, and the face's box."""
    face, size = np.array(box).reshape(2, 2), np.array([width, height])
    scale = share * size.min() / (face[1] - face[0]).max()
    corner = face.mean(axis=0) - size / scale / 2
    start = np.maximum(corner, 0)
    end = np.minimum(corner + size / scale, portrait.shape[1::-1])
    x, y = np.rint((start - corner) * scale).astype(int).tolist()
    wide, high = np.maximum(np.rint((end - start) * scale), 1).astype(int).tolist()
    picture = Image.new("RGB", (width, height), (110, 110, 110))
    part = Image.fromarray(portrait).resize((wide, high), BICUBIC, box=(*start, *end))
    picture.paste(part, (x, y))
    return np.asarray(picture), ((face - corner) * scale).reshape(4)


@pytest.fixture(scope="module")
def detector() -> YuNetDetector:
    return YuNetDetector(YUNET, threads=2)


@pytest.fixture(scope="module")
def people(
    astronaut: ImageRgb, hopper: ImageRgb, detector: YuNetDetector
) -> list[tuple[ImageRgb, BoxXyxy]]:
    """Real faces with their boxes."""
    return [(portrait, detector.detect(portrait)[0].box_xyxy) for portrait in (astronaut, hopper)]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    long=st.integers(48, 1200),
    shape=st.sampled_from([1.0, 0.75, 0.5625]),
    portrait=st.booleans(),
    how_close=st.floats(0, 1),
    who=st.integers(0, 1),
)
@example(long=1921, shape=0.75, portrait=True, how_close=0.5, who=0)
@example(long=2600, shape=0.5625, portrait=False, how_close=0.0, who=1)
@example(long=6000, shape=0.75, portrait=True, how_close=0.0, who=0)
@example(long=6000, shape=0.5625, portrait=False, how_close=1.0, who=0)
def test_a_real_face_is_found_once_at_any_size(
    *,
    long: int,
    shape: float,
    portrait: bool,
    how_close: float,
    who: int,
    people: list[tuple[ImageRgb, BoxXyxy]],
    detector: YuNetDetector,
) -> None:
    short = round(long * shape)
    smallest = min(max(SMALLEST, RELIABLE * long) / short, LARGEST_SHARE)
    share = smallest + how_close * (LARGEST_SHARE - smallest)
    width, height = (short, long) if portrait else (long, short)
    picture, expected = close_up(*people[who], width, height, share)
    look = detector.look(picture)
    assert look.rotation == 0
    assert len(look.faces) == 1
    assert iou_xyxy(look.faces[0].box_xyxy, expected)[0, 0] > 0.6


def test_a_close_up_of_960_pixels_has_one_face(real_data: Path, detector: YuNetDetector) -> None:
    """As many faces as were missed, doubled or seen with ghosts before there was a whole look."""
    archive = real_data / "expw7.zip"
    if not archive.is_file():
        pytest.skip("no expw7.zip")
    seen, right = 0, 0
    with zipfile.ZipFile(archive) as faces:
        names = [name for name in faces.namelist() if name.endswith(".jpg")]
        for name in names[::150]:
            picture = read_picture(io.BytesIO(faces.read(name)))
            single = detector.detect(picture)
            if len(single) != 1 or single[0].score < 0.9:
                continue
            for side in (960, 961):
                found = detector.detect(resize(picture, side, side))
                scale = side / max(picture.shape)
                overlap = iou_xyxy(
                    [face.box_xyxy for face in found], np.multiply(single[0].box_xyxy, scale)
                )
                right += len(found) == 1 and overlap[0, 0] > 0.6
                seen += 1
    assert right >= 0.9 * seen


@pytest.mark.parametrize("name", ["obama.jpg", "two_people.jpg"])
def test_real_photos_at_any_size(name: str, real_data: Path, detector: YuNetDetector) -> None:
    photo = read_picture(real_data / "media" / name)
    expected = detector.detect(photo)
    height, width = photo.shape[:2]
    smallest = min(face.box_xyxy[3] - face.box_xyxy[1] for face in expected)
    for long in (320, 640, 959, 960, 961, 1600, 1921, 3000):
        scale = long / max(width, height)
        if scale * smallest < SMALLEST:
            continue
        found = detector.detect(resize(photo, round(width * scale), round(height * scale)))
        assert len(found) == len(expected)
        boxes = np.array([face.box_xyxy for face in expected]) * scale
        assert iou_xyxy([face.box_xyxy for face in found], boxes).max(axis=1).min() > 0.6
