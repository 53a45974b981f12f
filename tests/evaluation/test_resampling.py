"""Draws by unit, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap as oracle

from affekt.evaluation.figures import FIGURES, measure
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.resampling import (
    CHUNK,
    Bootstrap,
    Rule,
    draw_weights,
    estimate,
    percentile_interval,
    sample,
)
from affekt.heads import Kind
from fakes.predictions import said_of_faces


def test_a_draw_takes_whole_units_and_as_many_as_there_are() -> None:
    units = np.arange(30) // 3
    draws = np.concatenate(list(draw_weights(units, Bootstrap(CHUNK + 7, seed=3))))
    assert draws.shape == (CHUNK + 7, 30)
    by_unit = draws.reshape(-1, 10, 3)
    assert (by_unit == by_unit[..., :1]).all()
    assert (by_unit[..., 0].sum(axis=1) == 10).all()
    again = np.concatenate(list(draw_weights(units, Bootstrap(CHUNK + 7, seed=3))))
    assert (draws == again).all()
    assert not (draws == np.concatenate(list(draw_weights(units, Bootstrap(57))))).all()


@pytest.mark.parametrize("rule", [*Rule])
@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "nll", "ece"])
def test_intervals_are_those_of_scipy(name: str, rule: Rule) -> None:
    output = said_of_faces(300).outputs["primary"]
    key = ("primary", name)

    def figure(rows: np.ndarray) -> float:
        part = {"primary": output.part(rows)}
        return float(measure(part, [key], np.ones((1, len(rows))))[key][0])

    expected = oracle(
        (np.arange(300),), figure, method=rule.value, n_resamples=1500, vectorized=False,
        rng=np.random.default_rng(7),
    ).confidence_interval  # fmt: skip
    sampled = sample(
        lambda w: measure({"primary": output}, [key], w), np.arange(300), Bootstrap(3000)
    )
    value, low, high = estimate(sampled.own[key], sampled.draws[key], rule)
    tolerance = 0.08 * (expected.high - expected.low)
    assert low == pytest.approx(min(value, expected.low), abs=tolerance)
    assert high == pytest.approx(max(value, expected.high), abs=tolerance)


def test_rows_of_one_unit_widen_the_interval() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=40), 5)

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": weights @ values / weights.sum(axis=1)}

    alone, together = (
        sample(mean, units, Bootstrap(400)).draws["mean"].std()
        for units in (np.arange(200), np.arange(200) // 5)
    )
    assert together == pytest.approx(values[::5].std() / np.sqrt(40), rel=0.15)
    assert together == pytest.approx(alone * np.sqrt(5), rel=0.2)


def test_progress_counts_draws() -> None:
    calls: list[tuple[int, int]] = []
    sample(
        lambda w: {"n": w.sum(axis=1)}, np.arange(4), Bootstrap(60),
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    assert calls == [(50, 60), (60, 60)]


def test_without_draws_there_is_no_interval() -> None:
    sampled = sample(lambda w: {"n": w[:, :2]}, np.arange(4), Bootstrap(0))
    assert sampled.draws["n"].shape == (0, 2)
    assert np.isnan(percentile_interval(sampled.draws["n"])).all()


def test_an_interval_holds_the_figure_and_stays_in_range() -> None:
    samples = np.linspace(0.6, 1.0, 1001)
    assert estimate(0.7, samples) == pytest.approx((0.7, 0.41, 0.79))
    assert estimate(0.7, samples, Rule.PERCENTILE) == pytest.approx((0.7, 0.61, 0.99))
    assert estimate(0.5, samples)[2] == 0.5  # all draws lie above the figure
    assert estimate(0.5, samples, Rule.PERCENTILE)[1] == 0.5
    assert estimate(0.1, samples, within=(0.0, 1.0))[1] == 0
    assert np.isnan(estimate(np.nan, [np.nan, np.nan])).all()


def test_undefined_draws_do_not_count() -> None:
    samples = np.array([[0.2, np.nan], [0.4, np.nan], [np.nan, np.nan]])
    interval = percentile_interval(samples, level=1.0)
    np.testing.assert_allclose(interval[:, 0], [0.2, 0.4])
    assert np.isnan(interval[:, 1]).all()


def test_one_row_has_an_interval_without_width() -> None:
    sampled = sample(lambda w: {"own": w[:, 0] * 0 + 1}, np.zeros(1, int), Bootstrap(10))
    assert estimate(sampled.own["own"], sampled.draws["own"]) == (1, 1, 1)


def test_the_interval_of_accuracy_covers_the_truth_as_often_as_it_says() -> None:
    truth, n, trials = 0.7, 200, 300
    rng, covered = np.random.default_rng(0), 0
    rule = FIGURES[Kind.SINGLE_LABEL]["accuracy"].rule
    for trial in range(trials):
        hits = rng.random(n) < truth
        sampled = sample(
            lambda w, hits=hits: {"a": w @ hits / n}, np.arange(n), Bootstrap(200, trial)
        )
        _, low, high = estimate(sampled.own["a"], sampled.draws["a"], rule)
        covered += low <= truth <= high
    assert 0.91 <= covered / trials <= 0.98


def test_the_interval_of_a_small_samples_map_holds_the_true_figure() -> None:
    """Where the percentile interval, most of it above the truth, would not."""
    rng = np.random.default_rng(0)
    truth = rng.random((20_000, 8)) < np.linspace(0.02, 0.5, 8)
    scores = rng.normal(size=truth.shape) + truth
    true_map = float(mean_over_labels(average_precision(truth, scores)))
    held = dict.fromkeys(Rule, 0)
    for trial in range(40):
        rows = rng.choice(len(truth), 120, replace=False)

        def figures(weights: np.ndarray, rows: np.ndarray = rows) -> dict[str, np.ndarray]:
            found = average_precision(truth[rows], scores[rows], weights)
            return {"map": mean_over_labels(found)}

        sampled = sample(figures, np.arange(120), Bootstrap(100, trial))
        for rule in Rule:
            _, low, high = estimate(sampled.own["map"], sampled.draws["map"], rule)
            held[rule] += low <= true_map <= high
    assert held[FIGURES[Kind.MULTI_LABEL]["map"].rule] >= 32 > held[Rule.PERCENTILE] + 5


def test_a_thousand_draws_of_seed_0_unless_said() -> None:
    assert Bootstrap() == Bootstrap(1000, 0)
    assert [len(part) for part in draw_weights(np.arange(2), Bootstrap(2 * CHUNK + 1))] == [
        CHUNK, CHUNK, 1,
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(), (3,), (3, 2)])
def test_figures_keep_their_shape_in_every_draw(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=(6, *shape))

    def total(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"sum": np.tensordot(weights, values, axes=1)}

    sampled = sample(total, np.arange(6), Bootstrap(CHUNK + 4, seed=2))
    np.testing.assert_allclose(sampled.own["sum"], values.sum(axis=0))
    draws = np.concatenate(list(draw_weights(np.arange(6), Bootstrap(CHUNK + 4, seed=2))))
    np.testing.assert_allclose(sampled.draws["sum"], np.tensordot(draws, values, axes=1))
    low, high = percentile_interval(sampled.draws["sum"], level=0.8)
    np.testing.assert_allclose(low, np.percentile(sampled.draws["sum"], 10, axis=0))
    np.testing.assert_allclose(high, np.percentile(sampled.draws["sum"], 90, axis=0))
    assert low.shape == shape
