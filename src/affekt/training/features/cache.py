"""Features of frozen encoders: computed once, so that heads train in seconds on a CPU."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.arrays import IntArray
from affekt.bundle import NUMBERS
from affekt.data.torch.batches import fill_batches
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample, collate
from affekt.data.torch.views import VIEWS
from affekt.errors import DataError, UsageError
from affekt.training.features.store import (
    VERSION,
    Array,
    FeatureStore,
    StoreLayout,
    append_chunk,
    create_store,
    finished_chunks,
    only_writer,
    open_store,
)
from affekt.training.loading import batches_of, loader_of
from affekt.training.notices import log

Encode = Callable[[dict[str, Tensor]], dict[str, Tensor]]
"""Features (n, width) of each stream from its uint8 crops (n, 3, size, size); n may differ."""

PEOPLE_PER_CHUNK = 32
"""What is encoded at once, and what a kill may lose."""


def cache_features(
    encode: Encode,
    dataset: RowDataset,
    folder: str | Path,
    *,
    key: Mapping[str, Any],
    views: int = 1,
    dtype: str = "float32",
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureStore:
    """The features of everyone in a data set, computed where they are not stored yet.

    Each view of a picture is decoded once; a scene that is the same for all its people is encoded
    once. Faces that were not found, and people without a picture, are not encoded. Stores of
    several keys lie side by side; a kill loses at most a chunk, the next call goes on; processes
    that want the same store wait for the one that writes it.

    Args:
        encode: the frozen encoders, in evaluation mode.
        dataset: whose people, streams and augmentation.
        folder: of all stores.
        key: what the encoders are, ready for JSON: the SHA-256 of their weights. Data,
            preprocessing, augmentation, views and type are added here.
        views: how often to see each picture: view 0 is plain, view ``v`` what epoch ``v`` shows.
        dtype: ``float32``, or ``float16`` for half the space at three significant digits.
        workers: processes that decode and crop.
        progress: called with how many people are done, over all views, and how many there are.

    Raises:
        UsageError: views without augmentation, or another type.
        DataError: a picture that cannot be read, or features that are not finite numbers.
        OutputError: the store cannot be written.

    A store that is damaged or truncated is computed anew, which is said.
    """
    if dtype not in ("float32", "float16"):
        raise UsageError(f"features cannot be stored as {dtype!r}: give float32 or float16")
    if views < 1 or (views > 1 and dataset.augment is None):
        raise UsageError(f"{views} views: give 1, or more with augmentation")
    layout = _layout(encode, dataset, key, views, dtype)
    store = Path(folder) / _name(layout.key)
    with only_writer(store):
        checks = _started(store, layout)
        _fill(encode, dataset, store, layout, checks, workers=workers, progress=progress)
    return open_store(store, layout, dataset.item_of)


def _layout(
    encode: Encode, dataset: RowDataset, key: Mapping[str, Any], views: int, dtype: str
) -> StoreLayout:
    widths = _widths(encode, dataset)
    shared = frozenset(n for n, spec in dataset.inputs.items() if VIEWS[n].shared(spec))
    rows = {name: len(dataset) if name in shared else dataset.subjects for name in widths}
    shapes = {name: (views, rows[name], width) for name, width in widths.items()}
    kept = [name for name in dataset.inputs if name in NUMBERS]
    numbers = {name: (views, dataset.subjects, NUMBERS[name]) for name in kept}
    return StoreLayout(
        key=_key(dataset, key, views, dtype),
        shapes={**shapes, **numbers},
        dtypes={**dict.fromkeys(shapes, dtype), **dict.fromkeys(numbers, "float32")},
        shared=shared,
        chunks=tuple(_chunks(dataset)),
        views=views,
    )


def _key(dataset: RowDataset, key: Mapping[str, Any], views: int, dtype: str) -> dict[str, Any]:
    varied: dict[str, Any] = {}
    if views > 1 and dataset.augment is not None:
        varied = {"augment": asdict(dataset.augment), "seed": dataset.seed}
    stored = {"version": VERSION, "views": views, "dtype": dtype, "chunk": PEOPLE_PER_CHUNK}
    return {"encoders": dict(key), "data": dataset.identity(), "varied": varied, "stored": stored}


def _name(key: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]


@torch.inference_mode()
def _widths(encode: Encode, dataset: RowDataset) -> dict[str, int]:
    black = {
        name: torch.zeros(1, 3, spec.size, spec.size, dtype=torch.uint8)
        for name, spec in dataset.inputs.items()
        if spec is not None
    }
    return {name: int(features.shape[1]) for name, features in encode(black).items()}


def _chunks(dataset: RowDataset) -> list[tuple[slice, slice]]:
    batches = fill_batches(dataset, range(len(dataset)), PEOPLE_PER_CHUNK)
    return [
        (
            slice(items[0], items[-1] + 1),
            slice(dataset.items[items[0]].first, dataset.items[items[-1]].last),
        )
        for items in batches
    ]


def _started(store: Path, layout: StoreLayout) -> list[int]:
    """The checksums of what is stored already; a store that cannot be used is made anew."""
    if store.exists():
        try:
            return finished_chunks(store, layout)
        except DataError as error:
            log.warning("%s; its features are computed anew", error)
            shutil.rmtree(store)
    create_store(store, layout)
    return []


def _fill(
    encode: Encode,
    dataset: RowDataset,
    store: Path,
    layout: StoreLayout,
    checks: list[int],
    *,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    total = layout.views * dataset.subjects
    for view in range(layout.views):
        todo = layout.chunks[len(checks) - view * len(layout.chunks) :]
        loader = loader_of(
            _view(dataset, view),
            workers,
            batch_sampler=[list(range(pictures.start, pictures.stop)) for pictures, _ in todo],
            collate_fn=collate,
            generator=torch.Generator(),  # its own: training must not depend on what was stored
        )
        for (_, people), batch in zip(todo, batches_of(loader), strict=True):
            sample = Sample(*batch)
            pictures = dataset.item_of[people]
            names = [row.picture for row in dataset.rows[people]]
            append_chunk(store, layout, checks, _encoded(encode, sample, pictures, layout, names))
            if progress is not None:
                progress(view * dataset.subjects + people.stop, total)


def _view(dataset: RowDataset, view: int) -> RowDataset:
    seen = copy.copy(dataset)
    seen.epoch = view
    if view == 0:
        seen.augment = None
    return seen


@torch.inference_mode()
def _encoded(
    encode: Encode,
    batch: Sample,
    pictures: IntArray,
    layout: StoreLayout,
    names: Sequence[str],
) -> dict[str, Array]:
    """What is to be stored of a chunk, by name.

    Args:
        encode: see `cache_features`.
        batch: the people of the chunk.
        pictures: the picture of each person.
        layout: of the store.
        names: of the pictures, one per person.
    """
    everyone = np.arange(len(pictures))
    first_of_each = np.unique(pictures, return_index=True)[1]
    shown = batch.images()
    rows = {n: first_of_each if n in layout.shared else everyone for n in shown}
    present = {n: batch.present[n].numpy()[rows[n]] for n in shown}
    crops = {n: images[_some(rows[n][present[n]])] for n, images in shown.items()}
    stored: dict[str, Array] = {n: own.numpy() for n, own in batch.inputs.items() if n in NUMBERS}
    for name, features in encode(crops).items():
        values = np.zeros((len(rows[name]), features.shape[1]), layout.dtypes[name])
        if present[name].any():
            with np.errstate(over="ignore"):
                values[present[name]] = features.float().cpu().numpy()
        _require_finite(name, values, [names[row] for row in rows[name]])
        stored[name] = values
    return stored


def _require_finite(stream: str, values: Array, names: Sequence[str]) -> None:
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        remedy = (
            "set features.dtype to float32"
            if values.dtype == np.float16
            else "the encoder's weights do not fit, or are damaged"
        )
        raise DataError(
            f"{names[wrong[0]]}: its {stream} features are not finite as {values.dtype}; {remedy}"
        )


def _some(rows: IntArray) -> IntArray:
    """The rows, or one that is not needed: encoders take no empty batch."""
    return rows if len(rows) else np.zeros(1, np.int64)
