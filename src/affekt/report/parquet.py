"""What a model said of every row, as a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affekt.errors import MissingExtraError, OutputError
from affekt.evaluation.metrics.single_label import predicted
from affekt.evaluation.predictions import ROW, UNKNOWN, Output, Predictions
from affekt.files import whole_file
from affekt.heads import Kind

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtraError("an evaluation", "data") from None


def write_predictions(path: str | Path, predictions: Predictions) -> None:
    """Writes one row per scored row to Parquet: what it is, what is true, what was said.

    Columns: ``id``, ``source``, ``split``, what resampling draws where that is not the row, the
    groups. Of a single-label head ``label`` and ``predicted``, of a multi-label one a list of
    names under the head's name, both with ``p_<label>`` for each label; of a dimensional one
    ``true_<dimension>`` and ``<dimension>``. Last ``spread``, null without an ensemble. Where a
    later head has a column of the same name, the head's name is put before it.

    Raises:
        OutputError: the file cannot be written.
    """
    columns: dict[str, Any] = {
        "id": predictions.ids,
        "source": predictions.sources,
        "split": [predictions.split] * len(predictions),
    }
    if predictions.unit != ROW:
        columns[predictions.unit] = predictions.units
    groups = {name: pa.array(own, pa.string()) for name, own in predictions.groups.items()}
    columns |= {name: own for name, own in groups.items() if name not in columns}
    for head, output in predictions.outputs.items():
        for name, values in _COLUMNS[output.kind](head, output).items():
            columns[f"{head}_{name}" if name in columns else name] = values
    nothing = [None] * len(predictions)
    spread = predictions.spread
    columns["spread"] = pa.array(nothing if spread is None else spread, pa.float64())
    try:
        with whole_file(path) as stream:
            pq.write_table(pa.table(columns), stream)
    except OSError as error:
        raise OutputError(
            f"{path}: the predictions cannot be written ({error.strerror or error})"
        ) from None


def _single_label(head: str, output: Output) -> dict[str, Any]:
    names = np.array([*output.labels, None], dtype=object)  # the last one is that of `UNKNOWN`
    truth = np.where(output.truth == UNKNOWN, len(output.labels), output.truth)
    said = predicted(output.predicted)
    return {"label": names[truth], "predicted": names[said], **_probabilities(output)}


def _multi_label(head: str, output: Output) -> dict[str, Any]:
    names = np.array(output.labels, dtype=object)
    return {head: [names[row].tolist() for row in output.truth], **_probabilities(output)}


def _dimensional(head: str, output: Output) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for j, name in enumerate(output.labels):
        columns[f"true_{name}"] = pa.array(output.truth[:, j], from_pandas=True)
        columns[name] = output.predicted[:, j]
    return columns


_COLUMNS: Mapping[Kind, Callable[[str, Output], dict[str, Any]]] = {
    Kind.SINGLE_LABEL: _single_label,
    Kind.MULTI_LABEL: _multi_label,
    Kind.DIMENSIONAL: _dimensional,
}


def _probabilities(output: Output) -> dict[str, Any]:
    pairs = zip(output.labels, output.predicted.T, strict=True)
    return {f"p_{label}": shares.astype(np.float32) for label, shares in pairs}
