"""Augmentation of a picture with its people: drawn once per picture, then pure kernels apply it.

The picture turns, shifts, scales and mirrors as a whole and takes every person's box and face
along, so the streams and the geometry features of a person never disagree. Then each person's
crops are placed a little differently, as another annotator or detector would have done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import CROPS, StreamSpec
from affekt.crops import seen_by, stream_matrix
from affekt.data.augment.kernels import (
    Occlusion,
    draw_fill,
    draw_occlusion,
    hide,
    placement_matrix,
    recolour,
)
from affekt.geometry import compose
from affekt.media import ImageRgb, warp
from affekt.results import BoxXyxy, Face

MIDDLE = 116.0
"""The level that contrast leaves alone: fixed, so that a pixel looks the same in every stream."""


@dataclass(frozen=True, slots=True)
class PersonAugmentConfig:
    """How strongly training pictures are varied; shares are probabilities from 0 to 1.

    Attributes:
        flip: share of pictures mirrored left to right.
        degrees: largest rotation of the picture, either way.
        scale: largest change of its scale, as a fraction: 0.2 gives 0.8 to 1.2 times.
        shift: largest translation along x and y, as a fraction of its width and height.
        person_degrees: largest rotation of a person's crops.
        person_scale: largest change of their scale, as a fraction.
        person_shift: largest translation, as a fraction of the crop's side.
        brightness: largest change, as a fraction.
        contrast: largest change, as a fraction.
        colour: largest change of each channel's gain, as a fraction.
        grey: share of pictures turned grey.
        occlude: share of people, and of scenes, with a rectangle hidden in each crop.
        occlude_max: longest side of that rectangle, as a fraction of the crop's side.
    """

    flip: float = 0.5
    degrees: float = 8.0
    scale: float = 0.2
    shift: float = 0.08
    person_degrees: float = 5.0
    person_scale: float = 0.1
    person_shift: float = 0.05
    brightness: float = 0.3
    contrast: float = 0.3
    colour: float = 0.1
    grey: float = 0.1
    occlude: float = 0.0
    occlude_max: float = 0.4


@dataclass(frozen=True, slots=True)
class Placement:
    """How a view lies in the picture, or in a person's plain crop, and what is hidden in it.

    Attributes:
        degrees: rotation around the middle.
        scale: of the field of view.
        shift: x and y, as a fraction of the width and of the height.
        flip: mirrored left to right; only a whole picture is.
        occlusion: in the crop, None where nothing is hidden.
    """

    degrees: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False
    occlusion: Occlusion | None = None

    def matrix(self, width: float, height: float) -> FloatArray:
        """The affine map (2, 3) from the view to what it lies in, both of this size."""
        return placement_matrix(
            width,
            height,
            flip=self.flip,
            degrees=self.degrees,
            scale=self.scale,
            shift=self.shift,
        )


@dataclass(frozen=True, slots=True)
class PersonAugmentation:
    """What was drawn for one picture.

    Attributes:
        picture: of the whole picture; its occlusion is the scene's.
        people: of each person's crops.
        gain: factor of each channel.
        contrast: factor around `MIDDLE`.
        grey: without colour.
        fill: RGB outside the picture.
    """

    picture: Placement
    people: tuple[Placement, ...]
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    grey: bool = False
    fill: tuple[int, int, int] = (0, 0, 0)


def draw(config: PersonAugmentConfig, rng: np.random.Generator, people: int) -> PersonAugmentation:
    """Draws everything random about one picture and the people in it."""

    def hit(share: float) -> bool:
        return bool(rng.random() < share)

    def around(spread: float) -> float:
        return float(rng.uniform(-spread, spread))

    def place(degrees: float, scale: float, shift: float, flip: bool = False) -> Placement:
        occlusion = draw_occlusion(config.occlude_max, rng) if hit(config.occlude) else None
        offset = (around(shift), around(shift))
        return Placement(around(degrees), 1 + around(scale), offset, flip, occlusion)

    light = 1 + around(config.brightness)
    red, green, blue = (light * (1 + around(config.colour)) for _ in range(3))
    return PersonAugmentation(
        gain=(red, green, blue),
        contrast=1 + around(config.contrast),
        grey=hit(config.grey),
        fill=draw_fill(rng),
        picture=place(config.degrees, config.scale, config.shift, hit(config.flip)),
        people=tuple(
            place(config.person_degrees, config.person_scale, config.person_shift)
            for _ in range(people)
        ),
    )


def move_box(box_xyxy: BoxXyxy, view: FloatArray) -> BoxXyxy:
    """The box as it lies in a view: its middle moved, its sides scaled and never turned.

    Args:
        box_xyxy: in pixels of the picture.
        view: shape (2, 3), from pixels of the view to pixels of the picture.

    >>> move_box((0.0, 0.0, 2.0, 4.0), placement_matrix(10, 10, flip=True))
    (8.0, 0.0, 10.0, 4.0)
    """
    x1, y1, x2, y2 = box_xyxy
    (x, y) = move_points([((x1 + x2) / 2, (y1 + y2) / 2)], view)[0]
    scale = 2 * float(np.sqrt(abs(np.linalg.det(view[:, :2]))))
    half_x, half_y = (x2 - x1) / scale, (y2 - y1) / scale
    return (x - half_x, y - half_y, x + half_x, y + half_y)


def move_face(face: Face, view: FloatArray) -> Face:
    """The face as it lies in a view; left and right landmarks change places in a mirrored one.

    Arguments as in `move_box`.
    """
    box = move_box(face.box_xyxy, view)
    if face.landmarks_xy is None:
        return replace(face, box_xyxy=box)
    points = move_points(face.landmarks_xy, view)
    if np.linalg.det(view[:, :2]) < 0:
        points = [points[place] for place in _MIRRORED]
    return replace(face, box_xyxy=box, landmarks_xy=tuple(points))


_MIRRORED = (1, 0, 2, 4, 3)
"""Where each landmark of a mirrored face comes from: eyes and corners of the mouth swap."""


def move_points(
    points_xy: list[tuple[float, float]] | tuple[tuple[float, float], ...], view: FloatArray
) -> list[tuple[float, float]]:
    """Points of the picture as they lie in a view, see `move_box`."""
    offsets = np.asarray(points_xy, dtype=np.float64) - view[:, 2]
    moved = np.linalg.solve(view[:, :2], offsets.T).T
    return [(float(x), float(y)) for x, y in moved]


def crop_varied(
    image_rgb: ImageRgb,
    spec: StreamSpec,
    box_xyxy: BoxXyxy,
    face: Face | None,
    *,
    drawn: PersonAugmentation,
    person: int,
) -> ImageRgb | None:
    """A stream's varied crop of a person, shape (size, size, 3); see `affekt.crops.crop_stream`.

    Args:
        image_rgb: the plain picture, shape (height, width, 3).
        spec: of the stream.
        box_xyxy: the person in the plain picture.
        face: likewise, or None.
        drawn: for this picture.
        person: the person's place among those it was drawn for.

    Returns:
        None for the face of a person without one.
    """
    height, width = image_rgb.shape[:2]
    view = drawn.picture.matrix(width, height)
    moved = None if face is None else move_face(face, view)
    matrix = stream_matrix(spec, (width, height), move_box(box_xyxy, view), moved)
    if matrix is None:
        return None
    matrix, occlusion = compose(view, matrix), drawn.picture.occlusion
    if not CROPS[spec.kind].whole_picture:
        own = drawn.people[person]
        matrix, occlusion = compose(matrix, own.matrix(spec.size, spec.size)), own.occlusion
    crop = warp(seen_by(image_rgb, spec, box_xyxy), matrix, spec.size, drawn.fill)
    return hide(recolour(crop, drawn.gain, drawn.contrast, drawn.grey, MIDDLE), occlusion)
