"""Figures as the text of a table's cells."""

from __future__ import annotations

import numpy as np

from affekt.evaluation.figures import FRACTION, Scale
from affekt.evaluation.resampling import Estimate


def interval_text(estimate: Estimate, scale: Scale = FRACTION) -> str:
    """A figure and its interval; a dash where it is undefined.

    >>> interval_text(Estimate(0.25, 0.2, 0.3), Scale(100, 1))
    '25.0 (20.0 to 30.0)'
    """
    if np.isnan(estimate.value):
        return "-"
    value, low, high = (number_text(part, scale) for part in estimate)
    return f"{value} ({low} to {high})"


def number_text(value: float | None, scale: Scale = FRACTION) -> str:
    """A figure; a dash where it is undefined, nothing where there is none.

    >>> number_text(0.25, Scale(100, 1)), number_text(float("nan")), number_text(None)
    ('25.0', '-', '')
    """
    if value is None:
        return ""
    return "-" if np.isnan(value) else f"{scale.factor * value:.{scale.digits}f}"
