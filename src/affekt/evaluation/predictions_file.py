"""What a model said of every face or person, as a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from affekt.errors import MissingExtraError, OutputError
from affekt.evaluation.metrics.single_label import predicted
from affekt.evaluation.people_report import ContextPredictions
from affekt.evaluation.report import Predictions
from affekt.files import whole_file
from affekt.labels import VAD

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtraError("an evaluation", "data") from None


def write_predictions(path: str | Path, predictions: Predictions) -> None:
    """Writes one row per scored face to Parquet: who it is, both labels, every probability.

    Columns: ``id``, ``source``, ``split``, ``label``, ``predicted`` and ``p_<label>`` for each.

    Raises:
        OutputError: the file cannot be written.
    """
    names = np.array(predictions.labels, dtype=object)
    columns: dict[str, Any] = {
        "id": predictions.ids,
        "source": predictions.sources,
        "split": [predictions.split] * len(predictions.ids),
        "label": names[predictions.truth],
        "predicted": names[predicted(predictions.probabilities)],
    }
    for label, shares in zip(predictions.labels, predictions.probabilities.T, strict=True):
        columns[f"p_{label}"] = shares.astype(np.float32)
    _write(path, columns)


def write_person_predictions(path: str | Path, predictions: ContextPredictions) -> None:
    """Writes one row per scored person to Parquet: who, what is true, what was said.

    Columns: ``id``, ``picture``, ``split``, ``gender``, ``age``, ``source``; ``categories``, a
    list of names; ``true_<dimension>`` and ``<dimension>`` for VAD; ``p_<label>`` for each; and
    ``spread``, null without an ensemble.

    Raises:
        OutputError: the file cannot be written.
    """
    names = np.array(predictions.labels, dtype=object)
    columns: dict[str, Any] = {
        "id": predictions.ids,
        "picture": predictions.pictures,
        "split": [predictions.split] * len(predictions.ids),
        **predictions.groups,
        "categories": [names[row].tolist() for row in predictions.truth],
    }
    for j, name in enumerate(VAD):
        columns[f"true_{name}"] = pa.array(predictions.vad_truth[:, j], from_pandas=True)
        columns[name] = predictions.vad[:, j]
    for label, shares in zip(predictions.labels, predictions.probabilities.T, strict=True):
        columns[f"p_{label}"] = shares.astype(np.float32)
    spread = predictions.spread
    nothing = [None] * len(predictions.ids)
    columns["spread"] = pa.array(nothing if spread is None else spread, pa.float64())
    _write(path, columns)


def _write(path: str | Path, columns: dict[str, Any]) -> None:
    """All of it or nothing: a failure leaves what stood there."""
    try:
        with whole_file(path) as stream:
            pq.write_table(pa.table(columns), stream)
    except OSError as error:
        raise OutputError(
            f"{path}: the predictions cannot be written ({error.strerror or error})"
        ) from None
