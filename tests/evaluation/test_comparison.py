"""Two models on the same rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.evaluation.comparison import compare_predictions, p_value
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.resampling import Bootstrap
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people, with_predicted


def comparison(a, b, n_resamples=200):
    return compare_predictions(a, b, models=("a", "b"), data="d", bootstrap=Bootstrap(n_resamples))


def test_a_better_model_is_better_beyond_chance():
    a, b = said_of_people(skill=0.2), said_of_people(skill=0.6)
    found = comparison(a, b)
    line = found.differences["map"]
    heads = [own.outputs["categories"] for own in (a, b)]
    expected = [float(mean_over_labels(average_precision(x.truth, x.predicted))) for x in heads]
    assert (line.a, line.b) == pytest.approx(expected)
    assert line.difference.value == pytest.approx(expected[1] - expected[0])
    assert line.difference.low > 0 and line.p < 0.02
    figures = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert figures["differences"]["ap.Embarrassment"]["difference_ci95"] is None
    assert figures["models"] == ["a", "b"] and figures["n"] == 120
    assert (figures["bootstrap"]["unit"], figures["bootstrap"]["units"]) == ("picture", 60)
    assert figures["bootstrap"]["rule"] == "basic"
    order = list(figures["differences"])
    assert order.index("vad_ccc.dominance") < order.index("ap.Affection") == len(order) - 26


def test_face_models_are_compared_as_well():
    found = comparison(said_of_faces(skill=0.5), said_of_faces(skill=2.5))
    line = found.differences["accuracy"]
    assert line.difference.low > 0 and line.p < 0.02
    assert found.differences["nll"].difference.high < 0
    assert found.differences["recall.anger"].b > found.differences["recall.anger"].a
    assert np.isnan(found.differences["recall.disgust"].p)


def test_every_head_of_a_model_is_compared():
    found = comparison(said_of_fruit(skill=0.5), said_of_fruit(skill=2, seed=1)).differences
    assert {"accuracy", "map", "shape_ece", "scale_mae.weight", "recall.plum"} <= {*found}


def test_the_pairing_makes_small_differences_visible():
    a = said_of_people(skill=0.3)
    output = a.outputs["categories"]
    b = with_predicted(a, "categories", predicted=output.predicted + 0.02 * output.truth)
    line = comparison(a, b).differences["map"]
    assert line.difference.low > 0
    assert line.difference.high - line.difference.low < 0.05


@pytest.mark.parametrize("said", [said_of_people(), said_of_faces(), said_of_fruit()])
def test_equal_models_do_not_differ(said):
    for line in comparison(said, said).differences.values():
        assert np.isnan(line.p) or (line.p == 1 and line.difference == (0, 0, 0))


@pytest.mark.parametrize(("make", "figure"), [(said_of_people, "map"), (said_of_faces, "accuracy")])
def test_models_of_equal_skill_rarely_differ(make, figure):
    a = make(skill=0.3)
    values = [
        comparison(a, make(skill=0.3, seed=s), n_resamples=100).differences[figure].p
        for s in range(1, 13)
    ]
    assert sum(p < 0.05 for p in values) <= 3 and max(values) > 0.2


def test_p_agrees_with_the_interval():
    samples = np.random.default_rng(0).normal(0.3, 0.1, 2000)
    assert p_value(0.3, samples) < 0.01 and p_value(0.01, samples - 0.29) > 0.5
    assert np.isnan(p_value(np.nan, samples))


def test_what_cannot_be_compared_is_named():
    with pytest.raises(DataError, match="120 persons and b on 100"):
        comparison(said_of_people(120), said_of_people(100))
    faces = said_of_faces()
    labels = tuple(label.upper() for label in faces.outputs["primary"].labels)
    with pytest.raises(DataError, match=r"primary of a is anger.* of b ANGER"):
        comparison(faces, with_predicted(faces, "primary", labels=labels))
    people = said_of_people()
    fewer = replace(people, outputs={"vad": people.outputs["vad"]})
    with pytest.raises(DataError, match=r"categories of a is Affection.* of b nothing"):
        comparison(people, fewer)


@pytest.mark.parametrize(
    ("difference", "samples", "p"),
    [
        (0.3, [0.2, 0.3, 0.4], 0.5),  # none is further: one is added
        (0.3, [0.0, 0.3, 0.6], 1.0),  # one at each end
        (0.3, [0.59, 0.3, 0.6], 1.0),
        (0.3, [0.2] * 39, 0.05),
        (0.3, [0.2] * 38 + [0.6], 0.1),
        (-0.3, [-0.2] * 38 + [-0.6], 0.1),
        (0.3, [np.nan, 0.2, np.nan, 0.3, 0.4], 0.5),
        (0.3, [np.nan], np.nan),
        (np.nan, [0.3], np.nan),
        (0.0, [0.0, 0.0], 1.0),
    ],
)
def test_p_is_twice_the_share_of_draws_beyond_the_mirrored_0(difference, samples, p):
    assert p_value(difference, np.array(samples)) == pytest.approx(p, nan_ok=True)


def test_rows_and_truth_must_be_the_same():
    said = said_of_fruit(20)
    other = with_predicted(said, "shape", truth=~said.outputs["shape"].truth)
    for wrong in (other, replace(said, ids=("x", *said.ids[1:]))):
        with pytest.raises(DataError, match="compare models"):
            comparison(said, wrong)
    fewer = {name: said.outputs[name] for name in ("fruit", "scale")}
    for a, b in ((said, replace(said, outputs=fewer)), (replace(said, outputs=fewer), said)):
        with pytest.raises(DataError, match=r"shape of a is .*compare models of the same heads"):
            comparison(a, b)


def test_each_labels_line_is_of_that_label():
    a, b = said_of_fruit(60), said_of_fruit(60, skill=3, seed=2)
    found = comparison(a, b, 20).differences
    errors = [
        np.abs(said.outputs["scale"].predicted - said.outputs["scale"].truth).mean()
        for said in (a, b)
    ]
    line = found["scale_mae.weight"]
    assert (line.a, line.b) == pytest.approx(errors)
    assert line.difference.value == pytest.approx(errors[1] - errors[0])
    aps = [average_precision(said.outputs["shape"].truth, said.outputs["shape"].predicted)
           for said in (a, b)]  # fmt: skip
    for j, label in enumerate(("long", "round")):
        line = found[f"ap.{label}"]
        assert (line.a, line.b) == pytest.approx((aps[0][j], aps[1][j]))
        assert line.title == f"AP {label} (%)"
