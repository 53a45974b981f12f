"""What figures must be read against: what needs no picture, by head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from affekt.arrays import FloatArray
from affekt.errors import MissingExtraError
from affekt.evaluation.figures import (
    CHANCE,
    COMMONEST,
    CONSTANT,
    GEOMETRY,
    Entry,
    Use,
    entries,
)
from affekt.evaluation.measuring import Measured, measure_figures
from affekt.evaluation.metrics.multi_label import chance_average_precision, prevalence
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.resampling import Bootstrap, Estimate
from affekt.heads import Kind

try:
    from sklearn.ensemble import RandomForestRegressor
except ImportError:
    raise MissingExtraError("a floor", "data") from None

PREVALENCE = "prevalence"
"""The share of positives: what chance comes to in a large set."""

TREES, LEAF = 60, 30
"""Of the geometry model: how many trees, and how many training rows a leaf holds at least."""

FEWEST_ROWS = 2 * LEAF
"""Training rows below which there is nothing to split."""

Floors = dict[str, Measured | None]
"""By name; None where there is nothing to learn the floor from."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """Rows that floors learn from.

    Attributes:
        geometry: shape (m, features), see `affekt.geometry.GEOMETRY_FEATURES`.
        targets: by head, shape (m, k), see `affekt.evaluation.predictions.Output.targets`.
    """

    geometry: FloatArray
    targets: dict[str, FloatArray]


def measure_floors(
    predictions: Predictions, train: Training | None, bootstrap: Bootstrap
) -> Floors:
    """Every floor of every head, on the rows that the model is scored on.

    Always naming the commonest label; the share of positives, and a random order of these rows;
    the mean of the training rows; a model that sees only where each box lies in the picture, how
    large it is and how many people there are.

    Args:
        predictions: what the model said, of which the truth is taken.
        train: what the last two learn from; without it they are None.
        bootstrap: of the geometry's intervals; the others have none.
    """
    outputs, floors = predictions.outputs, Floors()
    if heads := predictions.heads(Kind.SINGLE_LABEL):
        guesses = {head: _commonest(output) for head, output in heads.items()}
        floors[COMMONEST] = _unbounded(_replaced(heads, guesses), COMMONEST)
    if heads := predictions.heads(Kind.MULTI_LABEL):
        shares = {head: prevalence(output.truth) for head, output in heads.items()}
        expected = {head: chance_average_precision(own.truth) for head, own in heads.items()}
        floors[PREVALENCE] = _precisions(outputs, shares, expected)
        floors[CHANCE] = _precisions(outputs, expected, expected)
    if predictions.geometry is not None:
        floors[GEOMETRY] = _geometry(predictions, train, bootstrap) if train else None
        if heads := predictions.heads(Kind.DIMENSIONAL):
            floors[CONSTANT] = (
                _unbounded(_replaced(heads, _means(train)), CONSTANT) if train else None
            )
    return floors


def forest_predictions(
    train: Training, geometry: FloatArray, seed: int = 0
) -> dict[str, FloatArray]:
    """What a small random forest says of rows of which only the geometry is known, by head.

    Args:
        train: what it learns from.
        geometry: shape (n, features), of the rows to be scored.
        seed: of the forest.
    """
    forest = RandomForestRegressor(
        TREES, min_samples_leaf=LEAF, max_features=0.3, random_state=seed
    )
    forest.fit(train.geometry, np.hstack([*train.targets.values()]))
    said = forest.predict(geometry)
    ends = np.cumsum([values.shape[1] for values in train.targets.values()])
    return dict(zip(train.targets, np.split(said, ends[:-1], axis=1), strict=True))


def _commonest(output: Output) -> FloatArray:
    return np.asarray(np.eye(len(output.labels))[output.support.argmax()])


def _means(train: Training) -> dict[str, FloatArray]:
    return {head: values.mean(axis=0) for head, values in train.targets.items()}


def _replaced(
    outputs: Mapping[str, Output], predicted: Mapping[str, FloatArray]
) -> dict[str, Output]:
    """The outputs with other predictions, of shape (n, k) or (k,), and without label sets."""
    return {
        head: replace(
            output,
            predicted=np.broadcast_to(predicted[head], output.predicted.shape),
            thresholds=None,
        )
        for head, output in outputs.items()
    }


def _read_against(outputs: Mapping[str, Output], floor: str) -> list[Entry]:
    return [e for e in entries(outputs, Use.EVALUATION) if floor in e.figure.floors]


def _unbounded(outputs: Mapping[str, Output], floor: str) -> Measured:
    """The figures that are read against a floor, of its predictions, without intervals."""
    n = len(next(iter(outputs.values())).predicted)
    return measure_figures(outputs, _read_against(outputs, floor), np.arange(n))


def _geometry(predictions: Predictions, train: Training, bootstrap: Bootstrap) -> Measured:
    said = forest_predictions(train, np.asarray(predictions.geometry))
    outputs = _replaced(predictions.outputs, said)
    return measure_figures(
        outputs, _read_against(outputs, GEOMETRY), predictions.unit_of, bootstrap
    )


def _precisions(
    outputs: Mapping[str, Output],
    values: Mapping[str, FloatArray],
    expected: Mapping[str, FloatArray],
) -> Measured:
    """Average precisions by label, and their mean over the labels that some row has."""
    found = Measured()
    for key, head, figure in _read_against(outputs, CHANCE):
        if figure.per_label:
            pairs = zip(outputs[head].labels, values[head].tolist(), strict=True)
            found.by_label[key] = {label: Estimate(value) for label, value in pairs}
        else:
            present = np.where(np.isfinite(expected[head]), values[head], np.nan)
            found.figures[key] = Estimate(float(mean_over_labels(present)))
    return found
