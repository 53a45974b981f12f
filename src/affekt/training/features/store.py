"""The files of a feature store: memory-mapped arrays and an index that says how far they are.

A store is a folder with one ``.npy`` per stream and ``index.json``, which holds the key, the
shapes and a checksum of every chunk written so far. A chunk counts once the index lists it, so a
kill at any moment loses at most the chunk in the making.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from affekt.arrays import IntArray
from affekt.data.manifests.npy import read_npy
from affekt.errors import DataError, OutputError, one_line
from affekt.files import write_atomically
from affekt.locks import lock
from affekt.typed import MisfitError, parse_json

VERSION = 1
"""Raise it when what is stored changes: crop rules, augmentation, or the files themselves."""

INDEX = "index.json"

Array = npt.NDArray[Any]
Chunk = tuple[slice, slice]
"""The pictures and the people of one chunk."""


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """What a store must hold.

    Attributes:
        key: what the features follow from.
        shapes: views, rows and width of each array by name.
        dtypes: of each array by name.
        shared: arrays with one row per picture, not per person.
        chunks: of one view, in order.
        views: how often each picture was seen.
    """

    key: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, int, int]]
    dtypes: Mapping[str, str]
    shared: frozenset[str]
    chunks: tuple[Chunk, ...]
    views: int

    @property
    def parts(self) -> list[tuple[int, Chunk]]:
        """Every view's chunks in the order of writing."""
        return [(view, chunk) for view in range(self.views) for chunk in self.chunks]

    def rows(self, name: str, chunk: Chunk) -> slice:
        """A chunk's rows of an array."""
        return chunk[0] if name in self.shared else chunk[1]


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """Features that were computed once, read straight from disk.

    Attributes:
        folder: where they lie.
        layout: what they are.
        item_of: the picture each person is in, shape (persons,).
        arrays: what is on disk, by name.
    """

    folder: Path
    layout: StoreLayout
    item_of: IntArray
    arrays: dict[str, Array]

    @property
    def views(self) -> int:
        """How often each picture was seen: view 0 is plain, the others are augmented."""
        return self.layout.views

    def features(self, places: Tensor, view: int = 0) -> dict[str, Tensor]:
        """Each stream's features or numbers of some people, float32 of shape (n, width).

        Features are zero for the face of a person without one, and where there is no picture.

        Args:
            places: positions in the data set, shape (n,).
            view: from 0 to ``views - 1``.
        """
        return {name: self._rows(name, places, view) for name in self.arrays}

    def _rows(self, name: str, places: Tensor, view: int) -> Tensor:
        rows = places.cpu().numpy()
        if name in self.layout.shared:
            rows = self.item_of[rows]
        return torch.from_numpy(self.arrays[name][view][rows].astype(np.float32))


def open_store(folder: Path, layout: StoreLayout, item_of: IntArray) -> FeatureStore:
    """A store that `finished_chunks` found complete.

    Args:
        folder: of the store.
        layout: of the store.
        item_of: the picture each person is in, shape (persons,).
    """
    return FeatureStore(folder, layout, item_of, _open_arrays(folder, layout))


def create_store(folder: Path, layout: StoreLayout) -> None:
    """Makes the files of an empty store, in place of whatever was there.

    Raises:
        OutputError: they cannot be written.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        for name, shape in layout.shapes.items():
            np.lib.format.open_memmap(
                _file(folder, name), "w+", np.dtype(layout.dtypes[name]), shape
            )
        _write_index(folder, layout, [])


def append_chunk(
    folder: Path, layout: StoreLayout, checks: list[int], arrays: Mapping[str, Array]
) -> None:
    """Writes the next chunk, then the index that makes it count; extends ``checks``.

    Through files and not the memory map: a full disk is then an error and not a signal that
    kills the process.

    Raises:
        OutputError: it cannot be written.
    """
    view, chunk = layout.parts[len(checks)]
    with _writing(folder):
        for name, values in arrays.items():
            path, (_, rows, width) = _file(folder, name), layout.shapes[name]
            row_bytes = width * np.dtype(layout.dtypes[name]).itemsize
            start = (view * rows + layout.rows(name, chunk).start) * row_bytes
            header = path.stat().st_size - layout.views * rows * row_bytes
            with path.open("r+b") as stream:
                stream.seek(header + start)
                stream.write(values.tobytes())
        checks.append(_check(arrays))
        _write_index(folder, layout, checks)


def finished_chunks(folder: Path, layout: StoreLayout) -> list[int]:
    """The checksums of what a store holds already, each checked against the arrays.

    Raises:
        DataError: the store is of another key or version, truncated or damaged.
    """
    index = _read_index(folder)
    expected = json.loads(json.dumps(_index(layout, index["checks"])))
    for name, value in expected.items():
        if index.get(name) != value:
            raise DataError(f"{folder}: the feature store's {name} is not the one expected")
    arrays = _open_arrays(folder, layout)
    checks: list[int] = index["checks"]
    if len(checks) > len(layout.parts):
        raise DataError(f"{folder}: the feature store's index lists more than there is")
    for expected_check, (view, chunk) in zip(checks, layout.parts, strict=False):
        found = {name: array[view, layout.rows(name, chunk)] for name, array in arrays.items()}
        if _check(found) != expected_check:
            raise DataError(f"{folder}: the feature store is damaged (a checksum differs)")
    return checks


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Waits until no other process is writing this store; on Windows there is no such wait."""
    with _writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = folder.with_name(folder.name + ".lock").open("wb")
    with held:
        lock(held)
        yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder}: the feature store cannot be written ({error.strerror}); what is there "
            "stays, run again to go on"
        ) from None


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _index(layout: StoreLayout, checks: list[int]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "key": dict(layout.key),
        "shapes": dict(layout.shapes),
        "dtypes": dict(layout.dtypes),
        "chunks": len(layout.parts),
        "checks": checks,
    }


def _write_index(folder: Path, layout: StoreLayout, checks: list[int]) -> None:
    write_atomically(folder / INDEX, json.dumps(_index(layout, checks)).encode())


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        index = parse_json((folder / INDEX).read_bytes())
    except (OSError, MisfitError) as error:
        raise DataError(
            f"{folder}: the feature store's index cannot be read ({one_line(error)})"
        ) from None
    if not (isinstance(index, dict) and isinstance(index.get("checks"), list)):
        raise DataError(f"{folder}: the feature store's index is not one")
    return index


def _open_arrays(folder: Path, layout: StoreLayout) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for name, shape in layout.shapes.items():
        try:
            array = read_npy(_file(folder, name), mapped=True)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{_file(folder, name)}: truncated or damaged ({one_line(error)})"
            ) from None
        if array.shape != shape or array.dtype != layout.dtypes[name]:
            raise DataError(f"{_file(folder, name)}: holds {array.dtype} {array.shape}")
        arrays[name] = array
    return arrays


def _check(arrays: Mapping[str, Array]) -> int:
    """CRC-32 of the arrays in the order of their names."""
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).data, value)
    return value
