"""A manifest: one Parquet file with one row per labelled subject, whatever set it comes from.

The rows of one picture stand together. The file's metadata names the labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from affekt.data.manifests.locations import LINKS_KEY, LINKS_LEAD_OUT, LinkWatch, locate
from affekt.data.manifests.parquet import (
    Note,
    check_columns,
    check_metadata,
    count_rows,
    make_metadata,
    manifest_file,
    read_entry,
    read_metadata,
    read_note,
    stream_records,
    write_records,
)
from affekt.data.manifests.row import SPLITS, Labels, Row, check_row
from affekt.data.manifests.schema import PACKED, from_record, schema_of, to_record
from affekt.errors import DataError, nearest
from affekt.heads import KINDS_OF_HEADS, VAD_HEAD
from affekt.labels import VAD
from affekt.typed import shown

PICTURE, SUBJECT = "picture", "subject"
UNITS = (PICTURE, SUBJECT)
"""What a row's ``unit`` may name."""


def write_manifest(
    path: str | Path,
    rows: Iterable[Row],
    *,
    labels: Labels,
    root: str,
    note: Note | Callable[[], Note],
    unit: str = PICTURE,
) -> int:
    """Write rows as they come, in constant memory; the file appears only when it is complete.

    Args:
        path: the file, or a folder that gets a ``manifest.parquet``.
        rows: checked by `affekt.data.manifests.row.check_row`; those of one picture one after
            the other.
        labels: what there are labels of: those heads of `affekt.heads.KINDS_OF_HEADS` that the
            set has, each with its names.
        root: the folder that relative paths start from; itself relative to the manifest's.
        note: where the set comes from and how it was prepared, or what gives that in the end.
        unit: what the rows' ``unit`` names, ``picture`` or ``subject``.

    Returns:
        How many rows were written.

    Raises:
        DataError: labels or a row that cannot be used.
        OutputError: the file cannot be written.
    """
    file = manifest_file(path)
    _check_labels(file, labels)
    _check_unit(file, unit)
    watch = LinkWatch(file.parent / root)

    def meta() -> dict[str, str]:
        plain = make_metadata(root, note() if callable(note) else note)
        return {**plain, "labels": json.dumps(dict(labels)), "unit": unit, **watch.metadata()}

    def records() -> Iterator[dict[str, Any]]:
        for row in rows:
            check_row(row, labels)
            watch.see(None if row.content else row.medium)
            yield to_record(row, labels)

    return write_records(file, records(), schema_of(labels), meta=meta, packed=PACKED)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest on disk; rows are streamed from it each time they are asked for.

    Attributes:
        path: the Parquet file.
        labels: what there are labels of: head to its names, in order.
        root: the folder that relative paths start from.
        note: where the set comes from and how it was prepared.
        unit: what the rows' ``unit`` names, ``picture`` or ``subject``.
        links: whether it was made from links that lead out of the root.
    """

    path: Path
    labels: dict[str, tuple[str, ...]]
    root: Path
    note: dict[str, str]
    unit: str = PICTURE
    links: bool = False

    @classmethod
    def open(cls, path: str | Path) -> Manifest:
        """Open a manifest, given its file or its folder.

        Raises:
            DataError: no such file, not a manifest, another version, or labels that are none.
        """
        file = manifest_file(path)
        names, meta = read_metadata(file)
        check_metadata(file, meta, keys=("labels", "root", "note", "unit"))
        labels = _labels(file, read_entry(file, meta, "labels"))
        _check_unit(file, meta["unit"])
        check_columns(file, names, schema_of(labels).names)
        links = meta.get(LINKS_KEY) == LINKS_LEAD_OUT
        return cls(
            file, labels, file.parent / meta["root"], read_note(file, meta), meta["unit"], links
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def count(self, split: str | None = None) -> int:
        """How many rows of a split (of all splits without one) are in use."""
        return count_rows(self.path, split)

    def rows(self, split: str | None = None, include_excluded: bool = False) -> Iterator[Row]:
        """The rows in the file's order, each checked, in constant memory.

        Raises:
            DataError: an unknown split, a row that `check_row` refuses, or a damaged file.
        """
        if split is not None and split not in SPLITS:
            raise DataError(f"unknown split {split!r}: {nearest(split, SPLITS)}")
        for record in stream_records(self.path, schema_of(self.labels)):
            row = from_record(record, self.labels, self.path)
            check_row(row, self.labels)
            if split in (None, row.split) and (include_excluded or row.exclude is None):
                yield row

    def pictures(
        self, split: str | None = None, include_excluded: bool = False
    ) -> Iterator[list[Row]]:
        """The rows of each picture of a split, see `rows`."""
        rows = self.rows(split, include_excluded)
        for _, group in groupby(rows, key=lambda row: (row.split, row.source, row.picture)):
            yield list(group)

    def file(self, name: str) -> Path:
        """Where the medium of that name lies.

        Raises:
            DataError: outside of the root.
        """
        return locate(self.root, name, links=self.links)


def _labels(file: Path, heads: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(heads, Mapping) or not all(isinstance(own, list) for own in heads.values()):
        raise DataError(f"{file}: its metadata 'labels' is not a table of names by head")
    labels = {head: tuple(names) for head, names in heads.items()}
    _check_labels(file, labels)
    return labels


def _check_labels(file: Path, labels: Labels) -> None:
    where = f"{file}: its metadata 'labels'"
    if not labels:
        raise DataError(f"{where} names no head, expected some of {', '.join(KINDS_OF_HEADS)}")
    for head, names in labels.items():
        if head not in KINDS_OF_HEADS:
            raise DataError(f"{where}: unknown head {shown(head)}: {nearest(head, KINDS_OF_HEADS)}")
        if not names or not all(isinstance(name, str) and name for name in names):
            raise DataError(f"{where}: {head} is not a list of names")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"{where}: {head} has {shown(twice)} twice")
    if labels.get(VAD_HEAD, VAD) != VAD:
        raise DataError(f"{where}: {VAD_HEAD} is other than {', '.join(VAD)}")


def _check_unit(file: Path, unit: str) -> None:
    if unit not in UNITS:
        raise DataError(f"{file}: unknown unit {shown(unit)}: {nearest(unit, UNITS)}")
