"""What needs no picture, by head."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.evaluation.floors import PREVALENCE, Training, forest_predictions, measure_floors
from affekt.evaluation.metrics.dimensional import mean_absolute_error
from affekt.evaluation.metrics.multi_label import average_precision, chance_average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.resampling import Bootstrap
from affekt.heads import Kind
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people


def table(n: int, seed: int) -> Training:
    """Rows whose first category and arousal follow from their geometry."""
    rng = np.random.default_rng(seed)
    geometry = rng.normal(size=(n, 13))
    truth = np.stack([geometry[:, 2] > 0.5, rng.random(n) < 0.3], axis=1)
    vad = np.stack([rng.uniform(1, 10, n), 5 + 2 * (geometry[:, 0] > 0), np.full(n, 4.0)], axis=1)
    return Training(geometry, {"categories": truth.astype(float), "vad": vad})


def test_the_forest_finds_what_geometry_tells_and_nothing_else() -> None:
    train, test = table(1500, 0), table(800, 1)
    said = forest_predictions(train, test.geometry)
    ap = average_precision(test.targets["categories"], said["categories"])
    assert ap[0] > 0.95 and ap[1] < 0.45
    errors = mean_absolute_error(test.targets["vad"], said["vad"])
    means = np.broadcast_to(train.targets["vad"].mean(axis=0), said["vad"].shape)
    assert errors[1] < 0.4 and mean_absolute_error(test.targets["vad"], means)[1] > 0.9
    again = forest_predictions(train, test.geometry)
    np.testing.assert_array_equal(said["categories"], again["categories"])


def test_a_class_can_be_learned_from_geometry_as_well() -> None:
    geometry = np.random.default_rng(0).normal(size=(200, 2))
    classes = np.eye(2)[(geometry[:, 0] > 0).astype(int)]
    said = forest_predictions(Training(geometry, {"a": classes}), geometry)["a"]
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert (said.argmax(axis=1) == classes.argmax(axis=1)).mean() > 0.9


def test_the_commonest_label_is_what_always_naming_it_would_get() -> None:
    said = said_of_faces()
    output = said.outputs["primary"]
    found = measure_floors(said, None, Bootstrap(5))
    assert [*found] == ["commonest_label"]
    shares = output.support / len(said)
    assert found["commonest_label"].figures["accuracy"].value == pytest.approx(shares.max())
    assert found["commonest_label"].figures["balanced_accuracy"].value == pytest.approx(1 / 6)


def test_chance_and_constants_are_measured_on_the_rows_that_are_scored() -> None:
    said = said_of_people(80)
    train = said.part(np.arange(80) != 3)
    targets = {name: output.targets for name, output in train.outputs.items()}
    found = measure_floors(said, Training(train.geometry, targets), Bootstrap(5))
    categories, vad = said.outputs.values()
    expected = chance_average_precision(categories.truth)
    chance = found["chance"]
    np.testing.assert_allclose([e.value for e in chance.by_label["ap"].values()], expected)
    assert chance.figures["map"].value == pytest.approx(float(mean_over_labels(expected)))
    shares = categories.truth.mean(axis=0)
    prevalence = found[PREVALENCE]
    np.testing.assert_allclose([e.value for e in prevalence.by_label["ap"].values()], shares)
    assert prevalence.figures["map"].value == pytest.approx(shares[shares > 0].mean())
    means = np.broadcast_to(targets["vad"].mean(axis=0), vad.truth.shape)
    np.testing.assert_allclose(
        [e.value for e in found["constant"].by_label["vad_mae"].values()],
        mean_absolute_error(vad.truth, means),
    )
    geometry = found["geometry"]
    assert {*geometry.figures} == {"map", "map_official"}
    assert {*geometry.by_label} == {"ap", "vad_mae"}
    value, low, high = geometry.figures["map"]
    assert low <= value <= high and np.isnan(chance.figures["map"].low)


def test_without_training_rows_the_learned_floors_are_none() -> None:
    found = measure_floors(said_of_people(40), None, Bootstrap(5))
    assert found["geometry"] is found["constant"] is None


def test_every_kind_of_head_has_its_floor() -> None:
    found = measure_floors(said_of_fruit(), None, Bootstrap(5))
    assert {*found} == {"commonest_label", "prevalence", "chance"}
    assert {output.kind for output in said_of_fruit().outputs.values()} == {*Kind}
