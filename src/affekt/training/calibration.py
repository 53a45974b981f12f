"""Honest probabilities and label sets from what a model said of people it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, sigmoid
from affekt.evaluation.fitting.platt import fit_platt, fit_sigmoid
from affekt.evaluation.fitting.thresholds import break_even_thresholds, expected_thresholds

FEW = 30
"""Fewer people tell nothing about how VAD is to be corrected."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns logits into probabilities and these into labels.

    Attributes:
        platt: scale and shift of each category's logit.
        thresholds: of each category's probability.
        people: it was fitted on.
    """

    platt: dict[str, tuple[float, float]]
    thresholds: dict[str, float]
    people: int


def calibrate(
    logits: npt.ArrayLike,
    truth: npt.ArrayLike,
    labels: Sequence[str],
    agreement: float = 1.0,
    everybody: npt.ArrayLike | None = None,
) -> Calibration:
    """Platt scaling of each category, then thresholds where precision equals recall.

    Args:
        logits: shape (n, k).
        truth: shape (n, k), bool.
        labels: the k categories, in order.
        agreement: see `annotator_exponent`: the probability p of the people's labels is turned
            into 1 - (1 - p)^agreement, that of labels by another number of annotators.
            Thresholds set by the labels name the same people either way.
        everybody: logits of more people, shape (m, k), whose labels are not to be looked at:
            the thresholds are then those that these people's probabilities expect, see
            `affekt.evaluation.thresholds.expected_thresholds`.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=bool)
    fitted = [fit_platt(z[:, k], y[:, k]) for k in range(len(labels))]
    if agreement != 1:
        said = probabilities(z, dict(zip(labels, fitted, strict=True)), labels)
        wanted = 1 - (1 - said) ** agreement
        fitted = [fit_sigmoid(z[:, k], wanted[:, k]) for k in range(len(labels))]
    platt = dict(zip(labels, fitted, strict=True))
    thresholds = (
        break_even_thresholds(probabilities(z, platt, labels), y)
        if everybody is None
        else expected_thresholds(probabilities(everybody, platt, labels))
    )
    return Calibration(platt, dict(zip(labels, thresholds.tolist(), strict=True)), len(z))


def vad_correction(said: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Scale and shift of each dimension that bring predictions nearest to other people's labels.

    Least squares; a scale from 0 to 1, for what is learnt from few people is said too boldly.

    Args:
        said: shape (n, 3).
        truth: shape (n, 3); people with NaN do not count.

    Returns:
        Scale and shift, shape (3,) each; 1 and 0 where nobody counts.
    """
    known = np.isfinite(truth).all(axis=1)
    p, v = np.asarray(said, dtype=np.float64)[known], np.asarray(truth, dtype=np.float64)[known]
    if len(p) < FEW:
        return np.ones(p.shape[1]), np.zeros(p.shape[1])
    spread = p - p.mean(axis=0)
    scale = np.clip((spread * v).sum(axis=0) / (spread**2).sum(axis=0), 0, 1)
    return scale, v.mean(axis=0) - scale * p.mean(axis=0)


def probabilities(
    logits: npt.ArrayLike, platt: Mapping[str, tuple[float, float]], labels: Sequence[str]
) -> FloatArray:
    """Calibrated probabilities of logits (n, k), whose columns are these labels.

    >>> probabilities([[2.0, 0.0]], {"b": (1.0, 0.0), "a": (2.0, -4.0)}, ("a", "b")).tolist()
    [[0.5, 0.5]]
    """
    scales, shifts = np.array([platt[name] for name in labels]).T
    return sigmoid(np.asarray(logits, dtype=np.float64) * scales + shifts)
