"""One head's rows in many draws, and how metrics are made functions of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from affekt.arrays import FloatArray
from affekt.evaluation.metrics.single_label import confusion_matrix
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.predictions import Output

Metric = Callable[..., FloatArray]
"""Of truth, predictions (in either order) and weights of shape (r, n)."""


class Draws:
    """One head's rows of known truth in r draws; what several figures need is computed once.

    Args:
        output: of n rows.
        weights: shape (r, n).
        functions: of the head's figures, by name.
    """

    def __init__(
        self, output: Output, weights: FloatArray, functions: Mapping[str, Function]
    ) -> None:
        known = output.known
        self.output = output if known.all() else output.part(known)
        self.weights = weights if known.all() else weights[:, known]
        self._functions = functions
        self._computed: dict[str, FloatArray] = {}

    def figure(self, name: str) -> FloatArray:
        """The figure of that name, shape (r,) or (r, k)."""
        return self._once(name, self._functions[name])

    @property
    def confusion(self) -> FloatArray:
        """Of a single-label head, shape (r, k, k)."""
        return self._once("", _confusion)

    def _once(self, name: str, function: Function) -> FloatArray:
        if name not in self._computed:
            self._computed[name] = function(self)
        return self._computed[name]


Function = Callable[[Draws], FloatArray]
"""A figure: from draws to shape (r,), or (r, k) where there is one for each label."""


def of_probabilities(metric: Metric) -> Function:
    """A metric of predictions and truth, in this order."""
    return lambda draws: metric(draws.output.predicted, draws.output.truth, draws.weights)


def of_truth(metric: Metric) -> Function:
    """A metric of truth and predictions, in this order."""
    return lambda draws: metric(draws.output.truth, draws.output.predicted, draws.weights)


def of_label_sets(metric: Metric, *, per_label: bool = False) -> Function:
    """A metric of truth and the labels given; NaN for a model without thresholds."""

    def measured(draws: Draws) -> FloatArray:
        truth, labelled = draws.output.truth, draws.output.labelled
        if labelled is not None:
            return metric(truth, labelled, draws.weights)
        return np.full((len(draws.weights), *truth.shape[1:][:per_label]), np.nan)

    return measured


def of_confusion(metric: Callable[[FloatArray], FloatArray]) -> Function:
    """A function of the confusion matrices."""
    return lambda draws: metric(draws.confusion)


def mean_of(name: str) -> Function:
    """The mean of a figure over the labels where it is defined."""
    return lambda draws: mean_over_labels(draws.figure(name))


def above(name: str, baseline: Callable[..., FloatArray]) -> Function:
    """A figure less what a baseline gets, a function of truth and weights."""
    return lambda draws: draws.figure(name) - baseline(draws.output.truth, draws.weights)


def _confusion(draws: Draws) -> FloatArray:
    return confusion_matrix(draws.output.predicted, draws.output.truth, draws.weights)
