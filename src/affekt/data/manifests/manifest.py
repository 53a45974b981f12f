"""A manifest: one Parquet file with one row per labelled face, whatever set it comes from.

Columns: those of `FaceRow`, the box as ``x1 y1 x2 y2``, the soft label as one column ``p_<label>``
per label. The file's metadata names the labels, so nothing depends on an order of columns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.data.manifests.locations import (
    LINKS_KEY,
    LINKS_LEAD_OUT,
    LinkWatch,
    locate,
    location_problem,
)
from affekt.data.manifests.parquet import (
    FACES,
    SPLITS,
    check_columns,
    check_metadata,
    check_split,
    count_rows,
    make_metadata,
    manifest_file,
    read_entry,
    read_metadata,
    read_note,
    stream_records,
    write_records,
)
from affekt.errors import DataError, MediaError, MissingExtraError, nearest
from affekt.files import is_file
from affekt.labels import PRIMARY_AND_CONTEMPT
from affekt.media import ImageRgb, read_picture
from affekt.results import BoxXyxy
from affekt.typed import shown

try:
    import pyarrow as pa
except ImportError as error:
    raise MissingExtraError("a manifest", "data") from error

VERSION = 1
FARTHEST = 1_000_000
"""No edge of a box lies farther out, in pixels."""

_SIDES = ("x1", "y1", "x2", "y2")
_TEXT = ("label", "path", "subject", "gender", "age", "exclude")


@dataclass(frozen=True, slots=True)
class FaceRow:
    """One labelled face.

    Attributes:
        id: unique within its source.
        source: name of the data set.
        split: ``train``, ``val`` or ``test``.
        width: of the picture in pixels, after any EXIF rotation; 0 where it could not be read.
        height: likewise.
        box_xyxy: the face in the picture, forehead to chin; may exceed the picture.
        roll: the face's in-plane rotation in degrees, 0 where unknown.
        soft: label to share; the shares sum to 1. Empty only in an excluded row.
        label: the hard label for evaluation, None where no label has the most votes.
        path: the picture's file below the manifest's root, see `affekt.data.manifests.locations`.
        content: the encoded picture itself, instead of the path.
        majority: whether ``label`` also has a strict majority, None where there were no votes.
        subject: who it is, where known.
        gender: as the data set states it, where known.
        age: as the data set states it, where known.
        exclude: why the row is not used, None where it is used.
    """

    id: str
    source: str
    split: str
    width: int
    height: int
    box_xyxy: BoxXyxy
    roll: float = 0.0
    soft: dict[str, float] = field(default_factory=dict)
    label: str | None = None
    path: str | None = None
    content: bytes | None = field(default=None, repr=False)
    majority: bool | None = None
    subject: str | None = None
    gender: str | None = None
    age: str | None = None
    exclude: str | None = None


def check_row(row: FaceRow, labels: tuple[str, ...]) -> None:
    """Refuse a row that training or evaluation could not use; an excluded row may be incomplete.

    Raises:
        DataError: an unknown split or label, NaN, a box without area, shares that do not sum
            to 1, or neither a path nor packed bytes.

    >>> box = (0.0, 0.0, 1.0, 1.0)
    >>> check_row(FaceRow("a", "set", "train", 1, 1, box, soft={"fear": 1.0}, path="a"), ("fear",))
    """
    problem = _problem(row, labels)
    if problem:
        raise DataError(f"face {row.id!r} of {row.source!r}: {problem}")


def _problem(row: FaceRow, labels: tuple[str, ...]) -> str | None:
    if row.split not in SPLITS:
        return f"unknown split {row.split!r}: {nearest(row.split, SPLITS)}"
    for label in (*row.soft, *((row.label,) if row.label else ())):
        if label not in labels:
            return f"unknown label {label!r}: {nearest(label, labels)}"
    if row.exclude is not None:
        return None
    if not (row.path or row.content):
        return "neither a path nor packed bytes"
    where = location_problem(row.path) if row.path else None
    return where or _box_problem(row) or _shares_problem(row)


def _box_problem(row: FaceRow) -> str | None:
    if not all(math.isfinite(value) for value in (*row.box_xyxy, row.roll)):
        return f"the box or roll is not a number: {row.box_xyxy}, {row.roll}"
    x1, y1, x2, y2 = row.box_xyxy
    if x2 <= x1 or y2 <= y1:
        return f"the box {row.box_xyxy} has no area, expected left < right and top < bottom"
    if max(map(abs, (*row.box_xyxy, row.roll))) > FARTHEST:
        return f"the box or roll is beyond {FARTHEST:,} pixels: {row.box_xyxy}, {row.roll}"
    return None


def _shares_problem(row: FaceRow) -> str | None:
    if not all(share >= 0 for share in row.soft.values()):  # NaN fails this as well
        return f"shares must be numbers from 0 to 1, got {row.soft}"
    if abs(sum(row.soft.values()) - 1) > 1e-3:
        return f"shares must sum to 1, got {row.soft}"
    return None


def write_manifest(
    path: str | Path,
    rows: Iterable[FaceRow],
    *,
    labels: tuple[str, ...],
    root: str,
    note: Mapping[str, str],
) -> int:
    """Write rows as they come, in constant memory; the file appears only when it is complete.

    Args:
        path: the file, or a folder that gets a ``manifest.parquet``.
        rows: checked by `check_row`.
        labels: the labels that shares are given for.
        root: the folder that relative paths start from; itself relative to the manifest's.
        note: where the set comes from and how it was prepared.

    Returns:
        How many rows were written.

    Raises:
        DataError: a row that cannot be used.
        OutputError: the file cannot be written.
    """
    file = manifest_file(path)
    watch = LinkWatch(file.parent / root)

    def meta() -> dict[str, str]:
        plain = make_metadata(FACES, VERSION, root, note)
        return {**plain, "labels": json.dumps(labels), **watch.metadata()}

    records = (_record(row, labels, watch) for row in rows)
    return write_records(file, records, _schema(labels), meta=meta, packed=("content",))


def _schema(labels: tuple[str, ...]) -> Any:
    fields = [pa.field(name, pa.string(), nullable=False) for name in ("id", "source", "split")]
    fields += [pa.field(name, pa.int32(), nullable=False) for name in ("width", "height")]
    fields += [pa.field(name, pa.float64(), nullable=False) for name in (*_SIDES, "roll")]
    fields += [pa.field(f"p_{label}", pa.float64()) for label in labels]
    fields += [pa.field(name, pa.string()) for name in _TEXT]
    fields += [pa.field("majority", pa.bool_()), pa.field("content", pa.binary())]
    return pa.schema(fields)


def _record(row: FaceRow, labels: tuple[str, ...], watch: LinkWatch) -> dict[str, Any]:
    check_row(row, labels)
    watch.see(None if row.content else row.path)
    missing = 0.0 if row.soft else None
    return {
        **{name: getattr(row, name) for name in ("id", "source", "split", "width", "height")},
        **{name: getattr(row, name) for name in (*_TEXT, "roll", "majority", "content")},
        **dict(zip(_SIDES, row.box_xyxy, strict=True)),
        **{f"p_{label}": row.soft.get(label, missing) for label in labels},
    }


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest on disk; rows are streamed from it each time they are asked for.

    Attributes:
        path: the Parquet file.
        labels: the labels that shares are given for.
        root: the folder that relative paths start from.
        note: where the set comes from and how it was prepared.
        links: whether it was made from links that lead out of the root.
    """

    path: Path
    labels: tuple[str, ...]
    root: Path
    note: dict[str, str]
    links: bool = False

    @classmethod
    def open(cls, path: str | Path) -> Manifest:
        """Open a manifest, given its file or its folder.

        Raises:
            DataError: no such file, not a manifest, an unknown version or an unknown label.
        """
        file = manifest_file(path)
        names, meta = read_metadata(file)
        check_metadata(file, meta, kind=FACES, version=VERSION, keys=("labels", "root", "note"))
        labels = _labels(file, read_entry(file, meta, "labels"))
        check_columns(file, names, _schema(labels).names)
        links = meta.get(LINKS_KEY) == LINKS_LEAD_OUT
        return cls(file, labels, file.parent / meta["root"], read_note(file, meta), links)

    def count(self, split: str | None = None) -> int:
        """How many rows of a split (of all splits without one) are in use."""
        return count_rows(self.path, split)

    def rows(self, split: str | None = None, include_excluded: bool = False) -> Iterator[FaceRow]:
        """The rows in the file's order, each checked, in constant memory.

        Raises:
            DataError: an unknown split, or a row that `check_row` refuses.
        """
        check_split(split)
        for record in stream_records(self.path, _schema(self.labels)):
            row = _row(record, self.labels)
            check_row(row, self.labels)
            if split in (None, row.split) and (include_excluded or row.exclude is None):
                yield row

    def file(self, name: str) -> Path:
        """Where the picture of that name lies.

        Raises:
            DataError: outside of the root.
        """
        return locate(self.root, name, links=self.links)

    def verify(self) -> None:
        """Check every row in use, and that every file it names exists, without reading pictures.

        Raises:
            DataError: the first row that cannot be used, or how many files are missing.
        """
        named = [row.path for row in self.rows() if row.path and not row.content]
        missing = [name for name in named if not is_file(self.file(name))]
        if missing:
            raise DataError(
                f"{self.path}: {len(missing)} pictures are missing, the first is "
                f"{self.root / missing[0]}: restore them or run `affekt prepare` again"
            )


def _labels(file: Path, names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{file}: its metadata 'labels' is not a list of names")
    for label in names:
        if label not in PRIMARY_AND_CONTEMPT:
            raise DataError(
                f"{file}: unknown label {shown(label)}: {nearest(label, PRIMARY_AND_CONTEMPT)}"
            )
        if names.count(label) > 1:
            raise DataError(f"{file}: its metadata 'labels' has {label!r} twice")
    return tuple(names)


def _row(record: dict[str, Any], labels: tuple[str, ...]) -> FaceRow:
    shares = {label: record[f"p_{label}"] for label in labels}
    x1, y1, x2, y2 = (record[name] for name in _SIDES)
    names = ("id", "source", "split", "width", "height", "roll", "majority", "content", *_TEXT)
    return FaceRow(
        **{name: record[name] for name in names},
        box_xyxy=(x1, y1, x2, y2),
        soft={label: share for label, share in shares.items() if share is not None},
    )


def read_face_picture(manifest: Manifest, row: FaceRow) -> ImageRgb:
    """The picture that a row's box refers to, shape (height, width, 3), RGB.

    Raises:
        DataError: the file is missing, or its picture cannot be read.
    """
    name = f"face {row.id!r} of {row.source!r}"
    try:
        if row.content:
            return read_picture(row.content)
        return read_picture(_existing(manifest.file(row.path or "")))
    except (DataError, MediaError) as error:
        raise DataError(f"{name}: {error}") from error


def _existing(file: Path) -> Path:
    if not is_file(file):
        raise DataError(f"no picture at {file}")
    return file
