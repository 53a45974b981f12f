"""What is true of rows: by head, and what their place alone tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.row import Labels, Row
from affekt.data.manifests.targets import hard_labels, target_of
from affekt.evaluation.floors import FEWEST_ROWS, Training
from affekt.geometry import person_geometry
from affekt.heads import KINDS_OF_HEADS, Kind


def truth_of(rows: Sequence[Row], head: str, labels: tuple[str, ...]) -> npt.NDArray[Any]:
    """What is true of a head, as `affekt.evaluation.predictions.Output.truth` wants it."""
    if KINDS_OF_HEADS[head] is Kind.SINGLE_LABEL:
        return hard_labels(rows, head, labels)
    values = _targets(rows, head, labels)
    return values > 0.5 if KINDS_OF_HEADS[head] is Kind.MULTI_LABEL else values


def geometry_of(rows: Sequence[Row]) -> FloatArray:
    """Shape (n, 13), see `affekt.geometry.GEOMETRY_FEATURES`."""
    found = [person_geometry([r.person_xyxy], r.width, r.height, r.people)[0] for r in rows]
    return np.reshape(np.asarray(found, dtype=np.float64), (len(rows), -1))


def training_rows(manifest: Manifest, labels: Labels) -> Training | None:
    """The training rows with a box of which all is known, for floors; None where they are few.

    Args:
        manifest: of people.
        labels: of each head that floors are wanted for, by its name.
    """
    rows = [row for row in manifest.rows("train") if row.box_xyxy]
    targets = {head: _targets(rows, head, own) for head, own in labels.items()}
    known = np.ones(len(rows), dtype=bool)
    for values in targets.values():
        known &= np.isfinite(values).all(axis=1)
    if known.sum() < FEWEST_ROWS:
        return None
    kept = [row for row, is_known in zip(rows, known.tolist(), strict=True) if is_known]
    return Training(geometry_of(kept), {head: own[known] for head, own in targets.items()})


def _targets(rows: Sequence[Row], head: str, labels: tuple[str, ...]) -> FloatArray:
    """What rows say, shape (n, k); NaN where they have no label."""
    unknown = np.full(len(labels), np.nan)
    found = [target_of(row, head, labels) for row in rows]
    values = [unknown if own is None else own for own in found]
    return np.reshape(np.asarray(values, dtype=np.float64), (len(rows), len(labels)))
