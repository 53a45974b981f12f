"""EMOTIC's official ``Annotations.mat``: MATLAB structs, read field by field and by name.

MATLAB drops dimensions of one: a single person, annotator or label stands as a bare struct or
string where several would be an array or a cell. All nesting is therefore flattened alike.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from affekt.data.manifests.row import SPLITS, Vad, Vote
from affekt.data.sets.emotic.annotations import (
    ODD,
    AnnotatedPerson,
    AnnotatedPicture,
    category,
    mean_vad,
    stated,
    union,
    usable_vad,
)
from affekt.errors import DataError, MissingExtraError, one_line
from affekt.labels import VAD
from affekt.results import BoxXyxy

try:
    import scipy.io
except ImportError as error:
    raise MissingExtraError("reading Annotations.mat", "data") from error

MAT_NAME = "Annotations.mat"
_HEAD_BYTES, _TAG_BYTES, _COMPRESSED, _PART_BYTES = 128, 8, 15, 2**20
"""Of MATLAB's files of level 5."""
_PICTURE_FIELDS = ("filename", "folder", "image_size", "person")

Struct = dict[str, npt.NDArray[Any]]


def read_mat(file: Path) -> Iterator[AnnotatedPicture]:
    """The pictures of train, val and test in that order; one split in memory at a time.

    Raises:
        DataError: no MATLAB file, a damaged one, or one that is not EMOTIC's.
    """
    _check_whole(file)
    _check_variables(file)
    for split in SPLITS:
        entries = _structs(_load(file, split))
        for number, entry in enumerate(entries):
            try:
                yield _picture(entry, split)
            except ODD as error:
                raise DataError(
                    f"{file}: picture {number + 1} of {split!r} is not as EMOTIC's are "
                    f"({one_line(error)})"
                ) from None


def _check_whole(file: Path) -> None:
    """Unpacks each compressed variable, for SciPy looks at no checksum and may crash on damage."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            order = {b"IM": "<", b"MI": ">"}.get(head[-2:], "")
            while order and (tag := stream.read(_TAG_BYTES)):
                kind, size = struct.unpack(f"{order}II", tag)
                if kind != _COMPRESSED:
                    return  # an older file without checksums
                _unpack(stream, size)
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise _damaged(file, error) from None


def _unpack(stream: BinaryIO, size: int) -> None:
    unpacked = zlib.decompressobj()
    while size > 0 and (part := stream.read(min(size, _PART_BYTES))):
        size -= len(part)
        while part:
            unpacked.decompress(part, _PART_BYTES)
            part = unpacked.unconsumed_tail
    if size or not unpacked.eof:
        raise ValueError("it ends too early")


def _check_variables(file: Path) -> None:
    try:
        names = [name for name, _, _ in scipy.io.whosmat(file)]
    except NotImplementedError:
        raise DataError(
            f"{file} is a MATLAB 7.3 file, EMOTIC's is of an older kind: save it with -v7"
        ) from None
    except Exception as error:  # a damaged file makes the reader raise all sorts
        raise _damaged(file, error) from None
    lacking = [split for split in SPLITS if split not in names]
    if lacking:
        raise DataError(
            f"{file} is not EMOTIC's {MAT_NAME}, or not all of it: it holds "
            f"{one_line(', '.join(names) or 'nothing')}, expected {', '.join(SPLITS)}"
        )


def _load(file: Path, split: str) -> npt.NDArray[Any]:
    try:
        entries = scipy.io.loadmat(file, variable_names=[split])[split]
    except Exception as error:  # likewise
        raise _damaged(file, error) from None
    names = getattr(entries, "dtype", np.dtype(float)).names or ()
    lacking = [name for name in _PICTURE_FIELDS if name not in names]
    if lacking:
        raise DataError(
            f"{file} is not EMOTIC's {MAT_NAME}: {split!r} has no field {lacking[0]!r}, expected "
            f"{', '.join(_PICTURE_FIELDS)}"
        )
    return np.asarray(entries)


def _damaged(file: Path, error: Exception) -> DataError:
    return DataError(
        f"{file} is damaged or no MATLAB file ({one_line(error)}): give EMOTIC's {MAT_NAME}, whole"
    )


def _picture(entry: Struct, split: str) -> AnnotatedPicture:
    (size,) = _structs(entry["image_size"])
    return AnnotatedPicture(
        split=split,
        folder=_text(entry["folder"]) or "",
        filename=_text(entry["filename"]) or "",
        width=int(_numbers(size["n_col"])[0]),
        height=int(_numbers(size["n_row"])[0]),
        people=[_person(person) for person in _structs(entry["person"])],
        swapped=list(size).index("n_row") < list(size).index("n_col"),
    )


def _person(person: Struct) -> AnnotatedPerson:
    votes = _votes(person)
    if "combined_categories" in person:
        categories = union([_categories(person["combined_categories"])])
    else:
        categories = union(vote.categories for vote in votes)
    if "combined_continuous" in person:
        vad = mean_vad(_vad(struct) for struct in _structs(person["combined_continuous"]))
    else:
        vad = mean_vad(vote.vad for vote in votes)
    groups = stated(**{n: _text(person[n]) for n in ("gender", "age") if n in person})
    return AnnotatedPerson(_box(person["body_bbox"]), categories, vad, votes, groups)


def _votes(person: Struct) -> tuple[Vote, ...]:
    marked = [_categories(s["categories"]) for s in _structs(person["annotations_categories"])]
    rated = [_vad(struct) for struct in _structs(person["annotations_continuous"])]
    pairs = zip_longest(marked, rated)
    return tuple(Vote(union([names or ()]), vad) for names, vad in pairs)


def _vad(struct: Struct) -> Vad | None:
    return usable_vad([value for name in VAD for value in _numbers(struct[name])[:1]])


def _box(value: npt.NDArray[Any]) -> BoxXyxy:
    x1, y1, x2, y2 = _numbers(value)
    return x1, y1, x2, y2


def _categories(value: npt.NDArray[Any]) -> list[str]:
    return [category(name) for name in _texts(value)]


def _structs(value: npt.NDArray[Any]) -> Iterator[Struct]:
    """The structs in an array or cell of any nesting, each as its fields."""
    if value.dtype.names:
        for struct in value.ravel():
            yield dict(zip(value.dtype.names, struct, strict=True))
    elif value.dtype == object:
        for item in value.ravel():
            yield from _structs(np.asarray(item))


def _texts(value: npt.NDArray[Any]) -> Iterator[str]:
    """The strings in an array or cell of any nesting; empty ones are left out."""
    for item in value.ravel():
        if isinstance(item, np.ndarray):
            yield from _texts(item)
        elif str(item).strip():
            yield str(item).strip()


def _text(value: npt.NDArray[Any]) -> str | None:
    return next(_texts(value), None)


def _numbers(value: npt.NDArray[Any]) -> list[float]:
    if value.dtype == object:
        return [number for item in value.ravel() for number in _numbers(np.asarray(item))]
    return [float(number) for number in value.ravel()]
