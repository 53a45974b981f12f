"""Every figure of a set of people as a function of weights: for the figure and for its interval."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from affekt.arrays import BoolArray, FloatArray
from affekt.evaluation.metrics import dimensional, multi_label
from affekt.evaluation.metrics.weighing import mean_over_labels

SHARE, ERROR, CORRELATION = (0.0, 1.0), (0.0, np.inf), (-1.0, 1.0)

RANGES = {
    **dict.fromkeys(("ap", "map", "ap_official", "map_official"), SHARE),
    **dict.fromkeys(("jaccard", "f1", "f1_per_category"), SHARE),
    **dict.fromkeys(("ece", "ece_mean", "ece_per_category"), SHARE),
    "vad_mae": ERROR,
    "vad_ccc": CORRELATION,
}
"""The least and greatest value of every figure."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPeople:
    """What is true of n persons and what was said of them.

    Attributes:
        truth: shape (n, k).
        probabilities: shape (n, k).
        vad_truth: shape (n, 3), NaN where unknown.
        vad: shape (n, 3).
        thresholds: shape (k,), or None where the model has none: then there are no label sets.
    """

    truth: BoolArray
    probabilities: FloatArray
    vad_truth: FloatArray
    vad: FloatArray
    thresholds: FloatArray | None = None

    @property
    def labelled(self) -> BoolArray | None:
        """Which categories each person is given, shape (n, k), or None without thresholds."""
        return None if self.thresholds is None else self.probabilities >= self.thresholds

    def part(self, members: BoolArray) -> ScoredPeople:
        """Some of the persons, picked by a mask of shape (n,)."""
        return ScoredPeople(
            self.truth[members],
            self.probabilities[members],
            self.vad_truth[members],
            self.vad[members],
            self.thresholds,
        )


def all_figures(people: ScoredPeople, weights: FloatArray) -> dict[str, FloatArray]:
    """All figures by name, for weights of shape (r, n).

    ``map``, ``map_official``, ``ece``, ``ece_mean``, ``jaccard`` and ``f1`` have shape (r,);
    ``ap``, ``ap_official``, ``ece_per_category`` and ``f1_per_category`` (r, k); ``vad_mae`` and
    ``vad_ccc`` (r, 3). Means are over the categories that somebody has; the calibration error's
    is over all, for a category that nobody has can be overstated too.
    """
    official = partial(multi_label.official_average_precision, people.truth, people.probabilities)
    ece = multi_label.calibration_errors(people.truth, people.probabilities, weights)
    figures = main_figures(people, weights) | {
        "ap_official": official(weights),
        "ece_per_category": ece,
        "ece": multi_label.pooled_calibration_error(people.truth, people.probabilities, weights),
        "ece_mean": ece.mean(axis=-1),
        "vad_ccc": dimensional.concordance(people.vad_truth, people.vad, weights),
    }
    figures["map_official"] = mean_over_labels(figures["ap_official"])
    return figures


def main_figures(people: ScoredPeople, weights: FloatArray) -> dict[str, FloatArray]:
    """``map``, ``ap``, ``jaccard``, ``f1``, ``f1_per_category`` and ``vad_mae``, see above."""
    ap = multi_label.average_precision(people.truth, people.probabilities, weights)
    figures = {
        "ap": ap,
        "map": mean_over_labels(ap),
        "vad_mae": dimensional.mean_absolute_error(people.vad_truth, people.vad, weights),
    }
    return figures | _label_set_figures(people, weights)


def _label_set_figures(people: ScoredPeople, weights: FloatArray) -> dict[str, FloatArray]:
    labelled = people.labelled
    if labelled is None:
        f1 = np.full((len(weights), people.truth.shape[1]), np.nan)
        index = np.full(len(weights), np.nan)
    else:
        f1 = multi_label.f1_scores(people.truth, labelled, weights)
        index = multi_label.jaccard(people.truth, labelled, weights)
    return {"jaccard": index, "f1_per_category": f1, "f1": mean_over_labels(f1)}
