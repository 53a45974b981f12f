"""What a user should know of a run: one line each, in the log of this package."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

log = logging.getLogger("affekt.training")


def say_absent(
    labels: Sequence[str], shares: npt.NDArray[np.floating[Any]], where: str, remedy: str
) -> None:
    """Names the labels that nobody in a split has.

    Args:
        labels: in the order of the columns.
        shares: of the samples, shape (n, labels).
        where: the samples, such as ``face in train``.
        remedy: what follows from it.
    """
    absent = [name for name, most in zip(labels, shares.max(axis=0), strict=True) if most <= 0]
    if absent:
        log.warning("no %s has the label %s: %s", where, ", ".join(absent), remedy)
