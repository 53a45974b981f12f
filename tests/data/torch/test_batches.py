"""Which items go into which batch: every item once, none alone, the same for every model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affekt.data.manifests.row import Row
from affekt.data.torch.batches import fill_batches, item_weights, plan_steps
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY
from fakes.rows import FACES, PEOPLE, face_row, manifest_of, person_row


def dataset_of(folder: Path, rows: list[Row]) -> RowDataset:
    manifest = manifest_of(folder, rows, PEOPLE)
    return RowDataset([manifest], ("train",), {GEOMETRY: None}, PEOPLE)


def plan(dataset: RowDataset, batch: int, seed: int = 3, epoch: int = 0, **options: float):
    steps = plan_steps(dataset, batch, 1, seed=seed, epoch=epoch, **options)  # type: ignore[arg-type]
    assert all(len(step) == 1 for step in steps)
    return [step[0].items for step in steps]


def test_an_epoch_takes_every_picture_once_and_fills_batches(tmp_path: Path) -> None:
    rows = [person_row(f"{p}#{i}") for p in range(40) for i in range(1 + p % 5)]
    dataset = dataset_of(tmp_path, rows)
    batches = plan(dataset, 8)
    assert sorted(i for batch in batches for i in batch) == list(range(40))
    people = [sum(dataset.items[i].subjects for i in batch) for batch in batches]
    assert max(people) <= 8
    firsts = [dataset.items[batch[0]].subjects for batch in batches[1:]]
    assert all(before + first > 8 for before, first in zip(people, firsts, strict=False))
    assert batches == plan(dataset, 8)
    assert batches != plan(dataset, 8, epoch=1)
    assert batches != plan(dataset, 8, seed=4)


def test_a_picture_of_many_people_is_a_batch_of_its_own(tmp_path: Path) -> None:
    rows = [person_row("a#0"), *(person_row(f"b#{i}") for i in range(5)), person_row("c#0")]
    assert fill_batches(dataset_of(tmp_path, rows), [0, 1, 2], 3) == [[0], [1], [2]]


def test_weights_are_the_inverse_frequency_of_the_rarest_category(tmp_path: Path) -> None:
    rows = [person_row("a#0", "Engagement"), person_row("b#0", "Engagement"),
            person_row("b#1", "Engagement", "Pain"), person_row("c#0")]  # fmt: skip
    weights = item_weights(dataset_of(tmp_path, rows), 1.0)
    by_hand = np.array([4 / 3, (4 / 3 + 4) / 2, 1])
    np.testing.assert_allclose(weights, by_hand / by_hand.sum())


def test_a_balanced_epoch_shows_rare_categories_more_often(tmp_path: Path) -> None:
    rare = [person_row(f"r{i}#0", "Pain") for i in range(10)]
    usual = [person_row(f"u{i}#0", "Engagement") for i in range(190)]
    dataset = dataset_of(tmp_path, rare + usual)

    def share(balance: float) -> float:
        order = [i for b in plan(dataset, 16, balance=balance) for i in b]
        assert len(order) == 200
        return float(np.mean(np.array(order) < 10))

    assert share(0.0) == 0.05
    assert 0.4 < share(1.0) < 0.6
    assert plan(dataset, 16, balance=1) == plan(dataset, 16, balance=1)


def faces(folder: Path, count: int) -> RowDataset:
    rows = [face_row(str(i), {"fear": 1.0}, medium=f"{i}.png") for i in range(count)]
    return RowDataset([manifest_of(folder, rows, FACES)], ("train",), {}, FACES)


@pytest.mark.parametrize(
    ("count", "batch", "processes", "sizes"),
    [
        (9, 4, 1, [[4], [5]]),  # the ninth would be alone
        (10, 4, 1, [[4], [4], [2]]),
        (9, 4, 2, [[2, 2], [3, 2]]),
        (11, 4, 2, [[2, 2], [2, 2], [3, 0]]),  # three are too few for two processes
        (12, 4, 2, [[2, 2], [2, 2], [2, 2]]),
        (1, 4, 2, [[1, 0]]),
        (3, 1, 1, [[1], [1], [1]]),  # the recipe wants it so
    ],
)
def test_no_last_item_is_dropped_or_alone(
    tmp_path: Path, count: int, batch: int, processes: int, sizes: list[list[int]]
) -> None:
    steps = plan_steps(faces(tmp_path, count), batch, processes, seed=0, epoch=0)
    counted = [[part.items if part.weight else [] for part in step] for step in steps]
    assert [[len(items) for items in step] for step in counted] == sizes
    assert sorted(i for step in counted for items in step for i in items) == list(range(count))
    assert all(len(part.items) > 1 for step in steps for part in step) or min(batch, count) == 1
    for step, numbers in zip(steps, sizes, strict=True):
        weights = [part.weight for part in step]
        np.testing.assert_allclose(weights, processes * np.array(numbers) / sum(numbers))


def test_the_order_is_that_of_the_seed_and_epoch_whatever_is_learnt(tmp_path: Path) -> None:
    expected = np.random.default_rng((7, 2, 1)).permutation(12).tolist()
    people = dataset_of(tmp_path / "people", [person_row(f"{i}#0") for i in range(12)])
    for dataset in (faces(tmp_path / "faces", 12), people):
        steps = plan_steps(dataset, 4, 1, seed=7, epoch=2)
        assert [i for step in steps for part in step for i in part.items] == expected


def test_faces_of_rare_labels_can_be_drawn_more_often_too(tmp_path: Path) -> None:
    rows = [face_row(str(i), {"fear" if i else "anger": 1.0}, medium=f"{i}.png") for i in range(4)]
    dataset = RowDataset([manifest_of(tmp_path, rows, FACES)], ("train",), {}, FACES)
    np.testing.assert_allclose(item_weights(dataset, 1.0), np.array([4, 4 / 3, 4 / 3, 4 / 3]) / 8)
