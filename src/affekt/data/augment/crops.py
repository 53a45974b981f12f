"""A stream's varied crop of a person.

The picture turns, shifts, scales and mirrors as a whole and takes every person's box and face
along, so the streams and the geometry features of a person never disagree. Then each person's
crops are placed a little differently, as another annotator or detector would have done.
"""

from __future__ import annotations

from collections.abc import Callable

from affekt.bundle import StreamSpec
from affekt.crops import seen_by, stream_matrix
from affekt.data.augment.background import set_background
from affekt.data.augment.drawn import Augmentation
from affekt.data.augment.kernels import degrade, hide, recolour
from affekt.data.augment.moving import move_box, move_face
from affekt.geometry import compose
from affekt.media import ImageRgb, warp
from affekt.results import BoxXyxy, Face


def crop_varied(
    image_rgb: ImageRgb,
    spec: StreamSpec,
    box_xyxy: BoxXyxy | None,
    face: Face | None,
    *,
    drawn: Augmentation,
    person: int,
    other_rgb: Callable[[float], ImageRgb],
) -> ImageRgb | None:
    """A stream's varied crop of a person, shape (size, size, 3); see `affekt.crops.crop_stream`.

    Args:
        image_rgb: the plain picture, shape (height, width, 3).
        spec: of the stream.
        box_xyxy: the person in the plain picture; None where it shows nothing but a face, whose
            background may then change.
        face: likewise, or None.
        drawn: for this picture.
        person: the person's place among those it was drawn for.
        other_rgb: see `affekt.data.augment.background.set_background`.

    Returns:
        None for the face of a person without one.
    """
    height, width = image_rgb.shape[:2]
    view = drawn.picture.matrix(width, height)
    box = None if box_xyxy is None else move_box(box_xyxy, view)
    moved = None if face is None else move_face(face, view)
    matrix = stream_matrix(spec, (width, height), box, moved)
    if matrix is None:
        return None
    own = drawn.picture
    matrix = compose(view, matrix)
    if spec.kind != "scene":
        own = drawn.people[person]
        matrix = compose(matrix, own.matrix(spec.size, spec.size))
    seen = seen_by(image_rgb, spec, box_xyxy)
    if box_xyxy is None:
        seen = set_background(seen, own.backdrop, other_rgb)
    crop = warp(seen, matrix, spec.size, drawn.fill)
    coloured = recolour(crop, drawn.gain, drawn.contrast, drawn.grey)
    return hide(degrade(coloured, own.damage), own.occlusion)
