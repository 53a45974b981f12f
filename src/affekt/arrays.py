"""Names for arrays in annotations, and the functions between logits and probabilities."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
FloatArray32 = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Floats = TypeVar("Floats", bound=npt.NDArray[np.floating[Any]])
"""An array of single or double precision, which is that of the result."""

NEAREST = 1e-6
"""No probability counts as nearer to 0 or 1: its logit would say more than float32 knows."""


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities of logits of shape (n, k) divided by a temperature (Guo et al. 2017).

    >>> softmax(np.zeros((1, 2))).tolist(), softmax(np.array([[9.0, 0.0]]), 1e6).round(3).tolist()
    ([[0.5, 0.5]], [[0.5, 0.5]])
    """
    scaled = logits / logits.dtype.type(temperature)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def sigmoid(logits: Floats) -> Floats:
    """The logistic function, for logits of any shape and size.

    >>> sigmoid(np.array([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 * (1 + np.tanh(0.5 * logits))  # type: ignore[no-any-return]


def logit(probabilities: npt.ArrayLike) -> FloatArray32:
    """The inverse of `sigmoid`, finite everywhere, see `NEAREST`.

    >>> np.abs(logit([0.0, 0.5, 1.0])).round().tolist()
    [14.0, 0.0, 14.0]
    """
    p = np.clip(np.asarray(probabilities, dtype=np.float64), NEAREST, 1 - NEAREST)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)
