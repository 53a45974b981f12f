"""Two models on the same people."""

import json
from dataclasses import replace

import numpy as np
import pytest

from affekt.errors import DataError, UsageError
from affekt.evaluation.comparison import compare, compare_bundles, p_value
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels

LIMITS = (np.full(26, 0.5), np.full(26, 0.5))


def comparison(a, b, **options):
    given = {"models": ("a", "b"), "data": "d", "thresholds": LIMITS, "n_resamples": 200}
    return compare(a, b, **(given | options))


def test_a_better_model_is_better_beyond_chance(make_predictions):
    a, b = make_predictions(skill=0.2), make_predictions(skill=0.6)
    found = comparison(a, b)
    line = found.differences["map"]
    expected = [
        float(mean_over_labels(average_precision(x.truth, x.probabilities))) for x in (a, b)
    ]
    assert (line.a, line.b) == pytest.approx(expected)
    assert line.difference.value == pytest.approx(expected[1] - expected[0])
    assert line.difference.low > 0 and line.p < 0.02
    figures = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert figures["differences"]["ap.Embarrassment"]["difference_ci95"] is None
    assert figures["models"] == ["a", "b"] and figures["n"] == 120
    page = found.to_markdown()
    assert "# b against a on d, test" in page and "| AP Embarrassment (%) | - | - | - | - |" in page


def test_the_pairing_makes_small_differences_visible(make_predictions):
    a = make_predictions(skill=0.3)
    b = replace(a, probabilities=a.probabilities + 0.02 * a.truth)
    line = comparison(a, b).differences["map"]
    assert line.difference.low > 0
    assert line.difference.high - line.difference.low < 0.05


def test_equal_models_do_not_differ(make_predictions):
    a = make_predictions()
    for line in comparison(a, a).differences.values():
        assert np.isnan(line.p) or (line.p == 1 and line.difference == (0, 0, 0))


def test_models_of_equal_skill_rarely_differ(make_predictions):
    a = make_predictions(skill=0.3)
    values = [
        comparison(a, make_predictions(skill=0.3, seed=s), n_resamples=100).differences["map"].p
        for s in range(1, 13)
    ]
    assert sum(p < 0.05 for p in values) <= 3 and max(values) > 0.2


def test_p_agrees_with_the_interval():
    samples = np.random.default_rng(0).normal(0.3, 0.1, 2000)
    assert p_value(0.3, samples) < 0.01 and p_value(0.01, samples - 0.29) > 0.5
    assert np.isnan(p_value(np.nan, samples))


def test_other_persons_cannot_be_compared(make_predictions):
    with pytest.raises(DataError, match="120 persons and b on 100"):
        comparison(make_predictions(120), make_predictions(100))


def test_two_bundles(tiny_context, write_context, write_drawn_people, tmp_path):
    manifest = write_drawn_people(tmp_path / "people", {"test": (1, 2, 3, 2)})
    other = write_context(tmp_path / "other", seed=5, name="other")
    found = compare_bundles(tiny_context, other, manifest, n_resamples=10)
    assert found.models == ("tiny-context", "other") and found.n == 8
    with pytest.raises(UsageError, match="the same model"):
        compare_bundles(other, other, manifest)
