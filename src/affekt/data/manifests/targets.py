"""What each head is to learn of a row: one entry in `TARGETS` for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from affekt.arrays import FloatArray, FloatArray32, IntArray
from affekt.data.manifests.row import Row
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD, VAD_HEAD

Heads = Mapping[str, tuple[str, ...]]
"""What is to be learnt: head to its labels, in order."""


def target_of(row: Row, head: str, labels: tuple[str, ...]) -> FloatArray32 | None:
    """What a row says to a head, shape (k,); None where it has no label of it."""
    found = TARGETS[head](row, labels)
    return None if found is None else np.asarray(found, dtype=np.float32)


def targets_of(rows: Sequence[Row], heads: Heads) -> dict[str, FloatArray32]:
    """By head what rows say, shape (n, k); NaN where a row has no label of it."""
    targets = {}
    for head, labels in heads.items():
        unknown = np.full(len(labels), np.nan, np.float32)
        found = (target_of(row, head, labels) for row in rows)
        targets[head] = np.stack([unknown if own is None else own for own in found])
    return targets


def hard_labels(rows: Sequence[Row], labels: tuple[str, ...]) -> IntArray:
    """The position of each row's hard primary label among some, -1 where there is none."""
    return np.array([labels.index(r.label) if r.label in labels else -1 for r in rows])


def soft_target(shares: Mapping[str, float], labels: tuple[str, ...]) -> FloatArray32 | None:
    """Shares over ``labels`` in their order, summing to 1; other labels' shares are left out.

    >>> soft_target({"anger": 0.5, "contempt": 0.5}, ("anger", "fear")).tolist()
    [1.0, 0.0]
    """
    own = np.array([shares.get(label, 0.0) for label in labels], dtype=np.float32)
    return np.asarray(own / own.sum(), dtype=np.float32) if own.sum() > 0 else None


TARGETS: dict[str, Callable[[Row, tuple[str, ...]], FloatArray32 | FloatArray | None]] = {
    PRIMARY_HEAD: lambda row, labels: soft_target(row.shares, labels),
    CATEGORIES_HEAD: lambda row, labels: (
        None if row.categories is None else np.isin(labels, row.categories).astype(np.float32)
    ),
    VAD_HEAD: lambda row, labels: None if row.vad is None else np.array(row.vad),
}
"""By head: from a row and the labels to what is to be learnt."""
