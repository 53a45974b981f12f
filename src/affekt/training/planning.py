"""Which samples each process learns from in each step of an epoch: pure, and the same everywhere.

An item is what is read at once, a picture or a face, and holds one sample or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affekt.arrays import FloatArray, FloatArray32, IntArray


class Planned(NamedTuple):
    """What one process computes at once.

    Attributes:
        items: of the data set.
        weight: see `affekt.training.task.Part`.
    """

    items: list[int]
    weight: float


def plan_steps(
    sizes: IntArray,
    batch: int,
    processes: int,
    accumulate: int,
    *,
    seed: int,
    epoch: int,
    weights: FloatArray | None = None,
    among: Sequence[int] | None = None,
) -> list[list[Planned]]:
    """The steps of an epoch, each in processes x accumulate parts.

    Nothing is left out, a last sample that is alone in its batch neither. A part without an item
    of its own gets one that does not count, so that no process waits for another.

    Args:
        sizes: samples of each item.
        batch: samples per step.
        processes: that share a step; every one of them takes each such part in turn.
        accumulate: parts of each process.
        seed: of the run.
        epoch: the order follows from it and the seed; the processes share it.
        weights: see `draw_weights`; each item once where not given.
        among: the items to take; all where not given.
    """
    items = np.arange(len(sizes)) if among is None else np.asarray(among)
    rng = np.random.default_rng((seed, epoch, 1))
    if weights is None:
        order = rng.permutation(items)
    else:
        chances = weights[items] / weights[items].sum()
        order = rng.choice(items, len(items), p=chances)
    batches = fill_batches(sizes, order.tolist(), batch)
    return [_split(sizes, items, processes, accumulate) for items in batches]


def fill_batches(sizes: IntArray, order: Sequence[int], batch: int) -> list[list[int]]:
    """Items in the order given, cut into batches of at most ``batch`` samples where that can be.

    >>> fill_batches(np.array([2, 1, 3, 1]), [0, 1, 2, 3], 3)
    [[0, 1], [2], [3]]
    """
    batches: list[list[int]] = []
    room = 0
    for item in order:
        if not batches or sizes[item] > room:
            batches.append([])
            room = batch
        batches[-1].append(item)
        room -= int(sizes[item])
    return batches


def draw_weights(labels: FloatArray32, item_of: IntArray, balance: float) -> FloatArray | None:
    """How often each item should be drawn so that labels are seen more evenly.

    A sample counts as the rarest of its labels: ``(samples / samples with it) ** balance``, 1
    without any. An item weighs the mean of its samples, for it brings them all.

    Args:
        labels: of each sample, 0 to 1, shape (n, k).
        item_of: the item of each sample, shape (n,).
        balance: 0 weighs all alike, which gives None, 1 by inverse frequency.

    Returns:
        Shape (items,), summing to 1.
    """
    if not balance:
        return None
    counts = np.maximum(labels.sum(axis=0, dtype=np.float64), 1.0)
    rarity = (len(labels) / counts) ** balance
    of_sample = np.maximum((labels * rarity).max(axis=1), 1.0)
    weights = np.bincount(item_of, weights=of_sample) / np.bincount(item_of)
    return np.asarray(weights / weights.sum())


def _split(sizes: IntArray, items: list[int], processes: int, accumulate: int) -> list[Planned]:
    parts = processes * accumulate
    shares = [items[part::parts] for part in range(parts)]
    counts = [sum(int(sizes[item]) for item in share) for share in shares]
    return [
        Planned(share or items[:1], processes * count / sum(counts))
        for share, count in zip(shares, counts, strict=True)
    ]
