"""A manifest of people: one Parquet file with one row per labelled person in a picture.

Rows of one picture stand together. Labels are names, never positions: ``categories`` is a list of
them. A row that is not used stays in the file with its reason in ``exclude``; one that is used but
was seen in training says so in ``leak``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from affekt.data.manifests.locations import (
    LINKS_KEY,
    LINKS_LEAD_OUT,
    LinkWatch,
    locate,
    location_problem,
)
from affekt.data.manifests.npy import read_npy
from affekt.data.manifests.parquet import (
    FACES,
    KIND_KEY,
    PEOPLE,
    Note,
    check_columns,
    check_metadata,
    check_split,
    count_rows,
    make_metadata,
    manifest_file,
    read_metadata,
    read_note,
    stream_records,
    write_records,
)
from affekt.errors import DataError, MediaError, MissingExtraError, nearest
from affekt.files import is_file
from affekt.labels import CATEGORIES, VAD, VAD_RANGE
from affekt.media import PIXEL_LIMIT, ImageRgb, read_picture, resize, to_rgb
from affekt.results import BoxXyxy, Face
from affekt.typed import shown

try:
    import pyarrow as pa
except ImportError as error:
    raise MissingExtraError("a manifest", "data") from error

VERSION = 1
LANDMARKS = 5
FARTHEST = 1_000_000
"""No edge of a face lies farther out, in pixels."""

Vad = tuple[float, float, float]
"""Valence, arousal, dominance, each from 1 to 10."""

_SIDES = ("x1", "y1", "x2", "y2")
_TEXT = ("picture", "gender", "age", "leak", "exclude")


@dataclass(frozen=True, slots=True)
class Vote:
    """What one annotator said of one person.

    Attributes:
        categories: those marked.
        vad: None where the annotator gave none.
    """

    categories: tuple[str, ...]
    vad: Vad | None = None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One labelled person.

    Attributes:
        id: unique; ``PICTURE#NUMBER``, see `picture_of`.
        source: the part of the set, such as ``mscoco``, or the name of the set.
        split: ``train``, ``val`` or ``test``.
        picture: its file relative to the manifest's root, None where there are labels only.
        width: of the picture in pixels, after any EXIF rotation; 0 where it could not be read.
        height: likewise.
        box_xyxy: the person's extent in pixels, cut to the picture.
        categories: the marked ones of the 26, of all annotators together.
        vad: combined over the annotators, None where there is none.
        people: how many annotated people the picture holds in this split.
        votes: of single annotators, where the set gives them.
        face: the person's face as found when the set was prepared, None without one.
        gender: as the set states it, where known; never an input of a model.
        age: likewise.
        leak: why nothing should be tuned on the row, None where it may; it can still be measured.
        exclude: why the row is not used, None where it is used.
    """

    id: str
    source: str
    split: str
    picture: str | None
    width: int
    height: int
    box_xyxy: BoxXyxy
    categories: tuple[str, ...]
    vad: Vad | None
    people: int
    votes: tuple[Vote, ...] = ()
    face: Face | None = None
    gender: str | None = None
    age: str | None = None
    leak: str | None = None
    exclude: str | None = None


def manifest_kind(path: str | Path) -> str:
    """What the rows of a manifest are: ``faces`` or ``people``.

    Raises:
        DataError: no such file, or not a manifest.
    """
    return read_metadata(manifest_file(path))[1].get(KIND_KEY, FACES)


def picture_of(row: PersonRow) -> str:
    """What the rows of one picture share, with or without its file: the id before the ``#``."""
    return row.id.rpartition("#")[0] or row.id


def check_person(row: PersonRow) -> None:
    """Refuse a row that training or evaluation could not use; an excluded row may be incomplete.

    Raises:
        DataError: an unknown split or category, a box without area or outside the picture, or
            a valence, arousal or dominance outside 1 to 10.

    >>> box = (0.0, 0.0, 1.0, 1.0)
    >>> check_person(PersonRow("a#0", "set", "val", None, 4, 3, box, ("Peace",), None, 1))
    """
    check_split(row.split)
    problem = _label_problem(row)
    if problem is None and row.picture is not None:
        problem = location_problem(row.picture)
    if problem is None and row.exclude is None:
        problem = _size_problem(row) or _box_problem(row) or _face_problem(row.face)
    if problem:
        raise DataError(f"person {row.id!r} of {row.source!r}: {problem}")


def _label_problem(row: PersonRow) -> str | None:
    low, high = VAD_RANGE
    for said in (Vote(row.categories, row.vad), *row.votes):
        for category in said.categories:
            if category not in CATEGORIES:
                return f"unknown category {category!r}: {nearest(category, CATEGORIES)}"
        if said.vad is not None and not all(low <= value <= high for value in said.vad):
            return f"{', '.join(VAD)} {said.vad} are not numbers from {low:g} to {high:g}"
    return None


def _size_problem(row: PersonRow) -> str | None:
    if row.width < 1 or row.height < 1:
        return f"the picture's size {row.width} x {row.height} is empty"
    if row.people < 1:
        return f"{row.people} people in the picture, expected 1 or more"
    return None


def _box_problem(row: PersonRow) -> str | None:
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
        return f"the face's box {face.box_xyxy} has no area"
    if points and len(points) != LANDMARKS:
        return f"the face has {len(points)} landmarks, expected {LANDMARKS}"
    return None if 0 <= face.score <= 1 else f"the face's score {face.score} is not 0 to 1"


def write_people(
    path: str | Path,
    rows: Iterable[PersonRow],
    *,
    root: str,
    note: Note | Callable[[], Note],
) -> int:
    """Write rows as they come, in constant memory; the file appears only when it is complete.

    Args:
        path: the file, or a folder that gets a ``manifest.parquet``.
        rows: checked by `check_person`; those of one picture one after the other.
        root: the folder that pictures' paths start from; itself relative to the manifest's.
        note: where the set comes from and how it was prepared, or what gives that in the end.

    Returns:
        How many rows were written.

    Raises:
        DataError: a row that cannot be used.
        OutputError: the file cannot be written.
    """
    file = manifest_file(path)
    watch = LinkWatch(file.parent / root)

    def meta() -> dict[str, str]:
        said = note() if callable(note) else note
        return {**make_metadata(PEOPLE, VERSION, root, said), **watch.metadata()}

    records = (_record(row, watch) for row in rows)
    return write_records(file, records, _schema(), meta=meta, packed=("id",))


@dataclass(frozen=True, slots=True)
class PersonManifest:
    """A manifest of people on disk; rows are streamed from it each time they are asked for.

    Attributes:
        path: the Parquet file.
        root: the folder that pictures' paths start from.
        note: where the set comes from and how it was prepared.
        links: whether it was made from links that lead out of the root.
    """

    path: Path
    root: Path
    note: dict[str, str]
    links: bool = False

    @classmethod
    def open(cls, path: str | Path) -> PersonManifest:
        """Open a manifest, given its file or its folder.

        Raises:
            DataError: no such file, not a manifest of people, or an unknown version.
        """
        file = manifest_file(path)
        names, meta = read_metadata(file)
        check_metadata(file, meta, kind=PEOPLE, version=VERSION, keys=("root", "note"))
        check_columns(file, names, _schema().names)
        links = meta.get(LINKS_KEY) == LINKS_LEAD_OUT
        return cls(file, file.parent / meta["root"], read_note(file, meta), links)

    def file(self, name: str) -> Path:
        """Where the picture of that name lies.

        Raises:
            DataError: outside of the root.
        """
        return locate(self.root, name, links=self.links)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def count(self, split: str | None = None) -> int:
        """How many rows of a split (of all splits without one) are in use."""
        return count_rows(self.path, split)

    def rows(self, split: str | None = None, include_excluded: bool = False) -> Iterator[PersonRow]:
        """The rows in the file's order, each checked, in constant memory.

        Raises:
            DataError: an unknown split, a row that `check_person` refuses, or a damaged file.
        """
        check_split(split)
        for record in stream_records(self.path, _schema()):
            row = _read_row(record, self.path)
            check_person(row)
            if split in (None, row.split) and (include_excluded or row.exclude is None):
                yield row

    def pictures(
        self, split: str | None = None, include_excluded: bool = False
    ) -> Iterator[list[PersonRow]]:
        """The rows of each picture of a split, see `rows`."""
        rows = self.rows(split, include_excluded)
        for _, group in groupby(rows, key=lambda row: (row.split, picture_of(row))):
            yield list(group)


def read_person_picture(manifest: PersonManifest, row: PersonRow) -> ImageRgb:
    """The picture that a row's box refers to, shape (height, width, 3), RGB.

    A picture stored as an array (``.npy``) is stretched to the size that the row states.

    Raises:
        DataError: labels only, the file is missing, or its picture cannot be read.
    """
    name = f"person {row.id!r} of {row.source!r}"
    if row.picture is None:
        raise DataError(f"{name}: the manifest {manifest.path} holds labels without pictures")
    try:
        file = manifest.file(row.picture)
        if not is_file(file):
            raise DataError(f"no picture at {file}")
        if file.suffix != ".npy":
            return read_picture(file)
        return _stretched(read_array(file), row.width, row.height)
    except (DataError, MediaError) as error:
        raise DataError(f"{name}: {error}") from error


def read_array(file: Path) -> ImageRgb:
    """A picture stored as a NumPy array, shape (height, width, 3), RGB.

    Raises:
        MediaError: not an array of a picture.
    """
    try:
        return to_rgb(read_npy(file))
    except (OSError, ValueError) as error:
        raise MediaError(f"{file}: not a readable array ({error})") from None
    except MediaError as error:
        raise MediaError(f"{file}: {error}") from None


def _stretched(image_rgb: ImageRgb, width: int, height: int) -> ImageRgb:
    if width * height > PIXEL_LIMIT:
        raise MediaError(f"{width} x {height} pixels stated, at most {PIXEL_LIMIT:,} are read")
    same = image_rgb.shape[:2] == (height, width)
    return image_rgb if same else resize(image_rgb, width, height)


def _schema() -> Any:
    names = pa.list_(pa.string())
    vad = [pa.field(name, pa.float64()) for name in VAD]
    vote = pa.struct([pa.field("categories", names), *vad])
    sides = [pa.field(name, pa.float64()) for name in (*_SIDES, "score")]
    face = pa.struct([*sides, pa.field("landmarks", pa.list_(pa.float64()))])
    fields = [pa.field(name, pa.string(), nullable=False) for name in ("id", "source", "split")]
    fields += [pa.field(name, pa.int32(), nullable=False) for name in ("width", "height", "people")]
    fields += [pa.field(name, pa.float64(), nullable=False) for name in _SIDES]
    fields += [pa.field("categories", names, nullable=False), *vad]
    fields += [pa.field("votes", pa.list_(vote), nullable=False), pa.field("face", face)]
    fields += [pa.field(name, pa.string()) for name in _TEXT]
    return pa.schema(fields)


def _record(row: PersonRow, watch: LinkWatch) -> dict[str, Any]:
    check_person(row)
    watch.see(row.picture)
    plain = ("id", "source", "split", "width", "height", "people", *_TEXT)
    return {
        **{name: getattr(row, name) for name in plain},
        **dict(zip(_SIDES, row.box_xyxy, strict=True)),
        **_said(row),
        "votes": [_said(vote) for vote in row.votes],
        "face": None if row.face is None else _face_record(row.face),
    }


def _said(by: PersonRow | Vote) -> dict[str, Any]:
    vad = (None,) * len(VAD) if by.vad is None else by.vad
    return {"categories": list(by.categories), **dict(zip(VAD, vad, strict=True))}


def _face_record(face: Face) -> dict[str, Any]:
    points = face.landmarks_xy
    return {
        **dict(zip(_SIDES, face.box_xyxy, strict=True)),
        "score": face.score,
        "landmarks": None if points is None else [value for point in points for value in point],
    }


def _read_row(record: dict[str, Any], file: Path) -> PersonRow:
    try:
        return _row(record)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{file}: person {shown(record['id'])} lacks a value of a vote or face ({error})"
        ) from None


def _row(record: dict[str, Any]) -> PersonRow:
    plain = ("id", "source", "split", "width", "height", "people", *_TEXT)
    votes = (Vote(tuple(vote["categories"]), _vad(vote)) for vote in record["votes"])
    return PersonRow(
        **{name: record[name] for name in plain},
        box_xyxy=_box(record),
        categories=tuple(record["categories"]),
        vad=_vad(record),
        votes=tuple(votes),
        face=None if record["face"] is None else _face(record["face"]),
    )


def _box(record: dict[str, Any]) -> BoxXyxy:
    x1, y1, x2, y2 = (float(record[name]) for name in _SIDES)
    return (x1, y1, x2, y2)


def _vad(record: dict[str, Any]) -> Vad | None:
    valence, arousal, dominance = (record[name] for name in VAD)
    return None if valence is None else (valence, float(arousal), float(dominance))


def _face(record: dict[str, Any]) -> Face:
    flat = None if record["landmarks"] is None else [float(v) for v in record["landmarks"]]
    points = None if flat is None else tuple(zip(flat[::2], flat[1::2], strict=True))
    return Face(_box(record), float(record["score"]), points)
