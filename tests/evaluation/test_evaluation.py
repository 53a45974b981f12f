"""What the JSON of an evaluation says, for every kind of head and two of a kind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from affekt.evaluation.evaluate import judge
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.floors import Training
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.resampling import Bootstrap
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people, with_predicted


def judged(said: Predictions, train: Training | None = None) -> Evaluation:
    return judge(said, model="m", data="d", train=train, bootstrap=Bootstrap(5, seed=1))


def plain(said: Predictions, train: Training | None = None) -> dict[str, Any]:
    evaluation = judged(said, train)
    return json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))


def test_a_single_label_head_has_figures_by_class_and_a_confusion() -> None:
    said = said_of_faces(60)
    evaluation, found = judged(said), plain(said)
    output = said.outputs["primary"]
    counts = confusion_matrix(output.truth, output.predicted.argmax(axis=1), labels=range(7))
    for i, label in enumerate(output.labels):
        assert list(found["confusion"][label].values()) == counts[i].tolist()
        assert found["per_class"][label]["support"] == counts[i].sum()
        recall = evaluation.by_label["recall"][label].value
        assert found["per_class"][label]["recall"] == (
            None if np.isnan(recall) else pytest.approx(recall, abs=1e-6)
        )
    assert found["heads"] == {
        "primary": {"kind": "single-label", "labels": list(output.labels), "n": 60}
    }
    assert found["accuracy"] == pytest.approx(evaluation.figures["accuracy"].value, abs=1e-6)
    assert len(found["accuracy_ci95"]) == 2
    assert (found["n"], found["subjects"], found["protocol"]) == (60, 20, "as made")
    assert found["sources"] == {"a": 30, "b": 30} and "faces" not in found
    assert found["leaked"] == 1
    assert found["warnings"][0] == "1 of the 60 faces were seen in training"
    assert found["groups"]["source"]["a"]["n"] == 30


def test_a_multi_label_head_says_what_its_mean_is_over() -> None:
    said = said_of_people(40)
    found = plain(said)
    output = said.outputs["categories"]
    assert found["map_categories"] == 25 and found["without_positives"] == ["Embarrassment"]
    assert list(found["support"].values()) == output.truth.sum(axis=0).tolist()
    assert set(found["thresholds"].values()) == {0.5}
    assert (found["pictures"], found["faces"]) == (20, 20)
    assert found["ap"]["Embarrassment"] is None and found["ap_ci95"]["Embarrassment"] is None
    assert found["heads"]["vad"]["n"] == 39  # of one nothing is known
    assert {*found["vad_mae"]} == {"valence", "arousal", "dominance"}
    (female, male, *_), group = judged(said).groups, found["groups"]["gender"]["Female"]
    assert (female.value, group["n"], group["map_categories"]) == (
        "Female", female.n, female.labels["categories"],
    )  # fmt: skip
    assert group["map"] == pytest.approx(female.figures["map"].value, abs=1e-6)
    assert found["groups"]["gender"]["Male"]["n"] == male.n
    assert not found["warnings"] or "seen in training" not in found["warnings"][0]
    without = plain(said_of_people(40, threshold=None))
    assert without["thresholds"] is None and without["jaccard"] is None


def test_thresholds_are_rounded_for_json() -> None:
    limits = np.full(26, 1 / 3)
    found = plain(with_predicted(said_of_people(20), "categories", thresholds=limits))
    assert set(found["thresholds"].values()) == {0.333333}


def test_each_row_its_own_unit_is_not_counted_as_units() -> None:
    found = plain(said_of_fruit(30))
    assert "rows" not in found and found["bootstrap"]["units"] == 30
    assert [head["n"] for head in found["heads"].values()] == [27, 30, 30]
    assert found["per_class"]["apple"]["support"] == sum(
        said_of_fruit(30).outputs["fruit"].truth == 0
    )
    assert sum(sum(row.values()) for row in found["confusion"].values()) == 27
    assert found["bootstrap"]["rules"]["accuracy"] == "percentile"
    assert found["bootstrap"]["seed"] == 1


def test_two_heads_of_a_kind_keep_their_figures_apart() -> None:
    said = said_of_fruit(30)
    twice = replace(said, outputs=said.outputs | {"twin": said.outputs["shape"]})
    found = plain(twice)
    assert found["twin_support"] == found["support"] == plain(said)["support"]
    assert found["twin_map_categories"] == found["map_categories"]


def test_floors_are_said_by_name_and_none_where_nothing_is_learned_from() -> None:
    said = said_of_people(40)
    rng = np.random.default_rng(0)
    train = Training(
        rng.normal(size=(80, 13)),
        {"categories": rng.random((80, 26)), "vad": np.full((80, 3), 5.0)},
    )
    learned, unlearned = plain(said, train)["floors"], plain(said)["floors"]
    assert {*learned} == {*unlearned} == {"prevalence", "chance", "geometry", "constant_vad"}
    assert unlearned["geometry"] is unlearned["constant_vad"] is None
    error = np.nanmean(np.abs(said.outputs["vad"].truth - 5), axis=0)
    assert list(learned["constant_vad"]["vad_mae"].values()) == pytest.approx(error, abs=1e-6)
    assert "map_ci95" in learned["geometry"] and "ap_ci95" in learned["geometry"]
    assert "map_ci95" not in learned["chance"]
    shares = said.outputs["categories"].truth.mean(axis=0)
    assert learned["prevalence"]["map"] == pytest.approx(shares[shares > 0].mean(), abs=1e-6)
    truth = said_of_faces(60).outputs["primary"].truth
    assert plain(said_of_faces(60))["floors"] == {
        "accuracy": pytest.approx(np.bincount(truth).max() / 60, abs=1e-6),
        "balanced_accuracy": pytest.approx(1 / 6, abs=1e-6),
    }
