"""Figures with their intervals, and as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from affekt.arrays import IntArray
from affekt.evaluation.figures import Entry, measure
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.resampling import Bootstrap, Estimate, estimate, sample


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Figures by their key.

    Attributes:
        figures: those that are one number.
        by_label: those of each label or dimension, by its name.
    """

    figures: dict[str, Estimate] = field(default_factory=dict)
    by_label: dict[str, dict[str, Estimate]] = field(default_factory=dict)


def measure_figures(
    outputs: Mapping[str, Output],
    chosen: Sequence[Entry],
    unit_of: IntArray,
    bootstrap: Bootstrap | None = None,
) -> Measured:
    """The chosen figures with their intervals, all on the same draws.

    Args:
        outputs: by head, of n rows.
        chosen: see `affekt.evaluation.figures.entries`.
        unit_of: of each row, which unit it belongs to.
        bootstrap: how often to draw; without it there are no intervals.
    """
    names = [(entry.head, entry.figure.name) for entry in chosen]
    draws = bootstrap or Bootstrap(n_resamples=0)
    sampled = sample(partial(measure, outputs, names), unit_of, draws)
    found = Measured()
    for entry, name in zip(chosen, names, strict=True):
        own, drawn, figure = sampled.own[name], sampled.draws[name], entry.figure
        if not figure.per_label:
            found.figures[entry.key] = estimate(own, drawn, figure.rule, figure.range)
            continue
        found.by_label[entry.key] = {
            label: estimate(own[j], drawn[:, j], figure.rule, figure.range)
            for j, label in enumerate(outputs[entry.head].labels)
        }
    return found


def plain(value: float) -> float | None:
    """A figure for JSON: six decimals, None where it is undefined.

    >>> plain(1 / 3), plain(np.nan)
    (0.333333, None)
    """
    return None if np.isnan(value) else round(value, 6)


def plain_bounds(estimate: Estimate) -> list[float | None] | None:
    """The interval of a figure for JSON; None where it is undefined."""
    return None if np.isnan(estimate.low) else [plain(estimate.low), plain(estimate.high)]


def plain_figures(figures: Mapping[str, Estimate]) -> dict[str, Any]:
    """Every figure for JSON, followed by its interval under its key and ``_ci95``.

    >>> plain_figures({"map": Estimate(0.5, 0.25, 0.75)})
    {'map': 0.5, 'map_ci95': [0.25, 0.75]}
    """
    pairs = ((key, own) for key, own in figures.items())
    return {
        name: value
        for key, own in pairs
        for name, value in ((key, plain(own.value)), (f"{key}_ci95", plain_bounds(own)))
    }


def plain_by_label(by_label: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Any]:
    """Every figure of every label for JSON, followed by the intervals."""
    return {
        name: values
        for key, own in by_label.items()
        for name, values in (
            (key, {label: plain(figure.value) for label, figure in own.items()}),
            (f"{key}_ci95", {label: plain_bounds(figure) for label, figure in own.items()}),
        )
    }


def plain_values(measured: Measured, keys: Iterable[str] | None = None) -> dict[str, Any]:
    """Figures that have no intervals, for JSON; all of them, or those of some keys."""
    wanted = {*measured.figures, *measured.by_label} if keys is None else set(keys)
    return {key: plain(own.value) for key, own in measured.figures.items() if key in wanted} | {
        key: {label: plain(figure.value) for label, figure in own.items()}
        for key, own in measured.by_label.items()
        if key in wanted
    }


def plain_bootstrap(bootstrap: Bootstrap, predictions: Predictions) -> dict[str, Any]:
    """How intervals were made, for JSON."""
    return {
        "n_resamples": bootstrap.n_resamples,
        "seed": bootstrap.seed,
        "unit": predictions.unit,
        "units": int(predictions.unit_of.max()) + 1,
    }
