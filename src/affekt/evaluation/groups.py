"""Whether a model serves some people better than others: figures by group, gaps between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from affekt.arrays import BoolArray, FloatArray
from affekt.evaluation.bootstrap import N_RESAMPLES
from affekt.evaluation.metrics import multi_label
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.people_bootstrap import estimate, sample_figures
from affekt.evaluation.people_figures import RANGES, ScoredPeople, main_figures
from affekt.evaluation.report import Estimate

MIN_PERSONS = 20
"""Groups of fewer persons are listed but not compared."""

MIN_POSITIVES = 5
"""Categories with fewer positives in either group are left out of the gap in average precision."""

GAPS = {
    "above_chance": "mAP above chance",
    "jaccard": "Jaccard index",
    "vad_mae": "VAD error",
}
"""What is compared. Average precision depends on how many persons there are and how common the
category is among them, so it is compared as what lies above each group's own chance.
"""


@dataclass(frozen=True, slots=True, eq=False)
class GroupFigures:
    """The figures of one group.

    Attributes:
        attribute: what the group shares, such as ``gender``.
        value: such as ``Female``, as the data set states it.
        n: how many persons.
        categories: over how many the mean average precision is.
        figures: ``map``, ``above_chance`` (AP less that of a random order, averaged alike),
            ``jaccard`` and ``vad_mae`` (mean of the three dimensions).
    """

    attribute: str
    value: str
    n: int
    categories: int
    figures: dict[str, Estimate]
    _draws: _GroupDraws = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """The difference of one figure between two groups, ``a`` less ``b``.

    Attributes:
        attribute: what the groups differ in.
        a: value of one group.
        b: value of the other.
        figure: a name of `GAPS`.
        difference: with its interval over draws that both groups share.
    """

    attribute: str
    a: str
    b: str
    figure: str
    difference: Estimate

    @property
    def exceeds(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def sentence(self) -> str:
        """The gap in words.

        >>> Gap("age", "Kid", "Adult", "jaccard", Estimate(-0.05, -0.08, -0.02)).sentence()
        'age: Jaccard index of Kid is 0.050 below that of Adult (95% interval 0.020 to 0.080)'
        """
        value, low, high = self.difference
        bounds = (low, high) if value > 0 else (-high, -low)
        side = "above" if value > 0 else "below"
        return (
            f"{self.attribute}: {GAPS[self.figure]} of {self.a} is {abs(value):.3f} {side} that of "
            f"{self.b} (95% interval {bounds[0]:.3f} to {bounds[1]:.3f})"
        )


def group_figures(
    people: ScoredPeople,
    groups: Mapping[str, Sequence[str | None]],
    pictures: Sequence[str],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> list[GroupFigures]:
    """The figures of every group, on draws that all groups share.

    Args:
        people: n persons.
        groups: by attribute, the value of each person, None where it is not known.
        pictures: of each person, for the draws.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    results = []
    for attribute, values in groups.items():
        for value in sorted({value for value in values if value}):
            members = np.array([own == value for own in values])
            draws = _draw(people.part(members), members, pictures, n_resamples, seed)
            results.append(_figures(attribute, value, draws))
    return results


def gaps(results: Sequence[GroupFigures]) -> list[Gap]:
    """The differences between every two groups of an attribute that are large enough."""
    found = []
    for a, b in combinations(results, 2):
        if a.attribute == b.attribute and min(a.n, b.n) >= MIN_PERSONS:
            for figure, (value, samples) in _differences(a._draws, b._draws).items():
                difference = estimate(value, samples)
                found.append(Gap(a.attribute, a.value, b.value, figure, difference))
    return found


def warnings_of(found: Sequence[Gap]) -> list[str]:
    """A line for every gap that exceeds its interval, and how many would by chance alone."""
    lines = [gap.sentence() for gap in found if gap.exceeds]
    if lines:
        lines.append(
            f"{len(lines)} of {len(found)} gaps exceed their 95% interval; about "
            f"{0.05 * len(found):.1f} would by chance alone"
        )
    return lines


@dataclass(frozen=True, slots=True, eq=False)
class _GroupDraws:
    """Figures of a group, shape (...), and of its draws, shape (r, ...), by name."""

    positives: FloatArray
    n: int
    own: dict[str, FloatArray]
    samples: dict[str, FloatArray]


def _draw(
    part: ScoredPeople,
    members: BoolArray,
    pictures: Sequence[str],
    n_resamples: int,
    seed: int,
) -> _GroupDraws:
    share = multi_label.prevalence(part.truth)
    extra = multi_label.chance_average_precision(part.truth) - share

    def figures(weights: FloatArray) -> dict[str, FloatArray]:
        found = main_figures(part, weights[:, members])
        chance = multi_label.prevalence(part.truth, weights[:, members]) + extra
        return {
            "map": found["map"],
            "lift": found["ap"] - chance,
            "jaccard": found["jaccard"],
            "vad_mae": found["vad_mae"].mean(axis=-1),
        }

    own, samples = sample_figures(figures, pictures, n_resamples=n_resamples, seed=seed)
    return _GroupDraws(part.truth.sum(axis=0), len(part.truth), own, samples)


def _figures(attribute: str, value: str, draws: _GroupDraws) -> GroupFigures:
    lift, lifts = (mean_over_labels(d["lift"]) for d in (draws.own, draws.samples))
    figures = {
        name: estimate(draws.own[name], draws.samples[name], RANGES[name])
        for name in ("map", "jaccard", "vad_mae")
    }
    return GroupFigures(
        attribute=attribute,
        value=value,
        n=draws.n,
        categories=int((draws.positives > 0).sum()),
        figures=figures | {"above_chance": estimate(lift, lifts)},
        _draws=draws,
    )


def _differences(a: _GroupDraws, b: _GroupDraws) -> dict[str, tuple[FloatArray, FloatArray]]:
    shared = np.minimum(a.positives, b.positives) >= MIN_POSITIVES
    lifts = [
        mean_over_labels((one["lift"] - other["lift"])[..., shared])
        for one, other in ((a.own, b.own), (a.samples, b.samples))
    ]
    plain = {
        name: (a.own[name] - b.own[name], a.samples[name] - b.samples[name])
        for name in ("jaccard", "vad_mae")
    }
    return {"above_chance": (lifts[0], lifts[1]), **plain}
