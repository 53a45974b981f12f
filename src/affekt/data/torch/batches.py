"""Which items go into which batch: one order for every model, by seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from affekt.arrays import FloatArray, FloatArray32
from affekt.data.torch.dataset import RowDataset
from affekt.heads import KINDS_OF_HEADS, Kind


class Part(NamedTuple):
    """What one process computes at once.

    Attributes:
        items: of the data set.
        weight: of its mean loss: these sum, over the parts that one process computes in a step,
            to its share of the step's subjects times the number of processes. The mean over the
            processes is then the mean over the subjects.
    """

    items: list[int]
    weight: float


def plan_steps(
    dataset: RowDataset,
    batch: int,
    processes: int,
    accumulate: int = 1,
    *,
    seed: int,
    epoch: int,
    balance: float = 0.0,
    among: Sequence[int] | None = None,
) -> list[list[Part]]:
    """The steps of an epoch, each in processes x accumulate parts: every item is in one of them.

    A single subject has no spread to normalise by: a last step of one joins the step before it,
    and a step of few is computed in fewer parts. A part without items of its own gets some that do
    not count, so that no process waits for another. The steps are the same for any number of parts.

    Args:
        dataset: gives the number of subjects in each item.
        batch: most subjects in a step, but for one that was joined and for an item of more.
        processes: that share a step; every one of them takes each such part in turn.
        accumulate: parts of each process.
        seed: of the run.
        epoch: the order follows from it and the seed.
        balance: 0 takes every item once. Over 0, as many are drawn with replacement by
            `item_weights`, so that rare labels come more often.
        among: the items to take; all where not given.
    """
    order = _order(dataset, seed, epoch, balance=balance, among=among)
    steps = fill_batches(dataset, order, batch)
    if len(steps) > 1 and batch > 1 and _subjects(dataset, steps[-1]) < 2:
        steps[-2:] = [steps[-2] + steps[-1]]
    return [_split(dataset, items, processes, processes * accumulate) for items in steps]


def fill_batches(dataset: RowDataset, order: Sequence[int], batch: int) -> list[list[int]]:
    """Items in the order given, cut into batches of at most ``batch`` subjects where that can be.

    An item of more subjects than that is a batch of its own.
    """
    batches: list[list[int]] = []
    room = 0
    for item in order:
        subjects = dataset.items[item].subjects
        if not batches or subjects > room:
            batches.append([])
            room = batch
        batches[-1].append(item)
        room -= subjects
    return batches


def item_weights(dataset: RowDataset, balance: float) -> FloatArray:
    """How often each item should be drawn so that labels are seen more evenly.

    A subject counts as the rarest of its labels: ``(subjects / subjects with it) ** balance``, 1
    without any. An item weighs the mean of its subjects, for it brings them all.

    Args:
        dataset: gives labels and items.
        balance: 0 weighs all alike, 1 by inverse frequency.

    Returns:
        Shape (items,), summing to 1.
    """
    marks = label_marks(dataset)
    counts = np.maximum(marks.sum(axis=0, dtype=np.float64), 1.0)
    rarity = (dataset.subjects / counts) ** balance
    of_subject = np.maximum((marks * rarity).max(axis=1), 1.0)
    sizes = np.bincount(dataset.item_of)
    weights = np.bincount(dataset.item_of, weights=of_subject) / sizes
    return np.asarray(weights / weights.sum())


def label_marks(dataset: RowDataset) -> FloatArray32:
    """How far each label holds of each subject, shape (subjects, k), over all heads with labels."""
    marks = [
        np.nan_to_num(targets)
        for head, targets in dataset.targets.items()
        if KINDS_OF_HEADS[head] is not Kind.DIMENSIONAL
    ]
    return np.concatenate([*marks, np.zeros((dataset.subjects, 1), np.float32)], axis=1)


def _order(
    dataset: RowDataset, seed: int, epoch: int, *, balance: float, among: Sequence[int] | None
) -> list[int]:
    rng = np.random.default_rng((seed, epoch, 1))
    items = np.arange(len(dataset)) if among is None else np.asarray(among)
    if balance > 0:
        weights = item_weights(dataset, balance)[items]
        return [int(i) for i in rng.choice(items, len(items), p=weights / weights.sum())]
    return [int(i) for i in rng.permutation(items)]


def _subjects(dataset: RowDataset, items: Sequence[int]) -> int:
    return sum(dataset.items[item].subjects for item in items)


def _split(dataset: RowDataset, items: list[int], processes: int, parts: int) -> list[Part]:
    total = _subjects(dataset, items)
    used = max(1, min(parts, total // 2, len(items)))
    shares = [items[part::used] for part in range(used)]
    counted = [Part(own, processes * _subjects(dataset, own) / total) for own in shares]
    return counted + [Part(items[:2], 0.0)] * (parts - used)
