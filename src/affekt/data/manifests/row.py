"""A row of a manifest: one labelled subject of a medium, whatever set it comes from.

A crop of a face is a picture with one subject; a photo has several; a clip adds a time span. What
a row has no word on is None or empty. A row that is not used stays in the file with its reason in
``exclude``; one that is used but was seen in training says so in ``leak``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from affekt.data.manifests.locations import location_problem
from affekt.errors import DataError, nearest
from affekt.heads import CATEGORIES_HEAD, KINDS_OF_HEADS, PRIMARY_HEAD, VAD_HEAD, Kind
from affekt.labels import VAD, VAD_RANGE
from affekt.results import BoxXyxy, Face
from affekt.typed import shown

SPLITS = ("train", "val", "test")
LANDMARKS = 5
FARTHEST = 1_000_000
"""No edge of a face lies farther out, in pixels."""

Labels = Mapping[str, tuple[str, ...]]
"""What a manifest's rows have labels of: head to its names, in order."""

OWN_FIELDS = (PRIMARY_HEAD, CATEGORIES_HEAD, VAD_HEAD)
"""The heads whose labels a row has fields for; those of any other head are in ``others``."""

Vad = tuple[float, float, float]
"""Valence, arousal, dominance, each from 1 to 10."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one annotator said of one subject.

    Attributes:
        categories: those marked.
        vad: None where the annotator gave none.
    """

    categories: tuple[str, ...]
    vad: Vad | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled subject.

    Attributes:
        id: unique within its source.
        source: name of the data set, or of the part of it.
        split: ``train``, ``val`` or ``test``.
        medium: its file below the manifest's root, see `affekt.data.manifests.locations`; None
            where there are labels only, or the file is packed.
        content: the encoded file itself, beside or instead of the name.
        span_s: the part of the medium in seconds from its start, None for all of it.
        width: of the picture in pixels, after any EXIF rotation; 0 where it could not be read.
        height: likewise.
        box_xyxy: the person's extent in pixels, cut to the picture; None where only the face is
            known.
        face: forehead to chin, may exceed the picture; None where none was found.
        people: how many annotated people the picture holds in this split.
        shares: of the primary emotions; they sum to 1, or there are none.
        label: the hard primary label for evaluation, None where no label has the most votes.
        majority: whether ``label`` also has a strict majority, None where there were no votes.
        categories: the marked ones, of all annotators together; None where nobody was asked.
        vad: combined over the annotators, None where there is none.
        votes: of single annotators, where the set gives them.
        others: labels of further heads: by head, label to share, 1 for a mark, or value.
        unit: what rows share that are no independent samples: the subject where the set knows
            who is who, else the picture. None where that is the medium.
        groups: to measure by, such as gender and age as the set states them; never an input.
        leak: why nothing should be tuned on the row, None where it may; it can still be measured.
        exclude: why the row is not used, None where it is used.
    """

    id: str
    source: str
    split: str
    width: int
    height: int
    medium: str | None = None
    content: bytes | None = field(default=None, repr=False)
    span_s: tuple[float, float] | None = None
    box_xyxy: BoxXyxy | None = None
    face: Face | None = None
    people: int = 1
    shares: dict[str, float] = field(default_factory=dict)
    label: str | None = None
    majority: bool | None = None
    categories: tuple[str, ...] | None = None
    vad: Vad | None = None
    votes: tuple[Vote, ...] = ()
    others: dict[str, dict[str, float]] = field(default_factory=dict)
    unit: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    leak: str | None = None
    exclude: str | None = None

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"row {self.id!r} of {self.source!r}"

    @property
    def pictured(self) -> bool:
        """Whether there is a picture, or labels only."""
        return bool(self.medium or self.content)

    @property
    def person_xyxy(self) -> BoxXyxy:
        """The person's box.

        Raises:
            DataError: only the face is known.
        """
        if self.box_xyxy is None:
            raise DataError(f"{self.name}: it has a face, and no box of the person")
        return self.box_xyxy

    @property
    def picture(self) -> str:
        """What the rows of one picture share, with or without its file; a packed one is its own."""
        return self.medium or (self.id if self.content else self.unit) or self.id


def check_row(row: Row, labels: Labels) -> None:
    """Refuse a row that training or evaluation could not use; an excluded row may be incomplete.

    Raises:
        DataError: an unknown split or label, NaN, a box without area or outside of the picture,
            shares that do not sum to 1, a valence, arousal or dominance outside 1 to 10, or
            neither a picture nor a box.

    >>> face = Face((0.0, 0.0, 1.0, 1.0), 1.0)
    >>> row = Row(id="a", source="set", split="val", width=4, height=3, medium="a.png", face=face)
    >>> check_row(row, {"primary": ("fear",)})
    Traceback (most recent call last):
    affekt.errors.DataError: row 'a' of 'set': it has no label of primary
    """
    problem = _problem(row, labels)
    if problem:
        raise DataError(f"{row.name}: {problem}")


def _problem(row: Row, labels: Labels) -> str | None:
    if row.split not in SPLITS:
        return f"unknown split {row.split!r}: {nearest(row.split, SPLITS)}"
    problem = _name_problem(row, labels)
    if problem is None and row.medium is not None:
        problem = location_problem(row.medium)
    if problem is None and row.exclude is None:
        problem = _use_problem(row, labels) or _box_problem(row) or _face_problem(row.face)
    return problem


def _name_problem(row: Row, labels: Labels) -> str | None:
    low, high = VAD_RANGE
    given = [(PRIMARY_HEAD, name) for name in (*row.shares, *([row.label] if row.label else []))]
    for said in (Vote(row.categories or (), row.vad), *row.votes):
        given += [(CATEGORIES_HEAD, name) for name in said.categories]
        if said.vad is not None and not all(low <= value <= high for value in said.vad):
            return f"{', '.join(VAD)} {said.vad} are not numbers from {low:g} to {high:g}"
    given += [(head, name) for head, said in row.others.items() for name in said]
    for head, name in given:
        known = labels.get(head, ())
        if name not in known:
            return f"unknown label {shown(name)} of {head}: {nearest(name, known)}"
    return None


def _use_problem(row: Row, labels: Labels) -> str | None:
    if row.width < 1 or row.height < 1:
        return f"the picture's size {row.width} x {row.height} is empty"
    if row.people < 1:
        return f"{row.people} people in the picture, expected 1 or more"
    if row.box_xyxy is None and not (row.face and row.pictured):
        return "neither the person's box nor a picture with a face"
    if row.span_s is not None and not 0 <= row.span_s[0] < row.span_s[1] < math.inf:
        return f"the span {row.span_s} is not two rising numbers of seconds"
    said = row.shares or row.categories is not None or row.vad is not None or row.others
    if not said:
        return f"it has no label of {' or '.join(labels)}"
    return _said_problem(row)


def _said_problem(row: Row) -> str | None:
    problem = _shares_problem(row.shares) if row.shares else None
    for head, said in row.others.items():
        if KINDS_OF_HEADS[head] is Kind.SINGLE_LABEL:
            problem = problem or _shares_problem(said)
        elif not all(math.isfinite(value) for value in said.values()):
            problem = problem or f"{head} is {said}, expected finite numbers"
    return problem


def _shares_problem(shares: Mapping[str, float]) -> str | None:
    if not all(share >= 0 for share in shares.values()):  # NaN fails this as well
        return f"shares must be numbers from 0 to 1, got {shares}"
    if abs(sum(shares.values()) - 1) > 1e-3:
        return f"shares must sum to 1, got {shares}"
    return None


def _box_problem(row: Row) -> str | None:
    if row.box_xyxy is None:
        return None
    if not all(math.isfinite(value) for value in row.box_xyxy):
        return f"the box {row.box_xyxy} is not made of numbers"
    x1, y1, x2, y2 = row.box_xyxy
    if x2 <= x1 or y2 <= y1:
        return f"the box {row.box_xyxy} has no area, expected left < right and top < bottom"
    if x1 < 0 or y1 < 0 or x2 > row.width or y2 > row.height:
        return f"the box {row.box_xyxy} exceeds the picture of {row.width} x {row.height}"
    return None


def _face_problem(face: Face | None) -> str | None:
    if face is None:
        return None
    points = face.landmarks_xy or ()
    values = [*face.box_xyxy, face.score, *(value for point in points for value in point)]
    if not all(math.isfinite(value) and abs(value) <= FARTHEST for value in values):
        return f"the face {face} is not made of numbers within {FARTHEST:,}"
    x1, y1, x2, y2 = face.box_xyxy
    if x2 <= x1 or y2 <= y1:
        return f"the face's box {face.box_xyxy} has no area, expected left < right, top < bottom"
    if points and len(points) != LANDMARKS:
        return f"the face has {len(points)} landmarks, expected {LANDMARKS}"
    return None if 0 <= face.score <= 1 else f"the face's score {face.score} is not 0 to 1"
