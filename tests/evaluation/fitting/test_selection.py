"""Greedy selection equals brute force with scikit-learn's average precision."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from affekt.errors import DataError
from affekt.evaluation.fitting.selection import (
    FOLDS,
    STEPS,
    held_out_score,
    mean_of_members,
    scores_alone,
    scores_without,
    select_members,
)
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels

Said = tuple[np.ndarray, np.ndarray]


def drawn(seed: int, members: int = 3, people: int = 12, categories: int = 3) -> Said:
    generator = np.random.default_rng(seed)
    truth = generator.random((people, categories)) < 0.4
    truth[0] = True
    noise = generator.random((members, people, categories))
    return 0.25 * truth + 0.75 * noise, truth


def mean_ap(truth: np.ndarray, scores: np.ndarray) -> float:
    return float(mean_over_labels(average_precision(truth, scores)))


def accuracy(truth: np.ndarray, probabilities: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == truth).mean())


def by_sklearn(truth: np.ndarray, members: Sequence[np.ndarray]) -> float:
    mean = np.mean(members, axis=0)
    known = truth.any(axis=0)
    return float(average_precision_score(truth[:, known], mean[:, known], average="macro"))


@pytest.mark.parametrize("seed", range(6))
def test_each_step_is_the_best_one_and_the_best_prefix_is_kept(seed: int) -> None:
    p, truth = drawn(seed)
    taken: list[int] = []
    path: list[float] = []
    for _ in range(5):
        scores = [by_sklearn(truth, [*p[taken], one]) for one in p]
        taken.append(int(np.argmax(np.round(scores, 9))))
        path.append(max(scores))
    chosen = select_members(p, truth, mean_ap, steps=5)
    length = int(np.argmax(np.round(path, 9))) + 1
    assert [step.candidate for step in chosen.steps] == taken[:length]
    np.testing.assert_allclose([step.score for step in chosen.steps], path[:length])
    np.testing.assert_allclose(
        chosen.weights, [taken[:length].count(i) / length for i in range(len(p))]
    )


@pytest.mark.parametrize("seed", range(6))
def test_it_lies_between_the_best_model_and_the_best_of_all_weights(seed: int) -> None:
    p, truth = drawn(seed)
    every = [
        by_sklearn(truth, list(p[list(chosen)]))
        for size in (1, 2, 3)
        for chosen in combinations_with_replacement(range(3), size)
    ]
    score = select_members(p, truth, mean_ap, steps=3).score
    assert max(scores_alone(p, truth, mean_ap)) - 1e-9 <= score <= max(every) + 1e-9


def test_two_experts_share_the_weight() -> None:
    truth = np.array([[1, 0], [0, 1], [0, 0]])
    first = [[0.9, 0.1], [0.1, 0.2], [0.2, 0.3]]
    second = [[0.2, 0.1], [0.3, 0.9], [0.1, 0.2]]
    useless = [[0.1, 0.9], [0.9, 0.1], [0.5, 0.5]]
    chosen = select_members([useless, first, second], truth, mean_ap)
    assert chosen.weights == (0.0, 0.5, 0.5)
    assert [step.candidate for step in chosen.steps] == [1, 2]
    assert chosen.score == 1.0


def test_any_metric_and_truth_can_be_selected_by() -> None:
    labels = np.array([0, 1, 2, 2])
    first = np.array([[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    second = np.array([[0.4, 0.5, 0.1], [0.0, 0.9, 0.1], [0.5, 0.4, 0.1], [0.5, 0.4, 0.1]])
    chosen = select_members([first, second], labels, accuracy)
    assert chosen.score == 1 and chosen.weights == (0.5, 0.5)
    assert scores_alone([first, second], labels, accuracy) == (0.75, 0.25)
    assert np.isnan(held_out_score([first, second], labels, accuracy, ["one"] * 4))


def test_among_equals_the_first_wins_and_one_is_enough() -> None:
    p, truth = drawn(1)
    chosen = select_members([p[0], p[0], p[0]], truth, mean_ap)
    assert chosen.weights == (1.0, 0.0, 0.0) and len(chosen.steps) == 1
    alone = select_members(p[:1], truth, mean_ap)
    assert alone.weights == (1.0,)
    assert alone.score == pytest.approx(mean_ap(truth, p[0]))
    assert np.isnan(scores_without(p[:1], truth, mean_ap, alone.weights)).all()


def test_without_a_member_the_others_keep_their_weights() -> None:
    p, truth = drawn(3)
    weights = [0.5, 0.3, 0.2]
    found = scores_without(p, truth, mean_ap, weights)
    assert found[0] == pytest.approx(mean_ap(truth, 0.6 * p[1] + 0.4 * p[2]))
    assert scores_without(p, truth, mean_ap, [0.6, 0.4, 0.0])[2] == pytest.approx(
        mean_ap(truth, mean_of_members(p, [0.6, 0.4, 0.0]))
    )


def test_held_out_is_leave_one_picture_out_where_there_are_as_many_folds() -> None:
    p, truth = drawn(4)
    pictures = [f"p{i // 3}" for i in range(12)]
    mean = np.empty(truth.shape)
    for picture in set(pictures):
        own = np.array(pictures) == picture
        weights = select_members(p[:, ~own], truth[~own], mean_ap, steps=4).weights
        mean[own] = np.average(p[:, own], axis=0, weights=weights)
    found = held_out_score(p, truth, mean_ap, pictures, steps=4, folds=99)
    assert found == pytest.approx(by_sklearn(truth, [mean]))


def test_choosing_among_noise_looks_better_than_it_is() -> None:
    gaps = []
    for seed in range(8):
        generator = np.random.default_rng(seed)
        truth = generator.random((60, 4)) < 0.3
        p = generator.random((8, 60, 4))
        chosen = select_members(p, truth, mean_ap, steps=8)
        gaps.append(chosen.score - held_out_score(p, truth, mean_ap, range(60), steps=8, seed=seed))
    assert np.mean(gaps) > 0.05 and np.mean(np.array(gaps) > 0) >= 0.75


def test_what_cannot_be_held_out_is_undefined() -> None:
    p, truth = drawn(5)
    assert np.isnan(held_out_score(p, truth, mean_ap, ["one"] * 12))
    alone = np.zeros((4, 1), bool)
    alone[2] = True
    assert np.isnan(held_out_score(np.ones((2, 4, 1)), alone, mean_ap, range(4), folds=4))


def test_what_does_not_fit_is_said() -> None:
    p, truth = drawn(6)
    with pytest.raises(DataError, match=r"shape \(3, 12, 3\).*\(11, 3\).*m at least 1"):
        select_members(p, truth[:11], mean_ap)
    with pytest.raises(DataError, match="of the 12 rows none has a label"):
        select_members(p, np.zeros_like(truth), mean_ap)
    with pytest.raises(DataError, match="m at least 1"):
        scores_alone(np.zeros((0, 12, 3)), truth, mean_ap)


def test_equal_but_for_rounding_is_equal() -> None:
    """A later model or a longer mean wins by more than rounding, or not at all."""
    scores = {0: 0.5, 1: 0.5 + 4e-13, 2: 0.5 + 2e-12}

    def said(truth: np.ndarray, predicted: np.ndarray) -> float:
        return scores[round(float(predicted[0, 0]))] if predicted[0, 0] % 1 == 0 else 0.0

    p, truth = np.arange(3.0)[:, None, None], np.zeros(1)
    assert select_members(p[:2], truth, said).weights == (1.0, 0.0)
    chosen = select_members(p, truth, said)
    assert chosen.weights == (0.0, 0.0, 1.0) and len(chosen.steps) == 1


def test_so_many_additions_are_tried_unless_said() -> None:
    asked: list[int] = []

    def growing(truth: np.ndarray, predicted: np.ndarray) -> float:
        asked.append(1)
        return float(len(asked))

    p, truth = np.zeros((1, 2, 1)), np.zeros(2)
    assert len(select_members(p, truth, growing).steps) == STEPS == 20
    assert len(select_members(p, truth, growing, steps=1).steps) == 1


@pytest.mark.parametrize(("units", "folds"), [(12, 5), (12, 4), (3, 5), (2, 2), (12, 1)])
def test_units_are_dealt_evenly_and_never_parted(units: int, folds: int) -> None:
    truth = np.repeat(np.arange(units), 2)
    learned: list[np.ndarray] = []

    def seen(own: np.ndarray, predicted: np.ndarray) -> float:
        learned.append(own)
        return 0.0

    found = held_out_score(np.zeros((1, 2 * units, 1)), truth, seen, truth, steps=1, folds=folds)
    if folds == 1:
        assert np.isnan(found) and learned == []
        return
    *rest, whole = [set(own) for own in learned]
    held = [set(range(units)) - own for own in rest]
    assert whole == set(range(units)) == set().union(*held)
    sizes = [len(own) for own in held[::2]]  # each fold is first asked whether it can be chosen on
    assert len(sizes) == min(folds, units) and sum(sizes) == units
    assert max(sizes) - min(sizes) <= 1


def test_a_deal_is_of_five_and_another_for_another_seed() -> None:
    p, truth = drawn(7, people=40)
    found = [held_out_score(p, truth, mean_ap, range(40), steps=2, seed=seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert found[0] == held_out_score(p, truth, mean_ap, range(40), steps=2, folds=FOLDS)
    assert FOLDS == 5


@pytest.mark.parametrize(("shape", "rows"), [((2, 3), 3), ((2, 3, 1, 1), 3), ((2, 3, 1), 2)])
def test_predictions_are_of_members_rows_and_labels(shape: tuple[int, ...], rows: int) -> None:
    with pytest.raises(DataError, match=r"give \(m, n, k\) and n rows"):
        scores_alone(np.zeros(shape), np.zeros(rows), accuracy)
