"""Whether a model serves some people better than others: figures by group, gaps between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from affekt.arrays import FloatArray, IntArray
from affekt.evaluation.figures import Entry, Use, entries, measure
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.resampling import Bootstrap, Estimate, Sampled, estimate, sample

MIN_ROWS = 20
"""Groups of fewer rows are listed but not compared."""

MIN_SUPPORT = 5
"""Labels that fewer rows of either group have are left out of the gap in a mean over labels."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupFigures:
    """The figures of one group.

    Attributes:
        attribute: what the group shares, such as ``gender``.
        value: such as ``Female``, as the data set states it.
        n: how many rows.
        figures: by key. Means over labels are over those that some row of the group has.
        labels: by head, how many labels these are.
    """

    attribute: str
    value: str
    n: int
    figures: dict[str, Estimate]
    labels: dict[str, int]
    _support: dict[str, IntArray] = field(repr=False)
    _sampled: Sampled[tuple[str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """The difference of one figure between two groups, ``a`` less ``b``.

    Attributes:
        attribute: what the groups differ in.
        a: value of one group.
        b: value of the other.
        figure: its key.
        title: of the figure.
        difference: with its interval over draws that both groups share.
    """

    attribute: str
    a: str
    b: str
    figure: str
    title: str
    difference: Estimate

    @property
    def exceeds(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.difference.low > 0 or self.difference.high < 0

    def sentence(self) -> str:
        """The gap in words.

        >>> change = Estimate(-0.05, -0.08, -0.02)
        >>> Gap("age", "Kid", "Adult", "jaccard", "Jaccard index", change).sentence()
        'age: Jaccard index of Kid is 0.050 below that of Adult (95% interval 0.020 to 0.080)'
        """
        value, low, high = self.difference
        bounds = (low, high) if value > 0 else (-high, -low)
        side = "above" if value > 0 else "below"
        return (
            f"{self.attribute}: {self.title} of {self.a} is {abs(value):.3f} {side} that of "
            f"{self.b} (95% interval {bounds[0]:.3f} to {bounds[1]:.3f})"
        )


def measure_groups(predictions: Predictions, bootstrap: Bootstrap) -> list[GroupFigures]:
    """The figures of every group, on draws that all groups share.

    Args:
        predictions: with the groups of every row.
        bootstrap: how often to draw.
    """
    results = []
    for attribute, values in predictions.groups.items():
        for value in sorted({value for value in values if value}):
            members = np.array([own == value for own in values])
            outputs = {h: output.part(members) for h, output in predictions.outputs.items()}
            sampled = _sample(outputs, members, predictions.unit_of, bootstrap)
            results.append(_group(attribute, value, outputs, sampled))
    return results


def find_gaps(results: Sequence[GroupFigures], outputs: Mapping[str, Output]) -> list[Gap]:
    """The differences between every two groups of an attribute that are large enough.

    Args:
        results: from `measure_groups`.
        outputs: of the predictions that they were measured on.
    """
    found = []
    for a, b in combinations(results, 2):
        if a.attribute == b.attribute and min(a.n, b.n) >= MIN_ROWS:
            for key, head, figure in entries(outputs, Use.GAPS):
                title = figure.title.format(head=outputs[head].title)
                difference = _difference(a, b, Entry(key, head, figure))
                found.append(Gap(a.attribute, a.value, b.value, key, title, difference))
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


def _sample(
    outputs: Mapping[str, Output], members: FloatArray, unit_of: IntArray, bootstrap: Bootstrap
) -> Sampled[tuple[str, str]]:
    """The figures of a group, and those per label whose means they are."""
    chosen = entries(outputs, Use.GROUPS)
    names = {(e.head, name) for e in chosen for name in (e.figure.name, e.figure.mean_of) if name}
    return sample(lambda w: measure(outputs, names, w[:, members]), unit_of, bootstrap)


def _group(
    attribute: str,
    value: str,
    outputs: Mapping[str, Output],
    sampled: Sampled[tuple[str, str]],
) -> GroupFigures:
    figures = {}
    for key, head, figure in entries(outputs, Use.GROUPS):
        name = (head, figure.name)
        own, drawn = sampled.own[name], sampled.draws[name]
        figures[key] = estimate(own, drawn, figure.rule, figure.range)
    support = {head: output.support for head, output in outputs.items()}
    labels = {head: int((counts > 0).sum()) for head, counts in support.items()}
    n = len(next(iter(outputs.values())).predicted)
    return GroupFigures(attribute, value, n, figures, labels, support, sampled)


def _difference(a: GroupFigures, b: GroupFigures, entry: Entry) -> Estimate:
    """Of a mean over labels, that of the labels which both groups have often enough."""
    head, figure = entry.head, entry.figure
    name = (head, figure.mean_of or figure.name)
    own = a._sampled.own[name] - b._sampled.own[name]
    drawn = a._sampled.draws[name] - b._sampled.draws[name]
    if figure.mean_of:
        shared = np.minimum(a._support[head], b._support[head]) >= MIN_SUPPORT
        own, drawn = (mean_over_labels(values[..., shared]) for values in (own, drawn))
    return estimate(own, drawn)
