"""One temperature for classes that exclude each other (Guo 2017, section 4.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.errors import DataError, MissingExtraError

try:
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax
except ImportError:
    raise MissingExtraError("fitting a calibration", "data") from None

TEMPERATURES = (0.05, 20.0)
"""Where the optimum is looked for; beyond it the model is either useless or never wrong."""


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
