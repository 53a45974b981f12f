"""A scale and a shift of the logit of each label that does not exclude others (Platt 1999)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.errors import DataError, MissingExtraError

try:
    from scipy.optimize import minimize
    from scipy.special import expit
except ImportError:
    raise MissingExtraError("fitting a calibration", "data") from None

MIN_SCALE = 0.01
"""Least scale of a label, per standard deviation of its logits: their order always stays."""


def fit_platt(logits: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[float, float]:
    """Scale and shift for which ``sigmoid(scale * logit + shift)`` is calibrated (Platt 1999).

    They minimise the mean cross-entropy on validation data against Platt's targets,
    (positives + 1) / (positives + 2) for a positive and 1 / (negatives + 2) for a negative,
    rather than 1 and 0: with two positives out of a hundred the fit stays finite, and with none
    it says 1 / 102. The scale is kept above 0, so the order of rows never changes.

    Args:
        logits: shape (n,), of one label.
        truth: shape (n,), whether the row has it.

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
