"""Cross-training: nobody is judged by a head that saw their picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY
from affekt.labels import CATEGORIES, VAD
from affekt.models.network import Network
from affekt.models.saved import load_network
from affekt.packaging.export import ExportOptions, export_network
from affekt.training.folds.dealing import fold_of
from affekt.training.labels_only.box_prior import fit_box_prior
from affekt.training.processes import Progress
from affekt.training.recipe.recipe import Recipe
from affekt.training.train import train
from fakes.reading import samples_of
from fakes.rows import PEOPLE, person_row

PEOPLE_HEADS = {"categories": CATEGORIES, "vad": VAD}
Build = Callable[..., Recipe]


@pytest.fixture
def folds_recipe(people_recipe: Build, drawn_people: Path) -> Recipe:
    return people_recipe(
        folds={"count": 3},
        features={"cache": True},
        optim={"epochs": 4},
    )


def everybody(config: Recipe) -> RowDataset:
    manifests = [Manifest.open(path) for path in config.data.manifests]
    return RowDataset(manifests, ("train", "val"), {GEOMETRY: None}, PEOPLE_HEADS, tuning=True)


def test_folds_part_the_pictures_and_share_out_every_category(
    folds_recipe: Recipe,
) -> None:
    dataset = everybody(folds_recipe)
    folds = fold_of(dataset, 3, seed=1)
    assert folds.shape == (13,) and set(folds) == {0, 1, 2}
    of_person = folds[dataset.item_of]
    people = np.bincount(of_person)
    assert people.max() - people.min() <= 4
    counts = np.stack(
        [dataset.targets["categories"][of_person == fold].sum(axis=0) for fold in range(3)]
    )
    frequent = dataset.targets["categories"].sum(axis=0) >= 3
    assert (counts[:, frequent] > 0).all()
    assert not np.array_equal(folds, fold_of(dataset, 3, seed=2))
    np.testing.assert_array_equal(folds, fold_of(dataset, 3, seed=1))


def test_one_picture_in_two_splits_stays_in_one_fold(
    tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    manifests = [
        write_drawn_people(tmp_path / name, {"train": (1,) * 6}) for name in ("first", "second")
    ]
    dataset = RowDataset(manifests, ("train",), {GEOMETRY: None}, PEOPLE_HEADS)
    folds = fold_of(dataset, 3, seed=0)
    names = [dataset.rows[item.first].unit for item in dataset.items]
    assert len(set(names)) == 6
    assert folds[:6].tolist() == folds[6:].tolist()


def test_the_model_is_the_mean_of_heads_that_were_judged_on_what_they_had_not_seen(
    folds_recipe: Recipe,
) -> None:
    config = folds_recipe
    seen: list[tuple[int, int, int]] = []
    network = load_network(train(config, Progress(lambda *step: seen.append(step))))
    trained = [epoch for epoch, _, _ in seen if epoch >= 0]
    assert trained == sorted(trained) and trained[-1] == 3 * 4 - 1
    assert network.spec.averaged == 3 and len(network.heads.members) == 3
    folds = fold_of(everybody(config), 3, config.run.seed)
    said = np.load(Path(config.run.out) / "out_of_fold.npz")
    dataset, _ = samples_of(network, config.data.manifests, "train", "val")
    assert said["ids"].tolist() == [row.id for row in dataset.rows]
    for picture in (0, 5, 12):
        sample = dataset[picture]
        images = sample.images()
        with torch.inference_mode():
            features = {n: network.encode(n, images[n], sample.present[n]) for n in images}
            features["geometry"] = sample.inputs["geometry"]
            own = network.heads.members[folds[picture]](features, sample.present)
        for head, name in (("categories", "logits"), ("vad", "vad")):
            found = said[name][sample.place.numpy()]
            np.testing.assert_allclose(found, own[head], rtol=1e-3, atol=1e-4)
    history = network.spec.history
    assert {k: v["n"] for k, v in history["cross_validated"].items()} == {"train": 18, "val": 8}
    assert set(history["calibration"]["platt"]) == set(CATEGORIES)
    assert history["calibration"]["people"] == 8


def test_heads_on_everybody_are_the_model_and_the_folds_still_calibrate_it(
    people_recipe: Build, drawn_people: Path, tmp_path: Path
) -> None:
    def trained(name: str, refit: int) -> tuple[Network, np.ndarray]:
        config = people_recipe(
            run={"out": str(tmp_path / name)},
            folds={"count": 3, "refit": refit},
            features={"cache": True},
            optim={"epochs": 2},
        )
        network = load_network(train(config))
        return network, np.load(tmp_path / name / "out_of_fold.npz")["logits"]

    (folds, said), (refit, same) = trained("folds", 0), trained("refit", 2)
    np.testing.assert_array_equal(said, same)
    assert refit.spec.averaged == 2
    assert refit.spec.history["calibration"] == folds.spec.history["calibration"]
    first, second = (own.output("categories").weight for own in refit.heads.members)
    assert not torch.equal(first, second)
    assert all(
        not torch.equal(first, own.output("categories").weight) for own in folds.heads.members
    )


def test_what_labels_say_of_the_box_is_added_to_every_head_and_travels_with_it(
    people_recipe: Build, drawn_people: Path, tmp_path: Path
) -> None:
    rows = [
        person_row(f"l{i}#0", name, width=96, height=64, box_xyxy=(i, 0.0, i + 20.0, 64.0))
        for i, name in enumerate(CATEGORIES * 2)
    ]
    write_manifest(tmp_path / "labels", rows, labels=PEOPLE, root=".", note={})

    def trained(name: str, prior: float) -> tuple[Path, np.ndarray]:
        config = people_recipe(
            run={"out": str(tmp_path / name)},
            labels_only={
                "manifests": [str(tmp_path / "labels")],
                "ratio": 0.0,
                "box_prior": prior,
            },
            folds={"count": 2},
            streams={"geometry": {"use": False}},
            features={"cache": True},
            optim={"epochs": 1},
        )
        return train(config), np.load(tmp_path / name / "out_of_fold.npz")["logits"]

    (_, without), (best, with_prior) = trained("without", 0.0), trained("with", 0.5)
    network = load_network(best)
    labels = RowDataset(
        [Manifest.open(tmp_path / "labels")], ("train",), {GEOMETRY: None}, PEOPLE_HEADS
    )
    geometry = torch.cat([labels[i].inputs[GEOMETRY] for i in range(len(labels))])
    weights, bias = fit_box_prior(labels.targets["categories"], geometry.numpy(), CATEGORIES)
    people = RowDataset(
        [Manifest.open(drawn_people)], ("train", "val"), {GEOMETRY: None}, PEOPLE_HEADS
    )
    box = torch.cat([people[i].inputs[GEOMETRY] for i in range(len(people))]).numpy()[:, :11]
    said = 0.5 * (np.concatenate([box, box**2], axis=1) @ weights.T + bias)
    np.testing.assert_allclose(with_prior - without, said, atol=1e-4)
    for own in network.heads.members:
        np.testing.assert_allclose(own.prior.weight, 0.5 * weights, rtol=1e-5)
    manifest = Manifest.open(drawn_people)  # the export compares its answers with torch's
    options = ExportOptions("b", precision="fp32")
    export_network(best, tmp_path / "b", [manifest], options)


def test_a_run_that_stopped_after_a_head_goes_on_with_the_next(
    people_recipe: Build, tmp_path: Path
) -> None:
    def recipe(name: str) -> Recipe:
        return people_recipe(
            run={"out": str(tmp_path / name)}, folds={"count": 2}, features={"cache": True}
        )

    def stop_in_the_second_head(epoch: int, step: int, steps: int) -> None:
        if epoch == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe("halved"), Progress(stop_in_the_second_head))
    resumed: list[int] = []
    best = train(recipe("halved"), Progress(lambda epoch, *_: resumed.append(epoch)))
    assert min(resumed) == 3  # the first epoch of the second head
    whole = load_network(train(recipe("whole"))).state_dict()
    for name, tensor in load_network(best).state_dict().items():
        assert torch.equal(tensor, whole[name]), name
