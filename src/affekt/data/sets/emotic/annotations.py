"""EMOTIC as its annotation files state it: the common form that every layout is read into."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from affekt.data.manifests.row import Vad, Vote
from affekt.errors import DataError
from affekt.labels import VAD, VAD_RANGE, parse_category
from affekt.results import BoxXyxy

SOURCES = ("mscoco", "framesdb", "emodb_small", "ade20k")
"""The parts of EMOTIC: each has a folder of that name with its pictures in ``images``."""

ODD = (
    *(DataError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError),
    *(SyntaxError, TypeError, ValueError),
)
"""What a damaged entry may raise on its way into the common form."""

_PREFIXES = {"COCO_": "mscoco", "frame_": "framesdb", "ADE_": "ade20k"}


@dataclass(frozen=True, slots=True)
class AnnotatedPerson:
    """One person as annotated; nothing is checked against the picture yet.

    Attributes:
        box_xyxy: in pixels of the picture that the size refers to.
        categories: the union over the annotators.
        vad: combined, None where a number is missing or not from 1 to 10.
        votes: of single annotators, empty where the layout has only the union.
        groups: gender and age, where they are stated.
        cut: whether the box may have been cut at a wrong side before it was written to the file.
    """

    box_xyxy: BoxXyxy
    categories: tuple[str, ...]
    vad: Vad | None
    votes: tuple[Vote, ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass(slots=True)
class AnnotatedPicture:
    """One picture of a split with its people.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        folder: such as ``mscoco/images``; empty where the layout has none.
        filename: of the picture.
        width: as stated in pixels, 0 where it is not.
        height: likewise.
        people: in the file's order.
        swapped: whether the file gives the height before the width.
        array: the name of the NumPy file that holds the picture, in the layout that has those.
    """

    split: str
    folder: str
    filename: str
    width: int
    height: int
    people: list[AnnotatedPerson] = field(default_factory=list)
    swapped: bool = False
    array: str | None = None

    @property
    def source(self) -> str:
        """Which part of EMOTIC the picture belongs to."""
        return source_of(self.folder, self.filename)

    @property
    def name(self) -> str:
        """What tells the picture from all others of its split."""
        return f"{self.source}/{self.filename}"


def merge_pictures(pictures: Iterable[AnnotatedPicture]) -> list[AnnotatedPicture]:
    """Each picture once, with the people of all its entries."""
    merged: dict[tuple[str, str], AnnotatedPicture] = {}
    for picture in pictures:
        known = merged.setdefault((picture.split, picture.name), picture)
        if known is not picture:
            known.people.extend(picture.people)
    return list(merged.values())


def source_of(folder: str, filename: str) -> str:
    """Which part of EMOTIC a picture belongs to.

    >>> source_of("ade20k/images", "labelme_x.jpg"), source_of("", "frame_x.jpg")
    ('ade20k', 'framesdb')
    """
    first = folder.replace("\\", "/").strip("/").split("/")[0]
    if first in SOURCES:
        return first
    for prefix, source in _PREFIXES.items():
        if filename.startswith(prefix):
            return source
    return first or "emodb_small"


def usable_vad(values: Sequence[float]) -> Vad | None:
    """Three numbers from 1 to 10, or None where one is missing, NaN or out of range.

    >>> usable_vad([5, 6.5, 1]), usable_vad([5, float("nan"), 1]), usable_vad([0, 5, 5])
    ((5.0, 6.5, 1.0), None, None)
    """
    low, high = VAD_RANGE
    if len(values) != len(VAD) or not all(low <= value <= high for value in values):
        return None
    valence, arousal, dominance = (float(value) for value in values)
    return valence, arousal, dominance


def mean_vad(vads: Iterable[Vad | None]) -> Vad | None:
    """The mean of what is there.

    >>> mean_vad([(1.0, 2.0, 3.0), None, (3.0, 2.0, 4.0)])
    (2.0, 2.0, 3.5)
    """
    given = [vad for vad in vads if vad is not None]
    if not given:
        return None
    return usable_vad([math.fsum(column) / len(given) for column in zip(*given, strict=True)])


def stated(**groups: str | None) -> dict[str, str]:
    """What is stated of some groups.

    >>> stated(gender="Male", age="")
    {'gender': 'Male'}
    """
    return {name: value for name, value in groups.items() if value}


def union(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """The names of all groups once each, in alphabetical order."""
    return tuple(sorted({name for group in groups for name in group}))


@lru_cache(maxsize=256)
def category(name: str) -> str:
    """`affekt.labels.parse_category`, remembered: a set says the same 26 names 100,000 times."""
    return parse_category(name)
