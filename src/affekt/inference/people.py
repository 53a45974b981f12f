"""Who is in a picture, and whose face is whose: from faces, from a person detector, from a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.errors import MediaError
from affekt.geometry import clip_xyxy
from affekt.inference.boxes_file import Boxes
from affekt.inference.find.faces import FaceDetector, look_at
from affekt.inference.find.turned import Look, turn_box, turn_face, turn_image, turned_size
from affekt.inference.yolox import PersonDetector
from affekt.matching import match_faces
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

ASIDE, UP, DOWN = 2.0, 1.1, 7.0
"""How far a person reaches from the middle of the face, see `person_extent`."""


MOST_BOXES = 1000
"""Boxes that may be given for one picture: each person takes about 10 ms and 0.2 MB."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A person in a picture, before anything is known of their emotion.

    Attributes:
        box_xyxy: the person's extent, in pixels of the picture and inside it.
        score: of the detector, 0 to 1; 1 where the box was given.
        face: None where it is not seen.
    """

    box_xyxy: BoxXyxy
    score: float
    face: Face | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Who is in a picture, in pixels of the picture once it is upright.

    Attributes:
        people: largest first.
        faces: whatever may be a face: those of nobody among ``people`` too, and those that are too
            doubtful to be reported.
        rotation: what makes the picture upright, in degrees clockwise: 0, 90, 180 or 270.
    """

    people: tuple[Seen, ...]
    faces: tuple[Face, ...]
    rotation: int = 0


FindPeople = Callable[[ImageRgb, str], Sighting]
"""Looks at a picture (height, width, 3) of that name; safe in several threads."""


def faces_alone(detector: FaceDetector) -> FindPeople:
    """Every face is a person whose extent is the face's own box: all that a face model needs."""

    def find(image_rgb: ImageRgb, source: str) -> Sighting:
        look = look_at(detector, image_rgb)
        return _sighting([Seen(f.box_xyxy, f.score, f) for f in look.faces], look)

    return find


def people_from_faces(detector: FaceDetector) -> FindPeople:
    """Every face is a person of the extent that `person_extent` states."""

    def find(image_rgb: ImageRgb, source: str) -> Sighting:
        look = look_at(detector, image_rgb)
        size = turned_size(image_rgb, look.rotation)
        return _sighting([_around(face, size) for face in look.faces], look)

    return find


def people_from_detector(detector: FaceDetector, people: PersonDetector) -> FindPeople:
    """The people that a detector finds; a face in nobody's box is one more person around it."""

    def find(image_rgb: ImageRgb, source: str) -> Sighting:
        look = look_at(detector, image_rgb)
        found = people.detect(np.ascontiguousarray(turn_image(image_rgb, look.rotation)))
        matched = match_faces([person.box_xyxy for person in found], look.faces)
        seen = [Seen(p.box_xyxy, p.score, f) for p, f in zip(found, matched, strict=True)]
        others = [face for face in look.faces if not any(face is own for own in matched)]
        size = turned_size(image_rgb, look.rotation)
        return _sighting([*seen, *(_around(face, size) for face in others)], look)

    return find


def people_from_boxes(detector: FaceDetector, boxes: Boxes) -> FindPeople:
    """The people whose boxes are given for that picture, and nobody else."""

    def find(image_rgb: ImageRgb, source: str) -> Sighting:
        given = boxes.of(source)
        if len(given) > MOST_BOXES:
            raise MediaError(
                f"{source}: {len(given)} boxes are given for it; at most {MOST_BOXES} people of a "
                "picture are read"
            )
        inside = [_inside(box, image_rgb, source) for box in given]
        look = look_at(detector, image_rgb)
        size = turned_size(image_rgb, 0)
        turned = [turn_box(box, look.rotation, size) for box in inside]
        matched = match_faces(turned, look.faces)
        people = [Seen(box, 1.0, face) for box, face in zip(turned, matched, strict=True)]
        return _sighting(people, look)

    return find


def as_given(sighting: Sighting, image_rgb: ImageRgb) -> Sighting:
    """The same sighting in pixels of the picture as it is given."""
    back, size = -sighting.rotation, turned_size(image_rgb, sighting.rotation)
    if not back:
        return sighting
    people = (
        Seen(
            turn_box(seen.box_xyxy, back, size),
            seen.score,
            None if seen.face is None else turn_face(seen.face, back, size),
        )
        for seen in sighting.people
    )
    faces = tuple(turn_face(face, back, size) for face in sighting.faces)
    return Sighting(tuple(people), faces, sighting.rotation)


def person_extent(face_xyxy: BoxXyxy, width: int, height: int) -> BoxXyxy:
    """The box of a person of whom only the face is known, cut to the picture.

    From the middle of the face it reaches `ASIDE` face sizes to either side, `UP` above and
    `DOWN` below, the size being the root of the face box's area. `docs/models.md` says how these
    numbers were measured and how well they do.

    Args:
        face_xyxy: in pixels.
        width: of the picture in pixels.
        height: likewise.

    >>> person_extent((90.0, 20.0, 110.0, 40.0), 200, 150)
    (60.0, 8.0, 140.0, 150.0)
    """
    x1, y1, x2, y2 = face_xyxy
    size = float(np.sqrt(max(x2 - x1, 0.0) * max(y2 - y1, 0.0)))
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    box = [x - ASIDE * size, y - UP * size, x + ASIDE * size, y + DOWN * size]
    left, top, right, bottom = clip_xyxy(box, width, height).tolist()
    return (left, top, right, bottom)


def largest_first(people: Sequence[Seen]) -> tuple[Seen, ...]:
    """By the area of their boxes; equal ones keep their order."""

    def area(person: Seen) -> float:
        x1, y1, x2, y2 = person.box_xyxy
        return (x2 - x1) * (y2 - y1)

    return tuple(sorted(people, key=area, reverse=True))


def _sighting(people: Sequence[Seen], look: Look) -> Sighting:
    return Sighting(largest_first(people), (*look.faces, *look.unsure), look.rotation)


def _around(face: Face, size_xy: tuple[int, int]) -> Seen:
    return Seen(person_extent(face.box_xyxy, *size_xy), face.score, face)


def _inside(box: BoxXyxy, image_rgb: ImageRgb, source: str) -> BoxXyxy:
    height, width = image_rgb.shape[:2]
    x1, y1, x2, y2 = clip_xyxy(box, width, height).tolist()
    if not (x2 - x1 >= 1 and y2 - y1 >= 1):  # nor for NaN
        given = ", ".join(f"{value:g}" for value in box)
        raise MediaError(
            f"{source}: the box ({given}) given for it has less than one pixel inside the picture "
            f"of {width} x {height}; boxes are left, top, right, bottom in pixels"
        )
    return (x1, y1, x2, y2)
