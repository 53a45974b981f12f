"""What a row says to each head: one entry in `TARGETS` for each that a row has fields for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from affekt.arrays import FloatArray, FloatArray32, IntArray
from affekt.data.manifests.row import Row
from affekt.heads import CATEGORIES_HEAD, KINDS_OF_HEADS, PRIMARY_HEAD, VAD_HEAD, Kind
from affekt.labels import VAD

Heads = Mapping[str, tuple[str, ...]]
"""What is to be learnt: head to its labels, in order."""

NO_LABEL = -1
"""In place of a position among labels."""


def target_of(row: Row, head: str, labels: tuple[str, ...]) -> FloatArray | None:
    """What a row says to a head, shape (k,): shares that sum to 1, marks of 0 and 1, or values.

    None where it has no label of it.

    >>> row = Row(id="a", source="set", split="val", width=4, height=3, shares={"fear": 1.0})
    >>> target_of(row, "primary", ("anger", "fear")).tolist(), target_of(row, "vad", VAD)
    ([0.0, 1.0], None)
    """
    found = TARGETS[head](row, labels) if head in TARGETS else _of_others(row, head, labels)
    return None if found is None else np.asarray(found, dtype=np.float64)


def targets_of(rows: Sequence[Row], heads: Heads) -> dict[str, FloatArray32]:
    """By head what rows say, shape (n, k); NaN where a row has no label of it."""
    targets = {}
    for head, labels in heads.items():
        unknown = np.full(len(labels), np.nan)
        found = [target_of(row, head, labels) for row in rows]
        values = [unknown if own is None else own for own in found]
        targets[head] = np.reshape(np.asarray(values, np.float32), (-1, len(labels)))
    return targets


def hard_label(row: Row, head: str) -> str | None:
    """The one label of a single-label head that a row is measured by; None where it has none."""
    if head == PRIMARY_HEAD:
        return row.label
    shares = row.others.get(head, {})
    most = [name for name, share in shares.items() if share == max(shares.values())]
    return most[0] if len(most) == 1 else None


def hard_labels(rows: Sequence[Row], head: str, labels: tuple[str, ...]) -> IntArray:
    """The position of each row's hard label among some, `NO_LABEL` where there is none."""
    found = [hard_label(row, head) for row in rows]
    places = [NO_LABEL if own not in labels else labels.index(str(own)) for own in found]
    return np.asarray(places, dtype=np.int64)


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
    VAD_HEAD: lambda row, labels: (
        None if row.vad is None else np.array([row.vad[VAD.index(label)] for label in labels])
    ),
}
"""By head: from a row and the labels to what it says."""


def _of_others(row: Row, head: str, labels: tuple[str, ...]) -> FloatArray32 | FloatArray | None:
    """Of a head without a field of its own, by its kind."""
    said = row.others.get(head)
    if said is None:
        return None
    if KINDS_OF_HEADS[head] is Kind.SINGLE_LABEL:
        return soft_target(said, labels)
    missing = 0.0 if KINDS_OF_HEADS[head] is Kind.MULTI_LABEL else np.nan
    return np.array([said.get(label, missing) for label in labels])
