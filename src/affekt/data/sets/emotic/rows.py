"""One annotated picture of EMOTIC and what its file shows, into rows: pure, and every check here.

A person who cannot be used gets a reason, the first that applies, in the order of this list of
constants. Nothing is left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from affekt.data.manifests.row import Row
from affekt.data.sets.emotic.annotations import AnnotatedPerson, AnnotatedPicture
from affekt.data.sets.emotic.csv import SWAPPED_SOURCE
from affekt.geometry import clip_xyxy
from affekt.matching import match_faces
from affekt.results import BoxXyxy, Face

MISSING = "missing picture"
UNREADABLE = "unreadable picture"
NO_SIZE = "picture without a stated size"
OTHER_SIZE = "picture of another size than annotated"
NO_AREA = "box without area"
OUTSIDE = "box outside the picture"
CUT = "box cut at a swapped picture size"
DUPLICATE = "same box as an earlier person of the picture"
NO_CATEGORY = "no category marked"

SAME_PERSON = "same person in train"
SAME_PICTURE = "same picture in train"

SWAPPED_COUNT = "pictures whose size is stated height first, read right"
CLIPPED_COUNT = "boxes that exceed the picture, cut to it"
NO_VAD_COUNT = "people without usable valence, arousal and dominance (missing, NaN, not 1 to 10)"
ANSWER_COUNT = "people without categories who got those of the authors' correction"
SCALED_COUNT = "pictures stored at another size, boxes scaled with them"

CORRECTIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("test", "12ctuwhai2qxczp2wf.jpg"): (
        "Affection",
        "Confidence",
        "Excitement",
        "Happiness",
        "Peace",
        "Sympathy",
    ),
}
"""Split and picture of the one test person without categories: those that the authors name in
issue 13 of rkosti/emotic."""

TOLERANCE = 2
"""Pixels by which a picture may differ from its stated size."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a picture's file showed.

    Attributes:
        path: relative to the set's root, None for labels without pictures.
        width: in pixels, after any EXIF rotation; 0 where it cannot be read.
        height: likewise.
        faces: found in the whole picture.
        problem: `MISSING`, `UNREADABLE` or None.
    """

    path: str | None
    width: int
    height: int
    faces: tuple[Face, ...] = ()
    problem: str | None = None


TrainBoxes = Mapping[str, frozenset[BoxXyxy]]
"""The boxes of each picture of train."""


def train_boxes(pictures: Iterable[AnnotatedPicture]) -> TrainBoxes:
    """The boxes that stand in train, to find them again in the other splits."""
    return {
        picture.name: frozenset(person.box_xyxy for person in picture.people)
        for picture in pictures
        if picture.split == "train"
    }


def person_rows(
    picture: AnnotatedPicture, seen: Seen, train: TrainBoxes
) -> tuple[list[Row], Counter[str]]:
    """One row for each person of a picture, and how often something was put right."""
    people = [_corrected(picture, person) for person in picture.people]
    boxes = [_scaled(person.box_xyxy, picture, seen) for person in people]
    problems = [
        seen.problem or _size_problem(picture, seen) or problem
        for problem in _people_problems(people, boxes, seen)
    ]
    count = len({person.box_xyxy for person in people})
    rows = [
        Row(
            id=f"{picture.split}/{picture.name}#{number}",
            source=picture.source,
            split=picture.split,
            medium=seen.path,
            width=seen.width,
            height=seen.height,
            box_xyxy=box if problem else _clipped(box, seen),
            categories=person.categories,
            vad=person.vad,
            people=count,
            votes=person.votes,
            unit=picture.name,
            groups=person.groups,
            leak=_leak(picture, person.box_xyxy, train),
            exclude=problem,
        )
        for number, (person, box, problem) in enumerate(zip(people, boxes, problems, strict=True))
    ]
    return _with_faces(rows, seen.faces), _count(picture, seen, boxes, rows)


def restored_size(width: int, height: int, picture: AnnotatedPicture) -> tuple[int, int]:
    """Width and height that give a square array the shape of its picture, its short side kept.

    >>> picture = AnnotatedPicture("val", "", "a.jpg", 640, 480, array="a.npy")
    >>> restored_size(224, 224, picture)
    (299, 224)
    """
    if picture.width < 1 or picture.height < 1:
        return width, height
    scale = min(width, height) / min(picture.width, picture.height)
    return round(picture.width * scale), round(picture.height * scale)


def _corrected(picture: AnnotatedPicture, person: AnnotatedPerson) -> AnnotatedPerson:
    answer = CORRECTIONS.get((picture.split, picture.filename), ())
    return replace(person, categories=answer) if not person.categories else person


def _scaled(box_xyxy: BoxXyxy, picture: AnnotatedPicture, seen: Seen) -> BoxXyxy:
    if not _is_scaled(picture, seen):
        return box_xyxy
    x, y = seen.width / picture.width, seen.height / picture.height
    x1, y1, x2, y2 = box_xyxy
    return x1 * x, y1 * y, x2 * x, y2 * y


def _is_scaled(picture: AnnotatedPicture, seen: Seen) -> bool:
    stated = picture.array is not None and picture.width > 0 and picture.height > 0
    return stated and (seen.width, seen.height) != (picture.width, picture.height)


def _size_problem(picture: AnnotatedPicture, seen: Seen) -> str | None:
    stated, actual = (picture.width, picture.height), (seen.width, seen.height)
    if min(actual) < 1:
        return NO_SIZE
    if picture.array is not None or min(stated) < 1 or _near(stated, actual):
        return None
    if picture.source == SWAPPED_SOURCE and _near(stated[::-1], actual):
        return None
    return OTHER_SIZE


def _near(a: Sequence[int], b: Sequence[int]) -> bool:
    return all(abs(x - y) <= TOLERANCE for x, y in zip(a, b, strict=True))


def _people_problems(
    people: Sequence[AnnotatedPerson],
    boxes: Sequence[BoxXyxy],
    seen: Seen,
) -> list[str | None]:
    earlier: set[BoxXyxy] = set()
    problems: list[str | None] = []
    for person, box in zip(people, boxes, strict=True):
        problem = _box_problem(person, box, seen)
        if problem is None and box in earlier:
            problem = DUPLICATE
        if problem is None and not person.categories:
            problem = NO_CATEGORY
        problems.append(problem)
        earlier.add(box)
    return problems


def _box_problem(person: AnnotatedPerson, box_xyxy: BoxXyxy, seen: Seen) -> str | None:
    x1, y1, x2, y2 = box_xyxy
    if not all(math.isfinite(value) for value in box_xyxy) or x2 <= x1 or y2 <= y1:
        return NO_AREA
    x1, y1, x2, y2 = _clipped(box_xyxy, seen)
    if x2 <= x1 or y2 <= y1:
        return OUTSIDE
    return CUT if person.cut else None


def _clipped(box_xyxy: BoxXyxy, seen: Seen) -> BoxXyxy:
    x1, y1, x2, y2 = clip_xyxy(box_xyxy, seen.width, seen.height).tolist()
    return x1, y1, x2, y2


def _leak(picture: AnnotatedPicture, box_xyxy: BoxXyxy, train: TrainBoxes) -> str | None:
    if picture.split == "train" or picture.name not in train:
        return None
    return SAME_PERSON if box_xyxy in train[picture.name] else SAME_PICTURE


def _with_faces(rows: list[Row], faces: Sequence[Face]) -> list[Row]:
    """The rows with each face given to one of those in use."""
    used = [number for number, row in enumerate(rows) if row.exclude is None]
    matched = match_faces([rows[number].person_xyxy for number in used], faces)
    of = dict(zip(used, matched, strict=True))
    return [replace(row, face=of.get(number)) for number, row in enumerate(rows)]


def _count(
    picture: AnnotatedPicture, seen: Seen, boxes: Sequence[BoxXyxy], rows: Sequence[Row]
) -> Counter[str]:
    stated, actual = (picture.width, picture.height), (seen.width, seen.height)
    swapped = picture.swapped or (
        not _near(stated, actual) and _near(stated[::-1], actual) and min(stated) > 0
    )
    pairs = zip(rows, boxes, strict=True)
    clipped = sum(row.exclude is None and row.box_xyxy != box for row, box in pairs)
    answers = sum(not person.categories for person in picture.people) - sum(
        not row.categories for row in rows
    )
    counts = {
        SWAPPED_COUNT: int(swapped),
        SCALED_COUNT: int(_is_scaled(picture, seen) and not seen.problem),
        CLIPPED_COUNT: clipped,
        NO_VAD_COUNT: sum(row.vad is None for row in rows),
        ANSWER_COUNT: answers,
        f"{seen.problem} in {picture.source}": int(seen.problem is not None),
    }
    return Counter({what: count for what, count in counts.items() if count})
