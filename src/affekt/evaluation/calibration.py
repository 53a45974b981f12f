"""What makes probabilities honest.

Classes that exclude each other share one temperature (Guo 2017, section 4.2); categories that do
not each have a scale and a shift (Platt 1999).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.errors import DataError, MissingExtraError
from affekt.evaluation.metrics import FloatArray

try:
    from scipy.optimize import minimize, minimize_scalar
    from scipy.special import expit, log_softmax
except ImportError:
    raise MissingExtraError("fitting a calibration", "data") from None

TEMPERATURES = (0.05, 20.0)
"""Where the optimum is looked for; beyond it the model is either useless or never wrong."""


MIN_SCALE = 0.01
"""Least scale of a category, per standard deviation of its logits: their order always stays."""


def fit_temperature(
    logits: npt.ArrayLike, targets: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """The temperature that minimises the weighted mean cross-entropy on validation data.

    The loss is convex in 1 / temperature, so the one minimum within `TEMPERATURES` is found by
    Brent's bounded method on its logarithm.

    Args:
        logits: shape (n, k).
        targets: classes of shape (n,), or soft targets of shape (n, k), rows summing to 1.
        weights: shape (n,), at least 0; equal where not given. For sources to count alike, give
            each row 1 / the number of rows of its source (`source_weights`).

    Raises:
        DataError: shapes that do not fit, NaN, unknown classes, weights that are negative or all 0.

    >>> logits = 2 * np.log([[0.75, 0.25]] * 4)  # right three times in four, twice too sure
    >>> round(fit_temperature(logits, [0, 0, 0, 1]), 3)
    2.0
    """
    z = np.asarray(logits, dtype=np.float64)
    if z.ndim != 2 or z.size == 0 or not np.isfinite(z).all():
        raise DataError(f"logits of shape {z.shape}: give (n, k) finite numbers, n at least 1")
    soft = _soft_targets(np.asarray(targets), *z.shape)
    share = _shares(weights, len(z))

    def loss(log_temperature: float) -> float:
        log_p = log_softmax(z / np.exp(log_temperature), axis=1)
        return float(-(share @ (soft * log_p).sum(axis=1)))

    found = minimize_scalar(
        loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def fit_platt(logits: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[float, float]:
    """Scale and shift for which ``sigmoid(scale * logit + shift)`` is calibrated (Platt 1999).

    They minimise the mean cross-entropy on validation data against Platt's targets,
    (positives + 1) / (positives + 2) for a positive and 1 / (negatives + 2) for a negative,
    rather than 1 and 0: with two positives out of a hundred the fit stays finite, and with none
    it says 1 / 102. The scale is kept above 0, so the order of persons never changes.

    Args:
        logits: shape (n,), of one category.
        truth: shape (n,), whether the person has it.

    Raises:
        DataError: shapes that do not fit, no row, a logit that is not a number.

    >>> scale, shift = fit_platt([2.0, 2.0, -2.0, -2.0] * 250, [1, 0, 0, 0] * 250)
    >>> float(expit(2 * scale + shift).round(2))  # half of those with a logit of 2
    0.5
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=bool)
    if z.ndim != 1 or z.shape != y.shape or z.size == 0 or not np.isfinite(z).all():
        raise DataError(
            f"logits of shape {z.shape} and truth of shape {y.shape}: give (n,) for both, with "
            "finite logits and n at least 1"
        )
    positives = int(y.sum())
    return fit_sigmoid(
        z, np.where(y, (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2))
    )


def fit_sigmoid(logits: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[float, float]:
    """Scale and shift for which ``sigmoid(scale * logit + shift)`` comes nearest to probabilities.

    Nearest in mean cross-entropy. The scale is kept above 0. The loss is convex, so the minimum
    is the only one.

    Args:
        logits: shape (n,), finite.
        targets: shape (n,), more than 0 and less than 1.

    >>> scale, shift = fit_sigmoid([-1.0, 0.0, 1.0], expit([-1.0, 1.0, 3.0]))
    >>> round(scale, 3), round(shift, 3)
    (2.0, 1.0)
    """
    z, wanted = np.asarray(logits, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    centre, spread = z.mean(), z.std() or 1.0
    standard = (z - centre) / spread

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        x = parameters[0] * standard + parameters[1]
        error = expit(x) - wanted
        gradient = np.array([(error * standard).mean(), error.mean()])
        return float((np.logaddexp(0, x) - wanted * x).mean()), gradient

    start = np.array([1.0, np.log(wanted.mean() / (1 - wanted.mean()))])
    bounds = [(MIN_SCALE, None), (None, None)]
    options = {"ftol": 1e-15, "gtol": 1e-9}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    scale = float(found.x[0] / spread)
    return scale, float(found.x[1] - scale * centre)


def source_weights(sources: npt.ArrayLike) -> FloatArray:
    """Weights of shape (n,) that sum to 1 and give every source, named per row, the same total.

    >>> source_weights(["a", "a", "b"]).tolist()
    [0.25, 0.25, 0.5]
    """
    _, index, count = np.unique(np.asarray(sources), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (count[index] * len(count)))


def _soft_targets(targets: npt.NDArray[Any], n: int, k: int) -> FloatArray:
    if targets.shape == (n, k):
        soft = targets.astype(np.float64)
        if not ((soft >= 0).all() and np.allclose(soft.sum(axis=1), 1, atol=1e-3)):
            raise DataError("soft targets must be at least 0 and sum to 1 in every row")
        return soft
    if targets.shape != (n,) or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(
            f"targets of shape {targets.shape} and type {targets.dtype}: "
            f"give integers of shape ({n},) or shares of shape ({n}, {k})"
        )
    if targets.min() < 0 or targets.max() >= k:
        raise DataError(f"targets from {targets.min()} to {targets.max()}: give 0 to {k - 1}")
    return np.asarray(np.eye(k)[targets])


def _shares(weights: npt.ArrayLike | None, n: int) -> FloatArray:
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise DataError(f"weights of shape {w.shape}: give ({n},), at least 0 and not all 0")
    return np.asarray(w / w.sum())
