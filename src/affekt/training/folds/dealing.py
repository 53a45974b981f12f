"""Pictures dealt out into folds, so that every fold has some of all categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray32, IntArray
from affekt.data.torch.dataset import RowDataset
from affekt.heads import CATEGORIES_HEAD


def fold_of(dataset: RowDataset, folds: int, seed: int) -> IntArray:
    """The fold of each picture, shape (pictures,).

    Rows of one picture share a fold, also where it is in two splits. Pictures with rare
    categories are dealt out first, each to the fold that has fewest people of its rarest
    category, then fewest people, so that every fold has some of all.
    """
    counts = dataset.targets[CATEGORIES_HEAD].sum(axis=0)
    groups: dict[str, list[int]] = {}
    for number, item in enumerate(dataset.items):
        row = dataset.rows[item.first]
        groups.setdefault(row.unit or row.picture, []).append(number)
    order = np.random.default_rng((seed, folds)).permutation(len(groups))
    names = [list(groups)[place] for place in order]
    labels = {name: _labels(dataset, groups[name]) for name in names}
    rarest = {name: _rarest(labels[name], counts) for name in names}
    names.sort(key=lambda name: counts[rarest[name]])
    held = np.zeros((folds, len(counts)))
    people = np.zeros(folds)
    result = np.zeros(len(dataset), dtype=np.int64)
    for name in names:
        fold = int(np.lexsort((people, held[:, rarest[name]]))[0])
        held[fold] += labels[name].sum(axis=0)
        people[fold] += len(labels[name])
        result[groups[name]] = fold
    return result


def _labels(dataset: RowDataset, items: list[int]) -> FloatArray32:
    spans = [dataset.items[item] for item in items]
    return np.concatenate(
        [dataset.targets[CATEGORIES_HEAD][span.first : span.last] for span in spans]
    )


def _rarest(labels: FloatArray32, counts: npt.NDArray[np.floating[Any]]) -> int:
    present = labels.any(axis=0)
    return int(np.where(present, counts, np.inf).argmin()) if present.any() else 0
