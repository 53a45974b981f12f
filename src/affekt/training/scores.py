"""Per-epoch figures on known labels, by kind of head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from affekt.arrays import FloatArray32, IntArray, softmax
from affekt.evaluation.metrics.dimensional import mean_absolute_error
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.single_label import accuracy, balanced_accuracy, confusion_matrix
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.labels import VAD_RANGE
from affekt.training.task import Figures, Score

EVERYBODY = "people"
"""The name of the data where figures are not of each source apart."""


class Truth(NamedTuple):
    """What is known of n samples.

    Attributes:
        targets: by head, shape (n, k); NaN where there is no label.
        labels: by head, their names.
        hard: by single-label head, the position of the hard label, -1 where there is none.
        source_of: the source of each, shape (n,).
        sources: their names.
    """

    targets: Mapping[str, FloatArray32]
    labels: Mapping[str, tuple[str, ...]]
    hard: Mapping[str, IntArray]
    source_of: IntArray
    sources: Sequence[str]


def score_heads(said: Mapping[str, FloatArray32], truth: Truth) -> Score:
    """The figures of every head, and what an epoch is chosen by.

    A single-label head is chosen by balanced accuracy, the mean over the sources, a multi-label
    one by mean average precision, a dimensional one, where there is no other, by the nearness of
    its values: 1 - MAE / 9. A model with several is chosen by their mean.
    """
    figures: Figures = {}
    values: dict[Kind, float] = {}
    for head, own in said.items():
        kind = KINDS_OF_HEADS[head]
        values[kind], found = SCORES[kind](own, head, truth)
        for data, measured in found.items():
            figures[data] = {**measured, **figures.get(data, {})}
    chosen = [value for kind, value in values.items() if kind is not Kind.DIMENSIONAL]
    return Score(float(np.mean(chosen or [*values.values()])), figures)


def score_single_label(said: FloatArray32, head: str, truth: Truth) -> tuple[float, Figures]:
    """Accuracy, balanced accuracy and cross entropy of each source.

    Accuracy counts the samples that have a hard label. Labels that a source never shows are left
    out of its choice.
    """
    figures: Figures = {}
    targets = truth.targets[head]
    known = np.isfinite(targets).all(axis=1)
    for number, source in enumerate(truth.sources):
        chosen = known & (truth.source_of == number)
        if not chosen.any():
            continue
        present = targets[chosen].sum(axis=0) > 0
        probabilities = softmax(np.where(present, said[chosen].astype(np.float64), -np.inf))
        hard = truth.hard[head][chosen]
        confusion = confusion_matrix(probabilities[hard >= 0], hard[hard >= 0])
        figures[source] = {
            "loss": float(-(targets[chosen] * np.log(probabilities + 1e-12)).sum(axis=1).mean()),
            "accuracy": float(accuracy(confusion)),
            "balanced_accuracy": float(balanced_accuracy(confusion)),
            "n": int((hard >= 0).sum()),
        }
    return float(np.mean([one["balanced_accuracy"] for one in figures.values()])), figures


def score_multi_label(said: FloatArray32, head: str, truth: Truth) -> tuple[float, Figures]:
    """Mean average precision over the labels that somebody has, 0 where there are none."""
    targets = truth.targets[head]
    known = np.isfinite(targets).all(axis=1)
    precision = mean_over_labels(average_precision(targets[known] > 0.5, said[known]))
    value = float(np.nan_to_num(precision))
    return value, {EVERYBODY: {"map": value, "n": int(known.sum())}}


def score_dimensional(said: FloatArray32, head: str, truth: Truth) -> tuple[float, Figures]:
    """Mean absolute error of each dimension that somebody has a value of."""
    known = np.isfinite(truth.targets[head]).all(axis=1)
    errors = mean_absolute_error(truth.targets[head], np.clip(said, *VAD_RANGE))
    named = zip(truth.labels[head], errors.tolist(), strict=True)
    figures = {f"{name}_mae": error for name, error in named if np.isfinite(error)}
    low, high = VAD_RANGE
    value = 1 - float(np.mean([*figures.values()] or [high - low])) / (high - low)
    return value, {EVERYBODY: {**figures, "n": int(known.sum())}}


SCORES: dict[Kind, Callable[[FloatArray32, str, Truth], tuple[float, Figures]]] = {
    Kind.SINGLE_LABEL: score_single_label,
    Kind.MULTI_LABEL: score_multi_label,
    Kind.DIMENSIONAL: score_dimensional,
}
