"""Figures with their intervals, and the plain values that JSON has of them."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.evaluation.figures import Use, entries, measure
from affekt.evaluation.measuring import (
    Measured,
    measure_figures,
    plain_bootstrap,
    plain_bounds,
    plain_by_label,
    plain_figures,
    plain_values,
)
from affekt.evaluation.resampling import Bootstrap, Estimate, estimate, sample
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people

SAID = said_of_fruit(60)
CHOSEN = entries(SAID.outputs, Use.EVALUATION)


def test_every_figure_is_its_own_with_an_interval_of_its_rule() -> None:
    bootstrap = Bootstrap(30, seed=3)
    found = measure_figures(SAID.outputs, CHOSEN, SAID.unit_of, bootstrap)
    names = [(entry.head, entry.figure.name) for entry in CHOSEN]
    drawn = sample(lambda w: measure(SAID.outputs, names, w), SAID.unit_of, bootstrap)
    assert {*found.figures} | {*found.by_label} == {entry.key for entry in CHOSEN}
    for entry, name in zip(CHOSEN, names, strict=True):
        own, draws, figure = drawn.own[name], drawn.draws[name], entry.figure
        if figure.per_label:
            labels = SAID.outputs[entry.head].labels
            assert tuple(found.by_label[entry.key]) == labels
            for j, label in enumerate(labels):
                expected = estimate(own[j], draws[:, j], figure.rule, figure.range)
                assert found.by_label[entry.key][label] == pytest.approx(expected, nan_ok=True)
        else:
            expected = estimate(own, draws, figure.rule, figure.range)
            assert found.figures[entry.key] == pytest.approx(expected, nan_ok=True)


def test_without_a_bootstrap_there_are_no_intervals() -> None:
    found = measure_figures(SAID.outputs, CHOSEN, SAID.unit_of)
    assert found.figures["accuracy"].value > 0
    assert all(np.isnan(own.low) and np.isnan(own.high) for own in found.figures.values())


NAN = float("nan")
HALF, UNKNOWN = Estimate(0.5, 0.25, 0.75), Estimate(NAN)
MEASURED = Measured({"a": HALF, "b": UNKNOWN}, {"c": {"x": Estimate(1 / 3), "y": UNKNOWN}})


def test_what_is_undefined_is_none_and_the_rest_has_six_decimals() -> None:
    assert plain_bounds(HALF) == [0.25, 0.75] and plain_bounds(UNKNOWN) is None
    assert plain_bounds(Estimate(0.5, 0.25, NAN)) == [0.25, None]
    figures = plain_figures(MEASURED.figures)
    assert figures == {"a": 0.5, "a_ci95": [0.25, 0.75], "b": None, "b_ci95": None}
    assert list(figures) == ["a", "a_ci95", "b", "b_ci95"]
    assert plain_by_label(MEASURED.by_label) == {
        "c": {"x": 0.333333, "y": None}, "c_ci95": {"x": None, "y": None},
    }  # fmt: skip


def test_values_alone_are_of_all_keys_or_of_some() -> None:
    every = {"a": 0.5, "b": None, "c": {"x": 0.333333, "y": None}}
    assert plain_values(MEASURED) == every
    for keys in ([], ["a"], ["c"], ["b", "c", "unknown"]):
        expected = {key: value for key, value in every.items() if key in keys}
        assert plain_values(MEASURED, keys) == expected


@pytest.mark.parametrize(
    ("said", "unit", "units"),
    [(said_of_people(20), "picture", 10), (said_of_faces(30), "subject", 10), (SAID, "row", 60)],
)
def test_what_was_drawn_and_how_often_is_said(said, unit: str, units: int) -> None:
    assert plain_bootstrap(Bootstrap(7, seed=2), said) == {
        "n_resamples": 7, "seed": 2, "unit": unit, "units": units,
    }  # fmt: skip
