"""Figures as functions of draws: of rows of known truth, each computed once."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.evaluation.draws import (
    Draws,
    above,
    mean_of,
    of_confusion,
    of_label_sets,
    of_probabilities,
    of_truth,
)
from affekt.evaluation.metrics.single_label import confusion_matrix
from fakes.predictions import said_of_fruit, said_of_people

FRUIT = said_of_fruit(30).outputs
WEIGHTS = np.random.default_rng(0).integers(0, 3, (4, 30)).astype(float)


def test_rows_of_unknown_truth_are_in_no_draw() -> None:
    draws = Draws(FRUIT["fruit"], WEIGHTS, {"n": lambda own: own.weights.sum(axis=1)})
    known = np.arange(30) % 10 != 0
    assert len(draws.output.predicted) == 27
    np.testing.assert_array_equal(draws.weights, WEIGHTS[:, known])
    np.testing.assert_array_equal(draws.figure("n"), WEIGHTS[:, known].sum(axis=1))
    expected = confusion_matrix(draws.output.predicted, draws.output.truth, draws.weights)
    np.testing.assert_array_equal(draws.confusion, expected)
    scale = Draws(FRUIT["scale"], WEIGHTS, {})
    assert scale.output is FRUIT["scale"] and scale.weights is WEIGHTS


def test_a_figure_is_computed_once_however_many_need_it() -> None:
    calls: list[str] = []

    def counted(name: str) -> np.ndarray:
        calls.append(name)
        return np.array([[1.0, np.nan], [2.0, 4.0]])

    draws = Draws(FRUIT["shape"], WEIGHTS[:2], {
        "a": lambda own: counted("a"),
        "mean": mean_of("a"),
        "more": above("mean", lambda truth, weights: weights.sum(axis=1) + len(truth)),
    })  # fmt: skip
    assert draws.figure("mean").tolist() == [1, 3]
    assert draws.figure("more").tolist() == ([1, 3] - WEIGHTS[:2].sum(axis=1) - 30).tolist()
    assert calls == ["a"]


def test_each_metric_gets_what_it_is_of() -> None:
    output = FRUIT["shape"]
    draws = Draws(output, WEIGHTS, {})

    def given(*values: np.ndarray) -> tuple[np.ndarray, ...]:
        return values

    for function, expected in (
        (of_probabilities(given), (output.predicted, output.truth, WEIGHTS)),
        (of_truth(given), (output.truth, output.predicted, WEIGHTS)),
        (of_label_sets(given), (output.truth, output.labelled, WEIGHTS)),
    ):
        for one, other in zip(function(draws), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    fruit = Draws(FRUIT["fruit"], WEIGHTS, {})
    assert of_confusion(lambda counts: counts.sum(axis=(1, 2)))(fruit) == pytest.approx(
        fruit.weights.sum(axis=1)
    )


@pytest.mark.parametrize(("per_label", "shape"), [(False, (4,)), (True, (4, 26))])
def test_without_thresholds_label_sets_have_no_figure(
    per_label: bool, shape: tuple[int, ...]
) -> None:
    output = said_of_people(30, threshold=None).outputs["categories"]
    found = of_label_sets(max, per_label=per_label)(Draws(output, WEIGHTS, {}))
    assert found.shape == shape and np.isnan(found).all()
