"""People's boxes from a CSV or JSON file, for those who know where their people are.

A CSV file has a header with at least ``source,x1,y1,x2,y2``; a JSON file is a list of objects
with these keys. Other columns and keys are ignored. A box is left, top, right, bottom in pixels of
the picture after its EXIF rotation. A source means the picture whose path ends with it: the whole
path, or as much of it as tells the pictures apart, the file's name at least.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from affekt.errors import UsageError, one_line
from affekt.results import BoxXyxy
from affekt.typed import MisfitError, parse_json, shown

Key = tuple[str, ...] | Path
"""The last parts of a path, or an absolute one."""

COLUMNS = ("source", "x1", "y1", "x2", "y2")
MOST_BYTES = 2**28
"""Of a boxes file: some six million boxes."""

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
        self._places = {source: place for place, source in enumerate(self._given)}
        self._known: dict[Key, list[str]] = defaultdict(list)
        for source in self._given:
            for key in (PurePath(source).parts, Path(source).absolute()):
                self._known[key].append(source)

    def of(self, picture: str) -> list[BoxXyxy]:
        """The boxes of a picture, in the order given; none for one that is not named.

        >>> boxes = Boxes({"a/x.jpg": [(0.0, 0.0, 5.0, 9.0)], "y.jpg": [(1.0, 1.0, 2.0, 2.0)]})
        >>> boxes.of("in/a/x.jpg"), boxes.of("in/b/x.jpg"), boxes.of("y.jpg")
        ([(0.0, 0.0, 5.0, 9.0)], [], [(1.0, 1.0, 2.0, 2.0)])
        """
        return [box for source in self._sources(picture) for box in self._given[source]]

    def check(self, pictures: Iterable[str]) -> list[str]:
        """Sees that every source means one of the pictures.

        Args:
            pictures: their names, as `of` will be asked for them.

        Returns:
            The pictures that no source means, in which nobody will be found.

        Raises:
            UsageError: a source that means none of them, or several.
        """
        meant: dict[str, list[str]] = defaultdict(list)
        unnamed = []
        for picture in dict.fromkeys(pictures):
            sources = self._sources(picture)
            for source in sources:
                meant[source].append(picture)
            if not sources:
                unnamed.append(picture)
        for source in self._given:
            self._check_meant(source, meant[source])
        return unnamed

    def _sources(self, picture: str) -> list[str]:
        """The sources that mean a picture: its path ends with theirs, or both are the same."""
        whole = PurePath(picture).parts
        keys: list[Key] = [whole[i:] for i in range(len(whole))]
        found = {s for key in (*keys, Path(picture).absolute()) for s in self._known.get(key, ())}
        return sorted(found, key=self._places.__getitem__)

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
    text = _text(path)
    read_rows = _json_rows if text.lstrip().startswith(("[", "{")) else _csv_rows
    given: dict[str, list[BoxXyxy]] = defaultdict(list)
    for where, row in read_rows(text, str(path)):
        given[_source(row, where)].append(_box(row, where))
    return Boxes(given, str(path))


def boxes_by_picture(given: Mapping[Any, Iterable[Sequence[Any]]], name: str = "boxes") -> Boxes:
    """Boxes given in Python, checked as those of a file are.

    Args:
        given: from a picture's name or path to its boxes, four numbers each.
        name: what error lines call it.

    Raises:
        UsageError: a key is no name, or a box is none.

    >>> boxes_by_picture({Path("x.jpg"): [[0, 0, 5, 9]]}).of("in/x.jpg")
    [(0.0, 0.0, 5.0, 9.0)]
    """
    checked: dict[str, list[BoxXyxy]] = {}
    for picture, boxes in given.items():
        source = str(picture) if isinstance(picture, Path) else picture
        where = f"{name}, {shown(source)}"
        _source({"source": source}, where)
        try:
            rows = [dict(zip(COLUMNS, (source, *box), strict=True)) for box in boxes]
        except (TypeError, ValueError):
            raise UsageError(f"{where}: {shown(boxes)}; give a list of boxes, {ACCEPTED}") from None
        checked[source] = [_box(row, where) for row in rows]
    return Boxes(checked, name)


def _text(path: str | Path) -> str:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 (a name of any length is refused below)
            content = stream.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"{path}: boxes cannot be read ({reason}); give a CSV or JSON file"
        ) from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path}: more than {MOST_BYTES} bytes of boxes; give fewer at a time")
    return text


def _csv_rows(text: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        columns = list(reader.fieldnames or ())
        for column in COLUMNS:
            if columns.count(column) != 1:
                number = "two columns" if column in columns else "no column"
                raise UsageError(
                    f"{path}: {number} {column!r}; the first line must name {','.join(COLUMNS)}"
                )
        for row in reader:
            yield f"{path}, line {reader.line_num}", row
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: not CSV ({one_line(error)})") from None


def _json_rows(text: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        rows = parse_json(text)
    except MisfitError as error:
        raise UsageError(f"{path}: {error}") from None
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
        raise UsageError(f"{where}: source {shown(source)}; give a picture's name or path")
    return source


def _box(row: Mapping[str, Any], where: str) -> BoxXyxy:
    x1, y1, x2, y2 = (_number(row[column]) for column in COLUMNS[1:])
    if not (all(map(math.isfinite, (x1, y1, x2, y2))) and x1 < x2 and y1 < y2):
        given = ", ".join(_given(row[column]) for column in COLUMNS[1:])
        raise UsageError(f"{where}: box {given} of {shown(row['source'])}; {ACCEPTED}")
    return (x1, y1, x2, y2)


def _number(value: Any) -> float:
    """NaN for what is no number; of texts, those that a spreadsheet would call one.

    >>> _number("1.5"), _number(" -2e3"), _number("1_0"), _number(True)
    (1.5, -2000.0, nan, nan)
    """
    try:
        plain = not isinstance(value, bool) and "_" not in str(value)
        return float(value) if plain else math.nan
    except (OverflowError, TypeError, ValueError):
        return math.nan


def _given(value: Any) -> str:
    return "nothing" if value is None else shown(value).strip("'")
