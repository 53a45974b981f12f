"""EMOTIC as two kinds of CSV files in circulation. Labels are read by name, never by position.

The script of Tandon-A/emotic writes ``train.csv``, ``val.csv`` and ``test.csv`` with the
categories as a list of names. It reads picture sizes by position, and in ``emodb_small`` the
official file has height first: there its sizes are swapped, and boxes were cut by the wrong side.

The copy on a competition site has ``annots_arrs/annot_arrs_*.csv`` with one column per category,
in an order of its own, and pictures as NumPy arrays in ``img_arrs``.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from affekt.data.sets.emotic.annotations import (
    ODD,
    AnnotatedPerson,
    AnnotatedPicture,
    category,
    merge_pictures,
    source_of,
    stated,
    union,
    usable_vad,
)
from affekt.errors import DataError, one_line
from affekt.labels import CATEGORIES, VAD
from affekt.results import BoxXyxy

SWAPPED_SOURCE = "emodb_small"
"""The part of EMOTIC whose sizes the official file states height first."""

TANDON_FILES = {"train": "train.csv", "val": "val.csv", "test": "test.csv"}
TANDON_COLUMNS = (
    "Folder",
    "Filename",
    "Image Size",
    "BBox",
    "Categorical_Labels",
    "Continuous_Labels",
    "Gender",
    "Age",
)

ARRAY_FILES = {
    "annot_arrs_train.csv": "train",
    "annot_arrs_extra_train.csv": "train",
    "annot_arrs_val.csv": "val",
    "annot_arrs_test.csv": "test",
}
_SIDES = ("X_min", "Y_min", "X_max", "Y_max")
_DIMENSIONS = ("Valence", "Arousal", "Dominance")
ARRAY_COLUMNS = (
    "Filename", "Width", "Height", *_SIDES, *_DIMENSIONS, "Gender", "Age", "Arr_name",
)  # fmt: skip

Record = Mapping[str, str]


def read_tandon(files: Mapping[Path, str]) -> Iterator[AnnotatedPicture]:
    """The pictures of the CSV files, each given with its split.

    Raises:
        DataError: an unreadable file, a missing column, or a line that is not as expected.
    """
    for file, split in files.items():
        yield from merge_pictures(_pictures(file, split, TANDON_COLUMNS, _tandon_picture))


def read_arrays(files: Mapping[Path, str]) -> Iterator[AnnotatedPicture]:
    """Likewise for the layout with arrays; several files may have the same split.

    Raises:
        DataError: likewise, or a category without its column.
    """
    for split in dict.fromkeys(files.values()):
        own = [file for file, name in files.items() if name == split]
        yield from merge_pictures(
            picture
            for file in own
            for picture in _pictures(file, split, ARRAY_COLUMNS, _array_picture)
        )


def _pictures(
    file: Path,
    split: str,
    columns: tuple[str, ...],
    make: Callable[[Record, str], AnnotatedPicture],
) -> Iterator[AnnotatedPicture]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            _check_columns(file, [name or "" for name in reader.fieldnames or ()], columns)
            for record in reader:
                yield _made(file, reader.line_num, record, split, make)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {file}: {one_line(error)}") from None


def _check_columns(file: Path, names: list[str], columns: tuple[str, ...]) -> None:
    lacking = [name for name in columns if name not in names]
    if lacking:
        raise DataError(f"{file} lacks the column {lacking[0]!r}, expected {', '.join(columns)}")
    if columns is ARRAY_COLUMNS:
        known = [_category_of(name) for name in names]
        absent = [name for name in CATEGORIES if name not in known]
        if absent:
            raise DataError(f"{file} lacks a column for the category {absent[0]!r}")


def _made(
    file: Path,
    line: int,
    record: Record,
    split: str,
    make: Callable[[Record, str], AnnotatedPicture],
) -> AnnotatedPicture:
    try:
        return make(record, split)
    except ODD as error:
        raise DataError(f"{file} line {line} is not as expected ({one_line(error)})") from None


def _tandon_picture(record: Record, split: str) -> AnnotatedPicture:
    width, height = (int(value) for value in _numbers(record["Image Size"]))
    swapped = source_of(record["Folder"], record["Filename"]) == SWAPPED_SOURCE
    if swapped:
        width, height = height, width
    box = _box(_numbers(record["BBox"]))
    names = ast.literal_eval(record["Categorical_Labels"])
    person = AnnotatedPerson(
        box,
        union([[category(name) for name in names]]),
        usable_vad(_numbers(record["Continuous_Labels"])),
        groups=stated(gender=record["Gender"], age=record["Age"]),
        cut=swapped and touches_wrong_side(box, width, height),
    )
    return AnnotatedPicture(
        split, record["Folder"], record["Filename"], width, height, [person],
        swapped=swapped and width != height,
    )  # fmt: skip


def touches_wrong_side(box_xyxy: BoxXyxy, width: int, height: int) -> bool:
    """Whether a box ends where a script that takes width for height would have cut it.

    >>> touches_wrong_side((146.0, 76.0, 317.0, 317.0), 380, 317)
    True
    >>> touches_wrong_side((146.0, 76.0, 380.0, 317.0), 380, 317)
    False
    """
    right, bottom = box_xyxy[2:]
    if width > height:
        return height - 1 <= right <= height
    return width < height and width - 1 <= bottom <= width


def _array_picture(record: Record, split: str) -> AnnotatedPicture:
    marked = {_category_of(name) for name, value in record.items() if _is_marked(name, value)}
    person = AnnotatedPerson(
        _box([float(record[name]) for name in _SIDES]),
        union([marked & set(CATEGORIES)]),
        usable_vad([float(record[name] or "nan") for name in _DIMENSIONS[: len(VAD)]]),
        groups=stated(gender=record["Gender"], age=record["Age"]),
    )
    return AnnotatedPicture(
        split, record.get("Folder") or "", record["Filename"],
        int(float(record["Width"])), int(float(record["Height"])), [person],
        array=record["Arr_name"],
    )  # fmt: skip


def _is_marked(column: str, value: str) -> bool:
    return _category_of(column) != "" and float(value or 0) > 0


@lru_cache(maxsize=256)
def _category_of(column: str) -> str:
    """The category that a column stands for, empty for any other column."""
    try:
        return category(column)
    except DataError:
        return ""


def _numbers(text: str) -> list[float]:
    """The numbers of a list in text, NaN where one is missing.

    >>> _numbers("[640, 426.5, nan]")
    [640.0, 426.5, nan]
    """
    parts = text.strip().strip("[]").replace(",", " ").split()
    return [float("nan" if part == "None" else part) for part in parts]


def _box(values: list[float]) -> BoxXyxy:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2
