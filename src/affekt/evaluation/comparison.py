"""Two models on the same rows: is one better, or are they only lucky on different pictures?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from affekt.arrays import FloatArray
from affekt.errors import DataError
from affekt.evaluation.figures import Entry, Scale, Use, entries, measure
from affekt.evaluation.measuring import plain, plain_bootstrap, plain_bounds
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.resampling import (
    Bootstrap,
    Estimate,
    Rule,
    Sampled,
    estimate,
    sample,
)
from affekt.heads import Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two models.

    Attributes:
        title: of the figure.
        scale: of the figure, in tables.
        a: of the first.
        b: of the second.
        difference: ``b - a``, with its interval over draws that both models share.
        p: two-sided probability of a difference at least as far from 0 if there were none.
    """

    title: str
    scale: Scale
    a: float
    b: float
    difference: Estimate
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined figure is None."""
        return {
            "a": plain(self.a),
            "b": plain(self.b),
            "p": plain(self.p),
            "difference": plain(self.difference.value),
            "difference_ci95": plain_bounds(self.difference),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two models on the same rows.

    Attributes:
        models: the names of the first and the second.
        data: the manifest's file.
        differences: by the figure's key; of one label's, ``KEY.LABEL``.
        bootstrap: of the intervals, which are basic ones.
        predictions: of the first model.
    """

    models: tuple[str, str]
    data: str
    differences: dict[str, Difference]
    bootstrap: Bootstrap
    predictions: Predictions = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined figure is None."""
        said = self.predictions
        return {
            "models": list(self.models),
            "data": self.data,
            "split": said.split,
            "n": len(said),
            "differences": {name: own.to_dict() for name, own in self.differences.items()},
            "bootstrap": plain_bootstrap(self.bootstrap, said) | {"rule": Rule.BASIC.value},
        }


def compare_predictions(
    a: Predictions,
    b: Predictions,
    *,
    models: tuple[str, str],
    data: str,
    bootstrap: Bootstrap | None = None,
) -> Comparison:
    """The figures of two models and their differences, on draws that both share.

    Args:
        a: what the first said.
        b: what the second said of the same rows.
        models: their names.
        data: name of the data, for the report.
        bootstrap: how often to draw.

    Raises:
        DataError: they were not made for the same rows and labels.
    """
    _check_alike(a, b, models)
    draws = bootstrap or Bootstrap()
    lines = _lines(a.outputs)
    names = {(line.entry.head, line.entry.figure.name) for line in lines}
    first, second = (
        sample(partial(measure, said.outputs, names), said.unit_of, draws) for said in (a, b)
    )
    differences = {line.key: _difference(line, first, second) for line in lines}
    return Comparison(models, data, differences, draws, a)


def p_value(difference: float, samples: FloatArray) -> float:
    """Two-sided p of a difference being 0: below 0.05 where the basic 95% interval leaves out 0.

    Twice the share of draws that lie further from the difference than 0 does, on 0's mirrored
    side, with one draw added so that it is never 0.

    Args:
        difference: the one measured.
        samples: shape (r,), that of every draw; undefined ones (NaN) do not count.

    >>> round(p_value(0.3, np.linspace(0.2, 0.4, 99)), 2), p_value(0.0, np.linspace(-1, 1, 99))
    (0.02, 1.0)
    """
    drawn = samples[np.isfinite(samples)]
    if not drawn.size or np.isnan(difference):
        return float("nan")
    further = min(int((drawn >= 2 * difference).sum()), int((drawn <= 2 * difference).sum()))
    return min(1.0, 2 * (further + 1) / (len(drawn) + 1))


def _check_alike(a: Predictions, b: Predictions, models: tuple[str, str]) -> None:
    if (a.sources, a.ids) != (b.sources, b.ids):
        raise DataError(
            f"{models[0]} was measured on {len(a)} {a.noun} and {models[1]} on {len(b)} "
            "others: compare models on the same split of the same manifest"
        )
    for name in a.outputs | b.outputs:
        own, other = a.outputs.get(name), b.outputs.get(name)
        if own is None or other is None or not _alike(own, other):
            said = [_labels(output) for output in (own, other)]
            raise DataError(
                f"{name} of {models[0]} is {said[0]}, of {models[1]} {said[1]}: compare models "
                "of the same heads and labels"
            )


def _alike(a: Output, b: Output) -> bool:
    same = (a.kind, a.labels) == (b.kind, b.labels)
    return same and np.array_equal(a.truth, b.truth, equal_nan=a.kind is Kind.DIMENSIONAL)


def _labels(output: Output | None) -> str:
    return "nothing" if output is None else ", ".join(output.labels)


@dataclass(frozen=True, slots=True)
class _Line:
    """One figure that is compared, or one label's."""

    key: str
    title: str
    entry: Entry
    label: int | None = None

    def of(self, figures: Mapping[tuple[str, str], FloatArray]) -> FloatArray:
        """Its value, or those of every draw."""
        values = figures[self.entry.head, self.entry.figure.name]
        return values if self.label is None else values[..., self.label]


def _lines(outputs: Mapping[str, Output]) -> list[_Line]:
    """What is compared: labels last, dimensions before them."""
    found, last = list[_Line](), list[_Line]()
    for entry in entries(outputs, Use.COMPARISON):
        key, head, figure = entry
        if not figure.per_label:
            found.append(_Line(key, figure.heading, entry))
            continue
        few = outputs[head].kind is Kind.DIMENSIONAL
        for place, label in enumerate(outputs[head].labels):
            title = figure.label_title.format(label=label) + figure.scale.unit
            (found if few else last).append(_Line(f"{key}.{label}", title, entry, place))
    return found + last


def _difference(
    line: _Line, a: Sampled[tuple[str, str]], b: Sampled[tuple[str, str]]
) -> Difference:
    own, other = float(line.of(a.own)), float(line.of(b.own))
    drawn = line.of(b.draws) - line.of(a.draws)
    return Difference(
        title=line.title,
        scale=line.entry.figure.scale,
        a=own,
        b=other,
        difference=estimate(other - own, drawn),
        p=p_value(other - own, drawn),
    )
