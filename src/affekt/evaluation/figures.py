"""Every figure there is: one entry each, from which JSON, tables, intervals and floors follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Flag, auto
from functools import partial
from typing import NamedTuple

import numpy as np

from affekt.arrays import FloatArray
from affekt.evaluation.draws import (
    Draws,
    Function,
    above,
    mean_of,
    of_confusion,
    of_label_sets,
    of_probabilities,
    of_truth,
)
from affekt.evaluation.metrics import dimensional, multi_label, single_label
from affekt.evaluation.predictions import Output
from affekt.evaluation.resampling import Rule
from affekt.heads import Kind

COMMONEST, CHANCE, GEOMETRY, CONSTANT = "commonest_label", "chance", "geometry", "constant"
"""The floors that figures are read against, see `affekt.evaluation.floors`."""


class Use(Flag):
    """Where a figure is given."""

    EVALUATION = auto()
    COMPARISON = auto()
    GROUPS = auto()
    GAPS = auto()


MODELS, EVERY_GROUP = Use.EVALUATION | Use.COMPARISON, Use.GROUPS | Use.GAPS


class Scale(NamedTuple):
    """How a figure is written: times a factor, with digits; its title with a unit."""

    factor: float
    digits: int
    unit: str = ""


PERCENT, FRACTION, COARSE = Scale(100, 1, " (%)"), Scale(1, 3), Scale(1, 2)
NATS = Scale(1, 3, " (nats)")
SHARE, LOSS, CORRELATION = (0.0, 1.0), (0.0, np.inf), (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one kind of head.

    Attributes:
        kind: of the head.
        name: unlike the others of its kind.
        title: in tables; ``{head}`` stands for the head's title.
        function: from draws to shape (r,), or (r, k) where it is ``per_label``.
        scale: in tables.
        range: the least and greatest value it can take.
        rule: of its interval; docs/metrics.md says why.
        per_label: whether there is one for each label or dimension.
        label_title: of one label's, with ``{label}``, where it is compared between models.
        mean_of: the figure per label whose mean it is.
        floors: what it is read against.
        use: where it is given.
        key: in JSON; ``{head}`` stands for the head's name. The name where it is empty.
        brief: whether tables show it without its interval.
    """

    kind: Kind
    name: str
    title: str
    function: Function
    scale: Scale = FRACTION
    range: tuple[float, float] = SHARE
    rule: Rule = Rule.PERCENTILE
    per_label: bool = False
    label_title: str = ""
    mean_of: str = ""
    floors: tuple[str, ...] = ()
    use: Use = MODELS
    key: str = ""
    brief: bool = False

    @property
    def heading(self) -> str:
        """The title with its unit."""
        return f"{self.title}{self.scale.unit}"


_single = partial(Figure, Kind.SINGLE_LABEL)
_multi = partial(Figure, Kind.MULTI_LABEL)
_values = partial(Figure, Kind.DIMENSIONAL)

_ENTRIES = (
    _single(
        "accuracy", "accuracy", of_confusion(single_label.accuracy),
        scale=PERCENT, floors=(COMMONEST,), use=MODELS | Use.GROUPS,
    ),
    _single(
        "balanced_accuracy", "balanced accuracy", of_confusion(single_label.balanced_accuracy),
        scale=PERCENT, floors=(COMMONEST,), use=MODELS | EVERY_GROUP,
        mean_of="recall",
    ),
    _single(
        "ece", "expected calibration error",
        of_probabilities(single_label.expected_calibration_error), rule=Rule.BASIC,
    ),
    _single(
        "nll", "negative log-likelihood", of_probabilities(single_label.negative_log_likelihood),
        scale=NATS, range=LOSS, use=MODELS | EVERY_GROUP,
    ),
    _single(
        "recall", "recall", of_confusion(lambda counts: single_label.per_class(counts).recall),
        scale=PERCENT, per_label=True, label_title="recall of {label}",
    ),
    _single(
        "precision", "precision",
        of_confusion(lambda counts: single_label.per_class(counts).precision),
        scale=PERCENT, per_label=True, use=Use.EVALUATION,
    ),
    _single(
        "f1", "F1", of_confusion(lambda counts: single_label.per_class(counts).f1),
        scale=PERCENT, per_label=True, label_title="F1 of {label}",
    ),
    _multi(
        "map", "mAP", mean_of("ap"), mean_of="ap",
        scale=PERCENT, rule=Rule.BASIC, floors=(CHANCE, GEOMETRY), use=MODELS | Use.GROUPS,
    ),
    _multi(
        "map_official", "mAP, official code's", mean_of("ap_official"), mean_of="ap_official",
        scale=PERCENT, rule=Rule.BASIC, floors=(GEOMETRY,),
    ),
    _multi(
        "above_chance", "mAP above chance", mean_of("lift"), mean_of="lift",
        scale=PERCENT, range=CORRELATION, use=EVERY_GROUP,
    ),
    _multi(
        "jaccard", "Jaccard index", of_label_sets(multi_label.jaccard), use=MODELS | EVERY_GROUP
    ),
    _multi(
        "f1", "F1, mean over categories", mean_of("f1_per_category"), mean_of="f1_per_category"
    ),
    _multi(
        "ece", "expected calibration error", of_truth(multi_label.pooled_calibration_error),
        rule=Rule.BASIC,
    ),
    _multi(
        "ece_mean", "calibration error, mean over categories", mean_of("ece_per_category"),
        mean_of="ece_per_category", rule=Rule.BASIC,
    ),
    _multi(
        "ap", "AP", of_truth(multi_label.average_precision),
        scale=PERCENT, per_label=True, label_title="AP {label}", floors=(CHANCE, GEOMETRY),
    ),
    _multi(
        "ap_official", "official AP", of_truth(multi_label.official_average_precision),
        scale=PERCENT, per_label=True, use=Use.EVALUATION, brief=True,
    ),
    _multi(
        "f1_per_category", "F1", of_label_sets(multi_label.f1_scores, per_label=True),
        scale=COARSE, per_label=True, use=Use.EVALUATION, brief=True,
    ),
    _multi(
        "ece_per_category", "calibration error", of_truth(multi_label.calibration_errors),
        rule=Rule.BASIC, per_label=True, use=Use.EVALUATION, brief=True,
    ),
    _multi(
        "lift", "AP above chance", above("ap", multi_label.chance_average_precision),
        range=CORRELATION, per_label=True, use=Use(0),
    ),
    _values(
        "mae", "mean absolute error", of_truth(dimensional.mean_absolute_error), key="{head}_mae",
        scale=COARSE, range=LOSS, per_label=True, label_title="{label}, mean absolute error",
        floors=(CONSTANT, GEOMETRY),
    ),
    _values(
        "ccc", "CCC", of_truth(dimensional.concordance), key="{head}_ccc",
        scale=COARSE, range=CORRELATION, per_label=True, label_title="{label}, CCC",
    ),
    _values(
        "mean_ccc", "{head}, mean CCC", mean_of("ccc"), mean_of="ccc", key="{head}_ccc",
        scale=COARSE, range=CORRELATION, use=Use(0),
    ),
    _values(
        "mean_mae", "{head} error", mean_of("mae"), mean_of="mae", key="{head}_mae",
        scale=COARSE, range=LOSS, use=EVERY_GROUP,
    ),
)  # fmt: skip

FIGURES: Mapping[Kind, Mapping[str, Figure]] = {
    kind: {figure.name: figure for figure in _ENTRIES if figure.kind is kind} for kind in Kind
}
"""By the kind of head, then by name."""

MAIN: Mapping[Kind, str] = {
    Kind.SINGLE_LABEL: "balanced_accuracy",
    Kind.MULTI_LABEL: "map",
    Kind.DIMENSIONAL: "mean_ccc",
}
"""What models are chosen by; the higher the better."""


class Entry(NamedTuple):
    """A figure of one head of a model.

    Attributes:
        key: in JSON.
        head: the head's name.
        figure: which.
    """

    key: str
    head: str
    figure: Figure


def entries(outputs: Mapping[str, Output], use: Use) -> list[Entry]:
    """The figures of every head that are given there, in order.

    Where an earlier head has a figure of the same key, the head's name is put before it.
    """
    found, taken = list[Entry](), set[tuple[str, bool]]()
    for head, output in outputs.items():
        for figure in FIGURES[output.kind].values():
            if not figure.use & use:
                continue
            key = (figure.key or figure.name).format(head=head)
            key = f"{head}_{key}" if (key, figure.per_label) in taken else key
            taken.add((key, figure.per_label))
            found.append(Entry(key, head, figure))
    return found


def measure(
    outputs: Mapping[str, Output], chosen: Iterable[tuple[str, str]], weights: FloatArray
) -> dict[tuple[str, str], FloatArray]:
    """Figures by head and name, of shape (r,) or (r, k), for weights of shape (r, n)."""
    draws = {
        head: Draws(output, weights, {name: f.function for name, f in FIGURES[output.kind].items()})
        for head, output in outputs.items()
    }
    return {(head, name): draws[head].figure(name) for head, name in chosen}
