"""People's boxes from a CSV or JSON file, for those who know where their people are.

A CSV file has a header with at least ``source,x1,y1,x2,y2``; a JSON file is a list of objects
with these keys. Other columns and keys are ignored. A box is left, top, right, bottom in pixels of
the picture after its EXIF rotation. A source means the picture whose path ends with it: the whole
path, or as much of it as tells the pictures apart, the file's name at least.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from affekt.errors import UsageError
from affekt.results import BoxXyxy

COLUMNS = ("source", "x1", "y1", "x2", "y2")
ACCEPTED = "a box is four numbers x1 < x2 and y1 < y2 (left, top, right, bottom in pixels)"


class Boxes:
    """Boxes by the name of their picture.

    Args:
        given: from a source to its boxes.
        name: what error lines call it.
    """

    def __init__(self, given: Mapping[str, Sequence[BoxXyxy]], name: str = "boxes") -> None:
        self.name = name
        self._given = {source: tuple(boxes) for source, boxes in given.items()}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for source in self._given:
            self._by_name[PurePath(source).name].append(source)

    def of(self, picture: str) -> list[BoxXyxy]:
        """The boxes of a picture, in the order given; none for one that is not named.

        >>> boxes = Boxes({"a/x.jpg": [(0.0, 0.0, 5.0, 9.0)], "y.jpg": [(1.0, 1.0, 2.0, 2.0)]})
        >>> boxes.of("in/a/x.jpg"), boxes.of("in/b/x.jpg"), boxes.of("y.jpg")
        ([(0.0, 0.0, 5.0, 9.0)], [], [(1.0, 1.0, 2.0, 2.0)])
        """
        sources = self._by_name.get(PurePath(picture).name, [])
        return [b for source in sources if _means(source, picture) for b in self._given[source]]

    def check(self, pictures: Iterable[str]) -> list[str]:
        """Sees that every source means one of the pictures.

        Args:
            pictures: their names, as `of` will be asked for them.

        Returns:
            The pictures that no source means, in which nobody will be found.

        Raises:
            UsageError: a source that means none of them, or several.
        """
        by_name: dict[str, list[str]] = defaultdict(list)
        for picture in dict.fromkeys(pictures):
            by_name[PurePath(picture).name].append(picture)
        named: set[str] = set()
        for source in self._given:
            meant = [p for p in by_name.get(PurePath(source).name, []) if _means(source, p)]
            self._check_meant(source, meant)
            named.update(meant)
        return [p for several in by_name.values() for p in several if p not in named]

    def _check_meant(self, source: str, meant: Sequence[str]) -> None:
        if not meant:
            raise UsageError(
                f"{self.name}: {source!r} is none of the pictures given; name pictures as they "
                "are given, or by the end of their path"
            )
        if len({str(Path(picture).absolute()) for picture in meant}) > 1:
            raise UsageError(
                f"{self.name}: {source!r} means {meant[0]!r} and {meant[1]!r}; give more of the "
                "path"
            )


def read_boxes(path: str | Path) -> Boxes:
    """Reads a CSV or JSON file of boxes, told apart by its first character.

    Raises:
        UsageError: it cannot be read, a column is missing, or a box is none; the line says where.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"{path}: boxes cannot be read ({reason}); give a CSV or JSON file"
        ) from None
    read_rows = _json_rows if text.lstrip().startswith(("[", "{")) else _csv_rows
    given: dict[str, list[BoxXyxy]] = defaultdict(list)
    for where, row in read_rows(text, str(path)):
        given[_source(row, where)].append(_box(row, where))
    return Boxes(given, str(path))


def _csv_rows(text: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise UsageError(
            f"{path}: no column {missing[0]!r}; the first line must name {','.join(COLUMNS)}"
        )
    try:
        for row in reader:
            yield f"{path}, line {reader.line_num}", row
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: not CSV ({error})") from None


def _json_rows(text: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
    if not isinstance(rows, list):
        raise UsageError(f"{path}: must hold a list of objects with {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, 1):
        where = f"{path}, item {number}"
        missing = [key for key in COLUMNS if not isinstance(row, dict) or key not in row]
        if missing:
            raise UsageError(f"{where}: no {missing[0]!r}; each item needs {', '.join(COLUMNS)}")
        yield where, row


def _source(row: Mapping[str, Any], where: str) -> str:
    source = row["source"]
    if not isinstance(source, str) or not PurePath(source).name:
        raise UsageError(f"{where}: source {source!r}; give a picture's name or path")
    return source


def _box(row: Mapping[str, Any], where: str) -> BoxXyxy:
    values = [row[column] for column in COLUMNS[1:]]
    try:
        x1, y1, x2, y2 = (float(value) for value in values)
    except (TypeError, ValueError):
        x1 = y1 = x2 = y2 = math.nan
    if not (all(map(math.isfinite, (x1, y1, x2, y2))) and x1 < x2 and y1 < y2):
        given = ", ".join("nothing" if v is None else " ".join(str(v).split()) for v in values)
        raise UsageError(f"{where}: box {given} of {row['source']!r}; {ACCEPTED}")
    return (x1, y1, x2, y2)


def _means(source: str, picture: str) -> bool:
    """Whether a picture's path ends with the source's parts, or both are the same path.

    >>> _means("a/x.jpg", "in/a/x.jpg"), _means("x.jpg", "in/xx.jpg"), _means("./x.jpg", "x.jpg")
    (True, False, True)
    """
    parts, whole = PurePath(source).parts, PurePath(picture).parts
    if parts == whole[-len(parts) :]:
        return True
    return Path(source).absolute() == Path(picture).absolute()
