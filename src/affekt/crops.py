"""What each stream of a model sees of a person: one rule, the same in training and in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import CROPS, StreamSpec
from affekt.errors import UsageError, nearest
from affekt.geometry import CROP_RULES, compose, face_crop_matrix, roll_degrees
from affekt.media import ImageRgb, warp
from affekt.results import BoxXyxy, Face


def check_streams(streams: Mapping[str, StreamSpec]) -> None:
    """Refuse streams that are not named by what they see, or a crop rule that does not exist.

    Raises:
        UsageError: an unknown stream, or a rule that its crop cannot follow.
    """
    for name, spec in streams.items():
        if name not in CROPS:
            raise UsageError(f"unknown stream {name!r}: {nearest(name, CROPS)}")
        if spec.kind != name:
            raise UsageError(f"stream {name!r} sees the {spec.kind}; give it that name")
        rules = CROPS[name].rules
        if spec.crop not in rules:
            hint = nearest(spec.crop, rules)
            raise UsageError(f"unknown crop rule {spec.crop!r} for the {name} stream: {hint}")


def stream_matrix(
    spec: StreamSpec, picture_wh: tuple[int, int], box_xyxy: BoxXyxy | None, face: Face | None
) -> FloatArray | None:
    """The affine map (2, 3) from the pixels of a stream's crop to those of the picture.

    Args:
        spec: says what is cropped, the size, the crop rule, and whether the crop is mirrored.
        picture_wh: width and height in pixels.
        box_xyxy: the person, in pixels; may exceed the picture. None where it is not known.
        face: the person's, its eyes levelled where its landmarks are known; or None.

    Returns:
        None for the face of a person without one, and the body of one without a box.

    >>> spec = StreamSpec(8, (0.5,) * 3, (0.5,) * 3, kind="body", crop="stretch")
    >>> matrix = stream_matrix(spec, (100, 100), (10.0, 20.0, 30.0, 60.0), None)
    >>> (matrix @ (8, 8, 1)).tolist()
    [30.0, 60.0]
    """
    matrix = _MATRICES[spec.kind](spec, picture_wh, box_xyxy, face)
    if matrix is None or not spec.flip:
        return matrix
    return compose(matrix, [[-1, 0, spec.size], [0, 1, 0]])


def face_matrix(face: Face, size: int) -> FloatArray:
    """The affine map (2, 3) from a face's crop of ``size`` pixels to the picture, its eyes level.

    They are where its landmarks are known; see `affekt.geometry.face_crop_matrix`.
    """
    roll = 0.0 if face.landmarks_xy is None else roll_degrees(face.landmarks_xy)
    return face_crop_matrix(face.box_xyxy, size, roll)


def crop_stream(
    image_rgb: ImageRgb, spec: StreamSpec, box_xyxy: BoxXyxy | None, face: Face | None
) -> ImageRgb | None:
    """A stream's crop of a person, shape (size, size, 3); None where there is none to make.

    Arguments as in `stream_matrix`.
    """
    height, width = image_rgb.shape[:2]
    matrix = stream_matrix(spec, (width, height), box_xyxy, face)
    if matrix is None:
        return None
    return warp(seen_by(image_rgb, spec, box_xyxy), matrix, spec.size)


def seen_by(image_rgb: ImageRgb, spec: StreamSpec, box_xyxy: BoxXyxy | None) -> ImageRgb:
    """The picture as a stream may see it: with the person's box blanked where the spec says so."""
    if box_xyxy is None or not spec.blank_person:
        return image_rgb
    return blank_box(image_rgb, box_xyxy, spec.mean)


def blank_box(image_rgb: ImageRgb, box_xyxy: BoxXyxy, mean: tuple[float, float, float]) -> ImageRgb:
    """A copy of the picture whose pixels in the box have the mean colour, 0 after normalisation.

    Args:
        image_rgb: shape (height, width, 3).
        box_xyxy: in pixels; every pixel that it touches is blanked.
        mean: per channel, on the 0 to 1 scale.

    >>> blank_box(np.zeros((1, 3, 3), np.uint8), (1.0, 0.0, 1.5, 1.0), (1.0, 0.2, 0.0))[0].tolist()
    [[0, 0, 0], [255, 51, 0], [0, 0, 0]]
    """
    x1, y1 = np.floor(np.maximum(box_xyxy[:2], 0)).astype(int)
    x2, y2 = np.ceil(np.maximum(box_xyxy[2:], 0)).astype(int)
    blanked = image_rgb.copy()
    blanked[y1:y2, x1:x2] = np.rint(np.multiply(mean, 255)).astype(np.uint8)
    return blanked


def _face_matrix(
    spec: StreamSpec, picture_wh: tuple[int, int], box_xyxy: BoxXyxy | None, face: Face | None
) -> FloatArray | None:
    return None if face is None else face_matrix(face, spec.size)


def _body_matrix(
    spec: StreamSpec, picture_wh: tuple[int, int], box_xyxy: BoxXyxy | None, face: Face | None
) -> FloatArray | None:
    return None if box_xyxy is None else CROP_RULES[spec.crop](box_xyxy, spec.size)


def _scene_matrix(
    spec: StreamSpec, picture_wh: tuple[int, int], box_xyxy: BoxXyxy | None, face: Face | None
) -> FloatArray:
    return CROP_RULES[spec.crop]((0.0, 0.0, *map(float, picture_wh)), spec.size)


_MATRICES: dict[str, Callable[..., FloatArray | None]] = {
    "face": _face_matrix,
    "body": _body_matrix,
    "scene": _scene_matrix,
}
"""How each kind of `affekt.bundle.CROPS` is cropped."""
