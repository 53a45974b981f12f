"""What needs no pixel."""

import numpy as np

from affekt.data.people import PersonRow
from affekt.evaluation.floors import PersonTable, floor_predictions, person_table, train_table
from affekt.evaluation.metrics.dimensional import mean_absolute_error
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.geometry import person_geometry
from affekt.labels import CATEGORIES


def table(n, seed):
    """People whose first category and arousal follow from their geometry."""
    rng = np.random.default_rng(seed)
    geometry = rng.normal(size=(n, 13))
    truth = np.stack([geometry[:, 2] > 0.5, rng.random(n) < 0.3], axis=1)
    vad = np.stack([rng.uniform(1, 10, n), 5 + 2 * (geometry[:, 0] > 0), np.full(n, 4.0)], axis=1)
    return PersonTable(geometry, truth, vad)


def test_the_forest_finds_what_geometry_tells_and_nothing_else():
    train, test = table(1500, 0), table(800, 1)
    said = floor_predictions(train, test.geometry)
    ap = average_precision(test.truth, said.geometry)
    assert ap[0] > 0.95 and ap[1] < 0.45
    errors = mean_absolute_error(test.vad, said.geometry_vad)
    constant = mean_absolute_error(test.vad, np.broadcast_to(said.constant_vad, test.vad.shape))
    assert errors[1] < 0.4 and constant[1] > 0.9
    np.testing.assert_allclose(said.constant_vad, train.vad.mean(axis=0))
    again = floor_predictions(train, test.geometry)
    np.testing.assert_array_equal(said.geometry, again.geometry)


def test_rows_become_a_table():
    row = PersonRow("a#0", "s", "train", "a", 100, 50, (0.0, 0.0, 50.0, 50.0), ("Peace",), None, 2)
    made = person_table([row], CATEGORIES)
    np.testing.assert_allclose(made.geometry, person_geometry([row.box_xyxy], 100, 50, 2))
    assert made.truth.sum() == 1 and made.truth[0, CATEGORIES.index("Peace")]
    assert np.isnan(made.vad).all()


def test_too_few_training_persons_give_no_floor(write_drawn_people, tmp_path):
    assert train_table(write_drawn_people(tmp_path / "few"), CATEGORIES) is None
    many = write_drawn_people(tmp_path / "many", {"train": (2,) * 30})
    assert len(train_table(many, CATEGORIES)) == 60
