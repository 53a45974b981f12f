"""From the labels of some annotators to those of another number of them."""

from __future__ import annotations

import numpy as np


def annotator_exponent(
    shares: tuple[float, float], annotators: tuple[int, int], wanted: int
) -> float:
    """What turns the labels of so many annotators into those of ``wanted`` annotators.

    A person's labels are the union of the annotators', so more annotators give more labels. If n
    of them left a category out with probability (1 - q)^(n^a), then a = 1 where they are
    independent and 0 where they say the same; a follows from the labels of two splits.

    Args:
        shares: mean share of the categories that a person has, in each of two splits, 0 to 1.
        annotators: of these splits, two numbers.
        wanted: annotators of the labels to predict.

    Returns:
        The exponent e for which 1 - (1 - p)^e is the probability for ``wanted`` annotators,
        where p is that of the second split.

    >>> round(annotator_exponent((0.1, 0.19), (1, 2), 1), 3)  # independent: 0.19 = 1 - 0.9^2
    0.5
    """
    left_out = np.log1p(-np.asarray(shares))
    power = np.log(left_out[1] / left_out[0]) / np.log(annotators[1] / annotators[0])
    return float((wanted / annotators[1]) ** power)
