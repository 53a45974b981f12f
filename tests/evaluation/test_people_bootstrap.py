"""Draws by picture, and intervals that hold what they promise."""

import numpy as np
import pytest

from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.people_bootstrap import CHUNK, estimate, picture_draws, sample_figures


def test_a_draw_takes_whole_pictures_and_as_many_as_there_are():
    pictures = [f"p{i // 3}" for i in range(30)]
    draws = np.concatenate(list(picture_draws(pictures, n_resamples=CHUNK + 7, seed=3)))
    assert draws.shape == (CHUNK + 7, 30)
    by_picture = draws.reshape(-1, 10, 3)
    assert (by_picture == by_picture[..., :1]).all()
    assert (by_picture[..., 0].sum(axis=1) == 10).all()
    again = np.concatenate(list(picture_draws(pictures, n_resamples=CHUNK + 7, seed=3)))
    assert (draws == again).all()
    assert not (draws == np.concatenate(list(picture_draws(pictures, n_resamples=57)))).all()


def test_persons_of_one_picture_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).normal(size=40), 5)

    def mean(weights):
        return {"mean": weights @ values / weights.sum(axis=1)}

    alone, together = (
        sample_figures(mean, pictures, n_resamples=400)[1]["mean"].std()
        for pictures in (list(range(200)), list(np.repeat(range(40), 5)))
    )
    assert together == pytest.approx(values[::5].std() / np.sqrt(40), rel=0.15)
    assert together == pytest.approx(alone * np.sqrt(5), rel=0.2)


def test_progress_counts_draws():
    calls = []
    sample_figures(
        lambda w: {"n": w.sum(axis=1)}, range(4), n_resamples=60,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    assert calls == [(50, 60), (60, 60)]


def test_the_interval_turns_around_holds_the_figure_and_stays_in_range():
    samples = np.linspace(0.6, 1.0, 1001)
    assert estimate(0.7, samples) == pytest.approx((0.7, 0.41, 0.79))
    assert estimate(0.5, samples)[2] == 0.5  # all draws lie above the figure
    assert estimate(0.1, samples, (0.0, 1.0))[1] == 0
    assert np.isnan(estimate(np.nan, [np.nan, np.nan])).all()


def test_the_interval_of_a_small_sample_holds_the_true_figure():
    """Where the percentile interval, all of it above the truth, would not."""
    rng = np.random.default_rng(0)
    truth = rng.random((20_000, 8)) < 0.05
    scores = rng.random(truth.shape) + 0.15 * truth
    true_map = float(mean_over_labels(average_precision(truth, scores)))
    held = 0
    for trial in range(40):
        rows = rng.choice(len(truth), 150, replace=False)

        def figures(weights, rows=rows):
            found = average_precision(truth[rows], scores[rows], weights)
            return {"map": mean_over_labels(found)}

        own, samples = sample_figures(figures, range(150), n_resamples=100, seed=trial)
        _, low, high = estimate(own["map"], samples["map"])
        held += low <= true_map <= high
    assert held >= 33
